"""The way of a request, hop by hop, with the first bad one marked: the picture's data."""

from dataclasses import dataclass
from typing import Literal

from runbook.judge import Run

State = Literal["ok", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Hop:
    """A station on the way, or what lies between two."""

    name: str
    kind: Literal["client", "browser", "proxy", "registry", "file"]
    state: State
    note: str = ""


def hops(run: Run) -> tuple[Hop, ...]:
    """Client, proxy (where there is one), registry and htpasswd file, each as far as it was seen."""
    bad = _station(run.diagnosis.first_bad_hop)
    stations: list[tuple[str, Literal["client", "browser", "proxy", "registry", "file"]]] = []
    browser = bad == "browser" or any(e.page for e in run.traffic.exchanges)
    stations.append(("browser", "browser") if browser else ("client", "client"))
    if proxy := _proxy(run):
        stations.append((proxy, "proxy"))
    elif bad == "proxy":
        stations.append(("proxy", "proxy"))
    registry = run.stack.registry
    stations.append((registry.name if registry else "registry", "registry"))
    if registry and (registry.htpasswd or registry.auth == "htpasswd"):
        stations.append(("htpasswd", "file"))
    kinds = [kind for _, kind in stations]
    if bad is not None and bad not in kinds:
        bad = "registry" if bad == "file" else kinds[0] if bad in ("client", "browser") else bad
    reached = kinds.index(bad) if bad in kinds else None
    return tuple(
        Hop(name, kind, _state(index, reached, run), _note(run) if index == reached else "")
        for index, (name, kind) in enumerate(stations)
    )


def _state(index: int, bad: int | None, run: Run) -> State:
    if run.diagnosis.verdict == "healthy":
        return "ok"
    if bad is None:
        return "unknown"
    if index == bad:
        return "bad"
    return "ok" if index < bad else "unknown"


def _station(hop: str) -> str | None:
    """The station that a finding's hop means: of "ui -> registry" the one that sends."""
    sender = hop.split(" -> ")[0].strip().lower()
    if not sender:
        return None
    for word, kind in (
        ("browser", "browser"),
        ("client", "client"),
        ("htpasswd", "file"),
        ("registry", "registry"),
    ):
        if word == sender:
            return kind
    return "proxy"


def _proxy(run: Run) -> str:
    ui = run.stack.ui
    if ui is not None and ui.mode == "proxy":
        return ui.name
    for route in run.stack.routes:
        if route.kind == "proxy":
            return route.service or route.software
    if run.evidence.target.ui_url or any(e.route == "via" for e in run.traffic.exchanges):
        return "proxy"
    return ""


def _note(run: Run) -> str:
    causes = run.diagnosis.causes
    return causes[0].summary if causes else ""
