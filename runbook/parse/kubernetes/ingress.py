"""Ingress objects as routes of the controller that takes them: ingress-nginx, NGINX Inc.'s, Traefik, others.

What the annotations mean is ingress-nginx's template (rootfs/etc/nginx/template/nginx.tmpl): Host and scheme are
handed on, bodies end at 1 MB, `auth-type: basic` asks for a login and then takes Authorization away.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from runbook.model import Guard, HeaderEdit, OwnAuth, Place, ProxyRoute
from runbook.parse import ParseError
from runbook.parse.hops import header_edit, size
from runbook.parse.kubernetes.backends import Surroundings
from runbook.parse.kubernetes.objects import Object, at, list_of, number_of, scalars, text_of
from runbook.parse.nginx_location import conditional
from runbook.parse.nginx_scope import Scope
from runbook.parse.nginx_tree import Directive, tree
from runbook.parse.yaml_nodes import Node, Scalar

Controller = Literal["nginx", "nginx-inc", "traefik", "haproxy", "other"]
NGINX, INC, TRAEFIK = "nginx.ingress.kubernetes.io/", "nginx.org/", "traefik.ingress.kubernetes.io/"
_ONE_MEGABYTE = 1 << 20
_MOST_ROUTES = 1_000


def ingress_routes(objects: tuple[Object, ...], around: Surroundings) -> tuple[ProxyRoute, ...]:
    """The routes of all Ingress objects."""
    classes = {o.name: text_of(at(o.node, "spec", "controller")) or "" for o in objects if o.kind == "IngressClass"}
    defaults = _controller_defaults(objects)
    found: list[ProxyRoute] = []
    for one in objects:
        if one.kind == "Ingress":
            found += _Ingress(one, _controller(one, classes), defaults, around).routes()
    return tuple(found[:_MOST_ROUTES])


def _controller(one: Object, classes: dict[str, str]) -> Controller:
    """Who takes the Ingress: by its class, else by the annotations that somebody wrote for it."""
    old = one.annotations.get("kubernetes.io/ingress.class")
    name = text_of(at(one.node, "spec", "ingressClassName")) or (old.text if old else "")
    told = f"{name} {classes.get(name, '')}".lower()
    keys = tuple(one.annotations)
    if "nginx.org" in told or (any(k.startswith(INC) for k in keys) and not any(k.startswith(NGINX) for k in keys)):
        return "nginx-inc"
    if "nginx" in told or any(k.startswith(NGINX) for k in keys):
        return "nginx"
    if "traefik" in told or any(k.startswith(TRAEFIK) for k in keys):
        return "traefik"
    return "haproxy" if "haproxy" in told else "other"


def _controller_defaults(objects: tuple[Object, ...]) -> dict[str, Scalar]:
    """What the controller's own ConfigMap sets for all."""
    for one in objects:
        if one.kind == "ConfigMap" and re.search(r"ingress-nginx.*controller|nginx-config(?:uration)?$", one.name):
            return scalars(at(one.node, "data"))
    return {}


