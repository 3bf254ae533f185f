"""The port and scheme of a proxy's upstream, and an address that is out of date."""

from collections.abc import Iterator, Sequence

from runbook.lazy import re
from runbook.model import Edit, Exchange, Finding, Fix, LogEvent, ProxyRoute, Registry, Service, Setting, Symptom
from runbook.model.command import sh
from runbook.numbers import whole_number
from runbook.observe.address import address_of
from runbook.redact import is_mask
from runbook.rules.align import stated
from runbook.rules.apache_modules import module_enabled
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said, seen
from runbook.rules.hop_edits import on_way, swap
from runbook.rules.hops import LOOPBACK, MANY_HAVE, aside, hop, login_check, name, site, upstream_service
from runbook.rules.platform import inside, restarted, retargeted, runs
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstream_tls import plain_transport, scheme_kept, tls_to_upstream, tls_transport
from runbook.rules.upstream_trust import certificate_refused, unsaid
from runbook.rules.upstreams import (
    NO_ANSWER,
    TAKEN_ANEW,
    UI_UPSTREAM,
    asks_beside,
    at_home,
    bad_gateway,
    point_to,
    proxied,
    reaches,
    recovered,
    registry_direct,
    registry_is_up,
    shares_localhost,
)

S = Symptom
_SCHEME = (S.BAD_GATEWAY, S.SCHEME_MIXED, S.NOT_THE_API)
_TLS = ("http.tls.certificate", "http.tls.letsencrypt.email")


@rule(
    "upstream-wrong-port",
    by_absence=True,
    step="align",
    title="the proxy's upstream port is not the registry's",
    fix="Use the port inside the container (5000 unless http.addr says otherwise), not the published one",
    source="run: connection refused between containers on the published port; the debug server answers 404 text/plain",
    needs_any=("routes", "exchanges", "logs"),
    explains=(*NO_ANSWER, S.GATEWAY_TIMEOUT),
    proves=True,
    supersedes=("registry-unreachable", "nginx-stale-dns"),
)
def upstream_wrong_port(facts: Facts) -> Iterator[Finding]:
    """Between containers the port inside counts. The left side of `ports:` is for the host, and no port means 80."""
    registry = facts.stack.registry
    if reaches(facts.traffic):
        return
    if registry is None or registry.service is None or not registry.listens:
        yield from _at_debug_server(facts) or _beside(facts) or _ports_in_logs(facts)
        return
    for route in proxied(facts.stack):
        target = upstream_service(route, facts.compose)
        wrong = [(h, p) for h, p in route.upstream_hosts if p != registry.listens]
        if target is None or target.name != registry.service.name or not wrong:
            continue
        host, port = wrong[0]
        if route.through and _is_of_mate(facts, registry.service, port):
            continue
        there = retargeted(facts.evidence, route, registry.listens)
        advice, edits = there or (
            _advice(route, host, registry.listens),
            _repoint(facts, route, host, port, registry.listens),
        )
        yield finding(
            f"{name(route)} asks for the registry on port {port}; it listens on {registry.listens} "
            f"({_what_is_there(registry, route, host, port)}).",
            read(f"upstream {route.upstream}", route.upstream_place),
            stated(registry.settings.get("http.addr"), "http.addr"),
            seen(bad_gateway(facts)),
            (said(e) for e in facts.traffic.logged("upstream-refused")[:1]),
            hop=hop(route),
            refuted=registry_is_up(facts),
            about=site(facts, route),
            edits=edits,
            fix=proxy_fix(facts, route, advice, login_check(facts, route), edits=edits, at=route.upstream_place),
        )
        return


def _is_of_mate(facts: Facts, registry: Service, port: int | None) -> bool:
    """Whether another container of the registry's pod has that port: a Service may lead to a proxy beside it."""
    mates = [s for s in (facts.compose.services if facts.compose else ()) if s.name != registry.name]
    mates = [s for s in mates if shares_localhost(s, registry)]
    listen = {p for r in facts.stack.routes if r.service in {s.name for s in mates} for p in r.listen}
    unsaid = any(s.role == "proxy" and not s.expose for s in mates) and not listen
    return unsaid or port in listen.union(*(s.expose for s in mates))


