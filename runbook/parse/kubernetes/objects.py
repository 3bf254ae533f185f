"""Kubernetes objects of a file: multi-document YAML, lists, what `kubectl get -o yaml` or `-o json` prints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from runbook.lazy import re
from runbook.model import Place
from runbook.numbers import whole_number
from runbook.parse import ParseError
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_documents

MOST_OBJECTS = 2_000
PATCH = "list of patch operations"
KUSTOMIZATION = re.compile(r"(?:.*[/ ])?(?:kustomization\.ya?ml|Kustomization)")
"""The name of the file that kustomize reads; it needs neither apiVersion nor kind."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object as it stands in a file."""

    kind: str
    name: str
    namespace: str
    """ "" where none is written: it is then told when the file is applied."""
    node: Mapping
    file: str
    made_by: tuple[str, ...] = ()
    """What makes it from other files: ("kustomize", FOLDER) or ("helm", VALUES, …)."""
    steps: Sequence | None = None
    """Of a JSON patch: its operations."""

    @property
    def place(self) -> Place:
        """The line of its name, or where it begins."""
        named = at(self.node, "metadata", "name")
        return named.place if named is not None else self.node.place

    @property
    def annotations(self) -> "dict[str, Scalar]":
        """Its annotations with their places."""
        return scalars(at(self.node, "metadata", "annotations"))

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return {name: value.text for name, value in scalars(at(self.node, "metadata", "labels")).items()}


class Note(NamedTuple):
    """Something that is to be said of a file that others build on."""

    place: Place
    text: str
    open: bool = True
    """Whether something is not known for it; False for a file that is only left out."""


def read_objects(text: str, file: str) -> tuple[Object, ...]:
    """All objects of a file. A document that is no object is passed over; one file without any is refused."""
    documents, _ = load_documents(text, file)
    if KUSTOMIZATION.fullmatch(file):
        found = [
            Object(text_of(at(d, "kind")) or "Kustomization", "", "", d, file)
            for d in documents
            if isinstance(d, Mapping)
        ]
    else:
        found = [o for document in documents for o in _objects(document, file, 0)]
    if not found:
        raise ParseError(file, None, "no Kubernetes object (with apiVersion and kind) is in it")
    return tuple(found[:MOST_OBJECTS])


def _objects(node: Node, file: str, depth: int) -> Iterator[Object]:
    if isinstance(node, Sequence) and depth == 0 and node.items and text_of(at(node.items[0], "op")):
        yield Object(PATCH, "", "", Mapping((), node.place), file, steps=node)
    kind = text_of(at(node, "kind"))
    if not isinstance(node, Mapping) or not kind or kind == "Kustomization" or depth > 3:
        return
    items = at(node, "items")
    if isinstance(items, Sequence) and kind.endswith("List"):
        for item in items.items:
            yield from _objects(item, file, depth + 1)
        return
    name = text_of(at(node, "metadata", "name")) or ""
    yield Object(kind, name, text_of(at(node, "metadata", "namespace")) or "", node, file)


def at(node: Node | None, *path: str) -> Node | None:
    """The node behind some keys, or None."""
    for name in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(name)
    return None if isinstance(node, Scalar) and node.is_null else node


def text_of(node: Node | None) -> str | None:
    """A scalar's text; None for anything else."""
    return node.text if isinstance(node, Scalar) and not node.is_null else None


def is_true(node: Node | None) -> bool:
    """Whether a boolean is written there and holds."""
    return isinstance(node, Scalar) and node.value("v2") is True


def number_of(node: Node | None) -> int | None:
    """A whole number, or None."""
    return whole_number(text_of(node) or "")


def list_of(node: Node | None) -> tuple[Node, ...]:
    """The items of a list; none for anything else."""
    return node.items if isinstance(node, Sequence) else ()


def scalars(node: Node | None) -> dict[str, Scalar]:
    """The scalar values of a mapping by their keys."""
    if not isinstance(node, Mapping):
        return {}
    return {name: value for name, value in node if isinstance(value, Scalar)}


def belongs(one: str, other: str) -> bool:
    """Whether two namespaces may be the same: one that is not written may be any."""
    return not one or not other or one == other
