"""Compose files as node trees with their variables replaced, and notes about what that did."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from runbook.model import Interpolation, Place
from runbook.parse import ParseError
from runbook.parse.compose.secrets import is_secret_name, learn_pieces
from runbook.parse.dotenv import Variable, parse_dotenv
from runbook.parse.interpolation import Substituted, damages_hash, substitute
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_documents, with_text
from runbook.redact import MASK, Vault

Lookup = Callable[[str], str | None]


@dataclass(slots=True)
class Notes:
    """What is seen on the way: lost variables, and why Compose would refuse the project."""

    vault: Vault
    interpolations: dict[tuple[str, int | None, str], Interpolation] = field(default_factory=dict)
    damaged: set[Place] = field(default_factory=set)
    refused: dict[tuple[Place, str], None] = field(default_factory=dict)

    def refuse(self, place: Place, message: str) -> None:
        """Note a reason for which Compose does not start anything."""
        self.refused[(place, self.vault.mask(message, 300))] = None

    def interpolated(self, place: Place, key: str, template: str, result: Substituted) -> None:
        """Note a value whose variables have no value, or that cannot be interpolated."""
        if result.error:
            self.refuse(place, f"{key}: {result.error}")
        if result.unset:
            self._note(place, key, template, result.text, result.unset, damages_hash(template, result))

    def variable(self, variable: Variable) -> None:
        """Note the same of a variable of an .env file."""
        if variable.unset:
            self._note(variable.place, variable.name, variable.raw, variable.value, variable.unset, variable.damaged)

    def _note(
        self, place: Place, key: str, template: str, text: str, unset: tuple[str, ...] | list[str], hash_lost: bool
    ) -> None:
        password_lost = not hash_lost and is_secret_name(key) and _takes_the_rest(template, unset)
        if hash_lost or password_lost:
            self.damaged.add(place)
            learn_pieces(template, text, unset, self.vault)
        secret = hash_lost or password_lost
        note = Interpolation(
            place=place,
            key=self.vault.mask(key, 200),
            unset=tuple(MASK if secret else name for name in dict.fromkeys(unset)),
            damages_hash=hash_lost,
            damages_password=password_lost,
        )
        self.interpolations[(place.file, place.line, key)] = note


def _takes_the_rest(template: str, unset: tuple[str, ...] | list[str]) -> bool:
    """Whether a variable looks like a piece of a password: `pa$sword`, not `$PASSWORD` or `${PASSWORD}`."""
    bare = template.strip()
    return any(f"${name}" in bare and bare != f"${name}" and not name.isupper() for name in unset)


def read_dotenv(text: str, file: str, notes: Notes) -> dict[str, Variable]:
    """The variables for interpolation; one that Compose cannot read is a refusal."""
    try:
        variables = parse_dotenv(text, file)
    except ParseError as error:
        notes.refuse(Place(file, error.line), f"failed to read {file}: {error.message}")
        return {}
    for variable in variables.values():
        notes.variable(variable)
    return variables


def load(text: str, file: str, lookup: Lookup, notes: Notes) -> tuple[Mapping, ...]:
    """All documents of a file, interpolated. Raises ParseError for what is no YAML or no mapping."""
    documents, twice = load_documents(text, file)
    for duplicate in twice:
        notes.refuse(duplicate.place, f'mapping key "{duplicate.key}" already defined at line {duplicate.first}')
    found = []
    for document in documents:
        if not isinstance(document, Mapping):
            raise ParseError(file, document.place.line, "top-level object must be a mapping")
        whole = _with_services(document)
        found.append(Mapping(tuple((k, _interpolate(v, k.text, lookup, notes)) for k, v in whole.pairs), whole.place))
    return tuple(found)


def _with_services(document: Mapping) -> Mapping:
    """A file of the first format has its services at the top. Compose v2 does not take it any more, but whoever
    still has one runs the docker-compose that does.
    """
    if document.get("services") is not None or not document.pairs:
        return document
    services = tuple(
        (k, v)
        for k, v in document.pairs
        if isinstance(v, Mapping) and (v.get("image") is not None or v.get("build") is not None)
    )
    if not services:
        return document
    others = tuple((k, v) for k, v in document.pairs if all(k is not s for s, _ in services))
    key = Scalar("services", services[0][0].place)
    return Mapping((*others, (key, Mapping(services, key.place))), document.place)


def _interpolate(node: Node, key: str, lookup: Lookup, notes: Notes) -> Node:
    if isinstance(node, Mapping):
        pairs = tuple((k, _interpolate(v, k.text, lookup, notes)) for k, v in node.pairs)
        return replace(node, pairs=pairs)
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_interpolate(i, key, lookup, notes) for i in node.items))
    if "$" not in node.text or node.tag == "!reset":
        return node
    result = substitute(node.text, lookup)
    name, equals, rest = node.text.partition("=")
    is_pair = bool(equals) and name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    notes.interpolated(node.place, name if is_pair else key, rest if is_pair else node.text, result)
    return with_text(node, result.text)
