"""Apache httpd configuration to routes: virtual hosts with ProxyPass, and Location sections.

Apache replaces Host by the upstream's name (unless ProxyPreserveHost), but tells the client's in X-Forwarded-Host,
which the registry believes; it hands Authorization on even when it asks for a login itself. LimitRequestBody does not
hold for proxied requests, and `Header always unset` misses the headers that the upstream sent (both run, 2.4.71).
"""

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any, Literal

from runbook.model import HeaderEdit, OwnAuth, Place, ProxyRoute, When
from runbook.numbers import whole_number
from runbook.parse import ParseError
from runbook.parse.apache_conditions import expression, variables
from runbook.parse.conditions import ALWAYS, API, UNKNOWN, all_of, negation, outcome, requests_at, settled
from runbook.parse.hops import (
    basic_auth,
    forwards_proto,
    header_edit,
    host_and_port,
    replaced_header,
    seconds,
    split_upstream,
)
from runbook.redact import Vault

_LONGEST = 64 * 1024
"""Of a line that goes on and on; httpd itself stops at 16 kB."""
_LONG = 200
"""Signs of arguments that count as another line of a macro, and the most times that one of them takes an argument."""
_MOST_GIVEN = 50
"""Arguments of a macro."""
_DEEPEST = 30
_DEEPEST_INCLUDE = 4
_MOST_INCLUDED = 50_000
_INCLUDES = ("include", "includeoptional")
_LOOSE = ("conf-enabled", "conf.d", "mods-enabled")
"""Folders of settings that hold for every site, read before the sites."""
_GUARDS = ("ifmodule", "ifdefine", "ifversion", "requireall", "requireany", "requirenone")
_IFS = ("if", "elseif", "else")
_SETS = ("setenv", "unsetenv", "setenvif", "setenvifnocase", "setenvifexpr", "browsermatch", "browsermatchnocase", "passenv", "rewriterule")  # fmt: skip
_METHODS = tuple(dict.fromkeys(a.method for a in API))
_SECTIONS = ("location", "locationmatch", "proxy", "proxymatch")


@dataclass(slots=True)
class _Node:
    name: str
    args: tuple[str, ...]
    place: Place
    inner: list["_Node"] = field(default_factory=list)

    def all(self, *names: str) -> Iterator["_Node"]:
        """The directives of these names here and inside plain guards, in order; not what no request of the API meets."""
        return (node for node, when in self.under(*names) if when == ALWAYS or outcome(when, API) is not False)

    def under(self, *names: str) -> Iterator[tuple["_Node", When]]:
        """The same, all of them, with the condition of the `<If>` that they stand in."""
        before: tuple[When, ...] = ()
        for node in self.inner:
            if node.name in names:
                yield node, ALWAYS
            elif node.name in _GUARDS:
                yield from node.under(*names)
            elif node.name in _IFS:
                own = ALWAYS if node.name == "else" else expression(" ".join(node.args))
                before = () if node.name == "if" else before
                when = all_of((*map(negation, before), own))
                yield from ((inner, all_of((when, more))) for inner, more in node.under(*names))
                before = (*before, own)


