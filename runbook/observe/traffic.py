"""What was seen of the stack in action: requests, logs and messages with routes named, focus set and symptoms drawn."""

import re
from collections.abc import Iterator
from dataclasses import replace

from runbook.model import (
    CredentialCheck,
    Evidence,
    Exchange,
    Htpasswd,
    LogEvent,
    LogFile,
    LoggedRequest,
    Meaning,
    Message,
    MessageKind,
    Route,
    Sighting,
    Stack,
    Symptom,
)
from runbook.observe.address import address_of
from runbook.observe.focus import Focus, focus_of
from runbook.observe.observation import Observation, is_nginxs, of_event, of_exchange, of_logged, of_message
from runbook.observe.passages import Change, Passage, named_by_clients, passages
from runbook.observe.routes import Routing
from runbook.observe.signature import is_foreign
from runbook.observe.symptoms import Complaint, complaints, sightings
from runbook.observe.tapped import events, requests
from runbook.observe.turns import by_turns


class Traffic:
    """A view over evidence and stack; derived, never saved.

    `exchanges`, `requests`, `events` and `messages` are what counts now: programs' own words, without what our own
    earlier runs left in the logs and without failures that a later success of the same subject settled.
    `observations` is all of it, `settled` what was left out for that reason.
    """

    def __init__(self, evidence: Evidence, stack: Stack) -> None:
        self.routing = routing = Routing(evidence, stack)
        asked = tuple(replace(e, route=routing.of(e)) if e.at == "client" else e for e in _meant(evidence))
        tapped = tuple(e for e in asked if e.at == "registry")
        logged = (*(r for log in evidence.logs for r in log.requests), *requests(tapped))
        told = (*_timed(evidence), *events(tapped))
        self.page_calls_out = stack.ui is not None and stack.ui.mode == "browser"
        """Whether the UI's page is known to call the registry itself, not through its own address."""
        self.observations: tuple[Observation, ...] = (
            *map(of_exchange, asked),
            *map(of_logged, logged),
            *map(of_event, told),
            *_dated(asked, [of_message(m, routing.of_host(m.host)) for m in evidence.messages]),
        )
        old = _put_away(evidence)
        if _has_files(evidence) or any(o.source.file not in old for o in self.observations):
            self.observations = tuple(
                replace(o, voice="document") if o.source.file in old else o for o in self.observations
            )
            self.logs: tuple[LogFile, ...] = tuple(log for log in evidence.logs if log.file not in old)
        else:
            self.logs = evidence.logs
        self.passages: tuple[Passage, ...] = passages(self.observations)
        """Requests that two witnesses saw: before a proxy and after it."""
        direct = named_by_clients(self.observations)
        whose = {id(p.after.record): p.before.user for p in self.passages if p.after.user is None}
        self.observations = tuple(
            replace(o, user=own.user, address=o.address or own.address)
            if (own := direct.get(id(o.record)))
            else replace(o, user=user)
            if (user := whose.get(id(o.record)))
            else o
            for o in self.observations
        )
        found = complaints(self.observations, stack, routing, _read_here(evidence, stack))
        self.complaints: tuple[Complaint, ...] = found
        self.focus: Focus = focus_of(
            evidence, stack, self.observations, (c.observation for c in found if c.settled is None)
        )
        over = _only_settled(found)
        self.settled: tuple[Complaint, ...] = tuple(c for c in found if id(c.observation.record) in over)
        over |= {id(o.record) for o in self.observations if self.focus.leaves_out(o)}
        self._now = now = {id(o.record) for o in self.observations if o.voice == "program" and id(o.record) not in over}
        ours = {id(o.record) for o in self.observations if o.own}
        self.exchanges: tuple[Exchange, ...] = tuple(e for e in asked if e.at == "client" and id(e) in now)
        """Recorded and live, each with its route named where it can be told."""
        self.by_turns: tuple[tuple[Exchange, ...], ...] = by_turns(self.exchanges)
        """Requests that are accepted and refused by turns: more than one server answers."""
        self.arrived: tuple[Exchange, ...] = tapped
        """What a tap before the registry saw."""
        self.requests: tuple[LoggedRequest, ...] = tuple(r for r in logged if id(r) in now and id(r) not in ours)
        """Of all logs, and what a tap saw: it is what the registry's log would say."""
        self.events: tuple[LogEvent, ...] = tuple(e for e in told if id(e) in now and id(e) not in ours)
        self.messages: tuple[Message, ...] = tuple(m for m in evidence.messages if id(m) in now)
        self.checks: tuple[CredentialCheck, ...] = tuple(_own_checks(evidence, stack, self.observations, self.focus))
        """Logins that were compared with a password file, without those that were typed for another registry alone."""
        self.sightings: tuple[Sighting, ...] = sightings(
            found, self.observations, self.checks, evidence, stack, self.focus
        )
        """The symptoms that were seen, with where."""

    def seen(self, *symptoms: Symptom) -> tuple[Symptom, ...]:
        """Those of the given symptoms that were seen; all seen ones when none is given."""
        return tuple(o.symptom for o in self.sightings if not symptoms or o.symptom in symptoms)

    def on(self, route: Route, *, authenticated: bool | None = None, status: int | None = None) -> tuple[Exchange, ...]:
        """API exchanges of a route; `authenticated`: with a login that was not wrong on purpose / with none at all."""
        return tuple(
            e
            for e in self.exchanges
            if e.route == route
            and e.is_api
            and (status is None or e.status == status)
            and (authenticated is None or (is_authenticated(e) if authenticated else is_anonymous(e)))
        )

    def works(self, route: Route) -> Exchange | None:
        """A request with a login that was accepted (2xx by the registry's API) on that route, if any."""
        return next((e for e in self.on(route, authenticated=True) if succeeded(e)), None)

    def refused(self, route: Route) -> Exchange | None:
        """A request with a login (not wrong on purpose) that got 401 on that route, if any."""
        return next((e for e in self.on(route, authenticated=True) if e.status == 401), None)

    def logged(self, *meanings: Meaning) -> tuple[LogEvent, ...]:
        """Log events of those meanings."""
        return tuple(e for e in self.events if e.meaning in meanings)

    def said(self, *kinds: MessageKind) -> tuple[Message, ...]:
        """Messages of those kinds."""
        return tuple(m for m in self.messages if m.kind in kinds)

    def passed(self, change: Change) -> Passage | None:
        """A refused request whose credentials a proxy changed in that way, unless others were seen to pass unchanged."""
        refused = [p for p in self.passages if p.before.status == 401 and id(p.before.record) in self._now]
        kept = {p.before.user for p in self.passages if p.change == "kept"}
        return next((p for p in refused if p.change == change and p.before.user not in kept), None)

    @property
    def login_works(self) -> bool:
        """Whether a login was seen to work anywhere: in a request, in a client's own words, in a log."""
        return bool(
            any(is_authenticated(e) and succeeded(e) for e in self.exchanges)
            or self.said("login-ok")
            or any(r.user and r.status and r.status < 300 for r in self.requests)
        )


