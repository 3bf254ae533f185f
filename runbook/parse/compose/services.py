"""One service of the merged project, as a container is made of it."""

import posixpath
import shlex
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from runbook.model import EnvVar, Mount, Place, Platform, Port, Service
from runbook.numbers import whole_number
from runbook.parse import ParseError
from runbook.parse.compose import short
from runbook.parse.compose.load import Lookup, Notes
from runbook.parse.compose.merge import as_list, as_names, as_pairs
from runbook.parse.compose.roles import role_of
from runbook.parse.compose.secrets import env_var
from runbook.parse.dotenv import parse_dotenv
from runbook.parse.interpolation import substitute
from runbook.parse.yaml_nodes import Mapping, Node, Scalar
from runbook.redact import MASK

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Project:
    """What services need to know of the project around them."""

    top: Mapping
    folder: str
    env_files: Dict[str, str]
    lookup: Lookup
    notes: Notes
    whole: bool = True
    """Whether the variables of the project are known: an .env file was handed over."""
    blank: frozenset[str] = frozenset()
    """Variables of which Compose said that they are not set."""

    def section(self, name: str) -> Mapping | None:
        """A top-level section, if it is a mapping."""
        found = self.top.get(name)
        return found if isinstance(found, Mapping) else None


def service(key: Scalar, node: Mapping, project: Project) -> Service:
    """The service of that name."""
    notes, vault = project.notes, project.notes.vault
    environment = tuple(_environment(key.text, node, project))
    unseen = [path for _, path, known in _env_files(node, project) if known is None]
    mounts = (*_volumes(key.text, node, notes), *_files(node, project))
    image = text_of(node.get("image"))
    command, entrypoint = words(node.get("command")), words(node.get("entrypoint"))
    networks = _networks(node)
    role = role_of(image, (v.name for v in environment), (m.target for m in mounts))
    if is_tool((*(entrypoint or ()), *(command or ()))):
        role = "other"
    return Service(
        name=key.text,
        place=key.place,
        image=vault.mask(image, 500) if image is not None else None,
        role=role,
        environment=environment,
        ports=_ports(key.text, node, notes),
        mounts=mounts,
        labels=tuple(_labels(node, notes)),
        command=tuple(vault.mask(w) for w in command or ()),
        entrypoint=None if entrypoint is None else tuple(vault.mask(w) for w in entrypoint),
        user=text_of(node.get("user")),
        networks=() if node.get("network_mode") is not None else tuple(networks) or ("default",),
        meets_others=any(_is_external(name, project) for name in networks or ("default",)),
        network_mode=text_of(node.get("network_mode")),
        container_name=text_of(node.get("container_name")),
        hostname=text_of(node.get("hostname")),
        aliases=tuple(a for names in networks.values() for a in names),
        addresses=tuple(_addresses(node)),
        profiles=tuple(t for i in as_list(node.get("profiles") or _NOTHING) if (t := text_of(i))),
        depends_on=tuple(name for name, _ in as_names(node.get("depends_on") or _NOTHING)),
        expose=tuple(_expose(node)),
        platform=_platform(node),
        namespace=text_of(node.get("x-namespace")) or "",
        unseen_env=tuple(vault.mask(path, 300) for path in unseen),
    )


_PLATFORMS: dict[str, Platform] = {"docker": "docker", "podman": "podman", "kubernetes": "kubernetes"}
_SWARM = ("mode", "placement", "update_config", "rollback_config", "endpoint_mode", "labels")
"""Below `deploy` only swarm takes notice of these."""


def _platform(node: Mapping) -> Platform:
    """Who runs it: what was made of a `run` command says so, swarm shows in `deploy`."""
    deploy = node.get("deploy")
    if isinstance(deploy, Mapping) and any(deploy.get(name) is not None for name in _SWARM):
        return "swarm"
    return _PLATFORMS.get(text_of(node.get("x-platform")) or "", "compose")


_NOTHING = Scalar("", Place(""), plain=True)


