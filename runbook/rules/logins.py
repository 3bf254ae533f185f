"""Whose login is in question, which htpasswd file decides, and what to type: shared by the rules of this step."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.model import (
    Certainty,
    CredentialCheck,
    Entry,
    Evidence,
    EvidenceItem,
    Exchange,
    Fix,
    Htpasswd,
    ListedFile,
    LogEvent,
    Place,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic, is_authenticated, succeeded

REFUSED = (Symptom.LOGIN_401_DIRECT, Symptom.LOGIN_401, Symptom.LOGIN_WOULD_FAIL)
"""What every fault of a single entry explains: a 401 by the registry itself."""
BROKEN = (Symptom.LOGIN_400, Symptom.LOGIN_WOULD_FAIL)
"""What a file that cannot be used at all explains: 400 with an empty body."""


@dataclass(frozen=True, slots=True)
class Users:
    """Names whose login fails at the registry, and names that it accepts."""

    failing: dict[str, EvidenceItem]
    accepted: frozenset[str]

    def blame(self, name: str) -> tuple[bool, EvidenceItem | None]:
        """Whether a fault of this name's entry matters here, and what was seen of it.

        Where no login is known at all, every faulty entry matters; else only those of logins that fail.
        """
        if name in self.accepted:
            return False, None
        return (not (self.failing or self.accepted) or name in self.failing), self.failing.get(name)


def users(evidence: Evidence, stack: Stack, traffic: Traffic) -> Users:
    """Who fails and who does not, from requests, bcrypt checks and logs."""
    accepted = {
        e.credential.user
        for e in traffic.exchanges
        if e.credential and e.credential.user and is_authenticated(e) and succeeded(e) and _is_own(e.route, stack)
    }
    accepted |= {r.user for r in traffic.requests if r.logger == "registry" and r.user and 200 <= (r.status or 0) < 300}
    read = {f.file for f in files(evidence, stack)}
    accepted |= {c.user for c in evidence.checks if c.outcome == "accepted" and c.file in read and c.origin == "given"}
    failing: dict[str, EvidenceItem] = {}
    for name, item in _failures(evidence, stack, traffic):
        if name not in accepted:
            failing.setdefault(name, item)
    return Users(failing, frozenset(accepted))


def _is_own(route: str, stack: Stack) -> bool:
    """Whether a success on this route shows that the client's own login was accepted: no hop puts in another."""
    return route != "via" or not overwrites(stack)


def overwrites(stack: Stack) -> bool:
    """Whether a hop touches the login on its way or asks for one of its own: then a refusal says little of the file."""
    return any(route.edit("Authorization") or route.auth for route in stack.routes)


