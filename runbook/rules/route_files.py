"""Routes that lead no API request to the registry whatever is asked, told by the files alone."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Edit, Exchange, Finding, Place, ProxyRoute
from runbook.rules.base import Facts
from runbook.rules.evidence import finding, read, seen
from runbook.rules.hop_edits import line_of, swap
from runbook.rules.hops import Front, anonymous_check, api_check, front_url, fronts, hop, leads_to_registry, name, site
from runbook.rules.reloads import proxy_fix

_EXACT = {
    "nginx": (r"\blocation\s+=\s+/v2/?", "location /v2/"),
    "caddy": (r"(?<=\s)/v2/?(?=\s|$)", "/v2/*"),
    "traefik": (r"\bPath\(`/v2/?`\)", "PathPrefix(`/v2/`)"),
}
_PATH_TYPE = (r"(pathType[\"']?\s*:\s*[\"']?)Exact", r"\1Prefix")


def exact_only(facts: Facts) -> Iterator[Finding]:
    """A route for /v2 itself and nothing below it: Caddy's `/v2` without a star, nginx's `=`, an Ingress's Exact."""
    everyone = fronts(facts)
    for front in everyone:
        route = next((r for r in front.routes if _is_exact(r) and leads_to_registry(r, facts.compose)), None)
        if route is None or any(_takes_more(f) and _same_names(f, front) for f in everyone):
            continue
        yield finding(
            f"{name(route)} leads the path {route.path} alone to the registry, and nothing below it.",
            read(f"the route is for exactly {route.path}", route.place),
            hop=hop(route),
            proves=True,
            about=site(facts, route),
            fix=proxy_fix(
                facts,
                route,
                "Let the route take every path that begins with /v2/",
                anonymous_check(facts, route, "/v2/_catalog"),
                edits=_widened(facts, route),
                at=route.place,
            ),
        )
        return


def _is_exact(route: ProxyRoute) -> bool:
    """HAProxy's lists of paths are alternatives of which a route keeps one, so it is not among them."""
    plain = route.match == "exact" and not route.condition and not route.methods and route.software != "haproxy"
    known = route.complete or route.platform == "kubernetes"
    return plain and known and route.kind == "proxy" and route.path.rstrip("/") == "/v2"


def _takes_more(front: Front) -> bool:
    return any(r.match != "exact" for r in front.api)


def _same_names(one: Front, other: Front) -> bool:
    names, others = one.routes[0].server_names, other.routes[0].server_names
    return not names or not others or not set(names).isdisjoint(others)


