"""What happens to the client's Authorization header on the request path: stripped, or replaced by another."""

from collections.abc import Iterator

from runbook.model import Edit, Finding, HeaderEdit, ProxyRoute, Refutation, Symptom
from runbook.observe.address import address_of
from runbook.observe.passages import Passage, is_unlogged
from runbook.rules.authorization_traces import (
    MISMATCH,
    NO_CREDENTIALS,
    REFUSED,
    another_login,
    arrived,
    as_logged,
    came_through,
    injected_fails,
    injected_matches,
    is_idle,
    is_open,
    logs_that_refuse,
    matches_file,
    not_the_password,
    open_registry,
    opened,
    refused_for,
    refused_like_the_registry,
    replaces,
    replacing,
    same_login,
    strips,
    unknown_behind,
    written,
)
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import computed, context, finding, read, seen, witnessed
from runbook.rules.hop_edits import (
    delete_command,
    deleted,
    drop_header,
    elsewhere_command,
    elsewhere_only,
    unused_middleware,
)
from runbook.rules.hops import (
    api_routes,
    aside,
    first_route,
    hop,
    kept_refusals,
    login_check,
    name,
    same_request,
    search_files,
    site,
)
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstreams import asks_beside


@rule(
    "authorization-stripped",
    needs_any=("routes", "exchanges", "logs"),
    step="headers",
    title="the proxy strips the Authorization header",
    explains=REFUSED,
    fix="Delete the line that empties or removes Authorization: proxies forward it by default",
    source="run: nginx 1.22, Caddy 2.6, HAProxy 2.6, Apache 2.4 before registry 2.8.2 (tests/real)",
)
def authorization_stripped(facts: Facts) -> Iterator[Finding]:
    """The registry gets a request without credentials and asks for them, whatever the client sent.

    People miss it because the line looks harmless: in nginx an empty value does not mean "leave it", it means
    "do not send it". Authorization is an end-to-end header; no proxy drops it unasked.
    """
    if came_through(facts.traffic):
        return
    known, sure = set[object](), False
    for route in api_routes(facts):
        edit = route.edit("Authorization")
        if edit is None or edit.place in known or not strips(edit) or open_registry(facts):
            continue
        if unknown_behind(facts, route) or is_idle(edit, facts.traffic):
            continue
        known.add(edit.place)
        sure = sure or not is_open(edit, facts.traffic.refused("via"))
        yield _stripped_by(facts, route, edit)
    if not sure and not any(replaces(r) for r in api_routes(facts)):
        yield from _lost_on_the_way(facts)


def _stripped_by(facts: Facts, route: ProxyRoute, edit: HeaderEdit) -> Finding:
    traffic = facts.traffic
    refused, direct = traffic.refused("via"), traffic.works("direct")
    what = f"{written(edit, route)}: the header is not forwarded"
    logged = as_logged(refused_for(traffic, *NO_CREDENTIALS), "no readable credentials arrived")
    edits, kept = _handed_on(facts, route)
    gone = (e for e in route.request_headers if e.name.lower() == "authorization" and strips(e))
    lines = list(dict.fromkeys(str(e.place) for e in gone))
    which = f"{'these lines' if len(lines) > 1 else 'this line'} ({', '.join(lines)})"
    shared = not edits and _is_shared(facts, edit)
    how = f"Delete {which}: by default the header is forwarded"
    if kept or shared:
        how = f"Let {which} spare the paths of the registry"
    doubtful = is_open(edit, refused)
    only = (
        f" where its condition holds ({edit.condition})" if doubtful else ", so the registry never sees the credentials"
    )
    return finding(
        f"{name(route)} removes the Authorization header{only}.",
        # Under a condition the line says nothing until a request shows that the condition holds.
        context(what, edit.place) if doubtful else read(what, edit.place),
        aside(seen(refused)) if doubtful else seen(refused),
        seen(direct) if refused and not doubtful else aside(seen(direct)),
        # Every client is first refused without credentials: the log counts where credentials were sent.
        logged if traffic.seen(*REFUSED) and not edit.condition else aside(logged),
        hop=hop(route),
        refuted=not_the_password(facts, direct),
        fix=proxy_fix(
            facts,
            route,
            how,
            same_request(facts, route, refused),
            edits=edits,
            at=edit.place,
            before=()
            if edits
            else elsewhere_command(facts.evidence, route, edit.place)
            if shared
            else delete_command(facts.evidence, edit),
        ),
        edits=edits,
        proves=not doubtful,
        supersedes=("proxy-overwrites-authorization", "double-auth-one-header"),
        about=site(facts, route),
    )


