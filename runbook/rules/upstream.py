"""The host of a hop's upstream: itself, or a name that nobody has."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from runbook.model import (
    Certainty,
    Compose,
    Evidence,
    Finding,
    LogEvent,
    ProxyRoute,
    Service,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hops import LOOPBACK, hop, item, login_check, name, repair, seen
from runbook.rules.upstreams import (
    NO_ANSWER,
    bad_gateway,
    inner_address,
    point_to,
    proxied,
    reaches,
    registry_is_up,
    registry_service,
    service_of,
)

S, C = Symptom, Certainty


@rule(
    "upstream-is-localhost",
    sees=("routes", "exchanges", "logs"),
    step="align",
    title="the hop's upstream is localhost",
    fix="Name the registry's service instead: http://registry:5000.",
    source="run: UI 2.6.0 with NGINX_PROXY_PASS_URL=http://localhost:5000: 502, connection refused",
)
def upstream_is_localhost(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Inside a container localhost is that container, not the host and not the registry. On the host itself the same
    line would be right, which is why it works in the first try without Docker and not after."""
    if reaches(traffic):
        return
    gateway = bad_gateway(traffic)
    events = [
        e
        for e in traffic.logged("upstream-refused")
        if re.search(r"//(?:127\.0\.0\.1|localhost|\[::1\])", e.text + e.detail)
    ]
    registry = registry_service(stack, evidence.compose)
    for route in proxied(stack):
        hosts = [h for h, _ in route.upstream_hosts if h.lower() in LOOPBACK or h.startswith("127.")]
        service = service_of(route, evidence.compose)
        if not hosts or _shares_network(service, registry):
            continue
        contained = service is not None or route.software == "joxit-ui"
        if not contained and not gateway and not events:
            continue
        target = inner_address(registry or "registry", stack.registry)
        block = route.upstream_hosts[0][0] not in route.upstream
        port = next((f":{p}" for h, p in route.upstream_hosts if block or f"{h}:{p}" in route.upstream), "")
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
            explains=NO_ANSWER,
            evidence=(
                item(f"upstream {route.upstream}", route.upstream_place),
                *([seen(gateway)] if gateway else []),
                *(item(e.text, e.place) for e in events[:1]),
            ),
            hop=hop(route),
            refuted=registry_is_up(traffic),
            fix=repair(route, f"Write http://{target} instead.", login_check(traffic, evidence, stack, route)),
            edits=point_to(evidence, route, f"{hosts[0]}{port}", target),
            proves=contained,
            supersedes=("nginx-stale-dns", "registry-unreachable", "upstream-wrong-port"),
        )
        return


def _shares_network(service: Service | None, registry: str | None) -> bool:
    """In host mode, or inside the registry's own network, localhost may be right."""
    mode = service.network_mode if service else None
    return bool(mode) and (mode == "host" or mode == f"service:{registry}")


@rule(
    "upstream-name-not-resolved",
    sees=("routes", "logs"),
    step="align",
    title="the hop cannot resolve its upstream's name",
    fix="Use the registry's service name and put both on one network.",
    source="run: nginx 1.22: host not found in upstream, it does not start",
)
def upstream_name_not_resolved(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A service is reachable by its compose name, and only on a network that both are on. nginx looks the name up
    when it starts and stops if it is unknown; with a resolver it answers 502 instead."""
    events = traffic.logged("upstream-not-found")
    if reaches(traffic) and not events:
        return
    for route in proxied(stack):
        for host, _ in route.upstream_hosts:
            why = _unknown(host, route, evidence.compose, stack)
            logged = [e for e in events if host and host in e.text + e.detail]
            if host.lower() in LOOPBACK or not (why or logged):
                continue
            yield _not_found(route, host, why, logged, evidence, stack, traffic)
            return
    if events:
        yield _only_logged(events[0])


def _unknown(host: str, route: ProxyRoute, compose: Compose | None, stack: Stack) -> str:
    """Why Compose's name service does not know the name for that hop; "" when it does, or when nobody can tell."""
    hop_service = service_of(route, compose)
    if compose is None or hop_service is None or not host or hop_service.network_mode == "host":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", host) or host in ("host", *LOOPBACK):
        return ""
    target = compose.service(host)
    if target is None:
        return "no service of the compose project has that name" if registry_service(stack, compose) else ""
    if not set(target.networks) & set(hop_service.networks):
        return (
            f"{hop_service.name} is on {', '.join(hop_service.networks)}, {target.name} on {', '.join(target.networks)}"
        )
    return ""


def _not_found(
    route: ProxyRoute, host: str, why: str, logged: list[LogEvent], evidence: Evidence, stack: Stack, traffic: Traffic
) -> Finding:
    compose, gateway = evidence.compose, bad_gateway(traffic)
    names = [s.name for s in compose.services if s.name != route.service] if compose else []
    registry = registry_service(stack, compose)
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
        explains=(S.PROXY_NOT_STARTED, S.BAD_GATEWAY, S.UNREACHABLE, S.EMPTY_REPLY, S.PROXY_500),
        evidence=(
            item(f"upstream {route.upstream}", route.upstream_place),
            *(item(e.text, e.place) for e in logged[:1]),
            *([seen(gateway)] if gateway else []),
        ),
        hop=hop(route),
        refuted=registry_is_up(traffic),
        fix=repair(
            route,
            advice,
            f"docker compose exec {route.service or 'PROXY'} getent hosts {right or 'registry'}",
            login_check(traffic, evidence, stack, route),
        ),
        edits=point_to(evidence, route, host, right) if right and not apart else (),
        proves=bool(why),
        supersedes=("registry-unreachable", "nginx-stale-dns"),
    )


def _only_logged(event: LogEvent) -> Finding:
    return Finding(
        cause="upstream-name-not-resolved",
        summary="The proxy's log says that it cannot resolve the name of its upstream.",
        certainty=C.LOGGED,
        explains=(S.PROXY_NOT_STARTED, S.BAD_GATEWAY, S.UNREACHABLE, S.PROXY_500),
        evidence=(item(event.text, event.place),),
        hop=f"{event.service or 'proxy'} -> registry",
        fix=repair(
            ProxyRoute(software="nginx", place=event.place, service=event.service),
            "Use the registry's service name as upstream, and put both services on one network.",
            "docker compose exec PROXY getent hosts registry",
        ),
    )
