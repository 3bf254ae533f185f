"""Whose credentials are in question, which htpasswd file decides, and what to type: shared by the rules of this step."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from runbook.model import (
    PROBE_USER,
    Command,
    CredentialCheck,
    Entry,
    EvidenceItem,
    Exchange,
    Htpasswd,
    ListedFile,
    LogEvent,
    Meaning,
    Place,
    Registry,
    Stack,
    Subject,
    Symptom,
    command,
)
from runbook.observe.address import Address, address_of
from runbook.observe.signature import from_registry
from runbook.observe.traffic import is_authenticated, succeeded
from runbook.once import once
from runbook.rules.authorization_traces import came_through
from runbook.rules.base import Facts
from runbook.rules.evidence import Item, computed, context, said, seen
from runbook.rules.hops import api_routes

REFUSED = (Symptom.LOGIN_401_DIRECT, Symptom.LOGIN_401, Symptom.LOGIN_WOULD_FAIL)
"""What every fault of a single entry explains: a 401 by the registry itself."""
BROKEN = (Symptom.LOGIN_400, Symptom.LOGIN_WOULD_FAIL)
"""What a file that cannot be used at all explains: 400 with an empty body."""
STOPPED = (Symptom.NOT_STARTED, Symptom.UNREACHABLE, Symptom.EMPTY_REPLY)
"""What a registry that ends at its start explains."""
_REFUSALS: tuple[Meaning, ...] = ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed")
_KEPT = 2
"""Observations cited per user."""


# ---- whose login fails -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Users:
    """Names whose login fails at the registry with what shows it, and names that it accepts."""

    failing: dict[str, tuple[EvidenceItem, ...]]
    accepted: frozenset[str]
    nameless: tuple[EvidenceItem, ...]
    """Refused logins whose source names no user."""
    elsewhere: bool = False
    """Whether the refusals that were seen are another service's."""

    def blamed(self, name: str) -> bool:
        """Whether a fault of this name's entry matters here.

        Where no login is known at all, every faulty entry matters; else only those of logins that fail.
        """
        nobody = not (self.failing or self.accepted or self.elsewhere)
        return name not in self.accepted and (name in self.failing or nobody)

    def observed(self, name: str | None = None) -> tuple[EvidenceItem, ...]:
        """The refused requests, log lines and client messages of that user (None: of anybody), two at most.

        Those that name no user count where none names this one.
        """
        named = self.failing.get(name, ()) if name else [i for items in self.failing.values() for i in items]
        return tuple(([i for i in named if i.cited in ("said", "seen")] or [*self.nameless])[:_KEPT])

    def cited(self, name: str) -> tuple[EvidenceItem, ...]:
        """What shows that this login fails: a bcrypt check and what was observed; empty when it is not blamed."""
        if not self.blamed(name):
            return ()
        items = self.failing.get(name, ())
        checks = [i for i in items if i.cited == "computed"]
        return (*checks[:1], *(self.observed(name) or (items[:1] if not checks else ())))


@once
def users(facts: Facts) -> Users:
    """Who fails and who does not, from requests, bcrypt checks, logs and messages."""
    traffic = facts.traffic
    refused = _refused_at(facts)
    accepted = {
        e.credential.user
        for e in traffic.exchanges
        if e.credential and e.credential.user and is_authenticated(e) and succeeded(e) and _is_own(e.route, facts)
        if not _at_another_server(e, refused)
    }
    if Symptom.OPEN_DIRECT in traffic.seen():
        accepted = set()  # an open registry accepts everybody, which says nothing of the entry
    accepted |= {r.user for r in traffic.requests if r.logger == "registry" and r.user and 200 <= (r.status or 0) < 300}
    read = {f.file for f in files(facts)}
    accepted |= {c.user for c in facts.checks if c.outcome == "accepted" and c.file in read and c.origin == "given"}
    accepted -= {group[0].credential.user for group in traffic.by_turns if group[0].credential}
    failing: dict[str, list[EvidenceItem]] = {}
    # Whom a proxy put in the client's place, and whom nobody here asked for, are not the ones who cannot log in.
    strangers = {p.after.user for p in traffic.passages if p.change in ("replaced", "added")}
    for name, item in _failures(facts):
        if item is not None and name not in accepted and name not in strangers:
            kept = failing.setdefault(name, [])
            if item not in kept and sum(i.cited == item.cited for i in kept) < _KEPT:
                kept.append(item)
    nameless = tuple(failing.pop("", ()))
    found = {name: tuple(items) for name, items in failing.items()}
    return Users(found, frozenset(accepted), nameless, elsewhere=not nameless and _refused_elsewhere(facts))


