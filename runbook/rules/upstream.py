"""The host of a proxy's upstream: itself, or a name that does not resolve."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from runbook.model import Edit, Evidence, Finding, Fix, LogEvent, LoggedRequest, ProxyRoute, Service, Subject, Symptom
from runbook.model.command import Command, service, sh
from runbook.rules.backend import no_such_backend
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hop_edits import places
from runbook.rules.hops import LOOPBACK, api_routes, aside, hop, login_check, name, site, site_key
from runbook.rules.platform import all_restarted, inside, listed, restarted, runs
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstreams import (
    NO_ANSWER,
    TAKEN_ANEW,
    UI_UPSTREAM,
    at_home,
    bad_gateway,
    bound_to_loopback,
    inner_address,
    join_network,
    point_to,
    proxied,
    reaches,
    registry_is_up,
    registry_service,
    service_of,
    shares_localhost,
)

S = Symptom


@rule(
    "upstream-is-localhost",
    by_absence=True,
    step="align",
    title="the proxy's upstream is localhost",
    fix="Name the registry's service instead: http://registry:5000",
    source="run: UI 2.6.0 with NGINX_PROXY_PASS_URL=http://localhost:5000: 502, connection refused",
    needs_any=("routes", "exchanges", "logs"),
    explains=NO_ANSWER,
    supersedes=("nginx-stale-dns", "registry-unreachable", "upstream-wrong-port"),
)
def upstream_is_localhost(facts: Facts) -> Iterator[Finding]:
    """Inside a container localhost is that container, not the host and not the registry. On the host itself the same
    line would be right, which is why it works in the first try without Docker and not after."""
    if reaches(facts.traffic):
        return
    gateway = bad_gateway(facts)
    refused = facts.traffic.logged("upstream-refused")
    events = [e for e in refused if re.search(r"//(?:127\.0\.0\.1|localhost|\[::1\])", e.text + e.detail)]
    registry = registry_service(facts.stack, facts.compose)
    sites = {site_key(r) for r in api_routes(facts)}
    for route in proxied(facts.stack):
        if sites and site_key(route) not in sites:
            continue  # another application of the same proxy, beside the registry's own site
        hosts = [h for h, _ in route.upstream_hosts if h.lower() in LOOPBACK or h.startswith("127.")]
        runs = service_of(facts, route)
        contained = runs is not None or route.software == "joxit-ui"
        near = bound_to_loopback(facts)[1]
        if near and not contained and (at_home(facts) or near.port in {p for _, p in route.upstream_hosts}):
            continue  # by no other name would a proxy reach a registry that is bound to loopback, if it runs
        if not hosts or _has_localhost(facts, runs, registry) or not (contained or gateway or events):
            continue
        target = inner_address(registry or "registry", facts.stack.registry)
        in_block = route.upstream_hosts[0][0] not in route.upstream
        port = next((f":{p}" for h, p in route.upstream_hosts if in_block or f"{h}:{p}" in route.upstream), "")
        edits = point_to(facts.evidence, route, f"{hosts[0]}{port}", target)
        shows = (read(f"upstream {route.upstream}", route.upstream_place), seen(gateway))
        yield finding(
            f"{name(route)} looks for the registry at {hosts[0]}: inside its container that is itself.",
            shows if contained else map(aside, shows),
            (said(e) for e in events[:1]),
            hop=hop(route),
            refuted=registry_is_up(facts),
            proves=contained,
            about=site(facts, route),
            edits=edits,
            fix=proxy_fix(
                facts, route, f"Point the upstream at http://{target}", login_check(facts, route), edits=edits
            ),
        )
        return
    only = _only_proxy(facts)
    certain = bool(events) and bool(_serves(facts) or only) and bound_to_loopback(facts)[1] is None
    inside = next((e for e in events if e.service), None) or (events[0] if certain else None)
    if inside is not None:
        who, serves = inside.service or only, _serves(facts)
        named = registry or (serves.service if serves else None)
        yield finding(
            f"{who or 'The proxy'} looks for the registry at localhost, where nothing listens: inside a "
            "container that is itself.",
            said(inside),
            seen(gateway),
            said(serves, "the registry itself answers at the same time") if serves else None,
            hop=f"{who or 'proxy'} -> registry",
            refuted=registry_is_up(facts),
            fix=_by_name(facts, who, named),
            about=Subject(service=who),
        )


def _by_name(facts: Facts, who: str, target: str | None) -> Fix:
    """The fix where no file of the proxy was handed over."""
    right = (
        f"at http://{target}:5000" if target else "at the name of the registry's service and its port, 5000 as a rule"
    )
    one = runs(facts, who or None)
    return Fix(
        summary=f"Point the proxy's upstream {right} (in a container of the UI: {UI_UPSTREAM})",
        commands=(*(() if target else (listed(one),)), *restarted(one, fresh=True).commands),
        verify=(login_check(facts, None),),
        applies=TAKEN_ANEW,
    )


def _only_proxy(facts: Facts) -> str:
    """The one service of the compose file that can have written a proxy's log; "" where there is none or a choice."""
    services = facts.compose.services if facts.compose else ()
    found = [s for s in services if s.role in ("proxy", "ui")]
    published = len(found) == 1 and found[0].network_mode != "host" and any(p.published for p in found[0].ports)
    if not published or any(r.kind == "proxy" and r.service == found[0].name for r in facts.stack.routes):
        return ""  # where its upstream is known and is not localhost, the log is another program's
    return found[0].name


