"""nginx locations to routes: which answer, which proxy, and where to."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from runbook.model import HeaderEdit, OwnAuth, Place, ProxyRoute
from runbook.parse.conditions import requests_at, settled
from runbook.parse.hops import forwards_proto, seconds, split_upstream
from runbook.parse.nginx_scope import Match, Scope
from runbook.parse.nginx_tree import Directive


def location_routes(location: Directive, outer: Scope, siblings: tuple[Directive, ...]) -> Iterator[ProxyRoute]:
    """The routes of a location and of those inside it. Named ones are reached from elsewhere only."""
    block, args = location.block or (), location.args
    if not args or args[0].startswith("@"):
        return
    modifier, path = (args[0], args[1]) if len(args) > 1 else ("", args[0])
    match: Match = "exact" if modifier == "=" else "regex" if modifier.startswith("~") else "prefix"
    if modifier == "~*":
        path = f"(?i){path}"
    missing = any(d.name == "include" for d in block)
    scope = outer.enter(block, complete=not missing)
    place = Place(location.file, location.line)
    yield from conditional(scope, block, path, match)
    yield from forbidden(scope, block, path, match)
    passes = next((d for d in block if d.name == "proxy_pass"), None) or _fallback(block, siblings)
    answer = scope.answer(block, path, match)
    if answer:
        yield replace(answer, final=modifier == "^~")
    elif passes:
        route = proxy_route(passes, scope, path, match, block)
        yield replace(route, place=place, final=modifier == "^~")
    elif not any(d.name == "location" for d in block) or any(d.name in ("root", "alias") for d in block):
        yield ProxyRoute(**scope.base(place, path, match), kind="static", final=modifier == "^~")
    for inner in (d for d in block if d.name == "location" and d.block is not None):
        yield from location_routes(inner, scope, block)


def _fallback(block: tuple[Directive, ...], siblings: tuple[Directive, ...]) -> Directive | None:
    """The proxy_pass of the named location that `try_files` falls back to."""
    last = next((d.args[-1] for d in block if d.name == "try_files" and d.args), "")
    named = next((d for d in siblings if d.name == "location" and d.args == (last,) and last.startswith("@")), None)
    return next(named.find("proxy_pass"), None) if named else None


def static_route(scope: Scope) -> ProxyRoute:
    """What answers when no location does: files of the server's root."""
    return ProxyRoute(**scope.base(Place(scope.file, scope.place_line), "/", "prefix"), kind="static")


def proxy_route(
    passes: Directive, scope: Scope, path: str, match: Match, block: tuple[Directive, ...] = ()
) -> ProxyRoute:
    """The route of a proxy_pass."""
    raw = passes.args[0] if passes.args else ""
    written = scope.follow(raw)
    place = Place(passes.file, passes.line)
    upstream = split_upstream(re.sub(r"(\$(?:request_)?uri\b)", r"/\1", written, count=1))
    uri = upstream.uri.replace("/$request_uri", "$request_uri").replace("/$uri", "$uri") if upstream.uri else None
    default_port = 443 if upstream.scheme == "https" else 80
    hosts = scope.upstreams.get(upstream.host) or ((upstream.host, upstream.port or default_port),)
    edits = settled(scope.request_headers(), requests_at(path, match))
    host, host_value = _host(edits, upstream.host, upstream.port, scope)
    base = scope.base(place, path, match)
    base["auth"] = _except_auth(base["auth"], block, scope)
    return ProxyRoute(
        **base,
        kind="proxy",
        upstream=scope.vault.mask(written, 300),
        upstream_scheme=upstream.scheme,
        upstream_hosts=hosts,
        upstream_uri=uri,
        upstream_variable="$" in raw,
        upstream_place=place,
        request_headers=edits,
        host=host,
        host_value=host_value,
        forwards_proto=forwards_proto(edits, scope.tls, ("$scheme", "$client_scheme"), "missing"),
        read_timeout=seconds(scope.word("proxy_read_timeout", "60s")),
        answers_options=any("OPTIONS" in r.condition for r in conditional(scope, block, path, match)),
        rewrites_location=scope.rewrites_location("$" in raw),
        rewrite=_rewrite(block),
    )


def _rewrite(block: tuple[Directive, ...]) -> tuple[str, str] | None:
    """The first `rewrite … break` of a location: it changes the path that goes on."""
    found = next((d.args for d in block if d.name == "rewrite" and len(d.args) == 3 and d.args[2] == "break"), None)
    return (found[0], found[1]) if found else None


def _except_auth(auth: OwnAuth | None, block: tuple[Directive, ...], scope: Scope) -> OwnAuth | None:
    """A login that stands in `limit_except` is not asked for the methods named there; GET brings HEAD."""
    for limit in (d for d in block if d.name == "limit_except"):
        inner = scope.enter(limit.block or ())
        found = inner.base(Place(limit.file, limit.line), "/", "prefix")["auth"]
        if isinstance(found, OwnAuth) and found != auth:
            methods = (*limit.args, "HEAD") if "GET" in limit.args else limit.args
            return replace(found, except_methods=tuple(dict.fromkeys(methods)))
    return auth


def _host(
    edits: tuple[HeaderEdit, ...], name: str, port: int | None, scope: Scope
) -> tuple[Literal["client", "client-without-port", "upstream", "fixed"], str]:
    """What the upstream sees as Host: its own name unless somebody says otherwise."""
    own = f"{name}:{port}" if port else name
    edit = next((e for e in reversed(edits) if e.name.lower() == "host"), None)
    if edit is None:
        return "upstream", own
    value = edit.value.strip()
    if value == "$http_host":
        return "client", value
    if value.startswith("$host"):
        return "client-without-port", value
    if value == "$proxy_host":
        return "upstream", own
    if value == "$server_name":
        return "fixed", scope.server_names[0] if scope.server_names else value
    return "fixed", value


def conditional(scope: Scope, block: tuple[Directive, ...], path: str, match: Match) -> Iterator[ProxyRoute]:
    """The routes of the `if` blocks in this block: those that answer or proxy by themselves."""
    for branch in (d for d in block if d.name == "if" and d.block is not None):
        condition = " ".join(branch.args).strip().removeprefix("(").removesuffix(")").strip()
        inner = scope.enter(branch.block or ())
        if answer := inner.answer(branch.block or (), path, match, condition):
            yield answer
        elif any(True for _ in branch.find("proxy_pass")):
            yield replace(proxy_route(next(branch.find("proxy_pass")), inner, path, match), condition=condition)


def forbidden(scope: Scope, block: tuple[Directive, ...], path: str, match: Match) -> Iterator[ProxyRoute]:
    """`limit_except … { deny all; }`: 403 for all other methods."""
    for limit in (d for d in block if d.name == "limit_except"):
        methods = dict.fromkeys((*limit.args, "HEAD") if "GET" in limit.args else limit.args)
        condition = f"$request_method !~ ^({'|'.join(methods)})$"
        if answer := scope.enter(limit.block or ()).answer(limit.block or (), path, match, condition):
            yield answer
