"""A config.yml of the registry as dotted settings with their lines; secrets are masked."""

from collections.abc import Iterator
from typing import Any

from runbook.model import Place, RegistryFile, Setting
from runbook.parse import ParseError
from runbook.parse.compose.secrets import learn_hashes
from runbook.parse.registry_decode import Errors, decode
from runbook.parse.registry_schema import ANY, SCHEMA, ListOf, MapOf, Struct
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_yaml, plain_data
from runbook.redact import MASK, Vault

_SECRET_KEYS = (
    "secret",
    "password",
    "secretkey",
    "accountkey",
    "apikey",
    "licensekey",
    "sentinelpassword",
    "accesskey",
)
_UNION = Struct({**SCHEMA[2].fields, **SCHEMA[3].fields})


def parse_registry_config(text: str, file: str, vault: Vault) -> RegistryFile:
    """The settings of the file. Raises ParseError where the registry would find no YAML in it."""
    node = load_yaml(text, file, duplicates="last")
    if node is None:
        return RegistryFile(file=file)
    if not isinstance(node, Mapping):
        raise ParseError(file, node.place.line, "the configuration must be a mapping with `version: 0.1`")
    errors = Errors()
    decode(node, _UNION, errors)
    settings: dict[str, Setting] = {}
    sections: list[str] = []
    for key, value in _flat(node, _UNION, ""):
        if isinstance(value, Mapping):
            sections.append(key)
            continue
        settings[key] = _setting(key, value, file, vault)
    return RegistryFile(
        file=file,
        settings=settings,
        sections=tuple(sections),
        refused=tuple((Place(file, line or None), vault.mask(message, 300)) for line, message in errors.found),
    )


def _flat(node: Mapping, kind: Any, prefix: str) -> Iterator[tuple[str, Node]]:
    """Dotted name and node of every leaf, and of every mapping on the way."""
    for key, value in node.pairs:
        name = f"{prefix}{key.text}"
        below = kind.fields.get(key.text) if isinstance(kind, Struct) else kind.item if isinstance(kind, MapOf) else ANY
        if below is None:
            continue  # the registry has no such field and takes no notice of it
        if isinstance(value, Mapping):
            yield name, value
            yield from _flat(value, below, f"{name}.")
        else:
            yield name, value


def _setting(key: str, node: Node, file: str, vault: Vault) -> Setting:
    value = _typed(node, _kind(key))
    secret = None
    if key.rsplit(".", 1)[-1] in _SECRET_KEYS and isinstance(value, (str, int)) and str(value):
        secret, value = vault.password(str(value)), MASK
    return Setting(value=_shown(value, vault), place=node.place, origin=file, secret=secret)


def _kind(key: str) -> Any:
    kind: Any = _UNION
    for part in key.split("."):
        kind = kind.fields.get(part) if isinstance(kind, Struct) else kind.item if isinstance(kind, MapOf) else ANY
    return kind


def _typed(node: Node, kind: Any) -> Any:
    """A field of text keeps its text ("5000", "0.10"); elsewhere the value has the type that YAML gives it."""
    if isinstance(node, Scalar) and kind in ("string", "version", "loglevel") and not node.is_null:
        return node.text
    if isinstance(node, Sequence) and isinstance(kind, ListOf):
        return [_typed(item, kind.item) for item in node.items]
    return plain_data(node, "v2")


def _shown(value: Any, vault: Vault) -> Any:
    if isinstance(value, str):
        learn_hashes(value, vault)
        return vault.mask(value)
    if isinstance(value, list):
        return [_shown(item, vault) for item in value[:200]]
    if isinstance(value, dict):
        return {vault.mask(str(k), 200): MASK if str(k) in _SECRET_KEYS else _shown(v, vault) for k, v in value.items()}
    return value
