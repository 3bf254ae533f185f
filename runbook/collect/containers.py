"""Containers that no compose file describes: `docker run` commands in a terminal, and `docker inspect`.

They are written as compose text in JSON's form, each service on the line of its command, so that one
reader judges all and every finding names the right line. Pure.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from runbook.lazy import re

_RUN = re.compile(
    r"^\s*(?:[^\n$#>%❯]{0,100}[$#>%❯]\s+|\d{1,6}\*?[ \t]{1,4}(?:[\d:/T.-]{5,25}[ \t]{1,4}){0,2}|: \d{1,12}:\d{1,6};"
    r"|ExecStart=[-@:+!|]{0,3})?(?:sudo\s+)?(?:/[\w/.-]{1,60}/)?(?:docker|podman|nerdctl)\s+(?:container\s+)?run\s"
)
"""At a prompt, in bash's or zsh's history, or in a unit of systemd."""
_JSON = re.compile(r"[\ufeff\s]*[\[{]\s*[\"{}\[\]]")
"""A prompt or a unit of systemd may begin with a bracket as well."""
_ABOUT = re.compile(
    r"(?:^|/)(?:registry|docker-registry|distribution|docker-registry-ui|nginx|traefik|caddy|haproxy|httpd)\b"
)
_REGISTRY = re.compile(r"(?:^|/)(?:registry|distribution)(?::|@|$)")
_HERE = re.compile(r"^(?:\$\(pwd\)|`pwd`|\$\{?PWD\}?|%cd%|\.)(?=/|$)", re.IGNORECASE)
_FLAGS = {
    "-d", "-i", "-t", "--detach", "--interactive", "--tty", "--rm", "--init", "--privileged", "--read-only", "-P",
    "--publish-all", "--no-healthcheck", "--replace", "--quiet", "-q",
}  # fmt: skip
"""Options without a value."""
_ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 (what inspect shows, nothing is bound)
_MOST = 20


@dataclass(frozen=True, slots=True)
class _Container:
    line: int
    name: str
    service: dict[str, Any]


def concerns(image: str) -> bool:
    """Whether an image is that of a registry, its UI or a proxy."""
    return bool(_ABOUT.search(image))


def is_registry(image: str) -> bool:
    """Whether an image is that of a registry."""
    return bool(_REGISTRY.search(image))


def all_of(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Compose text for each file that describes containers, its own and those that others describe counted together;
    nothing when no registry is among them. A file may come in several pieces that keep its line numbers."""
    found: dict[str, list[_Container]] = {}
    for name, text in texts:
        described = _inspected(text) if _JSON.match(text) else _commands(text)
        found.setdefault(name, []).extend(islice(described, _MOST))
    if not any(_REGISTRY.search(str(c.service.get("image", ""))) for rows in found.values() for c in rows):
        return {}
    return {name: _written(rows[:_MOST]) for name, rows in found.items() if rows}


def _written(found: list[_Container]) -> str:
    """The containers of one file as compose text, each on the line of its own."""
    written, at = "", 1
    taken: set[str] = set()
    for number, container in enumerate(sorted(found, key=lambda c: c.line)):
        service = container.name if container.name not in taken else f"{container.name}-{number}"
        taken.add(service)
        written += "\n" * max(0, container.line - at) + (", " if number else '{"services": {')
        at = max(at, container.line)
        written += f"{json.dumps(service)}: {_doubled(json.dumps(container.service))}"
    networks: dict[str, dict[str, str]] = {n: {} for c in found for n in c.service.get("networks", ())}
    volumes: dict[str, dict[str, str]] = {
        v: {} for c in found for row in c.service.get("volumes", ()) if (v := _volume(row))
    }
    return f'{written}}}, "networks": {json.dumps(networks)}, "volumes": {json.dumps(volumes)}}}\n'


def _volume(row: str | dict[str, Any]) -> str:
    """The name of a named volume; "" for a folder of the host."""
    if isinstance(row, dict):
        return str(row.get("source", "")) if row["type"] == "volume" else ""
    source, colon, _ = row.partition(":")
    return source if colon and re.fullmatch(r"[A-Za-z0-9][\w.-]*", source) else ""


def _doubled(text: str) -> str:
    """Nothing is interpolated here any more: every $ is itself."""
    return text.replace("$", "$$")


