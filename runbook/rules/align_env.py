"""Variables that are not read as they were meant: wrong names, the wrong service, values that are not a YAML list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.lazy import re
from runbook.model import Edit, Evidence, Finding, LogEvent, Message, Place, Registry, Subject, Symptom
from runbook.model.command import PIPE, Command, file, glued, name, number, sh, url
from runbook.rules.align import DOWN, OPEN, REFUSED, anonymous, answers, base, change, observed, rename, subject
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, foretold, read, said
from runbook.rules.hop_edits import line_of, swap
from runbook.rules.hops import aside
from runbook.rules.platform import inside, runs
from runbook.stack.variables import is_unknown_kind, meant, nearest, nearest_of_ui

S = Symptom
PARSER_GO = "distribution configuration/parser.go"
_LINKS = re.compile(r"^REGISTRY_(?:PORT|SERVICE)(?:_|$)|_PORT_\d+_TCP|^REGISTRY_CONFIGURATION_PATH$")
"""What Docker's links and Kubernetes put into every container: nobody meant the registry to read it."""
_INTENDED = dict.fromkeys(("REGISTRY_AUTH_TYPE", "REGISTRY_AUTHENTICATION", "REGISTRY_AUTH_METHOD"), "REGISTRY_AUTH")

Reason = Literal["space", "stops", "unread", "unread by the UI", "of the registry", "of nobody", "logged"]
_REASONS: dict[Reason, str] = {
    "space": "has a space before its =, which Compose refuses",
    "stops": "is no setting of the registry, which therefore does not start",
    "unread": "is not read by the registry",
    "unread by the UI": "is not read by the UI",
    "of the registry": "is set on the UI but is a setting of the registry",
    "of nobody": "is set on the UI but nothing reads it",
    "logged": "is ignored by the registry (its log says so)",
}


@dataclass(frozen=True, slots=True)
class _Unread:
    """A variable that has no effect, or the wrong one."""

    name: str
    """"" where only its kind is known: a plain value where a section belongs."""
    right: str
    source: Place | LogEvent | Message
    service: str
    reason: Reason

    @property
    def sure(self) -> bool:
        """Whether it keeps the registry from starting."""
        return self.reason in ("space", "stops")

    @property
    def place(self) -> Place:
        return self.source if isinstance(self.source, Place) else self.source.place

    @property
    def sentence(self) -> str:
        return f"{self.name or 'A variable (REGISTRY_AUTH_TYPE, if that is set)'} {_REASONS[self.reason]}"

    @property
    def item(self) -> Item:
        source = self.source
        return read(self.sentence, source) if isinstance(source, Place) else said(source)


@rule(
    "env-name-malformed",
    step="align",
    title="unknown or misspelled environment variable",
    fix="Write the name as the registry knows it, on the service that reads it",
    source=f"{PARSER_GO}; 3.x logs: Ignoring unrecognized environment variable",
    needs_any=("compose", "registry", "logs", "messages"),
    hop="registry",
)
def env_name_malformed(facts: Facts) -> Iterator[Finding]:
    """A misspelled or invented variable changes nothing, and version 2 does not even say so. Compose itself
    refuses `- NAME = value`; REGISTRY_AUTH_TYPE stops the registry.
    """
    found = [
        *_refused(facts),
        *_stopped(facts),
        *_unread(facts),
        *_on_ui(facts),
        *_misspelt_on_ui(facts),
        *_logged(facts),
    ]
    if not found:
        return
    symptoms = set(facts.traffic.seen())

    def relevance(u: _Unread) -> tuple[bool, ...]:
        return u.sure, bool(symptoms & set(_effects(u))), u.right == "REGISTRY_AUTH", bool(u.right)

    chosen = max(found, key=relevance)
    effects = _effects(chosen)
    if not chosen.sure and S.DELETE_REFUSED in effects:
        return  # delete-disabled says it, with the right place for the variable
    proves = chosen.sure or (_open(facts) and chosen.right.startswith("REGISTRY_AUTH"))
    proof = effects if chosen.sure else OPEN if proves else ()
    hurts = proves or bool(symptoms & set(effects))
    registry = next((r for r in facts.stack.registries if r.name == chosen.service), None)
    meant = f"; the right name is {chosen.right}" if chosen.right not in ("", chosen.name) else ""
    yield finding(
        f"{chosen.sentence}{meant}.",
        (u.item for u in sorted(found, key=lambda u: u is not chosen)[:4]),
        observed(facts, *proof),
        map(aside, observed(facts, *(s for s in effects if s not in proof))),
        explains=effects,
        warning=not hurts and (not chosen.right or _is_cosmetic(chosen)),
        proves=proves,
        supersedes=_superseded(chosen, hurts),
        about=Subject(service=chosen.service) if isinstance(chosen.source, Place) else None,
        fix=change(
            facts,
            registry,
            _advice(chosen),
            *_checks(facts, chosen),
            edits=_all_edits(chosen, found, facts.evidence),
            before=_renamed_unseen(chosen, found, facts),
        ),
    )


