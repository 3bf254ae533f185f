"""The request path, hop by hop, with the first bad one marked: the picture's data. A hop is ✓ only with something
seen to cite."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.judge import Run
from runbook.model import Exchange, LoggedRequest
from runbook.observe.focus import reaches
from runbook.observe.observation import Observation
from runbook.observe.signature import from_registry

State = Literal["ok", "bad", "unknown"]
Kind = Literal["client", "browser", "proxy", "registry", "file"]
ROLES: dict[Kind, str] = {
    "client": "client",
    "browser": "browser",
    "proxy": "proxy",
    "registry": "registry",
    "file": "password file",
}


@dataclass(frozen=True, slots=True)
class Hop:
    """A station on the request path. `note`: of a bad one what is wrong, of a good one where that was seen."""

    name: str
    kind: Kind
    state: State
    note: str = ""


def hops(run: Run) -> tuple[Hop, ...]:
    """Client, every proxy there is, registry and htpasswd file, each as far as it was seen."""
    stations = list(_stations(run))
    bad = _bad(run, stations)
    found = []
    for index, (name, kind) in enumerate(stations):
        reached = bad is None or index < bad or kind in ("registry", "file")  # those were asked past the bad one
        shown = _shown(run, kind, name) if reached else ""
        state: State = "bad" if index == bad else "ok" if shown else "unknown"
        found.append(Hop(name, kind, state, run.diagnosis.causes[0].summary if state == "bad" else shown))
    return tuple(found)


def first_wrong(run: Run) -> str:
    """The name of the station that is marked as the first wrong one, "" where none is."""
    return next((h.name for h in hops(run) if h.state == "bad"), "")


def _stations(run: Run) -> Iterator[tuple[str, Kind]]:
    browser = run.diagnosis.first_bad_hop == "browser" or any(e.page for e in run.traffic.exchanges)
    yield ("browser", "browser") if browser else ("client", "client")
    for name in _proxies(run):
        yield name, "proxy"
    registry = run.stack.registry
    yield registry.name if registry else "registry", "registry"
    if registry and (registry.htpasswd or registry.auth == "htpasswd"):
        yield "htpasswd", "file"


def _proxies(run: Run) -> list[str]:
    """The proxies in the order of the request path: one whose upstream is another, by its name or port, stands
    before it."""
    behind: dict[str, set[str | int | None]] = {}
    listens: dict[str, set[int]] = {}
    compose = run.evidence.compose
    for route in run.stack.routes:
        if route.kind == "proxy" and reaches(run.traffic.focus, route):
            name = route.service or ("ui" if route.software == "joxit-ui" else route.software)
            listens.setdefault(name, set()).update(route.listen)
            asked = behind.setdefault(name, set())
            for host, port in route.upstream_hosts:
                asked.add(host if compose and compose.service(host) else port)
    names = sorted(behind, key=lambda n: sum(bool({n, *listens[n]} & behind[other]) for other in behind if other != n))
    if not names and _sender(run.diagnosis.first_bad_hop) not in (
        "",
        "client",
        "browser",
        "registry",
        "htpasswd",
        "docker",
    ):
        names = [_sender(run.diagnosis.first_bad_hop)]
    seen = run.evidence.target.ui_url or any(e.route == "via" for e in run.traffic.exchanges)
    return names[:4] or (["proxy"] if seen else [])


def _sender(hop: str) -> str:
    """Of "ui -> registry" the one that sends."""
    return hop.split(" -> ")[0].strip().lower()


def _bad(run: Run, stations: list[tuple[str, Kind]]) -> int | None:
    """The station that the first cause names: by its name, else by its kind."""
    sender = _sender(run.diagnosis.first_bad_hop)
    if not sender or run.diagnosis.verdict != "fault":
        return None
    names = [name.lower() for name, _ in stations]
    if sender == "registry" and _cites_htpasswd(run):
        sender = "htpasswd"
    kinds = [kind for _, kind in stations]
    if sender in names:
        return names.index(sender)
    kind: Kind = {
        "client": "client",
        "docker": "client",
        "browser": "browser",
        "htpasswd": "file",
        "registry": "registry",
    }.get(sender, "proxy")  # type: ignore[assignment]
    if kind in kinds:
        return kinds.index(kind)
    if kind in ("client", "browser"):
        return 0
    return kinds.index("registry") if kind == "file" else 1 if len(kinds) > 2 else None


def _cites_htpasswd(run: Run) -> bool:
    """Whether what the first cause rests on stands in an htpasswd file: that is what to change, not the registry."""
    files = {f.file for f in run.evidence.htpasswd}
    first = next((i for i in run.diagnosis.causes[0].evidence if i.cited in ("read", "computed")), None)
    return first is not None and (first.where in files or first.where.rpartition(":")[0] in files)


def _shown(run: Run, kind: Kind, name: str) -> str:
    """Where it was seen that a request passed this station soundly; "" where nothing shows it."""
    return next(
        (str(o.source) for o in run.traffic.observations if o.voice == "program" and _passes(o, kind, name)), ""
    )


def _passes(o: Observation, kind: Kind, name: str) -> bool:
    record = o.record
    if kind in ("client", "browser"):
        return o.witness == kind and (o.login == "sent" or (kind == "browser" and o.ok))
    if kind == "proxy":
        via = isinstance(record, Exchange) and o.route == "via" and from_registry(record) is True and o.ok
        return via or (isinstance(record, LoggedRequest) and o.witness == "proxy" and o.ok and o.service in ("", name))
    if kind == "registry":
        asked = isinstance(record, Exchange) and (o.route == "direct" or from_registry(record) is True)
        return (asked and o.ok and o.login == "sent") or (
            o.witness == "registry" and isinstance(record, LoggedRequest) and o.ok and o.user is not None
        )
    if not isinstance(record, Exchange) or record.credential is None or record.credential.intent == "wrong":
        return False
    return o.ok and from_registry(record) is True
