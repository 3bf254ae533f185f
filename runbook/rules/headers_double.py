"""Two processes on the request path that both ask for credentials."""

import re
from collections.abc import Iterator

from runbook.model import Edit, Exchange, Finding, Place, ProxyRoute, Symptom
from runbook.model.command import Command, file, glued, number, sh
from runbook.observe.settled import kinds_of
from runbook.observe.signature import is_registrys
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import computed, finding, read, seen
from runbook.rules.hop_edits import (
    by_command,
    detach,
    drop,
    drop_line,
    included_at,
    insert,
    line_of,
    on_way,
    places,
    same_block,
    swap,
)
from runbook.rules.hops import (
    api_routes,
    aside,
    challenge_of,
    first_route,
    hop,
    login_check,
    name,
    site,
    site_key,
    upstream_service,
)
from runbook.rules.reloads import by_labels, proxy_fix

S = Symptom


@rule(
    "double-auth-one-header",
    needs_any=("routes", "exchanges"),
    step="headers",
    title="proxy and registry both require Basic auth; one header cannot satisfy both",
    explains=(S.LOGIN_401_VIA, S.CHALLENGE_FOREIGN),
    fix="Let only one of the two ask: delete the proxy's own login, or give both the same users",
    source="run: nginx auth_basic before registry 2.8.2 (tests/real): the proxy's users get past it and then 401",
)
def double_auth_one_header(facts: Facts) -> Iterator[Finding]:
    """A request has one Authorization header. The proxy checks it against its own users and forwards the same one,
    and the registry checks it against others: no credentials satisfy both.

    It shows as a second prompt that never ends. The realm of the first 401 tells who is asking.
    """
    foreign = _foreign_challenge(facts)
    if facts.traffic.works("via"):
        return
    route = next((r for r in api_routes(facts) if _asks_twice(r, facts) and not _same_users(r, foreign, facts)), None)
    if route:
        yield _asked_twice(facts, route, foreign)
    elif foreign:
        yield _asked_by_another(facts, foreign)


def _asks_twice(route: ProxyRoute, facts: Facts) -> bool:
    """Whether the proxy asks by itself and forwards the same header to a registry that asks as well."""
    registry, edit = facts.stack.registry, route.edit("Authorization")
    is_open = bool(registry and registry.auth == "none") or S.OPEN_DIRECT in facts.traffic.seen()
    if (
        route.auth is None
        or route.auth.kind not in ("basic", "digest")
        or is_open
        or not _registry_asks(facts, route.auth.user_file)
    ):
        return False
    return edit is None or edit.injected == "client"


def _registry_asks(facts: Facts, user_file: str) -> bool:
    """Whether anything says that the registry itself wants a login: behind a proxy that asks it is open as a rule."""
    traffic = facts.traffic
    if facts.registry is not None:
        return True  # that it is open was asked before
    told = [e for e in traffic.exchanges if e.status == 401 and (e.route == "direct" or is_registrys(e))]
    logged = traffic.logged("no-usable-credential", "authentication-failure", "bcrypt-mismatch")
    rows = any(r.status == 401 and r.logger == "registry" for r in traffic.requests)
    own = user_file.rpartition("/")[2]
    others = any(h.file.rpartition("/")[2] != own for h in facts.evidence.htpasswd)
    return bool(told or logged or rows or others)


