"""haproxy.cfg to routes. HAProxy hands Host and Authorization on and adds nothing by itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from runbook.lazy import re
from runbook.model import HeaderEdit, OwnAuth, Place, ProxyRoute, When
from runbook.numbers import whole_number
from runbook.parse.conditions import Asked, outcome, requests_at, settled, spared_methods
from runbook.parse.haproxy_conditions import before_login, condition, named_conditions
from runbook.parse.haproxy_sections import Line, Section, sections_of
from runbook.parse.hops import basic_auth, forwards_proto, header_edit, host_and_port, replaced_header, seconds
from runbook.parse.patterns import search
from runbook.redact import Vault

_PATH = re.compile(r"(?:base|path|path_beg|path_reg|url|url_beg)$")


@dataclass(frozen=True, slots=True)
class _When:
    """A condition as far as a route can say it."""

    path: str = "/"
    match: Literal["prefix", "exact", "regex"] = "prefix"
    methods: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rest: str = ""
    exactly: When = ()


def parse_haproxy(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of all frontends to their backends."""
    config = _Config(sections_of(text, file), file, vault)
    return tuple(
        route
        for section in config.sections
        if section.kind in ("frontend", "listen")
        for route in config.front(section)
    )


class _Config:
    def __init__(self, sections: list[Section], file: str, vault: Vault) -> None:
        self.sections, self._file, self._vault = sections, file, vault
        self._backends = {s.name: s for s in sections if s.kind in ("backend", "listen")}

    def front(self, front: Section) -> Iterator[ProxyRoute]:
        """The routes of a frontend: what it answers itself, then its backends in the order of their rules."""
        yield from self._answers(front, front)
        for line in front.of("use_backend"):
            target = self._backends.get(line.words[1]) if len(line.words) > 1 else None
            if target:
                yield from self._back(front, target, _when(line.words[2:], front))
        default = next((line.words[1] for line in front.of("default_backend") if len(line.words) > 1), None)
        target = self._backends.get(default) if default else front if front.kind == "listen" else None
        if target:
            yield from self._back(front, target, _When())

    def _back(self, front: Section, back: Section, when: _When) -> Iterator[ProxyRoute]:
        if back is not front:
            yield from self._answers(front, back)
        servers = [line for line in back.of("server") if len(line.words) > 2 and "backup" not in line.words]
        if not servers:
            return
        options = {w for line in (*back.of("default-server"), *servers[:1]) for w in line.words}
        scheme = "https" if "ssl" in options else "http"
        hosts = tuple(host_and_port(line.words[2]) for line in servers)
        asked = requests_at(when.path, when.match)
        edits = settled(self._edits("http-request", front, back), asked)
        always = (e for e in reversed(edits) if not e.condition)
        host = next((e for e in always if e.name.lower() == "host" and e.action == "set"), None)
        client = host is None or "hdr(host)" in host.value.lower()
        tls = self._listen(front)[1]
        yield ProxyRoute(
            **self._base(front, servers[0].number, when),
            kind="proxy",
            upstream=self._vault.mask(" ".join(line.words[2] for line in servers), 300),
            upstream_scheme=scheme,
            upstream_hosts=tuple((name, port or (443 if scheme == "https" else 80)) for name, port in hosts),
            upstream_variable="init-addr" in options or "resolvers" in options,
            upstream_place=Place(self._file, servers[0].number),
            request_headers=edits,
            response_headers=tuple(self._edits("http-response", front, back)),
            host="client" if client else "fixed",
            host_value="" if client or host is None else host.value,
            forwards_proto=forwards_proto(edits, tls, ("%[ssl_fc,iif(https,http)]",), "missing"),
            auth=self._auth(asked, front, back),
            read_timeout=self._timeout(back),
            rewrite=_rewrite(front, back),
        )

    def _base(self, front: Section, line: int, when: _When) -> dict[str, Any]:
        ports, tls = self._listen(front)
        return {
            "software": "haproxy",
            "place": Place(self._file, line),
            "front": Place(self._file, front.number),
            "server_names": when.names,
            "listen": ports,
            "tls": tls,
            "path": when.path,
            "match": when.match,
            "methods": when.methods,
            "condition": when.rest,
            "when": when.exactly,
        }

    def _listen(self, front: Section) -> tuple[tuple[int, ...], bool]:
        binds = [line.words for line in front.of("bind") if len(line.words) > 1]
        ports = tuple(p for words in binds if (p := host_and_port(words[1].split(",")[0].lstrip("*"))[1]))
        return ports, any("ssl" in words for words in binds)

    def _answers(self, front: Section, section: Section) -> Iterator[ProxyRoute]:
        """`http-request return`, `deny` and `redirect`."""
        for line in section.lines:
            words = line.words
            if words[0] == "redirect":
                words = ("http-request", *words)
            if words[0] != "http-request" or len(words) < 2 or words[1] not in ("return", "deny", "redirect"):
                continue
            options = dict(pairwise(words[2:]))
            when = _when(_condition_of(words), section)
            base = self._base(front, line.number, when)
            if words[1] == "redirect":
                code = options.get("code", "302")
                place = options.get("location") or options.get("prefix") or options.get("scheme") or ""
                yield ProxyRoute(
                    **base,
                    kind="redirect",
                    status=whole_number(code) or 302,
                    location=self._vault.mask(place, 300),
                )
            else:
                usual = "200" if words[1] == "return" else "403"
                code = options.get("status") or options.get("deny_status") or usual
                yield ProxyRoute(**base, kind="return", status=whole_number(code))

    def _edits(self, kind: str, *sections: Section) -> Iterator[HeaderEdit]:
        for section in dict.fromkeys(id(s) for s in sections):
            one = next(s for s in sections if id(s) == section)
            named = _named(one)
            for line in one.lines:
                when = condition(_condition_of(line.words), named) if kind == "http-request" else ()
                yield from (replace(e, when=when) if e.condition else e for e in self._edit(kind, line))

    def _edit(self, kind: str, line: Line) -> Iterator[HeaderEdit]:
        words, place = line.words, Place(self._file, line.number)
        old = {
            "reqidel": "http-request",
            "reqdel": "http-request",
            "rspidel": "http-response",
            "rspdel": "http-response",
        }
        if old.get(words[0]) == kind and len(words) > 1:
            only = " ".join(_condition_of(words))
            yield header_edit(words[1].strip("^:.*\\"), None, place, self._vault, condition=only)
        if words[0] != kind or len(words) < 3:
            return
        condition = " ".join(_condition_of(words))
        name = words[2]
        if words[1] == "del-header":
            for one in _matched(words):
                yield header_edit(one, None, place, self._vault, condition=condition)
        elif words[1] in ("set-header", "add-header") and len(words) > 3:
            action = words[1].removesuffix("-header")
            yield header_edit(name, words[3], place, self._vault, action=action, condition=condition)
        elif words[1] in ("replace-header", "replace-value") and len(words) > 4:
            yield from replaced_header(name, words[3], words[4], place, self._vault, whole=True, condition=condition)

    def _auth(self, asked: tuple[Asked, ...], *sections: Section) -> OwnAuth | None:
        for section in sections:
            for line in section.of("http-request", "auth"):
                words = line.words
                when = before_login(condition(_condition_of(words), _named(section)))
                if outcome(when, asked) is False:
                    continue
                realm = words[words.index("realm") + 1] if "realm" in words[:-1] else section.name
                users = tuple(
                    u.words[1] for s in self.sections if s.kind == "userlist" for u in s.of("user") if len(u.words) > 1
                )
                found = basic_auth(Place(self._file, line.number), realm, users=users)
                return replace(found, except_methods=spared_methods(when, asked))
        return None

    def _timeout(self, back: Section) -> float | None:
        """HAProxy counts a bare number in milliseconds."""
        for line in reversed([*back.of("timeout", "server")]):
            value = line.words[2] if len(line.words) > 2 else ""
            return seconds(value) if (plain := whole_number(value)) is None else plain / 1000
        return None


