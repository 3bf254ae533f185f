"""Where a hop looks for the registry: name, port and scheme of its upstream, judged by compose and by its log."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from runbook.model import (
    Certainty,
    Compose,
    Edit,
    Evidence,
    Exchange,
    Finding,
    LogEvent,
    ProxyRoute,
    Refutation,
    Registry,
    Service,
    Stack,
    Symptom,
)
from runbook.rules.base import rule
from runbook.rules.hops import LOOPBACK, hop, item, login_check, name, repair, seen, swap, upstream_service
from runbook.rules.wire import Wire

S, C = Symptom, Certainty
_NO_ANSWER = (S.BAD_GATEWAY, S.NOT_THE_API)


def _routes(stack: Stack) -> Iterator[ProxyRoute]:
    """The proxied routes, each upstream once."""
    told = set[object]()
    for route in stack.routes:
        key = (route.place.file, route.upstream_place, route.upstream)
        if route.kind == "proxy" and key not in told:
            told.add(key)
            yield route


def _works(wire: Wire) -> bool:
    """A hop that handed an answer of the registry on reaches it."""
    through = (e for e in wire.on("via") if e.header("Docker-Distribution-Api-Version"))
    return any(e.status is not None and e.status < 500 for e in through)


def _hop_service(route: ProxyRoute, compose: Compose | None) -> Service | None:
    return compose.service(route.service) if compose and route.service else None


def _gateway(wire: Wire) -> Exchange | None:
    return next((e for e in wire.exchanges if e.status in (502, 503) and e.route != "direct"), None)


def _address(service: str, registry: Registry | None) -> str:
    return f"{service}:{(registry.listens if registry else None) or 5000}"


def _registry_service(stack: Stack, compose: Compose | None) -> str | None:
    if stack.registry is not None and stack.registry.service is not None:
        return stack.registry.service.name
    return next((s.name for s in compose.services if s.role == "registry"), None) if compose else None


def _point_to(evidence: Evidence, route: ProxyRoute, old: str, new: str) -> tuple[Edit, ...]:
    """The edit of the upstream's address in its line."""
    return swap(evidence, route.upstream_place, re.escape(old), new)


