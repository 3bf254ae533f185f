"""Kubernetes Services on the way to an upstream: the port that is written is the Service's, the pod listens on another."""

from collections.abc import Iterable
from dataclasses import replace

from runbook.model import Compose, Port, ProxyRoute, Registry, Service


def through_services(
    routes: Iterable[ProxyRoute], compose: Compose | None, registries: tuple[Registry, ...]
) -> tuple[ProxyRoute, ...]:
    """The routes with the port of the container in `upstream_hosts` where a Service's port is written."""
    services = [s for s in compose.services if s.cluster_ports] if compose else []
    listens = {r.service.name: r.listens for r in registries if r.service is not None}
    return tuple(_resolved(route, services, listens) if services else route for route in routes)


def _resolved(route: ProxyRoute, services: list[Service], listens: dict[str, int | None]) -> ProxyRoute:
    hosts, through, wrong = [], route.through, False
    for host, port in route.upstream_hosts:
        led = [s for s in services if host.rstrip(".") in s.aliases]
        service = next((s for s in led if _port(s, port)), next(iter(led), None))
        found = _port(service, port) if service else None
        hosts.append((host, found.container if found else port))
        if service is not None and found is not None:
            through = through or found
            wrong = found.container != port and listens.get(service.name) not in (None, found.container)
    place = through.place if wrong and through else route.upstream_place
    return replace(route, upstream_hosts=tuple(hosts), through=through, upstream_place=place)


def _port(service: Service, port: int | None) -> Port | None:
    return next((p for p in service.cluster_ports if p.published == port), None)


def routes_to(service: Service, routes: Iterable[ProxyRoute]) -> tuple[ProxyRoute, ...]:
    """The routes of Kubernetes that lead to a container."""
    return tuple(
        r for r in routes if r.platform == "kubernetes" and any(h in service.aliases for h, _ in r.upstream_hosts)
    )
