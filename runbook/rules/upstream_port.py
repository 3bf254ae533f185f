"""The port and scheme of a hop's upstream, and an address that is out of date."""

import re
from collections.abc import Iterator

from runbook.model import Certainty, Evidence, Exchange, Finding, LogEvent, Place, ProxyRoute, Registry, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hops import LOOPBACK, hop, item, login_check, name, repair, seen, upstream_service
from runbook.rules.upstreams import NO_ANSWER, bad_gateway, point_to, proxied, reaches, registry_is_up

S, C = Symptom, Certainty


@rule(
    "upstream-wrong-port",
    sees=("routes", "exchanges", "logs"),
    step="align",
    title="the hop uses a port on which the registry does not listen",
    fix="Use the port inside the container (5000 unless http.addr says otherwise), not the published one.",
    source="run: connection refused between containers on the published port; the debug server answers 404 text/plain",
)
def upstream_wrong_port(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Between containers the port inside counts. The left side of `ports:` is for the host, and no port means 80."""
    registry = stack.registry
    if reaches(traffic) or registry is None or registry.service is None or not registry.listens:
        return
    for route in proxied(stack):
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
        gateway = bad_gateway(traffic)
        yield Finding(
            cause="upstream-wrong-port",
            summary=f"{name(route)} asks for the registry on port {port}; it listens on {registry.listens} ({kind}).",
            certainty=C.PROVEN if gateway or traffic.logged("upstream-refused") else C.READ,
            explains=(*NO_ANSWER, S.GATEWAY_TIMEOUT),
            evidence=(
                item(f"upstream {route.upstream}", route.upstream_place),
                item(f"the registry listens on {registry.listens}", _listens_place(registry)),
                *([seen(gateway)] if gateway else []),
            ),
            hop=hop(route),
            refuted=registry_is_up(traffic),
            fix=repair(route, f"Write {host}:{registry.listens}.", login_check(traffic, evidence, stack, route)),
            edits=point_to(evidence, route, f"{host}:{port}" if written_port else host, f"{host}:{registry.listens}"),
            proves=True,
            supersedes=("registry-unreachable", "nginx-stale-dns"),
        )
        return


def _listens_place(registry: Registry) -> Place | None:
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
def scheme_mismatch_upstream(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry speaks TLS only with a certificate in its own configuration. TLS at the hop is no reason for https
    behind it."""
    told_plain = next((e for e in traffic.exchanges if e.route != "direct" and _is_plain_to_tls(e)), None)
    tls_failed = traffic.logged("upstream-tls")
    plain_on_tls = traffic.logged("http-request-on-tls")
    if reaches(traffic):
        return
    registry, gateway = stack.registry, bad_gateway(traffic)
    speaks_tls = bool(
        registry and (registry.value("http.tls.certificate") or registry.value("http.tls.letsencrypt.email"))
    )
    for route in proxied(stack):
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
            refuted=registry_is_up(traffic),
            fix=repair(route, f"Write {right}:// in the upstream.", login_check(traffic, evidence, stack, route)),
            edits=point_to(evidence, route, f"{route.upstream_scheme}://", f"{right}://"),
            proves=own,
            supersedes=("registry-unreachable", "nginx-stale-dns"),
        )
        return
    if tls_failed or told_plain:
        yield _mismatch_seen(tls_failed, told_plain)


def _is_plain_to_tls(exchange: Exchange) -> bool:
    return exchange.status == 400 and "http request to an https server" in (exchange.body + exchange.detail).lower()


def _mismatch_seen(tls_failed: tuple[LogEvent, ...], told_plain: Exchange | None) -> Finding:
    place = tls_failed[0].place if tls_failed else told_plain.source if told_plain else Place("")
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
def nginx_stale_dns(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """nginx looks a name up once, when it starts. A registry that is re-created gets another address, and nginx goes on
    asking the old one: 502, or another container answers. A restart of nginx hides it."""
    gateway = bad_gateway(traffic)
    events = [e for e in traffic.logged("upstream-refused", "upstream-timeout", "upstream-reset") if _is_stale(e)]
    refused = traffic.logged("upstream-refused")
    up = next((e for e in traffic.on("direct") if e.status is not None and e.status < 500), None)
    worked = any(
        r.logger == "nginx" and r.status and r.status < 400 and r.uri.startswith("/v2") for r in traffic.requests
    )
    if not (events or (refused and worked and up)) and not (gateway and up):
        return
    for route in proxied(stack):
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
            refuted=registry_is_up(traffic),
            fix=repair(
                route,
                "Reload nginx now. To make it last: `resolver 127.0.0.11 valid=10s;` and a variable in proxy_pass "
                "(for the UI: NGINX_RESOLVER=127.0.0.11).",
                login_check(traffic, evidence, stack, route),
            ),
        )
        return


def _is_stale(event: LogEvent) -> bool:
    """113: the old address is nobody's any more. A refused one may be any other container's."""
    return bool(re.search(r"113: (?:No route to host|Host is unreachable)|EHOSTUNREACH", event.text + event.detail))
