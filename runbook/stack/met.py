"""Which conditions of proxies' rules hold, by the address at which clients asked: its name and its scheme. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from runbook.model import Evidence, Exchange, ProxyRoute
from runbook.parse.conditions import Asked, requests_at, settled
from runbook.urls import urlsplit

_SCHEMES = ("http", "https")


def asked_for(exchange: Exchange) -> Asked:
    """A request that was seen, as conditions see it."""
    parts = urlsplit(exchange.url)
    scheme = parts.scheme if parts.scheme in _SCHEMES else None
    return Asked(method=exchange.method, path=exchange.path.split("?", 1)[0], host=parts.netloc or None, scheme=scheme)


def met(routes: Iterable[ProxyRoute], evidence: Evidence) -> tuple[ProxyRoute, ...]:
    """The routes with the edits of headers that requests meet at the addresses that are known. Behind another proxy the
    name and the scheme may be others: there the conditions stay open."""
    found = tuple(routes)
    if len({(r.software, r.service) for r in found}) > 1 or not any(e.when for r in found for e in r.request_headers):
        return found
    known = tuple(dict.fromkeys(_addresses(evidence)))
    return tuple(_settled(route, known) for route in found)


def _settled(route: ProxyRoute, known: tuple[tuple[str, str | None], ...]) -> ProxyRoute:
    names = {n.lower() for n in route.server_names}
    at = [(h, s) for h, s in known if not names or h.split(":")[0].lower() in names]
    at = at or [(n, None) for n in names if not n.startswith(("*", ".", "~"))]
    requests = tuple(replace(a, host=h, scheme=s) for a in requests_at(route.path, route.match) for h, s in at)
    return replace(route, request_headers=settled(route.request_headers, requests)) if requests else route


def _addresses(evidence: Evidence) -> Iterator[tuple[str, str | None]]:
    """Host (with port) and scheme at which the registry's API was asked."""
    urls = [e.url for e in evidence.exchanges if e.voice == "program" and e.path.startswith("/v2")]
    for url in (evidence.target.registry_url or "", *urls):
        parts = urlsplit(url)
        if parts.netloc and parts.scheme in _SCHEMES:
            yield parts.netloc, parts.scheme
    if not evidence.target.registry_url and not urls:
        yield from ((m.host, None) for m in evidence.messages if m.voice == "program" and m.host)