def _failures(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[tuple[str, EvidenceItem]]:
    for e in traffic.exchanges:
        if e.credential and e.credential.user and is_authenticated(e) and e.status in (400, 401) and e.is_api:
            if e.route == "via" and overwrites(stack):
                continue
            yield e.credential.user, EvidenceItem(what=f"{e.method} {e.url} -> {e.status}", where=str(e.source))
    for check in evidence.checks:
        if check.outcome not in ("accepted", "too-slow") and check.origin != "injected":
            if for_a_hop(check, stack, traffic):
                continue
            if any(c.outcome == "accepted" and c.user == check.user for c in evidence.checks):
                continue
            yield check.user, EvidenceItem(what=f"login of {check.user}", where=str(check.source))
    for event in traffic.logged("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed"):
        if event.user and not overwrites(stack):
            yield event.user, EvidenceItem(what=event.text, where=str(event.place))
    for message in traffic.said("unauthorized", "login-status", "invalid-username-password"):
        if message.user and message.detail in ("", "400", "401"):
            yield message.user, EvidenceItem(what=message.text, where=str(message.place))
    if evidence.target.user and traffic.seen(*REFUSED, *BROKEN):
        yield evidence.target.user, EvidenceItem(what=f"login of {evidence.target.user}", where="command line")


def files(evidence: Evidence, stack: Stack) -> tuple[Htpasswd, ...]:
    """The files that the registry may read: the one that its configuration names, else all but the proxies' own."""
    registry = stack.registry
    if registry and registry.htpasswd:
        return (registry.htpasswd,)
    if registry and registry.known and registry.auth in ("none", "token", "silly"):
        return ()
    theirs = {route.auth.user_file.rsplit("/", 1)[-1] for route in stack.routes if route.auth and route.auth.user_file}
    own = tuple(f for f in evidence.htpasswd if f.file.rsplit("/", 1)[-1] not in theirs)
    shared = registry is not None and registry.auth == "htpasswd"
    return own or (evidence.htpasswd if shared else ())


def for_a_hop(check: CredentialCheck, stack: Stack, traffic: Traffic) -> bool:
    """Whether a login was only ever shown to a hop that asks for one itself or replaces it: it may be the hop's own."""
    if check.origin != "transcript" or not overwrites(stack):
        return False
    return all(e.route == "via" for e in traffic.exchanges if e.credential and e.credential.user == check.user)


def entries(evidence: Evidence, stack: Stack) -> Iterator[tuple[Htpasswd, Entry]]:
    """The entries that decide: of each name the last one, in files whose text is UTF-8."""
    for file in files(evidence, stack):
        if not file.encoding.startswith("utf-16"):
            for entry in file.entries:
                if not entry.shadowed:
                    yield file, entry


def certainty(traffic: Traffic, symptoms: tuple[Symptom, ...]) -> Certainty:
    """Read in the file; proven when the refusal was seen as well."""
    seen = traffic.seen(*(s for s in symptoms if s is not Symptom.LOGIN_WOULD_FAIL))
    return Certainty.PROVEN if seen else Certainty.SEEN if traffic.seen(*symptoms) else Certainty.READ


def url(evidence: Evidence, traffic: Traffic) -> str:
    """The address to verify against, as the user knows it."""
    if evidence.target.registry_url:
        return evidence.target.registry_url.rstrip("/")
    for e in sorted((e for e in traffic.exchanges if e.is_api), key=lambda e: e.route != "direct"):
        return e.url.split("/v2", 1)[0]
    host = next((m.host for m in traffic.messages if m.host), None)
    return f"http://{host}" if host else "http://localhost:5000"


def verify(user: str, evidence: Evidence, traffic: Traffic) -> str:
    """The command that shows 200 when the login works; curl asks for the password itself."""
    return f"curl -sS -o /dev/null -w '%{{http_code}}\\n' -u {quoted(user)} {url(evidence, traffic)}/v2/"


def new_hash(user: str, file: str, evidence: Evidence, traffic: Traffic, summary: str) -> Fix:
    """Set the password anew as bcrypt; htpasswd asks for it, so that it stands nowhere."""
    return Fix(
        summary=summary,
        commands=(f"htpasswd -B {quoted(file)} {quoted(user)}",),
        verify=(f"htpasswd -v {quoted(file)} {quoted(user)}", verify(user, evidence, traffic)),
    )


def quoted(text: str) -> str:
    """Fit for a POSIX shell."""
    plain = text and all(c.isalnum() or c in "@%+=:,./_-" for c in text) and text.isascii()
    return text if plain else "'" + text.replace("'", "'\\''") + "'"


def at(file: Htpasswd, entry: Entry) -> str:
    """Where an entry stands."""
    return str(Place(file.file, entry.line))


def panics(traffic: Traffic) -> tuple[LogEvent, ...]:
    """Panics of a registry that speak of its htpasswd file."""
    return tuple(e for e in traffic.logged("panic-unreadable", "panic-other") if "htpasswd" in e.text + e.detail)


def items(events: tuple[LogEvent, ...] | list[LogEvent]) -> tuple[EvidenceItem, ...]:
    """Log lines as evidence, two at most."""
    return tuple(EvidenceItem(what=e.text, where=str(e.place)) for e in events[:2])


def bad_requests(traffic: Traffic) -> tuple[EvidenceItem, ...]:
    """Logins that were answered 400 with nothing in the body: the registry could not use its file."""
    found: list[Exchange] = [
        e
        for e in traffic.exchanges
        if e.status == 400 and e.credential and e.is_api and not e.body.strip() and not e.is_html
    ]
    return tuple(EvidenceItem(what=f"{e.method} {e.url} -> 400, empty body", where=str(e.source)) for e in found[:2])


def listed(evidence: Evidence, stack: Stack) -> tuple[ListedFile, ...]:
    """Rows of listings that are the htpasswd file: by the configured name, or by a telling one."""
    registry = stack.registry
    names = {p.rsplit("/", 1)[-1] for p in (registry.htpasswd_path, registry.htpasswd_host) if p} if registry else set()
    return tuple(
        f for f in evidence.listings if (n := f.path.rstrip("/").rsplit("/", 1)[-1]) in names or "htpasswd" in n
    )
