"""Which route of a hop takes a request: the server by port and name, then the location by path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from runbook.model import ProxyRoute
from runbook.parse.conditions import Asked, holds_for
from runbook.parse.nginx_tables import TEST, passes
from runbook.parse.patterns import search
from runbook.redact import MASK

if TYPE_CHECKING:
    from runbook.stack.foretell import Request


_HAPROXY_HEADER = re.compile(
    r"(?:req\.)?hdr(?:_(sub|beg|reg))?\(([\w-]{1,60})\)((?: -i| -m (?:str|sub|beg|reg)){0,3}) (\S{1,300})",
    re.IGNORECASE,
)


def choose(routes: Sequence[ProxyRoute], request: Request) -> ProxyRoute | None:
    """The route of a hop that takes the request; None when no route is known to."""
    here = [r for r in routes if not r.listen or request.port in r.listen] or list(routes)
    name = request.host.split(":")[0].lower()
    if here and here[0].software == "traefik":
        fits = (r for r in here if not r.server_names or any(_name_rank(n, name) for n in r.server_names))
        takes = [r for r in fits if matches(r, request) and holds(r, request)]
        return max(takes, key=lambda r: (not r.unknown, r.priority), default=None)
    server = _server(here, name)
    if not server:
        return None
    if server[0].software in ("nginx", "joxit-ui", "nginx-proxy"):
        return _nginx_location(server, request)
    return next((r for r in server if matches(r, request) and holds(r, request)), None)


def _server(routes: list[ProxyRoute], name: str) -> list[ProxyRoute]:
    """The routes of the virtual host for that name, or of the default one."""

    def key(route: ProxyRoute) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
        return route.place.file, route.server_names, route.listen

    ranked = sorted(routes, key=lambda r: -max((_name_rank(n, name) for n in r.server_names), default=0))
    best = max((_name_rank(n, name) for r in ranked[:1] for n in r.server_names), default=0)
    if best:
        return [r for r in routes if max((_name_rank(n, name) for n in r.server_names), default=0) == best]
    if any(r.software in ("caddy", "haproxy", "traefik") for r in routes):
        return [r for r in routes if not r.server_names]
    default = next((r for r in routes if r.default_server), routes[0] if routes else None)
    return [r for r in routes if default and key(r) == key(default)]


def _name_rank(pattern: str, name: str) -> int:
    """How well a server_name fits: exact before leading wildcard before trailing wildcard before regex."""
    pattern = pattern.lower()
    if pattern == name:
        return 4
    if pattern.startswith(".") and (name == pattern[1:] or name.endswith(pattern)):
        return 3
    if pattern.startswith("*.") and fnmatchcase(name, pattern):
        return 3
    if pattern.endswith(".*") and fnmatchcase(name, pattern):
        return 2
    return 1 if pattern.startswith("~") and search(pattern[1:], name) else 0


def _nginx_location(server: list[ProxyRoute], request: Request) -> ProxyRoute | None:
    """nginx: exact, else the longest prefix, unless a regular expression fits and `^~` does not forbid it."""
    path = request.path.split("?", 1)[0]
    for route in server:
        if route.path == "" and holds(route, request):
            return route
    places = [r for r in server if r.path]
    exact = [r for r in places if r.match == "exact" and r.path == path]
    prefixes = sorted(
        (r for r in places if r.match == "prefix" and path.startswith(r.path)), key=lambda r: -len(r.path)
    )
    longest = [r for r in prefixes if r.path == prefixes[0].path]
    regexes = [r for r in places if r.match == "regex" and search(r.path, path)]
    if not exact:
        slash = next((r for r in places if r.match == "prefix" and r.kind == "proxy" and r.path == f"{path}/"), None)
        if slash and not (regexes and not slash.final):
            return _redirect(slash)
    if exact:
        candidates = exact
    elif regexes and not any(r.final for r in longest):
        candidates = [r for r in regexes if r.path == regexes[0].path]
    else:
        candidates = longest
    plain = [r for r in candidates if not r.condition]
    return next((r for r in candidates if r.condition and holds(r, request)), plain[0] if plain else None)


def _redirect(route: ProxyRoute) -> ProxyRoute:
    """nginx sends `/v2` to `/v2/` where only the latter is a proxied prefix."""
    return ProxyRoute(
        software=route.software, place=route.place, kind="redirect", status=301, location=route.path, path=route.path
    )


def matches(route: ProxyRoute, request: Request) -> bool:
    """Whether path and method fit the route."""
    path = request.path.split("?", 1)[0]
    if route.methods and request.method not in route.methods:
        return False
    if route.match == "regex":
        return bool(search(route.path, path))
    if route.software == "apache" and route.match == "prefix" and not route.path.endswith("/"):
        return path == route.path or path.startswith(f"{route.path}/")
    return route.covers(path)


def holds(route: ProxyRoute, request: Request) -> bool:
    """Whether a route's condition holds. One that is not understood is taken not to; of an expression in which a word is
    masked the rest may still fit."""
    if route.when and (known := holds_for(route.when, asked_by(request))) is not None:
        return known
    if not route.condition:
        return True
    test = TEST.fullmatch(route.condition)
    if test is None:
        return MASK not in route.condition and _asks_for(route.condition.split(), request)
    value, operator = value_of(f"${test[1]}", route, request), test[2] or ""
    wanted = (test[3] or "").strip("\"'")
    if value.startswith("$") or (MASK in wanted and "~" not in operator):
        return False
    return passes(value, operator, wanted.replace(MASK, "(?!)"))  # as an expression it would be a set of letters


def asked_by(request: Request) -> Asked:
    """The request as conditions see it."""
    return Asked(method=request.method, path=request.path.split("?", 1)[0], host=request.host, scheme=request.scheme)


def _asks_for(words: list[str], request: Request) -> bool:
    """Whether one test of a method or a header, as Caddy, HAProxy or Apache write it, fits the request."""
    sent = {name.lower(): value for name, value in request.headers.items()}
    match words:
        case ["not", "method", *methods]:
            return request.method not in methods
        case ["header", name, pattern]:
            return fnmatchcase(sent.get(name.lower(), ""), pattern)
        case ["header_regexp", *_, name, pattern]:
            return search(pattern, sent.get(name.lower(), "")) is not None
        case [method] if found := re.fullmatch(r"(!?)METH_([A-Z]+)", method):
            return (found[2] in (request.method, "GET" if request.method == "HEAD" else "")) != bool(found[1])
    found = _HAPROXY_HEADER.fullmatch(" ".join(words))  # with one value: what follows more may be another test
    if found is None:
        return False
    options, wanted = found[3].split(), found[4]
    how = next((k for k in ("sub", "beg", "reg") if k in (found[1], *options)), "str")
    pattern = {"reg": wanted, "sub": re.escape(wanted), "beg": f"^{re.escape(wanted)}"}.get(
        how, f"^{re.escape(wanted)}$"
    )
    return search(f"(?i){pattern}" if "-i" in options else pattern, sent.get(found[2].lower(), "")) is not None


def value_of(text: str, route: ProxyRoute, request: Request) -> str:
    """A configured value with the variables filled in that the request decides; others stay as written."""
    known = {
        "http_host": request.host,
        "host": request.host.split(":")[0].lower(),
        "server_port": str(request.port),
        "scheme": request.scheme,
        "request_method": request.method,
        "request_uri": request.path,
        "uri": request.path.split("?", 1)[0],
        "server_name": route.server_names[0] if route.server_names else "",
        "proxy_host": route.host_value if route.host == "upstream" else "",
        "https": "on" if request.tls else "",
        "http_authorization": "" if request.login == "none" else "[login]",
    }

    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name in known:
            return known[name]
        if name.startswith("http_"):
            wanted = name[5:].replace("_", "-")
            return next((v for k, v in request.headers.items() if k.lower() == wanted), "")
        return found[0]

    text = re.sub(r"\$\{(\w+)\}|\$(\w+)", fill, text)
    braces = {
        "{scheme}": request.scheme,
        "{hostport}": request.host,
        "{host}": known["host"],
        "{http.request.host}": known["host"],
    }
    braces |= {"{http.request.hostport}": request.host, "{http.request.scheme}": request.scheme}
    for written, value in braces.items():
        text = text.replace(written, value)
    text = re.sub(r"%\[(?:req\.)?(?:hdr|fhdr)\(host\)\]", lambda _: request.host, text, flags=re.IGNORECASE)
    text = text.replace("%[dst_port]", str(request.port))
    return text.replace("%{HTTP_HOST}e", request.host)
