"""Kubernetes manifests to the model that compose files give: services, mounts, variables and routes with their lines."""

from collections.abc import Mapping
from dataclasses import dataclass

from runbook.model import ListedFile, Place, ProxyRoute, Service
from runbook.parse.kubernetes.backends import Surroundings
from runbook.parse.kubernetes.crds import guarded, middlewares, traefik_routes
from runbook.parse.kubernetes.data import Data, Entry, Store, read_data
from runbook.parse.kubernetes.gateway import gateway_routes
from runbook.parse.kubernetes.ingress import ingress_routes
from runbook.parse.kubernetes.objects import Object, read_objects
from runbook.parse.kubernetes.pods import Cluster, containers
from runbook.parse.kubernetes.services import read_services
from runbook.redact import Vault


@dataclass(frozen=True, slots=True)
class Manifests:
    """All that the manifests of one bundle say."""

    services: tuple[Service, ...]
    routes: tuple[ProxyRoute, ...]
    store: Store
    missing: tuple[tuple[Place, str], ...]
    """What the kubelet would not find."""
    folders: tuple[ListedFile, ...]
    """Paths in containers that are folders although a file was meant."""


def parse_manifests(
    objects: tuple[Object, ...], texts: Mapping[str, str], vault: Vault, charted: tuple[Data, ...] = ()
) -> Manifests:
    """Join the objects of all files as the cluster joins them. `texts`: the files' own text, for lines in them;
    `charted`: what charts make of their values."""
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
    return Manifests(found, routes, store, tuple(dict.fromkeys(cluster.missing)), tuple(cluster.folders))


__all__ = ["Entry", "Manifests", "Object", "parse_manifests", "read_objects"]
