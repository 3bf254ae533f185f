"""Which of a proxy's lines are about the UI's page: by the routes that lead to it, or where none was read by its looks."""

from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import LogEvent, ProxyRoute, Stack
from runbook.observe.observation import Observation

_LOOKS = re.compile(r"^/$|^/(?:[\w.]+-)?ui(?:/|$)|docker-registry-ui")
"""Paths at which a UI is usually served, and its own files."""
_UPSTREAM = re.compile(r'\bupstream: "https?://[^/":]{1,255}(?::(\d{1,5}))?/')


@dataclass(frozen=True, slots=True)
class Page:
    """Where proxies serve the UI's page, as far as their files tell. No `listens`: there is no UI."""

    name: str = ""
    listens: tuple[int, ...] = ()
    routes: tuple[ProxyRoute, ...] = ()
    """Those that lead to the UI; a proxy whose files were not handed over may have others."""
    sites: frozenset[str] = frozenset()
    """Names of all sites that were read."""

    def has(self, observation: Observation) -> bool:
        """Whether a line is about the page, or may be for all that is known."""
        path, host = observation.path, observation.address.host if observation.address else ""
        if not self.listens or not path or self._asks_another(observation):
            return False
        looks = bool(_LOOKS.search(path)) or path.startswith(f"/{self.name}/")
        if not self.routes:
            return looks and host not in self.sites
        return any(
            (r.covers(path) or r.match == "regex") and (bool(host) or r.path != "/" or looks) and self._is_site(r, host)
            for r in self.routes
        )

    def _is_site(self, route: ProxyRoute, host: str) -> bool:
        names = [name.lower() for name in route.server_names]
        pattern = not names or any(c in name for name in names for c in "_*~^$")
        return not host or host in names or (pattern and host not in self.sites)

    def _asks_another(self, observation: Observation) -> bool:
        """Whether the line names an upstream that listens where the UI does not."""
        text = observation.record.text if isinstance(observation.record, LogEvent) else ""
        told = _UPSTREAM.search(text)
        return told is not None and int(told[1] or 80) not in self.listens


NO_PAGE = Page()


def page_of(stack: Stack) -> Page:
    """Where the UI in question is served."""
    if (ui := stack.ui) is None:
        return NO_PAGE
    service = ui.service
    names = {ui.name, service.container_name, service.hostname, *service.aliases}
    published = {port.published for port in ui.ports}
    return Page(
        name=service.name.lower(),
        listens=(
            *(ui.route.listen if ui.route else ()),
            80,
            *(port.container for port in ui.ports),
            *filter(None, published),
        ),
        routes=tuple(
            r
            for r in stack.routes
            if r.software != "joxit-ui" and any(h in names or (p and p in published) for h, p in r.upstream_hosts)
        ),
        sites=frozenset(name.lower() for r in stack.routes for name in r.server_names),
    )