def _asked_twice(facts: Facts, route: ProxyRoute, foreign: Exchange | None) -> Finding:
    disjoint = disjoint_users(route, facts)
    refused = facts.traffic.refused("via")
    again = seen(refused, f": {challenge_of(refused)}") if refused else None
    place = route.auth.place if route.auth else route.place
    edits = _without_login(facts, route)
    digest = route.auth is not None and route.auth.kind == "digest"
    return finding(
        f"{name(route)} asks for its own login by Digest, which no registry client knows; the registry asks by Basic, and "
        "one header cannot be both."
        if digest
        else f"{name(route)} asks for its own credentials and forwards the same header to the registry, which "
        + ("has other users." if disjoint or refused else "has a file of its own."),
        read(f"{name(route)} asks for credentials itself: realm {route.auth.realm if route.auth else ''!r}", place),
        seen(foreign, f": {challenge_of(foreign)}") if foreign else None,
        again if foreign else aside(again),
        computed(f"its users are others than the registry's: {', '.join(disjoint)}", place) if disjoint else None,
        explains=(S.LOGIN_401_VIA, S.CHALLENGE_FOREIGN, S.LOGIN_401),
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            _advice(facts, route, place),
            login_check(facts, route, _of_the_registry(facts)),
            edits=edits,
            at=place,
            before=_by_command(facts, route),
        ),
        edits=edits,
        warning=not disjoint and _gets_through(facts, route),
        proves=bool(disjoint) and facts.stack.registry is not None and facts.stack.registry.auth == "htpasswd",
        about=site(facts, route),
    )


def _gets_through(facts: Facts, route: ProxyRoute) -> bool:
    """Whether a login was accepted by both and nobody was refused: one pair of user and password stands in both files."""
    if facts.traffic.seen(S.LOGIN_401_VIA, S.LOGIN_401):
        return False
    accepted = [o for o in facts.traffic.observations if o.ok and "login" in kinds_of(o) and facts.focus.covers(o)]
    return any(
        o.route == "via"
        or (o.witness == "proxy" and o.user)
        or (o.address and route.service is None and {o.address.port or 443, o.address.port or 80} & {*route.listen})
        for o in accepted
    )


def _advice(facts: Facts, route: ProxyRoute, place: Place) -> str:
    if route.auth is not None and route.auth.kind == "digest":
        return f"Take digestAuth ({place}) out of the registry's router: the registry asks already"
    snippet = _imported(facts, route)[0] if route.software == "caddy" else ""
    if _guards_others(facts, route):
        where = included_at(facts.evidence, route.upstream_place or place, place.file)
        how = "auth_basic off; in the registry's location" if route.software == "nginx" else "not for paths under /v2/"
        how = f"{where} includes it" if where else how
        return f"Let the proxy's own login ({place}) ask elsewhere only ({how}): the registry asks already"
    what = (
        f"Take the login of the snippet {snippet} ({place}) out of the registry's site only, others import it as well"
        if snippet
        else f"Delete the proxy's own login ({place})"
    )
    return f"{what}: the registry asks already. Or give both the same bcrypt file"


def _asked_by_another(facts: Facts, foreign: Exchange) -> Finding:
    """No file shows it: through the proxy the challenge is not the registry's."""
    route, again = first_route(facts), facts.traffic.refused("via")
    return finding(
        f"Through the proxy somebody else asks for credentials ({challenge_of(foreign)}) than the registry does.",
        *(
            seen(e, f": {challenge_of(e)}")
            for e in (foreign, again, *facts.traffic.on("direct", status=401)[:1])
            if e is not None
        ),
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            "Find who sends that realm, and let only one of the two ask for credentials",
            login_check(facts, route),
        ),
    )


def _of_the_registry(facts: Facts) -> str:
    """A user whom the registry itself knows, those of the traffic first: the proxy's own are strangers there. "" where
    its list is not at hand."""
    own = facts.stack.registry.htpasswd if facts.stack.registry else None
    listed = own or facts.htpasswd
    names = [e.name for e in listed.entries if e.name] if listed else []
    sent = [e.credential.user for e in facts.traffic.exchanges if e.credential]
    return next((n for n in (*sent, *facts.focus.users, *names) if n in names), None) or ""


def _same_users(route: ProxyRoute, foreign: Exchange | None, facts: Facts) -> bool:
    """Whether the proxy reads the very file that the registry reads, as far as names tell, and no request says otherwise."""
    own = facts.stack.registry.htpasswd if facts.stack.registry else None
    if own is None or route.auth is None or foreign is not None:
        return False
    base = route.auth.user_file.rpartition("/")[2]
    return (
        base == own.file.rpartition("/")[2] and len([h for h in facts.evidence.htpasswd if h.file.endswith(base)]) == 1
    )