def _handed_on(facts: Facts, route: ProxyRoute) -> tuple[tuple[Edit, ...], bool]:
    """The edits after which the registry gets the header, and whether a line stays for other programs: behind it they
    were not to get their users' logins."""
    found, kept = list[tuple[Edit, ...]](), False
    for edit in (e for e in route.request_headers if e.name.lower() == "authorization" and strips(e)):
        spared = elsewhere_only(facts.evidence, route, edit.place) if _is_shared(facts, edit) else ()
        found.append(spared or drop_header(facts.evidence, edit))
        kept = kept or bool(spared)
    return (tuple(e for edits in found for e in edits) if all(found) else ()), kept


def _is_shared(facts: Facts, edit: HeaderEdit) -> bool:
    """Whether the line holds for another program behind the same proxy as well."""
    api = set(api_routes(facts))
    others = (r for r in facts.stack.routes if r.kind == "proxy" and r not in api)
    return any(e.place == edit.place for r in others for e in r.request_headers)


def _lost_on_the_way(facts: Facts) -> Iterator[Finding]:
    """No file shows it: the same credentials work direct and not through the proxy, with the registry's own realm."""
    traffic, route = facts.traffic, first_route(facts)
    passage, refused = traffic.passed("lost"), refused_like_the_registry(traffic)
    told = passage.before if passage else refused
    if told and any(kept_refusals(facts, told.method, told.path)):
        return  # the answer may have been another client's
    if passage is not None and Symptom.CHALLENGE_FOREIGN not in traffic.seen():
        yield _seen_lost(facts, passage)
        return
    works = same_login(traffic, refused) if refused else None
    bare = arrived(traffic, refused) if refused else []
    stripped = bool(bare) and all(e.credential is None for e in bare)
    # Where the proxy's file is at hand and forwards the header, a login that only the file accepts tells of no proxy:
    # the registry may read another file than this one.
    guessed = not (works or stripped)
    if refused is None or (guessed and (route or not matches_file(facts, refused))):
        return
    if refused_for(traffic, *MISMATCH) and not stripped:
        return
    if (
        works
        and not stripped
        and (asks_beside(facts, address_of(works.url)) or is_unlogged(refused, works, traffic.observations))
    ):
        return  # who knows what answers there: a proxy more, or a registry with other users
    logged = None if traffic.arrived else refused_for(traffic, *NO_CREDENTIALS)
    tapped = bare[0] if stripped else None
    yield finding(
        "The client sent credentials, and the request arrived at the registry without them: a proxy removes them."
        if stripped
        else "The credentials work at the registry itself and are refused through the proxy: it loses the Authorization header."
        if works
        else "The htpasswd file accepts the credentials, and through the proxy they are refused: it loses the Authorization "
        "header.",
        seen(refused),
        seen(works),
        as_logged(logged, "no readable credentials arrived"),
        seen(tapped, what=f"{refused.method} {refused.path} arrived at the registry without credentials"),
        hop=hop(route),
        refuted=(
            *not_the_password(facts, works),
            *(_OWN_CHALLENGE if refused.header("WWW-Authenticate") else ()),
        ),
        fix=proxy_fix(
            facts,
            route,
            "Search the proxy's configuration for a line that sets, empties or removes Authorization, and delete it",
            same_request(facts, route, refused),
            before=(search_files("authorization", "removeheader", "NGINX_PROXY_HEADER"),),
        ),
    )


