"""Objects that a chart makes: data as nodes, so that one reader judges what is written and what is made."""

from dataclasses import dataclass
from typing import Any

from runbook.model import Place
from runbook.parse.kubernetes.data import Data
from runbook.parse.kubernetes.objects import Object, at
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Charted:
    """What a chart makes of its values."""

    objects: tuple[Object, ...] = ()
    data: tuple[Data, ...] = ()

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """Kind and name of every object."""
        return frozenset((o.kind, o.name) for o in self.objects)


def made(value: Any, place: Place) -> Node:
    """Data as nodes that stand at one place; nodes inside keep their own."""
    if isinstance(value, Scalar | Sequence | Mapping):
        return value
    if isinstance(value, dict):
        return Mapping(tuple((Scalar(k, place), made(v, place)) for k, v in value.items() if v is not None), place)
    if isinstance(value, list | tuple):
        return Sequence(tuple(made(v, place) for v in value), place)
    return Scalar(
        str(value).lower() if isinstance(value, bool) else str(value), place, plain=not isinstance(value, str)
    )


def made_object(kind: str, name: str, file: str, place: Place, **parts: Any) -> Object:
    """An object with these parts."""
    node = made({"kind": kind, "metadata": {"name": name, **parts.pop("metadata", {})}, **parts}, place)
    assert isinstance(node, Mapping)  # noqa: S101 (a dict makes a mapping)
    return Object(kind, name, "", node, file)


def variable(name: str, value: Any, place: Place) -> Node:
    """An entry of `env`."""
    written = value if isinstance(value, Scalar) else made("" if value is None else str(value), place)
    return made({"name": name, "value": written}, place)


def deployment(name: str, file: str, place: Place, pod: dict[str, Any]) -> Object:
    """A Deployment of this pod."""
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    return made_object("Deployment", name, file, place, spec={"template": template})


def service(name: str, app: str, values: Node | None, port: int, target: Any, file: str, place: Place) -> Object:
    """A Service in front of it, as the values under `service` want it."""
    written = at(values, "port")
    row = {"name": "http", "port": written or port, "targetPort": target, "nodePort": at(values, "nodePort")}
    kind = at(values, "type") or "ClusterIP"
    spec = {
        "type": kind,
        "selector": {"app": app},
        "ports": [made(row, (written or at(values) or nowhere(place)).place)],
    }
    return made_object("Service", name, file, place, spec=spec)


def nowhere(place: Place) -> Node:
    """An empty node, for its place."""
    return Scalar("", place)
