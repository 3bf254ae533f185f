"""Whether API requests reach the registry at all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from runbook.model import (
    Edit,
    EnvVar,
    Exchange,
    Finding,
    Fix,
    LoggedRequest,
    Message,
    ProxyRoute,
    Refutation,
    Subject,
    Symptom,
    Ui,
)
from runbook.observe.address import address_of
from runbook.observe.routes import calls_itself, homeward, is_beside_a_page, only_a_page, only_pages
from runbook.observe.signature import is_registrys
from runbook.observe.traffic import Traffic, succeeded
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import insert, line_of, places, swap
from runbook.rules.hops import (
    api_check,
    front_url,
    fronts,
    hop,
    is_strange,
    name,
    site,
)
from runbook.rules.new_route import new_route
from runbook.rules.platform import restarted
from runbook.rules.reloads import proxy_fix
from runbook.rules.route_files import exact_only, nothing_on_https, taken_before, unserved, unserved_router
from runbook.rules.upstreams import at_home, inner_address, registry_service
from runbook.urls import urlsplit

S = Symptom


@dataclass(frozen=True, slots=True)
class _NearName:
    """A virtual host's name that is nearly the one that was asked for, and the route that has it."""

    known: str
    asked: str
    route: ProxyRoute


@rule(
    "no-v2-route",
    by_absence=True,
    needs_any=("routes", "ui", "exchanges"),
    step="headers",
    title="no /v2/ route to the registry",
    explains=(S.NOT_THE_API,),
    refuted=(
        Refutation(
            cause="authorization-stripped", because="the request never reached a registry: its headers are missing"
        ),
    ),
    fix="Give the address a /v2/ route to the registry, or use the registry's own address",
    source="run: UI 2.6.0 without NGINX_PROXY_PASS_URL: 404 HTML for /v2/; nginx with another server_name",
)
def no_v2_route(facts: Facts) -> Iterator[Finding]:
    """A web server answers, but not the registry: its pages are HTML and lack Docker-Distribution-Api-Version. Often
    the name used is nobody's server_name, and the first server in the file answers instead."""
    traffic, stack = facts.traffic, facts.stack
    signed = [e for e in traffic.on("via") if is_registrys(e)]
    beyond = any(e.path.startswith("/v2/") and e.path != "/v2/" for e in signed)
    answered = any(f.api and f.ping and f.ping.kind == "return" for f in fronts(facts))
    strangers = _strangers(facts, ping_counts=not (beyond or answered))
    if any(succeeded(e) for e in signed) and not strangers:
        return
    logged = None if beyond or only_a_page(stack) else _not_found(traffic)
    own = calls_itself(stack)
    if own is not None and not beyond:
        yield _ui_calls_itself(facts, *own, strangers, logged)
    elif strangers or logged:
        yield _unrouted(facts, strangers, logged)
    elif (told := _told_404(traffic)) and _near_name(facts, (told.host or "").split(":")[0]):
        yield _unrouted(facts, [], None, told)
    elif not signed:
        yield from exact_only(facts)
        yield from taken_before(facts)
        yield from nothing_on_https(facts)
        yield from unserved_router(facts)


def _told_404(traffic: Traffic) -> Message | None:
    """docker's word that its login met a 404."""
    return next((m for m in traffic.said("login-status") if m.detail == "404" and m.host), None)


def _unrouted(
    facts: Facts, strangers: list[Exchange], logged: LoggedRequest | None, told: Message | None = None
) -> Finding:
    unused = _unused_router(facts, strangers)
    known = (unserved(facts, unused, *strangers) if unused else None) or _without_tls(facts, strangers)
    if known is None and unused is not None:
        known = _left_out(facts, strangers, unused)
    if known is not None:
        return known
    asked = (
        (urlsplit(strangers[0].url).hostname or "") if strangers else (told.host or "").split(":")[0] if told else ""
    )
    near = _near_name(facts, asked)
    front = _front_without(facts, near, asked)
    route = front or (near.route if near else next(iter(facts.stack.routes), None))
    edits = _rename(facts, near) if near else ()
    target = registry_service(facts.stack, facts.compose)
    address = inner_address(target, facts.stack.registry) if target else at_home(facts) or _led_to(facts)
    if front and not near and address:
        edits = new_route(facts.evidence, front, address)
    return finding(
        "The address answers, but no registry is behind its /v2/"
        + (f": the registry's route is for {near.known}, not for {near.asked}." if near else "."),
        *(seen(e) for e in strangers[:2]),
        said(logged, f"{logged.method} {logged.uri} -> 404, by the web server itself") if logged else None,
        said(told),
        read("no route of this server leads /v2/ to a registry", front.place) if front else None,
        read(f"the registry's route is for {near.known}", near.route.place) if near else None,
        hop=hop(route) if route else "client -> proxy",
        fix=proxy_fix(
            facts,
            route,
            f"Let the route be for {near.asked} instead of {near.known}, or use the name {near.known}"
            if near
            else f"Add a /v2/ route to the registry{_OF_UI if facts.stack.ui else ''}, or use the registry's own address",
            api_check(front_url(facts, route)),
            edits=edits,
        ),
        edits=edits,
    )