def _refused_at(facts: Facts) -> dict[str, set[Address]]:
    """User → addresses at which a login of that name is still refused."""
    found: dict[str, set[Address]] = {}
    for c in facts.traffic.complaints:
        o = c.observation
        if c.settled is None and c.symptom in REFUSED and o.user and o.address and facts.focus.covers(o):
            found.setdefault(o.user, set()).add(o.address)
    return found


def _at_another_server(success: Exchange, refused: dict[str, set[Address]]) -> bool:
    """Whether that user is refused, and nowhere that may be the server of this success."""
    at, asked = address_of(success.url), refused.get(success.credential.user or "") if success.credential else None
    return at is not None and bool(asked) and not any(at.may_be(a) for a in asked or ())


def refusals(facts: Facts, user: str | None = None) -> tuple[EvidenceItem, ...]:
    """What was observed of that user's refused login (None: of anybody's) as citations, two at most."""
    return users(facts).observed(user)


def _is_own(route: str, facts: Facts) -> bool:
    """Whether a success on this route shows that the client's own login was accepted: no hop puts in another."""
    return route != "via" or not overwrites(facts)


@once
def overwrites(facts: Facts) -> bool:
    """Whether a proxy changes the credentials of API requests or asks for its own: then a refusal says little of the file."""
    return not came_through(facts.traffic) and any(
        route.edit("Authorization") or route.auth for route in api_routes(facts)
    )


def _failures(facts: Facts) -> Iterator[tuple[str, Item]]:
    """The logins that failed at the registry: name ("" where the source names none) and citation."""
    evidence, stack, traffic = facts.evidence, facts.stack, facts.traffic
    changed = overwrites(facts)
    for e in traffic.exchanges:
        failed = e.status in (400, 401) and e.is_api and is_authenticated(e) and _is_own(e.route, facts)
        failed = failed and not _is_of_another_service(e, stack)
        if failed and e.credential and (e.credential.user or e.credential.scheme.lower() == "basic"):
            yield e.credential.user or "", seen(e)
    accepted = {c.user for c in facts.checks if c.outcome == "accepted"}
    for check in facts.checks:
        if check.origin == "stored" and not any(map(facts.focus.uses_login, evidence.stored(check))):
            continue
        failed = check.outcome not in ("accepted", "too-slow") and check.origin != "injected"
        if failed and check.user not in accepted and not for_a_hop(check, facts):
            outcome = check.outcome.replace("-", " ")
            yield check.user, computed(f"the login of {check.user} against {check.file}: {outcome}", check.source)
    for event in traffic.logged(*_REFUSALS) if not changed else ():
        if event.user and event.user != PROBE_USER and event.user not in facts.focus.scanned:
            yield event.user, said(event)
    for request in traffic.requests if not changed else ():
        refused = request.status == 401 and request.meaning in _REFUSALS and not request.answered_later
        if refused and not request.user and not sends_empty_login(request.agent):
            yield "", said(request)
    for message in traffic.said("unauthorized", "login-status", "invalid-username-password"):
        host = address_of(message.host or "")
        if host is not None and (host.is_hosted or facts.focus.speaks_of(host) is False):
            continue
        if message.detail in ("", "400", "401") and message.voice == "program" and (message.user or not changed):
            yield message.user or "", said(message)
    if evidence.target.user and traffic.seen(*REFUSED, *BROKEN):
        yield evidence.target.user, context(f"login of {evidence.target.user}", "command line")


def _refused_elsewhere(facts: Facts) -> bool:
    """Whether another service, or Docker Hub, refused a login."""
    asked = (e for e in facts.traffic.exchanges if e.status == 401 and e.is_api and is_authenticated(e))
    told = facts.traffic.said("unauthorized", "login-status", "invalid-username-password")
    hosts = (address_of(m.host or "") for m in told)
    return any(_is_of_another_service(e, facts.stack) for e in asked) or any(a and a.is_hosted for a in hosts)