def _read_here(evidence: Evidence, stack: Stack) -> tuple[Htpasswd, ...]:
    """The password file that the registry reads, else all that no other program is known to read."""
    file = stack.registry.htpasswd if stack.registry else None
    return (file,) if file else tuple(h for h in evidence.htpasswd if h.file not in stack.others_files)


def _own_checks(
    evidence: Evidence, stack: Stack, observations: tuple[Observation, ...], focus: Focus
) -> Iterator[CredentialCheck]:
    for check in evidence.checks:
        if check.origin != "let-in" and _is_of_this_registry(check, stack, observations, focus):
            yield check


def _is_of_this_registry(
    check: CredentialCheck, stack: Stack, observations: tuple[Observation, ...], focus: Focus
) -> bool:
    """Whether a login of a transcript may have been meant for the registry whose file it was compared with: not one that
    was sent to another name of the DNS alone, beside names by which clients or the proxy's sites know this one, and not
    to another port of the machine on which it runs."""
    if check.origin != "transcript":
        return True
    pair = check.user, check.password
    asked = {o.address for o in observations if o.address and typed_login(o.record) == pair}
    doors = _doors_of_host(stack)
    sent = {a for a in asked if not (a.is_loopback and doors and a.port not in doors)}
    if asked and not sent:
        return False
    sites = {name.lower() for route in stack.routes for name in route.server_names}
    named = {a.host for a in focus.used if a.is_full}
    return not sent or any(
        focus.speaks_of(a) is not False and (not a.is_full or a.host in sites or named <= {a.host}) for a in sent
    )


