"""Caddyfile to routes. Caddy sorts directives by its own order, hands Host and Authorization on, and sets
X-Forwarded-Proto and -Host by itself; it has no limit for bodies unless `request_body` sets one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from runbook.model import HeaderEdit, OwnAuth, Place, ProxyRoute, When
from runbook.numbers import whole_number
from runbook.parse.caddy_conditions import matcher_condition, path_condition
from runbook.parse.caddy_tree import Line, caddy_trees
from runbook.parse.conditions import ALWAYS, UNKNOWN, Asked, all_of, outcome, requests_at, settled, spared_methods
from runbook.parse.hops import basic_auth, forwards_proto, header_edit, replaced_header, seconds, size, split_upstream
from runbook.redact import Vault

_DIRECTIVES = (
    "reverse_proxy", "handle", "handle_path", "route", "respond", "header", "request_header", "basicauth", "basic_auth",
    "request_body", "tls", "encode", "log", "root", "file_server", "redir", "import", "forward_auth", "rewrite", "uri",
)  # fmt: skip
_ORDER = ("redir", "handle", "handle_path", "route", "respond", "reverse_proxy", "file_server")
"""Of the directives that answer, in the order in which Caddy runs them."""
_LOGINS = ("basicauth", "basic_auth", "forward_auth")


def parse_caddy(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of all sites of one file on its own."""
    return parse_caddy_files({file: text}, vault)


