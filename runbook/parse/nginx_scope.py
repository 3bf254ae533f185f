"""One level of an nginx configuration with what it inherits, and what is in force there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from runbook.model import Guard, HeaderEdit, OwnAuth, Place, ProxyRoute
from runbook.model.proxy import NGINX_BODY
from runbook.numbers import whole_number
from runbook.parse import nginx_access
from runbook.parse.conditions import ALWAYS, API, outcome
from runbook.parse.hops import basic_auth, header_edit, size
from runbook.parse.nginx_conditions import Values, after_if, condition
from runbook.parse.nginx_tree import Directive
from runbook.redact import Vault

ENCLOSED = ("server", "location", "upstream", "map", "geo", "if", "limit_except", "events", "stream", "types")
_LISTS = ("proxy_set_header", "add_header", "proxy_hide_header", "proxy_redirect", "allow", "deny", "proxy_cache_valid")
"""A level that has one of these takes none of the outer level's."""
_OWN = ("proxy_pass", "return", "rewrite", "try_files", "set", "include", "break", "listen", "server_name")
"""Never inherited."""
_BUILT_IN = re.compile(
    r"(?:http|cookie|arg|remote|ssl|upstream|sent|proxy|request|jwt|server|connection)_|args$|host$|uri$|scheme$"
)
"""Beginnings of variables that nginx makes itself."""
Match = Literal["prefix", "exact", "regex"]
_HARMLESS = ("mime.types", "modules-enabled", "modules", "conf.d", "sites-enabled", "fastcgi_params", "letsencrypt")


