"""What the registry UI (joxit/docker-registry-ui) makes of its environment.

2.x: its entrypoint writes an nginx configuration. `NGINX_PROXY_PASS_URL` opens the /v2 route, every
`NGINX_PROXY_HEADER_A_B=v` becomes `proxy_set_header A-B "v"` and `NGINX_RESOLVER` makes the name be
looked up at every request. `REGISTRY_URL` is for the browser. 1.x-static proxied `REGISTRY_URL` itself.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

from runbook.lazy import re
from runbook.model import Compose, EnvVar, Evidence, HeaderEdit, ProxyRoute, Service, Ui
from runbook.numbers import whole_number
from runbook.parse.hops import forwards_proto, split_upstream
from runbook.redact import is_mask

_USUAL = {"http": 80, "https": 443}
HEADER = "NGINX_PROXY_HEADER_"
_CLIENTS_OWN = re.compile(r"\$\{?http_authorization\b", re.IGNORECASE)


def uis(evidence: Evidence) -> tuple[Ui, ...]:
    """The registry UIs of the compose project."""
    services = evidence.compose.services if evidence.compose else ()
    return tuple(_ui(service) for service in services if service.role == "ui")


def is_on(variable: EnvVar | None) -> bool:
    """As the entrypoint sees it: everything but nothing and `false` is on."""
    return variable is not None and (variable.value or "") not in ("", "false")


def _ui(service: Service) -> Ui:
    major = _major(service)
    proxy_pass = _given(service, "NGINX_PROXY_PASS_URL")
    url = _given(service, "REGISTRY_URL") or (_given(service, "URL") if major == 1 else None)
    target = url if "static" in (service.tag or "") and major == 1 and proxy_pass is None else proxy_pass
    mode: Literal["proxy", "browser", "nothing"]
    mode = "proxy" if target else "browser" if url or _given(service, "DEFAULT_REGISTRIES") else "nothing"
    return Ui(
        name=service.name,
        service=service,
        major=major,
        mode=mode,
        proxy_pass=target,
        registry_url=url,
        deletes=is_on(service.env("DELETE_IMAGES")),
        route=_route(service, target) if target else None,
        ports=service.ports,
    )


def _major(service: Service) -> Literal[1, 2] | None:
    """1 or 2 by the tag; main and latest are 2."""
    tag = service.tag or ""
    number = re.match(r"v?(\d{1,9})(?:[.\-]|$)", tag)
    if number:
        return 1 if int(number[1]) < 2 else 2
    return 2 if tag in ("latest", "main", "") or tag.startswith(("main", "latest")) else None


def _given(service: Service, name: str) -> EnvVar | None:
    variable = service.env(name)
    return variable if variable and (variable.value or "").strip() else None


def _route(service: Service, target: EnvVar) -> ProxyRoute:
    """The `location /v2` that the entrypoint writes."""
    written = (target.value or "").strip()
    upstream = split_upstream(written)
    edits = tuple(header_edits(service))
    late = _given(service, "NGINX_RESOLVER") is not None
    host = next((e for e in reversed(edits) if e.name.lower() == "host"), None)
    value = host.value if host else "$http_host"
    kind: Literal["client", "client-without-port", "fixed"]
    kind = "client" if value == "$http_host" else "client-without-port" if value.startswith("$host") else "fixed"
    listen = service.env("NGINX_LISTEN_PORT")
    text = (listen.value or "") if listen else ""
    port = whole_number(text) or 80
    return ProxyRoute(
        software="joxit-ui",
        place=target.place,
        service=service.name,
        listen=(port,),
        default_server=True,
        path="/v2",
        upstream=written,
        upstream_scheme=upstream.scheme,
        upstream_hosts=() if is_mask(written) else ((upstream.host, upstream.port or _USUAL.get(upstream.scheme, 80)),),
        upstream_uri=upstream.uri,
        upstream_variable=late,
        upstream_place=target.place,
        request_headers=edits,
        host=kind,
        host_value=value,
        forwards_proto=forwards_proto(edits, False, ("$scheme",), "missing"),
        max_body=None,
        read_timeout=60.0,
        rewrites_location=not late,
    )


def header_edits(service: Service) -> Iterable[HeaderEdit]:
    """The proxy_set_header lines that come of NGINX_PROXY_HEADER_*; the image brings Host=$http_host."""
    for variable in service.environment:
        if not variable.name.startswith(HEADER):
            continue
        name = variable.name.removeprefix(HEADER).replace("_", "-")
        value = variable.value or ""
        edit = HeaderEdit(name=name, action="set", value=value, place=variable.place)
        yield _described(edit, variable) if name.lower() == "authorization" else edit


def _described(edit: HeaderEdit, variable: EnvVar) -> HeaderEdit:
    """What an Authorization variable injects; compose keeps only what may be shown of it."""
    if not edit.value:
        return edit
    if _CLIENTS_OWN.search(edit.value):
        return replace(edit, injected="client")
    return replace(edit, injected=variable.injected or "other", user=variable.user, password=variable.password)


def assign_services(routes: Iterable[ProxyRoute], compose: Compose | None) -> tuple[ProxyRoute, ...]:
    """Say of each route which compose service runs it: the one that mounts its file, else the only proxy of its kind."""
    if compose is None:
        return tuple(routes)
    routes = tuple(routes)
    mounting = {route.place.file: _mounting(route, compose) for route in routes}
    full = set(mounting.values())  # who mounts its files has no others
    return tuple(
        replace(route, service=mounting[route.place.file] or _only_kin(route, compose, full))
        if route.service is None
        else route
        for route in routes
    )


def _mounting(route: ProxyRoute, compose: Compose) -> str | None:
    best, rank = None, 0
    for service in compose.services:
        for mount in service.mounts:
            if mount.source and (found := _fits(mount.source, mount.target, route.place.file)) > rank:
                best, rank = service.name, found
    return best


def _only_kin(route: ProxyRoute, compose: Compose, full: set[str | None]) -> str | None:
    kin = [s for s in compose.services if s.image and route.software.removeprefix("joxit-") in _image(s.image)]
    return kin[0].name if len(kin) == 1 and kin[0].name not in full else None


def _image(image: str) -> str:
    """The name of an image, with Apache's called by its own name."""
    name = image.rsplit("/", 1)[-1].split(":", 1)[0]
    return "apache" if name.startswith("httpd") else name


def _fits(source: str, target: str, file: str) -> int:
    """How well a mount's host path fits a file of the bundle: by file, by folder, or not at all."""
    mounted, given = PurePosixPath(source.replace("\\", "/")), PurePosixPath(file)
    tail = [p for p in mounted.parts if p not in (".", "..", "/")]
    if not tail:
        return 0
    if mounted.name == given.name:
        common = sum(1 for a, b in zip(reversed(tail), reversed(given.parts), strict=False) if a == b)
        return 10 + common
    folders = given.parts[:-1]
    return 5 if tail[-1] in folders and ("nginx" in target or "conf" in target or "caddy" in target) else 0
