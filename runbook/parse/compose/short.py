"""Ports and volumes in their short and long form, as compose-go and Docker's port parser read them."""

import ipaddress
from typing import Literal

from runbook.lazy import re
from runbook.model import Mount, Place, Port
from runbook.parse.yaml_nodes import Mapping, Node, Scalar

_DRIVE = re.compile(r"[A-Za-z]:")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?\Z", re.ASCII)
MAX_PORTS = 1000


class EntryRefusedError(ValueError):
    """Compose does not take this entry; the message says why, without the line."""


# ---- volumes ---------------------------------------------------------------------------------------------


def volume_target(item: Node) -> str:
    """Where a volume is mounted: what makes two entries the same one."""
    try:
        return volume(item).target
    except EntryRefusedError:
        return ""


def volume(item: Node) -> Mount:
    """A volume in either form."""
    if isinstance(item, Mapping):
        return _long_volume(item)
    if not isinstance(item, Scalar):
        raise EntryRefusedError("a volume must be text or a mapping")
    return _short_volume(item.text, item.place)


def _short_volume(spec: str, place: Place) -> Mount:
    if not spec:
        raise EntryRefusedError("invalid empty volume spec")
    if len(spec) <= 2:
        return Mount(target=clean(spec), source=None, kind="volume", place=place)
    parts = _split(spec)
    if "" in parts:
        raise EntryRefusedError(f"invalid spec: {spec}: empty section between colons")
    if len(parts) > 3:
        raise EntryRefusedError(f"invalid spec: {spec}: too many colons")
    if len(parts) == 1:
        return Mount(target=clean(parts[0]), source=None, kind="volume", place=place)
    options = parts[2].split(",") if len(parts) == 3 else []
    kind: Literal["bind", "volume"] = "bind" if is_host_path(parts[0]) else "volume"
    return Mount(
        target=clean(parts[1]), source=parts[0], kind=kind, read_only=bool(options) and "ro" in options, place=place
    )


def _split(spec: str) -> list[str]:
    """Split at colons, but not at the one of a Windows drive."""
    parts = [""]
    for char in spec:
        drive = char == ":" and len(parts[-1]) == 1 and parts[-1].isalpha()
        if char == ":" and not drive:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _long_volume(item: Mapping) -> Mount:
    kind = _scalar(item, "type") or "volume"
    kinds: dict[str, Literal["bind", "volume", "tmpfs"]] = {"bind": "bind", "tmpfs": "tmpfs", "npipe": "bind"}
    target = _scalar(item, "target")
    if not target and kind != "tmpfs":
        raise EntryRefusedError("service volume is missing a mount target")
    read_only = item.get("read_only")
    return Mount(
        target=clean(target or ""),
        source=_scalar(item, "source"),
        kind=kinds.get(kind, "volume"),
        read_only=isinstance(read_only, Scalar) and read_only.text.lower() in ("true", "1", "yes", "on", "y"),
        place=item.place,
    )


def is_host_path(source: str) -> bool:
    """Whether a source is a path of the host and no volume's name."""
    return source[:1] in (".", "/", "~") or source.startswith("\\\\") or bool(_DRIVE.match(source))


def clean(path: str) -> str:
    """A container path without doubled and trailing slashes and dots, as Go's path.Clean leaves it."""
    if not path:
        return "."
    kept: list[str] = []
    rooted = path.startswith("/")
    for part in path.split("/"):
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part == ".." and rooted:
            continue
        elif part not in ("", "."):
            kept.append(part)
    return ("/" if rooted else "") + "/".join(kept) or "."


# ---- ports -----------------------------------------------------------------------------------------------


def port_text(item: Node) -> str:
    """What makes two ports the same one."""
    try:
        return "|".join(sorted(identity(p) for p in ports(item)))
    except EntryRefusedError:
        return item.text if isinstance(item, Scalar) else ""


def identity(port: Port) -> str:
    """Two ports of the same identity are one."""
    return f"{port.host_ip}:{port.published}:{port.container}/{port.protocol}"


def ports(item: Node) -> tuple[Port, ...]:
    """The ports that one entry publishes: a range is several."""
    if isinstance(item, Mapping):
        return _long_port(item)
    if not isinstance(item, Scalar):
        raise EntryRefusedError("a port must be text, a number or a mapping")
    return _short_port(str(item.value()) if item.plain else item.text, item.place)


def _long_port(item: Mapping) -> tuple[Port, ...]:
    target, published = _scalar(item, "target"), _scalar(item, "published")
    if target is None:
        raise EntryRefusedError("service port is missing a target port")
    if not target.isdecimal() or len(target) > 5:
        raise EntryRefusedError(f"invalid target port: {target}")
    start = _range(published or "", "published port")[0] if published else None
    return (
        Port(
            container=int(target),
            published=start,
            host_ip=_scalar(item, "host_ip") or "",
            protocol=_scalar(item, "protocol") or "tcp",
            place=item.place,
        ),
    )


def _short_port(spec: str, place: Place) -> tuple[Port, ...]:
    head, _, container = spec.rpartition(":")
    address, _, host = head.rpartition(":") if ":" in head else ("", "", head)
    address = address.removeprefix("[").removesuffix("]")
    container, _, protocol = container.partition("/")
    protocol = (protocol.split("/", 1)[0] or "tcp").lower()
    if address and not _is_address(address):
        raise EntryRefusedError(f"invalid IP address: {address}")
    if not container:
        raise EntryRefusedError(f"no port specified: {spec}<empty>")
    first, last = _range(container, "container port")
    start, end = _range(host, "host port") if host else (None, None)
    if start is not None and end is not None and last != first and last - first != end - start:
        raise EntryRefusedError(f"invalid ranges specified for container and host ports: {container} and {host}")
    if protocol not in ("tcp", "udp", "sctp"):
        raise EntryRefusedError(f"invalid protocol: {protocol}")
    if last - first >= MAX_PORTS:
        raise EntryRefusedError(f"a range of more than {MAX_PORTS} ports")
    return tuple(
        Port(
            container=first + step,
            published=None if start is None else start + step,
            host_ip=address,
            protocol=protocol,
            place=place,
        )
        for step in range(last - first + 1)
    )


def _range(text: str, what: str) -> tuple[int, int]:
    match = _RANGE.match(text)
    first = int(match[1]) if match else -1
    last = int(match[2]) if match and match[2] else first
    if match is None or last > 65535 or last < first:
        raise EntryRefusedError(f"invalid {what}: {text}")
    return first, last


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return False
    return True


def _scalar(item: Mapping, key: str) -> str | None:
    value = item.get(key)
    return value.text if isinstance(value, Scalar) and not value.is_null else None
