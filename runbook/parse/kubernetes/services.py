"""Kubernetes Services: under which names and ports the pods of a workload are reached."""

from collections.abc import Iterable
from dataclasses import dataclass

from runbook.model import Place, Port
from runbook.numbers import whole_number
from runbook.parse.kubernetes.objects import Object, at, belongs, list_of, number_of, scalars, text_of
from runbook.parse.yaml_nodes import Node

_MOST_PORTS = 100


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service."""

    name: str
    port: int
    target: str
    """Number or name of the container's port."""
    node_port: int | None
    place: Place
    """Of targetPort, or of port where that stands for both."""


@dataclass(frozen=True, slots=True)
class ClusterService:
    """One Service."""

    name: str
    namespace: str
    type: str
    selector: dict[str, str]
    ports: tuple[ServicePort, ...]
    place: Place

    @property
    def names(self) -> tuple[str, ...]:
        """All names that resolve to it; the short one only in its own namespace."""
        if not self.namespace:
            return (self.name,)
        base = f"{self.name}.{self.namespace}"
        return self.name, base, f"{base}.svc", f"{base}.svc.cluster.local"

    def selects(self, labels: dict[str, str], namespace: str) -> bool:
        """Whether it leads to pods with these labels."""
        wanted = self.selector.items()
        return bool(wanted) and wanted <= labels.items() and belongs(self.namespace, namespace)

    def port(self, wanted: str) -> ServicePort | None:
        """The port of that number or name."""
        return next((p for p in self.ports if wanted in (str(p.port), p.name)), None)


def read_services(objects: Iterable[Object]) -> tuple[ClusterService, ...]:
    """All Services of the cluster."""
    return tuple(_service(o) for o in objects if o.kind == "Service" and o.node.get("spec") is not None)


def _service(one: Object) -> ClusterService:
    return ClusterService(
        name=one.name,
        namespace=one.namespace,
        type=text_of(at(one.node, "spec", "type")) or "ClusterIP",
        selector={k: v.text for k, v in scalars(at(one.node, "spec", "selector")).items()},
        ports=tuple(p for row in list_of(at(one.node, "spec", "ports"))[:_MOST_PORTS] if (p := _port(row)) is not None),
        place=one.place,
    )


def _port(row: Node) -> ServicePort | None:
    written, target = at(row, "port"), at(row, "targetPort")
    number = number_of(written)
    if number is None or written is None:
        return None
    return ServicePort(
        name=text_of(at(row, "name")) or "",
        port=number,
        target=text_of(target) or str(number),
        node_port=number_of(at(row, "nodePort")),
        place=(target or written).place,
    )


def container_port(port: ServicePort, named: dict[str, int]) -> int | None:
    """The port inside the pod; None where its name is nobody's."""
    return whole_number(port.target) or named.get(port.target)


def inside(service: ClusterService, named: dict[str, int]) -> tuple[Port, ...]:
    """Its ports as those inside the cluster see them."""
    return tuple(
        Port(container=number, published=p.port, place=p.place)
        for p in service.ports
        if (number := container_port(p, named)) is not None
    )


def outside(service: ClusterService, named: dict[str, int]) -> tuple[Port, ...]:
    """Its ports as clients outside see them: of every node, or of a load balancer."""
    found = []
    for port in service.ports:
        number = container_port(port, named)
        if number is None:
            continue
        if service.type == "LoadBalancer":
            found.append(Port(container=number, published=port.port, place=port.place))
        if service.type in ("NodePort", "LoadBalancer") and port.node_port:
            found.append(Port(container=number, published=port.node_port, place=port.place))
    return tuple(found)
