"""Whether API requests come to the registry at all, and with the path that they were sent with."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from runbook.model import (
    Certainty,
    Edit,
    EnvVar,
    Evidence,
    Exchange,
    Finding,
    Fix,
    LoggedRequest,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
    Ui,
)
from runbook.observe.routes import calls_itself, only_a_page, only_pages
from runbook.observe.traffic import Traffic, succeeded
from runbook.rules.base import rule
from runbook.rules.hop_edits import swap
from runbook.rules.hops import Front, api_routes, front_url, fronts, hop, is_strange, item, name, repair, seen
from runbook.rules.upstreams import inner_address, registry_service
from runbook.stack.foretell import Request, upstream_path
from runbook.urls import urlsplit

S, C = Symptom, Certainty


@rule(
    "proxy-pass-uri-rewrite",
    sees=("routes", "exchanges", "logs"),
    step="headers",
    title="the hop changes the path on the way",
    fix="Write proxy_pass without anything after the port: http://registry:5000",
    source="run: proxy_pass http://registry:5000/ under location /v2: // and 301; with a variable: always /, 200 (tests/real)",
)
def proxy_pass_uri_rewrite(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Anything after the port in proxy_pass, a lone slash too, takes the place of the location's own path. Under
    `location /v2` a slash makes // of /v2/, and with a variable every request becomes that path: then the registry
    answers 200 to everybody, since / is no API."""
    odd = _odd_requests(traffic)
    shown = _odd_answers(traffic)
    for route in api_routes(stack, evidence.compose):
        bent = [
            (p, upstream_path(route, Request(path=p)))
            for p in ("/v2/", "/v2/_catalog")
            if route.covers(p) or route.match == "regex"
        ]
        bent = [(p, q) for p, q in bent if p != q and "$" not in q]
        if not bent or traffic.works("via"):
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
                f"curl -sSi {front_url(traffic, stack, route, evidence.compose)}/v2/ | head -1   # 401, with WWW-Authenticate",
            ),
            edits=_without_path(evidence, route),
            proves=True,
            supersedes=("redirect-drops-authorization", "ping-not-challenged", "proxy-bypasses-auth", "no-v2-route"),
        )
        return
    if odd and (shown or traffic.seen(S.REDIRECTED)):
        told = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="proxy-pass-uri-rewrite",
            summary=f"The registry is asked for {odd[0].uri[:60]}: a hop changes the path of API requests.",
            certainty=C.LOGGED,
            explains=(S.REDIRECTED, S.NOT_THE_API, S.OPEN_VIA),
            evidence=(
                item(f"the registry was asked for {odd[0].uri[:80]}", odd[0].place),
                *(seen(e) for e in shown[:1]),
            ),
            hop=hop(told) if told else "proxy -> registry",
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


def _odd_requests(traffic: Traffic) -> list[LoggedRequest]:
    """Requests in the registry's log whose path lost or doubled its /v2."""
    odd = re.compile(r"//|/v2/v2(?:/|$)|/_catalog|/v2_catalog|/[^/]+/(?:manifests|tags|blobs)/")
    return [r for r in traffic.requests if r.logger == "registry" and odd.match(r.uri)]


