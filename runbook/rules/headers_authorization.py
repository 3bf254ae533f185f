"""What happens to the client's Authorization on the way: taken off, or replaced by another."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Evidence,
    Finding,
    HeaderEdit,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.authorization_traces import (
    MISMATCH,
    REFUSED,
    accepted,
    another_login,
    arrived,
    as_logged,
    is_accepted,
    not_the_password,
    open_registry,
    opened,
    refused_like_the_registry,
    replaces,
    replacing,
    same_login,
    strips,
    via_requests,
)
from runbook.rules.base import rule
from runbook.rules.hop_edits import delete_command, drop_header
from runbook.rules.hops import api_routes, hop, item, login_check, name, repair, seen, written

S, C = Symptom, Certainty


@rule(
    "authorization-stripped",
    sees=("routes", "exchanges", "logs"),
    step="headers",
    title="a hop takes the Authorization header off",
    fix="Delete the line that empties or removes Authorization: proxies hand it on by default.",
    source="run: nginx 1.22, Caddy 2.6, HAProxy 2.6, Apache 2.4 before registry 2.8.2 (tests/real)",
)
def authorization_stripped(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry sees a request without a login and asks for one, whatever the client sent.

    People miss it because the header looks harmless in the file: the empty value does not mean "leave it",
    it means "do not send it". Authorization is not a hop-by-hop header; no proxy drops it unasked.
    """
    told = set[object]()
    for route in api_routes(stack, evidence.compose):
        edit = route.edit("Authorization")
        if edit is None or edit.place in told or not strips(edit) or open_registry(stack):
            continue
        told.add(edit.place)
        yield _stripped_by(route, edit, evidence, stack, traffic)
    if not told and not any(replaces(r) for r in api_routes(stack, evidence.compose)):
        yield from _lost_on_the_way(evidence, stack, traffic)


def _stripped_by(route: ProxyRoute, edit: HeaderEdit, evidence: Evidence, stack: Stack, traffic: Traffic) -> Finding:
    refused, direct = traffic.refused("via"), traffic.works("direct")
    logged = via_requests(traffic, "no-usable-credential")
    certainty = C.PROVEN if refused or (logged and traffic.seen(*REFUSED)) else C.READ
    certainty = C.POSSIBLE if edit.condition and not refused else certainty
    shown = [item(f"{written(edit, route)}: the header is not sent on", edit.place)]
    shown += [seen(e) for e in (refused, direct) if e]
    shown += [as_logged(r, "no readable login arrived") for r in logged[:1]]
    return Finding(
        cause="authorization-stripped",
        summary=f"{name(route)} removes the Authorization header, so the registry never sees the login.",
        certainty=certainty,
        explains=REFUSED,
        evidence=tuple(shown),
        hop=hop(route),
        refuted=not_the_password(direct, evidence),
        fix=repair(
            route,
            f"Delete this line ({edit.place}): by default the header is handed on.",
            login_check(traffic, evidence, stack, route),
        ),
        edits=drop_header(evidence, edit),
        proves=not edit.condition,
        supersedes=("proxy-overwrites-authorization", "double-auth-one-header"),
    )


