"""Whether API requests come to the registry at all, and with the path that they were sent with."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit

from runbook.model import (
    Certainty,
    Edit,
    Evidence,
    Exchange,
    Finding,
    LoggedRequest,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.rules.base import rule
from runbook.rules.hops import Front, api_routes, front_url, fronts, hop, item, name, repair, seen, swap
from runbook.rules.routing import signed_by_proxy
from runbook.rules.wire import Wire, succeeded
from runbook.stack.foretell import Request, upstream_path

S, C = Symptom, Certainty


@rule(
    "proxy-pass-uri-rewrite",
    sees=("routes", "exchanges", "logs"),
    step="headers",
    title="the hop changes the path on the way",
    fix="Write proxy_pass without anything after the port: http://registry:5000",
    source="run: proxy_pass http://registry:5000/ under location /v2: // and 301; with a variable: always /, 200 (tests/real)",
)
def proxy_pass_uri_rewrite(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """Anything after the port in proxy_pass, a lone slash too, takes the place of the location's own path. Under
    `location /v2` a slash makes // of /v2/, and with a variable every request becomes that path: then the registry
    answers 200 to everybody, since / is no API."""
    odd = _odd_requests(wire)
    shown = _odd_answers(wire)
    for route in api_routes(stack, evidence.compose):
        bent = [
            (p, upstream_path(route, Request(path=p)))
            for p in ("/v2/", "/v2/_catalog")
            if route.covers(p) or route.match == "regex"
        ]
        bent = [(p, q) for p, q in bent if p != q and "$" not in q]
        if not bent or wire.works("via"):
            continue
        sent, arrives = bent[-1]
        yield Finding(
            cause="proxy-pass-uri-rewrite",
            summary=f"{name(route)} turns {sent} into {arrives}, which is not the registry's API.",
            certainty=C.PROVEN if odd or shown else C.READ,
            explains=(S.REDIRECTED, S.NOT_THE_API, S.OPEN_VIA, S.PING_OPEN),
            evidence=(
                item(_how(route), route.upstream_place or route.place),
                *(item(f"the registry was asked for {r.uri[:80]}", r.place) for r in odd[:1]),
                *(seen(e) for e in shown[:1]),
            ),
            hop=hop(route),
            refuted=(Refutation(cause="no-v2-route", because="the route is there, it only cuts the path"),),
            fix=repair(
                route,
                _advice(route),
                f"curl -sSi {front_url(wire, stack, route, evidence.compose)}/v2/ | head -1   # 401, with WWW-Authenticate",
            ),
            edits=_without_path(evidence, route),
            proves=True,
            supersedes=("redirect-drops-authorization", "ping-not-challenged", "proxy-bypasses-auth", "no-v2-route"),
        )
        return
    if odd and (shown or wire.seen(S.REDIRECTED)):
        route = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="proxy-pass-uri-rewrite",
            summary=f"The registry is asked for {odd[0].uri[:60]}: a hop changes the path of API requests.",
            certainty=C.LOGGED,
            explains=(S.REDIRECTED, S.NOT_THE_API, S.OPEN_VIA),
            evidence=(
                item(f"the registry was asked for {odd[0].uri[:80]}", odd[0].place),
                *(seen(e) for e in shown[:1]),
            ),
            hop=hop(route) if route else "proxy -> registry",
        )


def _how(route: ProxyRoute) -> str:
    if route.strips_prefix:
        return f"the prefix {route.strips_prefix} is cut off"
    if route.rewrite:
        return f"the path is rewritten: {route.rewrite[0]} -> {route.rewrite[1]}"
    return f"upstream {route.upstream}: the part after the port takes the place of {route.path}"


def _advice(route: ProxyRoute) -> str:
    if route.strips_prefix or route.rewrite:
        return "Take the rewriting of the path out: the registry wants /v2/ as it was sent."
    return "Write the upstream without anything after the port, not even a slash."


def _without_path(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    uri = route.upstream_uri
    if not uri or route.software not in ("nginx", "joxit-ui"):
        return ()
    return swap(evidence, route.upstream_place, rf"(://[^\s;\"']*?){re.escape(uri)}(?=[\s;\"']|$)", r"\1")


def _odd_requests(wire: Wire) -> list[LoggedRequest]:
    """Requests in the registry's log whose path lost or doubled its /v2."""
    odd = re.compile(r"//|/v2/v2(?:/|$)|/_catalog|/v2_catalog|/[^/]+/(?:manifests|tags|blobs)/")
    return [r for r in wire.requests if r.logger == "registry" and odd.match(r.uri)]


