"""YAML as nodes that know their file and line, with scalars resolved as Go's yaml does for Compose and the registry.

PyYAML gives the events; anchors, merges (`<<`) and limits are handled here. A small text can stand for
billions of nodes through aliases: an alias counts as many nodes as it refers to, and both the sum and the
depth are bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

from runbook.lazy import re
from runbook.model import Place
from runbook.parse import ParseError

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
MAX_NODES = 100_000
MAX_DEPTH = 64

Dialect = Literal["v2", "v3"]
"""Versions of Go's yaml: the registry uses v2 (`yes` and `on` are booleans), Compose v3 (they are text)."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar as written; `plain` when neither quotes nor a block style say that it is text."""

    text: str
    place: Place
    plain: bool = False
    tag: str | None = None
    raw: str | None = None
    """The text before interpolation, where that changed it."""

    def value(self, dialect: Dialect = "v3") -> str | int | float | bool | None:
        """The value in its type."""
        return resolve(self.text, dialect) if self.plain and self.tag is None else self.text

    @property
    def is_null(self) -> bool:
        """Whether nothing, `~` or `null` stands here."""
        return self.plain and self.tag is None and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    place: Place
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping with merges applied; the order of the text is kept."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    place: Place
    tag: str | None = None

    def __iter__(self) -> Iterator[tuple[str, "Node"]]:
        return ((key.text, value) for key, value in self.pairs)

    def get(self, name: str) -> "Node | None":
        """The value of a key (the last one wins), or None."""
        return next((value for key, value in reversed(self.pairs) if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The key itself, for its line."""
        return next((key for key, _ in reversed(self.pairs) if key.text == name), None)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that stands twice in one mapping: Compose refuses it, the registry takes the last."""

    key: str
    place: Place
    first: int


def load_documents(text: str, file: str) -> tuple[tuple[Node, ...], tuple[Duplicate, ...]]:
    """All documents of a file, and the keys that stand twice."""
    composer = _Composer(file)
    try:
        nodes = composer.documents(text.removeprefix("\ufeff"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise ParseError(file, line, f"not valid YAML: {_problem(error)}") from None
    except RecursionError:
        raise ParseError(file, None, "not valid YAML: nested too deeply") from None
    return nodes, tuple(composer.duplicates)


_EXPECTED = re.compile(r"expected (.+), but (?:found|got) .+", re.DOTALL)


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in the words of libyaml, which the registry and Compose have, too; PyYAML without it has its own."""
    said = str(getattr(error, "problem", None) or "unreadable")
    said = said.replace("mapping values are not allowed here", "mapping values are not allowed in this context")
    said = re.sub(r"^found character '.+' that cannot", "found character that cannot", said, flags=re.DOTALL)
    if not (expected := _EXPECTED.fullmatch(said)):
        return said
    collection = "collection" in str(getattr(error, "context", ""))
    what = expected[1].replace("<block end>", "'-' indicator" if collection else "key")
    return f"did not find expected {what}"


def load_yaml(text: str, file: str, *, duplicates: Literal["refuse", "last"] = "refuse") -> Node | None:
    """The first document of a file, None when it is empty."""
    nodes, twice = load_documents(text, file)
    if twice and duplicates == "refuse":
        first = twice[0]
        raise ParseError(file, first.place.line, f'mapping key "{first.key}" already defined at line {first.first}')
    return nodes[0] if nodes else None


def plain_data(node: "Node | None", dialect: Dialect = "v3") -> Any:
    """Lists, dicts and scalars, for values whose places do not matter."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return node.value(dialect)
    if isinstance(node, Sequence):
        return [plain_data(item, dialect) for item in node.items]
    return {key: plain_data(value, dialect) for key, value in node}


# ---- scalars ---------------------------------------------------------------------------------------------

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLS = {w: v for v, words in ((True, "true True TRUE"), (False, "false False FALSE")) for w in words.split()}
_OLD_BOOLS = {
    w: v
    for v, words in ((True, "y Y yes Yes YES on On ON"), (False, "n N no No NO off Off OFF"))
    for w in words.split()
}
_INT = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO]?[0-7]*|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


def resolve(text: str, dialect: Dialect = "v3") -> str | int | float | bool | None:
    """A plain scalar in its type. Base 60 ("22:22") is text, leading zeros are octal, as in Go."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if dialect == "v2" and text in _OLD_BOOLS:
        return _OLD_BOOLS[text]
    if len(text) <= 40 and text[0] in "+-.0123456789":
        bare = text.replace("_", "") if text[0] != "." else text
        if _INT.match(bare):
            return _integer(bare)
        if _FLOAT.match(bare):
            return float(bare)
    return text


_LONGEST_NUMBER = 1000
"""Digits; Python refuses to read numbers that are much longer, and nobody means them."""


def _integer(text: str) -> int:
    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-").lower()[:_LONGEST_NUMBER]
    if digits[:2] in ("0b", "0x", "0o"):
        return sign * int(digits, 0)
    return sign * (int(digits, 8) if len(digits) > 1 and digits[0] == "0" else int(digits))


# ---- nodes -----------------------------------------------------------------------------------------------


class _Composer:
    """Builds nodes from events; written here because PyYAML's own has neither limits nor explicit tags."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.duplicates: list[Duplicate] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0

    def documents(self, text: str) -> tuple[Node, ...]:
        self._events = iter(yaml.parse(text, Loader=_LOADER))
        nodes = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                nodes.append(self._node(next(self._events), 0))
        return tuple(n for n in nodes if not (isinstance(n, Scalar) and n.is_null))

    def _node(self, event: Any, depth: int) -> Node:
        place = Place(self.file, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place)
        if depth > MAX_DEPTH:
            raise ParseError(self.file, place.line, f"nested more than {MAX_DEPTH} levels deep")
        self._add(1, place)
        before = self._count
        if isinstance(event, yaml.ScalarEvent):
            node: Node = Scalar(event.value, place, not event.style and event.implicit[0], _tag(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(place, _tag(event), depth)
        else:
            node = self._mapping(place, _tag(event), depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1 + self._count - before)
        return node

    def _alias(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            raise ParseError(self.file, place.line, "not valid YAML: an alias (*) names an anchor that is not there")
        node, weight = self._anchors[anchor]
        self._add(weight, place)
        return node

    def _add(self, weight: int, place: Place) -> None:
        self._count += weight
        if self._count > MAX_NODES:
            raise ParseError(self.file, place.line, f"more than {MAX_NODES:,} nodes (aliases count in full)")

    def _sequence(self, place: Place, tag: str | None, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), place, tag)

    def _mapping(self, place: Place, tag: str | None, depth: int) -> Mapping:
        own: dict[str, tuple[Scalar, Node]] = {}
        merged: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, value = self._node(event, depth + 1), self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                raise ParseError(self.file, key.place.line, "a key must be text, not a list or a mapping")
            if key.text == "<<" and key.plain:
                for source in reversed(_merge_sources(value, self.file)):
                    merged |= {k.text: (k, v) for k, v in source.pairs}
                continue
            if key.text in own:
                self.duplicates.append(Duplicate(key.text, key.place, own[key.text][0].place.line or 0))
            own[key.text] = (key, value)
        inherited = {name: pair for name, pair in merged.items() if name not in own}
        return Mapping((*inherited.values(), *own.values()), place, tag)


def _merge_sources(value: Node, file: str) -> list[Mapping]:
    """The mappings behind `<<`; of a list, earlier ones win."""
    sources = value.items if isinstance(value, Sequence) else (value,)
    if not all(isinstance(s, Mapping) for s in sources):
        raise ParseError(file, value.place.line, "map merge requires map or sequence of maps as the value")
    return [s for s in sources if isinstance(s, Mapping)]


def _tag(event: Any) -> str | None:
    """An explicit tag in its short form ("!reset", "!!str"); None where none is written."""
    tag = event.tag
    if tag is None or tag == "!":
        return None
    return str(tag).replace("tag:yaml.org,2002:", "!!", 1)


def with_text(node: Scalar, text: str) -> Scalar:
    """The same scalar with another text: what interpolation makes of it. It is text from then on."""
    return replace(node, text=text, plain=False, raw=node.raw or node.text)