# ---- docker run -------------------------------------------------------------------------------------------


def _commands(text: str) -> Iterator[_Container]:
    lines = text.replace("\r\n", "\n").split("\n")
    for number, first in enumerate(lines):
        if not _RUN.match(first):
            continue
        whole = first
        for more in lines[number + 1 : number + 40]:
            if not whole.rstrip().endswith(("\\", "`", "^")):
                break
            whole = whole.rstrip()[:-1] + " " + more
        made = _from_words(_words(whole[_RUN.match(first).end() :] if _RUN.match(first) else ""))  # type: ignore[union-attr]
        if made is not None and _ABOUT.search(made[1]["image"]):
            made[1]["x-platform"] = "podman" if re.search(r"\bpodman\s", first) else "docker"
            yield _Container(number + 1, *made)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=False)
    except ValueError:
        return text.split()


def _from_words(words: list[str]) -> tuple[str, dict[str, Any]] | None:
    service: dict[str, Any] = {"environment": [], "ports": [], "volumes": [], "networks": []}
    name, links, rest = "", False, iter(words)
    for word in rest:
        if not word.startswith("-"):
            service["image"] = word
            service["command"] = [w for w in rest if w not in ("|", "&&", ";", ">")]
            break
        option, equals, value = word.partition("=")
        if not option.startswith("--") and len(option) > 2:
            option, equals, value = _short(option, equals, value)
        if option in _FLAGS:
            continue
        if not equals:
            value = next(rest, "")
        if option == "--name":
            name = value
        elif option in ("--link", "--add-host"):
            links = True
        else:
            _apply(service, option, value)
    if "image" not in service:
        return None
    if not service["networks"] and not service.get("network_mode"):
        service.pop("networks")
        if not links:
            service["network_mode"] = "bridge"
    elif service.get("network_mode"):
        service.pop("networks")
    return name or _plain(service["image"]), {k: v for k, v in service.items() if v}


def _short(option: str, equals: str, value: str) -> tuple[str, str, str]:
    """-p5000:5000 and -dit: the last letter of a bundle may take the value."""
    if option[1] in "peuvw":
        return option[:2], "=", option[2:] + equals + value
    return (f"-{option[-1]}", equals, value) if option[-1] in "peuvw" else ("-d", equals, value)


def _apply(service: dict[str, Any], option: str, value: str) -> None:
    match option:
        case "-e" | "--env":
            service["environment"].append(value)
        case "-p" | "--publish":
            service["ports"].append(value)
        case "-v" | "--volume":
            service["volumes"].append(_HERE.sub(".", value))
        case "--mount":
            mount = _mount(value)
            if mount:
                service["volumes"].append(mount)
        case "--env-file":
            service.setdefault("env_file", []).append(value)
        case "-u" | "--user":
            service["user"] = value
        case "--net" | "--network":
            if value in ("host", "bridge", "none") or ":" in value:
                service["network_mode"] = value
            else:
                service["networks"].append(value)
        case "-h" | "--hostname":
            service["hostname"] = value
        case "--restart":
            service["restart"] = value
        case "--entrypoint":
            service["entrypoint"] = [value]


def _mount(text: str) -> dict[str, Any] | None:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    target = fields.get("target") or fields.get("dst") or fields.get("destination")
    source = fields.get("source") or fields.get("src") or ""
    if not target:
        return None
    kind = fields.get("type", "volume")
    return {
        "type": kind,
        "source": _HERE.sub(".", source),
        "target": target,
        "read_only": "readonly" in fields or "ro" in fields,
    }


def _plain(image: str) -> str:
    return re.sub(r"[:@].*$", "", image.rsplit("/", 1)[-1])


# ---- docker inspect ---------------------------------------------------------------------------------------


def _inspected(text: str) -> Iterator[_Container]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    lines = [n for n, line in enumerate(text.split("\n"), 1) if '"Env"' in line or '"envs"' in line]
    rows = [_of_cri(row) for row in (data if isinstance(data, list) else [data])]
    containers = [row for row in rows if isinstance(row, dict) and isinstance(row.get("Config"), dict)]
    for number, row in enumerate(containers):
        service = _described(row)
        if _ABOUT.search(str(service.get("image", ""))):
            line = lines[number] if number < len(lines) else 1
            name = str(row.get("Name") or _plain(str(service["image"]))).strip("/")[:80]
            labels = row["Config"].get("Labels")
            composed = labels.get("com.docker.compose.service") if isinstance(labels, dict) else None
            service["container_name"] = name
            if not composed:
                service |= {"x-platform": row.get("Platform", "docker"), "x-namespace": row.get("Namespace", "")}
            yield _Container(line, str(composed or name)[:80], service)