def text_of(node: Node | None) -> str | None:
    """A scalar as the text that Go makes of it; None for anything else and for null."""
    if not isinstance(node, Scalar) or node.is_null:
        return None
    value = node.value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _go_float(value)
    return str(value)


def words(node: Node | None) -> tuple[str, ...] | None:
    """A command in either form; None when it is not set."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return None
    if isinstance(node, Scalar):
        try:
            return tuple(shlex.split(node.text))
        except ValueError:
            return (node.text,)
    return tuple(text_of(item) or "" for item in as_list(node))


def _go_float(value: float) -> str:
    """1.0 is "1", and only very large and small numbers get an exponent."""
    if value == 0 or 1e-4 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}" if exponent else repr(value)


def is_tool(command: tuple[str, ...]) -> bool:
    """A container that makes a password file or collects garbage serves nobody."""
    return any(posixpath.basename(w) in ("htpasswd", "garbage-collect") for w in command[:3])


# ---- environment and labels --------------------------------------------------------------------------


def _environment(name: str, node: Mapping, project: Project) -> Iterator[EnvVar]:
    notes = project.notes
    found: dict[str, EnvVar] = {}
    plain: dict[str, str] = {}
    for item, _, known in _env_files(node, project):
        if known is not None:
            _read_env_file(item, *known, found, plain, project)
    for key, value in as_pairs(node.get("environment") or _NOTHING).pairs:
        listed = not isinstance(node.get("environment"), Mapping)
        if listed and key.text != key.text.rstrip():
            notes.refuse(key.place, f"environment variable {key.text.strip()} is declared with a trailing space")
        text = text_of(value)
        if isinstance(value, Scalar) and value.is_null:
            text = project.lookup(key.text)
        elif text is None:
            notes.refuse(key.place, f"services.{name}.environment.{key.text} must be text, a number or null")
        raw = value.raw if isinstance(value, Scalar) and value.raw is not None else text or ""
        if not project.whole and key.place not in notes.damaged and _comes_from_outside(raw, project):
            text = MASK
        found.pop(key.text, None)
        found[key.text] = env_var(key.text, text, raw, key.place, notes.vault, damaged=key.place in notes.damaged)
    yield from found.values()


def _comes_from_outside(template: str, project: Project) -> bool:
    """Whether the value is that of a variable that an .env or a shell which nobody handed over may set."""
    unset = substitute(template, project.lookup).unset
    return any(name.isupper() or f"${{{name}}}" in template for name in unset if name not in project.blank)


def _read_env_file(
    item: Node, file: str, text: str, found: dict[str, EnvVar], plain: dict[str, str], project: Project
) -> None:
    raw = isinstance(item, Mapping) and text_of(item.get("format")) == "raw"
    try:
        variables = parse_dotenv(text, file, lambda k: plain[k] if k in plain else project.lookup(k), raw=raw)
    except ParseError as error:
        project.notes.refuse(Place(file, error.line), f"failed to read {file}: {error.message}")
        return
    for variable in variables.values():
        project.notes.variable(variable)
        plain[variable.name] = variable.value
        found.pop(variable.name, None)
        damaged = variable.place in project.notes.damaged
        found[variable.name] = env_var(
            variable.name, variable.value, variable.raw, variable.place, project.notes.vault, damaged=damaged
        )


def _env_files(node: Mapping, project: Project) -> Iterator[tuple[Node, str, tuple[str, str] | None]]:
    """What `env_file` names, its path, and the file behind it with its text where that was handed over."""
    for item in as_list(node.get("env_file") or _NOTHING):
        path = text_of(item.get("path")) if isinstance(item, Mapping) else text_of(item)
        yield item, path or "", _find(path or "", posixpath.dirname(item.place.file), project)


def _find(path: str, folder: str, project: Project) -> tuple[str, str] | None:
    """The text of an env_file: at its place, or the only one of that name when the bundle lost its folders."""
    path = path.replace("\\", "/")
    for start in (folder, project.folder):
        exact = posixpath.normpath(posixpath.join(start, path))
        if exact in project.env_files:
            return exact, project.env_files[exact]
    base = posixpath.basename(exact)
    named = [f for f in project.env_files if posixpath.basename(f) == base]
    return (named[0], project.env_files[named[0]]) if len(named) == 1 else None


def _labels(node: Mapping, notes: Notes) -> Iterator[EnvVar]:
    labels = node.get("labels") or _NOTHING
    deploy = node.get("deploy")
    swarm = deploy.get("labels") if isinstance(deploy, Mapping) else None
    for source in (labels, swarm or _NOTHING):
        for key, value in as_pairs(source).pairs:
            text = text_of(value) or ""
            raw = value.raw if isinstance(value, Scalar) and value.raw is not None else text
            yield env_var(key.text, text, raw, key.place, notes.vault, damaged=key.place in notes.damaged)


# ---- what is connected to it -------------------------------------------------------------------------


def _ports(name: str, node: Mapping, notes: Notes) -> tuple[Port, ...]:
    found: dict[str, Port] = {}
    for item in as_list(node.get("ports") or _NOTHING):
        for port in _accepted(item, short.ports, f"services.{name}.ports", notes) or ():
            found[short.identity(port)] = port
    return tuple(found.values())


def _volumes(name: str, node: Mapping, notes: Notes) -> tuple[Mount, ...]:
    found: dict[str, Mount] = {}
    for item in as_list(node.get("volumes") or _NOTHING):
        mount = _accepted(item, short.volume, f"services.{name}.volumes", notes)
        if mount is not None:
            found[mount.target] = mount
    for item in as_list(node.get("tmpfs") or _NOTHING):
        target = short.clean((text_of(item) or "").split(":", 1)[0])
        found[target] = Mount(target=target, source=None, kind="tmpfs", place=item.place)
    return tuple(found.values())


def _accepted(item: Node, read: Callable[[Node], T], where: str, notes: Notes) -> T | None:
    try:
        return read(item)
    except short.EntryRefusedError as error:
        notes.refuse(item.place, f"{where}: {error}")
        return None


def _files(node: Mapping, project: Project) -> Iterator[Mount]:
    """Secrets and configs of the service, with the host's file behind each."""
    for kind, root in (("secrets", "/run/secrets/"), ("configs", "/")):
        for item in as_list(node.get(kind) or _NOTHING):
            name = text_of(item.get("source")) if isinstance(item, Mapping) else text_of(item)
            target = text_of(item.get("target")) if isinstance(item, Mapping) else None
            section = project.section(kind)
            declared = section.get(name or "") if section is not None else None
            file = text_of(declared.get("file")) if isinstance(declared, Mapping) else None
            target = target or name or ""
            yield Mount(
                target=target if target.startswith("/") else root + target,
                source=file,
                kind="secret" if kind == "secrets" else "config",
                read_only=True,
                place=item.place,
            )


def _networks(node: Mapping) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, settings in as_names(node.get("networks") or _NOTHING):
        aliases = settings.get("aliases") if isinstance(settings, Mapping) else None
        found[name] = tuple(t for i in as_list(aliases or _NOTHING) if (t := text_of(i)))
    return found


def _is_external(network: str, project: Project) -> bool:
    declared = project.section("networks")
    about = declared.get(network) if declared is not None else None
    external = about.get("external") if isinstance(about, Mapping) else None
    return isinstance(external, Mapping) or text_of(external) == "true"


def _addresses(node: Mapping) -> Iterator[str]:
    for _, settings in as_names(node.get("networks") or _NOTHING):
        given = text_of(settings.get("ipv4_address")) if isinstance(settings, Mapping) else None
        if given:
            yield given


def _expose(node: Mapping) -> Iterator[int]:
    for item in as_list(node.get("expose") or _NOTHING):
        digits = (text_of(item) or "").split("/", 1)[0]
        if (port := whole_number(digits)) is not None:
            yield port