_OF_UI = " (for the UI: NGINX_PROXY_PASS_URL)"


def _led_to(facts: Facts) -> str | None:
    """The registry's own HOST:PORT, as another route of a proxy has it."""
    return next(
        (f"{host}:{port}" for route in homeward(facts.stack) for host, port in route.upstream_hosts if port), None
    )


def _unused_router(facts: Facts, strangers: list[Exchange]) -> ProxyRoute | None:
    """The router of Traefik that would lead the request to the registry, where Traefik answered that it has none."""
    for exchange in strangers:
        host = (urlsplit(exchange.url).hostname or "").lower()
        for front in fronts(facts) if _by_traefik(exchange) else ():
            route = front.ping
            if route in front.api and route is not None and route.software == "traefik" and host in route.server_names:
                return route
    return None


def _without_tls(facts: Facts, strangers: list[Exchange]) -> Finding | None:
    """The router of Traefik that has the host and takes plain http alone, where https was asked for: 404 (run, 3.3)."""
    asked = {(address_of(e.url), e.url[:6] == "https:") for e in strangers if _by_traefik(e)}
    told = [m for m in facts.traffic.said("login-status") if m.detail == "404" and f"https://{m.host}" in m.text]
    asked |= {(address_of(f"https://{m.host}"), True) for m in told}
    hosts = {a.host for a, tls in asked if a and tls}
    found = (r for f in fronts(facts) for r in f.api if r.software == "traefik" and hosts.intersection(r.server_names))
    route = next(found, None)
    if route is None or route.tls or route.platform == "kubernetes":
        return None
    line = line_of(facts.evidence, route.place) or ""
    edits: tuple[Edit, ...] = ()
    if re.match(r"\s*rule\s*:", line):
        edits = insert(facts.evidence, route.place, "tls: {}")
    elif written := re.match(r"\s*+(-?\s*+[\"']?traefik\.http\.routers\.[\w-]+\.)rule(\s*[=:]\s*)", line):
        quote = '"' if '"' in written[1] else "'" if "'" in written[1] else ""
        value = "true" if "=" in written[2] else '"true"'
        edits = insert(
            facts.evidence, route.place, f"{written[1]}tls{written[2]}{value}{quote if '=' in written[2] else ''}"
        )
    return finding(
        f"The router of {name(route)} has no tls, so it takes plain http alone: https gets 404.",
        *(seen(e) for e in strangers[:2]),
        *(said(m) for m in told[:1]),
        read("no tls in this router", route.place),
        hop=hop(route),
        proves=True,
        about=site(facts, route),
        edits=edits,
        fix=proxy_fix(
            facts, route, "Give the router tls", api_check(front_url(facts, route)), edits=edits, at=route.place
        ),
    )


def _left_out(facts: Facts, strangers: list[Exchange], route: ProxyRoute) -> Finding:
    """Its rule is right, so no rule is to be added: Traefik did not take the container, or not for this entrypoint."""
    return finding(
        "Traefik answers 404 by itself although this router has the host: it does not use the router.",
        *(seen(e) for e in strangers[:2]),
        read(f"the router is for {route.server_names[0]}", route.place),
        hop=hop(route),
        about=site(facts, route),
        fix=proxy_fix(
            facts,
            route,
            "Let Traefik use the router: traefik.enable=true where exposedByDefault is false, a network in common with "
            "Traefik, a healthy container, and the entrypoint that was asked; its log and dashboard name what it left out",
            api_check(front_url(facts, route)),
        ),
    )


