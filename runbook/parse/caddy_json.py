"""Caddy's own JSON (`caddy adapt`, its API, an autosave) to routes: the same directives, written as the Caddyfile has them."""

from collections.abc import Iterator

from runbook.model import ProxyRoute
from runbook.parse import ParseError
from runbook.parse.caddy import Site
from runbook.parse.caddy_tree import Line
from runbook.parse.kubernetes.objects import at, is_true, list_of, number_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node, load_yaml
from runbook.redact import Vault

_SECOND = 1_000_000_000
_DEEPEST = 20


def parse_caddy_json(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of every server."""
    # Tabs stand between the tokens only: inside of a string JSON spells them.
    root = load_yaml(text.replace("\t", " "), file)
    servers = at(root, "apps", "http", "servers")
    if not isinstance(servers, Mapping):
        raise ParseError(file, None, "no apps.http.servers is in it")
    return tuple(
        route
        for _, server in servers.pairs
        for site in _Server(server, file).sites()
        for route in Site(site, vault).routes()
    )


class _Server:
    """One server: its addresses, and its routes as sites."""

    def __init__(self, node: Node, file: str) -> None:
        self._node, self._file, self._count = node, file, 0

    def sites(self) -> Iterator[Line]:
        """Each of the outermost routes as a site of a Caddyfile; its routes run in the order in which they stand."""
        for route in list_of(at(self._node, "routes")):
            hosts = [text_of(h) or "" for m in list_of(at(route, "match")) for h in list_of(at(m, "host"))]
            inner = Line(("route",), self._file, route.place.line or 0, tuple(self._route(route, 0, outermost=True)))
            yield Line(tuple(self._addresses(hosts)), self._file, route.place.line or 0, (inner,))

    def _addresses(self, hosts: list[str]) -> Iterator[str]:
        automatic = at(self._node, "automatic_https")
        skipped = {text_of(h) for h in list_of(at(automatic, "skip"))}
        policies = bool(list_of(at(self._node, "tls_connection_policies")))
        for listen in list_of(at(self._node, "listen")):
            port = (text_of(listen) or "").rpartition(":")[2]
            for host in hosts or [""]:
                own = bool(host) and host not in skipped and not is_true(at(automatic, "disable"))
                tls = port != "80" and (port == "443" or policies or own)
                yield f"{'https' if tls else 'http'}://{host}:{port}"

    def _routes(self, nodes: tuple[Node, ...], depth: int) -> Iterator[Line]:
        if depth > _DEEPEST:
            raise ParseError(self._file, nodes[0].place.line if nodes else None, "routes are nested too deeply")
        for node in nodes:
            yield from self._route(node, depth)

    def _route(self, node: Node, depth: int, *, outermost: bool = False) -> Iterator[Line]:
        matchers = list_of(at(node, "match"))
        rows = [row for m in matchers[:1] for row in self._matcher(m, outermost=outermost)]
        matched: tuple[str, ...] = ()
        if rows:
            self._count += 1
            matched = (f"@{self._count}",)
            yield self._line(node, matched, tuple(rows))
        for handler in list_of(at(node, "handle")):
            yield from self._handler(handler, matched, depth)

    def _line(self, node: Node, words: tuple[str, ...], block: tuple[Line, ...] | None = None) -> Line:
        return Line(words, self._file, node.place.line or 0, block)

    def _matcher(self, node: Node, *, outermost: bool) -> Iterator[Line]:
        for name, value in node.pairs if isinstance(node, Mapping) else ():
            if name.text in ("path", "method"):
                yield self._line(value, (name.text, *_texts(value)))
            elif name.text == "host" and not outermost:
                yield self._line(value, ("host", *_texts(value)))
            elif name.text == "path_regexp":
                yield self._line(value, ("path_regexp", text_of(at(value, "pattern")) or ""))
            elif name.text == "not":
                for inner in list_of(value):
                    yield self._line(value, ("not",), tuple(self._matcher(inner, outermost=False)))
            elif name.text != "host":
                yield self._line(value, (name.text,))

    def _handler(self, node: Node, matched: tuple[str, ...], depth: int) -> Iterator[Line]:
        match text_of(at(node, "handler")):
            case "subroute":
                inner = tuple(self._routes(list_of(at(node, "routes")), depth + 1))
                yield self._line(node, ("route", *matched), inner)
            case "reverse_proxy":
                yield self._proxy(node, matched)
            case "static_response":
                status = text_of(at(node, "status_code")) or "200"
                moved = next(iter(_texts(at(node, "headers", "Location"))), None)
                answer = ("redir", *matched, moved, status) if moved else ("respond", *matched, status)
                yield self._line(node, answer)
            case "file_server":
                yield self._line(node, ("file_server", *matched))
            case "request_body":
                limit = at(node, "max_size") or node
                yield self._line(node, ("request_body",), (self._line(limit, ("max_size", text_of(limit) or "")),))
            case "rewrite":
                if prefix := text_of(at(node, "strip_path_prefix")):
                    yield self._line(node, ("uri", *matched, "strip_prefix", prefix))
                elif uri := text_of(at(node, "uri")):
                    yield self._line(node, ("rewrite", *matched, uri))
            case "authentication":
                yield from self._login(node, matched)
            case "headers":
                yield from self._headers(node, matched)

    def _login(self, node: Node, matched: tuple[str, ...]) -> Iterator[Line]:
        basic = at(node, "providers", "http_basic")
        if basic is not None:
            users = tuple(self._line(u, (text_of(at(u, "username")) or "",)) for u in list_of(at(basic, "accounts")))
            realm = text_of(at(basic, "realm"))
            yield self._line(node, ("basic_auth", *matched, "bcrypt", *((realm,) if realm else ())), users)

    def _headers(self, node: Node, matched: tuple[str, ...]) -> Iterator[Line]:
        for words, place in self._edits(at(node, "request")):
            yield self._line(place, ("request_header", *matched, *words))
        response = at(node, "response")
        rows = [self._line(place, words) for words, place in self._edits(response)]
        if is_true(at(response, "deferred")):
            rows.append(self._line(node, ("defer",)))
        if rows:
            yield self._line(node, ("header", *matched), tuple(rows))

    @staticmethod
    def _edits(node: Node | None) -> Iterator[tuple[tuple[str, ...], Node]]:
        """The words of each edit, and where it stands."""
        for deleted in list_of(at(node, "delete")):
            yield (f"-{text_of(deleted) or ''}",), deleted
        for sign, verb in (("+", "add"), ("", "set")):
            edits = at(node, verb)
            for name, values in edits.pairs if isinstance(edits, Mapping) else ():
                for value in _texts(values):
                    yield (sign + name.text, value), name

    def _proxy(self, node: Node, matched: tuple[str, ...]) -> Line:
        dials = tuple(text_of(at(u, "dial")) or "" for u in list_of(at(node, "upstreams")))
        if list_of(at(node, "handle_response")) and text_of(at(node, "rewrite", "method")) == "GET":
            return self._line(node, ("forward_auth", *matched, *dials))
        block = [
            self._line(place, (verb, *words))
            for verb, side in (("header_up", "request"), ("header_down", "response"))
            for words, place in self._edits(at(node, "headers", side))
        ]
        transport = at(node, "transport")
        if transport is not None:
            rows = [self._line(transport, ("tls",))] if at(transport, "tls") is not None else []
            for name in ("response_header_timeout", "read_timeout"):
                if waits := number_of(at(transport, name)):
                    rows.append(self._line(transport, (name, f"{waits // _SECOND}s")))
            block.append(self._line(transport, ("transport", "http"), tuple(rows)))
        return self._line(node, ("reverse_proxy", *matched, *dials), tuple(block))


def _texts(node: Node | None) -> tuple[str, ...]:
    return tuple(text for item in list_of(node) if (text := text_of(item)) is not None)
