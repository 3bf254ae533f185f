"""An IngressRoute with its Middlewares gives the routes that the equal labels give."""

import random
from typing import Any

import pytest
import yaml

from runbook.model import Compose, Place, ProxyRoute, Service
from runbook.parse.compose.secrets import env_var
from runbook.parse.kubernetes import parse_manifests, read_objects
from runbook.parse.traefik import traefik_labels
from runbook.redact import Vault

Spec = dict[str, Any]


def draw(seed: int) -> tuple[list[Spec], dict[str, Spec]]:
    """Routers (rule, middlewares, tls, port) and middlewares by name, as Kubernetes writes them."""
    lot = random.Random(seed)
    kinds: list[Spec] = [
        {
            "headers": {
                "customRequestHeaders": {"Authorization": lot.choice(("", "Basic YW5uYTp4", "Bearer abcdefghi"))}
            }
        },
        {"headers": {"customRequestHeaders": {"X-Forwarded-Proto": "http"}, "customResponseHeaders": {"Server": ""}}},
        {"headers": {"customResponseHeaders": {"Access-Control-Allow-Origin": "https://ui.example"}}},
        {"stripPrefix": {"prefixes": ["/hub", "/reg"]}},
        {"basicAuth": {"realm": "front", "usersFile": "/users", "removeHeader": lot.random() < 0.5}},
        {"forwardAuth": {"address": "http://auth:4181"}},
        {"buffering": {"maxRequestBodyBytes": lot.choice((0, 1048576, 209715200))}},
        {"ipAllowList": {"sourceRange": ["10.0.0.0/8", "192.168.0.0/16"]}},
        {"rateLimit": {"average": 100}},
    ]
    wares = {f"m{n}": spec for n, spec in enumerate(lot.sample(kinds, lot.randint(1, 5)))}
    if lot.random() < 0.4:
        wares["all"] = {"chain": {"middlewares": lot.sample(sorted(wares), lot.randint(1, len(wares)))}}
    rules = ("Host(`hub.example`)", "Host(`hub.example`) && PathPrefix(`/v2`)", "PathPrefix(`/v2`) && Method(`GET`)")
    routers = [
        {
            "rule": rule,
            "middlewares": lot.sample(sorted(wares), lot.randint(0, min(3, len(wares)))),
            "tls": lot.random() < 0.5,
        }
        for rule in lot.sample(rules, lot.randint(1, 2))
    ]
    tls = routers[0]["tls"]
    return [r | {"tls": tls} for r in routers], wares


def as_labels(routers: list[Spec], wares: dict[str, Spec]) -> tuple[ProxyRoute, ...]:
    labels: dict[str, str] = {"traefik.http.services.hub.loadbalancer.server.port": "5000"}
    for number, router in enumerate(routers):
        base = f"traefik.http.routers.r{number}."
        labels[base + "rule"] = router["rule"]
        labels[base + "service"] = "hub"
        if router["tls"]:
            labels[base + "tls"] = "true"
        if router["middlewares"]:
            labels[base + "middlewares"] = ",".join(router["middlewares"])
    for name, spec in wares.items():
        _flat(f"traefik.http.middlewares.{name}", spec, labels)
    place, vault = Place("c.yml", 1), Vault()
    rows = tuple(env_var(k, v, v, place, vault) for k, v in labels.items())
    return traefik_labels(Compose(files=("c.yml",), services=(Service(name="registry", place=place, labels=rows),)))


def _flat(prefix: str, value: Any, labels: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flat(f"{prefix}.{key}", inner, labels)
    elif isinstance(value, list):
        labels[prefix] = ",".join(value)
    else:
        labels[prefix] = str(value).lower() if isinstance(value, bool) else str(value)


def as_objects(routers: list[Spec], wares: dict[str, Spec]) -> tuple[ProxyRoute, ...]:
    docs: list[Spec] = []
    for name, spec in wares.items():
        chained = spec.get("chain")
        body = {"chain": {"middlewares": [{"name": n} for n in chained["middlewares"]]}} if chained else spec
        docs.append(
            {"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware", "metadata": {"name": name}, "spec": body}
        )
    spec = {
        "routes": [
            {
                "kind": "Rule",
                "match": r["rule"],
                "middlewares": [{"name": n} for n in r["middlewares"]],
                "services": [{"name": "registry", "port": 5000}],
            }
            for r in routers
        ]
    }
    if routers[0]["tls"]:
        spec["tls"] = {}  # type: ignore[assignment]
    docs.append(
        {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": "hub"}, "spec": spec}
    )
    text = yaml.safe_dump_all(docs)
    return parse_manifests(read_objects(text, "k.yaml"), {"k.yaml": text}, Vault()).routes


def meaning(route: ProxyRoute) -> Spec:
    """What a route does, without where it stands."""
    edits = {
        side: [(e.name, e.action, e.value, e.injected, e.user) for e in rows]
        for side, rows in (("request", route.request_headers), ("response", route.response_headers))
    }
    auth = route.auth and (route.auth.kind, route.auth.realm)
    return edits | {
        "auth": auth,
        "guards": [(g.kind, g.text) for g in route.guards],
        **{
            name: getattr(route, name)
            for name in (
                "software", "server_names", "path", "match", "methods", "tls", "upstream_hosts", "upstream_scheme",
                "strips_prefix", "host", "forwards_proto", "max_body", "complete",
            )
        },
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_objects_say_what_labels_say(seed: int) -> None:
    routers, wares = draw(seed)
    assert [meaning(r) for r in as_objects(routers, wares)] == [meaning(r) for r in as_labels(routers, wares)]


def test_names_of_middlewares_belong_to_their_namespace() -> None:
    text = """\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip, namespace: a}
spec: {headers: {customRequestHeaders: {Authorization: ""}}}
---
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: hub, namespace: %s}
spec:
  routes:
    - match: Host(`hub.example`)
      middlewares: [{name: strip}]
      services: [{name: registry, port: 5000}]
"""
    same, other = (
        parse_manifests(read_objects(text % n, "k.yaml"), {"k.yaml": text % n}, Vault()).routes[0] for n in ("a", "b")
    )
    assert same.edit("Authorization") is not None
    assert same.complete
    assert other.edit("Authorization") is None
    assert not other.complete


def test_an_ingress_of_traefik_names_its_middlewares() -> None:
    text = """\
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: strip, namespace: tools}
spec: {headers: {customRequestHeaders: {Authorization: ""}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: hub
  namespace: tools
  annotations: {traefik.ingress.kubernetes.io/router.middlewares: tools-strip@kubernetescrd}
spec:
  rules: [{host: hub.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: r, port: {number: 80}}}}]}}]
"""
    (route,) = parse_manifests(read_objects(text, "k.yaml"), {"k.yaml": text}, Vault()).routes
    edit = route.edit("Authorization")
    assert edit is not None
    assert (route.software, edit.action, edit.place.line) == ("traefik", "remove", 4)