def _at_debug_server(facts: Facts) -> list[Finding]:
    """A proxy that asks at the debug server of a registry whose config.yml was handed over, without a compose file."""
    registry = facts.registry
    debug = registry.settings.get("http.debug.addr") if registry else None
    port = whole_number(str(debug.value or "").rpartition(":")[2]) if debug else None
    if registry is None or not port or port == registry.listens:
        return []
    for route in proxied(facts.stack):
        host = next((h for h, p in route.upstream_hosts if p == port), None)
        if host is None or not registry.listens:
            continue
        edits = _repoint(facts, route, host, port, registry.listens)
        lost = next((e for e in facts.traffic.on("via") if e.status == 404 and "404 page not found" in e.body), None)
        return [
            finding(
                f"{name(route)} asks for the registry on port {port}, which is its debug server; it listens on "
                f"{registry.listens}.",
                read(f"upstream {route.upstream}", route.upstream_place),
                stated(debug, "http.debug.addr"),
                stated(registry.settings.get("http.addr"), "http.addr"),
                seen(lost),
                explains=(*NO_ANSWER, S.NOT_THE_API),
                hop=hop(route),
                supersedes=("no-v2-route", "registry-unreachable", "nginx-stale-dns"),
                about=site(facts, route),
                edits=edits,
                fix=proxy_fix(
                    facts, route, _advice(route, host, registry.listens), login_check(facts, route), edits=edits
                ),
            )
        ]
    return []


def _beside(facts: Facts) -> list[Finding]:
    """A proxy that asks loopback at another port than the one where the registry, which is no container, answered."""
    home, refused, gateway = at_home(facts), facts.traffic.logged("upstream-refused"), bad_gateway(facts)
    listens = facts.registry.listens if facts.registry else None
    asked = asks_beside(facts, address_of(home)) if home else None
    if asked is None or listens is None or not (refused or gateway):
        return []
    route, host, port = asked
    edits = _repoint(facts, route, host, port, listens)
    return [
        finding(
            f"{name(route)} asks for the registry on port {port}; it listens on {listens}.",
            read(f"upstream {route.upstream}", route.upstream_place),
            stated(facts.registry.settings.get("http.addr") if facts.registry else None, "http.addr"),
            (said(e) for e in refused[:1]),
            seen(gateway),
            hop=hop(route),
            refuted=registry_is_up(facts),
            about=site(facts, route),
            edits=edits,
            fix=proxy_fix(
                facts,
                route,
                _advice(route, host, listens),
                login_check(facts, route),
                edits=edits,
                at=route.upstream_place,
            ),
        )
    ]


_REFUSED_AT = re.compile(r"upstream: \"https?://[^\"/\s]*?:(\d{1,5})/")
_LISTENS = re.compile(r":(\d{1,5})(?:, tls)?$")


def _ports_in_logs(facts: Facts) -> Iterator[Finding]:
    """Logs alone: the registry says on which port it listens, and the proxy's log at which it was refused."""
    starts = [(e, m[1]) for e in facts.traffic.logged("listening") if (m := _LISTENS.search(e.text.strip()))]
    for event in facts.traffic.logged("upstream-refused"):
        asked = _REFUSED_AT.search(event.text) or _REFUSED_AT.search(event.detail)
        if asked is None or not starts or asked[1] in {port for _, port in starts}:
            continue
        listens = starts[-1][1]
        yield finding(
            f"The proxy asks for the registry on port {asked[1]}; it listens on {listens}.",
            said(event),
            said(starts[-1][0]),
            hop=f"{event.service or 'proxy'} -> registry",
            refuted=registry_is_up(facts),
            fix=Fix(summary=f"Write port {listens} in the proxy's upstream"),
        )
        return


def _what_is_there(registry: Registry, route: ProxyRoute, host: str, port: int | None) -> str:
    if str(registry.value("http.debug.addr") or "").endswith(f":{port}"):
        return "that is its debug server"
    if port in {p.published for p in registry.ports}:
        return "that is the port published on the host"
    if f"{host}:{port}" not in route.upstream:
        return "no port is written, so it is the scheme's own"
    return "nothing listens there"


def _advice(route: ProxyRoute, host: str, listens: int) -> str:
    if route.software == "nginx-proxy":
        return f"Set VIRTUAL_PORT={listens} on {host} ({route.upstream_place}), and create {host} again"
    if route.software == "traefik":
        return f"Set loadbalancer.server.port to {listens} ({route.upstream_place})"
    return f"Write {host}:{listens}"


