"""Where proxies look for the registry, and what was seen of it: shared by the rules about upstreams."""

import re
from collections.abc import Iterator

from runbook.model import (
    Compose,
    Edit,
    Evidence,
    Exchange,
    Place,
    ProxyRoute,
    Refutation,
    Registry,
    Service,
    Stack,
    Symptom,
)
from runbook.observe.address import Address, address_of
from runbook.observe.signature import from_registry, signed_by_proxy
from runbook.observe.traffic import Traffic
from runbook.rules.base import Facts
from runbook.rules.hop_edits import line_of, on_way, places, same_block, swap
from runbook.rules.hops import LOOPBACK, api_routes, is_asked

S = Symptom
NO_ANSWER = (S.BAD_GATEWAY, S.NOT_THE_API)
"""What an upstream that is not there explains."""
UI_UPSTREAM = "NGINX_PROXY_PASS_URL"
"""Where a container of the UI is told its upstream."""
TAKEN_ANEW = "a container takes variables, and a file that is mounted by itself, when it is created"


def proxied(stack: Stack) -> Iterator[ProxyRoute]:
    """The proxied routes, each upstream once."""
    yielded = set[object]()
    for route in stack.routes:
        key = (route.place.file, route.upstream_place, route.upstream)
        if route.kind == "proxy" and key not in yielded:
            yielded.add(key)
            yield route


def reaches(traffic: Traffic) -> bool:
    """A proxy that forwarded a response of the registry reaches it; so does one through which a client logged in, where
    nothing is down."""
    through = (e for e in traffic.on("via") if from_registry(e))
    if any(e.status is not None and e.status < 500 for e in through):
        return True
    told = (m.host for m in traffic.said("login-ok", "transfer-ok") if traffic.focus.speaks_of(address_of(m.host)))
    return "via" in map(traffic.routing.of_host, told) and not traffic.seen(*_DOWN)


_DOWN = (S.BAD_GATEWAY, S.UNREACHABLE, S.EMPTY_REPLY, S.PROXY_NOT_STARTED, S.NOT_STARTED, S.GATEWAY_TIMEOUT, S.TIMEOUT)


def recovered(facts: Facts) -> bool:
    """Whether the last response that is known through a proxy is no 5xx: what failed before is over."""
    through = [e.status for e in facts.traffic.on("via") if e.status]
    logged = [r for r in facts.traffic.requests if r.logger == "nginx" and r.status and r.uri.startswith("/v2")]
    last = max(logged, key=lambda r: (r.when or 0, r.place.line or 0), default=None)
    status = through[-1] if through else last.status if last else None
    return status is not None and status < 500


def service_of(facts: Facts, route: ProxyRoute) -> Service | None:
    """The compose service that runs the proxy."""
    return facts.compose.service(route.service) if facts.compose and route.service else None


def shares_localhost(one: Service, other: Service) -> bool:
    """Whether two containers have one network stack: those of a pod, or one inside the other's."""
    owners = [
        mode.partition(":")[2]
        if mode.startswith(("service:", "container:"))
        else mode
        if mode.startswith("pod:")
        else name
        for mode, name in ((s.network_mode or "", s.name) for s in (one, other))
    ]
    return owners[0] == owners[1]


def bad_gateway(facts: Facts) -> Exchange | None:
    """The first 502 or 503 that came through a proxy."""
    return next((e for e in facts.traffic.exchanges if e.status in (502, 503) and e.route != "direct"), None)


def registry_direct(facts: Facts) -> Exchange | None:
    """A response of the registry that did not pass a proxy."""
    return next((e for e in facts.traffic.on("direct") if e.status is not None and e.status < 500), None)


def registry_is_up(facts: Facts) -> tuple[Refutation, ...]:
    """The refutation: the registry answers direct."""
    direct = registry_direct(facts)
    if direct is None:
        return ()
    return (Refutation(cause="registry-unreachable", because=f"the registry answers direct ({direct.status})"),)


def inner_address(service: str, registry: Registry | None) -> str:
    """The registry's address inside the compose network."""
    return f"{service}:{(registry.listens if registry else None) or 5000}"


def bound_to_loopback(facts: Facts) -> tuple[str, Address | None]:
    """The address of a registry that is no container and takes connections of its own machine alone, as written; None
    where it does not say so. Whether it runs is another question."""
    registry = facts.registry
    bound = str(registry.value("http.addr") or "") if registry and facts.compose is None else ""
    at = address_of(bound)
    return bound, at if at and at.is_within else None