_OWN_CHALLENGE = (
    Refutation(cause="double-auth-one-header", because="the challenge through the proxy is the registry's own"),
)


def _seen_lost(facts: Facts, passage: Passage) -> Finding:
    """Two witnesses saw one request: before the proxy with credentials, after it without."""
    route, before, after = first_route(facts), passage.before, passage.after
    proxy = name(route) if route else before.service or "the proxy"
    return finding(
        f"{before.user or 'The client'} sent credentials, and the same request arrived at the registry without them: "
        f"{proxy} removes them.",
        witnessed(before, f"credentials of {before.user} were sent" if before.user else "credentials were sent"),
        witnessed(after, "no readable credentials arrived"),
        seen(facts.traffic.works("direct")),
        hop=hop(route) if route else f"{before.service or 'proxy'} -> registry",
        refuted=(
            *not_the_password(facts, facts.traffic.works("direct")),
            Refutation(cause="proxy-overwrites-authorization", because="no other user's login arrived in their place"),
        ),
        fix=proxy_fix(
            facts,
            route,
            "Search the proxy's configuration for a line that sets, empties or removes Authorization, and delete it",
            same_request(facts, route, passage.before.record),
            before=(search_files("authorization", "removeheader", "NGINX_PROXY_HEADER"),),
        ),
    )


@rule(
    "proxy-overwrites-authorization",
    needs_any=("routes", "exchanges", "logs"),
    step="headers",
    title="the proxy replaces the client's credentials",
    explains=REFUSED,
    fix="Delete the line that sets Authorization, so that the client's own credentials are forwarded",
    source="run: nginx 1.22 and registry 2.8.2, log `authentication failure` for credentials that nobody typed",
)
def proxy_overwrites_authorization(facts: Facts) -> Iterator[Finding]:
    """The registry checks credentials that the client never sent, so the right password is refused.

    Its log says `authentication failure`, which reads like a wrong password. With a Bearer instead of Basic
    it says `invalid authorization credential`, as if nothing had arrived; only the file tells that from stripping.
    """
    token = facts.stack.registry is not None and facts.stack.registry.auth == "token"
    found = [
        (route, edit)
        for route, edit in replacing(facts)
        if not (injected_matches(facts, edit) or opened(facts.traffic) or (edit.injected == "bearer" and token))
    ]
    for route, edit in found:
        yield _overwritten_by(facts, route, edit)
    if not found and not any((e := r.edit("Authorization")) and strips(e) for r in api_routes(facts)):
        yield from _replaced_on_the_way(facts)


def _overwritten_by(facts: Facts, route: ProxyRoute, edit: HeaderEdit) -> Finding:
    traffic, registry = facts.traffic, facts.stack.registry
    refused, direct = traffic.refused("via"), traffic.works("direct")
    fails, bearer = injected_fails(facts, edit), edit.injected == "bearer"
    logged = as_logged(refused_for(traffic, *MISMATCH), "credentials arrived and did not match")
    how = (
        " of another kind (Bearer), which htpasswd does not read" if bearer
        else ", which are no Basic credentials any more" if edit.injected == "no basic"
        else ", which the registry refuses" if fails
        else ""
    )  # fmt: skip
    shared = _is_shared(facts, edit)  # another program may need them
    unused = () if shared else unused_middleware(facts.evidence, edit)
    edits = () if shared else unused or drop_header(facts.evidence, edit)
    doubtful = is_open(edit, refused)
    whose = "no credentials arrive as they were sent" if edit.pattern else "every request carries these credentials"
    what = f"{written(edit, route)}: {whose}"
    mismatch = computed("they do not match the registry's htpasswd file (bcrypt)", edit.place) if fails else None
    if doubtful:
        how = f" where its condition holds ({edit.condition})"
    return finding(
        f"{name(route)} replaces the client's credentials by {'others' if edit.pattern else 'its own'}{how}.",
        context(f"{written(edit, route)}: only under a condition", edit.place) if doubtful else read(what, edit.place),
        aside(mismatch) if doubtful else mismatch,
        # Without a pair that works direct, a refusal in the log may be a mistyped password.
        *(
            (seen(direct), logged)
            if (refused or (logged and direct)) and not doubtful
            else (aside(seen(direct)), aside(logged))
        ),
        aside(seen(refused)) if doubtful else seen(refused),
        hop=hop(route),
        refuted=not_the_password(facts, direct),
        fix=proxy_fix(
            facts,
            route,
            f"Take this line ({edit.place}) out of the registry's site only, others have it as well"
            if shared
            else f"Let no router use the middleware of this line ({edit.place}), so that everybody logs in with their own name"
            if unused
            else f"Delete this line ({edit.place}), so that everybody logs in with their own name",
            login_check(facts, route),
            before=() if shared or unused else delete_command(facts.evidence, edit),
            edits=edits,
            at=edit.place,
        ),
        edits=edits,
        unseen=() if shared else deleted(facts.evidence, edit),
        proves=not doubtful and (fails or (bearer and registry is not None and registry.auth == "htpasswd")),
        supersedes=("authorization-stripped", *(("htpasswd-wrong-password",) if refused and direct else ())),
        about=site(facts, route),
    )


