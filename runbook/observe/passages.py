"""One request seen by two witnesses: what a proxy did to its credentials follows from the difference.

Any pair will do: a client and the registry's log, a client and a tap, a proxy's log and the registry's. Requests are the
same when method, path and program agree and their times lie within two seconds.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from runbook.model import Exchange, LoggedRequest
from runbook.observe.observation import Observation

Change = Literal["kept", "lost", "replaced", "added"]
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A request before a proxy and after it."""

    before: Observation
    """As the client sent it, or as the proxy got it."""
    after: Observation
    """As the registry got it."""
    change: Change


def passages(observations: Iterable[Observation]) -> tuple[Passage, ...]:
    """Every request with credentials that two witnesses saw, nearest in time first taken."""
    rows = [o for o in observations if o.voice == "program" and not o.own and _comparable(o)]
    behind: dict[tuple[str, str], list[Observation]] = {}
    for o in rows:
        if o.witness == "registry":
            behind.setdefault((o.method, o.path.rstrip("/")), []).append(o)
    for arrived in behind.values():
        arrived.sort(key=lambda o: o.when or 0.0)
    taken: set[int] = set()
    return tuple(p for o in rows if o.witness != "registry" for p in _pair(o, behind, taken))


def named_by_clients(observations: Iterable[Observation]) -> dict[int, Observation]:
    """Served requests of the registry's log whose user only the client's own record tells: id of the record → what the
    client saw.

    Of each direct request of a client the line of the log that is the same request.
    """
    rows = [o for o in observations if o.voice == "program" and not o.own and o.when is not None and o.ok]
    behind: dict[tuple[str, str], list[Observation]] = {}
    for o in rows:
        if isinstance(o.record, LoggedRequest) and o.witness == "registry" and o.user is None:
            behind.setdefault((o.method, o.path.rstrip("/")), []).append(o)
    found: dict[int, Observation] = {}
    for o in rows if behind else ():
        if isinstance(o.record, Exchange) and o.witness == "client" and o.route == "direct" and o.user:
            for line in behind.get((o.method, o.path.rstrip("/")), ()):
                near = abs((line.when or 0.0) - (o.when or 0.0)) <= _SECONDS and line.status == o.status
                if near and id(line.record) not in found and o.agent in ("", line.agent):
                    found[id(line.record)] = o
                    break
    return found


def _comparable(o: Observation) -> bool:
    if o.when is None or o.status is None:
        return False
    if isinstance(o.record, LoggedRequest):
        return True
    return isinstance(o.record, Exchange) and (o.witness == "registry" or o.route != "direct")


def _pair(sent: Observation, behind: dict[tuple[str, str], list[Observation]], taken: set[int]) -> Iterator[Passage]:
    arrived = behind.get((sent.method, sent.path.rstrip("/")), [])
    when = sent.when or 0.0
    start = bisect_left(arrived, when - _SECONDS, key=lambda o: o.when or 0.0)
    window = takewhile(lambda o: (o.when or 0.0) <= when + _SECONDS, arrived[start : start + 200])
    found = [(o, _change(sent, o)) for o in window if id(o) not in taken and _same(sent, o)]
    if (sent.login == "none" or _is_bare(sent)) and (bare := next((o for o, _ in found if o.login == "none"), None)):
        taken.add(id(bare))  # the same request without a login on both sides
        return
    # Of several that it may be, the one that arrived as it was sent.
    for wanted in ("kept", "replaced", "added", "lost"):
        for o, change in found:
            if change == wanted:
                taken.add(id(o))
                yield Passage(sent, o, change)
                return


def _same(sent: Observation, arrived: Observation) -> bool:
    """Whether both may be the same request: what the registry says reaches the client through the proxy."""
    if sent.status != arrived.status:
        return False
    one, other = sent.agent, arrived.agent
    if one and other and one != other:
        return False
    if sent.witness == "client":
        # Host must name the address that the client asked: the same request sent direct has another one.
        return sent.address is not None and arrived.address is not None and arrived.address.fits(sent.address)
    peers = {
        getattr(o.record, "remote", "").rpartition(":")[0] or getattr(o.record, "remote", "") for o in (sent, arrived)
    }
    return "" in peers or len(peers) == 2 or sent.address == arrived.address


def _change(sent: Observation, arrived: Observation) -> Change | None:
    if sent.login == "sent" and arrived.login == "none":
        return "lost"
    if sent.user and arrived.user:
        return "kept" if sent.user == arrived.user else "replaced"
    if sent.user and arrived.login == "sent":
        return "kept"  # registry 3 does not name a user that it does not know
    if (_is_bare(sent) or sent.login == "none") and arrived.user:
        return "added"
    return None


def _is_bare(sent: Observation) -> bool:
    """Whether nginx, which names the user of any Basic login that it gets, names none."""
    return isinstance(sent.record, LoggedRequest) and sent.record.logger == "nginx" and sent.user is None


def is_unlogged(exchange: Exchange, known: Exchange, observations: Iterable[Observation]) -> bool:
    """Whether a request never came to the registry whose log was handed over: the log goes on before and after it, has
    nothing of its kind at that time, and has `known`, a request to the registry itself, so that the clocks agree."""
    rows: dict[str, list[Observation]] = {}
    for o in observations:
        if isinstance(o.record, LoggedRequest) and o.record.logger == "registry" and o.when is not None and not o.own:
            rows.setdefault(o.source.file, []).append(o)
    return any(_has(log, known) and _surrounds(log, exchange) and not _has(log, exchange) for log in rows.values())


def _has(log: list[Observation], exchange: Exchange) -> bool:
    return exchange.made is not None and any(
        abs((o.when or 0.0) - exchange.made) <= _SECONDS and o.status == exchange.status for o in log
    )


def _surrounds(log: list[Observation], exchange: Exchange) -> bool:
    times, made = [o.when or 0.0 for o in log], exchange.made
    return made is not None and min(times) < made - _SECONDS and max(times) > made + _SECONDS