def _open(facts: Facts) -> bool:
    """Whether the registry asks for no credentials, as far as its files say and nobody saw otherwise."""
    asked = any(e.status == 401 for e in facts.traffic.on("direct")) or facts.traffic.logged("no-usable-credential")
    return facts.registry is not None and facts.registry.auth == "none" and not asked


def _advice(chosen: _Unread) -> str:
    if chosen.reason == "space":
        return f"Write {chosen.right}=, without the space"
    return f"Write {chosen.right}" if chosen.right else f"Remove {chosen.name or 'the variable'} here: it is not read"


def _checks(facts: Facts, chosen: _Unread) -> tuple[Command, ...]:
    """What shows that the container has the variable under its right name, or no longer has the wrong one."""
    wanted = name(chosen.right or chosen.name or None)
    names = ("env", PIPE, "cut", "-d=", "-f1", PIPE, "grep", "-x", wanted)
    expect = wanted.text if chosen.right else "nothing"
    one = runs(facts, chosen.service)
    if one.platform == "host":
        return (anonymous(facts, facts.registry),)  # the variables of a shell are not those of the program
    there = inside(one, *names, expect=expect)
    valid = sh("docker", "compose", "config", "--quiet", expect="nothing")
    return (valid, there) if chosen.reason == "space" else (there,)


def _refused(facts: Facts) -> Iterator[_Unread]:
    """`- NAME = value`: refused by Compose, seen in the file or said by it."""
    refused = {place for place, _ in facts.compose.refused} if facts.compose else set()
    for owner in facts.compose.services if facts.compose else ():
        for variable in owner.environment:
            if variable.place in refused and variable.name != variable.name.rstrip():
                written = variable.name.strip()
                yield _Unread(written, written, variable.place, owner.name, "space")
    for message in facts.traffic.said("compose-refused") if not refused else ():
        if message.detail and "trailing space" in message.text:
            yield _Unread(message.detail, message.detail, message, "registry", "space")


def _stopped(facts: Facts) -> Iterator[_Unread]:
    """A variable that the registry cannot take, such as a plain value where a section belongs: REGISTRY_AUTH_TYPE."""
    registries = facts.stack.registries
    for registry in registries:
        for error in registry.start_errors:
            if error.cause == "env-name-malformed" and error.setting and error.place:
                right = _INTENDED.get(error.setting) or nearest(error.setting, registry.major or 3)
                yield _Unread(error.setting, right, error.place, registry.name, "stops")
    if any(r.start_errors for r in registries):
        return
    for event in facts.traffic.logged("config-error", "panic-other"):
        text = f"{event.text} {event.detail}"
        if "configuration.Parameters" in text:
            named = re.search(r"environment variable (REGISTRY_\w+)", text)
            written = named[1] if named else ""
            yield _Unread(written, _INTENDED.get(written, ""), event, event.service or "registry", "stops")


def _unread(facts: Facts) -> Iterator[_Unread]:
    for registry in facts.stack.registries:
        for variable, right in registry.unread:
            if not _LINKS.search(variable.name) and variable.name == variable.name.strip():
                reason: Reason = "stops" if is_unknown_kind(variable.name) else "unread"
                yield _Unread(
                    variable.name, right or _meant(variable.name, registry), variable.place, registry.name, reason
                )


def _meant(name: str, registry: Registry) -> str:
    """What an invented name stands for, unless that is set besides."""
    right = _INTENDED.get(name, "")
    taken = registry.service.environment if registry.service else ()
    return "" if any(v.name == right for v in taken) else right