def parse_apache(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of all virtual hosts, or of the file when it has none."""
    return parse_apache_files({file: text}, vault)


def parse_apache_files(files: Mapping[str, str], vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of files that belong together: includes are followed from one to another by name."""
    defined: dict[str, str] = {}  # wherever it stands, Define holds for all that is read later
    read = sorted(files, key=lambda file: _folder(file) not in _LOOSE)
    trees = {file: _tree(files[file], file, defined) for file in read}
    includer = _Includer({file: trees[file] for file in files})
    whole = {file: replace(r, inner=includer.expand(r.inner, (file,))) for file, r in includer.trees.items()}
    roots = {file: root for file, root in whole.items() if file not in includer.included}
    macros = {n.args[0].lower(): n for root in roots.values() for n in root.all("macro") if n.args}
    budget = [_MOST_INCLUDED]
    roots = (
        {file: replace(r, inner=_used(r.inner, macros, 0, budget)) for file, r in roots.items()} if macros else roots
    )
    routes: list[ProxyRoute] = []
    loose = [f for f, root in roots.items() if _folder(f) in _LOOSE and not any(root.all("virtualhost"))]
    for file, own in roots.items():
        outer = [n for f in loose if _is_around(f, file) for n in roots[f].inner]
        if file in loose and any(_is_around(file, f) for f in roots):
            continue
        root = replace(own, inner=[*outer, *own.inner])
        hosts = list(root.all("virtualhost"))
        sites = [_Site(root, host, vault, first=i == 0) for i, host in enumerate(hosts)] or [_Site(root, None, vault)]
        routes += (route for site in sites for route in site.routes())
    return tuple(routes)


def _folder(file: str) -> str:
    return posixpath.basename(posixpath.dirname(file))


def _is_around(loose: str, site: str) -> bool:
    """Whether a file of settings holds for a file of sites, as Debian and Red Hat load them; the file that includes both
    is hardly ever handed over."""
    home, other = posixpath.dirname(loose), posixpath.dirname(site)
    if _folder(loose) == "conf.d":
        return home == other and loose != site
    return _folder(site) == "sites-enabled" and posixpath.dirname(home) == posixpath.dirname(other)


def _used(nodes: list[_Node], macros: Mapping[str, _Node], depth: int, budget: list[int]) -> list[_Node]:
    """The directives with each Use replaced by what its Macro says; a line that takes an argument stands where it is given."""
    found: list[_Node] = []
    for node in nodes:
        budget[0] -= 1 + sum(map(len, node.args)) // _LONG
        if budget[0] < 0 or depth > _DEEPEST_INCLUDE:
            raise ParseError(node.place.file, node.place.line or 1, "the macros use each other too often")
        macro = macros.get(node.args[0].lower()) if node.name == "use" and node.args else None
        if macro is not None:
            pairs = [
                (name, value) for name, value in zip(macro.args[1:_MOST_GIVEN], node.args[1:], strict=False) if name
            ]
            given = dict(sorted(pairs, key=lambda pair: -len(pair[0])))
            found += _used([_given(n, given, node.place) for n in macro.inner], macros, depth + 1, budget)
        elif node.name != "macro":
            found.append(replace(node, inner=_used(node.inner, macros, depth, budget)) if node.inner else node)
    return found


def _given(node: _Node, given: Mapping[str, str], place: Place) -> _Node:
    args = list(node.args)
    for name, value in given.items():
        braced = f"${{{name.lstrip('$')}}}"
        args = [a.replace(name, value, _LONG).replace(braced, value, _LONG)[:_LONGEST] for a in args]
    inner = [_given(n, given, place) for n in node.inner]
    return _Node(node.name, tuple(args), place if tuple(args) != node.args else node.place, inner)


@dataclass(slots=True)
class _Includer:
    """Puts the directives of included files, told by their last path parts, in the place of each Include."""

    trees: Mapping[str, _Node]
    included: set[str] = field(default_factory=set)
    count: int = 0

    def expand(self, nodes: list[_Node], trail: tuple[str, ...]) -> list[_Node]:
        found: list[_Node] = []
        for node in nodes:
            self.count += len(trail) > 1
            if self.count > _MOST_INCLUDED:
                raise ParseError(node.place.file, node.place.line or 1, "the files include each other too often")
            if node.name not in _INCLUDES:
                found.append(replace(node, inner=self.expand(node.inner, trail)) if node.inner else node)
            for file in self._matches(node, trail) if node.name in _INCLUDES else ():
                self.included.add(file)
                found += self.expand(self.trees[file].inner, (*trail, file))
        return found

    def _matches(self, node: _Node, trail: tuple[str, ...]) -> list[str]:
        folder, _, name = (node.args[0] if node.args and len(trail) <= _DEEPEST_INCLUDE else "").rpartition("/")
        same = [f for f in self.trees if name and f not in trail and fnmatch(posixpath.basename(f), name)]
        near = [f for f in same if f"/{posixpath.dirname(f)}".endswith(f"/{posixpath.basename(folder)}")]
        return near or (same if "*" not in name else [])


def _tree(text: str, file: str, defined: dict[str, str]) -> _Node:
    stack = [_Node("", (), Place(file, 1))]
    for number, row in _lines(text):
        line = re.sub(r"\$\{(\w{1,99})\}", lambda m: defined.get(m[1], m[0]), row)[:_LONGEST] if defined else row
        if line.startswith("</"):
            name = line[2:].rstrip("> \t").lower()
            if len(stack) == 1 or stack[-1].name != name:
                raise ParseError(file, number, f"</{name}> closes nothing")
            stack.pop()
            continue
        opens = line.startswith("<")
        words = _words(line.strip("<>") if opens else line)
        node = _Node(words[0].lower(), tuple(words[1:]), Place(file, number))
        stack[-1].inner.append(node)
        if node.name == "define" and len(node.args) > 1:
            defined[node.args[0]] = node.args[1]
        if opens:
            stack.append(node)
            if len(stack) > _DEEPEST:
                raise ParseError(file, number, f"sections are nested more than {_DEEPEST} deep")
    if len(stack) > 1:
        raise ParseError(file, stack[-1].place.line or 1, f"<{stack[-1].name}> is never closed")
    return stack[0]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments and blanks; a backslash at the end joins the next one, as far as httpd reads a line."""
    held: list[str] = []
    start = size = 0
    for number, line in enumerate(text.splitlines(), 1):
        start, piece = start or number, line.strip()
        goes_on = piece.endswith("\\")
        piece = piece[:-1] + " " if goes_on else piece
        if size <= _LONGEST:
            held.append(piece)
        size += len(piece)
        if goes_on:
            continue
        whole = "".join(held)[:_LONGEST]
        if whole and not whole.startswith("#"):
            yield start, whole
        held, start, size = [], 0, 0


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer) or [""]
    except ValueError:
        return line.split() or [""]


class _Site:
    """One virtual host with what it takes over from the server around it."""

    def __init__(self, root: _Node, host: _Node | None, vault: Vault, *, first: bool = True) -> None:
        self._vault, self._first = vault, first
        self._levels = [root, host] if host else [root]
        self._own = host or root
        ports = tuple(p for a in (host.args if host else ()) if (p := host_and_port(a)[1]))
        listens = (n.args[0] for n in root.all("listen") if n.args)
        self._ports = ports or tuple(p for a in listens if (p := whole_number(a.rpartition(":")[2])) is not None)
        self._names = tuple(a for n in self._own.all("servername", "serveralias") for a in map(_bare, n.args))
        self._tls = self._last("sslengine").lower() == "on"
        self._sections = [n for level in self._levels for n in level.all(*_SECTIONS)]

    def routes(self) -> Iterator[ProxyRoute]:
        """A RewriteRule that redirects, before ProxyPass wherever it stands; of ProxyPass the first in the file that fits
        wins; then Redirect, which comes last (run, 2.4.71)."""
        yield from self._rewritten()
        yield from self._denied()
        passes = [n for level in reversed(self._levels) for n in level.all("proxypass", "proxypassmatch")]
        found = False
        for node in passes:
            if len(node.args) > 1:
                found = True
                yield self._pass(node, node.args[0], node.args[1], node.name == "proxypassmatch")
        for section in self._sections:
            for node in section.all("proxypass", "proxypassmatch"):
                if node.args and section.args:
                    found = True
                    regex = "match" in section.name or section.args[0] == "~"
                    yield self._pass(node, section.args[-1], node.args[0], regex)
        for node in self._own.all("rewriterule"):
            if len(node.args) > 2 and "P" in re.split(r"[\[\],]", node.args[2]) and "://" in node.args[1]:
                found = True
                yield self._pass(node, node.args[0], node.args[1], regex=True)
        for node in self._own.all("redirect", "redirectpermanent", "redirectmatch"):
            yield from self._redirect(node)
        if not found or not any(p.args and p.args[0] == "/" for p in passes):
            yield ProxyRoute(**self._base(self._own.place, "/", False), kind="static")

    def _denied(self) -> Iterator[ProxyRoute]:
        """Methods that a Location lets nobody use."""
        for section in (n for n in self._sections if n.name.startswith("location") and n.args):
            for limit in section.all("limit", "limitexcept"):
                if not any(n.args[:2] == ("all", "denied") for n in limit.all("require")):
                    continue
                base = self._base(limit.place, section.args[-1], "match" in section.name or section.args[0] == "~")
                only = limit.args if limit.name == "limit" else ()
                others = "" if only else " ".join(("not", "method", "HEAD", *limit.args))
                yield ProxyRoute(**base | {"auth": None}, kind="return", status=403, methods=only, condition=others)

    def _rewritten(self) -> Iterator[ProxyRoute]:
        """RewriteRules to another address without a RewriteCond before them."""
        before = ""
        for node in self._own.all("rewritecond", "rewriterule") if self._last("rewriteengine").lower() == "on" else ():
            plain, before = before != "rewritecond", node.name
            flags = re.split(r"[\[\],=]", node.args[2].upper()) if len(node.args) > 2 else []
            if node.name != "rewriterule" or not plain or "R" not in flags or node.args[0].startswith("!"):
                continue
            status = next((number for f in flags if (number := whole_number(f)) and 300 <= number < 400), 302)
            base = self._base(node.place, node.args[0], True) | {"auth": None}
            yield ProxyRoute(**base, kind="redirect", status=status, location=self._vault.mask(node.args[1], 300))

    def _redirect(self, node: _Node) -> Iterator[ProxyRoute]:
        codes = {"permanent": 301, "temp": 302, "seeother": 303}
        args, status = node.args, 301 if node.name == "redirectpermanent" else 302
        if args and (args[0].lower() in codes or args[0].isdecimal()):
            status, args = codes.get(args[0].lower()) or whole_number(args[0]) or 302, args[1:]
        if len(args) > 1:
            base = self._base(node.place, args[0], node.name == "redirectmatch") | {"auth": None}
            yield ProxyRoute(**base, kind="redirect", status=status, location=self._vault.mask(args[1], 300))

    def _pass(self, node: _Node, path: str, url: str, regex: bool) -> ProxyRoute:
        base = self._base(node.place, path, regex)
        if url == "!":
            aliased = any(
                n.args and n.args[0] == path for level in self._levels for n in level.all("alias", "aliasmatch")
            )
            return ProxyRoute(**base, kind="return", status=200) if aliased else ProxyRoute(**base, kind="static")
        hosts = self._balancer(url)
        upstream = split_upstream(url)
        usual = 443 if upstream.scheme == "https" else 80
        edits = self._edits("requestheader", path, regex)
        preserve = self._last("proxypreservehost").lower() == "on"
        always = (e for e in reversed(edits) if not e.condition)
        fixed = next((e for e in always if e.name.lower() == "host" and e.action == "set"), None)
        own = f"{upstream.host}:{upstream.port}" if upstream.port else upstream.host
        options = dict(a.split("=", 1) for a in node.args[1:] if "=" in a and "://" not in a)
        timeout = options.get("timeout") or self._last("proxytimeout") or self._last("timeout") or "60"
        return ProxyRoute(
            **base,
            kind="proxy",
            upstream=self._vault.mask(url, 300),
            upstream_scheme=upstream.scheme if upstream.scheme != "balancer" else "http",
            upstream_hosts=hosts or ((upstream.host, upstream.port or usual),),
            upstream_uri=(upstream.uri or "") if not regex or upstream.uri else None,
            upstream_place=node.place,
            request_headers=edits,
            host="client" if preserve else "fixed" if fixed else "upstream",
            host_value="" if preserve else fixed.value if fixed else own,
            forwards_proto=forwards_proto(
                edits, self._tls, ("%{request_scheme}s", "expr=%{request_scheme}"), "missing"
            ),
            read_timeout=seconds(timeout),
            rewrites_location=any(
                True for level in [*self._levels, *self._sections] for _ in level.all("proxypassreverse")
            ),
        )

    def _balancer(self, url: str) -> tuple[tuple[str, int | None], ...]:
        if not url.startswith("balancer://"):
            return ()
        name = url.rstrip("/")
        members = (
            m for s in self._sections if s.args and s.args[0].rstrip("/") == name for m in s.all("balancermember")
        )
        found = [split_upstream(m.args[0]) for m in members if m.args]
        return tuple((u.host, u.port or (443 if u.scheme == "https" else 80)) for u in found)

    def _base(self, place: Place, path: str, regex: bool) -> dict[str, Any]:
        return {
            "software": "apache",
            "place": place,
            "server_names": self._names,
            "listen": self._ports,
            "tls": self._tls,
            "default_server": self._first,
            "path": path,
            "match": "regex" if regex else "prefix",
            "auth": self._auth(path),
            "response_headers": self._edits("header", path, regex),
        }

    def _in_force(self, path: str) -> Iterator[_Node]:
        """The levels that hold for a path, outer first: server, virtual host, then its Location sections."""
        yield from self._levels
        for section in self._sections:
            if section.args and section.name.startswith("location") and _section_holds(section, path):
                yield section

    def _edits(self, kind: str, path: str, regex: bool) -> tuple[HeaderEdit, ...]:
        requests = requests_at(path, "regex" if regex else "prefix")
        if kind == "header":
            requests = (*requests, *(replace(r, method="OPTIONS") for r in requests[:1]))
        return settled(self._changes(kind, path), requests)

    def _changes(self, kind: str, path: str) -> Iterator[HeaderEdit]:
        levels = list(self._in_force(path))
        known = variables((n.name, n.args) for level in levels for n in level.all(*_SETS))
        for level in levels:
            for node, when in level.under(kind):
                args = tuple(a for a in node.args if a.lower() not in ("always", "onsuccess", "early"))
                own_only = kind == "header" and args[:1] == ("unset",) and len(args) < len(node.args)
                if len(args) > 1 and not (own_only and node.args[0].lower() == "always"):
                    for made in self._edit(node, args, beside=kind == "header" and node.args[0].lower() == "always"):
                        only = all_of((when, _condition(made.condition, known)))
                        named = made.condition or "an <If>"
                        always = only == ALWAYS
                        yield replace(made, condition="" if always else named, when=() if always else only)

    def _edit(self, node: _Node, args: tuple[str, ...], *, beside: bool) -> Iterator[HeaderEdit]:
        """`beside`: `Header always` keeps a table of its own, and the upstream's header comes beside what is set there."""
        action, name, place = args[0].lower(), args[1], node.place
        rest = [a for a in args[2:] if not a.lower().startswith(("env=", "expr="))]
        condition = next(
            (a for a in args[2:] if a.lower().startswith(("env=", "expr=")) and (rest or action == "unset")), ""
        )
        if action in ("edit", "edit*"):
            if len(rest) > 1:
                yield from replaced_header(name, rest[0], rest[1], place, self._vault, condition=condition)
            return
        value = None if action == "unset" else (rest or list(args[2:]) or [""])[0]
        made: Literal["add", "set"] = (
            "add" if beside or action in ("add", "append", "merge", "setifempty", "echo") else "set"
        )
        yield header_edit(name, value, place, self._vault, action=made, condition=condition)

    def _auth(self, path: str) -> OwnAuth | None:
        found = None
        for level in self._in_force(path):
            kind = next(level.all("authtype"), None)
            require = next(level.all("require"), None)
            if kind and kind.args and kind.args[0].lower() == "basic":
                realm = next((n.args[0] for n in level.all("authname") if n.args), "")
                user_file = next((n.args[0] for n in level.all("authuserfile") if n.args), "")
                found = basic_auth(kind.place, realm, user_file)
                found = found if require else replace(found, except_methods=_spared(level))
            if require and require.args[:2] == ("all", "granted") and level not in self._levels:
                found = None
        return found

    def _last(self, name: str) -> str:
        found = [n.args[0] for level in self._levels for n in level.all(name) if n.args]
        return found[-1] if found else ""


def _bare(name: str) -> str:
    """A ServerName without scheme and port."""
    return name.split("://")[-1].split(":")[0]


def _spared(level: _Node) -> tuple[str, ...]:
    """The methods for which a level asks for no login: those that its <Limit> or <LimitExcept> leave out."""
    for limit in level.all("limit", "limitexcept"):
        if any(n.args[:1] != ("all",) for n in limit.all("require")):
            named = {a.upper() for a in limit.args} | ({"HEAD"} if "GET" in limit.args else set())
            return tuple(m for m in _METHODS if (m in named) == (limit.name == "limitexcept"))
    return ()


def _condition(written: str, known: Mapping[str, When]) -> When:
    """`expr=…`, `env=NAME` and `env=!NAME` behind an edit."""
    kind, _, rest = written.partition("=")
    if not written:
        return ALWAYS
    if kind.lower() == "expr":
        return expression(rest)
    when = known.get(rest.lstrip("!"), UNKNOWN)
    return negation(when) if rest.startswith("!") else when


def _section_holds(section: _Node, path: str) -> bool:
    """Whether a Location holds for requests of the route: it covers the route's path, or the API under it."""
    pattern = section.args[-1]
    if "match" in section.name or section.args[0] == "~":
        try:
            return re.search(pattern[:300], "/v2/") is not None or re.search(pattern[:300], path[:300]) is not None
        except re.error:
            return False
    return path.startswith(pattern) or "/v2/".startswith(pattern)