def _strangers(facts: Facts, *, ping_counts: bool) -> list[Exchange]:
    """Responses to API requests that no registry wrote. Where only the ping ends early, that is another cause."""
    traefik = any(r.software == "traefik" for r in facts.stack.routes)
    return [
        e
        for e in facts.traffic.exchanges
        if e.is_api
        and e.route != "direct"
        and (is_strange(e) or (traefik and _by_traefik(e)))
        and not only_pages(e, facts.stack)
        and not is_beside_a_page(e, facts.traffic.exchanges, facts.stack)
        and (ping_counts or e.path.rstrip("/") != "/v2")
    ]


def _by_traefik(exchange: Exchange) -> bool:
    """What Traefik answers when none of its routers takes a request."""
    return exchange.status == 404 and exchange.body.startswith("404 page not found") and not is_registrys(exchange)


def _not_found(traffic: Traffic) -> LoggedRequest | None:
    """A web server's own 404 for a path that a registry always knows."""
    known = ("/v2/", "/v2/_catalog")
    found = (r for r in traffic.requests if r.status == 404 and r.uri in known)
    return next((r for r in found if r.logger not in ("registry", "unknown")), None)


def _ui_calls_itself(
    facts: Facts, ui: Ui, variable: EnvVar, strangers: list[Exchange], logged: LoggedRequest | None
) -> Finding:
    stack, restart = facts.stack, restarted(ui.service, variable.place)
    upstream = f"http://{inner_address(registry_service(stack, facts.compose) or 'registry', stack.registry)}"
    return finding(
        f"The page of {ui.name} calls {variable.value}, which is the UI's own address, and the UI forwards nothing.",
        read(f"{variable.name} is the UI's own published port", variable.place),
        *(seen(e) for e in strangers[:2]),
        said(logged, f"{logged.method} {logged.uri} -> 404, by the UI's nginx") if logged else None,
        explains=(S.NOT_THE_API, S.BROWSER_BLOCKED),
        hop="browser -> ui",
        fix=Fix(
            summary=f"Write NGINX_PROXY_PASS_URL={upstream} instead of {variable.name}",
            commands=restart.commands,
            verify=(api_check(variable.value or ""),),
            applies=restart.applies,
        ),
        edits=swap(
            facts.evidence,
            variable.place,
            rf"{variable.name}([\"']?\s*[:=]\s*)[\"']?[^\s\"']+[\"']?",
            rf"NGINX_PROXY_PASS_URL\g<1>{upstream}",
        ),
        proves=True,
        about=Subject(service=ui.service.name),
    )


def _near_name(facts: Facts, host: str) -> _NearName | None:
    """The name of a route to the registry that is a misspelling of the one asked for (or the other way round)."""
    by_name = {n: f.any for f in fronts(facts) if f.api for n in f.routes[0].server_names}
    traefik = all(r.software == "traefik" for r in by_name.values())
    if not host or host in by_name or not by_name:
        return None
    if traefik and len(by_name) == 1:
        return _NearName(next(iter(by_name)), host, next(iter(by_name.values())))
    near = get_close_matches(host, by_name, 1, 0.7)
    # Where no other virtual host is known, nginx and its kind take the request by default; Traefik answers 404.
    if near and (traefik or any(not f.api for f in fronts(facts))):
        return _NearName(near[0], host, by_name[near[0]])
    return None


def _front_without(facts: Facts, near: _NearName | None, asked: str) -> ProxyRoute | None:
    """The virtual host that took the request without leading it to a registry, as far as the files tell: the one that
    has the name, else the only one."""
    everyone = fronts(facts)
    named = [f for f in everyone if asked and asked in f.routes[0].server_names]
    if named and not near:
        bare = [f.any for f in named if not f.api and all(r.complete for r in f.routes)]
        return bare[0] if len(bare) == len(named) else None
    without = [f.any for f in everyone if not f.api]
    partial = any(r.kind == "proxy" and not r.complete for r in facts.stack.routes)
    return without[0] if without and (near or (len(without) == len(everyone) and not partial)) else None


def _rename(facts: Facts, near: _NearName) -> tuple[Edit, ...]:
    """The edit of a misspelled name: in the route's own line (Traefik's rule), else in a server_name of its file."""
    place, pattern = near.route.place, rf"(?<![\w.-]){re.escape(near.known)}(?![\w.-])"
    if edits := swap(facts.evidence, place, pattern, near.asked):
        return edits
    names = places(facts.evidence, place.file, "server_name")
    return next((edits for found in names if (edits := swap(facts.evidence, found, pattern, near.asked))), ())
