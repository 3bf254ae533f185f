"""What happened, in order: requests, and the lines that logs wrote about the same moments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runbook.judge import Run
from runbook.model import PROBE_USER, Exchange, Meaning, Place
from runbook.observe.traffic import is_authenticated
from runbook.redact import visible
from runbook.report.block import Block, para, part, table, tag
from runbook.report.tables import answer

_MOST = 60
_MEANS: dict[Meaning, str] = {
    "no-usable-credential": "no usable login arrived",
    "authentication-failure": "a login arrived and did not match",
    "bcrypt-mismatch": "a login arrived and did not match",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    when: float
    who: str
    what: str
    answer: str
    took: float | None
    where: Place
    bad: bool = False
    """Not as it should be: a login refused, a server's error, no answer. A challenge is none of these."""


def timeline(run: Run) -> Block:
    """Every request and log line whose time is known, oldest first.

    A login that the client sent and the registry's log does not know was lost between the two lines.
    """
    found = moments(run)
    if not found:
        return Block.soft("Nothing that was handed over or asked says when it happened.")
    rows, lines = [], []
    for moment in found[:_MOST]:
        clock = _clock(moment.when)
        took = f"{moment.took * 1000:.0f} ms" if moment.took is not None else ""
        kind = "kept" if moment.answer.startswith("2") else "dropped" if moment.bad else ""
        answer = tag(moment.answer, kind) if moment.answer else ""
        rows.append([clock, answer, moment.who, visible(moment.what, 200), took, part("place", moment.where)])
        lines.append(f"{clock:<12}  {moment.who:<12} {moment.what} {moment.answer} {took}".rstrip())
    day = datetime.fromtimestamp(found[0].when, UTC).strftime("%Y-%m-%d")
    html = table(f"What happened on {day} (UTC)", ("time", "answer", "who", "what", "took", "seen in"), rows)
    if len(found) > _MOST:
        html += para(f"and {len(found) - _MOST} more", "rb-soft")
    return Block(html, f"{day} (UTC)\n" + "\n".join(lines))


def moments(run: Run) -> list[Moment]:
    """Everything whose time is known, the oldest first."""
    return sorted([*_requests(run), *_logged(run)], key=lambda m: m.when)


def _requests(run: Run) -> Iterable[Moment]:
    for e in (*run.traffic.exchanges, *run.traffic.arrived):
        if (when := _when(e)) is not None:
            who = "tap" if e.at == "registry" else "client"
            bad = e.status is None or e.status >= 500 or (is_authenticated(e) and e.status >= 400)
            yield Moment(when, who, f"{e.method} {e.path}, {_login(e)}{_way(e)}", answer(e), e.elapsed, e.source, bad)


def _logged(run: Run) -> Iterable[Moment]:
    for log in run.evidence.logs:
        for r in log.requests:
            if r.when is not None:
                who = f", as {r.user}" if r.user else ""
                told = _MEANS.get(r.meaning, r.meaning.replace("-", " ")) if r.meaning else ""
                why = f": {told}" if told else ""
                status = str(r.status) if r.status else ""
                what, bad = f"{r.method} {r.uri}{who}{why}", bool(r.user) or (r.status or 0) >= 500
                yield Moment(r.when, f"{r.logger} log", what, status, r.duration, r.place, bad)
        for event in log.events:
            if event.when is not None and event.request is None:
                yield Moment(event.when, f"{log.kind} log", event.text or event.meaning, "", None, event.place)


def _login(exchange: Exchange) -> str:
    given = exchange.credential
    if given is None:
        return "no login"
    return "wrong on purpose" if given.user == PROBE_USER else f"as {given.user}" if given.user else "with a login"


def _way(exchange: Exchange) -> str:
    return {"direct": ", directly", "via": ", through the proxy", "unknown": ""}[exchange.route]


def _when(exchange: Exchange) -> float | None:
    """When it was asked; a transcript that does not say so has the server's clock in its answer."""
    if exchange.when is not None:
        return exchange.when
    try:
        return parsedate_to_datetime(exchange.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _clock(when: float) -> str:
    """To the millisecond where it is known so exactly; most logs know the second only."""
    moment = datetime.fromtimestamp(when, UTC)
    return moment.strftime("%H:%M:%S") + (f".{moment.microsecond // 1000:03}" if when % 1 else "")
