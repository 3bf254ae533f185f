"""podman's quadlets: a `.container` unit as the service that podman makes of it (podman-systemd.unit).

Values are split as systemd does: blanks part them, quotes keep them together, `%%` is a percent sign.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from runbook.lazy import re
from runbook.model import Place, Service
from runbook.parse.compose.load import Notes
from runbook.parse.compose.services import Project, service
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence
from runbook.redact import Vault

_MOST_LINES = 2_000
_WORD = re.compile(r"\"((?:[^\"\\]|\\.){0,4000})\"|'((?:[^'\\]|\\.){0,4000})'|(\S{1,4000})")
_LISTS = {"Environment": "environment", "PublishPort": "ports", "Volume": "volumes", "Label": "labels"}


def parse_quadlet(text: str, file: str, vault: Vault, env_files: dict[str, str] | None = None) -> Service | None:
    """The service of a `.container` file; None for units that run no container (networks, volumes, pods)."""
    rows = [(k, v, place) for section, k, v, place in _rows(text, file) if section == "Container"]
    if not rows:
        return None
    groups: dict[str, list[Node]] = {}
    single: dict[str, Scalar] = {}
    for key, value, place in rows:
        if key in _LISTS:
            words = _split(value) if key in ("Environment", "Label") else [value.strip()]
            groups.setdefault(_LISTS[key], []).extend(Scalar(_plain(w), place) for w in words)
        elif key == "Network":
            _network(value, place, groups, single)
        elif key == "Pod":
            single["network_mode"] = Scalar(f"pod:{value.strip().removesuffix('.pod')}", place)
        elif key == "EnvironmentFile":
            groups.setdefault("env_file", []).append(Scalar(value.strip().lstrip("-"), place))
        elif key == "Secret":
            groups.setdefault("volumes", []).append(_secret(value, place))
        elif key in ("Image", "User", "HostName"):
            single[{"Image": "image", "User": "user", "HostName": "hostname"}[key]] = Scalar(_plain(value), place)
        elif key in ("Exec", "Entrypoint"):
            words = _split(value)
            groups["command" if key == "Exec" else "entrypoint"] = [Scalar(_plain(w), place) for w in words]
    name = next((Scalar(_plain(v), p) for k, v, p in rows if k == "ContainerName"), None)
    start = rows[0][2]
    title = name or Scalar(posixpath.basename(file).rsplit(".", 1)[0], start)
    if "networks" not in groups and "network_mode" not in single:
        single["network_mode"] = Scalar("bridge", start)
    pairs: list[tuple[Scalar, Node]] = [(Scalar(n, v.place), v) for n, v in single.items()]
    pairs += [(Scalar(n, v[0].place), Sequence(tuple(v), v[0].place)) for n, v in groups.items()]
    node = Mapping(tuple(pairs), start)
    project = Project(Mapping((), start), posixpath.dirname(file), env_files or {}, lambda _: None, Notes(vault))
    return replace(service(title, node, project), platform="podman")


def _rows(text: str, file: str) -> Iterator[tuple[str, str, str, Place]]:
    """Section, key, value and place of each assignment; a backslash at the end goes on with the next line."""
    section, held, start = "", "", 0
    for number, raw in enumerate(text.split("\n")[:_MOST_LINES], 1):
        line = raw.rstrip("\r")
        if held:
            line = held + " " + line.strip()
        elif not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        else:
            start = number
        if line.endswith("\\"):
            held = line[:-1]
            continue
        held = ""
        if heading := re.fullmatch(r"\s*\[([^\]]{1,100})\]\s*", line):
            section = heading[1]
            continue
        key, equals, value = line.partition("=")
        if equals:
            yield section, key.strip(), value, Place(file, start)


def _split(value: str) -> list[str]:
    """`A=b "C=d e"`: quotes may also begin inside a word (`A="b c"`)."""
    joined = re.sub(r"(?<!\w)(\w{1,200})=([\"'])", r"\2\1=", value)
    return [re.sub(r"\\(.)", r"\1", a or b) if a or b else c for a, b, c in _WORD.findall(joined)]


def _plain(value: str) -> str:
    return value.strip().replace("%%", "%")


def _network(value: str, place: Place, groups: dict[str, list[Node]], single: dict[str, Scalar]) -> None:
    name = value.strip().split(":")[0]
    if name in ("host", "none", "slirp4netns", "pasta", "private", "bridge"):
        single["network_mode"] = Scalar("host" if name == "host" else "bridge", place)
    else:
        groups.setdefault("networks", []).append(Scalar(name.removesuffix(".network"), place))


def _secret(value: str, place: Place) -> Node:
    """`Secret=NAME,type=mount,target=PATH`: a file below /run/secrets unless it says otherwise."""
    name, *options = value.strip().split(",")
    given = dict(o.partition("=")[::2] for o in options)
    target = given.get("target") or name
    path = target if target.startswith("/") else f"/run/secrets/{target}"
    rows = {"type": "volume", "source": name, "target": path, "read_only": "true"}
    return Mapping(tuple((Scalar(k, place), Scalar(v, place, plain=k == "read_only")) for k, v in rows.items()), place)