def at_home(facts: Facts) -> str | None:
    """The registry's own address, HOST:PORT, where it is bound to loopback and answered there: it is no container, so
    a proxy of the same machine reaches it at this address and by no service's name."""
    bound, at = bound_to_loopback(facts)
    if at is None:
        return None
    asked = (address_of(e.url) for e in facts.traffic.on("direct") if e.status is not None and e.status < 500)
    return bound if any(a and a.is_loopback and a.port == at.port for a in asked) else None


def asks_beside(facts: Facts, home: Address | None) -> tuple[ProxyRoute, str, int | None] | None:
    """The route, host and port of a proxy that asks loopback at another port than `home`, where the registry, which is no
    container, answered; None where it is not known so, or where a proxy is known to be or the registry is published."""
    routes = list(api_routes(facts))
    routes = [r for r in routes if is_asked(r, facts)] or routes
    hosts = {(h, p) for r in routes for h, p in r.upstream_hosts}
    host, port = next(iter(hosts), ("", None))
    if len(hosts) != 1 or home is None or not home.is_loopback or host.lower() not in LOOPBACK or port == home.port:
        return None
    published = {p.published for p in facts.registry.ports} if facts.registry else set()
    signed = (e for e in facts.traffic.exchanges if signed_by_proxy(e))
    hops = {a.port for e in signed if (a := address_of(e.url)) and a.is_loopback}
    known = port in published | hops or any(port in r.listen for r in facts.stack.routes)
    return None if known else (routes[0], host, port)


def registry_service(stack: Stack, compose: Compose | None) -> str | None:
    """The compose service that is the registry."""
    if stack.registry is not None and stack.registry.service is not None:
        return stack.registry.service.name
    return next((s.name for s in compose.services if s.role == "registry"), None) if compose else None


# ---- edits -------------------------------------------------------------------------------------------


def point_to(evidence: Evidence, route: ProxyRoute, old: str, new: str) -> tuple[Edit, ...]:
    """The edit of the upstream's address, in its own line or in the `server` line of its upstream block."""
    written = (route.upstream_place, *on_way(evidence, route, rf"^\s*to\s.*{re.escape(old)}(?![\w:])"))  # Caddy's `to`
    found = next((e for place in written if (e := swap(evidence, place, re.escape(old), new))), ())
    if found or route.software != "nginx":
        return found
    named = re.search(r"proxy_pass\s+\w+://([\w.-]+)", (line_of(evidence, written[0]) if written[0] else None) or "")
    head = rf"\s*upstream\s+{re.escape(named[1])}\s" if named else r"\s*upstream\s"
    files = [f.path for f in evidence.files if f.kind == "nginx"] if named else [route.place.file]
    rows = [
        place
        for path in files  # Debian's way: upstreams in conf.d, sites in sites-enabled
        for place in places(evidence, path, rf"^\s*(?:upstream\s.*)?server\s+{re.escape(old)}(?![\w:])")
        if re.match(head, line_of(evidence, place) or "") or re.match(head, same_block(evidence, place)[0])
    ]
    return swap(evidence, rows[0], re.escape(old), new) if rows and (named or len(rows) == 1) else ()


def join_network(evidence: Evidence, service: Service, network: str) -> tuple[Edit, ...]:
    """The edit that puts a service on one more network, written like those it names; () where it names none."""
    file = next((f for f in evidence.files if f.path == service.place.file), None)
    head = line_of(evidence, service.place)
    if file is None or head is None or service.place.line is None or not re.fullmatch(r"[\w.-]+", network):
        return ()
    outer = _indent(head)
    for number, line in enumerate(file.lines[service.place.line :], service.place.line + 1):
        if line.strip() and _indent(line) <= outer:
            break
        key = re.match(r"\s*networks\s*:(?>\s*)(\[[^\]]+\])?(?>\s*)(?:#.*)?$", line)
        if key and key[1]:
            return swap(evidence, Place(file.path, number), r"\s*\]", f", {network}]")
        if key:
            below = file.lines[number] if number < len(file.lines) else ""
            text = f"- {network}" if below.lstrip().startswith("-") else f"{network}:"
            edit = Edit(file=file.path, line=number, old=None, new=f"{' ' * _indent(below)}{text}")
            return (edit,) if below.strip() else ()
    return ()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
