"""The evidence as it would be after edits: lines changed in memory, the same parsers run on them again. Pure.

Secrets in kept lines are masks, so values differ from the first reading where one stood; variables that the edit
leaves alone keep what the first reading knew of them.
"""

import posixpath
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from runbook.lazy import re
from runbook.model import Compose, Edit, EnvVar, Evidence, Place, ProxyRoute, Service, SourceFile
from runbook.model.proxy import IN_COMPOSE
from runbook.parse.left_out import without_left_out
from runbook.redact import MASK, Vault

ROUTED = ("nginx", "caddy", "haproxy", "apache", "traefik")
READABLE = frozenset((*ROUTED, "compose", "dotenv", "registry-config", "daemon-config"))
_FROM_DOTENV = re.compile(r"\$\{(\w+):?\?[^}]*\}")


class UnreadableError(Exception):
    """The edited files cannot be parsed in memory: their lines were not kept, or no parser here reads their kind."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Evidence after edits, and the places at which something new stands in it."""

    evidence: Evidence
    places: frozenset[Place]


class _Apart(Vault):
    """Labels of this reading are never those of another one: equal labels would be equal secrets."""

    def _keep(self, letter: str, value: str | bytes) -> str:
        return super()._keep(f"again-{letter}", value)


def edited(evidence: Evidence, edits: Sequence[Edit]) -> Edited:
    """The evidence with the edits made; with none of them, the same files read again as they are.

    Raises `UnreadableError`, and ParseError where the edit makes a file that is no longer one of its kind.
    """
    known = {f.path: f for f in evidence.files}
    changed: dict[str, SourceFile] = {}
    places: set[Place] = set()
    for path in dict.fromkeys(edit.file for edit in edits):
        source = known.get(path)
        if source is None or not source.lines or source.kind not in READABLE:
            raise UnreadableError(path)
        changed[path], new = _applied(source, sorted((e for e in edits if e.file == path), key=lambda e: e.line))
        places |= new
    files = tuple(changed.get(f.path, f) for f in evidence.files)
    wanted = dict.fromkeys(name for e in edits for name in _FROM_DOTENV.findall(e.new or ""))
    return Edited(_read_again(replace(evidence, files=files), changed.values(), wanted), frozenset(places))


def _applied(source: SourceFile, edits: list[Edit]) -> tuple[SourceFile, set[Place]]:
    """A file with its edits, and where they stand now. Numbers of masked lines move along."""
    swapped = {e.line: e for e in edits if e.old is not None}
    rows: list[str] = []
    masked: list[int] = []
    new: set[Place] = set()

    def put(text: str | None) -> None:
        for row in text.split("\n") if text is not None else ():
            rows.append(row)
            new.add(Place(source.path, len(rows)))

    for number in range(len(source.lines) + 1):
        edit = swapped.get(number)
        if edit is not None:
            put(edit.new)
        elif number:
            rows.append(source.lines[number - 1])
            if number in source.masked:
                masked.append(len(rows))
        for added in edits:
            if added.line == number and added.old is None:
                put(added.new)
    return replace(source, lines=tuple(rows), masked=tuple(masked)), new


def _read_again(evidence: Evidence, changed: Iterable[SourceFile], wanted: Iterable[str]) -> Evidence:
    vault = _Apart()
    files = list(changed)
    kinds = {f.kind for f in files}
    if kinds & {"compose", "dotenv"}:
        evidence = _compose(evidence, vault, wanted)
    if "nginx" in kinds:
        evidence = _nginx(evidence, vault, {f.path for f in files})
    for file in files:
        if file.kind in READERS:
            evidence = READERS[file.kind](evidence, file.path, _text(file), vault)
    return evidence


def _text(file: SourceFile) -> str:
    """The text to parse. A mask in brackets would be a list to YAML and an address to others."""
    text = "\n".join(file.lines).replace(MASK, "redacted") + "\n"
    return without_left_out(text, file.kind)[0]


def _compose(evidence: Evidence, vault: Vault, wanted: Iterable[str]) -> Evidence:
    """The project again; variables that an edit wants from .env count as set there, as the fix's commands do it."""
    from runbook.collect.compose_files import project_dotenv
    from runbook.parse.caddy_labels import caddy_labels
    from runbook.parse.compose import parse_compose
    from runbook.parse.traefik import traefik_labels
    from runbook.parse.vhosts import virtual_hosts

    before = evidence.compose
    texts = {f.path: _text(f) for f in evidence.files if f.lines and f.kind == "compose"}
    if before is None or any(path not in texts for path in before.files):
        raise UnreadableError("the compose file")
    variables = {f.path: _text(f) for f in evidence.files if f.lines and f.kind == "dotenv"}
    read = [(path, texts[path]) for path in before.files]
    own = [(path, text) for path, text in project_dotenv(before.files, variables)]
    path, text = own[0] if own else (posixpath.join(posixpath.dirname(before.files[0]), ".env"), "")
    told = {line.partition("=")[0].strip() for line in text.splitlines()}
    made = "".join(f"{name}=set-by-the-fix\n" for name in wanted if name not in told)
    compose = _known(parse_compose(read, [(path, text + made), *own[1:]], variables, vault), before, _masked(evidence))
    spelled = {label.place for s in before.services for label in s.labels}
    kept = [r for r in evidence.routes if r.software not in IN_COMPOSE or r.place.file not in before.files]
    kept = [r for r in kept if r.software != "caddy" or r.place not in spelled]
    dynamic = [(f.path, _text(f)) for f in evidence.files if f.kind == "traefik" and f.lines]
    routes = (*traefik_labels(compose, dynamic), *caddy_labels(compose, vault), *virtual_hosts(compose))
    return replace(evidence, compose=compose, routes=(*kept, *routes))