def _without_login(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    if route.auth is None:
        return ()
    if route.software == "traefik":
        return detach(facts.evidence, route.auth.place)
    if _guards_others(facts, route):
        return _let_past(facts, route, route.auth.place)
    if route.software == "nginx":
        return drop(facts.evidence, route.auth.place, r"auth_basic\s+(?:\"[^\"]*\"|'[^']*'|[^;]*);")
    if route.software == "haproxy":
        return drop_line(facts.evidence, route.auth.place, r"^\s*http-request\s+auth\b")
    if route.software == "apache":
        near = same_block(facts.evidence, route.auth.place)[1]
        return tuple(e for place in near for e in drop_line(facts.evidence, place, _APACHE_LOGIN))
    return drop_line(facts.evidence, _imported(facts, route)[1]) if route.software == "caddy" else ()


def _guards_others(facts: Facts, route: ProxyRoute) -> bool:
    """Whether the same line asks before something else than the registry and its UI as well, which would be open without
    it."""
    api, place = set(api_routes(facts)), route.auth.place if route.auth else None
    if (
        route.software == "haproxy"
        and place
        and place not in on_way(facts.evidence, route, r"^\s*http-request\s+auth\b")
    ):
        return True  # it stands in the defaults of several
    if route.software == "apache" and place and place.file != route.place.file:
        return True
    if route.software == "apache":
        head = same_block(facts.evidence, place)[0] if place else ""
        return route.path != "/" and re.match(r"\s*<\w+\s+(?:~\s*)?\"?\^?/v2", head) is None
    for other in facts.stack.routes:
        if route.software == "caddy" and site_key(other) != site_key(route):
            continue  # a snippet that both import
        behind = upstream_service(other, facts.compose)
        own = other in api or other.kind == "redirect" or (behind and behind.role in ("ui", "registry"))
        same = other.auth.place == place if other.auth else other.front is not None and other.front == route.front
        if not own and same:
            return route.software in ("nginx", "haproxy", "caddy")
    return False


def _let_past(facts: Facts, route: ProxyRoute, login: Place) -> tuple[Edit, ...]:
    """The edit by which the proxy's login no longer asks on the registry's own paths, and goes on asking elsewhere."""
    beside = route.upstream_place
    if beside and login.file != beside.file and (row := included_at(facts.evidence, beside, login.file)):
        rows = next((f.lines for f in facts.evidence.files if f.path == login.file), ())
        alone = all(re.match(rf"\s*(?:auth_basic|#|$|</?Location\b)|{_APACHE_LOGIN}", r, re.IGNORECASE) for r in rows)
        return drop_line(facts.evidence, row) if alone else ()
    if route.software == "nginx":  # which takes one auth_basic in a block
        own = beside and login in same_block(facts.evidence, beside)[1]
        return () if own else insert(facts.evidence, beside, "auth_basic off;")
    if route.software == "apache":
        if login.file != route.place.file:
            return ()
        return insert(facts.evidence, same_block(facts.evidence, login)[1][-1], _APACHE_OPEN)
    if route.software == "caddy":
        beyond = r"\1@beyond_v2 not path /v2 /v2/*\n\1\2 @beyond_v2"
        return () if _imported(facts, route)[0] else swap(facts.evidence, login, _CADDY_ALL, beyond)
    unless = swap(facts.evidence, login, _UNLESS, r"\1 or { path_beg /v2/ }")
    return unless or swap(facts.evidence, login, _IF, r"\1 !{ path_beg /v2/ }")


_UNLESS = r"(\sunless\s(?!.{0,300}\/v2\b)[^#]{0,300}[^#\s])(?=\s*(?:#|$))"
_IF = r"(\sif\s(?!.{0,300}(?:\sor\s|\|\||\/v2\b))[^#]{0,300}[^#\s])(?=\s*(?:#|$))"
"""HAProxy's conditions; one more exception can be added where there are no alternatives."""
_CADDY_ALL = r"^([ \t]*)(basic_?auth)(?:[ \t]+\/?\*)?(?=[ \t]+[^\/@\s])"
_APACHE_OPEN = "<Location /v2>\n    AuthType None\n    Require all granted\n</Location>"
_APACHE_LOGIN = r"^\s*(?:AuthType|AuthName|AuthUserFile|AuthBasicProvider|Require\s+(?:valid-user|user))\b"
_NO_BASICAUTH = r"})[ \t]*basic_?auth\b.*?\n[ \t]*\}[ \t\r]*\n/$1/s"
"""perl: takes out Caddy's block of users, in which hashes stand, if it begins in the line after those counted."""


def _by_command(facts: Facts, route: ProxyRoute) -> tuple[Command, ...]:
    """Where no diff can: the block has the users' hashes. It may stand in a snippet: others import that as well."""
    line = route.auth.place.line if route.auth else None
    if route.software == "haproxy" and route.auth and _guards_others(facts, route):
        place = route.auth.place
        return by_command(facts.evidence, place, _UNLESS, r"$1 or { path_beg \/v2\/ }") or by_command(
            facts.evidence, place, _IF, r"$1 !{ path_beg \/v2\/ }"
        )
    if route.software != "caddy" or route.auth is None or not line or _imported(facts, route)[0]:
        return ()
    if by_labels(facts.compose, route):
        return ()
    if _guards_others(facts, route):
        spared = r"$1\@beyond_v2 not path \/v2 \/v2\/*\n$1$2 \@beyond_v2"
        return by_command(facts.evidence, route.auth.place, _CADDY_ALL, spared)
    script = glued(r"s/\A((?:[^\n]*\n){", number(line - 1), _NO_BASICAUTH)
    return (sh("perl", "-0pi", "-e", script, file(route.auth.place.file)),)


def _imported(facts: Facts, route: ProxyRoute) -> tuple[str, Place | None]:
    """The snippet of Caddy that the login stands in, if several sites import it, and the registry's import where nothing
    else would go with it."""
    place = route.auth.place if route.auth else route.place
    head, near = same_block(facts.evidence, place)
    found = re.match(r"\((\S+)\)", head)
    pattern = rf"^\s*import\s+{re.escape(found[1])}\s*(?:#.*)?$" if found else ""
    if found is None or len(list(places(facts.evidence, place.file, pattern))) == 1:
        return "", None
    others = (line_of(facts.evidence, p) for p in near if p != place)
    alone = all(re.fullmatch(r"\s*(?:\}\s*)?(?:#.*)?", line or "?") for line in others)
    return found[1], next(on_way(facts.evidence, route, pattern), None) if alone else None


def disjoint_users(route: ProxyRoute, facts: Facts) -> list[str]:
    """The proxy's users, when its file is known and shares no name with the registry's."""
    auth, own = route.auth, facts.stack.registry.htpasswd if facts.stack.registry else None
    if auth is None or own is None:
        return []
    names = list(auth.users)
    base = auth.user_file.rpartition("/")[2]
    files = facts.evidence.htpasswd if base else ()
    theirs = [h for h in files if h.file.rpartition("/")[2] == base and h.file != own.file]
    if len(theirs) == 1:
        names = [e.name for e in theirs[0].entries]
    return names if not any(own.entry(n) for n in names) else []


def _foreign_challenge(facts: Facts) -> Exchange | None:
    """A Basic challenge through a proxy with another realm than the registry's own."""
    traffic, registry = facts.traffic, facts.stack.registry
    own = {_realm(e) for e in traffic.on("direct", status=401)} - {""}
    known = registry.value("auth.htpasswd.realm") if registry else None
    if known is not None:
        own.add(str(known))
    through = [
        e for e in traffic.on("via", status=401) if (e.header("WWW-Authenticate") or "").lower().startswith("basic")
    ]
    own |= {_realm(e) for e in through if is_registrys(e)}
    return next((e for e in through if own and _realm(e) not in own), None)


def _realm(exchange: Exchange) -> str:
    challenge = exchange.header("WWW-Authenticate") or ""
    found = re.search(r'realm="((?:[^"\\]|\\.)*)"', challenge, re.IGNORECASE)
    return found[1].replace('\\"', '"') if found else ""
