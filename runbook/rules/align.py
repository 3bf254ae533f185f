"""What the rules about files that must agree share: how settings are named and how a line is changed or added."""

import re
from itertools import takewhile

from runbook.model import Edit, EnvVar, Evidence, EvidenceItem, Exchange, Place, Registry, Service, Setting, Symptom
from runbook.observe.notes import describe
from runbook.observe.traffic import Traffic
from runbook.rules.hop_edits import insert, line_of

S = Symptom
DOWN = (S.NOT_STARTED, S.UNREACHABLE, S.EMPTY_REPLY, S.BAD_GATEWAY)
"""What a registry that does not start shows."""
REFUSED = (S.LOGIN_401_DIRECT, S.LOGIN_401, S.LOGIN_WOULD_FAIL)
"""A login that the registry itself refuses."""
OPEN = (S.OPEN_DIRECT, S.OPEN_VIA, S.PING_OPEN)


def at(what: str, place: Place | None) -> EvidenceItem:
    """A piece of evidence at a place."""
    return EvidenceItem(what=what, where=str(place) if place else "")


def request(exchange: Exchange) -> EvidenceItem:
    """A request as a piece of evidence."""
    return EvidenceItem(what=describe(exchange), where=str(exchange.source))


def symptoms(traffic: Traffic, *wanted: Symptom) -> tuple[EvidenceItem, ...]:
    """Where the symptoms were seen, two places each."""
    return tuple(i for o in traffic.sightings if o.symptom in wanted for i in o.evidence[:2])[:4]


def said(setting: Setting | None, key: str) -> str:
    """A setting as it is written: by its variable's name, or by its dotted name in the file."""
    if setting is None:
        return key
    return setting.origin if setting.origin.startswith("REGISTRY_") else key


def restart(registry: Registry | None) -> str:
    """How the registry takes a changed file."""
    return f"docker compose up -d {registry.name}" if registry and registry.service else "docker compose up -d"


def add_variables(evidence: Evidence, registry: Registry, *pairs: tuple[str, str]) -> tuple[Edit, ...]:
    """The edit that adds variables below the last one of the registry, written like that one."""
    service = registry.service
    own = [v for v in service.environment if v.place.file == service.place.file] if service else []
    last = max(own, key=lambda v: v.place.line or 0, default=None)
    if last is None:
        return _new_section(evidence, service, pairs) if service and not service.environment else ()
    old = line_of(evidence, last.place)
    if old is None or last.name not in old:
        return ()
    listed = old.lstrip().startswith("-")
    lines = [f"- {name}={value}" if listed else f"{name}: {_yaml(value)}" for name, value in pairs]
    indent = old[: len(old) - len(old.lstrip())]
    return insert(evidence, last.place, f"\n{indent}".join(lines))


def _new_section(evidence: Evidence, service: Service, pairs: tuple[tuple[str, str], ...]) -> tuple[Edit, ...]:
    """An `environment:` of its own, right below the service's name, indented like what stands there."""
    place = service.place
    head = line_of(evidence, place)
    below = line_of(evidence, Place(place.file, (place.line or 0) + 1))
    file = next((f for f in evidence.files if f.path == place.file), None)
    if head is None or below is None or file is None or not head.rstrip().endswith(":") or place.line is None:
        return ()
    outer, inner = (len(t) - len(t.lstrip()) for t in (head, below))
    block = takewhile(lambda t: not t.strip() or len(t) - len(t.lstrip()) > outer, file.lines[place.line :])
    if inner <= outer or any(t.strip().startswith("environment") for t in block):
        return ()
    step = " " * (inner - outer)
    lines = ["environment:", *(f"{step}{name}: {_yaml(value)}" for name, value in pairs)]
    text = "\n".join(f"{' ' * inner}{line}" for line in lines)
    return (Edit(file=place.file, line=place.line, old=None, new=text),)


def rename(evidence: Evidence, variable: EnvVar, name: str) -> tuple[Edit, ...]:
    """The edit that gives a variable its right name."""
    old = line_of(evidence, variable.place)
    if old is None or variable.place.line is None:
        return ()
    new = re.sub(rf"(?<![\w]){re.escape(variable.name.strip())}\s*(?=[=:'\"]|$)", name, old, count=1)
    return (Edit(file=variable.place.file, line=variable.place.line, old=old, new=new),) if new != old else ()


def _yaml(value: str) -> str:
    """A value that YAML reads as that very text."""
    return value if re.fullmatch(r"[A-Za-z/][\w./ -]*", value) else f"'{value}'"