def _of_cri(row: object) -> object:
    """What `crictl inspect` prints (the CRI's ContainerStatus, and the runtime's own words) in the words of docker."""
    status, info = (row.get("status"), row.get("info")) if isinstance(row, dict) else (None, None)
    config = info.get("config") if isinstance(info, dict) else None
    if not isinstance(status, dict) or not isinstance(config, dict):
        return row
    labels, image = _dict(status.get("labels")), _dict(status.get("image"))
    return {
        "Name": f"pod/{labels.get('io.kubernetes.pod.name') or _dict(status.get('metadata')).get('name')}",
        "Platform": "kubernetes",
        "Namespace": str(labels.get("io.kubernetes.pod.namespace") or ""),
        "Config": {
            "Image": image.get("userSpecifiedImage") or image.get("image"),
            "Env": [f"{e.get('key')}={e.get('value', '')}" for e in map(_dict, _list(config.get("envs")))],
            "Cmd": config.get("args"),
        },
        "Mounts": [
            {"Source": m.get("hostPath"), "Destination": m.get("containerPath"), "RW": m.get("readonly") is not True}
            for m in map(_dict, _list(status.get("mounts")))
        ],
    }


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _described(row: dict[str, Any]) -> dict[str, Any]:
    config, host = row["Config"], row.get("HostConfig")
    host = host if isinstance(host, dict) else {}
    labels = config.get("Labels")
    service: dict[str, Any] = {
        "image": str(config.get("Image", "")),
        "environment": [str(v) for v in _list(config.get("Env"))],
        "volumes": [v for v in map(_inspected_mount, _list(row.get("Mounts"))) if v],
        "ports": list(_ports(host.get("PortBindings"))),
        "labels": {str(k): str(v) for k, v in labels.items() if str(k).startswith("traefik.")}
        if isinstance(labels, dict)
        else {},
        "user": str(config.get("User") or ""),
    }
    command = [str(w) for w in _list(config.get("Cmd"))]
    if command and command[-1].endswith((".yml", ".yaml")):
        service["command"] = command
    networks = row.get("NetworkSettings", {}).get("Networks") if isinstance(row.get("NetworkSettings"), dict) else None
    mode = str(host.get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        service["network_mode"] = mode
    elif isinstance(networks, dict) and networks and set(networks) != {"bridge"}:
        service["networks"] = {str(n): {"aliases": _aliases(about), **_address(about)} for n, about in networks.items()}
    return {k: v for k, v in service.items() if v}


def _aliases(network: object) -> list[str]:
    return [str(a)[:80] for a in _list(network.get("Aliases"))[:20]] if isinstance(network, dict) else []


def _address(network: object) -> dict[str, str]:
    """The address that the engine gave in a network, under Compose's name for it."""
    given = str(network.get("IPAddress") or "") if isinstance(network, dict) else ""
    return {"ipv4_address": given[:40]} if given else {}


def _list(value: object) -> list[Any]:
    return value[:500] if isinstance(value, list) else []


def _inspected_mount(row: object) -> dict[str, Any] | None:
    if not isinstance(row, dict) or not row.get("Destination"):
        return None
    kind = str(row.get("Type") or "bind")
    source = str((row.get("Name") if kind == "volume" else row.get("Source")) or "")
    mount: dict[str, Any] = {"type": kind, "target": str(row["Destination"]), "read_only": row.get("RW") is False}
    return {**mount, "source": source} if source and kind != "tmpfs" else mount


def _ports(bindings: object) -> Iterator[str]:
    for inner, outer in bindings.items() if isinstance(bindings, dict) else ():
        for row in _list(outer):
            if isinstance(row, dict) and row.get("HostPort"):
                address = str(row.get("HostIp") or "")
                yield (f"{address}:" if address not in _ANYWHERE else "") + f"{row['HostPort']}:{inner}"
