"""A proxy that answers otherwise than its file says: it has not read the file, or it reads another one."""

from runbook.lazy import re
from runbook.model import Exchange, Finding, ProxyRoute, Refutation, Service, Symptom
from runbook.observe.address import Address
from runbook.observe.signature import from_registry
from runbook.rules.authorization_traces import (
    REFUSED,
    came_through,
    not_the_password,
    refused_like_the_registry,
    same_login,
)
from runbook.rules.base import Facts
from runbook.rules.evidence import finding, read, seen, witnessed
from runbook.rules.hops import (
    api_check,
    front_url,
    fronts,
    homes,
    hop,
    is_strange,
    is_whole,
    login_check,
    name,
    site,
    upstream_service,
)
from runbook.rules.reloads import proxy_fix
from runbook.stack.foretell import Request, foretell
from runbook.urls import urlsplit

_SIGNS = {"nginx": "nginx", "caddy": "caddy", "apache": "apache"}


def unread_by_proxy(facts: Facts) -> Finding | None:
    """The finding where the file leads /v2/ to a registry and the same program answered by itself. Only for one proxy whose
    whole way is known: with two of them the second may be the one that answered."""
    if len(fronts(facts)) != 1:
        return None
    if lost := _lost_against_its_file(facts):
        return lost
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


def _lost_against_its_file(facts: Facts) -> Finding | None:
    """The finding where a login was lost on the way through a proxy whose whole file forwards it."""
    passage = facts.traffic.passed("lost")
    refused = passage.before.record if passage else refused_like_the_registry(facts.traffic)
    route = _meant(facts, refused) if isinstance(refused, Exchange) else None
    if route is None or not isinstance(refused, Exchange) or not _decides(facts, route) or route.edit("Authorization"):
        return None
    if came_through(facts.traffic) or not _leads_straight(facts, route):
        return None  # a hop behind it may be the one that takes the login off
    if route.caches:
        return None  # the answer may have been another client's
    works = same_login(facts.traffic, refused)
    if passage is None and works is None:
        return None
    return finding(
        f"{name(route)}'s file forwards the login, and it did not arrive at the registry: {name(route)} runs with other "
        "settings than this file's.",
        read(f"{route.path or '/'} -> {route.upstream}; no line changes Authorization", route.place),
        seen(refused),
        witnessed(passage.after, "no readable credentials arrived") if passage else None,
        seen(works),
        explains=REFUSED,
        hop=hop(route),
        refuted=not_the_password(facts, works),
        supersedes=("authorization-stripped", "proxy-overwrites-authorization"),
        about=site(facts, route),
        fix=proxy_fix(
            facts,
            route,
            f"Let {name(route)} read {route.place.file} again; where nothing changes, it reads another file",
            login_check(facts, route),
        ),
    )


def _decides(facts: Facts, route: ProxyRoute) -> bool:
    """Whether everything that could touch a header there was handed over: nginx inherits what stands around a location
    only where that sets no header of its own."""
    lines = next((f.lines for f in facts.evidence.files if f.path == route.place.file), ())
    inherits = route.software == "nginx" and not route.request_headers
    return is_whole(facts, route) and not (inherits and not any(_HTTP.match(row) for row in lines))


_HTTP = re.compile(r"\s*http\s*\{")


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
    if not (from_registry(exchange) or _to_a_registry(route, facts)):
        return None
    named = host in route.server_names or not [n for n in route.server_names if n not in ("_", "localhost")]
    if not named or not _signs_alone(route, exchange):
        return None
    return route if not route.listen or request.port in route.listen else None


def _signs_alone(route: ProxyRoute, exchange: Exchange) -> bool:
    """Whether nothing in the response is another program's: each hop may write or add a Server header, and a page of
    nginx or Apache ends with the name and version of the program that wrote it."""
    servers, sign = tuple(exchange.headers("Server")), _SIGNS.get(route.software)
    if len(servers) != 1 or not sign or sign not in servers[0].lower():
        return False
    author = _AUTHOR.search(exchange.body)
    return author is None or (author[1] or author[2]) == servers[0]


_AUTHOR = re.compile(r"<hr><center>([^<]{1,80})</center>|<address>([^<]{1,80}) Server at")


def _leads_straight(facts: Facts, route: ProxyRoute) -> bool:
    """Whether the upstream is the registry itself: its service, or an address at which it listens or answered."""
    behind = upstream_service(route, facts.compose)
    if behind is not None:
        return behind.role == "registry"
    upstreams = [Address(host.lower(), port) for host, port in route.upstream_hosts]
    return any(u.fits(a) or (u.port == a.port and u.is_loopback) for u in upstreams for a in homes(facts))


def _to_a_registry(route: ProxyRoute, facts: Facts) -> bool:
    unnamed = upstream_service(route, facts.compose) is None
    return _leads_straight(facts, route) or (unnamed and any(port == 5000 for _, port in route.upstream_hosts))


def _inner(one: Service | None, port: int) -> int:
    """The port inside the container behind a published one."""
    return next((p.container for p in one.ports if p.published == port), port) if one else port
