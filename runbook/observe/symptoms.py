"""Naming symptoms: each observation is asked what it shows, and what a later success settled is left out."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from runbook.model import (
    CredentialCheck,
    Evidence,
    Exchange,
    Htpasswd,
    LogEvent,
    LoggedRequest,
    Message,
    Place,
    Sighting,
    Stack,
    Symptom,
)
from runbook.numbers import whole_number
from runbook.observe.focus import Focus
from runbook.observe.notes import LOGIN_401, Notes, Source, describe, describe_logged
from runbook.observe.observation import Observation
from runbook.observe.pings import open_pings
from runbook.observe.responses import of_exchange, of_logged
from runbook.observe.routes import Routing
from runbook.observe.settled import NEEDS, Successes, ends_in_a_crash, kinds_of, successes
from runbook.observe.signature import is_registrys, is_token_service
from runbook.observe.turns import by_turns
from runbook.observe.words import EVENTS, FAILURES, FATAL, MESSAGES, STATUSES, upload_sent_on

S = Symptom


@dataclass(frozen=True, slots=True)
class Complaint:
    """A symptom with the observation that shows it; `settled` is the later success that ended it."""

    symptom: Symptom
    observation: Observation
    what: str
    settled: Observation | None = None


def complaints(
    observations: tuple[Observation, ...], stack: Stack, routing: Routing, files: tuple[Htpasswd, ...] = ()
) -> tuple[Complaint, ...]:
    """What the observations show that goes wrong, each with the later success that settled it, if any. `files`: those
    that may be the registry's, of which a nameless success cannot be that of a user whom none of them has.

    Only programs' own words count; our own probes count for what they show beyond what they provoke.
    """
    observations = tuple(o for o in observations if o.voice == "program")
    exchanges = tuple(o.record for o in observations if isinstance(o.record, Exchange))
    events = [o.record for o in observations if isinstance(o.record, LogEvent)]
    crashed = ends_in_a_crash(events)
    started = _last_start(observations)
    shown = [
        (o, _symptoms(o, exchanges, stack, routing, crashed))
        for o in observations
        if not o.own or isinstance(o.record, Exchange)
    ]
    well = successes((o for o, symptoms in shown if not symptoms), one_way=_is_one_way(stack, observations))
    found = _older_crashes(observations, crashed)
    found += [
        Complaint(symptom, o, _words(o), well.after(o, symptom) or _before_start(o, started))
        for o, symptoms in shown
        for symptom in symptoms
    ]
    found = _without_turns(_with_their_run(found), observations)
    turns = {id(e) for group in by_turns(exchanges) for e in group}
    told = tuple(
        replace(c, settled=None)
        if _is_anothers(c, files) or _of_the_other_entry(c, files) or id(c.observation.record) in turns
        else c
        for c in (*_overtaken(found), *_of_refusals(observations, found, well))
    )
    # A file that is refused is refused once: then the registry goes on with the table it had, and new users get 401.
    still = any(c.symptom is S.LOGIN_401 and c.settled is None and c.observation.witness == "registry" for c in told)
    return tuple(
        replace(c, settled=None) if still and c.symptom is S.LOGIN_400 and c.observation.witness == "registry" else c
        for c in told
    )


def _with_their_run(found: list[Complaint]) -> list[Complaint]:
    """Complaints, those of a run of ours before (saved evidence) settled together: where its user's GET /v2/ was refused
    and is served now, so are the other requests that the same run made as him at that address."""
    over = {
        (c.observation.address, c.observation.user or ""): c.settled
        for c in found
        if c.observation.own and c.observation.user and c.settled and not c.settled.own
        if (c.observation.method, c.observation.path) == ("GET", "/v2/")
    }
    return [
        replace(c, settled=over.get((c.observation.address, c.observation.user or "")))
        if c.settled is None and c.observation.own and NEEDS.get(c.symptom) == "login"
        else c
        for c in found
    ]


def _is_anothers(complaint: Complaint, files: tuple[Htpasswd, ...]) -> bool:
    """Whether a log's nameless success is somebody else's: behind a proxy or a NAT all clients look like one peer."""
    user, later = complaint.observation.user, complaint.settled
    nameless = later is not None and isinstance(later.record, LoggedRequest) and later.user is None
    return nameless and user is not None and bool(files) and all(file.lacks(user) for file in files)


def _of_the_other_entry(complaint: Complaint, files: tuple[Htpasswd, ...]) -> bool:
    """Whether a user with two entries got in with the other password: that he remembers the old one mends nothing."""
    one, other = complaint.observation.record, complaint.settled.record if complaint.settled else None
    if not (isinstance(one, Exchange) and isinstance(other, Exchange) and one.credential and other.credential):
        return False
    user, labels = one.credential.user, {one.credential.password, other.credential.password}
    twice = any(sum(e.name == user for e in file.entries) > 1 for file in files)
    return twice and other.credential.user == user and len(labels - {None}) == 2


def _without_turns(found: list[Complaint], observations: tuple[Observation, ...]) -> list[Complaint]:
    """Complaints, none of them settled by a peer of a log that is refused and let in by turns: two clients behind one
    address, or two registries behind one name. What is mended and breaks again does not do so three times an hour."""
    failed = {
        id(c.observation.record)
        for c in found
        if c.symptom in LOGIN_401.values() and c.observation.user and _peer(c.observation)
    }
    turns: dict[object, list[float]] = {}
    refused: dict[object, set[str]] = {}
    for o in observations:
        peer = _peer(o)
        if id(o.record) in failed:
            refused.setdefault(peer, set()).add(o.user or "")
        elif peer in refused and o.ok and "login" in kinds_of(o):
            for user in [u for u in refused[peer] if o.user in (None, u)]:
                refused[peer].discard(user)
                turns.setdefault((peer, user), []).append(o.when or 0.0)
    often = {key for key, times in turns.items() if any(b - a <= _SOON for a, b in zip(times, times[2:], strict=False))}
    return [
        replace(c, settled=None)
        if id(c.observation.record) in failed and (_peer(c.observation), c.observation.user) in often
        else c
        for c in found
    ]


_SOON = 3600.0
"""Seconds within which somebody who mistypes a password does not do so three times with a success after each."""


def _peer(o: Observation) -> tuple[str, str, str] | None:
    """The client of a log's line, as far as that tells; None for what is no such line."""
    r = o.record
    return (o.source.file, r.remote, r.agent) if isinstance(r, LoggedRequest) and r.remote else None


