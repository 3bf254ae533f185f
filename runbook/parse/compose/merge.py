"""Several compose files made one, on nodes, so that every value keeps its file and line.

Follows compose-go's override package: mappings merge, lists are appended and then made unique by what
identifies an entry, commands are replaced, `!reset` removes and `!override` replaces.
"""

from collections.abc import Callable

from runbook.model import Place
from runbook.parse.compose.short import port_text, volume_target
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence

_REPLACED = {("command",), ("entrypoint",), ("healthcheck", "test")}
_KEYED = {("environment",), ("labels",), ("annotations",), ("sysctls",), ("deploy", "labels"), ("build", "args")}
"""Lists of NAME=value and mappings are the same thing."""
_NAMED = {("networks",), ("depends_on",), ("models",)}
"""A list of names is a mapping without values."""
_LISTED = {("env_file",), ("label_file",), ("dns",), ("dns_opt",), ("dns_search",), ("tmpfs",)}
"""A single value is a list of one."""


def merge(base: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """The second node laid over the first. `path` is where they stand, from the top of the file."""
    if over.tag == "!override":
        return over
    place = path[2:] if len(path) > 2 and path[0] == "services" else ("", *path)
    if place in _REPLACED:
        return over
    if place in _KEYED:
        return _join_mappings(as_pairs(base), as_pairs(over), path)
    if place in _NAMED:
        return _join_mappings(as_names(base), as_names(over), path)
    if place in _LISTED:
        return unique(Sequence((*as_list(base), *as_list(over)), over.place), place)
    if isinstance(over, Scalar) and over.is_null:
        return base
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return _join_mappings(base, over, path)
    if isinstance(base, Sequence) and isinstance(over, Sequence):
        return unique(Sequence((*base.items, *over.items), base.place), place)
    return over


def without_resets(node: Node) -> Node:
    """The node without what `!reset` removes, for a file that is not laid over another."""
    if isinstance(node, Mapping):
        kept = tuple((k, without_resets(v)) for k, v in node.pairs if v.tag != "!reset")
        return Mapping(kept, node.place, node.tag)
    if isinstance(node, Sequence):
        return Sequence(tuple(without_resets(i) for i in node.items if i.tag != "!reset"), node.place, node.tag)
    return node


def unique(node: Sequence, place: tuple[str, ...]) -> Sequence:
    """Of the entries that mean the same thing the last one stays, where the first one stood."""
    index = _IDENTITY.get(place)
    if index is None:
        return node
    kept: dict[str, Node] = {}
    for number, item in enumerate(node.items):
        kept[index(item) or f"\0{number}"] = item
    return Sequence(tuple(kept.values()), node.place, node.tag)


def as_pairs(node: Node) -> Mapping:
    """Environment or labels as a mapping, whichever way they are written; the last of a name wins."""
    pairs: dict[str, tuple[Scalar, Node]] = {}
    for key, value in _raw_pairs(node):
        pairs[key.text] = (key, value)
    return Mapping(tuple(pairs.values()), node.place)


def as_names(node: Node) -> Mapping:
    """A list of names as a mapping without values."""
    if isinstance(node, Mapping):
        return node
    return Mapping(tuple((n, null(n.place)) for n in as_list(node) if isinstance(n, Scalar)), node.place)


def as_list(node: Node) -> tuple[Node, ...]:
    """A single value or mapping as a list of one."""
    if isinstance(node, Sequence):
        return node.items
    return () if isinstance(node, Scalar) and node.is_null else (node,)


def null(place: Place) -> Scalar:
    """No value."""
    return Scalar("", place, plain=True)


def _raw_pairs(node: Node) -> tuple[tuple[Scalar, Node], ...]:
    if isinstance(node, Mapping):
        return node.pairs
    return tuple(_pair(item) for item in as_list(node) if isinstance(item, Scalar))


def _pair(item: Scalar) -> tuple[Scalar, Node]:
    """ "NAME=value" in two; the raw text is cut at its own first "="."""
    name, equals, value = item.text.partition("=")
    key = Scalar(name, item.place)
    if not equals:
        return key, null(item.place)
    raw = item.raw.partition("=")[2] if item.raw is not None else None
    return key, Scalar(value, item.place, raw=raw)


def _join_mappings(base: Mapping, over: Mapping, path: tuple[str, ...]) -> Mapping:
    pairs = {key.text: (key, value) for key, value in base.pairs}
    for key, value in over.pairs:
        name = key.text
        if value.tag == "!reset":
            pairs.pop(name, None)
        elif name in pairs and not _is_keyed(path):
            pairs[name] = (pairs[name][0], merge(pairs[name][1], value, (*path, name)))
        else:
            pairs[name] = (key, without_resets(value))
    return Mapping(tuple(pairs.values()), base.place)


def _is_keyed(path: tuple[str, ...]) -> bool:
    return path[0:1] == ("services",) and path[2:] in _KEYED


def _text(item: Node) -> str:
    return item.text if isinstance(item, Scalar) else ""


def _path(item: Node) -> str:
    if isinstance(item, Mapping):
        return _text(item.get("path") or null(item.place))
    return _text(item)


def _mounted(root: str) -> Callable[[Node], str]:
    def identity(item: Node) -> str:
        if isinstance(item, Mapping):
            target, source = item.get("target"), item.get("source")
            return _text(target) if target is not None else f"{root}/{_text(source or item.pairs[0][0])}"
        return f"{root}/{_text(item)}"

    return identity


_IDENTITY: dict[tuple[str, ...], Callable[[Node], str]] = {
    ("ports",): port_text,
    ("volumes",): volume_target,
    ("expose",): _text,
    ("profiles",): _text,
    ("links",): _text,
    ("cap_add",): _text,
    ("cap_drop",): _text,
    ("env_file",): _path,
    ("configs",): _mounted(""),
    ("secrets",): _mounted("/run/secrets"),
    ("tmpfs",): _text,
    ("dns",): _text,
}