def _lost_on_the_way(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """No file shows it: the same login works direct and not through the hop, with the registry's own realm."""
    refused = refused_like_the_registry(traffic)
    works = same_login(traffic, refused) if refused else None
    bare = arrived(traffic, refused) if refused else []
    stripped = bool(bare) and all(e.credential is None for e in bare)
    if refused is None or not (works or stripped or accepted(evidence, refused)):
        return
    mismatch = via_requests(traffic, *MISMATCH)
    logged = [] if traffic.arrived else via_requests(traffic, "no-usable-credential")
    if mismatch and not stripped:
        return
    certainty = C.PROVEN if stripped else C.SEEN if works and logged else C.LOGGED if works or logged else C.READ
    route = next(api_routes(stack, evidence.compose), None)
    shown = [seen(e) for e in (refused, works) if e]
    shown += [as_logged(r, "no readable login arrived") for r in logged[:1]]
    shown += [
        item(f"{e.method} {e.path} arrived at the registry without a login", e.source) for e in bare[:1] if stripped
    ]
    yield Finding(
        cause="authorization-stripped",
        summary="The client sent a login, and the request arrived at the registry without one: a hop takes it out."
        if stripped
        else "The login works at the registry itself and is refused through the proxy: the Authorization header is lost there.",
        certainty=certainty,
        explains=REFUSED,
        evidence=tuple(shown),
        hop=hop(route) if route else "proxy -> registry",
        refuted=(
            *not_the_password(works, evidence),
            Refutation(cause="double-auth-one-header", because="the challenge through the proxy is the registry's own"),
        ),
        fix=repair(
            route or ProxyRoute(software="nginx", place=refused.source),
            "Look in the proxy's configuration for a line that sets, empties or removes Authorization, and delete it.",
            login_check(traffic, evidence, stack, route),
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
def proxy_overwrites_authorization(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry judges a login that the client never sent, so the right password is refused.

    Its log says `authentication failure`, which reads like a wrong password. With a Bearer in the place of Basic
    it says `invalid authorization credential`, as if nothing had arrived; only the file tells that from stripping.
    """
    told = False
    for route, edit in replacing(evidence, stack):
        if is_accepted(edit, evidence) or open_registry(stack) or opened(traffic):
            continue
        if edit.injected == "bearer" and stack.registry and stack.registry.auth == "token":
            continue
        told = True
        yield _overwritten_by(route, edit, evidence, stack, traffic)
    refused = refused_like_the_registry(traffic)
    works = same_login(traffic, refused) if refused else None
    logged = via_requests(traffic, *MISMATCH)
    stripped = any((e := r.edit("Authorization")) and strips(e) for r in api_routes(stack, evidence.compose))
    other = another_login(traffic, refused) if refused else None
    if told or stripped or refused is None or not (other or (works and logged)):
        return
    onward = next(api_routes(stack, evidence.compose), None)
    yield Finding(
        cause="proxy-overwrites-authorization",
        summary=f"The client logged in as {refused.credential.user}; what arrived at the registry is another login."
        if other and refused.credential
        else "The login works at the registry itself; through the proxy another login arrives in its place and is refused.",
        certainty=C.SEEN,
        explains=REFUSED,
        evidence=(
            *(seen(e) for e in (refused, works) if e),
            other or as_logged(logged[0], "a login arrived and did not match"),
        ),
        hop=hop(onward) if onward else "proxy -> registry",
        refuted=(
            *not_the_password(works, evidence),
            Refutation(cause="authorization-stripped", because="a login did arrive at the registry, only not this one"),
        ),
        fix=repair(
            onward or ProxyRoute(software="nginx", place=refused.source),
            "Look in the proxy's configuration for a line that sets Authorization, and delete it.",
            login_check(traffic, evidence, stack, onward),
            before=("grep -rni 'authorization' .",),
        ),
    )


def _overwritten_by(route: ProxyRoute, edit: HeaderEdit, evidence: Evidence, stack: Stack, traffic: Traffic) -> Finding:
    refused, direct = traffic.refused("via"), traffic.works("direct")
    known_bad = any(
        c.origin == "injected" and c.password == edit.password and c.user == edit.user and c.outcome != "accepted"
        for c in evidence.checks
    )
    logged = via_requests(traffic, *MISMATCH)
    sure = bool(refused) or bool(logged and direct)
    basic_only = stack.registry is not None and stack.registry.auth == "htpasswd"
    shown = [item(f"{written(edit, route)}: every request carries this login", edit.place)]
    shown += [seen(e) for e in (refused, direct) if e]
    shown += [as_logged(r, "a login arrived and did not match") for r in logged[:1]]
    return Finding(
        cause="proxy-overwrites-authorization",
        summary=f"{name(route)} replaces the client's login by a fixed one{_that_fails(known_bad, edit)}.",
        certainty=C.PROVEN if sure else C.SEEN if known_bad else C.READ,
        explains=REFUSED,
        evidence=tuple(shown),
        hop=hop(route),
        refuted=not_the_password(direct, evidence),
        fix=repair(
            route,
            f"Delete this line ({edit.place}), so that everybody logs in with their own name.",
            login_check(traffic, evidence, stack, route),
            before=delete_command(evidence, edit),
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