def _masked(evidence: Evidence) -> frozenset[Place]:
    return frozenset(Place(f.path, n) for f in evidence.files for n in f.masked)


def _known(compose: Compose, before: Compose, masked: frozenset[Place]) -> Compose:
    """The project with what the first reading knew of variables that did not change or cannot be read again."""
    old = {s.name: s for s in before.services}
    return replace(compose, services=tuple(_with_secrets(s, old.get(s.name), masked) for s in compose.services))


def _with_secrets(service: Service, before: Service | None, masked: frozenset[Place]) -> Service:
    if before is None:
        return service
    environment = _same(service.environment, before.environment, masked)
    return replace(service, environment=environment, labels=_same(service.labels, before.labels, masked))


def _same(variables: tuple[EnvVar, ...], before: tuple[EnvVar, ...], masked: frozenset[Place]) -> tuple[EnvVar, ...]:
    known = {v.name: v for v in before}

    def kept(variable: EnvVar) -> EnvVar:
        old = known.get(variable.name)
        same = old is not None and (old.raw == variable.raw or variable.place in masked)
        return replace(old, place=variable.place) if old is not None and same else variable

    return tuple(map(kept, variables))


def _nginx(evidence: Evidence, vault: Vault, changed: Collection[str]) -> Evidence:
    from runbook.parse.nginx import parse_nginx_files

    known = (f for f in evidence.files if f.kind == "nginx" and (f.lines or f.path in changed))  # one may be empty now
    texts = {f.path: _text(f) for f in known}
    kept = [r for r in evidence.routes if r.place.file not in texts]
    return replace(evidence, routes=(*kept, *parse_nginx_files(texts, vault)))


def _routed(parse: Callable[[str, str, Vault], tuple[ProxyRoute, ...]], evidence: Evidence, path: str, text: str,
            vault: Vault) -> Evidence:  # fmt: skip
    kept = [r for r in evidence.routes if r.place.file != path]
    return replace(evidence, routes=(*kept, *parse(text, path, vault)))


def _caddy(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.caddy import parse_caddy_files

    texts = {f.path: _text(f) for f in evidence.files if f.kind == "caddy" and f.lines} | {path: text}
    kept = [r for r in evidence.routes if r.place.file not in texts]
    return replace(evidence, routes=(*kept, *parse_caddy_files(texts, vault)))


def _haproxy(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.haproxy import parse_haproxy

    return _routed(parse_haproxy, evidence, path, text, vault)


def _apache(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.apache import parse_apache_files

    texts = {f.path: _text(f) for f in evidence.files if f.kind == "apache" and f.lines} | {path: text}
    kept = [r for r in evidence.routes if r.place.file not in texts]
    return replace(evidence, routes=(*kept, *parse_apache_files(texts, vault)))


def _traefik(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.traefik import parse_traefik_files, traefik_labels

    others = [(f.path, _text(f)) for f in evidence.files if f.kind == "traefik" and f.lines and f.path != path]
    texts = [*others, (path, text)]
    labelled = evidence.compose.files if evidence.compose else ()
    files = {*labelled, *(name for name, _ in texts)}
    kept = [r for r in evidence.routes if r.software != "traefik" or r.place.file not in files]
    made = (*parse_traefik_files(texts, vault), *traefik_labels(evidence.compose, texts))
    return replace(evidence, routes=(*kept, *made))


def _registry(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.registry_config import parse_registry_config

    read = parse_registry_config(text, path, vault)
    return replace(evidence, registry_files=tuple(read if f.file == path else f for f in evidence.registry_files))


def _daemon(evidence: Evidence, path: str, text: str, vault: Vault) -> Evidence:
    from runbook.parse.docker_config import parse_docker_config

    read = parse_docker_config(text, path, vault)
    return replace(evidence, clients=tuple(read if c.file == path else c for c in evidence.clients))


READERS: dict[str, Callable[[Evidence, str, str, Vault], Evidence]] = {
    "caddy": _caddy,
    "haproxy": _haproxy,
    "apache": _apache,
    "traefik": _traefik,
    "registry-config": _registry,
    "daemon-config": _daemon,
}