def _overtaken(found: list[Complaint]) -> list[Complaint]:
    """Complaints of clients, where the same client got further, or failed otherwise, at the same address later: what it
    met before is over, be the last word a failure of its own."""
    told = [
        c.observation for c in found if isinstance(c.observation.record, Message) and c.observation.witness == "client"
    ]
    return [replace(c, settled=_overtaken_by(c, told)) if c.settled is None else c for c in found]


def _overtaken_by(complaint: Complaint, told: list[Observation]) -> Observation | None:
    record, one = complaint.observation.record, complaint.observation
    if (
        not isinstance(record, Message)
        or not record.asked
        or complaint.symptom not in (*_ON_THE_WAY, S.NO_CREDENTIAL_SENT)
    ):
        return None
    for later in told:
        other = later.record
        if not isinstance(other, Message) or other.place.file != record.place.file:
            continue
        if other.place.loose and not record.place.loose:
            continue
        if not (other.place.era, other.asked) > (record.place.era, record.asked):  # nan is neither more nor less
            continue
        if one.address is None or later.address is None or not later.address.fits(one.address):
            continue
        further = later.login == "sent" if complaint.symptom is S.NO_CREDENTIAL_SENT else other.kind != record.kind
        if further and other.tool == record.tool:
            return later
    return None


_ON_THE_WAY = (
    S.NAME_UNKNOWN, S.UNREACHABLE, S.EMPTY_REPLY, S.TIMEOUT, S.HANDSHAKE_TIMEOUT, S.TLS_FAILED, S.SCHEME_MIXED,
)  # fmt: skip
"""What keeps a client from any response."""


def _older_crashes(observations: tuple[Observation, ...], crashed: frozenset[str | None]) -> list[Complaint]:
    """Fatal errors after which the same service started: over, with the start that shows it."""
    rows = [(o, o.record) for o in observations if isinstance(o.record, LogEvent)]
    starts = {r.service: o for o, r in rows if r.meaning == "listening"}
    return [
        Complaint(S.NOT_STARTED, o, r.text, starts[r.service])
        for o, r in rows
        if r.meaning in FATAL and r.service not in crashed and r.service in starts
    ]


def _is_one_way(stack: Stack, observations: tuple[Observation, ...]) -> bool:
    """Whether all that passes a proxy passes one site of one program, to one registry: one address was used, and no other
    site leads to that port."""
    programs = {(r.software, r.service) for r in stack.routes} | {("joxit-ui", u.service.name) for u in stack.uis}
    used = {o.address for o in observations if o.witness == "client" and o.route == "via" and o.address}
    sites: dict[frozenset[int | None], set[object]] = {}
    for route in stack.routes:
        if route.kind == "proxy" and (route.match == "regex" or "/v2/".startswith(route.path) or "/v2" in route.path):
            ports = frozenset(port for _, port in route.upstream_hosts)
            sites.setdefault(ports, set()).add((route.server_names, route.listen))
    alone = all(len(found) == 1 for found in sites.values())
    return len(programs) == 1 and len(stack.registries) == 1 and len(used) == 1 and alone