_FOREIGN_ON_UI = re.compile(r"REGISTRY_(?:AUTH|STORAGE|HTTP|LOG|PROXY)(?:_|$)|REGISTRY_(?:USER|PASSWORD)$")


def _on_ui(facts: Facts) -> Iterator[_Unread]:
    """Settings of the registry on the UI's container, and variables that nothing ever read."""
    for owner in facts.compose.services if facts.compose else ():
        for variable in owner.environment if owner.role == "ui" else ():
            if _FOREIGN_ON_UI.match(variable.name):
                invented = variable.name.endswith(("_USER", "_PASSWORD"))
                reason: Reason = "of nobody" if invented else "of the registry"
                yield _Unread(variable.name, "", variable.place, owner.name, reason)


def _misspelt_on_ui(facts: Facts) -> Iterator[_Unread]:
    """A variable of the UI's own that its entrypoint does not know, nearly written as one that it does."""
    for owner in facts.compose.services if facts.compose else ():
        taken = {v.name for v in owner.environment}
        for variable in owner.environment if owner.role == "ui" else ():
            if not _FOREIGN_ON_UI.match(variable.name) and (right := nearest_of_ui(variable.name, taken)) is not None:
                yield _Unread(variable.name, right, variable.place, owner.name, "unread by the UI")


def _logged(facts: Facts) -> Iterator[_Unread]:
    known = {v.name for r in facts.stack.registries for v, _ in r.unread}
    for event in facts.traffic.logged("unknown-variable"):
        if event.detail and event.detail not in known and not _LINKS.search(event.detail):
            yield _Unread(event.detail, meant(event.detail, 3), event, event.service or "registry", "logged")


def _is_cosmetic(unread: _Unread) -> bool:
    """Whether the variable only says how the UI's page looks: who may log in does not hang on it."""
    leads = ("NGINX_PROXY_", "REGISTRY_URL", "REGISTRY_SECURED", "USE_CONTROL_CACHE_HEADER")
    return unread.reason == "unread by the UI" and not unread.right.startswith(leads)


def _effects(unread: _Unread) -> tuple[Symptom, ...]:
    """What is missing when that variable has no effect."""
    name = unread.name
    if unread.sure:
        return (*DOWN, S.COMPOSE_REFUSED)
    if "DELETE" in name:
        return (S.DELETE_REFUSED,)
    if unread.right == "NGINX_PROXY_PASS_URL":
        return (S.NOT_THE_API, S.BROWSER_BLOCKED)
    if "ACCESS" in name or "HEADER" in name:
        return (S.BROWSER_BLOCKED, S.PREFLIGHT_REFUSED)
    if "AUTH" in name or "HTPASSWD" in name or "REALM" in name:
        return (*OPEN, *REFUSED, *DOWN)
    if "HOST" in name or "RELATIVE" in name:
        return (S.LOCATION_WRONG, S.UPLOAD_FAILS)
    return (S.UNREACHABLE, S.EMPTY_REPLY) if "ADDR" in name or "TLS" in name else ()


def _superseded(chosen: _Unread, hurts: bool) -> tuple[str, ...]:
    if chosen.sure:
        return ("auth-option-missing", "registry-unreachable", "auth-not-enforced")
    if hurts and chosen.right == "NGINX_PROXY_PASS_URL":
        return ("no-v2-route",)
    if hurts and chosen.right and "AUTH" in chosen.right:
        return ("auth-not-enforced", "auth-option-missing", "htpasswd-missing-autocreated")
    return ()


def _all_edits(chosen: _Unread, found: list[_Unread], evidence: Evidence) -> tuple[Edit, ...]:
    """The chosen variable first, and with it all others whose right name is known."""
    edits = {e.line: e for u in (chosen, *(u for u in found if u.right)) for e in _edits(u, evidence) if e.line}
    return tuple(e for e in edits.values() if e.file == chosen.place.file)


def _renamed_unseen(chosen: _Unread, found: list[_Unread], facts: Facts) -> tuple[Command, ...]:
    """Commands that rename variables in lines that no diff may quote; they do nothing when run again."""
    masked = {Place(f.path, n) for f in facts.evidence.files for n in f.masked}
    hidden = [u for u in found if u.right and u.name and u.reason != "space" and u.place in masked]
    return tuple(
        sh("sed", "-i", glued(number(u.place.line), "s/", name(u.name), "\\b/", name(u.right), "/"), file(u.place.file))
        for u in hidden
        if u.place.file == chosen.place.file
    )