def _repoint(facts: Facts, route: ProxyRoute, host: str, port: int | None, listens: int) -> tuple[Edit, ...]:
    """The edit of the port: in the address, or in Traefik's label for it."""
    if route.software in ("traefik", "nginx-proxy"):
        label = rf"((?:VIRTUAL_PORT|loadbalancer\.server\.port)[\"']?\s*[:=]\s*[\"']?){port}(?!\d)"
        if edits := swap(facts.evidence, route.upstream_place, label, rf"\g<1>{listens}"):
            return edits
    olds = (f"{host}:{port}", host)  # written so, here or in an upstream block, or without a port
    return next((e for old in olds if (e := point_to(facts.evidence, route, old, f"{host}:{listens}"))), ())


@rule(
    "scheme-mismatch-upstream",
    step="headers",
    title="the proxy speaks http to a TLS registry, or https to a plain one",
    fix="Use the scheme that the registry speaks: https only with http.tls.certificate",
    source="run: nginx proxy_pass https:// to a plain registry: 502, SSL_do_handshake() failed (wrong version number)",
    needs_any=("routes", "exchanges", "logs"),
    explains=_SCHEME,
    hop="proxy -> registry",
    supersedes=("registry-unreachable", "nginx-stale-dns"),
)
def scheme_mismatch_upstream(facts: Facts) -> Iterator[Finding]:
    """The registry speaks TLS only with a certificate in its own configuration. TLS at the proxy is no reason for
    https behind it."""
    traffic = facts.traffic
    if reaches(traffic):
        return
    refused = next((e for e in traffic.exchanges if e.route != "direct" and _is_plain_to_tls(e)), None)
    if traffic.logged("upstream-untrusted"):
        yield from certificate_refused(facts)
        return
    tls_failed = traffic.logged("upstream-tls")
    for route in proxied(facts.stack):
        wants_tls = route.upstream_scheme == "https"
        told = None if wants_tls else refused
        registry = _own(facts, route)
        handshake = traffic.logged("upstream-handshake") if registry else ()
        logged = tls_failed or handshake if wants_tls else traffic.logged("http-request-on-tls")
        setting = next((s for k in _TLS if (s := registry.settings.get(k)) and s.value), None) if registry else None
        if registry and setting and wants_tls and (refusal := unsaid(facts, route)):
            yield from certificate_refused(facts, refusal)
            return
        if setting and is_mask(str(setting.value)):
            continue
        if (registry and wants_tls == (setting is not None)) or not (registry or logged or told):
            continue
        right = "http" if wants_tls else "https"
        shows: tuple[Item, ...] = (read(f"upstream {route.upstream}", route.upstream_place), seen(bad_gateway(facts)))
        edits = _spoken(facts, route, right)
        yield finding(
            f"{name(route)} speaks {route.upstream_scheme} to the registry, which speaks {right}.",
            shows if registry else map(aside, shows),
            _tls_of(registry, setting),
            (said(e) for e in logged[:1]),
            seen(told),
            explains=(*_SCHEME, *([S.PROXY_500] if route.software == "apache" else [])),
            hop=hop(route),
            refuted=registry_is_up(facts),
            proves=registry is not None,
            about=site(facts, route),
            edits=edits,
            fix=proxy_fix(
                facts,
                route,
                _speak(route, right),
                login_check(facts, route),
                edits=edits,
                before=module_enabled(facts, route, "ssl") if right == "https" else (),
            ),
        )
        return
    if tls_failed or refused:
        yield _of_an_unknown_hop(tls_failed, refused, facts)


def _of_an_unknown_hop(tls_failed: Sequence[LogEvent], refused: Exchange | None, facts: Facts) -> Finding:
    """The same where no file shows which proxy it is."""
    right, spoken = ("http", "https is spoken to a plain") if tls_failed else ("https", "http is spoken to a TLS")
    who = next((e.service for e in tls_failed if e.service), None)
    return finding(
        f"Proxy and registry do not speak the same scheme: {spoken} port.",
        (said(e) for e in tls_failed[:1]),
        seen(refused),
        fix=Fix(
            summary=f"Write {right}:// in the proxy's upstream (in a container of the UI: {UI_UPSTREAM})",
            commands=restarted(runs(facts, who), fresh=True).commands if who else (),
            verify=(login_check(facts, None),),
            applies=TAKEN_ANEW if who else "",
        ),
    )