def _last_start(observations: tuple[Observation, ...]) -> Observation | None:
    """The registry's last start, where its log shows that requests came in after it."""
    starts = [o for o in observations if isinstance(o.record, LogEvent) and o.record.meaning == "listening" and o.when]
    last = max(starts, key=lambda o: o.when or 0.0, default=None)
    served = (o.when for o in observations if o.witness == "registry" and isinstance(o.record, LoggedRequest))
    if last is None or len({o.source for o in starts}) < 2:
        return None
    return last if any(when and when >= int(last.when or 0) for when in served) else None


def _before_start(o: Observation, started: Observation | None) -> Observation | None:
    """The start after which a failure that the registry logged explains nothing any more."""
    if started is None or o.when is None or o.witness != "registry" or isinstance(o.record, Exchange):
        return None
    return started if o.when < (started.when or 0.0) - 1 else None


def _of_refusals(observations: tuple[Observation, ...], found: list[Complaint], well: Successes) -> Iterator[Complaint]:
    """The registry's own words about a refused login, which belong to the access line that follows them: settled when
    that is, and a symptom of their own where no access line was kept."""
    rows: dict[str, list[tuple[int, Complaint]]] = {}
    for complaint in found:
        o = complaint.observation
        if isinstance(o.record, LoggedRequest) and o.witness == "registry" and o.source.line:
            rows.setdefault(o.source.file, []).append((o.source.line, complaint))
    for lines in rows.values():
        lines.sort(key=lambda row: row[0])
    for o in observations:
        if isinstance(o.record, LogEvent) and o.record.meaning in _REFUSALS and not o.own:
            its = _its_request(o, rows.get(o.source.file, []))
            named = (
                replace(o, user=o.user or its.observation.user, address=its.observation.address, status=401)
                if its
                else o
            )
            settled = its.settled if its else well.after(named, S.LOGIN_401)
            yield Complaint(S.LOGIN_401, named, o.record.text, settled)


def _its_request(event: Observation, lines: list[tuple[int, Complaint]]) -> Complaint | None:
    """The refused request that a message belongs to: of the same user, the nearest access line after or before it."""
    line = event.source.line or 0
    at = bisect_left(lines, line, key=lambda row: row[0])
    near = sorted(lines[max(0, at - 3) : at + 3], key=lambda row: (abs(row[0] - line), row[0] < line))
    fits = (c for number, c in near if abs(number - line) <= _NEAR and (event.user in (None, c.observation.user)))
    return next(fits, None)


_REFUSALS = ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed")
_NEAR = 12
"""Lines between a message of the registry and the access line of the same request, at most."""


def _symptoms(
    observation: Observation,
    exchanges: tuple[Exchange, ...],
    stack: Stack,
    routing: Routing,
    crashed: frozenset[str | None],
) -> list[Symptom]:
    record = observation.record
    if isinstance(record, Exchange):
        if record.at == "registry":
            return []
        if is_token_service(record, exchanges):
            return _of_token_service(record)
        if record.error:
            return [FAILURES.get(record.error, S.FAILURE)]
        return of_exchange(record, exchanges, stack) if record.status is not None else []
    if isinstance(record, LoggedRequest):
        return of_logged(record, stack)
    if isinstance(record, LogEvent):
        return _of_event(record, crashed)
    return _of_message(record, routing)


def _of_token_service(exchange: Exchange) -> list[Symptom]:
    if exchange.error or (exchange.status or 0) >= 500 or exchange.status == 404:
        return [S.TOKEN_SERVICE]
    given = exchange.credential is not None and exchange.credential.intent == "given"
    return [S.LOGIN_401] if given and exchange.status in (401, 403) else []


def _of_event(event: LogEvent, crashed: frozenset[str | None]) -> list[Symptom]:
    if event.meaning == "upstream-not-found":
        started = "emerg" not in event.text and "emerg" not in event.detail
        return [S.BAD_GATEWAY if started else S.PROXY_NOT_STARTED]
    if event.meaning in FATAL:
        return [S.NOT_STARTED] if event.service in crashed else []
    return [EVENTS[event.meaning]] if event.meaning in EVENTS else []


