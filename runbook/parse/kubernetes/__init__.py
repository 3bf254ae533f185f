"""Kubernetes manifests to the model that compose files give: services, mounts, variables and routes with their lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from runbook.model import ListedFile, Place, ProxyRoute, Service
from runbook.parse.kubernetes.backends import Surroundings
from runbook.parse.kubernetes.crds import guarded, middlewares, traefik_routes
from runbook.parse.kubernetes.data import Data, Entry, Store, read_data
from runbook.parse.kubernetes.gateway import gateway_routes
from runbook.parse.kubernetes.ingress import ingress_routes
from runbook.parse.kubernetes.kustomize import build
from runbook.parse.kubernetes.objects import Note, Object, belongs, read_objects
from runbook.parse.kubernetes.pods import Cluster, containers
from runbook.parse.kubernetes.services import ClusterService, read_services
from runbook.redact import Vault


@dataclass(frozen=True, slots=True)
class Manifests:
    """All that the manifests of one bundle say."""

    services: tuple[Service, ...]
    routes: tuple[ProxyRoute, ...]
    store: Store
    missing: tuple[tuple[Place, str], ...]
    """What the kubelet would not find."""
    unled: tuple[ClusterService, ...]
    """Services that select no pod of these manifests, where the registry's pod has none: one was meant for it."""
    folders: tuple[ListedFile, ...]
    """Paths in containers that are folders although a file was meant."""
    notes: tuple[Note, ...] = ()
    """What of kustomizations could not be told."""


def parse_manifests(
    objects: tuple[Object, ...], texts: Mapping[str, str], vault: Vault, charted: tuple[Data, ...] = ()
) -> Manifests:
    """Join the objects of all files as the cluster joins them. `texts`: the files' own text, for lines in them;
    `charted`: what charts make of their values."""
    built = build(objects, texts)
    objects = tuple(built.objects)
    store = Store((*read_data(objects, texts, vault), *charted))
    services = read_services(objects)
    cluster = Cluster(store, services, vault, accounts=tuple(o for o in objects if o.kind == "ServiceAccount"))
    found = containers(objects, cluster)
    used = middlewares(objects, store)
    around = Surroundings(services, store, vault, lambda route, names: guarded(route, names, used, vault))
    routes = (
        *ingress_routes(objects, around),
        *traefik_routes(objects, around, used),
        *gateway_routes(objects, around),
    )
    makers = {f"{o.kind.lower()}/{o.name}": o.made_by for o in objects if o.made_by}
    routes = tuple(replace(r, made_by=makers.get(r.service or "", ())) for r in routes)
    missing = tuple(dict.fromkeys(cluster.missing))
    return Manifests(
        found, routes, store, missing, tuple(_unled(found, services)), tuple(cluster.folders), tuple(built.notes)
    )


def _unled(found: tuple[Service, ...], services: tuple[ClusterService, ...]) -> Iterator[ClusterService]:
    """The Services without a pod that have the name or a port of a registry that has no Service."""
    led = {name for one in found for name in one.aliases}
    for one in (s for s in found if s.role == "registry" and not s.aliases):
        ports = {str(port) for port in (*one.expose, 5000)}
        for service in services:
            same = one.name.endswith(f"/{service.name}") or any(p.target in ports for p in service.ports)
            if service.selector and service.name not in led and belongs(service.namespace, one.namespace) and same:
                yield service


__all__ = ["Entry", "Manifests", "Object", "parse_manifests", "read_objects"]
