"""Logins that a hop puts in by itself: written wrongly, or good for everybody."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Evidence,
    EvidenceItem,
    Exchange,
    Finding,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.authorization_traces import (
    MISMATCH,
    REFUSED,
    as_logged,
    guarded,
    is_accepted,
    open_registry,
    opened,
    replaces,
    replacing,
    via_requests,
)
from runbook.rules.base import rule
from runbook.rules.hop_edits import delete_command, drop_header
from runbook.rules.hops import api_routes, front_url, hop, item, login_check, name, repair, seen, written

S, C = Symptom, Certainty
_BROKEN = ("hash", "newline", "not base64", "no colon", "other")
_WRONG = {
    "hash": "it holds the password's HASH where the password itself belongs",
    "newline": "the password in it ends in a newline, as `echo` without -n makes it",
    "not base64": "it is not base64",
    "no colon": "decoded it has no colon, so it is not user:password",
    "other": "it is not `Basic` with the base64 of user:password",
}


@rule(
    "static-basic-credential-wrong-encoding",
    sees=("routes",),
    step="headers",
    title="the login that a hop puts in is not base64 of user:password",
    fix="Make the value with `printf '%s' 'user:password' | base64`, or delete the line.",
    source="run: base64 of a whole htpasswd line through nginx 1.22 before registry 2.8.2: 401",
)
def static_basic_credential_wrong_encoding(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Basic is the base64 of user, colon and the clear password. A hash, a missing colon or a newline at the end
    makes another login of it, which looks right in the file and never matches."""
    for route, edit in replacing(evidence, stack):
        why = _WRONG.get(edit.injected or "")
        if why is None or open_registry(stack):
            continue
        refused = traffic.refused("via")
        logged = via_requests(traffic, *MISMATCH, "no-usable-credential")
        shown = [item(f"{written(edit, route)}: {why}", edit.place), *([seen(refused)] if refused else ())]
        yield Finding(
            cause="static-basic-credential-wrong-encoding",
            summary=f"The login that {name(route)} puts in can never match: {why}.",
            certainty=C.PROVEN if refused or logged else C.SEEN,
            explains=REFUSED,
            evidence=(*shown, *(as_logged(r, "refused") for r in logged[:1])),
            hop=hop(route),
            fix=repair(
                route,
                f"Delete this line ({edit.place}) and let people log in themselves. If the hop must log in, write the "
                "base64 of user:password, made with printf, not echo.",
                login_check(traffic, evidence, stack, route),
                before=delete_command(evidence, edit)
                or ("read -rs PASSWORD && printf 'NAME:%s' \"$PASSWORD\" | base64",),
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
def proxy_bypasses_auth(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The hop adds a login that the registry accepts, so no one who comes this way has to log in: a hole, however handy.

    It is noticed late, since everything works; then a wrong password "works", too.
    """
    entered = opened(traffic)
    for route, edit in replacing(evidence, stack):
        valid = is_accepted(edit, evidence)
        if not (valid or entered) or edit.injected in _BROKEN or open_registry(stack) or guarded(route):
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
                f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {front_url(traffic, stack, route, evidence.compose)}/v2/_catalog   # 401",
                before=delete_command(evidence, edit),
            ),
            edits=drop_header(evidence, edit),
            proves=True,
            supersedes=("ping-not-challenged",),
        )
        return
    direct = next(iter(traffic.on("direct", authenticated=False, status=401)), None)
    if entered and direct and not any(replaces(r) for r in api_routes(stack, evidence.compose)):
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