def _of_message(message: Message, routing: Routing) -> list[Symptom]:
    symptom = MESSAGES.get(message.kind)
    if message.kind == "login-status":
        symptom = _of_login_status(message)
    elif message.kind == "gateway":
        symptom = {"504": S.GATEWAY_TIMEOUT, "503": S.UNAVAILABLE}.get(message.detail, S.BAD_GATEWAY)
    elif message.kind == "method-unsupported":
        symptom = S.DELETE_REFUSED if "delete" in message.text.lower() or message.page else S.FAILURE
    elif message.kind == "no-such-host" and message.host and message.detail:
        elsewhere = message.detail.split(":")[0].lower() != message.host.split(":")[0].lower()
        pulled = message.call is not None and message.call.verb == "pull"
        symptom = S.NAME_UNKNOWN if not elsewhere else S.REDIRECTED if pulled else S.LOCATION_WRONG
    elif message.kind == "refused" and upload_sent_on(message):
        symptom = S.LOCATION_WRONG
    if symptom is None:
        return []
    if symptom is S.LOGIN_401 and message.kind != "token-refused":
        symptom = LOGIN_401[routing.of_host(message.host)]
    refused = message.kind == "cors" and message.detail.startswith("preflight")
    return [symptom, S.PREFLIGHT_REFUSED] if refused else [symptom]


def _of_login_status(message: Message) -> Symptom:
    status = whole_number(message.detail) or 0
    if 300 <= status < 400:
        return S.REDIRECTED
    if status == 400 and message.call and message.call.verb == "push":
        return S.UPLOAD_FAILS  # by then a login was accepted, or none was asked for
    known = {400: S.LOGIN_400, 401: S.LOGIN_401, 403: S.FORBIDDEN, 404: S.NOT_THE_API}
    return known.get(status) or STATUSES.get(status) or S.FAILURE


def _words(observation: Observation) -> str:
    record = observation.record
    if isinstance(record, Exchange):
        shown = f"({record.certificate})" if record.certificate and record.error else ""
        why = f"({record.detail})" if record.error and record.detail else ""
        return " ".join(part for part in (describe(record), why, shown) if part)
    return describe_logged(record) if isinstance(record, LoggedRequest) else record.text


def sightings(
    found: Iterable[Complaint],
    observations: tuple[Observation, ...],
    checks: tuple[CredentialCheck, ...],
    evidence: Evidence,
    stack: Stack,
    focus: Focus,
) -> tuple[Sighting, ...]:
    """The symptoms of this incident with the places where they were seen: of what is in focus and not settled, and
    what the files alone show."""
    notes = Notes()
    clients_fine = _clients_get_in(found, observations, focus)
    for complaint in found:
        if complaint.settled is None and focus.covers(complaint.observation):
            if clients_fine and _is_nameless_refusal(complaint):
                continue
            notes.add(complaint.symptom, complaint.what, complaint.observation.record)
    for symptom, what, source in (
        *_two_realms(observations),
        *_pings_open(observations, focus),
        *_pages_down(observations, focus),
        *_images_gone(observations),
        *_from_checks(observations, checks, evidence, stack, focus),
        *_from_files(observations, evidence, stack, focus),
    ):
        notes.add(symptom, what, source)
    return notes.result()


def _clients_get_in(found: Iterable[Complaint], observations: tuple[Observation, ...], focus: Focus) -> bool:
    """Whether the clients that were handed over log in, and none of them complains: then whoever else is refused in a
    log, without a name, is somebody else (registry 3 names no user that it does not know)."""
    fine = any(
        o.ok and o.login == "sent" and o.witness == "client" and o.voice == "program" and focus.covers(o)
        for o in observations
    )
    return fine and not any(
        c.settled is None and c.observation.witness in ("client", "browser") and c.symptom in _LOGINS for c in found
    )


_LOGINS = (S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA, S.LOGIN_400, S.NO_CREDENTIAL_SENT, S.FAILURE)


def _is_nameless_refusal(complaint: Complaint) -> bool:
    seen_by_log = complaint.observation.witness in ("registry", "proxy")
    return seen_by_log and complaint.observation.user is None and complaint.symptom is S.LOGIN_401


Row = tuple[Symptom, str, Source]


def _two_realms(observations: tuple[Observation, ...]) -> Iterator[Row]:
    """Two realms on one way: two logins are asked for, and one header cannot carry both.

    Of a token's challenge only the realm counts: service and scope differ from request to request.
    """
    realms: dict[tuple[str, str], dict[str, Exchange]] = {}
    for o in observations:
        e = o.record
        if isinstance(e, Exchange) and o.voice == "program" and e.status == 401 and e.is_api and e.route != "direct":
            challenge = e.header("WWW-Authenticate")
            if challenge:
                key = challenge.split(",")[0] if challenge.lower().startswith("bearer") else challenge
                realms.setdefault((str(o.address), e.method), {}).setdefault(key, e)
    for asked in realms.values():
        if len(asked) > 1:
            for challenge, e in asked.items():
                yield S.CHALLENGE_FOREIGN, f"{describe(e)}: {challenge}", e