def _edits(chosen: _Unread, evidence: Evidence) -> tuple[Edit, ...]:
    if chosen.reason == "space":
        return swap(evidence, chosen.place, rf"({re.escape(chosen.name)})\s*=\s*", r"\1=")
    return rename(evidence, chosen.place, chosen.name, chosen.right) if chosen.right else ()


# ---- header values -----------------------------------------------------------------------------------

_LIST_ERROR = re.compile(r"alphabetic or numeric character|into \[\]string|into http\.Header|while scanning an alias")
_HEADERS = "REGISTRY_HTTP_HEADERS_"


@rule(
    "env-header-value-not-yaml-list",
    step="align",
    title="a header's value is not a YAML list",
    fix="""Write REGISTRY_HTTP_HEADERS_…: '["value"]'""",
    source=f"{PARSER_GO} (yaml.Unmarshal into http.Header); run with 2.8.2 and 3.1.1",
    needs_any=("registry", "logs"),
    explains=DOWN,
    hop="registry",
    proves=True,
    supersedes=("registry-unreachable", "cors-wildcard-with-credentials", "cors-origin-mismatch"),
)
def header_value_not_list(facts: Facts) -> Iterator[Finding]:
    """Values of REGISTRY_* are YAML, and a header takes a list. `*` alone and `[*]` are YAML aliases, so the registry
    stops; version 2.8 then blames config.yml, although a variable is at fault.
    """
    registry = facts.registry
    errors = [e for e in registry.start_errors if e.cause == "env-header-value-not-yaml-list"] if registry else []
    logged = [e for e in facts.traffic.logged("config-error", "panic-other") if _LIST_ERROR.search(e.text + e.detail)]
    if not (errors or logged) or (not logged and answers(facts)):
        return
    variable = errors[0].setting if errors else _variable(logged[0].text + logged[0].detail)
    place = errors[0].place if errors else None
    yield finding(
        f"The value of {variable or f'a header ({_HEADERS}… or http.headers)'} is not a YAML list, "
        "so the registry does not start.",
        (foretold(e) for e in errors[:2]),
        (said(e) for e in logged[:2]),
        observed(facts, *DOWN),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            """Write the value as a list of quoted texts: '["*"]', '["http://localhost:8080"]'""",
            _header_check(facts, registry, variable.removeprefix(_HEADERS)),
            edits=_quote_list(facts.evidence, place) if place else (),
            place=place,
        ),
    )


def _variable(text: str) -> str:
    found = re.search(rf"{_HEADERS}[A-Za-z0-9_-]+", text)
    return found[0] if found else ""


def _header_check(facts: Facts, registry: Registry | None, header: str) -> Command:
    """A registry that runs puts its configured headers on every response."""
    if not header:
        return anonymous(facts, registry)
    pattern = glued("^", name(header), ":")
    return sh("curl", "-sSi", url(base(facts), "/v2/"), PIPE, "grep", "-i", pattern, expect=f"{name(header).text}: …")


def _quote_list(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    """Quote every item: `[*]` → '["*"]' for a variable, whose value is a text (`value:` in a manifest), ["*"] in a list
    of NAME=value and in the registry's own file."""
    old = line_of(evidence, place)
    if old is None or place.line is None:
        return ()
    match = re.match(r"(\s*(?:-\s*)?[\"']?[\w-]+[\"']?\s*)(=|:\s+)(.*?)((?<!\s)\s+#.*)?$", old)
    if match is None:
        return ()
    items = [i.strip(" \"'") for i in match[3].strip(" \"'").strip("[]").split(",")]
    value = "[" + ", ".join(f'"{i}"' for i in items if i) + "]"
    listed = match[2] == "="
    key = match[1].strip(" \t-\"'")
    in_file = not listed and not key.startswith("REGISTRY_") and key != "value"
    text = value if listed or in_file else f"'{value}'"
    new = f"{match[1]}{match[2]}{text}{match[4] or ''}"
    return (Edit(file=place.file, line=place.line, old=old, new=new),) if new != old else ()