def _spoken(facts: Facts, route: ProxyRoute, right: str) -> tuple[Edit, ...]:
    """The edits that make a proxy speak that scheme to its upstream, with what its program needs besides."""
    evidence = facts.evidence
    edits = point_to(evidence, route, f"{route.upstream_scheme}://", f"{right}://")
    if route.software == "nginx" and not edits:  # the scheme comes from a variable, which others may use as well
        edits = swap(evidence, route.upstream_place, r"(proxy_pass\s+)\$\w+://", rf"\g<1>{right}://")
    if route.software == "haproxy":
        spoken = next(on_way(evidence, route, r"^\s*(?:default-)?server\b.*\sssl\b"), None)
        edits = (
            swap(evidence, spoken, r"\s+ssl\b(?:\s+verify\s+\w+|\s+ca-file\s+\S+)*", "")
            if right == "http"
            else swap(evidence, route.upstream_place, r"(\bserver\s+\S+\s+\S+)", r"\1 ssl verify none")
        )
    elif route.software == "caddy" and right == "https":
        edits = edits or tls_transport(evidence, route)
    elif route.software == "caddy" and edits:
        edits = (*edits, *plain_transport(evidence, route.upstream_place))
    elif route.software == "apache" and right == "https" and edits:
        edits = (*edits, *tls_to_upstream(facts, route))
    return (*edits, *scheme_kept(evidence, route)) if right == "https" and edits else edits


def _speak(route: ProxyRoute, right: str) -> str:
    """How this program is made to speak that scheme to its upstream; what it must know of the certificate."""
    if right == "http":
        return (
            "Take ssl out of the server (or default-server) line"
            if route.software == "haproxy"
            else "Write http:// in the upstream"
        )
    return {
        "haproxy": "Add `ssl verify none` to the server line; `ssl verify required ca-file FILE` where the authority of the "
        "registry's certificate is at hand",
        "apache": "Write https:// in the upstream, and outside of any <Location> `SSLProxyEngine on`, and `SSLProxyCheckPeerName off` "
        "unless the certificate names that upstream; `SSLProxyCACertificateFile` and `SSLProxyVerify require` where the authority of the registry's certificate is at hand",
        "caddy": "Write https:// in the upstream; Caddy checks the certificate: `tls_insecure_skip_verify` leaves that out; "
        "where its authority is at hand, `tls_trust_pool file FILE` in its place (before 2.8: tls_trusted_ca_certs FILE)",
    }.get(route.software, "Write https:// in the upstream")


def _tls_of(registry: Registry | None, setting: Setting | None) -> Item:
    """What the configuration says of TLS, as evidence."""
    if registry is None:
        return None
    if setting is not None:
        return read(f"TLS is configured: {setting.value}", setting.place)
    file = registry.config_file or (registry.service.place if registry.service else None)
    return read(f"{_TLS[0]} is not set", file) if file else None


def _own(facts: Facts, route: ProxyRoute) -> Registry | None:
    """The registry, where the route is known to lead to it and its configuration is known."""
    target, registry = upstream_service(route, facts.compose), facts.registry
    same = target and registry and registry.service and target.name == registry.service.name
    if registry is None or same:
        return registry
    bound = address_of(str(registry.value("http.addr") or "")) if registry.service is None else None
    names = {*LOOPBACK, bound.host} if bound else LOOPBACK
    here = [
        p
        for h, p in route.upstream_hosts
        if h.lower() in names or (bound and bound.port == p and p not in (*MANY_HAVE, 5000))
    ]
    return registry if facts.compose is None and registry.listens in here else None


def _is_plain_to_tls(exchange: Exchange) -> bool:
    return exchange.status == 400 and "http request to an https server" in (exchange.body + exchange.detail).lower()


