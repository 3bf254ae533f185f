"""What became of the login on the way: traces of it in requests and in the registry's log, for the rules about Authorization."""

from collections.abc import Iterator

from runbook.model import (
    Evidence,
    EvidenceItem,
    Exchange,
    HeaderEdit,
    LoggedRequest,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.rules.hops import api_routes, item

REFUSED = (Symptom.LOGIN_401_VIA, Symptom.LOGIN_401)
"""What a login lost or replaced on the way explains."""
MISMATCH = ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed")
"""What the registry logs of a login that arrived and did not match."""


def strips(edit: HeaderEdit) -> bool:
    """Whether this edit takes the header off the request."""
    return edit.action == "remove" or (edit.action == "set" and not edit.value.strip())


def open_registry(stack: Stack) -> bool:
    """A registry without auth behind a hop that asks for the login itself: stripping is harmless there."""
    return stack.registry is not None and stack.registry.auth == "none"


def opened(traffic: Traffic) -> Exchange | None:
    """An answer through a hop to nobody, or to a wrong password, that only a login gets; not the mere ping."""
    candidates = (
        e for e in traffic.on("via") if succeeded(e) and not is_authenticated(e) and e.method in ("GET", "HEAD")
    )
    asked = any(traffic.on("direct", authenticated=False, status=401)) or any(via_requests_ok(traffic))
    found = [e for e in candidates if e.header("Docker-Distribution-Api-Version")]
    beyond = [e for e in found if e.path.rstrip("/") != "/v2"]
    if beyond:
        return beyond[0] if asked else None
    challenged = any(e.status == 401 for e in traffic.on("via", authenticated=False))
    return found[0] if found and asked and not challenged else None


def via_requests_ok(traffic: Traffic) -> Iterator[LoggedRequest]:
    """Requests that the registry refused, with its reason."""
    return (r for r in traffic.requests if r.logger == "registry" and r.status == 401 and r.meaning)


def refused_like_the_registry(traffic: Traffic) -> Exchange | None:
    """A login refused through the hop, by the registry itself as far as its realm tells."""
    refused = traffic.refused("via")
    if refused is None:
        return None
    own = {e.header("WWW-Authenticate") for e in traffic.on("direct", status=401)}
    challenge = refused.header("WWW-Authenticate")
    if refused.response_headers and not refused.header("Docker-Distribution-Api-Version"):
        return None
    return refused if not own or challenge is None or challenge in own else None


def same_login(traffic: Traffic, refused: Exchange) -> Exchange | None:
    """The same login, accepted direct."""
    mine = refused.credential
    for exchange in traffic.on("direct", authenticated=True):
        theirs = exchange.credential
        same_user = theirs and mine and theirs.user in (mine.user, None)
        if not (succeeded(exchange) and theirs and mine and same_user):
            continue
        if None in (theirs.password, mine.password) or theirs.password == mine.password:
            return exchange
    return None


def accepted(evidence: Evidence, refused: Exchange) -> bool:
    """Whether bcrypt says that the refused login is right."""
    mine = refused.credential
    return mine is not None and any(
        c.outcome == "accepted"
        and c.user == mine.user
        and c.password in (mine.password, None)
        and c.origin != "injected"
        for c in evidence.checks
    )


def via_requests(traffic: Traffic, *meanings: str) -> list[LoggedRequest]:
    """Requests that the registry refused for one of these reasons."""
    return [r for r in traffic.requests if r.logger == "registry" and r.status == 401 and r.meaning in meanings]


def arrived(traffic: Traffic, sent: Exchange) -> list[Exchange]:
    """What a tap before the registry saw of such a request."""
    return [e for e in traffic.arrived if (e.method, e.path) == (sent.method, sent.path)]


def another_login(traffic: Traffic, refused: Exchange) -> EvidenceItem | None:
    """The login of somebody else that arrived where the client's own should have: seen by a tap, or named in the log."""
    mine = refused.credential.user if refused.credential else None
    seen = [e for e in arrived(traffic, refused) if e.credential is not None]
    if seen and all(e.credential and e.credential.user != mine for e in seen):
        login = seen[0].credential
        who = f"{login.scheme} {login.user or ''}".strip() if login else ""
        return item(f"{seen[0].method} {seen[0].path} arrived at the registry as {who}", seen[0].source)
    logged = [r for r in via_requests(traffic, *MISMATCH) if r.uri.rstrip("/") == refused.path.rstrip("/")]
    if mine and logged and not traffic.arrived and all(r.user and r.user != mine for r in logged):
        return as_logged(logged[0], f"the login of {logged[0].user} arrived, not that of {mine}")
    return None


def as_logged(request: LoggedRequest, what: str) -> EvidenceItem:
    """A logged request as a piece of evidence."""
    return item(f"the registry's log for {request.method} {request.uri[:80]}: {what}", request.place)


def replaces(route: ProxyRoute) -> bool:
    """Whether this route puts another login in the place of the client's."""
    edit = route.edit("Authorization")
    return edit is not None and edit.action != "remove" and bool(edit.value.strip()) and edit.injected != "client"


def replacing(evidence: Evidence, stack: Stack) -> Iterator[tuple[ProxyRoute, HeaderEdit]]:
    """The API's routes that put another Authorization in, each line once."""
    told = set[object]()
    for route in api_routes(stack, evidence.compose):
        edit = route.edit("Authorization")
        if edit is not None and replaces(route) and edit.place not in told:
            told.add(edit.place)
            yield route, edit


def is_accepted(edit: HeaderEdit, evidence: Evidence) -> bool:
    """Whether bcrypt accepts the login that is put in, and it is written so that the registry can read it."""
    return edit.injected == "cleartext" and any(
        c.origin == "injected" and c.outcome == "accepted" and c.user == edit.user and c.password == edit.password
        for c in evidence.checks
    )


def guarded(route: ProxyRoute) -> bool:
    """A hop that asks for its own login first may log in behind it."""
    return route.auth is not None and not route.auth.except_methods


def not_the_password(direct: Exchange | None, evidence: Evidence) -> tuple[Refutation, ...]:
    """The refutation: the same login is accepted direct, or matches the file."""
    if direct is not None:
        return (
            Refutation(cause="htpasswd-wrong-password", because=f"the same login is accepted direct ({direct.source})"),
        )
    if any(c.outcome == "accepted" and c.origin != "injected" for c in evidence.checks):
        return (Refutation(cause="htpasswd-wrong-password", because="the password matches the htpasswd file (bcrypt)"),)
    return ()