def is_unread(directive: Directive) -> bool:
    """An include that is not at hand and could hold something that matters here."""
    return directive.name == "include" and not any(word in " ".join(directive.args) for word in _HARMLESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A level of the configuration with all that it inherits."""

    vault: Vault
    file: str
    upstreams: dict[str, tuple[tuple[str, int | None], ...]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Values] = field(default_factory=dict)
    """Variables that have one value or another, as the request is."""
    single: dict[str, Directive] = field(default_factory=dict)
    lists: dict[str, tuple[Directive, ...]] = field(default_factory=dict)
    more: tuple[Directive, ...] = ()
    complete: bool = True
    server_names: tuple[str, ...] = ()
    listen: tuple[int, ...] = ()
    tls: bool = False
    default_server: bool = False
    place_line: int = 1
    site: Place | None = None
    tables: nginx_access.Made = field(default_factory=dict)
    """What `geo`, `map` and `set` make variables of."""
    everywhere: tuple[Guard, ...] = ()
    """What the server refuses by an `if` of its own, whatever the location."""
    here: tuple[Guard, ...] = ()
    """The same of a location: those inside it do not inherit it."""
    unread: tuple[Place, ...] = ()
    """Includes that are not at hand, from the level on whose request headers are in force."""

    def enter(self, block: tuple[Directive, ...], *, complete: bool = True) -> "Scope":
        """The level inside this block."""
        single, lists, variables, choices = (
            dict(self.single),
            dict(self.lists),
            dict(self.variables),
            dict(self.choices),
        )
        for name in _LISTS:
            if own := tuple(d for d in block if d.name == name):
                lists[name] = own
        for directive in block:
            if directive.name == "set" and len(directive.args) == 2:
                name, value = directive.args[0].lstrip("$"), self._follow(directive.args[1], variables)
                variables[name] = value
                choices.pop(name, None)
                if source := choices.get(value.strip("${}")):
                    choices[name] = source
                    del variables[name]
            elif directive.name == "if":
                self._branch(directive, variables, choices)
            elif directive.name not in (*_LISTS, *_OWN, *ENCLOSED):
                single[directive.name] = directive
        own_headers = any(d.name == "proxy_set_header" for d in block)
        unread = (*(() if own_headers else self.unread), *(Place(d.file, d.line) for d in block if is_unread(d)))
        more = (*self.more, *(d for d in block if d.name.startswith("more_")))
        known = nginx_access.with_set(self.tables, block)
        return replace(
            self,
            tables=known,
            here=tuple(replace(g, text=self.vault.mask(g.text, 200)) for g in nginx_access.refusals(known, block)),
            single=single,
            lists=lists,
            variables=variables,
            choices=choices,
            more=more,
            complete=self.complete and complete,
            unread=unread,
        )

    def _branch(self, branch: Directive, variables: dict[str, str], choices: dict[str, Values]) -> None:
        """What an `if` sets."""
        when = condition(" ".join(branch.args).strip().removeprefix("(").removesuffix(")"))
        holds = outcome(when, API)
        for inner in (d for d in branch.find("set") if len(d.args) == 2 and holds is not False):
            name, value = inner.args[0].lstrip("$"), self._follow(inner.args[1], variables)
            now = choices.pop(name, None) or ((variables.pop(name, ""), ALWAYS),)
            if holds:
                variables[name] = value
            else:
                choices[name] = after_if(now, value, when)

    def follow(self, text: str) -> str:
        """The text with the variables that have one known value filled in."""
        return self._follow(text, self.variables)

    @staticmethod
    def _follow(text: str, variables: dict[str, str]) -> str:
        return re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda m: variables.get(m[1] or m[2], m[0]), text)[:4000]

    def word(self, name: str, default: str = "") -> str:
        """The first argument of a directive that is in force."""
        found = self.single.get(name)
        return found.args[0] if found and found.args else default

    # ---- what stands in this level ----

    def base(self, place: Place, path: str, match: Match) -> dict[str, Any]:
        """What every kind of route of this level has in common."""
        return {
            "software": "nginx",
            "place": place,
            "site": self.site,
            "server_names": self.server_names,
            "listen": self.listen,
            "tls": self.tls,
            "default_server": self.default_server,
            "path": path,
            "match": match,
            "complete": self.complete,
            "unread": self.unread,
            "response_headers": tuple(self._response_headers()),
            "auth": self._auth(),
            "guards": (*self._guards(), *self.everywhere, *self.here),
            **self._body_limit(),
            "caches": self._kept_refusal(),
        }

    def answer(self, block: tuple[Directive, ...], path: str, match: Match, condition: str = "") -> ProxyRoute | None:
        """The route of a `return` in this block, or of a `deny all` without any `allow`."""
        for directive in block:
            if directive.name == "return" and directive.args:
                return self._returns(directive, path, match, condition)
        denied = next((d for d in block if d.name == "deny" and d.args == ("all",)), None)
        if denied and not any(d.name == "allow" for d in block):
            place = Place(denied.file, denied.line)
            return ProxyRoute(**self.base(place, path, match), kind="return", status=403, condition=condition)
        return None

    def _returns(self, directive: Directive, path: str, match: Match, condition: str) -> ProxyRoute:
        args, place = directive.args, Place(directive.file, directive.line)
        status = whole_number(args[0]) or 302
        rest = args[1] if len(args) > 1 else ("" if args[0].isdecimal() else args[0])
        moved = status in (301, 302, 303, 307, 308)
        base = self.base(place, path, match) | {"auth": None}  # `return` answers before any login is asked for
        return ProxyRoute(
            **base,
            kind="redirect" if moved else "return",
            status=status,
            location=self.vault.mask(rest, 300) if moved else "",
            condition=condition,
        )

    def _response_headers(self) -> Iterator[HeaderEdit]:
        for d in self.lists.get("proxy_hide_header", ()):
            if d.args:
                yield header_edit(d.args[0], None, Place(d.file, d.line), self.vault)
        for d in self.lists.get("add_header", ()):
            if len(d.args) > 1:
                value, always = self.follow(d.args[1]), "always" in d.args[2:]
                yield header_edit(d.args[0], value, Place(d.file, d.line), self.vault, action="add", always=always)
        for d in self.more:
            if d.name in ("more_clear_headers", "more_set_headers"):
                yield from self._more(d)

    def request_headers(self) -> tuple[HeaderEdit, ...]:
        """The edits on the way to the upstream, in the order of the file."""
        found = [e for d in self.lists.get("proxy_set_header", ()) if len(d.args) == 2 for e in self._set(d)]
        if self.word("proxy_pass_request_headers") == "off" and not any(
            e.name.lower() == "authorization" for e in found
        ):
            off = self.single["proxy_pass_request_headers"]
            found.append(header_edit("Authorization", None, Place(off.file, off.line), self.vault))
        for d in self.more:
            if d.name in ("more_clear_input_headers", "more_set_input_headers"):
                found += self._more(d)
        return tuple(found)

    def _set(self, directive: Directive) -> Iterator[HeaderEdit]:
        """A header that is sent on, once for each value that a variable in it may have."""
        (name, written), place = directive.args, Place(directive.file, directive.line)
        value = self.follow(written)
        varies = [m for m in re.finditer(r"\$\{?(\w+)\}?", value) if m[1] in self.choices]
        if name.lower() != "authorization" or (not varies and not self._is_foreign(value)):
            yield header_edit(name, value, place, self.vault)
        elif len(varies) == 1:
            at, only = varies[0], varies[0][0]
            for one, when in self.choices[at[1]]:
                filled = value[: at.start()] + one + value[at.end() :]
                if filled.strip("${}") != "http_authorization":
                    made = header_edit(name, self.follow(filled), place, self.vault, condition=only)
                    yield replace(made, when=when)
        else:
            yield header_edit(name, value, place, self.vault, condition=value[:100])

    def _is_foreign(self, value: str) -> bool:
        """Whether a value is a variable of which nothing that was read says what it holds."""
        found = re.fullmatch(r"\$\{?(\w+)\}?", value)
        asked = self.single.get("auth_request_set")
        given = asked.args[0].lstrip("$") if asked and asked.args else ""
        return found is not None and found[1] != given and not _BUILT_IN.match(found[1])

    def _more(self, directive: Directive) -> Iterator[HeaderEdit]:
        """The headers-more module: `more_set_headers "Name: value"`, `more_clear_headers Name`."""
        place = Place(directive.file, directive.line)
        for arg in (a for a in directive.args if not a.startswith("-")):
            name, colon, value = arg.partition(":")
            clear = "clear" in directive.name or not colon
            yield header_edit(name.strip(), None if clear else self.follow(value.strip()), place, self.vault)

    def _auth(self) -> OwnAuth | None:
        request = self.single.get("auth_request")
        if request and request.args and request.args != ("off",):
            return OwnAuth(kind="request", place=Place(request.file, request.line))
        basic = self.single.get("auth_basic")
        if basic and basic.args and basic.args != ("off",):
            place = Place(basic.file, basic.line)
            return basic_auth(place, self.vault.mask(basic.args[0], 200), self.word("auth_basic_user_file"))
        return None

    def _guards(self) -> Iterator[Guard]:
        """Lists of addresses that are let in or kept out, and limits of requests."""
        for name in ("allow", "deny"):
            for d in self.lists.get(name, ()):
                yield Guard(kind="address", text=f"{name} {' '.join(d.args)[:100]}", place=Place(d.file, d.line))
        for found in (self.single[n] for n in ("limit_req", "limit_conn") if n in self.single):
            text = f"{found.name} {' '.join(found.args)[:100]}"
            yield Guard(kind="rate", text=text, place=Place(found.file, found.line))

    def _body_limit(self) -> dict[str, Any]:
        """nginx takes 1 MB unless it is told otherwise; 0 means no limit."""
        found = self.single.get("client_max_body_size")
        if not found or not found.args:
            return {"max_body": NGINX_BODY if self.complete else None}
        return {"max_body": size(found.args[0]) or None, "max_body_place": Place(found.file, found.line)}

    def _kept_refusal(self) -> Place | None:
        """Where an answer of 401 is kept and given to whoever asks next, with a login or without (run: nginx 1.22 looks at
        no Authorization here)."""
        if self.word("proxy_cache", "off") == "off":
            return None
        apart = ("proxy_cache_key", "proxy_cache_bypass")  # not proxy_no_cache: what nobody's login brought is kept
        if any("authorization" in a.lower() for n in apart if (d := self.single.get(n)) for a in d.args):
            return None
        kept = (d for d in self.lists.get("proxy_cache_valid", ()) if {"any", "401"}.intersection(d.args[:-1]))
        return next((Place(d.file, d.line) for d in kept), None)

    def rewrites_location(self, has_variable: bool) -> bool:
        """Whether Location is mended on the way back."""
        own = self.lists.get("proxy_redirect", ())
        if any(d.args == ("off",) for d in own):
            return False
        custom = any(len(d.args) == 2 for d in own)
        return custom or not has_variable
