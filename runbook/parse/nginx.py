"""nginx configuration to routes: whole trees, conf.d files, bare `server` and `location` snippets.

A route is what is in force in one location. nginx inherits directives from the outer level, but
lists of headers only where the inner level has none of its own, which is what people trip over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

from runbook.model import Place, ProxyRoute
from runbook.numbers import whole_number
from runbook.parse import ParseError
from runbook.parse.hops import host_and_port
from runbook.parse.nginx_access import made_of
from runbook.parse.nginx_conditions import mapped
from runbook.parse.nginx_location import conditional, location_routes, static_route
from runbook.parse.nginx_scope import ENCLOSED, Scope, is_unread
from runbook.parse.nginx_tables import Table, looked_up, tables
from runbook.parse.nginx_tree import Directive, tree
from runbook.redact import Vault

_MOST_INCLUDED = 50_000
"""Directives that came by an include: files that include each other must not multiply."""
_MANY = 2_000
"""Locations. Of more (a hoster's file with thousands of sites) only those are kept that the API could be behind."""


def parse_nginx(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of one file on its own."""
    return parse_nginx_files({file: text}, vault)


def parse_nginx_files(files: Mapping[str, str], vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of nginx files that belong together: includes are followed from one to another by name."""
    trees = {file: tree(text, file) for file, text in files.items()}
    includer = _Includer(trees)
    enabled = any(
        "sites-enabled/" in f"/{file}" for file in trees
    )  # Debian's way: what is only available is not loaded
    expanded = {file: includer.expand(block, (file,)) for file, block in trees.items()}
    routes: list[ProxyRoute] = []
    for file, block in expanded.items():
        if file not in includer.included and not (enabled and "sites-available/" in f"/{file}"):
            routes += _Config(block, file, vault).routes()
    return tuple(routes if len(routes) <= _MANY else [r for r in routes if _may_be_api(r)][:_MANY])


def _may_be_api(route: ProxyRoute) -> bool:
    """Whether a request for /v2/… could come here. A page of the UI is asked for at /."""
    return route.match == "regex" or "/v2/".startswith(route.path) or "v2" in route.path


@dataclass(slots=True)
class _Includer:
    """Puts included files in the place of their `include`; what is not at hand stays as a mark."""

    trees: Mapping[str, tuple[Directive, ...]]
    included: set[str] = field(default_factory=set)
    count: int = 0

    def expand(self, block: tuple[Directive, ...], trail: tuple[str, ...]) -> tuple[Directive, ...]:
        found: list[Directive] = []
        for directive in block:
            self.count += len(trail) > 1
            if self.count > _MOST_INCLUDED:
                raise ParseError(directive.file, directive.line, "the files include each other too often")
            files = self._matches(directive, trail) if directive.name == "include" else ()
            for file in files:
                self.included.add(file)
                found += self.expand(self.trees[file], (*trail, file))
            if not files:
                inner = self.expand(directive.block, trail) if directive.block is not None else None
                found.append(replace(directive, block=inner))
        return tuple(found)

    def _matches(self, directive: Directive, trail: tuple[str, ...]) -> tuple[str, ...]:
        """The files that an include names, told by their last path parts: the bundle is not the container."""
        if not directive.args or len(trail) > 10:
            return ()
        folder, _, name = directive.args[0].rpartition("/")
        same = [f for f in self.trees if f not in trail and fnmatch(f.rpartition("/")[2], name)]
        parent = folder.rpartition("/")[2]
        near = [f for f in same if f"/{f.rpartition('/')[0]}".endswith(f"/{parent}")]
        return tuple(near or (same if "*" not in name else ()))


class _Config:
    """One configuration: its upstreams and maps, and the servers that use them."""

    def __init__(self, block: tuple[Directive, ...], file: str, vault: Vault) -> None:
        self._file = file
        self._vault = vault
        https = [d.block or () for d in block if d.name == "http"]
        self._levels = https or [block]
        self._defaults = {
            _port(listen.args[0])
            for level in self._levels
            for server in level
            if server.name == "server"
            for listen in server.find("listen")
            if listen.args and not {"default_server", "default"}.isdisjoint(listen.args)
        }

    def routes(self) -> list[ProxyRoute]:
        """The routes of all servers, in the order of the file."""
        found: list[ProxyRoute] = []
        for level in self._levels:
            blocks = tables(level)
            known = _maps(blocks)
            scope = Scope(
                upstreams=_upstreams(level),
                variables=known,
                tables=made_of(blocks),
                choices={name: mapped(table) for name, table in blocks.items() if name not in known},
                vault=self._vault,
                file=self._file,
            )
            outer = scope.enter(tuple(d for d in level if d.name not in ENCLOSED), complete=True)
            for server in (d for d in level if d.name == "server" and d.block is not None):
                found += self._server(server, outer)
            loose = tuple(d for d in level if d.name not in ("server", "upstream", "map", "geo", "events", "stream"))
            if any(d.name in ("location", "proxy_pass", "proxy_set_header") for d in loose) and not found:
                found += self._snippet(loose, scope)
        return found

    def _snippet(self, loose: tuple[Directive, ...], scope: Scope) -> list[ProxyRoute]:
        """A `location`, or only its inside, without the server around it."""
        level = scope.enter(loose, complete=False)
        if any(d.name == "location" for d in loose):
            return [r for d in loose if d.name == "location" for r in location_routes(d, level, loose)]
        wrapped = Directive("location", ("/",), self._file, loose[0].line, loose)
        return list(location_routes(wrapped, scope.enter((), complete=False), loose))

    def _server(self, server: Directive, outer: Scope) -> list[ProxyRoute]:
        block = server.block or ()
        ports, tls, default = self._listens(block)
        names = tuple(name for d in server.find("server_name") for name in d.args)
        scope = replace(
            outer.enter(block, complete=not any(map(is_unread, block))),
            server_names=names,
            listen=ports,
            tls=tls,
            default_server=default,
            place_line=server.line,
            site=Place(server.file, server.line),
            file=server.file,
        )
        scope = replace(scope, everywhere=scope.here, here=())
        found = list(conditional(scope, block, "", "prefix"))
        if answer := scope.answer(block, "", "prefix"):
            return [*found, answer]
        locations = [d for d in block if d.name == "location" and d.block is not None]
        for location in locations:
            found += location_routes(location, scope, block)
        if not any(d.args == ("/",) or d.args == ("^~", "/") for d in locations):
            found.append(static_route(scope))
        return found

    def _listens(self, block: tuple[Directive, ...]) -> tuple[tuple[int, ...], bool, bool]:
        """Ports, whether TLS is spoken, and whether this is the server for names that nobody has."""
        lines = [d.args for d in block if d.name == "listen" and d.args]
        ports = tuple(dict.fromkeys(_port(args[0]) for args in lines)) or (80,)  # None: a variable of a template
        tls = any("ssl" in args or "quic" in args for args in lines)
        tls = tls or any(d.name == "ssl" and d.args == ("on",) for d in block)
        default = any(a in ("default_server", "default") for args in lines for a in args)
        default = default or not self._defaults.issuperset(ports)
        self._defaults.update(ports)
        return tuple(p for p in ports if p is not None), tls, default


def _port(listen: str) -> int | None:
    return whole_number(listen) or host_and_port(listen)[1] or (None if "$" in listen else 80)


def _upstreams(level: tuple[Directive, ...]) -> dict[str, tuple[tuple[str, int | None], ...]]:
    """Name → servers of the `upstream` blocks; a server without a port listens on 80."""
    found: dict[str, tuple[tuple[str, int | None], ...]] = {}
    for block in (d for d in level if d.name == "upstream" and d.args):
        servers = [host_and_port(d.args[0]) for d in block.find("server") if d.args and "down" not in d.args]
        found[block.args[0]] = tuple((host, port or 80) for host, port in servers)
    return found


def _maps(found: Mapping[str, Table]) -> dict[str, str]:
    """Variables of a table whose value is known for a docker client or a browser with a login."""
    known = {}
    for name, table in found.items():
        values = {*table.rows.values(), table.rows.get("default", "")}
        key = _sent_by_clients(table.source)
        if "include" not in table.options and (len(values) == 1 or key is not None):
            known[name] = looked_up(table.rows, key or "", "")
    return known


def _sent_by_clients(variable: str) -> str | None:
    """What a request with a Basic login has there; "" for what registry clients never send, None: who knows."""
    name = variable.strip("${}")
    if name == "http_authorization":
        return "Basic eDp5"
    return "" if name == "http_upgrade" or name.startswith(("cookie_", "arg_", "http_x_")) else None