class _Ingress:
    """One Ingress and what its controller makes of it."""

    def __init__(self, one: Object, controller: Controller, defaults: dict[str, Scalar], around: Surroundings) -> None:
        self._one, self._controller, self._around = one, controller, around
        self._defaults = defaults
        self._vault = around.vault

    def routes(self) -> Iterator[ProxyRoute]:
        """One route for each path of each rule, and one for the default backend."""
        node = self._one.node
        secured = {text_of(h) for t in list_of(at(node, "spec", "tls")) for h in list_of(at(t, "hosts"))}
        any_tls = bool(list_of(at(node, "spec", "tls")))
        for rule in list_of(at(node, "spec", "rules")):
            host = text_of(at(rule, "host"))
            tls = host in secured or (any_tls and not secured)
            for path in list_of(at(rule, "http", "paths")):
                yield from self._route(path, host, tls or self._passthrough() is not None)
        default = at(node, "spec", "defaultBackend") or at(node, "spec", "backend")
        if default is not None:
            yield from self._route(default, None, any_tls)

    def _annotation(self, name: str) -> Scalar | None:
        prefix = INC if self._controller == "nginx-inc" else NGINX
        return self._one.annotations.get(prefix + name)

    def _setting(self, name: str) -> Scalar | None:
        """An annotation, else what the controller's ConfigMap says for all."""
        return self._annotation(name) or self._defaults.get(name)

    def _word(self, name: str) -> str:
        found = self._annotation(name)
        return found.text.strip() if found else ""

    def _passthrough(self) -> Place | None:
        found = self._annotation("ssl-passthrough")
        return found.place if found and found.text.lower() == "true" and self._controller == "nginx" else None

    def _route(self, row: Node, host: str | None, tls: bool) -> Iterator[ProxyRoute]:
        backend = at(row, "backend") or row
        name = text_of(at(backend, "service", "name")) or text_of(at(backend, "serviceName")) or ""
        port = (
            text_of(at(backend, "service", "port", "number"))
            or text_of(at(backend, "service", "port", "name"))
            or text_of(at(backend, "servicePort"))
            or ""
        )
        target, number, through = self._around.backend(name, port, self._one.namespace)
        kind = text_of(at(row, "pathType")) or "ImplementationSpecific"
        rewrite = self._word("rewrite-target")
        regex = self._word("use-regex").lower() == "true" or bool(rewrite)
        scheme = "https" if self._word("backend-protocol").upper() in ("HTTPS", "GRPCS") else "http"
        path = text_of(at(row, "path")) or "/"
        base = ProxyRoute(
            software="traefik" if self._controller == "traefik" else "nginx",
            place=row.place,
            service=f"ingress/{self._one.name}",
            server_names=(host,) if host else (),
            listen=(443,) if tls else (80,),
            tls=tls,
            default_server=host is None,
            path=f"(?i)^{path}" if regex else path,
            match="regex" if regex else "exact" if kind == "Exact" else "prefix",
            rewrite=(f"(?i){path}", rewrite) if rewrite else None,
            upstream=f"{scheme}://{name}" + (f":{port}" if port else ""),
            upstream_scheme=scheme,
            upstream_hosts=((target, number),) if target else (),
            upstream_variable=True,  # endpoints are watched, no name is kept
            host="client",
            forwards_proto="right",
            platform="kubernetes",
            through=through,
            complete=False,
        )
        if self._controller == "nginx":
            yield from self._nginx(base)
        elif self._controller == "nginx-inc":
            yield self._inc(base)
        elif self._controller == "traefik":
            names = self._one.annotations.get(f"{TRAEFIK}router.middlewares")
            yield self._around.guarded(base, names) if names else base
        else:
            yield base

    def _inc(self, base: ProxyRoute) -> ProxyRoute:
        """NGINX Inc.'s controller: 1 MB, and a login whose Secret has a key `htpasswd`; Authorization goes on."""
        limit = self._annotation("client-max-body-size")
        secret = self._annotation("basic-auth-secret")
        return replace(
            base,
            max_body=(size(limit.text) or None) if limit else _ONE_MEGABYTE,
            max_body_place=limit.place if limit else None,
            auth=self._basic(secret, "basic-auth-realm", "htpasswd") if secret else None,
        )

    def _nginx(self, base: ProxyRoute) -> Iterator[ProxyRoute]:
        limit = self._setting("proxy-body-size")
        timeout = self._setting("proxy-read-timeout")
        vhost = self._annotation("upstream-vhost")
        auth = self._auth()
        edits = (
            (HeaderEdit(name="Authorization", action="remove", place=auth.place),)
            if auth and auth.kind == "basic"
            else ()
        )
        route = replace(
            base,
            max_body=(size(limit.text) or None) if limit else _ONE_MEGABYTE,
            max_body_place=limit.place if limit else None,
            read_timeout=float(number_of(timeout) or 60),
            host="fixed" if vhost else "client",
            host_value=self._vault.mask(vhost.text, 200) if vhost else "",
            auth=auth,
            request_headers=edits,
            guards=tuple(self._guards()),
            passthrough=self._passthrough(),
            rewrites_location=False,
            **self._cors(),
        )
        yield from self._snippet(route)

    def _auth(self) -> OwnAuth | None:
        url = self._annotation("auth-url")
        if url is not None:
            return OwnAuth(kind="request", place=url.place)
        kind, secret = self._annotation("auth-type"), self._annotation("auth-secret")
        if kind is None or kind.text.strip().lower() not in ("basic", "digest"):
            return None
        if self._word("auth-secret-type") == "auth-map":
            return self._basic(secret, "auth-realm", "", at=kind.place)
        return self._basic(secret, "auth-realm", "auth", at=kind.place)

    def _basic(self, secret: Scalar | None, realm: str, key: str, at: Place | None = None) -> OwnAuth:
        """The login of the Ingress; without the Secret or its key the controller denies the location."""
        written = secret.text.strip() if secret else ""
        namespace, slash, name = written.rpartition("/")
        place = (secret.place if secret else None) or at or self._one.place
        data = self._around.store.find("Secret", name, namespace if slash else self._one.namespace)
        entry = data.entries.get(key) if data else None
        defect: Literal["", "no such secret", "no such key"] = ""
        if not written:
            defect = "no such secret"
        elif data is not None and key and entry is None and data.complete:
            defect = "no such key"
        return OwnAuth(
            kind="basic",
            realm=self._vault.mask(self._word(realm), 200),
            user_file=entry.name if entry else written,
            users=tuple(data.entries) if data and not key else (),
            place=place,
            defect=defect,
            keys=tuple(data.entries) if data and defect else (),
        )

    def _guards(self) -> Iterator[Guard]:
        for name, kind in (
            ("whitelist-source-range", "address"),
            ("allowlist-source-range", "address"),
            ("denylist-source-range", "address"),
            ("limit-rps", "rate"),
            ("limit-rpm", "rate"),
            ("limit-connections", "rate"),
        ):
            if (found := self._annotation(name)) is not None:
                text = f"{name}: {self._vault.mask(found.text, 200)}"
                yield Guard(kind="address" if kind == "address" else "rate", text=text, place=found.place)

    def _cors(self) -> dict[str, Any]:
        """`enable-cors` answers OPTIONS itself and adds the headers to every answer."""
        on = self._annotation("enable-cors")
        if on is None or on.text.lower() != "true":
            return {}
        origin = self._word("cors-allow-origin") or "*"
        place = (self._annotation("cors-allow-origin") or on).place
        edits = [header_edit("Access-Control-Allow-Origin", origin, place, self._vault, action="add")]
        if (self._word("cors-allow-credentials") or "true").lower() == "true":
            edits.append(header_edit("Access-Control-Allow-Credentials", "true", on.place, self._vault, action="add"))
        return {"response_headers": tuple(edits), "answers_options": True}

    def _snippet(self, route: ProxyRoute) -> Iterator[ProxyRoute]:
        """`configuration-snippet` is nginx text inside the location: it comes last and adds to the rest."""
        snippet = self._annotation("configuration-snippet")
        block = _parsed(snippet)
        if snippet is None or not block:
            yield route
            return
        scope = Scope(vault=self._vault, file=snippet.place.file).enter(block)
        base = scope.base(snippet.place, route.path, "prefix")
        for branch in conditional(scope, block, route.path, "prefix"):
            yield replace(
                branch,
                service=route.service,
                server_names=route.server_names,
                listen=route.listen,
                tls=route.tls,
                match=route.match,
                platform="kubernetes",
            )
        own_limit = "client_max_body_size" in scope.single
        yield replace(
            route,
            request_headers=(*route.request_headers, *scope.request_headers()),
            response_headers=(*route.response_headers, *base["response_headers"]),
            max_body=base["max_body"] if own_limit else route.max_body,
            max_body_place=base["max_body_place"] if own_limit else route.max_body_place,
            guards=(*route.guards, *base["guards"]),
        )


def _parsed(snippet: Scalar | None) -> tuple[Directive, ...]:
    """The directives of a snippet on the lines of the manifest; none of one that nginx could not read either."""
    if snippet is None:
        return ()
    before = (snippet.place.line or 1) - ("\n" not in snippet.text)
    try:
        return tree("\n" * before + snippet.text, snippet.place.file)
    except ParseError:
        return ()
