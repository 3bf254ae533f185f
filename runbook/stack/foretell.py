"""What will happen to a request that meets a hop: which route takes it, what arrives behind it, what comes back.

Pure arithmetic over `ProxyRoute`s. The differential tests put it beside real nginx, Caddy, HAProxy and Apache.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runbook.model import HeaderEdit, ProxyRoute
from runbook.parse.conditions import holds_for
from runbook.parse.patterns import search
from runbook.stack.choose import asked_by, choose, value_of
from runbook.urls import urlsplit

Login = Literal["none", "valid", "invalid", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as the hop receives it."""

    method: str = "GET"
    path: str = "/v2/"
    host: str = "localhost"
    port: int = 80
    """On which the hop received it."""
    tls: bool = False
    login: Login = "none"
    """The client's login, as the registry would judge it."""
    own_login: bool = False
    """Whether the login satisfies the hop's own list of users."""
    size: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.tls else "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What is foretold. `status` None: it cannot be told from the files."""

    route: ProxyRoute | None
    reaches: bool = False
    status: int | None = None
    path: str = ""
    """As the registry sees it."""
    login: Login = "none"
    """What is left of the login when the registry sees it."""
    host: str = ""
    proto: str = ""
    challenge: bool = False
    """Whether a 401 carries WWW-Authenticate."""
    location: str | None = None
    """Of an upload: where the client is sent on to, without the path."""


def foretell(routes: Sequence[ProxyRoute], request: Request, *, injected: Login = "unknown") -> Foretold:
    """What happens to the request; `injected`: how the registry judges a login that a hop puts in."""
    route = choose(routes, request)
    if route is None:
        own = 404 if routes and all(r.software == "traefik" and _is_passed_by(r, request) for r in routes) else None
        return Foretold(route=None, status=own)
    if route.unknown:
        return Foretold(route=route)  # not served, if nobody defines what it names
    if route.kind == "return" and route.software != "nginx" and _wants_login(route, request):
        return Foretold(route=route, status=401, challenge=True)
    if route.path and route.max_body is not None and request.size > route.max_body:
        return Foretold(route=route, status=413)
    if route.kind in ("return", "redirect"):
        return Foretold(route=route, status=_moved(route, request))
    if _is_open(route):
        return Foretold(route=route)
    if _wants_login(route, request):
        own = route.auth is not None and not route.auth.outermost
        return Foretold(route=route, status=401, challenge=own or _keeps_challenge(route))
    if route.kind == "static":
        return Foretold(route=route, status=404)
    path = upstream_path(route, request)
    login = what_is_left(route, request, injected)
    status = registry_status(request.method, path, login)
    host, proto = seen_address(route, request)
    return Foretold(
        route=route,
        reaches=True,
        status=status,
        path=path,
        login=login,
        host=host,
        proto=proto,
        challenge=status == 401 and _keeps_challenge(route),
        location=location(route, request, host, proto) if status == 202 else None,
    )


def _wants_login(route: ProxyRoute, request: Request) -> bool:
    """Whether the hop itself refuses the request for want of its own login."""
    auth = route.auth
    if auth is None or auth.kind not in ("basic", "digest") or request.method in auth.except_methods:
        return False
    return auth.kind == "digest" or auth.sees == "none" or not request.own_login


def _is_open(route: ProxyRoute) -> bool:
    """Traefik: whether an answer depends on what the files do not tell: who asks, how often, another server's word."""
    asks = route.auth is not None and (route.auth.kind == "forward" or route.auth.sees == "other")
    return route.software == "traefik" and (asks or bool(route.guards) or route.answers_for is not None)


def _is_passed_by(route: ProxyRoute, request: Request) -> bool:
    """Whether it is sure that the route does not take the request."""
    return not route.when or holds_for(route.when, asked_by(request)) is not None


def _keeps_challenge(route: ProxyRoute) -> bool:
    return not any(
        e.name.lower() == "www-authenticate" and e.action == "remove" and not e.condition
        for e in route.response_headers
    )


def upstream_path(route: ProxyRoute, request: Request) -> str:
    """The path behind the hop."""
    path = request.path
    if route.strips_prefix and path.startswith(route.strips_prefix):
        path = path[len(route.strips_prefix) :]
        path = path if path.startswith("/") else f"/{path}"
    if route.rewrite:
        path = _part_replaced(path, *route.rewrite) if route.software == "traefik" else _rewritten(path, *route.rewrite)
    uri = route.upstream_uri
    if uri is None:
        return path
    if route.upstream_variable:
        uri = _captures(uri, route.path, path) if route.match == "regex" else uri
        return value_of(uri, route, request)
    if route.software == "apache":
        return uri + request.path[len(route.path) :] if route.match == "prefix" else _captures(uri, route.path, path)
    if route.match == "prefix":
        return uri + path[len(route.path) :]
    return _captures(uri, route.path, path) if route.match == "regex" else uri


def _captures(uri: str, pattern: str, path: str) -> str:
    """`$1` in the URI of a route that matches by a regular expression."""
    found = search(pattern, path)
    return _filled(uri, found)