def _is_of_another_service(exchange: Exchange, stack: Stack) -> bool:
    """Whether a 401 was written by a service that is not this registry: another product, or another kind of login than
    the one that is configured here."""
    if from_registry(exchange) is False:
        return True
    registry, challenge = stack.registry, exchange.header("WWW-Authenticate") or ""
    return registry is not None and registry.auth == "htpasswd" and challenge.lower().startswith("bearer")


def sends_empty_login(agent: str) -> bool:
    """skopeo and its kin send an empty user and password when they have none; ours asks with a wrong one on purpose."""
    return agent.startswith(("registry-runbook", "skopeo/", "containers/", "podman/", "buildah/", "Buildah/"))


def for_a_hop(check: CredentialCheck, facts: Facts) -> bool:
    """Whether a login was only ever shown to a proxy that asks for one itself or replaces it: it may be the proxy's own, but
    where the proxy's file has that user with another password as well."""
    if check.origin != "transcript" or not overwrites(facts):
        return False
    asked = {route.auth.user_file.rpartition("/")[2] for route in api_routes(facts) if route.auth} - {""}
    pair = [c for c in facts.checks if (c.user, c.password) == (check.user, check.password)]
    theirs = [c.outcome for c in pair if c.file.rpartition("/")[2] in asked]
    if theirs and set(theirs) == {"mismatch"}:
        return False
    return all(e.route == "via" for e in facts.traffic.exchanges if e.credential and e.credential.user == check.user)


def user_in_question(facts: Facts) -> str | None:
    """The user to type into commands: the one asked about, else one whose login failed, else the only one known."""
    if facts.evidence.target.user:
        return facts.evidence.target.user
    known = users(facts)
    names = {e.name for file in files(facts) for e in file.entries}
    only = names.pop() if len(names) == 1 else None
    return next(iter(known.failing), None) or min(known.accepted, default=None) or only


def somebody(facts: Facts) -> str | None:
    """A user to try a login with: the one in question, else the first that anybody speaks of."""
    listed = (e.name for file in facts.evidence.htpasswd for e in file.entries if e.name)
    served = (r.user for r in facts.traffic.requests if r.user and (r.status or 500) < 300 and "/v2" in r.uri)
    return user_in_question(facts) or next(chain(facts.focus.users, served, listed), None)


# ---- which file decides ----------------------------------------------------------------------------------


def files(facts: Facts) -> tuple[Htpasswd, ...]:
    """The files that the registry may read: the one that its configuration names, else all but those of other programs. Both
    may read one of that name, unless a mount says that the registry's lies elsewhere."""
    evidence, registry = facts.evidence, facts.stack.registry
    if registry and registry.htpasswd:
        return (registry.htpasswd,)
    if registry and registry.known and registry.auth in ("token", "silly"):
        return ()
    if registry and registry.known and registry.auth == "none" and not _mounts_one(registry):
        return ()
    shared = registry is not None and registry.auth == "htpasswd" and registry.htpasswd_host is None
    named = posixpath.basename(registry.htpasswd_path or "") if registry and shared else ""
    return facts.htpasswds or tuple(f for f in evidence.htpasswd if named and posixpath.basename(f.file) == named)


def _mounts_one(registry: Registry) -> bool:
    """Whether an htpasswd file is mounted into a registry that does not ask for credentials yet: it is meant to."""
    return any("htpasswd" in f"{m.target}{m.source}" or m.target.rstrip("/") == "/auth" for m in registry.mounts)


def entries(facts: Facts) -> Iterator[tuple[Htpasswd, Entry]]:
    """The entries that decide: of each name the last one whose hash was not blacked out, in files whose text is UTF-8."""
    for file in files(facts):
        if not file.encoding.startswith("utf-16"):
            for entry in file.entries:
                if not (entry.shadowed or entry.hidden):
                    yield file, entry


def at(file: Htpasswd, entry: Entry) -> Place:
    """Where an entry is."""
    return Place(file.file, entry.line)


def registry_subject(facts: Facts) -> Subject:
    """What a fault of the whole file is about: the registry's service."""
    registry = facts.stack.registry
    return Subject(service=registry.service.name if registry and registry.service else "")