@rule(
    "upstream-is-localhost",
    sees=("routes", "exchanges", "logs"),
    step="align",
    title="the hop's upstream is localhost",
    fix="Name the registry's service instead: http://registry:5000.",
    source="run: UI 2.6.0 with NGINX_PROXY_PASS_URL=http://localhost:5000: 502, connection refused",
)
def upstream_is_localhost(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """Inside a container localhost is that container, not the host and not the registry. On the host itself the same
    line would be right, which is why it works in the first try without Docker and not after."""
    if _works(wire):
        return
    gateway = _gateway(wire)
    events = [
        e
        for e in wire.logged("upstream-refused")
        if re.search(r"//(?:127\.0\.0\.1|localhost|\[::1\])", e.text + e.detail)
    ]
    registry = _registry_service(stack, evidence.compose)
    for route in _routes(stack):
        hosts = [h for h, _ in route.upstream_hosts if h.lower() in LOOPBACK or h.startswith("127.")]
        service = _hop_service(route, evidence.compose)
        if not hosts or _shares_network(service, registry):
            continue
        contained = service is not None or route.software == "joxit-ui"
        if not contained and not gateway and not events:
            continue
        target = _address(registry or "registry", stack.registry)
        port = next((f":{p}" for h, p in route.upstream_hosts if h == hosts[0] and f"{h}:{p}" in route.upstream), "")
        yield Finding(
            cause="upstream-is-localhost",
            summary=f"{name(route)} looks for the registry at {hosts[0]}: inside its container that is itself.",
            certainty=C.PROVEN
            if contained and (gateway or events)
            else C.READ
            if contained
            else C.LOGGED
            if events
            else C.POSSIBLE,
            explains=_NO_ANSWER,
            evidence=(
                item(f"upstream {route.upstream}", route.upstream_place),
                *([seen(gateway)] if gateway else []),
                *(item(e.text, e.place) for e in events[:1]),
            ),
            hop=hop(route),
            refuted=_registry_is_up(wire),
            fix=repair(route, f"Write http://{target} instead.", login_check(wire, evidence, stack, route)),
            edits=_point_to(evidence, route, f"{hosts[0]}{port}", target),
            proves=contained,
            supersedes=("nginx-stale-dns", "registry-unreachable", "upstream-wrong-port"),
        )
        return


def _shares_network(service: Service | None, registry: str | None) -> bool:
    """In host mode, or inside the registry's own network, localhost may be right."""
    mode = service.network_mode if service else None
    return bool(mode) and (mode == "host" or mode == f"service:{registry}")


def _registry_is_up(wire: Wire) -> tuple[Refutation, ...]:
    direct = next((e for e in wire.on("direct") if e.status is not None and e.status < 500), None)
    if direct is None:
        return ()
    return (Refutation(cause="registry-unreachable", because=f"the registry answers direct ({direct.status})"),)


@rule(
    "upstream-name-not-resolved",
    sees=("routes", "logs"),
    step="align",
    title="the hop cannot resolve its upstream's name",
    fix="Use the registry's service name and put both on one network.",
    source="run: nginx 1.22: host not found in upstream, it does not start",
)
def upstream_name_not_resolved(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """A service is reachable by its compose name, and only on a network that both are on. nginx looks the name up
    when it starts and stops if it is unknown; with a resolver it answers 502 instead."""
    events = wire.logged("upstream-not-found")
    if _works(wire) and not events:
        return
    for route in _routes(stack):
        for host, _ in route.upstream_hosts:
            why = _unknown(host, route, evidence.compose, stack)
            logged = [e for e in events if host and host in e.text + e.detail]
            if host.lower() in LOOPBACK or not (why or logged):
                continue
            yield _not_found(route, host, why, logged, evidence, stack, wire)
            return
    if events:
        yield _only_logged(events[0])


def _unknown(host: str, route: ProxyRoute, compose: Compose | None, stack: Stack) -> str:
    """Why Compose's name service does not know the name for that hop; "" when it does, or when nobody can tell."""
    hop_service = _hop_service(route, compose)
    if compose is None or hop_service is None or not host or hop_service.network_mode == "host":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", host) or host in ("host", *LOOPBACK):
        return ""
    target = compose.service(host)
    if target is None:
        return "no service of the compose project has that name" if _registry_service(stack, compose) else ""
    if not set(target.networks) & set(hop_service.networks):
        return (
            f"{hop_service.name} is on {', '.join(hop_service.networks)}, {target.name} on {', '.join(target.networks)}"
        )
    return ""


def _not_found(
    route: ProxyRoute, host: str, why: str, logged: list[LogEvent], evidence: Evidence, stack: Stack, wire: Wire
) -> Finding:
    compose, gateway = evidence.compose, _gateway(wire)
    names = [s.name for s in compose.services if s.name != route.service] if compose else []
    registry = _registry_service(stack, compose)
    near = get_close_matches(host, names, 1, 0.6)
    right = near[0] if near else registry
    apart = "is on" in why
    advice = (
        f"Put both services on one network ({why})."
        if apart
        else f"Write {right or 'the service name of the registry'} instead."
    )
    return Finding(
        cause="upstream-name-not-resolved",
        summary=f"{name(route)} cannot resolve its upstream {host!r}: {why or 'its log says so'}.",
        certainty=C.PROVEN if logged and why else C.LOGGED if logged else C.READ,
        explains=(S.PROXY_NOT_STARTED, S.BAD_GATEWAY, S.UNREACHABLE, S.EMPTY_REPLY),
        evidence=(
            item(f"upstream {route.upstream}", route.upstream_place),
            *(item(e.text, e.place) for e in logged[:1]),
            *([seen(gateway)] if gateway else []),
        ),
        hop=hop(route),
        refuted=_registry_is_up(wire),
        fix=repair(
            route,
            advice,
            f"docker compose exec {route.service or 'PROXY'} getent hosts {right or 'registry'}",
            login_check(wire, evidence, stack, route),
        ),
        edits=_point_to(evidence, route, host, right) if right and not apart else (),
        proves=bool(why),
        supersedes=("registry-unreachable", "nginx-stale-dns"),
    )


def _only_logged(event: LogEvent) -> Finding:
    return Finding(
        cause="upstream-name-not-resolved",
        summary="The proxy's log says that it cannot resolve the name of its upstream.",
        certainty=C.LOGGED,
        explains=(S.PROXY_NOT_STARTED, S.BAD_GATEWAY, S.UNREACHABLE),
        evidence=(item(event.text, event.place),),
        hop=f"{event.service or 'proxy'} -> registry",
        fix=repair(
            ProxyRoute(software="nginx", place=event.place, service=event.service),
            "Use the registry's service name as upstream, and put both services on one network.",
            "docker compose exec PROXY getent hosts registry",
        ),
    )


@rule(
    "upstream-wrong-port",
    sees=("routes", "exchanges", "logs"),
    step="align",
    title="the hop uses a port on which the registry does not listen",
    fix="Use the port inside the container (5000 unless http.addr says otherwise), not the published one.",
    source="run: connection refused between containers on the published port; the debug server answers 404 text/plain",
)
def upstream_wrong_port(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """Between containers the port inside counts. The left side of `ports:` is for the host, and no port means 80."""
    registry = stack.registry
    if _works(wire) or registry is None or registry.service is None or not registry.listens:
        return
    for route in _routes(stack):
        target = upstream_service(route, evidence.compose)
        wrong = [(h, p) for h, p in route.upstream_hosts if p != registry.listens]
        if target is None or target.name != registry.service.name or not wrong:
            continue
        host, port = wrong[0]
        published = {p.published for p in registry.ports}
        debug = str(registry.value("http.debug.addr") or "").endswith(f":{port}")
        written_port = f"{host}:{port}" in route.upstream
        kind = (
            "that is its debug server" if debug
            else "that is the port published on the host" if port in published
            else "no port is written, so it is the scheme's own" if not written_port
            else "nothing listens there"
        )  # fmt: skip
        gateway = _gateway(wire)
        yield Finding(
            cause="upstream-wrong-port",
            summary=f"{name(route)} asks for the registry on port {port}; it listens on {registry.listens} ({kind}).",
            certainty=C.PROVEN if gateway or wire.logged("upstream-refused") else C.READ,
            explains=(*_NO_ANSWER, S.GATEWAY_TIMEOUT),
            evidence=(
                item(f"upstream {route.upstream}", route.upstream_place),
                item(f"the registry listens on {registry.listens}", _listens_place(registry)),
                *([seen(gateway)] if gateway else []),
            ),
            hop=hop(route),
            refuted=_registry_is_up(wire),
            fix=repair(route, f"Write {host}:{registry.listens}.", login_check(wire, evidence, stack, route)),
            edits=_point_to(evidence, route, f"{host}:{port}" if written_port else host, f"{host}:{registry.listens}"),
            proves=True,
            supersedes=("registry-unreachable", "nginx-stale-dns"),
        )
        return


def _listens_place(registry: Registry):  # type: ignore[no-untyped-def]
    setting = registry.settings.get("http.addr")
    return (setting.place if setting else None) or (registry.service.place if registry.service else None)


@rule(
    "scheme-mismatch-upstream",
    sees=("routes", "exchanges", "logs"),
    step="headers",
    title="the hop speaks http to a TLS registry, or https to a plain one",
    fix="Use the scheme that the registry speaks: https only with http.tls.certificate.",
    source="run: nginx proxy_pass https:// to a plain registry: 502, SSL_do_handshake() failed (wrong version number)",
)
def scheme_mismatch_upstream(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The registry speaks TLS only with a certificate in its own configuration. TLS at the hop is no reason for https
    behind it."""
    told_plain = next((e for e in wire.exchanges if e.route != "direct" and _is_plain_to_tls(e)), None)
    tls_failed = wire.logged("upstream-tls")
    plain_on_tls = wire.logged("http-request-on-tls")
    if _works(wire):
        return
    registry, gateway = stack.registry, _gateway(wire)
    speaks_tls = bool(
        registry and (registry.value("http.tls.certificate") or registry.value("http.tls.letsencrypt.email"))
    )
    for route in _routes(stack):
        target = upstream_service(route, evidence.compose)
        own = bool(target and registry and registry.service and target.name == registry.service.name and registry.known)
        wants_tls = route.upstream_scheme == "https"
        logged = tls_failed if wants_tls else plain_on_tls
        wire_says = bool(logged) or (told_plain is not None and not wants_tls)
        if (own and wants_tls == speaks_tls) or not (own or wire_says):
            continue
        right = "https" if not wants_tls else "http"
        yield Finding(
            cause="scheme-mismatch-upstream",
            summary=f"{name(route)} speaks {route.upstream_scheme} to the registry, which speaks {right}.",
            certainty=C.PROVEN if own and (wire_says or gateway) else C.LOGGED if wire_says else C.READ,
            explains=(S.BAD_GATEWAY, S.SCHEME_MIXED, S.NOT_THE_API),
            evidence=(
                item(f"upstream {route.upstream}", route.upstream_place),
                *(item(e.text, e.place) for e in logged[:1]),
                *(seen(e) for e in dict.fromkeys((told_plain, gateway)) if e),
            ),
            hop=hop(route),
            refuted=_registry_is_up(wire),
            fix=repair(route, f"Write {right}:// in the upstream.", login_check(wire, evidence, stack, route)),
            edits=_point_to(evidence, route, f"{route.upstream_scheme}://", f"{right}://"),
            proves=own,
            supersedes=("registry-unreachable", "nginx-stale-dns"),
        )
        return
    if tls_failed or told_plain:
        yield _mismatch_seen(tls_failed, told_plain)


def _is_plain_to_tls(exchange: Exchange) -> bool:
    return exchange.status == 400 and "http request to an https server" in (exchange.body + exchange.detail).lower()


def _mismatch_seen(tls_failed: tuple[LogEvent, ...], told_plain: Exchange | None) -> Finding:
    place = tls_failed[0].place if tls_failed else told_plain.source  # type: ignore[union-attr]
    return Finding(
        cause="scheme-mismatch-upstream",
        summary="Proxy and registry do not speak the same scheme: "
        + ("https is spoken to a plain port." if tls_failed else "http is spoken to a TLS port."),
        certainty=C.LOGGED if tls_failed else C.SEEN,
        explains=(S.BAD_GATEWAY, S.SCHEME_MIXED),
        evidence=(
            *(item(e.text, e.place) for e in tls_failed[:1]),
            *([seen(told_plain)] if told_plain else []),
        ),
        hop="proxy -> registry",
        fix=repair(
            ProxyRoute(software="nginx", place=place),
            f"Write {'http' if tls_failed else 'https'}:// in the proxy's upstream.",
        ),
    )


@rule(
    "nginx-stale-dns",
    sees=("logs",),
    step="headers",
    tier=2,
    title="nginx keeps the address that the upstream had when it started",
    fix="Reload nginx, and let it look the name up again: a resolver and a variable in proxy_pass.",
    source="nginx documentation of proxy_pass and resolver: names without a variable are looked up once",
)
def nginx_stale_dns(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """nginx looks a name up once, when it starts. A registry that is re-created gets another address, and nginx goes on
    asking the old one: 502, or another container answers. A restart of nginx hides it."""
    gateway = _gateway(wire)
    events = [e for e in wire.logged("upstream-refused", "upstream-timeout", "upstream-reset") if _is_stale(e)]
    refused = wire.logged("upstream-refused")
    up = next((e for e in wire.on("direct") if e.status is not None and e.status < 500), None)
    worked = any(r.logger == "nginx" and r.status and r.status < 400 and r.uri.startswith("/v2") for r in wire.requests)
    if not (events or (refused and worked and up)) and not (gateway and up):
        return
    for route in _routes(stack):
        if route.software not in ("nginx", "joxit-ui") or route.upstream_variable:
            continue
        if any(h.lower() in LOOPBACK or re.fullmatch(r"[\d.:a-f]+", h) for h, _ in route.upstream_hosts):
            continue
        yield Finding(
            cause="nginx-stale-dns",
            summary=f"{name(route)} may still ask the address that {route.upstream_hosts[0][0]} had when nginx started.",
            certainty=C.LOGGED if events or (refused and worked) else C.POSSIBLE,
            explains=(S.BAD_GATEWAY, S.GATEWAY_TIMEOUT),
            evidence=(
                item(f"upstream {route.upstream}: looked up once, at the start", route.upstream_place),
                *(item(e.text, e.place) for e in (*events, *refused)[:1]),
                *([seen(up)] if up else []),
            ),
            hop=hop(route),
            refuted=_registry_is_up(wire),
            fix=repair(
                route,
                "Reload nginx now. To make it last: `resolver 127.0.0.11 valid=10s;` and a variable in proxy_pass "
                "(for the UI: NGINX_RESOLVER=127.0.0.11).",
                login_check(wire, evidence, stack, route),
            ),
        )
        return


def _is_stale(event: LogEvent) -> bool:
    """113: the old address is nobody's any more. A refused one may be any other container's."""
    return bool(re.search(r"113: (?:No route to host|Host is unreachable)|EHOSTUNREACH", event.text + event.detail))
