"""What happens to the Authorization header on the way: taken off, replaced, or put in for everybody."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Evidence,
    EvidenceItem,
    Exchange,
    Finding,
    HeaderEdit,
    LoggedRequest,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.rules.base import rule
from runbook.rules.hops import api_routes, drop_header, hop, item, login_check, name, repair, seen, written
from runbook.rules.wire import Wire, is_authenticated, succeeded

S, C = Symptom, Certainty
_REFUSED = (S.LOGIN_401_VIA, S.LOGIN_401)
_BROKEN = ("hash", "newline", "not base64", "no colon", "other")
_MISMATCH = ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed")
_WRONG = {
    "hash": "it holds the password's HASH where the password itself belongs",
    "newline": "the password in it ends in a newline, as `echo` without -n makes it",
    "not base64": "it is not base64",
    "no colon": "decoded it has no colon, so it is not user:password",
    "other": "it is not `Basic` with the base64 of user:password",
}


@rule(
    "authorization-stripped",
    sees=("routes", "exchanges", "logs"),
    step="headers",
    title="a hop takes the Authorization header off",
    fix="Delete the line that empties or removes Authorization: proxies hand it on by default.",
    source="run: nginx 1.22, Caddy 2.6, HAProxy 2.6, Apache 2.4 before registry 2.8.2 (tests/real)",
)
def authorization_stripped(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The registry sees a request without a login and asks for one, whatever the client sent.

    People miss it because the header looks harmless in the file: the empty value does not mean "leave it",
    it means "do not send it". Authorization is not a hop-by-hop header; no proxy drops it unasked.
    """
    told = set[object]()
    for route in api_routes(stack, evidence.compose):
        edit = route.edit("Authorization")
        if edit is None or edit.place in told or not _strips(edit) or _open(stack):
            continue
        told.add(edit.place)
        yield _stripped_by(route, edit, evidence, stack, wire)
    if not told and not any(_replaces(r) for r in api_routes(stack, evidence.compose)):
        yield from _lost_on_the_way(evidence, stack, wire)


def _strips(edit: HeaderEdit) -> bool:
    return edit.action == "remove" or (edit.action == "set" and not edit.value.strip())


def _open(stack: Stack) -> bool:
    """A registry without auth behind a hop that asks for the login itself: stripping is harmless there."""
    return stack.registry is not None and stack.registry.auth == "none"


def _stripped_by(route: ProxyRoute, edit: HeaderEdit, evidence: Evidence, stack: Stack, wire: Wire) -> Finding:
    refused, direct = wire.refused("via"), wire.works("direct")
    logged = _via_requests(wire, "no-usable-credential")
    certainty = C.PROVEN if refused or (logged and wire.seen(*_REFUSED)) else C.READ
    certainty = C.POSSIBLE if edit.condition and not refused else certainty
    shown = [item(f"{written(edit, route)}: the header is not sent on", edit.place)]
    shown += [seen(e) for e in (refused, direct) if e]
    shown += [_logged(r, "no readable login arrived") for r in logged[:1]]
    return Finding(
        cause="authorization-stripped",
        summary=f"{name(route)} removes the Authorization header, so the registry never sees the login.",
        certainty=certainty,
        explains=_REFUSED,
        evidence=tuple(shown),
        hop=hop(route),
        refuted=_not_the_password(direct, evidence),
        fix=repair(
            route,
            f"Delete this line ({edit.place}): by default the header is handed on.",
            login_check(wire, evidence, stack, route),
        ),
        edits=drop_header(evidence, edit),
        proves=not edit.condition,
        supersedes=("proxy-overwrites-authorization", "double-auth-one-header"),
    )