def _serves(facts: Facts) -> LoggedRequest | None:
    """A request that the registry's own log shows as answered: it is up, wherever the proxy looks for it."""
    return next((r for r in facts.traffic.requests if r.logger == "registry" and (r.status or 0) < 500), None)


def _has_localhost(facts: Facts, runs: Service | None, registry: str | None) -> bool:
    """In host mode, or inside the registry's own network, localhost may be right."""
    target = facts.compose.service(registry) if facts.compose and registry else None
    return runs is not None and (runs.network_mode == "host" or (target is not None and shares_localhost(runs, target)))


# ---- names -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Apart:
    """Proxy and upstream have no network in common."""

    proxy: Service
    target: Service

    @property
    def sentence(self) -> str:
        return " but ".join(f"{s.name} is on {', '.join(s.networks)}" for s in (self.proxy, self.target))


Unknown = _Apart | Literal["no such service"]


@rule(
    "upstream-name-not-resolved",
    by_absence=True,
    step="align",
    title="the proxy cannot resolve its upstream's name",
    fix="Use the registry's service name, and put both services on one network",
    source="run: nginx 1.22: host not found in upstream, it does not start",
    needs_any=("routes", "logs"),
    explains=(S.PROXY_NOT_STARTED, S.BAD_GATEWAY, S.UNREACHABLE, S.EMPTY_REPLY, S.PROXY_500),
    supersedes=("registry-unreachable", "nginx-stale-dns"),
)
def upstream_name_not_resolved(facts: Facts) -> Iterator[Finding]:
    """A service is reachable by its compose name, and only on a network that both are on. nginx looks the name up
    when it starts and stops if it is unknown; with a resolver it answers 502 instead."""
    events = facts.traffic.logged("upstream-not-found")
    if reaches(facts.traffic) and not events:
        return
    yield from no_such_backend(facts)
    beside: list[Finding] = []
    for route in proxied(facts.stack):
        for host, _ in route.upstream_hosts:
            why = _unknown(facts, host, route)
            logged = [e for e in events if host and host in e.text + e.detail]
            if host.lower() in LOOPBACK or not (why or logged):
                continue
            if _is_ours(facts, route, host):
                yield _not_found(facts, route, host, why, logged)
                return
            events = tuple(e for e in events if e not in logged)
            if not reaches(facts.traffic):
                beside += _beside(facts, route, host, why, logged)
    yield from sorted(beside, key=lambda f: f.warning)[:1]
    if events and not beside:
        proxy = events[0].service
        advice = "Use the registry's service name as upstream, and put both services on one network"
        yield finding(
            "The proxy's log says that it cannot resolve the name of its upstream.",
            said(events[0]),
            hop=f"{proxy or 'proxy'} -> registry",
            fix=_started(
                facts, advice, [proxy or ""], (_lookup(facts, proxy, registry_service(facts.stack, facts.compose)),)
            ),
        )


def _is_ours(facts: Facts, route: ProxyRoute, host: str) -> bool:
    """Whether a route with an unknown name is meant for the registry: it carries the API, or the name is nearly the
    registry's; where no route carries it, any may be meant unless the registry is published without a proxy. Beside a site
    that does lead to the registry's service, a name that another project may have is that project's."""
    registry = registry_service(facts.stack, facts.compose)
    if registry and get_close_matches(host, [registry], 1, 0.8):
        return True
    carrying = tuple(api_routes(facts))
    runs = service_of(facts, route)
    if runs and runs.meets_others and any(registry == h for r in carrying for h, _ in r.upstream_hosts):
        return False
    if carrying:
        return any((r.place.file, r.upstream_place) == (route.place.file, route.upstream_place) for r in carrying)
    published = any(p.published for r in facts.stack.registries for p in r.ports)
    return not published or "/v2" in route.path


