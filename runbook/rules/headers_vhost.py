"""Requests that end at another host than they were meant for."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Edit, Exchange, Finding, HeaderEdit, ProxyRoute, Symptom
from runbook.observe.signature import is_registrys
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import swap
from runbook.rules.hops import (
    Front,
    api_check,
    api_routes,
    challenge_check,
    front_url,
    fronts,
    hop,
    is_strange,
    login_at,
    name,
    site,
    upstream_service,
)
from runbook.rules.location_math import base_of
from runbook.rules.reloads import proxy_fix
from runbook.rules.shell import status
from runbook.urls import urlsplit

S = Symptom


@rule(
    "redirect-drops-authorization",
    needs_any=("exchanges", "routes", "messages"),
    step="headers",
    tier=2,
    title="a redirect to another host drops the credentials",
    explains=(S.REDIRECTED, S.LOGIN_401, S.LOGIN_401_VIA),
    hop="client -> proxy",
    fix="Use the address that the redirect leads to, or proxy instead of redirecting",
    source="run: curl drops credentials on a redirect to another host or port; so does Go's http client",
)
def redirect_drops_authorization(facts: Facts) -> Iterator[Finding]:
    """Credentials belong to the host that they were typed for. A client that is redirected to another one does not
    send them there."""
    for exchange in facts.traffic.exchanges:
        here, location = urlsplit(exchange.url), exchange.header("Location") or ""
        there = base_of(f"{here.scheme}:{location}" if location.startswith("//") else location)
        target, asked = urlsplit(there), base_of(exchange.url)
        moved = exchange.status in (301, 302, 303, 307, 308) and exchange.is_api and bool(target.hostname)
        if not moved or target.hostname == here.hostname or "/blobs/sha256" in exchange.path:
            continue
        if "/v2" not in urlsplit(location).path:
            yield _to_a_login_page(facts, exchange, there)
            return
        after = (e for e in facts.traffic.exchanges if e.status == 401 and urlsplit(e.url).hostname == target.hostname)
        yield finding(
            f"{asked} redirects the API to {there}: clients do not send the credentials there.",
            seen(exchange, f", Location {there}/…"),
            seen(next(after, None)),
            fix=proxy_fix(facts, None, f"Log in to {there} itself, or let {asked} proxy to it", login_at(facts, there)),
        )
        return
    for route in facts.stack.routes:
        there = (
            base_of((route.location or "").partition("$")[0])
            if route.kind == "redirect" and route.covers("/v2/")
            else ""
        )
        names = [name for name in route.server_names if name.lower() in facts.focus.sites]
        if names and (urlsplit(there).hostname or "") not in ("", *(name.lower() for name in route.server_names)):
            yield finding(
                f"{names[0]} redirects the API to {there}: clients do not send the credentials there.",
                read(f"redirects to {route.location}", route.place),
                about=site(facts, route),
                fix=proxy_fix(
                    facts, None, f"Log in to {there} itself, or let {names[0]} proxy to it", login_at(facts, there)
                ),
            )
            return
    yield from _to_a_single_sign_on(facts)


def _to_a_single_sign_on(facts: Facts) -> Iterator[Finding]:
    """A proxy that asks another service about each request, whose answer to a client without a session is a page."""
    told = next((m for m in facts.traffic.said("login-status") if m.detail.startswith("3")), None)
    route = next((r for r in api_routes(facts) if r.auth and r.auth.kind == "forward"), None)
    if told is None or route is None or route.auth is None:
        return
    yield finding(
        f"{name(route)} asks another service about each request of the API, and that answers with a redirect to its page, as a "
        "single sign-on does: clients cannot log in on a page.",
        read("asked of another service (forward auth)", route.auth.place),
        said(told),
        explains=(S.REDIRECTED,),
        hop=hop(route),
        about=site(facts, route),
        fix=proxy_fix(
            facts,
            route,
            "Take the registry's site out of the single sign-on, so that the registry asks for credentials itself",
            challenge_check(facts, route),
            at=route.place,
        ),
    )


def _to_a_login_page(facts: Facts, exchange: Exchange, there: str) -> Finding:
    """A single sign-on, or a site that moved: the redirect is to a page for people, not to another registry's API."""
    asked = base_of(exchange.url)
    return finding(
        f"{asked} redirects the API to a page of {there}, as a single sign-on or a site that moved does: clients cannot "
        "log in on a page, and do not send the credentials there.",
        seen(exchange, f", Location {there}/…"),
        hop=hop(None),
        fix=proxy_fix(
            facts,
            None,
            "Take /v2/ out of the proxy's redirect or single sign-on, so that the registry asks for credentials itself",
            status(asked, expect="401"),
        ),
    )


