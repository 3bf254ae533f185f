"""What stands around a route in its cluster: the Services that it may lead to."""

from collections.abc import Callable
from dataclasses import dataclass

from runbook.model import Port, ProxyRoute
from runbook.numbers import whole_number
from runbook.parse.kubernetes.data import Store
from runbook.parse.kubernetes.objects import belongs
from runbook.parse.kubernetes.services import ClusterService, ServicePort
from runbook.parse.yaml_nodes import Scalar
from runbook.redact import Vault


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a route needs to know of the cluster."""

    services: tuple[ClusterService, ...]
    store: Store
    vault: Vault
    guarded: Callable[[ProxyRoute, Scalar], ProxyRoute]
    """Traefik: the route with the middlewares of an annotation in force."""

    def backend(self, name: str, port: str, namespace: str) -> tuple[str, int | None, Port | None]:
        """Host, port and the Service's port for a backend; of a Service that is not known only what is written."""
        known = next((s for s in self.services if s.name == name and belongs(s.namespace, namespace)), None)
        host = f"{name}.{namespace}" if namespace and known is not None and known.namespace else name
        found = known.port(port) if known else None
        number = found.port if found else whole_number(port)
        return host, number, _through(found)


def _through(port: ServicePort | None) -> Port | None:
    target = whole_number(port.target) if port else None
    return Port(container=target or port.port, published=port.port, place=port.place) if port else None
