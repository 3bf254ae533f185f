"""How Go's yaml.v2 fills the registry's configuration: what is taken, what is an error."""

from dataclasses import dataclass, field
from typing import Any

from runbook.lazy import re
from runbook.parse.registry_schema import (
    ANY,
    AUTH,
    BOOL,
    DURATION,
    INT,
    LOGLEVEL,
    STORAGE,
    STORAGE_OPTIONS,
    STRING,
    VERSION,
    ListOf,
    MapOf,
    Struct,
)
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, plain_data

_DURATION = re.compile(
    r"[-+]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*)\Z"
)
LEVELS = ("error", "warn", "info", "debug")


@dataclass(slots=True)
class Errors:
    """What does not fit, as yaml.v2 words it: (line, message)."""

    kinds: list[tuple[int, str]] = field(default_factory=list)
    """Values of the wrong type: collected and told at the end."""
    fatal: list[tuple[int, str]] = field(default_factory=list)
    """What ends the reading at once, so that it alone is told."""

    @property
    def found(self) -> list[tuple[int, str]]:
        """All of them, the one that is told first."""
        return [*self.fatal, *self.kinds]

    def add(self, node: Node, kind: str) -> None:
        tag, text = "!!map", ""
        if isinstance(node, Sequence):
            tag = "!!seq"
        elif isinstance(node, Scalar):
            value = node.value("v2")
            tags = {bool: "!!bool", int: "!!int", float: "!!float", str: "!!str", type(None): "!!null"}
            tag, text = tags[type(value)], " a value" if len(node.text) > 40 else f" `{node.text[:10]}`"
        self.kinds.append((node.place.line or 0, f"cannot unmarshal {tag}{text} into {kind}"))


def zero(kind: Any) -> Any:
    """What stands in a field to which nothing was given."""
    if isinstance(kind, Struct):
        return {name: zero(item) for name, item in kind.fields.items()}
    return None


def is_duration(text: str) -> bool:
    """Whether Go's time.ParseDuration takes it."""
    return bool(_DURATION.match(text))


def decode(node: Node, kind: Any, errors: Errors) -> Any:
    """The value of a node for a field of that type. What does not fit is noted and left out."""
    if isinstance(node, Scalar) and node.is_null:
        return zero(kind)
    if kind is AUTH or kind is STORAGE:
        return _named_section(node, kind, errors)
    if isinstance(kind, Struct):
        return _struct(node, kind, errors)
    if isinstance(kind, MapOf):
        return _map(node, kind, errors)
    if isinstance(kind, ListOf):
        if not isinstance(node, Sequence):
            errors.add(node, type_name(kind))
            return None
        return [decode(item, kind.item, errors) for item in node.items]
    if kind == ANY:
        return plain_data(node, "v2")
    return _scalar(node, kind, errors)


def _struct(node: Node, kind: Struct, errors: Errors) -> Any:
    value = zero(kind)
    if not isinstance(node, Mapping):
        errors.add(node, "configuration.Configuration")
        return value
    for key, item in node.pairs:
        if key.text in kind.fields:
            value[key.text] = decode(item, kind.fields[key.text], errors)
    return value


def _map(node: Node, kind: MapOf, errors: Errors) -> Any:
    if not isinstance(node, Mapping):
        errors.add(node, type_name(kind))
        return None
    return {key.text: decode(item, kind.item, errors) for key, item in node.pairs}


def _named_section(node: Node, kind: MapOf, errors: Errors) -> Any:
    """auth and storage: a mapping of types, or the bare name of one."""
    attempt = Errors()
    value = _map(node, kind, attempt)
    if attempt.kinds:
        if isinstance(node, Scalar):
            return {node.text: {}}
        errors.kinds += attempt.kinds
        errors.fatal += attempt.fatal
        return None
    types = [k for k in value if kind is AUTH or k not in STORAGE_OPTIONS[3]]
    if len(types) > 1:
        what = "type" if kind is AUTH else "storage type"
        errors.fatal.append((node.place.line or 0, f"must provide exactly one {what}. Provided: {sorted(types)}"))
    return value


def _scalar(node: Node, kind: str, errors: Errors) -> Any:
    value = node.value("v2") if isinstance(node, Scalar) else None
    if not isinstance(node, Scalar):
        errors.add(node, kind)
    elif kind == STRING:
        return node.text
    elif kind == BOOL and isinstance(value, bool):
        return value
    elif kind in (INT, DURATION) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value)
    elif kind == DURATION and isinstance(value, str) and is_duration(value):
        return value
    elif kind == LOGLEVEL:
        if node.text.lower() not in LEVELS:
            errors.fatal.append(
                (node.place.line or 0, f"invalid loglevel {node.text[:20]}: one of {', '.join(LEVELS)}")
            )
        return node.text.lower()
    elif kind == VERSION:
        if not re.fullmatch(r"\d+\.\d+", node.text):
            errors.fatal.append((node.place.line or 0, "version must be of the form X.Y"))
        return node.text
    else:
        errors.add(node, {DURATION: "time.Duration"}.get(kind, kind))
    return None


def type_name(kind: Any) -> str:
    """What Go calls a type."""
    if isinstance(kind, ListOf):
        return f"[]{type_name(kind.item)}"
    if isinstance(kind, MapOf):
        return kind.name or f"map[string]{type_name(kind.item)}"
    return "struct" if isinstance(kind, Struct) else {ANY: "interface {}"}.get(kind, str(kind))
