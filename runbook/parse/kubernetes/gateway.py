"""Gateway API: HTTPRoute rules as routes, with what their filters do to headers, paths and hosts."""

from collections.abc import Iterator
from dataclasses import replace

from runbook.model import HeaderEdit, Place, ProxyRoute
from runbook.parse.hops import header_edit
from runbook.parse.kubernetes.backends import Surroundings
from runbook.parse.kubernetes.objects import Object, at, list_of, number_of, text_of
from runbook.parse.yaml_nodes import Node

_MOST = 500


def gateway_routes(objects: tuple[Object, ...], around: Surroundings) -> tuple[ProxyRoute, ...]:
    """The routes of all HTTPRoutes."""
    listeners = _listeners(objects)
    return tuple(r for one in objects if one.kind == "HTTPRoute" for r in _http_route(one, listeners, around))[:_MOST]


def _listeners(objects: tuple[Object, ...]) -> dict[tuple[str, str], tuple[int, bool]]:
    """Gateway and section → port, and whether TLS ends there."""
    found: dict[tuple[str, str], tuple[int, bool]] = {}
    for one in objects:
        if one.kind == "Gateway":
            for row in list_of(at(one.node, "spec", "listeners")):
                tls = text_of(at(row, "protocol")) == "HTTPS" or at(row, "tls") is not None
                spoken = (number_of(at(row, "port")) or (443 if tls else 80), tls)
                found[one.name, text_of(at(row, "name")) or ""] = spoken
                found.setdefault((one.name, ""), spoken)
                if tls:
                    found[one.name, ""] = spoken
    return found


def _http_route(
    one: Object, listeners: dict[tuple[str, str], tuple[int, bool]], around: Surroundings
) -> Iterator[ProxyRoute]:
    parents = [
        (text_of(at(p, "name")) or "", text_of(at(p, "sectionName")) or "")
        for p in list_of(at(one.node, "spec", "parentRefs"))
    ]
    port, tls = next((listeners[p] for p in parents if p in listeners), (80, False))
    names = tuple(t for h in list_of(at(one.node, "spec", "hostnames")) if (t := text_of(h)))
    for rule in list_of(at(one.node, "spec", "rules")):
        for match in list_of(at(rule, "matches")) or (None,):
            kind = text_of(at(match, "path", "type")) or "PathPrefix"
            base = ProxyRoute(
                software="traefik",
                place=(match or rule).place,
                service=f"httproute/{one.name}",
                server_names=names,
                listen=(port,),
                tls=tls,
                path=text_of(at(match, "path", "value")) or "/",
                match="exact" if kind == "Exact" else "regex" if kind == "RegularExpression" else "prefix",
                methods=tuple(m for m in (text_of(at(match, "method")),) if m),
                upstream_variable=True,
                host="client",
                forwards_proto="right",
                platform="kubernetes",
                complete=False,
            )
            yield _to_backend(_filtered(base, rule, around), rule, one, around)


def _to_backend(route: ProxyRoute, rule: Node, one: Object, around: Surroundings) -> ProxyRoute:
    first = next(iter(list_of(at(rule, "backendRefs"))), None)
    name = text_of(at(first, "name"))
    if name is None or route.kind == "redirect":
        return route
    port = text_of(at(first, "port")) or ""
    host, number, through = around.backend(name, port, text_of(at(first, "namespace")) or one.namespace)
    return replace(route, upstream=f"http://{name}:{port}", upstream_hosts=((host, number),), through=through)


def _filtered(route: ProxyRoute, rule: Node, around: Surroundings) -> ProxyRoute:
    request: list[HeaderEdit] = []
    response: list[HeaderEdit] = []
    for row in list_of(at(rule, "filters")):
        kind = text_of(at(row, "type"))
        if kind == "RequestHeaderModifier":
            request += _modified(at(row, "requestHeaderModifier"), around)
        elif kind == "ResponseHeaderModifier":
            response += _modified(at(row, "responseHeaderModifier"), around)
        elif kind == "URLRewrite":
            route = _rewritten(route, at(row, "urlRewrite"))
        elif kind == "RequestRedirect":
            route = _redirected(route, at(row, "requestRedirect"), row.place)
    return replace(route, request_headers=tuple(request), response_headers=tuple(response))


def _modified(node: Node | None, around: Surroundings) -> Iterator[HeaderEdit]:
    for action in ("set", "add"):
        for row in list_of(at(node, action)):
            name = text_of(at(row, "name"))
            value = at(row, "value")
            if name and value is not None:
                yield header_edit(name, text_of(value) or "", value.place, around.vault, action=action)
    for row in list_of(at(node, "remove")):
        if name := text_of(row):
            yield header_edit(name, None, row.place, around.vault)


def _rewritten(route: ProxyRoute, node: Node | None) -> ProxyRoute:
    host = text_of(at(node, "hostname"))
    if host:
        route = replace(route, host="fixed", host_value=host)
    prefix = text_of(at(node, "path", "replacePrefixMatch"))
    if prefix is not None and prefix.rstrip("/") == "" and route.match == "prefix":
        return replace(route, strips_prefix=route.path.rstrip("/"))
    whole = text_of(at(node, "path", "replaceFullPath"))
    if prefix is not None:
        return replace(route, rewrite=(f"^{route.path.rstrip('/')}", prefix.rstrip("/")))
    return replace(route, rewrite=("^.*$", whole)) if whole else route


def _redirected(route: ProxyRoute, node: Node | None, place: Place) -> ProxyRoute:
    scheme = text_of(at(node, "scheme")) or ("https" if route.tls else "http")
    host = text_of(at(node, "hostname")) or next(iter(route.server_names), "")
    return replace(
        route,
        kind="redirect",
        place=place,
        status=number_of(at(node, "statusCode")) or 302,
        location=f"{scheme}://{host}{text_of(at(node, 'path', 'replaceFullPath')) or ''}",
    )