def _beside(
    facts: Facts, route: ProxyRoute, host: str, why: Unknown | None, logged: list[LogEvent]
) -> Iterator[Finding]:
    """Another site's name: where its program does not start without it, the registry's site is down as well."""
    runs = service_of(facts, route)
    waits = route.software not in ("nginx", "haproxy") or route.upstream_variable
    lazy = next(places(facts.evidence, route.place.file, r"^\s*[^#\s].*\b(?:init-addr|resolvers)\b"), None)
    elsewhere = runs is not None and (runs.meets_others or runs.platform == "kubernetes")
    if waits or (route.software == "haproxy" and lazy) or (elsewhere and not logged):
        return
    own = next((r for r in api_routes(facts) if (r.software, r.service) == (route.software, route.service)), None)
    reason = why.sentence if isinstance(why, _Apart) else "no service of the compose project has that name"
    where = ", ".join(route.server_names) or f"its site in {route.place}"
    yield finding(
        f"{name(route)} does not start: it cannot resolve {host!r} for {where} ({reason if why else 'its log says so'}).",
        read(f"upstream {route.upstream}", route.upstream_place),
        (said(e) for e in logged[:1]),
        hop=hop(own or route),
        refuted=registry_is_up(facts),
        proves=True,
        warning=own is None,
        about=site(facts, own or route),
        fix=_started(
            facts,
            f"Bring {host} and {name(route)} onto one network, or take that site out: it keeps all sites of "
            f"{name(route)} from starting",
            [route.service or ""],
            (_lookup(facts, route.service, host), *((login_check(facts, own),) if own else ())),
        ),
    )


def _unknown(facts: Facts, host: str, route: ProxyRoute) -> Unknown | None:
    """Why Compose's name service does not know the name for that proxy; None when it does, or nothing tells."""
    runs = service_of(facts, route)
    if facts.compose is None or runs is None or runs.network_mode == "host":
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]+", host) or host in ("host", *LOOPBACK):
        return None
    target = facts.compose.service(host)
    if target is None:
        return "no such service" if registry_service(facts.stack, facts.compose) else None
    return None if set(target.networks) & set(runs.networks) or shares_localhost(runs, target) else _Apart(runs, target)


def _not_found(facts: Facts, route: ProxyRoute, host: str, why: Unknown | None, logged: list[LogEvent]) -> Finding:
    names = [s.name for s in facts.compose.services if s.name != route.service] if facts.compose else []
    near = get_close_matches(host, names, 1, 0.6)
    right = near[0] if near else registry_service(facts.stack, facts.compose)
    shows: list[Item] = [read(f"upstream {route.upstream}", route.upstream_place), seen(bad_gateway(facts))]
    touched = [route.service] if route.service else []
    home = at_home(facts)
    if isinstance(why, _Apart):
        reason, advice = why.sentence, "Put both services on one network"
        both = (why.proxy, why.target)
        edits = _join(facts.evidence, *both) or _join(facts.evidence, *reversed(both))
        shows += [read(f"{s.name} is on {', '.join(s.networks)}", s.place) for s in both]
        right, touched = host, [s.name for s in both]
    else:
        reason = "no service of the compose project has that name" if why else "its log says so"
        advice = f"Name the upstream {right or 'as the service of the registry is called'}"
        edits = point_to(facts.evidence, route, host, right) if right else ()
        if home:
            advice = f"Point the upstream at {home}, where the registry answers"
            ports = (f"{h}:{p}" for h, p in route.upstream_hosts if h == host and p)
            edits = next(filter(None, (point_to(facts.evidence, route, old, home) for old in (*ports, host))), ())
    waits = route.software in ("traefik", "caddy", "apache")  # they start without it: the right name resolves already
    tells = route.service and (isinstance(why, _Apart) or not waits)
    fallen = home and not waits and any("emerg" in e.text + e.detail for e in logged)
    verify = (*((_lookup(facts, route.service, right),) if tells else ()), login_check(facts, route))
    return finding(
        f"{name(route)} cannot resolve its upstream {host!r}: {reason}.",
        shows if why else map(aside, shows),
        (said(e) for e in logged[:1]),
        hop=hop(route),
        refuted=registry_is_up(facts),
        proves=why is not None,
        about=site(facts, route),
        edits=edits,
        fix=_started(facts, advice, touched, verify)
        if route.service and not waits
        else Fix(
            summary=advice,
            commands=(sh("sudo", "systemctl", "restart", route.software),),
            verify=verify,
            applies=_NOT_STARTED,
        )
        if fallen
        else proxy_fix(facts, route, advice, *verify, edits=edits),
    )


def _join(evidence: Evidence, one: Service, other: Service) -> tuple[Edit, ...]:
    return join_network(evidence, one, other.networks[0]) if other.networks else ()


def _lookup(facts: Facts, proxy: str | None, target: str | None) -> Command:
    """The command that resolves a name as the proxy does."""
    return inside(
        runs(facts, proxy),
        "getent",
        "hosts",
        service(target),
        expect=f"… {service(target).text} (an address before it)",
    )


_NOT_STARTED = "The proxy looks the name up when it starts, and does not start without it: a reload is not enough"


def _started(facts: Facts, advice: str, services: list[str], verify: tuple[Command, ...]) -> Fix:
    """The fix for a proxy that does not start without its upstream's name: there is no process to reload."""
    return Fix(
        summary=advice,
        commands=all_restarted(facts, [runs(facts, s) for s in services], fresh=True),
        verify=verify,
        applies=_NOT_STARTED,
    )
