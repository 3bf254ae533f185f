"""The same request with the same login, accepted and refused by turns: several servers answer, and they do not agree."""

from collections.abc import Iterable
from itertools import pairwise

from runbook.model import Exchange

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
