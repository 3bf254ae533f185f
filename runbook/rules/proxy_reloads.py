"""A proxy that answers otherwise than its file says: it has not read the file, or it reads another one."""

from runbook.model import Exchange, Finding, ProxyRoute, Refutation, Service, Symptom
from runbook.rules.base import Facts
from runbook.rules.evidence import finding, read, seen
from runbook.rules.hops import api_check, front_url, fronts, hop, is_strange, name, site, upstream_service
from runbook.rules.reloads import proxy_fix
from runbook.stack.foretell import Request, foretell
from runbook.urls import urlsplit

_SIGNS = {"nginx": "nginx", "caddy": "caddy", "apache": "apache"}


def unread_by_proxy(facts: Facts) -> Finding | None:
    """The finding where the file leads /v2/ to a registry and the same program answered by itself. Only for one proxy whose
    whole way is known: with two of them the second may be the one that answered."""
    if len(fronts(facts)) != 1:
        return None
    for exchange in facts.traffic.exchanges:
        route = _meant(facts, exchange) if is_strange(exchange) and exchange.page is None else None
        if route is None:
            continue
        return finding(
            f"{name(route)}'s file leads {exchange.path} to the registry, and {name(route)} answered by itself: it runs with "
            "other settings than this file's.",
            read(f"{route.path or '/'} -> {route.upstream}", route.place),
            seen(exchange, what="no registry answered"),
            explains=(Symptom.NOT_THE_API,),
            hop=hop(route),
            refuted=(Refutation(cause="authorization-stripped", because="the request never reached a registry"),),
            supersedes=("no-v2-route",),
            about=site(facts, route),
            fix=proxy_fix(
                facts,
                route,
                f"Let {name(route)} read {route.place.file} again; where nothing changes, it reads another file",
                api_check(front_url(facts, route)),
            ),
        )
    return None


def _meant(facts: Facts, exchange: Exchange) -> ProxyRoute | None:
    """The route that should have taken the request, where the program that signed the response is the one that has it."""
    parts = urlsplit(exchange.url)
    host, port = (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
    routes = facts.stack.routes
    one = facts.compose.service(routes[0].service) if facts.compose and routes[0].service else None
    request = Request(
        method=exchange.method, path=exchange.path, host=host, port=_inner(one, port), tls=parts.scheme == "https"
    )
    foretold = foretell(routes, request)
    route = foretold.route
    if route is None or not foretold.reaches or foretold.path != exchange.path or route.condition:
        return None
    if not _to_a_registry(route, facts):
        return None
    named = host in route.server_names or not [n for n in route.server_names if n not in ("_", "localhost")]
    sign = _SIGNS.get(route.software)
    if not named or not sign or sign not in (exchange.header("Server") or "").lower():
        return None
    return route if not route.listen or request.port in route.listen else None


def _to_a_registry(route: ProxyRoute, facts: Facts) -> bool:
    behind = upstream_service(route, facts.compose)
    if behind is not None:
        return behind.role == "registry"
    return any(port == 5000 or "registry" in host for host, port in route.upstream_hosts) or "/v2" in route.path


def _inner(one: Service | None, port: int) -> int:
    """The port inside the container behind a published one."""
    return next((p.container for p in one.ports if p.published == port), port) if one else port
