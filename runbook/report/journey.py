"""The request on its path, arrow by arrow: what became of the Authorization header, and what shows it. The picture's data."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from runbook.judge import Run
from runbook.judge.edited import UnreadableError, edited
from runbook.model import Credential, Exchange, HeaderEdit, LoggedRequest, Place, ProxyRoute
from runbook.observe.notes import cite
from runbook.observe.signature import from_registry
from runbook.observe.traffic import is_authenticated
from runbook.parse import ParseError
from runbook.report.hops import Hop, hops
from runbook.rules.authorization_traces import MISMATCH, NO_CREDENTIALS, replaces, strips
from runbook.rules.base import Facts
from runbook.rules.hops import api_routes
from runbook.stack import build
from runbook.stack.choose import choose
from runbook.stack.foretell import Request
from runbook.urls import urlsplit

State = Literal["sent", "changed", "gone", "none", "unknown", "good", "bad"]
"""Of the header on an arrow, or of an answer: good, bad."""
_PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            413: "Content Too Large", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}  # fmt: skip
_ABSENT = "no Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One arrow. `cite` says where it was seen or read; "" only for what is predicted or not known."""

    sender: int
    receiver: int
    text: str
    header: str = ""
    state: State = "unknown"
    chip: State | None = None
    """Of the header, where it is not that of the arrow."""
    note: str = ""
    """What happened to the header at the sender, in words."""
    cite: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """A request and its answer through the stations."""

    title: str
    stations: tuple[Hop, ...]
    legs: tuple[Leg, ...]
    predicted: bool = False


def journeys(run: Run) -> tuple[Journey, ...]:
    """As it is, and, where the fix's edits were predicted to help, as it would be. None where nothing is known of any request."""
    before = journey(run)
    after = _after(run) if before else None
    return tuple(j for j in (before, after) if j)


def journey(run: Run) -> Journey | None:
    """The request that shows the verdict best, on its path."""
    shown = _shown(run)
    stations = hops(run)
    if shown is None:
        return _as_written(run, stations)
    if isinstance(shown, Exchange) and shown.route == "direct":
        stations = tuple(s for s in stations if s.kind != "proxy")
    legs = tuple(_legs(run, shown, stations))
    return Journey("Seen" if run.diagnosis.verdict != "fault" else "Before the fix", stations, legs)


def _as_written(run: Run, stations: tuple[Hop, ...]) -> Journey | None:
    """What the files would make of a login, where nothing was seen happening; no answer is drawn then."""
    if run.diagnosis.verdict != "fault" or not run.evidence.files or run.stack.registry is None:
        return None
    legs = tuple(
        replace(leg, text="the hash is compared", state="bad" if stations[leg.receiver].state == "bad" else "unknown")
        if stations[leg.receiver].kind == "file"
        else leg
        for leg in tuple(_legs(run, _login(run), stations))[:-1]
    )
    return Journey("As the files say: no request was seen", stations, legs, predicted=True)


def _login(run: Run) -> Exchange:
    """A login as it would be sent; nobody saw it."""
    user = next(iter(run.traffic.focus.users), None)
    return Exchange(
        source=Place(""), method="GET", url="/v2/", status=200, credential=Credential(scheme="Basic", user=user)
    )


def _shown(run: Run) -> Exchange | LoggedRequest | None:
    """The refused login first, then a failed request that the verdict cites, any that failed, a login that worked, what a
    log tells, and any request of the API."""
    traffic = run.traffic
    for route in ("via", "direct", "unknown"):
        if refused := traffic.refused(route):
            return refused
    asked = [e for e in traffic.exchanges if e.is_api and e.method in ("GET", "HEAD", "POST", "PUT")]
    logins = [e for e in asked if is_authenticated(e)]
    failed = [e for e in asked if e.status is None or e.status >= 400]
    failed = sorted(
        (e for e in failed if is_authenticated(e) or e.status != 401), key=lambda e: not is_authenticated(e)
    )
    logged = [r for r in traffic.requests if r.meaning is not None and not r.answered_later]
    logged.sort(key=lambda r: r.meaning in NO_CREDENTIALS)  # a login that arrived and was refused tells more
    cited = _cited(run, [*failed, *asked, *traffic.requests])
    ranked: list[Exchange | LoggedRequest] = [*cited, *failed, *sorted(logins, key=lambda e: e.route != "via")]
    return next(iter([*ranked, *logged, *asked, *traffic.requests]), None)