def _odd_answers(traffic: Traffic) -> list[Exchange]:
    """Answers that only a bent path gets: the registry's redirect of //, its 404 in plain text, its empty 200 of /."""
    found = []
    for e in traffic.on("via"):
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
def no_v2_route(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A web server answers, but not the registry: its pages are HTML and lack Docker-Distribution-Api-Version. Often
    the name used is nobody's server_name, and the first server in the file answers instead."""
    traefik = any(r.software == "traefik" for r in stack.routes)
    strangers = [
        e
        for e in traffic.exchanges
        if e.is_api
        and e.route != "direct"
        and (is_strange(e) or (traefik and _unrouted(e)))
        and not only_pages(e, stack)
    ]
    beyond = [
        e for e in traffic.on("via") if e.header("Docker-Distribution-Api-Version") and e.path.rstrip("/") != "/v2"
    ]
    if beyond:
        strangers = [e for e in strangers if e.path.rstrip("/") != "/v2"]  # only the ping ends early: another cause
    if any(succeeded(e) and e.header("Docker-Distribution-Api-Version") for e in traffic.on("via")) and not strangers:
        return
    logged = [] if beyond or only_a_page(stack) else _not_found(traffic)
    own = calls_itself(stack)
    lost = _lost_front(evidence, stack, traffic, strangers)
    if own is not None and not (strangers or beyond):
        yield _no_way_from_ui(*own, logged, evidence, stack)
        return
    if not strangers and not logged and not (lost and lost[1]):
        return
    front, certain, why, near = lost or (None, False, "", "")
    place = front.any.place if front else None
    route = front.any if front else next(iter(stack.routes), None)
    yield Finding(
        cause="no-v2-route",
        summary=f"The address answers, but no registry stands behind its /v2/{why}.",
        certainty=C.PROVEN if strangers and front else C.SEEN if strangers else C.LOGGED if logged else C.READ,
        explains=(S.NOT_THE_API,),
        evidence=(
            *(seen(e) for e in strangers[:2]),
            *(item(f"{r.method} {r.uri} -> 404, by the web server itself", r.place) for r in logged[:1]),
            *([item("no route of this server leads /v2/ to a registry", place)] if place else []),
        ),
        hop=hop(route) if route else "client -> proxy",
        refuted=(
            Refutation(
                cause="authorization-stripped", because="the request never reached a registry: its headers are missing"
            ),
        ),
        fix=repair(
            route or ProxyRoute(software="nginx", place=strangers[0].source if strangers else logged[0].place),
            near
            or "Add a /v2/ route to the registry (for the UI: NGINX_PROXY_PASS_URL), or use the registry's own address.",
            f"curl -sSi {front_url(traffic, stack, route, evidence.compose)}/v2/ | grep -i docker-distribution-api-version",
        ),
        edits=_rename(evidence, front, near, strangers),
        proves=certain,
    )


def _unrouted(exchange: Exchange) -> bool:
    """What Traefik answers when none of its routers takes a request."""
    return (
        exchange.status == 404
        and exchange.body.startswith("404 page not found")
        and not exchange.header("Docker-Distribution-Api-Version")
    )


def _not_found(traffic: Traffic) -> list[LoggedRequest]:
    """404s of a web server's own for paths that a registry always knows."""
    return [
        r
        for r in traffic.requests
        if r.status == 404 and r.uri in ("/v2/", "/v2/_catalog") and r.logger not in ("registry", "unknown")
    ]


def _no_way_from_ui(ui: Ui, variable: EnvVar, logged: list[LoggedRequest], evidence: Evidence, stack: Stack) -> Finding:
    upstream = f"http://{inner_address(registry_service(stack, evidence.compose) or 'registry', stack.registry)}"
    return Finding(
        cause="no-v2-route",
        summary=f"The page of {ui.name} calls {variable.value}, which is the UI's own address, and the UI passes nothing on.",
        certainty=C.PROVEN if logged else C.READ,
        explains=(S.NOT_THE_API, S.BROWSER_BLOCKED),
        evidence=(
            item(f"{variable.name} is the UI's own published port", variable.place),
            *(item(f"{r.method} {r.uri} -> 404, by the UI's nginx", r.place) for r in logged[:1]),
        ),
        hop="browser -> ui",
        fix=Fix(
            summary=f"Write NGINX_PROXY_PASS_URL={upstream} in the place of {variable.name}.",
            commands=(f"docker compose up -d {ui.service.name}",),
            verify=(f"curl -sSi {variable.value}/v2/ | grep -i docker-distribution-api-version",),
        ),
        edits=swap(
            evidence,
            variable.place,
            rf"{variable.name}([\"']?\s*[:=]\s*)[\"']?[^\s\"']+[\"']?",
            rf"NGINX_PROXY_PASS_URL\g<1>{upstream}",
        ),
        proves=True,
    )


def _lost_front(
    evidence: Evidence, stack: Stack, traffic: Traffic, strangers: list[Exchange]
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