def listed(facts: Facts) -> tuple[ListedFile, ...]:
    """Rows of listings that are the htpasswd file: by the configured name, or by a telling one."""
    registry = facts.stack.registry
    names = {p.rsplit("/", 1)[-1] for p in (registry.htpasswd_path, registry.htpasswd_host) if p} if registry else set()
    return tuple(
        f for f in facts.evidence.listings if (n := f.path.rstrip("/").rsplit("/", 1)[-1]) in names or "htpasswd" in n
    )


# ---- observations of a file that cannot be used ----------------------------------------------------------


def panics(facts: Facts) -> tuple[LogEvent, ...]:
    """Panics of a registry that speak of its htpasswd file."""
    return tuple(e for e in facts.traffic.logged("panic-unreadable", "panic-other") if "htpasswd" in e.text + e.detail)


def lines(events: Iterable[LogEvent]) -> tuple[Item, ...]:
    """Log lines as citations, two at most."""
    return tuple(said(e) for e in tuple(events)[:_KEPT])


def bad_requests(facts: Facts) -> tuple[Item, ...]:
    """Logins that got 400 with nothing in the body, and clients' messages of a 400, two at most."""
    sent = [e for e in facts.traffic.exchanges if e.status == 400 and e.credential and e.is_api]
    found = [seen(e, ", empty body") for e in sent if not e.body.strip() and not e.is_html]
    found += [said(m) for m in facts.traffic.said("login-status") if m.detail == "400"]
    return tuple(found[:_KEPT])


# ---- what to type ----------------------------------------------------------------------------------------


def url(facts: Facts) -> str:
    """The address to verify against, as the user knows it; plain text, for `command.url`."""
    told = next((a for a in facts.focus.addresses if not a.is_loopback), None) if not facts.focus.used else None
    return (
        _seen_url(facts)
        or (f"{'https' if told.port in (443, None) else 'http'}://{told}" if told else "")
        or _published_url(facts.stack.registry)
    )


def _is_tls_door(facts: Facts, host: str) -> bool:
    """Whether a proxy that runs on a host, whose file is at hand, speaks TLS at that address's port."""
    at = address_of(host)
    doors = [r for r in facts.stack.routes if r.service is None and at and at.port in r.listen]
    return bool(doors) and all(r.tls for r in doors)


def _seen_url(facts: Facts) -> str:
    evidence, traffic = facts.evidence, facts.traffic
    if evidence.target.registry_url:
        return evidence.target.registry_url.rstrip("/")
    told = (e for e in traffic.exchanges if e.is_api and address_of(e.url) is not None)
    for e in sorted(told, key=lambda e: (e.status != 401 or not is_authenticated(e), e.route != "direct")):
        return e.url.split("/v2", 1)[0]
    for message in traffic.messages:
        if message.host:
            door = f"http://{message.host}" not in message.text and _is_tls_door(facts, message.host)
            return f"{'https' if door or f'https://{message.host}' in message.text else 'http'}://{message.host}"
    host = next((r.host for r in traffic.requests if r.logger == "registry" and r.host), "")
    registry = facts.stack.registry
    if "." not in host and registry is not None and any(p.published for p in registry.ports):
        return ""  # a name that only the containers know
    return f"{_scheme(facts.stack.registry)}://{host}" if host else ""


def _scheme(registry: Registry | None) -> str:
    """What the registry itself speaks, as far as its settings tell."""
    return "https" if registry and registry.value("http.tls.certificate") else "http"


def _published_url(registry: Registry | None) -> str:
    port = next((p.published for p in registry.ports if p.published), None) if registry else None
    if registry and port is None and (registry.service is None or registry.service.network_mode == "host"):
        port = registry.listens
    return f"{_scheme(registry)}://localhost:{port or 5000}"


def verify(facts: Facts, user: str | None = None) -> Command:
    """The request that gets 200 when the login works; curl asks for the password itself. No user: the one in question."""
    return login_request(facts, user)


def login_request(
    facts: Facts,
    user: str | None,
    base: str = "",
    *,
    path: str = "/v2/",
    shown: str = "%{http_code}\\n",
    expect: str = "200",
) -> Command:
    """`verify` at another address or path, or with more of the response shown than its status."""
    name, address = command.user(user or somebody(facts)), command.url(base or url(facts), path)
    return command.sh("curl", "-sS", "-o", "/dev/null", "-w", shown, "-u", name, address, expect=expect)