def _widened(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    """The edit that makes a prefix of the path; of an Ingress in the first pathType of its row."""
    if route.platform != "kubernetes":
        return swap(facts.evidence, route.place, *_EXACT[route.software]) if route.software in _EXACT else ()
    first = route.place.line or 1
    rows = (Place(route.place.file, number) for number in range(first, first + 4))
    kind = next((at for at in rows if "pathType" in (line_of(facts.evidence, at) or "")), route.place)
    return swap(facts.evidence, kind, *_PATH_TYPE) or swap(facts.evidence, route.place, *_EXACT["traefik"])


def taken_before(facts: Facts) -> Iterator[Finding]:
    """A route for /v2/ that is never asked, for one above it takes the path and leads elsewhere: Apache's ProxyPass and
    HAProxy's use_backend take the first that fits. What is there may send it on to the registry: a suspicion."""
    for front in () if _was_tried(facts) else fronts(facts):
        taker = front.ping
        own = next(
            (r for r in front.routes if r.kind == "proxy" and r.path.startswith("/v2") and not r.condition), None
        )
        if own is None or taker is None or taker.kind != "proxy" or taker.path.startswith("/v2"):
            continue
        if not set(own.upstream_hosts).isdisjoint(taker.upstream_hosts) or own.match == "exact":
            continue
        yield finding(
            f"{name(own)} has a route for {own.path} that is never asked: one above it takes every path.",
            [
                read(f"{taker.path} goes to {_to(taker)}", taker.place),
                read(f"{own.path} goes to {_to(own)}", own.place),
            ],
            hop=hop(own),
            proves=False,
            about=site(facts, own),
            fix=proxy_fix(
                facts,
                own,
                f"Write the route for {own.path} above the one for {taker.path}: the first that fits is taken",
                api_check(front_url(facts, own)),
                at=own.place,
            ),
        )
        return


def _to(route: ProxyRoute) -> str:
    return (
        ", ".join(host if port is None else f"{host}:{port}" for host, port in route.upstream_hosts)
        or "another program"
    )


def nothing_on_https(facts: Facts) -> Iterator[Finding]:
    """A site that sends everything on to https of its own name, where neither a site of these files nor a published port
    is for https. Something that was not handed over may be: a suspicion, and only where nothing was tried."""
    services = facts.compose.services if facts.compose else ()
    secure = any((r.tls or 443 in r.listen) and _may_be_reached(facts, r) for r in facts.stack.routes)
    if not services or _was_tried(facts) or secure:
        return
    if any(443 in (p.published, p.container) for s in services for p in s.ports):
        return
    sites = fronts(facts)
    for front in sites:
        away = front.ping
        named = (r for f in sites if f.routes[0].server_names == front.routes[0].server_names for r in f.routes)
        meant = any(r.kind == "proxy" and leads_to_registry(r, facts.compose) for r in named)
        if not meant or away is None or away != front.upload or not _is_to_https(away):
            continue
        yield finding(
            f"{name(away)} sends every request on to https, and nothing in these files answers there.",
            read(f"{away.status} to {away.location}", away.place),
            hop=hop(away),
            about=site(facts, away),
            fix=proxy_fix(
                facts,
                away,
                "Add a site for 443 with a certificate and publish its port, or take the redirect out",
                api_check(front_url(facts, away)),
                at=away.place,
            ),
        )
        return


def _may_be_reached(facts: Facts, route: ProxyRoute) -> bool:
    """Whether clients may come to a site: one of its ports is published, another proxy asks it, or that is not known."""
    runs = facts.compose.service(route.service) if facts.compose and route.service else None
    if runs is None or runs.network_mode or not route.listen:
        return True
    asked = {host for r in facts.stack.routes for host, _ in r.upstream_hosts}
    return bool(asked & {runs.name, *runs.aliases}) or any(p.container in route.listen for p in runs.ports)


def _was_tried(facts: Facts) -> bool:
    """Whether anything was seen happening, besides our own probes and what people tell."""
    return any(o.voice == "program" and not o.own for o in facts.traffic.observations)


def _is_to_https(route: ProxyRoute) -> bool:
    """Whether it is an unconditional redirect to the same name (as a variable, or one of the site's own)."""
    if route.kind != "redirect" or route.condition or route.methods:
        return False
    to = re.match(r"https://([^/]{1,255})", route.location)
    return to is not None and (to[1][:1] in "$%{" or to[1] in route.server_names)


_DEFINES = re.compile(r"\s{0,40}(?:middlewares\s{0,9}:|\[http\.middlewares)")


def unserved_router(facts: Facts) -> Iterator[Finding]:
    """A router of Traefik that names what nobody defines."""
    if any(o.ok and o.voice == "program" for o in facts.traffic.observations):
        return
    for front in fronts(facts):
        for route in front.api:
            if found := unserved(facts, route):
                yield found
                return


def unserved(facts: Facts, route: ProxyRoute, *refused: Exchange) -> Finding | None:
    """A router that Traefik leaves out, since it names a middleware, a service or an entry point that nobody defines, or a
    middleware of two kinds; a suspicion where it may be in a file of the file provider, and none that defines any is here."""
    if not route.unknown or route.platform == "kubernetes":
        return None
    kind, asked, place = route.unknown[0]
    bare, _, provider = asked.partition("@")
    files = any(f.kind == "traefik" and any(map(_DEFINES.match, f.lines)) for f in facts.evidence.files)
    known = provider in ("", "docker") or (provider == "file" and files)
    if not known and (refused or _was_tried(facts)):
        return None
    key, advice = {
        "middleware": ("middlewares", f"Define {bare}, or take it out of the router's middlewares"),
        "two in one": ("middlewares", f"Make a middleware of each kind in {bare}, and name both"),
        "service": ("service", f"Define {bare}, or name a service that there is"),
        "entry point": ("entryPoints", f"Define {bare}, or name an entry point that Traefik has"),
    }[kind]
    double, missing = kind == "two in one", "nothing here defines: Traefik does not serve it."
    return finding(
        f"The router of {name(route)} names the {'middleware' if double else kind} {asked}, which "
        + (
            "is of two kinds at once: Traefik does not serve it."
            if double
            else missing
            if known
            else "was not handed over."
        ),
        *(seen(e) for e in refused[:2]),
        read(f"{key}: {asked}", place),
        hop=hop(route),
        proves=known,
        about=site(facts, route),
        fix=proxy_fix(facts, route, advice, api_check(front_url(facts, route)), at=place),
    )
