"""Who talks to whom: the stack derived from the evidence. Pure, like the rules that use it."""

from runbook.model import Evidence, Stack, Ui
from runbook.stack.asked import asked, on_the_way
from runbook.stack.cluster import routes_to, through_services
from runbook.stack.met import met
from runbook.stack.readers import of_other_registries, of_others
from runbook.stack.registry import registries
from runbook.stack.ui import assign_services, uis
from runbook.urls import urlsplit


def build(evidence: Evidence, first: str = "") -> Stack:
    """Join files, environment and what was seen into one picture of the stack. `first`: the registry in question, where
    it is not the one that was asked."""
    found = uis(evidence)
    routes = assign_services(evidence.routes, evidence.compose)
    own = tuple(ui.route for ui in found if ui.route is not None)
    known = registries(evidence)
    first = first or asked(known, evidence)
    known = tuple(sorted(known, key=lambda r: r.name != first)) if first else known
    ways = met(through_services((*routes, *own), evidence.compose, known), evidence)
    return Stack(
        registries=known,
        uis=found,
        routes=on_the_way(ways, known) if first else ways,
        asked=first,
        others_files=of_others(evidence) | of_other_registries(evidence, known[0].config_file if known else None),
        page_origins=_page_origins(evidence, found),
    )


def _page_origins(evidence: Evidence, found: tuple[Ui, ...]) -> tuple[str, ...]:
    """Origins of the UI's page: seen by a browser, given by the user, published by compose (in that order)."""
    origins: dict[str, None] = {}
    for exchange in evidence.exchanges:
        if exchange.page:
            origins[exchange.page] = None
    for message in evidence.messages:
        if message.page:
            origins[message.page] = None
    for url in (evidence.target.origin, evidence.target.ui_url):
        if url:
            parts = urlsplit(url)
            origins[f"{parts.scheme}://{parts.netloc}"] = None
    for ui in found:
        for route in routes_to(ui.service, evidence.routes):
            origins |= {
                f"http{'s' if route.tls else ''}://{name}": None for name in route.server_names if "*" not in name
            }
        for port in ui.ports if ui.service.platform != "kubernetes" else ():
            if port.published:
                origins[f"http://localhost{'' if port.published == 80 else f':{port.published}'}"] = None
    return tuple(origins)


__all__ = ["build"]