def parse_caddy_files(files: Mapping[str, str], vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of files that belong together: one imports another, and snippets of any."""
    return tuple(r for file, lines in caddy_trees(files).items() for r in _routes(lines, file, vault))


def _routes(tree: tuple[Line, ...], file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    lines = [line for line in tree if line.name != "{"]
    if not lines:
        return ()
    braced = [line for line in lines if line.block is not None and line.name.rstrip(",") not in _DIRECTIVES]
    if braced:
        return tuple(route for line in braced for route in Site(line, vault).routes())
    if lines[0].name in _DIRECTIVES:  # only the inside of a site was handed over
        return tuple(Site(Line(("*",), file, lines[0].line, tuple(lines)), vault, complete=False).routes())
    return tuple(Site(replace_block(lines[0], tuple(lines[1:])), vault).routes())


def replace_block(line: Line, block: tuple[Line, ...]) -> Line:
    """A file with one site needs no braces: the first line is its address."""
    return Line(line.words, line.file, line.line, block)


@dataclass(frozen=True, slots=True)
class _Matched:
    """What a matcher asks for, as far as a route can say it."""

    paths: tuple[tuple[str, Literal["prefix", "exact", "regex"]], ...] = (("/", "prefix"),)
    methods: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    condition: str = ""
    when: When = ALWAYS
    cut: bool = False
    """Whether what is asked for within sees another path than the client's."""


_OPEN = re.compile(r"\{\$(?!.*\}:\d+$)")
"""An address whose port the environment gives, be it beside a default."""


class Site:
    """One site block."""

    def __init__(self, line: Line, vault: Vault, *, complete: bool = True) -> None:
        self._line, self._vault = line, vault
        addresses = [a.strip(",") for word in line.words for a in word.split(",") if a.strip(",")]
        parts = [split_upstream(a, "") for a in addresses if a != "*"]
        self._names = tuple(dict.fromkeys(p.host for p in parts if p.host))
        self._tls = any(_is_tls(p.scheme, p.host, p.port) for p in parts) or any(True for _ in line.inside("tls"))
        usual = 443 if self._tls else 80
        ports = tuple(dict.fromkeys(p.port or (80 if p.scheme == "http" else usual) for p in parts))
        self._ports = () if any(map(_OPEN.search, addresses)) else ports
        self._matchers = {m.name: m for m in line.block or () if m.name.startswith("@")}
        self._complete = complete and not any(True for _ in line.inside("import"))

    def routes(self) -> Iterator[ProxyRoute]:
        """The routes in the order in which Caddy tries them."""
        yield from self._level(self._line.block or (), _Matched(), "", (), sort=True)

    def _level(
        self, block: tuple[Line, ...], outer: _Matched, stripped: str, inherited: tuple[Line, ...], *, sort: bool
    ) -> Iterator[ProxyRoute]:
        self._matchers |= {m.name: m for m in block if m.name.startswith("@")}
        context = (*inherited, *(line for line in block if line.name not in _ORDER))
        answering = [line for line in block if line.name in _ORDER]
        if sort:
            answering.sort(key=self._rank)
        for line in answering:
            matched, args = self._matcher(line, outer)
            if line.name in ("handle", "handle_path", "route"):
                strip = line.args[0].rstrip("*") if line.name == "handle_path" and line.args else stripped
                matched = replace(matched, cut=matched.cut or strip != stripped)
                yield from self._level(line.block or (), matched, strip, context, sort=line.name != "route")
            else:
                yield from self._answer(line, args, matched, stripped, context)

    def _rank(self, line: Line) -> tuple[int, int]:
        """Caddy's order: `handle` and its kin by how specific their path is, then what answers outright."""
        group = 1 if line.name in ("handle", "handle_path") else _ORDER.index(line.name)
        path = next((a for a in line.args[:1] if a.startswith("/")), "")
        return group, -len(path) if path else (0 if line.args[:1] and line.args[0].startswith("@") else 1)

    def _matcher(self, line: Line, outer: _Matched) -> tuple[_Matched, tuple[str, ...]]:
        """The matcher of a directive and what is left of its arguments."""
        first = line.args[0] if line.args else ""
        if first == "*":
            return outer, line.args[1:]
        if first.startswith("/"):
            when = all_of((outer.when, UNKNOWN if outer.cut else path_condition((first,))))
            return replace(outer, paths=(_path(first),), when=when), line.args[1:]
        if first.startswith("@"):
            return self._named(self._matchers.get(first), outer, first), line.args[1:]
        return outer, line.args

    def _named(self, matcher: Line | None, outer: _Matched, name: str) -> _Matched:
        if matcher is None:
            return replace(outer, condition=name, when=UNKNOWN)
        inline = [Line(matcher.args, matcher.file, matcher.line)] if matcher.args else []
        rows = list(matcher.block) if matcher.block else inline
        found = replace(outer, when=all_of((outer.when, UNKNOWN if outer.cut else matcher_condition(rows))))
        for row in rows:
            if row.name == "path":
                found = replace(found, paths=tuple(_path(p) for p in row.args))
            elif row.name == "path_regexp" and row.args:
                found = replace(found, paths=((row.args[-1], "regex"),))
            elif row.name == "method":
                found = replace(found, methods=row.args)
            elif row.name == "host":
                found = replace(found, names=row.args)
            else:
                found = replace(found, condition=" ".join((*found.condition.split(), *row.words)))
        return found

    def _answer(
        self, line: Line, args: tuple[str, ...], matched: _Matched, stripped: str, context: tuple[Line, ...]
    ) -> Iterator[ProxyRoute]:
        for path, match in matched.paths:
            base = self._base(line, matched, path, match, context)
            if line.name == "respond":
                status = next((int(a) for a in args[::-1] if re.fullmatch(r"\d{3}", a)), 200)
                yield ProxyRoute(**base, kind="return", status=status)
            elif line.name == "redir" and args:
                code = {"permanent": 301, "temporary": 302}.get(args[-1], whole_number(args[-1]) or 302)
                yield ProxyRoute(**base, kind="redirect", status=code, location=self._vault.mask(args[0], 300))
            elif line.name == "file_server":
                yield ProxyRoute(**base, kind="static")
            else:
                yield self._proxy(line, args, base, stripped, context)

    def _base(self, line: Line, matched: _Matched, path: str, match: str, context: tuple[Line, ...]) -> dict[str, Any]:
        limit = next((r for c in context if c.name == "request_body" for r in c.inside("max_size") if r.args), None)
        return {
            "software": "caddy",
            "place": Place(line.file, line.line),
            "server_names": matched.names or self._names,
            "listen": self._ports,
            "tls": self._tls,
            "path": path,
            "match": match,
            "methods": matched.methods,
            "condition": matched.condition,
            "when": () if matched.when == ALWAYS else matched.when,
            "auth": self._auth(context, requests_at(path, match)),
            "max_body": size(limit.args[0]) if limit else None,
            "max_body_place": Place(limit.file, limit.line) if limit else None,
            "response_headers": settled(self._response_headers(line, context), _answered(path, match)),
            "complete": self._complete,
        }

    def _proxy(
        self, line: Line, args: tuple[str, ...], base: dict[str, Any], stripped: str, context: tuple[Line, ...]
    ) -> ProxyRoute:
        written = args or tuple(a for to in line.inside("to") for a in to.args)
        ups = [split_upstream(a) for a in written]
        first = ups[0] if ups else split_upstream("")
        transport = next(line.inside("transport"), None)
        tls = transport is not None and any(r.name.startswith("tls") for r in transport.block or ())
        scheme = "https" if tls or first.scheme == "https" else "http"
        usual = 443 if scheme == "https" else 80
        edits = tuple(self._request_headers(line, context))
        if stripped:
            edits = tuple(replace(e, when=()) for e in edits)
        edits = settled(edits, requests_at(base["path"], base["match"]))
        host = next((e for e in reversed(edits) if e.name.lower() == "host" and not e.condition), None)
        kind, value = _host(host)
        prefix = next((r.args[1] for r in context if r.name == "uri" and r.args[:1] == ("strip_prefix",)), stripped)
        return ProxyRoute(
            **base,
            kind="proxy",
            upstream=self._vault.mask(" ".join(written), 300),
            upstream_scheme=scheme,
            upstream_hosts=tuple((u.host, u.port or usual) for u in ups),
            upstream_variable="{" in first.host,
            upstream_place=Place(line.file, line.line),
            strips_prefix=prefix.rstrip("/"),
            request_headers=edits,
            host=kind,
            host_value=f"{first.host}:{first.port}" if kind == "upstream" and first.port else value or first.host,
            forwards_proto=forwards_proto(edits, self._tls, ("{scheme}", "{http.request.scheme}"), "right"),
            read_timeout=self._timeout(transport),
        )

    def _timeout(self, transport: Line | None) -> float | None:
        rows = transport.inside("response_header_timeout", "read_timeout") if transport else ()
        return next((seconds(r.args[0]) for r in rows if r.args), None)

    def _request_headers(self, line: Line, context: tuple[Line, ...]) -> Iterator[HeaderEdit]:
        for row in (r for r in context if r.name == "request_header"):
            matched, args = self._matcher(row, _Matched())
            yield from self._edit(args, row, matched)
        for row in line.inside("header_up"):
            yield from self._edit(row.args, row, _Matched())

    def _response_headers(self, line: Line, context: tuple[Line, ...]) -> Iterator[HeaderEdit]:
        for row in (r for r in context if r.name == "header"):
            matched, args = self._matcher(row, _Matched())
            rows = [(args, row)] if args else [(r.words, r) for r in row.block or ()]
            late = any(words[0] == "defer" or words[0].startswith(("-", "?", ">")) for words, _ in rows if words)
            for words, own in rows:
                yield from self._edit(words, own, matched, beside=not late)
        for row in line.inside("header_down"):
            yield from self._edit(row.args, row, _Matched())

    def _edit(
        self, args: tuple[str, ...], row: Line, matched: _Matched, *, beside: bool = False
    ) -> Iterator[HeaderEdit]:
        """`beside`: the header is set before the upstream has answered, and the upstream's comes beside it."""
        if not args:
            return
        condition = _condition(matched)
        when = matched.when if condition else ()
        name, place = args[0], Place(row.file, row.line)
        if name.startswith("-"):
            for dropped in _dropped(name[1:]):
                yield replace(header_edit(dropped, None, place, self._vault, condition=condition), when=when)
        elif len(args) == 2:
            action: Literal["add", "set"] = "add" if beside or name.startswith("+") else "set"
            made = header_edit(name.lstrip("+?>"), args[1], place, self._vault, action=action, condition=condition)
            yield replace(made, when=when)
        elif len(args) == 3 and (args[2] or name.lower() == "authorization"):  # 2.6 takes an empty third for none
            changed = replaced_header(name.lstrip(">"), args[1], args[2], place, self._vault, condition=condition)
            yield from (replace(e, when=when) for e in changed)

    def _auth(self, context: tuple[Line, ...], requests: tuple[Asked, ...]) -> OwnAuth | None:
        for row in reversed([r for r in context if r.name in _LOGINS]):
            place = Place(row.file, row.line)
            matched, args = self._matcher(row, _Matched())
            if outcome(matched.when, requests) is False:
                continue
            if row.name == "forward_auth":
                return OwnAuth(kind="forward", place=place)
            users = tuple(r.name for r in row.block or ())
            realm = args[1] if len(args) > 1 else "restricted"
            return replace(basic_auth(place, realm, users=users), except_methods=spared_methods(matched.when, requests))
        return None


def _answered(path: str, match: str) -> tuple[Asked, ...]:
    """What the answers to are changed: a browser's first question as well."""
    found = requests_at(path, match)
    return (*found, *(replace(r, method="OPTIONS") for r in found[:1]))


def _path(written: str) -> tuple[str, Literal["prefix", "exact", "regex"]]:
    """Caddy: `/v2/*` is a prefix, `/v2/` alone is exactly that path."""
    if written.endswith("*"):
        return written[:-1], "prefix"
    return written, "exact"


def _condition(matched: _Matched) -> str:
    if matched == _Matched():
        return ""
    return matched.condition or " ".join([*(p for p, _ in matched.paths), *matched.methods, *matched.names])


def _host(edit: HeaderEdit | None) -> tuple[Literal["client", "client-without-port", "upstream", "fixed"], str]:
    """Caddy hands the client's Host on unless header_up says otherwise."""
    if edit is None or edit.value in ("{host}:{port}", "{hostport}", "{http.request.hostport}"):
        return "client", ""
    if edit.value in ("{host}", "{http.request.host}"):
        return "client-without-port", edit.value
    if "upstream_hostport" in edit.value or "upstream.hostport" in edit.value:
        return "upstream", ""
    return "fixed", edit.value


def _is_tls(scheme: str, host: str, port: int | None) -> bool:
    """Caddy speaks TLS for every name unless `http://` or port 80 is written."""
    if scheme:
        return scheme == "https"
    return port == 443 or (bool(host) and port != 80)


_DECIDES = (
    "Authorization", "Host", "Origin", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-For", "Www-Authenticate", "Location",
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Docker-Distribution-Api-Version", "Content-Length",
)  # fmt: skip


def _dropped(pattern: str) -> tuple[str, ...]:
    """The headers that `-NAME` deletes: with a * at its end, at its beginning or at both, those of all that decide
    something which begin so, end so, or hold it (caddyhttp/headers, ApplyTo; run with 2.6)."""
    bare = pattern.strip("*").lower()
    if "*" not in pattern:
        return (pattern,)
    starts, ends = not pattern.startswith("*"), not pattern.endswith("*")
    return tuple(
        name
        for name in _DECIDES
        if (name.lower().startswith(bare) if starts else name.lower().endswith(bare) if ends else bare in name.lower())
    )