def _cited(run: Run, asked: Iterable[Exchange | LoggedRequest]) -> list[Exchange | LoggedRequest]:
    """Those that failed and that the first cause of a fault rests on."""
    causes = run.diagnosis.causes if run.diagnosis.verdict == "fault" else ()
    where = {item.where for cause in causes[:1] for item in cause.evidence}
    return [r for r in asked if (r.status is None or r.status >= 400) and cite(r, "").where in where]


def _legs(run: Run, shown: Exchange | LoggedRequest, stations: Sequence[Hop]) -> Iterator[Leg]:
    header, state, cite = _sent(run, shown)
    end = next((i for i, s in enumerate(stations) if s.kind == "registry"), len(stations) - 1)
    stop = _answered_by(shown, stations, end)
    what = f"{shown.method} {_path(shown)}"
    for at in range(end):
        note = ""
        if stations[at].kind == "proxy":
            header, state, note, cite = _through(run, shown, stations[at], header, state)
        arrived = _arrived(shown) if at == end - 1 and state == "unknown" else None
        if arrived:
            header, state, note, cite = arrived
        if at == stop and at:
            break
        yield Leg(sender=at, receiver=at + 1, text=what, header=header, state=state, note=note, cite=cite)
    status = shown.status
    if stop == end and state in ("sent", "changed") and len(stations) > end + 1 and (status or 0) != 404:
        yield _compared(run, end, stations[end + 1], status)
    yield _answer(shown, stop)


def _path(shown: Exchange | LoggedRequest) -> str:
    return (shown.path if isinstance(shown, Exchange) else shown.uri.split("?", 1)[0])[:40]


def _sent(run: Run, shown: Exchange | LoggedRequest) -> tuple[str, State, str]:
    """What the client sends, as far as somebody saw it."""
    if isinstance(shown, LoggedRequest):
        seen = next((p for p in run.traffic.passages if p.after.record is shown), None)
        if seen is not None and seen.before.login == "sent":
            return _basic(seen.before.user), "sent", str(seen.before.source)
        return "Authorization: not seen here", "unknown", ""
    if shown.credential is not None:
        return _basic(shown.credential.user, shown.credential.scheme), "sent", str(shown.source)
    if shown.login_known:
        return _ABSENT, "none", str(shown.source)
    return "Authorization: not shown", "unknown", str(shown.source)


def _basic(user: str | None, scheme: str = "Basic") -> str:
    return f"Authorization: {f'{scheme} {user}:•••' if user else f'{scheme} •••'.strip()}"


def _own(edit: HeaderEdit) -> str:
    """The credentials that a proxy writes."""
    kinds = {"bearer": "Bearer", "cleartext": "Basic", "hash": "Basic", "newline": "Basic"}
    first = edit.value.split(" ", 1)[0].title()
    scheme = kinds.get(edit.injected or "", first if first in ("Basic", "Bearer") else "")
    return _basic(edit.user, scheme)


def _through(run: Run, shown: Exchange | LoggedRequest, proxy: Hop, header: str, state: State) -> tuple[str, State, str, str]:  # fmt: skip
    """What is left of the header behind a proxy: as its file says, else as two witnesses saw it."""
    route = _route(run, shown, proxy)
    edit = route.edit("Authorization") if route else None
    if edit is not None and edit.condition:
        return header, "unknown", f"changed only where {edit.condition}", str(edit.place)
    if edit is not None and strips(edit):
        return _ABSENT, "gone" if state != "none" else "none", f"{proxy.name} removes it", str(edit.place)
    if edit is not None and route is not None and replaces(route):
        return _own(edit), "changed", f"{proxy.name} writes its own", str(edit.place)
    for passage in run.traffic.passages:
        if passage.change == "lost" and passage.before.status == shown.status and state == "sent":
            return _ABSENT, "gone", f"lost at {proxy.name}", str(passage.after.source)
        if passage.change in ("replaced", "added") and passage.before.status == shown.status:
            return (
                _basic(passage.after.user),
                "changed",
                f"another login behind {proxy.name}",
                str(passage.after.source),
            )
    if state in ("sent", "changed") and route is not None:
        return header, state, f"{proxy.name} passes it on, as configured", str((edit or route).place)
    return ("Authorization: ?" if state == "sent" else header), ("unknown" if state == "sent" else state), "", ""


def _route(run: Run, shown: Exchange | LoggedRequest, proxy: Hop) -> ProxyRoute | None:
    """The route of that proxy that takes the request, as its file says."""
    facts = Facts(run.evidence, run.stack, run.traffic)
    routes = [r for r in api_routes(facts) if proxy.name in (r.service, r.software, "proxy", "ui")]
    host = urlsplit(shown.url).hostname or "" if isinstance(shown, Exchange) else shown.host
    path = shown.path if isinstance(shown, Exchange) else shown.uri
    if not routes or not host:
        return next((r for r in routes if r.covers(path)), None)
    return choose(routes, Request(method=shown.method, path=path, host=host))