def _odd_answers(wire: Wire) -> list[Exchange]:
    """Answers that only a bent path gets: the registry's redirect of //, its 404 in plain text, its empty 200 of /."""
    found = []
    for e in wire.on("via"):
        plain_404 = e.status == 404 and "404 page not found" in e.body
        empty_200 = e.status == 200 and not e.body.strip() and not e.header("Docker-Distribution-Api-Version")
        cut = e.status in (301, 307, 308) and re.match(
            r"(?:https?://[^/]+)?/(?:_catalog)?$", e.header("Location") or ""
        )
        if plain_404 or (empty_200 and e.method == "GET" and e.response_headers) or cut:
            found.append(e)
    return found


@rule(
    "no-v2-route",
    sees=("routes", "ui", "exchanges"),
    step="headers",
    title="the address has no way to the registry's API",
    fix="Give the address a /v2/ route to the registry, or use the registry's own address.",
    source="run: UI 2.6.0 without NGINX_PROXY_PASS_URL: 404 HTML for /v2/; nginx with another server_name",
)
def no_v2_route(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """A web server answers, but not the registry: its pages are HTML and lack Docker-Distribution-Api-Version. Often
    the name used is nobody's server_name, and the first server in the file answers instead."""
    strangers = [e for e in wire.exchanges if e.is_api and e.route != "direct" and _is_strange(e)]
    if any(succeeded(e) and e.header("Docker-Distribution-Api-Version") for e in wire.on("via")) and not strangers:
        return
    lost = _lost_front(evidence, stack, wire, strangers)
    if not strangers and not (lost and lost[1]):
        return
    front, certain, why, near = lost or (None, False, "", "")
    place = front.any.place if front else None
    route = front.any if front else next(iter(stack.routes), None)
    yield Finding(
        cause="no-v2-route",
        summary=f"The address answers, but no registry stands behind its /v2/{why}.",
        certainty=C.PROVEN if strangers and front else C.SEEN if strangers else C.READ,
        explains=(S.NOT_THE_API,),
        evidence=(
            *(seen(e) for e in strangers[:2]),
            *([item("no route of this server leads /v2/ to a registry", place)] if place else []),
        ),
        hop=hop(route) if route else "client -> proxy",
        refuted=(
            Refutation(
                cause="authorization-stripped", because="the request never reached a registry: its headers are missing"
            ),
        ),
        fix=repair(
            route or ProxyRoute(software="nginx", place=strangers[0].source),
            near
            or "Add a /v2/ route to the registry (for the UI: NGINX_PROXY_PASS_URL), or use the registry's own address.",
            "curl -sSi URL/v2/ | grep -i docker-distribution-api-version",
        ),
        edits=_rename(evidence, front, near, strangers),
        proves=certain,
    )


def _is_strange(exchange: Exchange) -> bool:
    """A web page or a 404/405 that no registry wrote."""
    if exchange.status is None or exchange.status >= 500 or exchange.header("Docker-Distribution-Api-Version"):
        return False
    if exchange.status in (401, 403, 407, 413) or 300 <= exchange.status < 400 or "/v2/" not in f"{exchange.path}/"[:5]:
        return False
    if "404 page not found" in exchange.body or "errors" in exchange.body[:40]:
        return False
    return exchange.is_html or (exchange.status in (404, 405) and signed_by_proxy(exchange))


def _lost_front(
    evidence: Evidence, stack: Stack, wire: Wire, strangers: list[Exchange]
) -> tuple[Front, bool, str, str] | None:
    """The virtual host that took the request: (it, whether the files alone prove it, why, what to do)."""
    all_fronts = fronts(stack, evidence.compose)
    without = [f for f in all_fronts if not f.api]
    if not all_fronts or not without:
        return None
    host = (urlsplit(strangers[0].url).hostname or "") if strangers else ""
    names = [n for f in all_fronts if f.api for n in f.routes[0].server_names]
    if host and names and not any(host == n for n in names):
        near = get_close_matches(host, names, 1, 0.7)
        if near:
            return (
                without[0],
                False,
                f": {host} is no server_name, {near[0]} is",
                f"Correct the server_name {near[0]} to {host}.",
            )
    if len(without) == len(all_fronts) and not any(r.kind == "proxy" and not r.complete for r in stack.routes):
        return without[0], False, "", ""
    return None


def _rename(evidence: Evidence, front: Front | None, near: str, strangers: list[Exchange]) -> tuple[Edit, ...]:
    """The edit of a misspelled server_name."""
    found = re.match(r"Correct the server_name (\S+) to (\S+)\.", near)
    if not found or front is None:
        return ()
    file = next((f for f in evidence.files if f.path == front.any.place.file), None)
    for number, line in enumerate(file.lines if file else (), 1):
        if "server_name" in line and found[1] in line:
            return (Edit(file=front.any.place.file, line=number, old=line, new=line.replace(found[1], found[2])),)
    return ()


@rule(
    "redirect-drops-authorization",
    sees=("exchanges", "routes"),
    step="headers",
    tier=2,
    title="the API is redirected to another host, and clients drop the login there",
    fix="Use the address that the redirect leads to, or proxy instead of redirecting.",
    source="run: curl drops credentials on a redirect to another host or port; so does Go's http client",
)
def redirect_drops_authorization(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """A login belongs to the host that it was typed for. A client that is sent to another one does not take it along."""
    for exchange in wire.exchanges:
        target = urlsplit(exchange.header("Location") or "")
        here = urlsplit(exchange.url)
        moved = exchange.status in (301, 302, 303, 307, 308) and exchange.is_api and bool(target.hostname)
        if not moved or target.hostname == here.hostname or "/blobs/sha256" in exchange.path:
            continue
        after = next(
            (e for e in wire.exchanges if e.status == 401 and urlsplit(e.url).hostname == target.hostname), None
        )
        yield Finding(
            cause="redirect-drops-authorization",
            summary=f"{here.netloc} redirects the API to {target.netloc}: clients do not send the login there.",
            certainty=C.SEEN,
            explains=(S.REDIRECTED, S.LOGIN_401, S.LOGIN_401_VIA),
            evidence=(
                seen(exchange, f", Location {target.scheme}://{target.netloc}/…"),
                *([seen(after)] if after else []),
            ),
            hop="client -> proxy",
            fix=repair(
                ProxyRoute(software="nginx", place=exchange.source),
                f"Log in to {target.netloc} itself, or let {here.netloc} proxy to it.",
                f"curl -sSi -u NAME {target.scheme}://{target.netloc}/v2/ | head -1   # 200",
            ),
        )
        return


@rule(
    "host-header-wrong-for-upstream-vhost",
    sees=("routes", "exchanges"),
    step="headers",
    tier=2,
    title="the Host that is handed on selects the wrong virtual host on the next hop",
    fix="Send the name that the next hop knows: proxy_set_header Host registry.example;",
    source="run: two nginx in a row, the second with server_name (tests/real)",
)
def host_header_wrong_for_upstream_vhost(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The second hop chooses its virtual host by Host. A name that it does not know lands on its default server."""
    pair = _differs_by_host(wire)
    if pair:
        bad, good = pair
        yield Finding(
            cause="host-header-wrong-for-upstream-vhost",
            summary=f"The same address answers as a registry with Host {good.sent('Host')} and as a web page without it.",
            certainty=C.SEEN,
            explains=(S.NOT_THE_API,),
            evidence=(seen(bad), seen(good, f" with Host {good.sent('Host')}")),
            hop="proxy -> proxy",
            fix=repair(
                next(iter(stack.routes), None) or ProxyRoute(software="nginx", place=bad.source),
                f"Let the first hop send Host {good.sent('Host')}.",
            ),
            supersedes=("no-v2-route",),
        )
        return
    yield from _second_hop(evidence, stack, wire)


def _differs_by_host(wire: Wire) -> tuple[Exchange, Exchange] | None:
    for bad in (e for e in wire.exchanges if e.is_api and _is_strange(e)):
        for good in wire.exchanges:
            ours = (good.sent("Host") or "").split(":")[0]
            reached = good.header("Docker-Distribution-Api-Version") is not None
            if reached and good.url == bad.url and ours and ours != urlsplit(good.url).hostname:
                return bad, good
    return None


def _second_hop(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """A hop whose upstream is another hop of the project, with a Host that this one does not know."""
    if evidence.compose is None or wire.works("via"):
        return
    everyone = fronts(stack, evidence.compose)
    for route in stack.routes:
        target = next((s for h, _ in route.upstream_hosts if (s := evidence.compose.service(h))), None)
        if route.kind != "proxy" or target is None or target.name == route.service or route.host == "client":
            continue
        behind = [f for f in everyone if f.routes[0].service == target.name and f.routes[0].server_names]
        host = route.host_value.split(":")[0]
        knows = any(host in f.routes[0].server_names for f in behind)
        default = next((f for f in behind if f.routes[0].default_server), None)
        if not behind or knows or "$" in host or (default and default.api):
            continue
        yield Finding(
            cause="host-header-wrong-for-upstream-vhost",
            summary=f"{name(route)} sends Host {host}, which is no virtual host of {target.name}.",
            certainty=C.READ,
            explains=(S.NOT_THE_API,),
            evidence=(
                item(f"Host {host} is sent on", route.place),
                item("the names known there", behind[0].routes[0].place),
            ),
            hop=f"{name(route)} -> {target.name}",
            fix=repair(route, f"Send a name that it knows: {', '.join(behind[-1].routes[0].server_names)}."),
        )
        return
