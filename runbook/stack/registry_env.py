"""REGISTRY_* variables laid over the configuration, step by step as distribution's configuration/parser.go does it.

The parts of a name lead through structures and mappings. Where the path ends the value is read as YAML in
the type of that field. What makes the registry stop, and what it ignores, is noted on the way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runbook.model import EnvVar, RegistryFile, Setting
from runbook.parse import ParseError
from runbook.parse.registry_decode import Errors, decode, zero
from runbook.parse.registry_schema import (
    ANY,
    SCHEMA,
    STRING,
    ImplicitMap,
    ListOf,
    MapOf,
    Struct,
)
from runbook.parse.yaml_nodes import load_yaml
from runbook.redact import MASK, is_mask


@dataclass(frozen=True, slots=True)
class Stop:
    """A variable for which the registry does not start, and its words."""

    variable: EnvVar
    message: str


@dataclass(slots=True)
class Effective:
    """The configuration in force, with the origin of every value."""

    tree: dict[str, Any]
    major: int
    marks: list[tuple[tuple[str, ...], Setting]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    ignored: list[EnvVar] = field(default_factory=list)

    def get(self, dotted: str) -> Any:
        """The value at a dotted name, or None."""
        value: Any = self.tree
        for part in dotted.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def settings(self) -> dict[str, Setting]:
        """Every value in force by its dotted name."""
        found = {}
        for path, value in _leaves(self.tree, ()):
            mark = next((m for p, m in reversed(self.marks) if path[: len(p)] == p), None)
            origin = mark.origin if mark else ""
            secret = mark.secret if mark else None
            place = mark.place if mark else None
            found[".".join(path)] = Setting(value=value, place=place, origin=origin, secret=secret)
        return found

    def taken_away(self, dotted: str) -> Setting | None:
        """The variable that replaced a section and dropped this setting with it, if one did."""
        path = tuple(dotted.split("."))
        if self.get(dotted) is not None:
            return None
        return next(
            (m for p, m in reversed(self.marks) if path[: len(p)] == p and m.origin.startswith("REGISTRY_")), None
        )


def from_file(config: RegistryFile, major: int) -> Effective:
    """The configuration of a file alone."""
    schema = SCHEMA[major]
    effective = Effective(zero(schema), major)
    for section in config.sections:
        _put(effective.tree, tuple(section.split(".")), {}, schema)
    for key, setting in config.settings.items():
        path = tuple(key.split("."))
        value = setting.value
        if path in (("auth",), ("storage",)) and isinstance(value, str):
            value = {value: {}}
        _put(effective.tree, path, value, schema)
        effective.marks.append((path, replace(setting, value=value)))
    return effective


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any, schema: Struct) -> None:
    """Set a value below nested mappings. What the other major version alone knows is left out, and what is of
    the wrong type as well: that stops the registry, and is noted with the file.
    """
    kind: Any = schema
    for part in path:
        kind = kind.fields.get(part) if isinstance(kind, Struct) else kind.item if isinstance(kind, MapOf) else ANY
    if kind is None or (isinstance(kind, (Struct, MapOf)) and not isinstance(value, (dict, type(None)))):
        return
    if value is None and isinstance(kind, Struct):
        return
    for part in path[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    if isinstance(value, dict) and not value and isinstance(tree.get(path[-1]), dict):
        return
    tree[path[-1]] = value


def _leaves(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(item, (*path, str(key)))
        elif item is not None and item != {}:
            yield (*path, str(key)), item


def override(effective: Effective, variables: Sequence[EnvVar]) -> None:
    """Apply all REGISTRY_* variables in the order that the registry uses: by name.

    The registry stops at the first that it cannot take; so does this.
    """
    last = {v.name: v for v in variables if v.value is not None and v.name.startswith("REGISTRY_")}
    for name in sorted(last, key=lambda n: n.encode("utf-8", "surrogatepass")):
        try:
            _Override(effective, last[name]).apply()
        except _StopError as stop:
            effective.stops.append(Stop(last[name], str(stop)))
            return


class _StopError(Exception):
    pass


class _Override:
    """One variable on its way into the tree."""

    def __init__(self, effective: Effective, variable: EnvVar) -> None:
        self._effective, self._variable = effective, variable
        self._parts = variable.name.split("_")[1:]

    def apply(self) -> None:
        self._struct(self._effective.tree, SCHEMA[self._effective.major], self._parts, ())

    def _struct(self, tree: dict[str, Any], kind: Struct, parts: list[str], path: tuple[str, ...]) -> None:
        name = kind.named(parts[0])
        if name is None:
            self._effective.ignored.append(self._variable)
            return
        below, path = kind.fields[name], (*path, name)
        if len(parts) == 1:
            tree[name] = self._decoded(below)
            self._mark(path)
            return
        if isinstance(below, MapOf) and tree[name] is None:
            tree[name] = {}
        self._into(tree, name, below, parts[1:], path)

    def _into(self, holder: Any, key: Any, kind: Any, parts: list[str], path: tuple[str, ...]) -> None:
        """Go on below a field that exists."""
        value = holder[key]
        if isinstance(kind, Struct):
            self._struct(value, kind, parts, path)
        elif isinstance(kind, MapOf):
            self._map(value, kind, parts, path)
        elif isinstance(kind, ListOf):
            self._list(holder, key, kind, parts, path)
        elif kind == ANY:
            if value is None:
                holder[key] = value = ImplicitMap()
            if isinstance(value, ImplicitMap):
                self._map(value, MapOf(ANY), parts, path)
            elif isinstance(value, dict):
                self._effective.ignored.append(self._variable)
        # A part behind a plain value leads nowhere: the registry says nothing and goes on.

    def _map(self, tree: dict[str, Any], kind: MapOf, parts: list[str], path: tuple[str, ...]) -> None:
        if len(parts) > 1:
            for key in tree:
                if key.upper() == parts[0]:
                    if tree[key] is None:
                        break
                    self._into(tree, key, kind.item, parts[1:], (*path, key))
                    return
        key = parts[0].lower()
        if len(parts) > 1:
            holder: dict[str, Any] = {key: {} if isinstance(kind.item, MapOf) else zero(kind.item)}
            self._into(holder, key, kind.item, parts[1:], (*path, key))
            tree[key] = holder[key]
            if isinstance(kind.item, ListOf):
                tree[key] = holder[key] or []
                self._mark((*path, key))
            return
        value = self._decoded(kind.item)
        tree[key] = {} if value is None and isinstance(kind.item, MapOf) else value
        self._mark((*path, key))

    def _list(self, holder: Any, key: Any, kind: ListOf, parts: list[str], path: tuple[str, ...]) -> None:
        if self._effective.major == 2:
            return  # 2.8 does not know lists here and goes on
        try:
            index = int(parts[0][:20])
        except ValueError:
            raise _StopError(f"non-numeric index: {parts[0]}") from None
        items = list(holder[key] or [])
        if index > len(items) or index < 0:
            raise _StopError(f"undefined index: {parts[0]}")
        if not items or index == len(items):
            items.append(zero(kind.item))
        holder[key] = items
        if len(parts) == 1:
            # The last part is the index itself: the registry then runs out of parts.
            if isinstance(kind.item, Struct):
                raise _StopError("index out of range")
            return
        self._into(items, index, kind.item, parts[1:], (*path, parts[0]))

    def _decoded(self, kind: Any) -> Any:
        text = self._variable.value or ""
        if self._variable.secret or is_mask(text):
            return text if kind in (STRING, ANY) else zero(kind)  # masked: what it is cannot be told
        errors = Errors()
        try:
            node = load_yaml(text.replace(MASK, _WORD), self._variable.name, duplicates="last")
        except ParseError as error:
            raise _StopError(f"yaml: {error.message.removeprefix('not valid YAML: ')}") from None
        value = zero(kind) if node is None else decode(node, kind, errors)
        if errors.found:
            raise _StopError(f"yaml: {errors.found[0][1]}")
        return _remasked(value) if MASK in text else value

    def _mark(self, path: tuple[str, ...]) -> None:
        variable = self._variable
        self._effective.marks.append(
            (path, Setting(value=None, place=variable.place, origin=variable.name, secret=variable.secret))
        )


_WORD = "masked-value"
"""Stands for a mask in a value with a structure: the brackets of the mask would be a list of YAML."""


def _remasked(value: Any) -> Any:
    match value:
        case str():
            return value.replace(_WORD, MASK)
        case dict():
            return type(value)((key, _remasked(item)) for key, item in value.items())
        case list():
            return [_remasked(item) for item in value]
    return value


def default_file(major: int) -> RegistryFile:
    """The configuration that the official image brings along."""
    values: dict[str, Any] = {
        "version": "0.1",
        "log.fields.service": "registry",
        "storage.cache.blobdescriptor": "inmemory",
        "storage.filesystem.rootdirectory": "/var/lib/registry",
        "http.addr": ":5000",
        "http.headers.X-Content-Type-Options": ["nosniff"],
        "health.storagedriver.enabled": True,
        "health.storagedriver.interval": "10s",
        "health.storagedriver.threshold": 3,
    }
    if major == 3:
        values["storage.tag.concurrencylimit"] = 5
    return RegistryFile(file="", settings={k: Setting(value=v, origin="image default") for k, v in values.items()})


__all__ = ["Effective", "Stop", "default_file", "from_file", "override"]