@rule(
    "nginx-stale-dns",
    step="headers",
    tier=2,
    title="nginx keeps a stale address of its upstream",
    fix="Reload nginx, and let it look the name up again: a resolver and a variable in proxy_pass",
    source="nginx documentation of proxy_pass and resolver: names without a variable are looked up once",
    needs_any=("logs",),
    explains=(S.BAD_GATEWAY, S.GATEWAY_TIMEOUT),
)
def nginx_stale_dns(facts: Facts) -> Iterator[Finding]:
    """nginx looks a name up once, when it starts. A registry that is created again gets another address, and nginx
    goes on asking the old one: 502, or another container answers. A restart of nginx hides it."""
    traffic, up = facts.traffic, registry_direct(facts)
    stale = [e for e in traffic.logged("upstream-refused", "upstream-timeout", "upstream-reset") if _is_stale(e)]
    refused = traffic.logged("upstream-refused")
    worked = any(
        r.logger == "nginx" and r.status and r.status < 400 and r.uri.startswith("/v2") for r in traffic.requests
    )
    if recovered(facts):
        return
    if found := _moved_away(facts, refused):
        yield found
        return
    shown = bool(stale or (refused and worked))
    if not (stale or (up and (bad_gateway(facts) or (refused and worked)))):
        return
    for route in proxied(facts.stack):
        if route.software not in ("nginx", "joxit-ui") or route.upstream_variable:
            continue
        if any(h.lower() in LOOPBACK or re.fullmatch(r"[\d.:a-f]+", h) for h, _ in route.upstream_hosts):
            continue
        logged = [said(e) for e in (*stale, *refused)[:1]]
        yield finding(
            f"{name(route)} may still ask the address that {route.upstream_hosts[0][0]} had when nginx started.",
            context(f"upstream {route.upstream}: looked up once, at the start", route.upstream_place),
            logged if shown else map(aside, logged),
            aside(seen(up)),
            hop=hop(route),
            refuted=registry_is_up(facts),
            about=site(facts, route),
            fix=_look_up_again(facts, route),
        )
        return


_ASKED = re.compile(r"upstream: \"\w{1,10}://(?P<ip>(?:\d{1,3}\.){3}\d{1,3})[:/]")


def _moved_away(facts: Facts, refused: Sequence[LogEvent]) -> Finding | None:
    """Whether nginx asks an address that the registry's container does not have any more, as the engine told it."""
    told = [m for m in facts.traffic.said("container-address") if "regist" in (m.page or "").lower()]
    services = [r.service for r in facts.stack.registries if r.service and r.service.addresses]
    now = {m.detail for m in told} | {a for s in services for a in s.addresses}
    others = {a for s in (facts.compose.services if facts.compose else ()) for a in s.addresses}
    asked = [(e, m["ip"]) for e in refused if (m := _ASKED.search(e.text + e.detail)) and "/v2" in e.text + e.detail]
    gone = next(((e, ip) for e, ip in reversed(asked) if ip not in now | others), None)
    if not now or gone is None or asked[-1] != gone:
        return None
    routes = (r for r in proxied(facts.stack) if r.software in ("nginx", "joxit-ui"))
    route = next((r for r in routes if not r.upstream_variable), None)
    return finding(
        f"nginx asks {gone[1]}, and the registry's container has {min(now)}: it was created again since nginx looked its name up.",
        said(gone[0]),
        (said(m) for m in told[:1]),
        [read(f"{s.name} has {s.addresses[0]}", s.place) for s in services[:1]] if not told else [],
        hop=hop(route),
        about=site(facts, route) if route else None,
        fix=_look_up_again(facts, route),
    )


def _look_up_again(facts: Facts, route: ProxyRoute | None) -> Fix:
    words = ("nginx", "-s", "reload")
    reloaded = inside(runs(facts, route.service), *words) if route and route.service else sh("sudo", *words)
    variable = "`resolver 127.0.0.11 valid=10s;` and a variable in proxy_pass"
    lasting = "NGINX_RESOLVER=127.0.0.11" if route and route.software == "joxit-ui" else variable
    return Fix(
        summary=f"Reload nginx now, and set {lasting} so that it lasts",
        commands=(reloaded,),
        verify=(login_check(facts, route),),
        applies="nginx looks the name up again when it reloads; for Compose nothing has changed, so `up -d` does nothing",
    )


def _is_stale(event: LogEvent) -> bool:
    """113: nothing has the old address any more. A refused one may be any other container's."""
    return bool(re.search(r"113: (?:No route to host|Host is unreachable)|EHOSTUNREACH", event.text + event.detail))