@rule(
    "host-header-wrong-for-upstream-vhost",
    by_absence=True,
    needs_any=("routes", "exchanges"),
    step="headers",
    tier=2,
    title="forwarded Host selects the wrong virtual host upstream",
    explains=(S.NOT_THE_API,),
    hop="proxy -> proxy",
    fix="Send the name that the next proxy knows: proxy_set_header Host registry.example;",
    source="Joxit/docker-registry-ui#113, aws/containers-roadmap#299; run by hand: two nginx in a row, the second with server_name",
)
def host_header_wrong_for_upstream_vhost(facts: Facts) -> Iterator[Finding]:
    """The second proxy chooses its virtual host by Host. A name that it does not know lands on its default server."""
    pair = _differs_by_host(facts)
    if not pair:
        yield from _second_proxy(facts)
        return
    bad, good = pair
    route = next(iter(facts.stack.routes), None)
    yield finding(
        f"The same address answers as a registry with Host {good.sent('Host')} and as a web page without it.",
        seen(bad),
        seen(good, f" with Host {good.sent('Host')}"),
        fix=proxy_fix(
            facts, route, f"Let the first proxy send Host {good.sent('Host')}", api_check(front_url(facts, route))
        ),
        supersedes=("no-v2-route",),
    )


def _differs_by_host(facts: Facts) -> tuple[Exchange, Exchange] | None:
    """A web page and a registry's response to the same URL with two Hosts."""
    reached: dict[str, Exchange] = {}
    for good in facts.traffic.exchanges:
        ours = (good.sent("Host") or "").split(":")[0]
        if is_registrys(good) and ours and ours != urlsplit(good.url).hostname:
            reached.setdefault(good.url, good)
    strange = (e for e in facts.traffic.exchanges if e.url in reached and e.is_api and is_strange(e))
    return next(((bad, reached[bad.url]) for bad in strange), None)


def _second_proxy(facts: Facts) -> Iterator[Finding]:
    """A proxy whose upstream is another proxy, with a Host that this one does not know."""
    lost = next((e for e in facts.traffic.exchanges if e.is_api and is_strange(e)), None)
    if lost is None and (facts.compose is None or facts.traffic.works("via")):
        return
    for route in facts.stack.routes:
        behind = _next_proxy(facts, route)
        names = tuple(dict.fromkeys(n for f in behind for n in f.routes[0].server_names if n not in ("_", "")))
        sent = route.host_value.split(":")[0].lower()
        if route.kind != "proxy" or route.host == "client" or not sent or "$" in sent or not names:
            continue
        default = next((f for f in behind if f.routes[0].default_server), None)
        if sent in (n.lower() for n in names) or (default and default.api):
            continue
        known = next(f.routes[0] for f in behind if names[0] in f.routes[0].server_names)
        edit = route.edit("Host")
        as_it_came = not set(route.server_names) or bool(set(route.server_names) & set(names))
        edits = _other_host(facts, route, edit, names[0], as_it_came=as_it_came)
        advice = f"Send a name that it knows: {', '.join(names)[:200]}"
        if as_it_came and route.software in ("nginx", "apache"):
            how = "proxy_set_header Host $http_host;" if route.software == "nginx" else "ProxyPreserveHost On"
            advice = f"Forward the client's Host ({how})"
        yield finding(
            f"{name(route)} sends Host {sent}, which is no virtual host of {name(known)}.",
            read(f"Host {sent} is forwarded", edit.place if edit else route.place),
            read(f"the names known there: {', '.join(names)[:200]}", known.place),
            seen(lost),
            hop=f"{name(route)} -> {name(known)}",
            supersedes=("no-v2-route",),
            edits=edits,
            fix=proxy_fix(facts, route, advice, api_check(front_url(facts, route)), edits=edits),
            about=site(facts, route),
        )
        return


def _next_proxy(facts: Facts, route: ProxyRoute) -> list[Front]:
    """The virtual hosts of the proxy behind a route: the service that is asked or, without a compose file, whatever
    listens on the port that is asked."""
    target = upstream_service(route, facts.compose)
    if facts.compose:
        return [f for f in fronts(facts) if target and f.routes[0].service == target.name != route.service]
    ports = {port for _, port in route.upstream_hosts}
    return [f for f in fronts(facts) if f.routes[0].place.file != route.place.file and ports & set(f.routes[0].listen)]


_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def _other_host(
    facts: Facts, route: ProxyRoute, edit: HeaderEdit | None, known: str, *, as_it_came: bool
) -> tuple[Edit, ...]:
    """The line that sends Host with what the next proxy knows instead; only with a plain name."""
    pattern = {"haproxy": r"(set-header\s+Host\s+)\S+", "nginx": r"(proxy_set_header\s+Host\s+)[^;]+"}.get(
        route.software
    )
    wanted = "$http_host" if route.software == "nginx" and as_it_came else known
    if edit is None or pattern is None or not (wanted.startswith("$") or _NAME.fullmatch(wanted)):
        return ()
    return swap(facts.evidence, edit.place, pattern, rf"\g<1>{wanted}")