def _arrived(shown: Exchange | LoggedRequest) -> tuple[str, State, str, str] | None:
    """What the registry's own log says of the header."""
    if not isinstance(shown, LoggedRequest) or shown.logger != "registry":
        return None
    if shown.meaning in NO_CREDENTIALS:
        return "no usable Authorization", "none", "as the registry's log says", str(shown.place)
    if shown.meaning in MISMATCH or shown.user:
        return _basic(shown.user), "sent", "as the registry's log says", str(shown.place)
    return None


def _answered_by(shown: Exchange | LoggedRequest, stations: Sequence[Hop], end: int) -> int:
    """The station that the answer comes from; the last that was reached when there was none."""
    proxies = [i for i, s in enumerate(stations) if s.kind == "proxy"]
    if isinstance(shown, LoggedRequest):
        return (
            end
            if shown.logger == "registry" or not proxies or (shown.status or 0) not in (502, 503, 504)
            else proxies[-1]
        )
    if proxies and (shown.status in (502, 503, 504) or from_registry(shown) is False):
        return proxies[-1]
    return end if shown.status is not None or not proxies else proxies[0]


def _compared(run: Run, at: int, file: Hop, status: int | None) -> Leg:
    user = next(iter(run.traffic.focus.users), "")
    entry = next(((f.file, e.line) for f in run.evidence.htpasswd if user and (e := f.entry(user))), None)
    cite = f"{entry[0]}:{entry[1]}" if entry else ""
    good = status is not None and status < 400
    state: State = "good" if good else "bad" if status in (400, 401) else "unknown"
    if file.state == "bad" and run.diagnosis.causes:
        cite = next((i.where for i in run.diagnosis.causes[0].evidence if i.where), cite)
    words = {"good": "the hash matches", "bad": "no match", "unknown": "compared"}[state]
    return Leg(sender=at, receiver=at + 1, text=f"{words}{f' for {user}' if user else ''}", state=state, cite=cite)


def _answer(shown: Exchange | LoggedRequest, stop: int) -> Leg:
    source = str(shown.source if isinstance(shown, Exchange) else shown.place)
    status = shown.status
    if status is None:
        error = shown.error if isinstance(shown, Exchange) else ""
        return Leg(sender=max(stop, 1), receiver=0, text=f"no answer: {error or 'unknown'}", state="bad", cite=source)
    header = ""
    chip: State | None = None
    if status == 401 and isinstance(shown, Exchange) and shown.response_headers:
        challenge = shown.header("WWW-Authenticate")
        chip = "none" if challenge else None
        header = f"WWW-Authenticate: {challenge}" if challenge else "no WWW-Authenticate"
    text = f"{status} {_PHRASES.get(status, '')}".strip()
    state: State = "good" if status < 400 else "bad"
    return Leg(sender=max(stop, 1), receiver=0, text=text, header=header, state=state, chip=chip, cite=source)


def _after(run: Run) -> Journey | None:
    """The same request after the fix's edits, as the changed files foretell it."""
    if run.diagnosis.verdict != "fault":
        return None
    cause = run.diagnosis.causes[0]
    if cause.fix.proof.kind == "none" or not cause.edits:
        return None
    try:
        evidence = edited(run.evidence, cause.edits).evidence
    except (UnreadableError, ParseError):
        return None
    shown = _shown(run)
    changed = replace(run, evidence=evidence, stack=build(evidence, run.stack.asked))
    stations = tuple(replace(s, state="unknown", note="") for s in hops(changed))
    if shown is None or (isinstance(shown, Exchange) and shown.route == "direct"):
        stations = tuple(s for s in stations if s.kind != "proxy")
    wanted = _expected(run)
    if shown is None or not wanted:
        return None
    legs = list(_legs(changed, _login(changed), stations))
    answer = replace(
        legs[-1], text=f"{wanted} expected", header="", state="good", cite=f"predicted: {cause.fix.proof.after}"
    )
    middle = [replace(leg, text="the hash is compared") if leg.state == "good" else leg for leg in legs[:-1]]
    return Journey("After the fix, predicted from the changed files", stations, (*middle, answer), predicted=True)


def _expected(run: Run) -> str:
    """The status of success that the fix's own check is to print; "" where it names none."""
    for command in run.diagnosis.causes[0].fix.verify:
        if found := re.search(r"\b2\d\d\b", command.expect):
            return found[0]
    return ""