_JUDGED = (
    "Authorization",
    "WWW-Authenticate",
    "Host",
    "Forwarded",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Location",
)


def _matched(words: tuple[str, ...]) -> Iterator[str]:
    """The headers that `del-header NAME [-m METHOD]` takes away: HAProxy compares without regard to case, but a regular
    expression as it is with a name in lower case (run: 2.6)."""
    name, how = words[2], words[4] if words[3:4] == ("-m",) and len(words) > 4 else "str"
    if how == "str":
        yield name
        return
    for header in _JUDGED:
        low, part = header.lower(), name.lower()
        fits = {"beg": low.startswith(part), "end": low.endswith(part), "sub": part in low}.get(how)
        if fits or (how == "reg" and search(name, low)):
            yield header


def _rewrite(*sections: Section) -> tuple[str, str] | None:
    """`http-request replace-path` or `set-path` with a constant."""
    for section in sections:
        for line in section.of("http-request", "replace-path"):
            if len(line.words) > 3:
                return line.words[2], re.sub(r"\\(\d)", r"$\1", line.words[3])
        for line in section.of("http-request", "set-path"):
            if len(line.words) > 2 and "%" not in line.words[2]:
                return "^.*$", line.words[2]
    return None


def _condition_of(words: tuple[str, ...]) -> tuple[str, ...]:
    at = next((i for i, word in enumerate(words) if word in ("if", "unless") and i > 1), None)
    return words[at:] if at is not None else ()


