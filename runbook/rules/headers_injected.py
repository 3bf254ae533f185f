"""Credentials that a proxy sends by itself: malformed, or valid for everybody."""

from collections.abc import Iterator

from runbook.model import Finding, Refutation, Symptom
from runbook.rules.authorization_traces import (
    MISMATCH,
    NO_CREDENTIALS,
    REFUSED,
    as_logged,
    guarded,
    injected_matches,
    is_open,
    opened,
    refused_for,
    replaces,
    replacing,
    written,
)
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import computed, finding, read, seen
from runbook.rules.hop_edits import delete_command, deleted, drop_header
from runbook.rules.hops import (
    anonymous_check,
    api_routes,
    first_route,
    hop,
    login_check,
    name,
    search_files,
    site,
)
from runbook.rules.reloads import proxy_fix

S = Symptom
_WRONG = {
    "hash": "it holds the password's HASH instead of the password itself",
    "newline": "the password in it ends in a newline, as `echo` without -n makes it",
    "not base64": "it is not base64",
    "no colon": "decoded it has no colon, so it is not user:password",
    "other": "it is not `Basic` with the base64 of user:password",
}
_READABLE = ("hash", "newline")
"""Malformed credentials that the registry can read, and refuses as a mismatch; it cannot read the others."""


@rule(
    "static-basic-credential-wrong-encoding",
    needs_any=("routes",),
    step="headers",
    title="the injected Basic credentials are malformed",
    explains=REFUSED,
    proves=True,
    supersedes=("proxy-overwrites-authorization", "authorization-stripped"),
    fix="Make the value with `printf '%s' 'user:password' | base64`, or delete the line",
    source="run: base64 of a whole htpasswd line through nginx 1.22 before registry 2.8.2: 401",
)
def static_basic_credential_wrong_encoding(facts: Facts) -> Iterator[Finding]:
    """Basic is the base64 of user, colon and the clear password. A hash, a missing colon or a newline at the end
    makes other credentials of it, which look right in the file and never match."""
    for route, edit in replacing(facts):
        why = _WRONG.get(edit.injected or "")
        if why is None or is_open(edit, facts.traffic.refused("via")):
            continue
        meanings = MISMATCH if edit.injected in _READABLE else NO_CREDENTIALS
        edits = drop_header(facts.evidence, edit)
        yield finding(
            f"The credentials that {name(route)} injects can never match: {why}.",
            computed(f"{written(edit, route)}: {why}", edit.place),
            seen(facts.traffic.refused("via")),
            as_logged(refused_for(facts.traffic, *meanings), "refused"),
            hop=hop(route),
            fix=proxy_fix(
                facts,
                route,
                f"Delete this line ({edit.place}) and let people log in themselves. If the proxy must log in, write the "
                "base64 of user:password, made with `printf '%s' 'user:password' | base64`, not with echo",
                login_check(facts, route),
                before=delete_command(facts.evidence, edit),
                edits=edits,
                at=edit.place,
            ),
            edits=edits,
            unseen=deleted(facts.evidence, edit),
            about=site(facts, route),
        )


@rule(
    "proxy-bypasses-auth",
    needs_any=("routes", "exchanges"),
    step="headers",
    title="the proxy injects valid credentials for everyone",
    explains=(S.OPEN_VIA, S.PING_OPEN),
    refuted=(Refutation(cause="auth-not-enforced", because="the registry itself asks for credentials"),),
    fix="Delete the line that injects the credentials: everyone who reaches the proxy is that user",
    source="run: NGINX_PROXY_HEADER_Authorization with a valid pair before registry 2.8.2: anonymous 200",
)
def proxy_bypasses_auth(facts: Facts) -> Iterator[Finding]:
    """The proxy adds credentials that the registry accepts, so nobody who comes through it has to log in: a hole,
    however handy.

    It is noticed late, since everything works; then a wrong password "works", too.
    """
    entered = opened(facts.traffic)
    for route, edit in replacing(facts):
        valid = injected_matches(facts, edit)
        if not ((valid and not edit.condition) or entered) or edit.injected in _WRONG or guarded(route):
            continue
        edits = drop_header(facts.evidence, edit)
        yield finding(
            f"{name(route)} injects credentials that the registry accepts: everyone who reaches it is logged in.",
            read(f"{written(edit, route)}: every request carries these credentials", edit.place),
            seen(entered),
            computed("they match the registry's htpasswd file (bcrypt)", edit.place) if valid else None,
            hop=hop(route),
            fix=proxy_fix(
                facts,
                route,
                f"Delete this line ({edit.place}) and change that password: it is readable in a configuration file",
                anonymous_check(facts, route, "/v2/_catalog"),
                before=delete_command(facts.evidence, edit),
                edits=edits,
                at=edit.place,
            ),
            edits=edits,
            unseen=deleted(facts.evidence, edit),
            proves=True,
            supersedes=("ping-not-challenged",),
            about=site(facts, route),
        )
        return
    direct = next(iter(facts.traffic.on("direct", authenticated=False, status=401)), None)
    if entered and direct and not any(replaces(r) for r in api_routes(facts)):
        first = first_route(facts)
        yield finding(
            "Without credentials the registry refuses, through the proxy it answers: the proxy injects valid ones.",
            seen(entered),
            seen(direct),
            hop=hop(first),
            fix=proxy_fix(
                facts,
                first,
                "Find the line in the proxy's configuration that sets Authorization, delete it, and change that password",
                anonymous_check(facts, first, "/v2/_catalog"),
                before=(search_files("authorization", "NGINX_PROXY_HEADER"),),
            ),
        )
