"""Variables that are not read as they were meant: wrong names, the wrong service, values that are no YAML list."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.model import (
    Certainty,
    Edit,
    EnvVar,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    LogEvent,
    Place,
    Registry,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.align import DOWN, OPEN, REFUSED, at, rename, restart, symptoms
from runbook.rules.base import rule
from runbook.rules.hop_edits import line_of, swap
from runbook.rules.logins import url
from runbook.stack.variables import nearest

S = Symptom
PARSER_GO = "distribution configuration/parser.go"
_LINKS = re.compile(r"^REGISTRY_(?:PORT|SERVICE)(?:_|$)|_PORT_\d+_TCP|^REGISTRY_CONFIGURATION_PATH$")
"""What Docker's links and Kubernetes put into every container: nobody meant the registry to read it."""


@dataclass(frozen=True, slots=True)
class _Unread:
    name: str
    right: str
    place: Place
    service: str
    why: str
    variable: EnvVar | None = None
    sure: bool = False


@rule(
    "env-name-malformed",
    step="align",
    title="a variable is not read under this name",
    fix="write the name as the registry knows it, on the service that reads it",
    source=f"{PARSER_GO}; 3.x logs: Ignoring unrecognized environment variable",
    sees=("compose", "registry", "logs", "messages"),
)
def env_name_malformed(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A misspelled or invented variable changes nothing, and version 2 does not even say so. Compose itself
    refuses `- NAME = value`; REGISTRY_AUTH_TYPE stops the registry.
    """
    found = [
        *_refused(evidence, traffic),
        *_stopped(stack),
        *_unread(stack, traffic),
        *_on_ui(evidence),
        *_logged(stack, traffic),
        *_stopped_in_log(stack, traffic),
    ]
    if not found:
        return
    meant = (
        stack.registry is not None and stack.registry.known and stack.registry.auth == "none" and not _asked(traffic)
    )
    chosen = max(
        found,
        key=lambda u: (
            u.sure,
            bool(set(traffic.seen()) & set(_effects(u.name))),
            u.right == "REGISTRY_AUTH",
            bool(u.right),
        ),
    )
    effects = (*DOWN, S.COMPOSE_REFUSED) if chosen.sure else _effects(chosen.name)
    if not chosen.sure and S.DELETE_REFUSED in effects:
        return  # delete-disabled says it, with the right place for the variable
    open_by_it = meant and chosen.right.startswith("REGISTRY_AUTH")
    hurts = chosen.sure or open_by_it or bool(set(traffic.seen()) & set(effects))
    yield Finding(
        cause="env-name-malformed",
        summary=f"{chosen.name} {chosen.why}{f'; the right name is {chosen.right}' if chosen.right else ''}.",
        certainty=Certainty.PROVEN if chosen.sure and traffic.seen(*effects) else Certainty.READ,
        explains=effects,
        evidence=(
            *(at(f"{u.name} {u.why}", u.place) for u in sorted(found, key=lambda u: u is not chosen)[:4]),
            *symptoms(traffic, *effects),
        ),
        hop="registry",
        warning=not hurts and not chosen.right,
        proves=chosen.sure or open_by_it,
        supersedes=_faces(chosen, hurts),
        fix=Fix(
            summary=f"Write {chosen.right}." if chosen.right else f"Remove {chosen.name} here: nobody reads it.",
            commands=("docker compose config --quiet", "docker compose up -d"),
            verify=(f"docker compose logs {chosen.service} | grep -i 'unrecognized environment variable'   # nothing",),
        ),
        edits=_all_edits(chosen, found, evidence),
    )


def _asked(traffic: Traffic) -> bool:
    """Whether a login was asked for after all."""
    return any(e.status == 401 for e in traffic.on("direct")) or bool(traffic.logged("no-usable-credential"))


def _refused(evidence: Evidence, traffic: Traffic) -> Iterator[_Unread]:
    """`- NAME = value`: refused by Compose, seen in the file or told by it."""
    refused = evidence.compose.refused if evidence.compose else ()
    for place, message in refused:
        if match := re.match(r"environment variable (\S+) is declared with a trailing space", message):
            yield _Unread(
                match[1], match[1], place, "registry", "has a blank before its =, which Compose refuses", sure=True
            )
    for said in traffic.said("compose-refused"):
        match = re.search(r"environment variable (\S+)\s+is declared with a trailing space", said.text)
        if match and not refused:
            yield _Unread(
                match[1], match[1], said.place, "registry", "has a blank before its =, which Compose refuses", sure=True
            )


def _stopped(stack: Stack) -> Iterator[_Unread]:
    for registry in stack.registries:
        for error in registry.start_errors:
            name = re.search(r"variable (REGISTRY_\S+):", error.message)
            if error.cause == "env-name-malformed" and name and error.place:
                why = "is no setting of the registry, which therefore does not start"
                yield _Unread(name[1], _right(name[1], registry), error.place, registry.name, why, sure=True)


def _right(name: str, registry: Registry) -> str:
    return {"REGISTRY_AUTH_TYPE": "REGISTRY_AUTH"}.get(name) or nearest(name, registry.major or 3)


def _unread(stack: Stack, traffic: Traffic) -> Iterator[_Unread]:
    for registry in stack.registries:
        for variable, right in registry.unread:
            if not _LINKS.search(variable.name):
                why = f"is not read by the registry ({registry.name})"
                yield _Unread(variable.name, right, variable.place, registry.name, why, variable)


def _on_ui(evidence: Evidence) -> Iterator[_Unread]:
    """Settings of the registry on the UI's container, and variables that nobody ever read."""
    for service in evidence.compose.services if evidence.compose else ():
        for variable in service.environment if service.role == "ui" else ():
            if re.match(r"REGISTRY_(?:AUTH|STORAGE|HTTP|LOG|PROXY)(?:_|$)|REGISTRY_(?:USER|PASSWORD)$", variable.name):
                owner = (
                    "a setting of the registry"
                    if not variable.name.endswith(("_USER", "_PASSWORD"))
                    else "read by nobody"
                )
                why = f"stands on the UI ({service.name}) but is {owner}"
                yield _Unread(variable.name, "", variable.place, service.name, why)


def _logged(stack: Stack, traffic: Traffic) -> Iterator[_Unread]:
    known = {v.name for r in stack.registries for v, _ in r.unread}
    for event in traffic.logged("unknown-variable"):
        if event.detail and event.detail not in known and not _LINKS.search(event.detail):
            yield _of_log(event)


def _stopped_in_log(stack: Stack, traffic: Traffic) -> Iterator[_Unread]:
    """A plain value where a section belongs, told by the log alone: REGISTRY_AUTH_TYPE=htpasswd is the classic."""
    if any(r.start_errors for r in stack.registries):
        return
    for event in traffic.logged("config-error", "panic-other"):
        text = f"{event.text} {event.detail}"
        if "configuration.Parameters" in text:
            told = re.search(r"environment variable (REGISTRY_\w+)", text)
            name = told[1] if told else "A variable (REGISTRY_AUTH_TYPE, if that is set)"
            right = {"REGISTRY_AUTH_TYPE": "REGISTRY_AUTH"}.get(name, "")
            why = "is no setting of the registry, which therefore does not start"
            yield _Unread(name, right, event.place, event.service or "registry", why, sure=True)


def _of_log(event: LogEvent) -> _Unread:
    right = nearest(event.detail, 3)
    return _Unread(
        event.detail, right, event.place, event.service or "registry", "is ignored by the registry (its log says so)"
    )


def _effects(name: str) -> tuple[Symptom, ...]:
    """What is missing when a variable of that name does not arrive."""
    if "DELETE" in name:
        return (S.DELETE_REFUSED,)
    if "ACCESS" in name or "HEADER" in name:
        return (S.BROWSER_BLOCKED, S.PREFLIGHT_REFUSED)
    if "AUTH" in name or "HTPASSWD" in name or "REALM" in name:
        return (*OPEN, *REFUSED, *DOWN)
    if "HOST" in name or "RELATIVE" in name:
        return (S.LOCATION_WRONG, S.UPLOAD_FAILS)
    return (S.UNREACHABLE, S.EMPTY_REPLY) if "ADDR" in name or "TLS" in name else ()


def _faces(chosen: _Unread, hurts: bool) -> tuple[str, ...]:
    if chosen.sure:
        return ("auth-option-missing", "registry-unreachable", "auth-not-enforced")
    if hurts and chosen.right and "AUTH" in chosen.right:
        return ("auth-not-enforced", "auth-option-missing", "htpasswd-missing-autocreated")
    return ()


def _all_edits(chosen: _Unread, found: list[_Unread], evidence: Evidence) -> tuple[Edit, ...]:
    """The chosen variable first, and with it all others whose right name is known."""
    edits = {e.line: e for u in (chosen, *(u for u in found if u.right)) for e in _edits(u, evidence) if e.line}
    return tuple(e for e in edits.values() if e.file == chosen.place.file)


def _edits(chosen: _Unread, evidence: Evidence) -> tuple[Edit, ...]:
    if not chosen.right:
        return ()
    if chosen.right == chosen.name:
        return swap(evidence, chosen.place, rf"({re.escape(chosen.name)})\s*=\s*", r"\1=")
    variable = chosen.variable or EnvVar(name=chosen.name, value="", place=chosen.place)
    return rename(evidence, variable, chosen.right)


# ---- header values -----------------------------------------------------------------------------------

_LIST_ERROR = re.compile(
    r"alphabetic or numeric character|into \[\]string|into http\.Header|while scanning an alias", re.I
)


@rule(
    "env-header-value-not-yaml-list",
    step="align",
    title="a header's value is no YAML list",
    fix="""write REGISTRY_HTTP_HEADERS_…: '["value"]'""",
    source=f"{PARSER_GO} (yaml.Unmarshal into http.Header); run with 2.8.2 and 3.1.1",
    sees=("registry", "logs"),
)
def header_value_not_list(evidence: Evidence, registry: Registry | None, traffic: Traffic) -> Iterator[Finding]:
    """Values of REGISTRY_* are YAML, and a header takes a list. `*` alone and `[*]` are YAML aliases, so the registry
    stops; version 2.8 then blames config.yml, although a variable is at fault.
    """
    errors = [e for e in registry.start_errors if e.cause == "env-header-value-not-yaml-list"] if registry else []
    logged = [e for e in traffic.logged("config-error", "panic-other") if _LIST_ERROR.search(e.text + e.detail)]
    if not errors and not logged:
        return
    if errors and not logged and any(e.header("Docker-Distribution-Api-Version") for e in traffic.exchanges):
        return
    name = _variable(errors[0].message if errors else logged[0].text + logged[0].detail)
    place = errors[0].place if errors else None
    yield Finding(
        cause="env-header-value-not-yaml-list",
        summary=f"The value of {name} is no YAML list, so the registry does not start.",
        certainty=Certainty.PROVEN if errors and logged else Certainty.LOGGED if logged else Certainty.READ,
        explains=DOWN,
        evidence=(
            *(at(e.message, e.place) for e in errors[:2]),
            *(EvidenceItem(what=e.text, where=str(e.place)) for e in logged[:2]),
            *symptoms(traffic, *DOWN),
        ),
        hop="registry",
        proves=True,
        supersedes=("registry-unreachable", "cors-wildcard-with-credentials", "cors-origin-mismatch"),
        fix=Fix(
            summary="""Write the value as a list of quoted texts: '["*"]', '["http://localhost:8080"]'.""",
            commands=(restart(registry),),
            verify=(f"curl -sS -i {url(evidence, traffic)}/v2/   # an answer, with the header",),
        ),
        edits=_quote_list(evidence, place) if place else (),
    )


def _variable(text: str) -> str:
    found = re.search(r"REGISTRY_HTTP_HEADERS_[A-Za-z0-9_-]+", text)
    return found[0] if found else "a header (REGISTRY_HTTP_HEADERS_… or http.headers)"


def _quote_list(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    """Quote every item: `[*]` → '["*"]' in a mapping, ["*"] in a list of NAME=value."""
    old = line_of(evidence, place)
    if old is None or place.line is None:
        return ()
    match = re.match(r"(\s*(?:-\s*)?[\"']?[\w-]+[\"']?\s*)(=|:\s+)(.*?)(\s+#.*)?$", old)
    if match is None:
        return ()
    items = [i.strip(" \"'") for i in match[3].strip(" \"'").strip("[]").split(",")]
    value = "[" + ", ".join(f'"{i}"' for i in items if i) + "]"
    listed = match[2] == "="
    in_file = not listed and not match[1].strip(" \"'").startswith("REGISTRY_")
    text = value if listed or in_file else f"'{value}'"
    new = f"{match[1]}{match[2]}{text}{match[4] or ''}"
    return (Edit(file=place.file, line=place.line, old=old, new=new),) if new != old else ()