def _pings_open(observations: tuple[Observation, ...], focus: Focus) -> Iterator[Row]:
    """A proxy's log in which a client is let in at GET /v2/ and refused after it."""
    logged = (o.record for o in observations if o.voice == "program" and not o.own and focus.covers(o))
    for ping, refused in open_pings(r for r in logged if isinstance(r, LoggedRequest)):
        yield S.PING_OPEN, describe_logged(ping), ping
        yield S.PING_OPEN, describe_logged(refused), refused


def _pages_down(observations: tuple[Observation, ...], focus: Focus) -> Iterator[Row]:
    """The UI's page, where a proxy's access log shows last that nobody answers behind it."""
    last: dict[tuple[str, str], LoggedRequest] = {}
    for o in observations:
        if isinstance(o.record, LoggedRequest) and o.voice == "program" and o.witness == "proxy" and focus.page.has(o):
            last[o.source.file, str(o.address)] = o.record
    for request in last.values():
        if request.status in (502, 503, 504):
            yield STATUSES[request.status], describe_logged(request), request


def _images_gone(observations: tuple[Observation, ...]) -> Iterator[Row]:
    """A catalog that lost names after a container was re-created, within one record."""
    recreated = [
        o.source for o in observations if isinstance(o.record, Message) and o.record.kind == "container-recreated"
    ]
    catalogs = [
        (o.record, names)
        for o in observations
        if isinstance(o.record, Exchange)
        and o.path == "/v2/_catalog"
        and (names := _repositories(o.record)) is not None
    ]
    for (before, had), (after, has) in pairwise(catalogs):
        one, other = before.source, after.source
        between = any(one.file == r.file and (one.line or 0) < (r.line or 0) < (other.line or 0) for r in recreated)
        if between and one.file == other.file and (gone := had - has):
            yield S.IMAGES_GONE, f"{', '.join(sorted(gone)[:3])}: in the catalog before, not after", after


def _repositories(exchange: Exchange) -> frozenset[str] | None:
    """The names in a response of the catalog; None where it is none."""
    try:
        data = json.loads(exchange.body)
        return frozenset(map(str, data["repositories"] or ()))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _from_checks(
    observations: tuple[Observation, ...],
    checks: tuple[CredentialCheck, ...],
    evidence: Evidence,
    stack: Stack,
    focus: Focus,
) -> Iterator[Row]:
    """A login in question that bcrypt refuses against the registry's own file."""
    read = stack.registry.htpasswd.file if stack.registry and stack.registry.htpasswd else None
    accepted = [
        o.record.credential for o in observations if isinstance(o.record, Exchange) and o.ok and o.login == "sent"
    ]
    works = {c.password for c in accepted if c}
    users = {c.user for c in accepted if c}
    for check in checks:
        if read is None and check.file in stack.others_files:
            continue
        if check.outcome in ("accepted", "too-slow") or check.origin == "injected" or (read and check.file != read):
            continue
        if check.origin == "stored" and not any(map(focus.uses_login, evidence.stored(check))):
            continue
        if focus.only and check.user not in focus.users:
            continue
        if read is None and any(c.outcome == "accepted" and c.user == check.user for c in checks):
            continue
        if check.password in works or (check.origin == "transcript" and check.user in users):
            continue
        what = f"{check.user}'s password against {check.file}: {check.outcome.replace('-', ' ')}"
        yield S.LOGIN_WOULD_FAIL, what, check


def _from_files(observations: tuple[Observation, ...], evidence: Evidence, stack: Stack, focus: Focus) -> Iterator[Row]:
    clients = (o for o in observations if o.witness == "client" and o.ok and o.voice == "program")
    ran = any(o.address and not o.address.is_hosted and focus.speaks_of(o.address) for o in clients)
    for place, sentence in evidence.compose.refused if evidence.compose and not ran else ():
        yield S.COMPOSE_REFUSED, sentence, place
    started = any(isinstance(o.record, LogEvent) and o.record.meaning == "listening" for o in observations) or any(
        isinstance(o.record, Exchange) and is_registrys(o.record) for o in observations
    )
    for registry in stack.registries:
        for error in registry.start_errors if not started else ():
            yield S.NOT_STARTED, error.message, error.place or Place(registry.name)
