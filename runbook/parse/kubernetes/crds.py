"""Traefik's own objects: IngressRoute, IngressRouteTCP, Middleware. They say what labels say, so they become labels' tree."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runbook.model import Place, Port, ProxyRoute
from runbook.parse.kubernetes.backends import Surroundings
from runbook.parse.kubernetes.data import Store
from runbook.parse.kubernetes.objects import Object, at, list_of, text_of
from runbook.parse.traefik import Leaf, Tree, leaves_of, routes_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar
from runbook.redact import Vault

_MOST = 500


@dataclass(frozen=True, slots=True)
class _Backend:
    url: str
    place: Place
    through: Port | None
    hosts: tuple[tuple[str, int | None], ...]


def middlewares(objects: tuple[Object, ...], store: Store) -> Tree:
    """All Middleware objects as `http.middlewares.NAMESPACE-NAME…`."""
    found: Tree = {}
    for one in objects:
        if one.kind == "Middleware":
            prefix = f"http.middlewares.{_key(one.name, one.namespace)}"
            found |= dict(_spec(at(one.node, "spec"), prefix, one, store))
    return found


def _key(name: str, namespace: str) -> str:
    """Unique in the cluster. `name@kubernetescrd` names the namespace itself, other providers' are left as they are."""
    bare, _, provider = name.lower().replace(".", "-").partition("@")
    return bare if provider else f"{namespace or 'default'}-{bare}".lower()


def _spec(spec: Node | None, prefix: str, one: Object, store: Store) -> Iterator[tuple[str, Leaf]]:
    if not isinstance(spec, Mapping):
        return
    for name, value in spec:
        kind = name.lower()
        if kind == "chain":
            refs = [
                _key(text_of(at(m, "name")) or "", text_of(at(m, "namespace")) or one.namespace)
                for m in list_of(at(value, "middlewares"))
            ]
            yield f"{prefix}.chain.middlewares", Leaf(",".join(refs), value.place)
            continue
        yield from leaves_of(value, f"{prefix}.{kind}")
        secret = text_of(at(value, "secret")) if kind in ("basicauth", "digestauth") else None
        if secret:
            data = store.find("Secret", secret, one.namespace)
            entry = data.entries.get("users") if data else None
            file = entry.name if entry else secret
            yield f"{prefix}.{kind}.usersfile", Leaf(file, (at(value, "secret") or value).place)


def traefik_routes(objects: tuple[Object, ...], around: Surroundings, used: Tree) -> tuple[ProxyRoute, ...]:
    """The routes of all IngressRoutes, the longest rule first, as Traefik tries them."""
    found: list[ProxyRoute] = []
    for one in objects:
        if one.kind == "IngressRoute":
            found += _routes(one, around, used)
        elif one.kind == "IngressRouteTCP":
            found += _streams(one, around)
    return tuple(found[:_MOST])


def _routes(one: Object, around: Surroundings, used: Tree) -> Iterator[ProxyRoute]:
    tree: Tree = dict(used)
    services: dict[str, tuple[str, Place]] = {}
    backends: dict[Place, _Backend] = {}
    tls = at(one.node, "spec", "tls")
    for number, row in enumerate(list_of(at(one.node, "spec", "routes"))):
        rule, backend = at(row, "match"), _backend(row, one, around)
        if not isinstance(rule, Scalar):
            continue
        name = f"r{number}"
        prefix = f"http.routers.{name}."
        tree[f"{prefix}rule"] = Leaf(rule.text, rule.place)
        if tls is not None:
            tree[f"{prefix}tls"] = Leaf("", tls.place)
        refs = [
            _key(text_of(at(m, "name")) or "", text_of(at(m, "namespace")) or one.namespace)
            for m in list_of(at(row, "middlewares"))
        ]
        if refs:
            tree[f"{prefix}middlewares"] = Leaf(",".join(refs), (at(row, "middlewares") or row).place)
        if backend is not None:
            services[name] = (backend.url, backend.place)
            backends[rule.place] = backend
            passes = at(_first_service(row), "passHostHeader")
            if isinstance(passes, Scalar):
                tree[f"http.services.{name}.loadbalancer.passhostheader"] = Leaf(passes.text, passes.place)
    for route in routes_of(tree, services, around.vault):
        behind = backends.get(route.place)
        yield replace(
            route,
            service=f"ingressroute/{one.name}",
            platform="kubernetes",
            upstream_place=None,
            through=behind.through if behind else None,
            upstream_hosts=behind.hosts if behind else (),
            upstream=route.upstream if behind else "",
        )


def _first_service(row: Node) -> Node | None:
    return next(iter(list_of(at(row, "services"))), None)


def _backend(row: Node, one: Object, around: Surroundings) -> _Backend | None:
    first = _first_service(row)
    name = text_of(at(first, "name"))
    if first is None or name is None or text_of(at(first, "kind")) == "TraefikService":
        return None
    port = text_of(at(first, "port")) or ""
    namespace = text_of(at(first, "namespace")) or one.namespace
    host, number, through = around.backend(name, port, namespace)
    scheme = text_of(at(first, "scheme")) or ("https" if number == 443 or port.startswith("https") else "http")
    url = f"{scheme}://{name}" + (f":{port}" if port else "")
    return _Backend(url, first.place, through, ((host, number),))


def _streams(one: Object, around: Surroundings) -> Iterator[ProxyRoute]:
    """Streams of bytes: with `passthrough` TLS is not opened here."""
    passes = at(one.node, "spec", "tls", "passthrough")
    for row in list_of(at(one.node, "spec", "routes")):
        backend = _backend(row, one, around)
        through = passes.place if isinstance(passes, Scalar) and passes.text.lower() == "true" else None
        if backend is not None and through is not None:
            yield ProxyRoute(
                software="traefik",
                place=row.place,
                service=f"ingressroutetcp/{one.name}",
                tls=True,
                listen=(443,),
                upstream=backend.url.replace("http://", "tcp://"),
                upstream_hosts=backend.hosts,
                upstream_scheme="https",
                upstream_variable=True,
                host="client",
                forwards_proto="right",
                platform="kubernetes",
                through=backend.through,
                passthrough=through,
                complete=False,
            )


def guarded(route: ProxyRoute, names: Scalar, used: Tree, vault: Vault) -> ProxyRoute:
    """A route of an Ingress with the middlewares of its annotation in force."""
    tree = dict(used)
    refs = ",".join(_key(n.strip(), "") for n in names.text.split(",") if n.strip())
    tree["http.routers.r.rule"] = Leaf("PathPrefix(`/`)", names.place)
    tree["http.routers.r.middlewares"] = Leaf(refs, names.place)
    made = next(iter(routes_of(tree, {"r": ("http://x:1", names.place)}, vault)), None)
    if made is None:
        return route
    return replace(
        route,
        strips_prefix=made.strips_prefix,
        request_headers=made.request_headers,
        response_headers=made.response_headers,
        auth=made.auth,
        guards=made.guards,
        max_body=made.max_body,
        max_body_place=made.max_body_place,
        complete=made.complete,
    )