def _doors_of_host(stack: Stack) -> frozenset[int | None]:
    """The ports by which this machine reaches a registry that runs on it without a container and takes no connection from
    elsewhere: its own and those of the proxies that were read. Empty where it is not known to be so."""
    registry = stack.registry
    bound = address_of(str(registry.value("http.addr") or "")) if registry and registry.service is None else None
    if registry is None or bound is None or not bound.is_within or registry.ports:
        return frozenset()
    return frozenset({bound.port, *(port for route in stack.routes for port in route.listen)})


def typed_login(record: object) -> tuple[str | None, str | None] | None:
    """User and label of the password that a request or a client's command showed; None where it showed none."""
    if isinstance(record, Exchange):
        return (record.credential.user, record.credential.password) if record.credential else None
    return (record.user, record.password) if isinstance(record, Message) else None


def _meant(evidence: Evidence) -> Iterator[Exchange]:
    """All requests. A password that says of itself that it is wrong was a test where another login was tried at that
    address or accepted; where it was the only one, it may be what somebody typed."""
    tried = {address_of(e.url) for e in evidence.exchanges if e.credential and e.credential.intent != "wrong"}
    tried |= {address_of(m.host) for m in evidence.messages if m.kind == "login-ok"}
    served = any(r.user and r.status and r.status < 300 for log in evidence.logs for r in log.requests)
    for e in evidence.exchanges:
        alone = e.credential is not None and e.credential.intent == "wrong" and not (served or None in tried)
        if alone and not of_exchange(e).own and address_of(e.url) not in tried:
            yield replace(e, credential=replace(e.credential, intent="unknown")) if e.credential else e
        else:
            yield e


def _timed(evidence: Evidence) -> Iterator[LogEvent]:
    """The events of all logs. nginx and Apache write errors without a zone: that of an access log beside them is taken."""
    offset = next((log.utc_offset for log in evidence.logs if log.utc_offset is not None), 0.0)
    for log in sorted(evidence.logs, key=lambda log: -_rotation(log.file)):
        for event in log.events:
            zoned = event.when is None or not event.meaning.startswith(("upstream-", "proxy-", "body-", "entrypoint-"))
            zoned = zoned and not is_nginxs(event)
            shift = 0.0 if zoned or log.kind in ("registry", "caddy", "haproxy") else (log.utc_offset or offset)
            yield replace(event, when=event.when - shift) if shift and event.when is not None else event


def _dated(asked: tuple[Exchange, ...], told: list[Observation]) -> Iterator[Observation]:
    """What clients printed, each no earlier than the last dated answer above it in the same transcript."""
    rows: dict[str, list[tuple[int, float]]] = {}
    for e in asked:
        if e.made is not None and e.source.line and not e.source.loose and not e.source.era:
            rows.setdefault(e.source.file, []).append((e.source.line, e.made))
    for o in told:
        above = [made for line, made in rows.get(o.source.file, ()) if line < (o.source.line or 0)]
        plain = o.when is None and not o.source.loose and not o.source.era
        yield replace(o, since=max(above)) if above and plain else o


def _put_away(evidence: Evidence) -> frozenset[str]:
    """Logs that were rotated away or kept as a copy: what they tell is from before."""
    return frozenset(log.file for log in evidence.logs if _rotation(log.file))


def _has_files(evidence: Evidence) -> bool:
    return bool(evidence.compose or evidence.registry_files or evidence.htpasswd or evidence.routes)


def _rotation(file: str) -> int:
    """How old a rotated log is: registry.log.2 is older than registry.log.1, and that than registry.log."""
    rotated = re.search(r"\.(\d{1,3})(?:\.gz)?$|[.-](old|bak|prev|previous)\b", file)
    return 0 if rotated is None else int(rotated[1] or 1)


def _only_settled(found: tuple[Complaint, ...]) -> frozenset[int]:
    """Records all of whose symptoms are settled."""
    open_ones = {id(c.observation.record) for c in found if c.settled is None}
    return frozenset(id(c.observation.record) for c in found) - open_ones


def is_authenticated(exchange: Exchange) -> bool:
    """Whether the request carried a login that was meant to be right."""
    return exchange.credential is not None and exchange.credential.intent != "wrong"


def is_anonymous(exchange: Exchange) -> bool:
    """Whether it is known that the request carried no login."""
    return exchange.credential is None and exchange.login_known


def succeeded(exchange: Exchange) -> bool:
    """Whether the registry's API answered the request as asked: 2xx, no web page, nobody else's answer."""
    return (
        exchange.status is not None
        and 200 <= exchange.status < 300
        and not exchange.is_html
        and not is_foreign(exchange)
    )