def _replaced_on_the_way(facts: Facts) -> Iterator[Finding]:
    """No file shows it: other credentials than the client's arrive at the registry."""
    traffic = facts.traffic
    if (passage := traffic.passed("replaced")) is not None:
        yield _seen_replaced(facts, passage)
        return
    refused = refused_like_the_registry(traffic)
    works = same_login(traffic, refused) if refused else None
    named = refused is not None and refused.credential is not None and refused.credential.user is not None
    other = another_login(traffic, refused) if refused and named else None
    logged = as_logged(refused_for(traffic, *MISMATCH), "credentials arrived and did not match")
    if refused is None or not (other or (works and logged)):
        return
    hidden = works is not None and (works.credential is None or works.credential.password is None)
    if not other and hidden and any(r.auth and r.auth.kind == "basic" for r in api_routes(facts)):
        return  # who logs in at both may have a password for each
    if logs_that_refuse(facts):
        return  # they arrived at another registry than the one that accepts them
    route = first_route(facts)
    yield finding(
        f"The client logged in as {refused.credential.user}; other credentials arrived at the registry."
        if other and refused.credential
        else "The credentials work at the registry itself; through the proxy others arrive instead and are refused.",
        seen(refused),
        seen(works),
        other or logged,
        hop=hop(route),
        refuted=(
            *not_the_password(facts, works),
            Refutation(cause="authorization-stripped", because="credentials did arrive at the registry, but others"),
        ),
        fix=proxy_fix(
            facts,
            route,
            "Search the proxy's configuration for a line that sets Authorization, and delete it",
            login_check(facts, route),
            before=(search_files("authorization"),),
        ),
    )


def _seen_replaced(facts: Facts, passage: Passage) -> Finding:
    """Two witnesses saw one request: before the proxy as one user, after it as another."""
    route, before, after = first_route(facts), passage.before, passage.after
    return finding(
        f"The client logged in as {before.user}; the same request arrived at the registry as {after.user}.",
        witnessed(before, f"credentials of {before.user} were sent"),
        witnessed(after, f"credentials of {after.user} arrived and did not match"),
        seen(facts.traffic.works("direct")),
        hop=hop(route) if route else f"{before.service or 'proxy'} -> registry",
        supersedes=("htpasswd-wrong-password", "htpasswd-user-missing", "authorization-stripped"),
        refuted=(
            *not_the_password(facts, facts.traffic.works("direct")),
            Refutation(cause="authorization-stripped", because="credentials did arrive at the registry, but others"),
        ),
        fix=proxy_fix(
            facts,
            route,
            "Search the proxy's configuration for a line that sets Authorization, and delete it",
            login_check(facts, route),
            before=(search_files("authorization"),),
        ),
    )
