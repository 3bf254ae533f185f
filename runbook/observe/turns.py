"""The same request with the same login, accepted and refused by turns: several servers answer, and they do not agree."""

from collections.abc import Iterable
from itertools import pairwise

from runbook.model import Exchange, LoggedRequest

_FEWEST = 3
"""Changes of the answer: what broke once and was mended has two at most."""


def by_turns(exchanges: Iterable[Exchange]) -> tuple[tuple[Exchange, ...], ...]:
    """The requests that were repeated word for word and answered so, each group in the order in which they were made."""
    groups: dict[tuple[object, ...], list[Exchange]] = {}
    for e in exchanges:
        sent = e.credential
        if sent and sent.user and sent.intent != "wrong" and e.is_api and (e.status == 401 or _is_ok(e)):
            key = (e.source.file, e.at, e.method, e.url, e.request_headers, sent.user, sent.password)
            groups.setdefault(key, []).append(e)
    return tuple(tuple(group) for group in groups.values() if _changes(group) >= _FEWEST)


def _is_ok(exchange: Exchange) -> bool:
    return 200 <= (exchange.status or 0) < 300


def _changes(group: list[Exchange]) -> int:
    return sum(_is_ok(a) != _is_ok(b) for a, b in pairwise(group))


def logged_by_turns(requests: Iterable[LoggedRequest]) -> tuple[tuple[LoggedRequest, ...], ...]:
    """The same of a proxy's log: one user, with one program, from one machine, within a minute."""
    groups: dict[tuple[object, ...], list[LoggedRequest]] = {}
    for r in requests:
        if r.user and r.logger != "registry" and (r.status == 401 or 200 <= (r.status or 0) < 300):
            groups.setdefault((r.place.file, r.remote, r.agent, r.method, r.uri, r.user), []).append(r)
    return tuple(
        tuple(g) for g in groups.values() if _turns(g) >= _FEWEST and (g[-1].when or 0) - (g[0].when or 0) <= 60
    )


def _turns(group: list[LoggedRequest]) -> int:
    return sum((a.status == 401) != (b.status == 401) for a, b in pairwise(group))