def _rewritten(path: str, pattern: str, replacement: str) -> str:
    """nginx and HAProxy both put the replacement in the place of the whole path."""
    found = search(pattern, path)
    return _filled(replacement, found) if found else path


def _part_replaced(path: str, pattern: str, replacement: str) -> str:
    """Traefik replaces what fits, and gives a path that lost its slash one."""
    found = search(pattern, path)
    made = f"{path[: found.start()]}{_filled(replacement, found)}{path[found.end() :]}" if found else path
    return made if made.startswith("/") else f"/{made}"


def _moved(route: ProxyRoute, request: Request) -> int | None:
    """The status of a redirect; Traefik keeps the method of what is no GET."""
    kept = {301: 308, 302: 307} if route.software == "traefik" and request.method not in ("GET", "HEAD") else {}
    return kept.get(route.status or 0, route.status)


def _filled(text: str, found: re.Match[str] | None) -> str:
    """`$1` filled in; a group that does not exist is empty."""
    groups = found.groups("") if found else ()
    return re.sub(r"\$(\d)", lambda m: groups[int(m[1]) - 1] if 0 < int(m[1]) <= len(groups) else "", text)


def what_is_left(route: ProxyRoute, request: Request, injected: Login = "unknown") -> Login:
    """The login that arrives at the registry."""
    login: Login = request.login
    for edit in (e for e in route.request_headers if e.name.lower() == "authorization" and not e.condition):
        login = _after(edit, login, request.login, injected)
    return login


def _after(edit: HeaderEdit, login: Login, client: Login, injected: Login) -> Login:
    if edit.action == "remove" or (edit.action == "set" and not edit.value):
        return "none"
    if edit.action == "add" and login != "none":
        return login
    match edit.injected:
        case "client":
            return client
        case "bearer" | "not base64" | "no colon" | "no basic":
            return "none"
        case "variable" | "hidden":
            return "unknown"
        case _:
            return injected


def registry_status(method: str, path: str, login: Login) -> int | None:
    """The registry's status for a path (both versions): what is no API is not asked for a login."""
    plain = path.split("?", 1)[0]
    if plain in ("", "/"):
        return 200
    if "//" in plain or "/./" in plain or "/../" in plain or plain == "/v2":
        return 301
    upload = re.fullmatch(r"/v2/[a-z0-9/._-]+/blobs/uploads/", plain)
    if plain not in ("/v2/", "/v2/_catalog") and not upload:
        return 404
    if login == "unknown":
        return None
    if login != "valid":
        return 401
    return 202 if upload and method == "POST" else 200


def seen_address(route: ProxyRoute, request: Request) -> tuple[str, str]:
    """Host and scheme from which the registry builds its Location."""
    host = route.host_value if route.host == "upstream" else value_of(route.host_value, route, request)
    if route.host == "client":
        host = request.host
    proto = "https" if route.upstream_scheme == "https" else "http"
    headers = _headers(route, request)
    if forwarded := headers.get("forwarded"):
        said = dict(re.findall(r"(proto|host)=\"?([^;,\"]+)", forwarded.lower()))
        return said.get("host", host), said.get("proto", proto)
    proto = headers.get("x-forwarded-proto") or proto
    host = (headers.get("x-forwarded-host") or host).split(",")[0].strip()
    return host, proto


def _headers(route: ProxyRoute, request: Request) -> dict[str, str]:
    """The forwarding headers that arrive: the client's own, the software's, and what is written."""
    names = ("forwarded", "x-forwarded-proto", "x-forwarded-host")
    found = {k.lower(): v for k, v in request.headers.items() if k.lower() in names}
    if route.software in ("caddy", "traefik"):
        found = {"x-forwarded-proto": request.scheme, "x-forwarded-host": request.host}
    elif route.software == "apache":
        client = found.get("x-forwarded-host")
        found["x-forwarded-host"] = f"{client}, {request.host}" if client else request.host
    for edit in (e for e in route.request_headers if e.name.lower() in names):
        if edit.condition and not (
            ("ssl_fc" in edit.condition) and (request.tls != edit.condition.lstrip("{ ").startswith("!"))
        ):
            continue
        value = "" if edit.action == "remove" else value_of(edit.value, route, request)
        if value or edit.action == "remove" or route.software == "nginx":
            found[edit.name.lower()] = value
    return {k: v for k, v in found.items() if v}


def location(route: ProxyRoute, request: Request, host: str, proto: str) -> str:
    """Where an upload's Location leads: scheme, host and port, after the hop has mended it (or not)."""
    built = f"{proto}://{host}"
    if not route.rewrites_location:
        return built
    own = urlsplit(route.upstream if "://" in route.upstream else f"http://{route.upstream}")
    if built.lower() != f"{own.scheme}://{own.netloc}".lower():
        return built
    if route.software == "apache":
        return f"{request.scheme}://{request.host}"
    usual = {"http": 80, "https": 443}[request.scheme]
    port = "" if request.port == usual else f":{request.port}"
    return f"{request.scheme}://{request.host.split(':')[0]}{port}"
