"""Where hops look for the registry, and what was seen of it: shared by the rules about upstreams."""

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
from runbook.observe.traffic import Traffic
from runbook.rules.hop_edits import swap

NO_ANSWER = (Symptom.BAD_GATEWAY, Symptom.NOT_THE_API)
"""What an upstream that is not there explains."""


def proxied(stack: Stack) -> Iterator[ProxyRoute]:
    """The proxied routes, each upstream once."""
    told = set[object]()
    for route in stack.routes:
        key = (route.place.file, route.upstream_place, route.upstream)
        if route.kind == "proxy" and key not in told:
            told.add(key)
            yield route


def reaches(traffic: Traffic) -> bool:
    """A hop that handed an answer of the registry on reaches it."""
    through = (e for e in traffic.on("via") if e.header("Docker-Distribution-Api-Version"))
    return any(e.status is not None and e.status < 500 for e in through)


def service_of(route: ProxyRoute, compose: Compose | None) -> Service | None:
    """The compose service that answers to an upstream's name."""
    return compose.service(route.service) if compose and route.service else None


def bad_gateway(traffic: Traffic) -> Exchange | None:
    """The first 502 or 503 that came through a proxy."""
    return next((e for e in traffic.exchanges if e.status in (502, 503) and e.route != "direct"), None)


def inner_address(service: str, registry: Registry | None) -> str:
    """The registry's address inside the compose network."""
    return f"{service}:{(registry.listens if registry else None) or 5000}"


def registry_service(stack: Stack, compose: Compose | None) -> str | None:
    """The compose service that is the registry."""
    if stack.registry is not None and stack.registry.service is not None:
        return stack.registry.service.name
    return next((s.name for s in compose.services if s.role == "registry"), None) if compose else None


def point_to(evidence: Evidence, route: ProxyRoute, old: str, new: str) -> tuple[Edit, ...]:
    """The edit of the upstream's address, in its own line or in the `server` line of its upstream block."""
    found = swap(evidence, route.upstream_place, re.escape(old), new)
    file = next((f for f in evidence.files if f.path == route.place.file), None)
    for number, line in enumerate(file.lines if file and not found else (), 1):
        if re.match(rf"\s*(?:upstream\s.*)?server\s+{re.escape(old)}\b", line):
            return swap(evidence, Place(route.place.file, number), re.escape(old), new)
    return found


def registry_is_up(traffic: Traffic) -> tuple[Refutation, ...]:
    """The refutation: the registry answers direct."""
    direct = next((e for e in traffic.on("direct") if e.status is not None and e.status < 500), None)
    if direct is None:
        return ()
    return (Refutation(cause="registry-unreachable", because=f"the registry answers direct ({direct.status})"),)