def _lost_on_the_way(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """No file shows it: the same login works direct and not through the hop, with the registry's own realm."""
    refused = _refused_like_the_registry(wire)
    works = _same_login(wire, refused) if refused else None
    if refused is None or not (works or _accepted(evidence, refused)):
        return
    mismatch = _via_requests(wire, *_MISMATCH)
    logged = _via_requests(wire, "no-usable-credential")
    if mismatch:
        return
    certainty = C.SEEN if works and logged else C.LOGGED if works or logged else C.READ
    route = next(api_routes(stack, evidence.compose), None)
    shown = [seen(e) for e in (refused, works) if e]
    shown += [_logged(r, "no readable login arrived") for r in logged[:1]]
    yield Finding(
        cause="authorization-stripped",
        summary="The login works at the registry itself and is refused through the proxy: the Authorization header is lost there.",
        certainty=certainty,
        explains=_REFUSED,
        evidence=tuple(shown),
        hop=hop(route) if route else "proxy -> registry",
        refuted=(
            *_not_the_password(works, evidence),
            Refutation(cause="double-auth-one-header", because="the challenge through the proxy is the registry's own"),
        ),
        fix=repair(
            route or ProxyRoute(software="nginx", place=refused.source),
            "Look in the proxy's configuration for a line that sets, empties or removes Authorization, and delete it.",
            login_check(wire, evidence, stack, route),
            before=("grep -rniE 'authorization|removeheader|NGINX_PROXY_HEADER' .",),
        ),
    )


@rule(
    "proxy-overwrites-authorization",
    sees=("routes", "exchanges"),
    step="headers",
    title="a hop replaces the client's login by another one",
    fix="Delete the line that sets Authorization, so that the client's own login is handed on.",
    source="run: nginx 1.22 and registry 2.8.2, log `authentication failure` for a login that nobody typed",
)
def proxy_overwrites_authorization(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The registry judges a login that the client never sent, so the right password is refused.

    Its log says `authentication failure`, which reads like a wrong password. With a Bearer in the place of Basic
    it says `invalid authorization credential`, as if nothing had arrived; only the file tells that from stripping.
    """
    told = False
    for route, edit in _replacing(evidence, stack):
        if _is_accepted(edit, evidence) or _open(stack) or _opened(wire):
            continue
        if edit.injected == "bearer" and stack.registry and stack.registry.auth == "token":
            continue
        told = True
        yield _overwritten_by(route, edit, evidence, stack, wire)
    refused = _refused_like_the_registry(wire)
    works = _same_login(wire, refused) if refused else None
    logged = _via_requests(wire, *_MISMATCH)
    stripped = any((e := r.edit("Authorization")) and _strips(e) for r in api_routes(stack, evidence.compose))
    if told or stripped or refused is None or works is None or not logged:
        return
    route = next(api_routes(stack, evidence.compose), None)
    yield Finding(
        cause="proxy-overwrites-authorization",
        summary="The login works at the registry itself; through the proxy another login arrives in its place and is refused.",
        certainty=C.SEEN,
        explains=_REFUSED,
        evidence=(seen(refused), seen(works), _logged(logged[0], "a login arrived and did not match")),
        hop=hop(route) if route else "proxy -> registry",
        refuted=(
            *_not_the_password(works, evidence),
            Refutation(cause="authorization-stripped", because="a login did arrive at the registry, only not this one"),
        ),
        fix=repair(
            route or ProxyRoute(software="nginx", place=refused.source),
            "Look in the proxy's configuration for a line that sets Authorization, and delete it.",
            login_check(wire, evidence, stack, route),
            before=("grep -rni 'authorization' .",),
        ),
    )


def _overwritten_by(route: ProxyRoute, edit: HeaderEdit, evidence: Evidence, stack: Stack, wire: Wire) -> Finding:
    refused, direct = wire.refused("via"), wire.works("direct")
    known_bad = any(
        c.origin == "injected" and c.password == edit.password and c.user == edit.user and c.outcome != "accepted"
        for c in evidence.checks
    )
    logged = _via_requests(wire, *_MISMATCH)
    sure = bool(refused) or bool(logged and direct)
    basic_only = stack.registry is not None and stack.registry.auth == "htpasswd"
    shown = [item(f"{written(edit, route)}: every request carries this login", edit.place)]
    shown += [seen(e) for e in (refused, direct) if e]
    shown += [_logged(r, "a login arrived and did not match") for r in logged[:1]]
    return Finding(
        cause="proxy-overwrites-authorization",
        summary=f"{name(route)} replaces the client's login by a fixed one{_that_fails(known_bad, edit)}.",
        certainty=C.PROVEN if sure else C.SEEN if known_bad else C.READ,
        explains=_REFUSED,
        evidence=tuple(shown),
        hop=hop(route),
        refuted=_not_the_password(direct, evidence),
        fix=repair(
            route,
            f"Delete this line ({edit.place}), so that everybody logs in with their own name.",
            login_check(wire, evidence, stack, route),
        ),
        edits=drop_header(evidence, edit),
        proves=known_bad or (edit.injected == "bearer" and basic_only),
        supersedes=("authorization-stripped", "htpasswd-wrong-password")
        if refused and direct
        else ("authorization-stripped",),
    )


def _that_fails(known_bad: bool, edit: HeaderEdit) -> str:
    if edit.injected == "bearer":
        return " of another kind (Bearer), which htpasswd does not read"
    return ", which the registry refuses" if known_bad else ""


@rule(
    "static-basic-credential-wrong-encoding",
    sees=("routes",),
    step="headers",
    title="the login that a hop puts in is not base64 of user:password",
    fix="Make the value with `printf '%s' 'user:password' | base64`, or delete the line.",
    source="run: base64 of a whole htpasswd line through nginx 1.22 before registry 2.8.2: 401",
)
def static_basic_credential_wrong_encoding(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """Basic is the base64 of user, colon and the clear password. A hash, a missing colon or a newline at the end
    makes another login of it, which looks right in the file and never matches."""
    for route, edit in _replacing(evidence, stack):
        why = _WRONG.get(edit.injected or "")
        if why is None or _open(stack):
            continue
        refused = wire.refused("via")
        logged = _via_requests(wire, *_MISMATCH, "no-usable-credential")
        shown = [item(f"{written(edit, route)}: {why}", edit.place), *([seen(refused)] if refused else ())]
        yield Finding(
            cause="static-basic-credential-wrong-encoding",
            summary=f"The login that {name(route)} puts in can never match: {why}.",
            certainty=C.PROVEN if refused or logged else C.SEEN,
            explains=_REFUSED,
            evidence=(*shown, *(_logged(r, "refused") for r in logged[:1])),
            hop=hop(route),
            fix=repair(
                route,
                f"Delete this line ({edit.place}) and let people log in themselves. If the hop must log in, write the "
                "base64 of user:password, made with printf, not echo.",
                login_check(wire, evidence, stack, route),
                before=("read -rs PASSWORD && printf 'NAME:%s' \"$PASSWORD\" | base64",),
            ),
            edits=drop_header(evidence, edit),
            proves=True,
            supersedes=("proxy-overwrites-authorization", "authorization-stripped"),
        )


@rule(
    "proxy-bypasses-auth",
    sees=("routes", "exchanges"),
    step="headers",
    title="a hop logs everybody in",
    fix="Delete the line that injects the login: whoever reaches the hop is that user.",
    source="run: NGINX_PROXY_HEADER_Authorization with a valid pair before registry 2.8.2: anonymous 200",
)
def proxy_bypasses_auth(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The hop adds a login that the registry accepts, so no one who comes this way has to log in: a hole, however handy.

    It is noticed late, since everything works; then a wrong password "works", too.
    """
    entered = _opened(wire)
    for route, edit in _replacing(evidence, stack):
        valid = _is_accepted(edit, evidence)
        if not (valid or entered) or edit.injected in _BROKEN or _open(stack) or _guarded(route):
            continue
        yield Finding(
            cause="proxy-bypasses-auth",
            summary=f"{name(route)} puts in a login that the registry accepts: whoever reaches it is logged in.",
            certainty=C.PROVEN if entered else C.SEEN,
            explains=(S.OPEN_VIA, S.PING_OPEN),
            evidence=(
                item(f"{written(edit, route)}: this login is put into every request", edit.place),
                *(
                    [seen(entered)]
                    if entered
                    else [EvidenceItem(what="it matches the registry's htpasswd file (bcrypt)")]
                ),
            ),
            hop=hop(route),
            refuted=(Refutation(cause="auth-not-enforced", because="the registry itself asks for a login"),),
            fix=repair(
                route,
                f"Delete this line ({edit.place}) and change that password: it stood in a configuration file.",
                f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {_any_url(wire)}/v2/_catalog   # 401",
            ),
            edits=drop_header(evidence, edit),
            proves=True,
            supersedes=("ping-not-challenged",),
        )
        return
    direct = next(iter(wire.on("direct", authenticated=False, status=401)), None)
    if entered and direct and not any(_replaces(r) for r in api_routes(stack, evidence.compose)):
        yield _hole(entered, direct, evidence, stack)


def _hole(entered: Exchange, direct: Exchange, evidence: Evidence, stack: Stack) -> Finding:
    route = next(api_routes(stack, evidence.compose), None)
    return Finding(
        cause="proxy-bypasses-auth",
        summary="Without a login the registry refuses, through the proxy it answers: the proxy puts a valid login in.",
        certainty=C.SEEN,
        explains=(S.OPEN_VIA, S.PING_OPEN),
        evidence=(seen(entered), seen(direct)),
        hop=hop(route) if route else "proxy -> registry",
        refuted=(Refutation(cause="auth-not-enforced", because="the registry itself asks for a login"),),
        fix=repair(
            route or ProxyRoute(software="nginx", place=entered.source),
            "Find the line in the proxy's configuration that sets Authorization, delete it, and change that password.",
            before=("grep -rniE 'authorization|NGINX_PROXY_HEADER' .",),
        ),
    )


# ---- what was seen -----------------------------------------------------------------------------------


def _opened(wire: Wire) -> Exchange | None:
    """An answer through a hop to nobody, or to a wrong password, that only a login gets; not the mere ping."""
    candidates = (e for e in wire.on("via") if succeeded(e) and not is_authenticated(e) and e.method in ("GET", "HEAD"))
    asked = any(wire.on("direct", authenticated=False, status=401)) or any(_via_requests_ok(wire))
    found = [e for e in candidates if e.header("Docker-Distribution-Api-Version")]
    beyond = [e for e in found if e.path.rstrip("/") != "/v2"]
    if beyond:
        return beyond[0] if asked else None
    challenged = any(e.status == 401 for e in wire.on("via", authenticated=False))
    return found[0] if found and asked and not challenged else None


def _via_requests_ok(wire: Wire) -> Iterator[LoggedRequest]:
    return (r for r in wire.requests if r.logger == "registry" and r.status == 401 and r.meaning)


def _refused_like_the_registry(wire: Wire) -> Exchange | None:
    """A login refused through the hop, by the registry itself as far as its realm tells."""
    refused = wire.refused("via")
    if refused is None:
        return None
    own = {e.header("WWW-Authenticate") for e in wire.on("direct", status=401)}
    challenge = refused.header("WWW-Authenticate")
    if refused.response_headers and not refused.header("Docker-Distribution-Api-Version"):
        return None
    return refused if not own or challenge is None or challenge in own else None


def _same_login(wire: Wire, refused: Exchange) -> Exchange | None:
    """The same login, accepted direct."""
    mine = refused.credential
    for exchange in wire.on("direct", authenticated=True):
        theirs = exchange.credential
        if succeeded(exchange) and theirs and mine and theirs.user in (mine.user, None):
            if None in (theirs.password, mine.password) or theirs.password == mine.password:
                return exchange
    return None


def _accepted(evidence: Evidence, refused: Exchange) -> bool:
    """Whether bcrypt says that the refused login is right."""
    mine = refused.credential
    return mine is not None and any(
        c.outcome == "accepted"
        and c.user == mine.user
        and c.password in (mine.password, None)
        and c.origin != "injected"
        for c in evidence.checks
    )


def _via_requests(wire: Wire, *meanings: str) -> list[LoggedRequest]:
    return [r for r in wire.requests if r.logger == "registry" and r.status == 401 and r.meaning in meanings]


def _logged(request: LoggedRequest, what: str) -> EvidenceItem:
    return item(f"the registry's log for {request.method} {request.uri[:80]}: {what}", request.place)


def _replaces(route: ProxyRoute) -> bool:
    edit = route.edit("Authorization")
    return edit is not None and edit.action != "remove" and bool(edit.value.strip()) and edit.injected != "client"


def _replacing(evidence: Evidence, stack: Stack) -> Iterator[tuple[ProxyRoute, HeaderEdit]]:
    """The API's routes that put another Authorization in, each line once."""
    told = set[object]()
    for route in api_routes(stack, evidence.compose):
        edit = route.edit("Authorization")
        if edit is not None and _replaces(route) and edit.place not in told:
            told.add(edit.place)
            yield route, edit


def _is_accepted(edit: HeaderEdit, evidence: Evidence) -> bool:
    """Whether bcrypt accepts the login that is put in, and it is written so that the registry can read it."""
    return edit.injected == "cleartext" and any(
        c.origin == "injected" and c.outcome == "accepted" and c.user == edit.user and c.password == edit.password
        for c in evidence.checks
    )


def _guarded(route: ProxyRoute) -> bool:
    """A hop that asks for its own login first may log in behind it."""
    return route.auth is not None and not route.auth.except_methods


def _not_the_password(direct: Exchange | None, evidence: Evidence) -> tuple[Refutation, ...]:
    if direct is not None:
        return (
            Refutation(cause="htpasswd-wrong-password", because=f"the same login is accepted direct ({direct.source})"),
        )
    if any(c.outcome == "accepted" and c.origin != "injected" for c in evidence.checks):
        return (Refutation(cause="htpasswd-wrong-password", because="the password matches the htpasswd file (bcrypt)"),)
    return ()


def _any_url(wire: Wire) -> str:
    return next((e.url.split("/v2")[0] for e in wire.on("via")), "http://localhost:8080")