def _named(section: Section) -> dict[str, When]:
    return named_conditions(line.words for line in section.of("acl"))


def _acls(section: Section) -> dict[str, str]:
    """Name → what it tests; of several lines of one name, which are alternatives, the first, or the one about the API."""
    found: dict[str, str] = {}
    for line in section.of("acl"):
        text = " ".join(line.words[2:])
        if text and (line.words[1] not in found or ("/v2" in text and "/v2" not in found[line.words[1]])):
            found[line.words[1]] = text
    return found


def _when(words: tuple[str, ...], section: Section) -> _When:
    """Take `if a b { path_beg /v2 }` apart. What no route can say stays as text."""
    if not words:
        return _When()
    return replace(_told(words, _acls(section)), exactly=condition(words, _named(section)))


def _told(words: tuple[str, ...], acls: dict[str, str]) -> _When:
    text = " ".join(words)
    if words[0] == "unless" or "||" in words or " or " in f" {text} ":
        return _When(rest=text)
    terms = [t.strip() for t in re.findall(r"\{([^{}]{0,1000})\}", text)]
    bare = re.sub(r"\{[^{}]{0,1000}\}", "", text).split()[1:]
    path: str = "/"
    match: Literal["prefix", "exact", "regex"] = "prefix"
    methods: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rest: list[str] = []
    for term in (*(acls.get(name, name) for name in bare), *terms):
        fetch, *values = [w for w in term.split() if w not in ("-i", "--")] or [""]
        fetch = fetch.lower()
        if fetch.startswith("!") or not (values or fetch.startswith("meth_")):
            rest.append(term)
        elif _PATH.match(fetch) or (fetch == "path" and "-m" in values):
            begins = "beg" in (fetch, *values) or fetch.endswith("_beg")
            path = next((v for v in values if v.startswith("/v2")), values[-1])
            match = "prefix" if begins else "regex" if fetch.endswith("_reg") else "exact"
        elif fetch == "method":
            methods = tuple(values)
        elif fetch.startswith(("hdr(host)", "req.hdr(host)", "hdr_dom(host)", "hdr_beg(host)")):
            names = tuple(v.split(":")[0] for v in values)
        else:
            rest.append(term)
    return _When(path, match, methods, names, " ".join(rest))
