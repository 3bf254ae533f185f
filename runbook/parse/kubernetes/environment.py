"""The environment of a container as the kubelet makes it (kubelet_pods.go, makeEnvironmentVariables).

`envFrom` first, in order; then `env`, in order, each later one of a name wins; `$(NAME)` of what stands before it.
What an object says that was not handed over is unknown: the variable is there, its value is masked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import EnvVar, Place
from runbook.parse.compose.secrets import env_var, is_secret_name
from runbook.parse.kubernetes.data import SETTINGS, Kind, Store
from runbook.parse.kubernetes.objects import at, is_true, list_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node
from runbook.redact import MASK, Vault

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


_LINKED = ("REGISTRY_AUTH_", "REGISTRY_STORAGE_")
"""Of the variables that the kubelet makes for Services only these fall into the registry's configuration."""
Link = tuple[str, Place]


@dataclass(frozen=True, slots=True)
class Missing:
    """A key that the kubelet does not find: it does not start the container (CreateContainerConfigError)."""

    place: Place
    what: str


@dataclass(frozen=True, slots=True)
class _Value:
    text: str | None
    """None: not known."""
    place: Place
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables in force, and what keeps the container from starting."""

    variables: tuple[EnvVar, ...]
    missing: tuple[Missing, ...]
    lookup: Callable[[str], str | None]
    unseen: tuple[str, ...] = ()
    """Objects that `envFrom` names of which not all is at hand."""


def environment(container: Node, namespace: str, store: Store, links: dict[str, Link], vault: Vault) -> Environment:
    """The environment of one container. `links`: variables of the Services in its namespace."""
    found: dict[str, _Value] = {}
    missing: list[Missing] = []
    unseen: list[str] = []
    for source in list_of(at(container, "envFrom")):
        found |= _from(source, namespace, store, unseen)
    for row in list_of(at(container, "env")):
        name = text_of(at(row, "name"))
        if name is None:
            continue
        value = _value(row, found, links, namespace, store, missing)
        if value is not None:
            found.pop(name, None)
            found[name] = value

    def lookup(name: str) -> str | None:
        value = found.get(name)
        return value.text if value else links[name][0] if name in links else None

    added = {n: _Value(*link) for n, link in links.items() if n.startswith(_LINKED) and n not in found}
    found |= added
    return Environment(tuple(_shown(n, v, vault) for n, v in found.items()), tuple(missing), lookup, tuple(unseen))


def _shown(name: str, value: _Value, vault: Vault) -> EnvVar:
    if value.text is None:
        return EnvVar(name=vault.mask(name, 300), value=MASK, raw=MASK, place=value.place)
    if value.secret and not is_secret_name(name) and not name.startswith(SETTINGS):
        label = vault.token(value.text) if value.text else None
        return EnvVar(name=name, value=MASK if value.text else "", raw=MASK, place=value.place, secret=label)
    return env_var(name, value.text, value.text, value.place, vault)


def _from(source: Node, namespace: str, store: Store, unseen: list[str]) -> dict[str, _Value]:
    """All keys of an object; those that are no names of variables are passed over."""
    prefix = text_of(at(source, "prefix")) or ""
    found: dict[str, _Value] = {}
    for ref, kind in _REFS:
        reference = at(source, ref)
        if reference is None:
            continue
        called = text_of(at(reference, "name")) or ""
        data = store.find(kind, called, namespace)
        if data is None or not data.complete:
            unseen.append(f"all of {kind} {called}")
        for entry in data.entries.values() if data else ():
            name = prefix + entry.key
            if _NAME.fullmatch(name) and not name.startswith("..") and name != ".":
                found[name] = _Value(entry.text, entry.place, kind == "Secret")
    return found


_REFS: tuple[tuple[str, Kind], ...] = (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
_KEYS: tuple[tuple[str, Kind], ...] = (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret"))


def _value(
    row: Node, found: dict[str, _Value], links: dict[str, Link], namespace: str, store: Store, missing: list[Missing]
) -> _Value | None:
    """One entry of `env`; None where it is optional and not there."""
    written = at(row, "value")
    text = text_of(written)
    place = written.place if written is not None else row.place
    if text:
        return _Value(expanded(text, lambda n: found[n].text if n in found else links.get(n, (None,))[0]), place)
    for ref, kind in _KEYS:
        reference = at(row, "valueFrom", ref)
        if reference is not None:
            return _of_key(reference, kind, namespace, store, missing)
    if isinstance(row, Mapping) and at(row, "valueFrom") is not None:
        known = text_of(at(row, "valueFrom", "fieldRef", "fieldPath")) == "metadata.namespace"
        return _Value(namespace or None if known else None, row.place)
    return _Value("", place)


def _of_key(reference: Node, kind: Kind, namespace: str, store: Store, missing: list[Missing]) -> _Value | None:
    name, key = text_of(at(reference, "name")) or "", text_of(at(reference, "key")) or ""
    data = store.find(kind, name, namespace)
    entry = data.entries.get(key) if data else None
    if entry is not None:
        return _Value(entry.text, entry.place, kind == "Secret")
    if data is None or not data.complete:
        return _Value(None, reference.place)
    if not is_true(at(reference, "optional")):
        missing.append(Missing(reference.place, f"{kind} {name} has no key {key}"))
    return None


def expanded(text: str, lookup: Callable[[str], str | None]) -> str:
    """`$(NAME)` replaced, `$$` is one dollar, what is not known stays (third_party/forked/golang/expansion)."""

    def part(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        value = lookup(match[1])
        return match[0] if value is None else value

    return _REFERENCE.sub(part, text[:_LONGEST])[:_LONGEST]


_LONGEST = 20_000
"""Variables that name each other twice would double without end."""
_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")


def service_links(name: str, ports: tuple[tuple[str, int], ...]) -> Iterator[tuple[str, str]]:
    """The variables that every pod of a namespace gets for a Service: name, value. The address is not known."""
    base = name.upper().replace("-", "_")
    yield f"{base}_SERVICE_HOST", "10.0.0.1"
    for number, (port_name, port) in enumerate(ports):
        if number == 0:
            yield f"{base}_SERVICE_PORT", str(port)
            yield f"{base}_PORT", f"tcp://10.0.0.1:{port}"
        if port_name:
            yield f"{base}_SERVICE_PORT_{port_name.upper().replace('-', '_')}", str(port)
        yield f"{base}_PORT_{port}_TCP", f"tcp://10.0.0.1:{port}"
