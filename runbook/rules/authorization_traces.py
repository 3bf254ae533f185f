"""What became of the Authorization header on the request path: traces in requests and logs, for the rules about it."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import EvidenceItem, Exchange, HeaderEdit, LoggedRequest, Meaning, ProxyRoute, Refutation, Symptom
from runbook.observe.address import address_of
from runbook.observe.signature import is_registrys
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.parse.conditions import holds_for
from runbook.rules.base import Facts
from runbook.rules.evidence import Item, said, seen
from runbook.rules.hops import api_routes
from runbook.stack.met import asked_for

REFUSED = (Symptom.LOGIN_401_VIA, Symptom.LOGIN_401)
"""What a header that is lost or replaced explains."""
MISMATCH: tuple[Meaning, ...] = ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed")
"""What the registry logs of credentials that arrived and did not match."""
NO_CREDENTIALS = ("no-usable-credential",)
"""What the registry logs of a request without a Basic header that it can read."""


def strips(edit: HeaderEdit) -> bool:
    """Whether this edit takes the header off the request."""
    return edit.action == "remove" or (edit.action == "set" and not edit.value.strip())


def written(edit: HeaderEdit, route: ProxyRoute) -> str:
    """How an edit reads in the file of that software, masked."""
    if route.software == "joxit-ui":
        return f"NGINX_PROXY_HEADER_{edit.name}={edit.value}"
    if edit.action == "remove":
        removing = {
            "caddy": f"header_up -{edit.name}",
            "haproxy": f"http-request del-header {edit.name}",
            "apache": f"RequestHeader unset {edit.name}",
            "traefik": f"the empty custom request header {edit.name} (or removeHeader)",
        }
        return removing.get(route.software, f"{edit.name} is removed")
    if edit.pattern:
        return {
            "caddy": f'header_up {edit.name} "{edit.pattern}" "{edit.value}"',
            "haproxy": f'http-request replace-header {edit.name} "{edit.pattern}" "{edit.value}"',
            "apache": f'RequestHeader edit {edit.name} "{edit.pattern}" "{edit.value}"',
        }.get(route.software, f"{edit.name}: {edit.value}")
    return {
        "nginx": f'proxy_set_header {edit.name} "{edit.value}"',
        "caddy": f'header_up {edit.name} "{edit.value}"',
        "haproxy": f'http-request {edit.action}-header {edit.name} "{edit.value}"',
        "apache": f'RequestHeader {edit.action} {edit.name} "{edit.value}"',
    }.get(route.software, f"{edit.name}: {edit.value}")


def is_open(edit: HeaderEdit, refused: Exchange | None) -> bool:
    """Whether it cannot be told that a line was in force: it has a condition, and no request that was refused is known to
    meet it."""
    return bool(edit.condition) and not (refused and edit.when and holds_for(edit.when, asked_for(refused)) is True)


def is_idle(edit: HeaderEdit, traffic: Traffic) -> bool:
    """Whether a line with a condition did nothing that was seen: the refused request does not meet the condition, or
    logins come through and none is refused."""
    refused = traffic.refused("via")
    if not edit.condition:
        return False
    if refused is None:
        return traffic.login_works
    return bool(edit.when) and holds_for(edit.when, asked_for(refused)) is False


def replaces(route: ProxyRoute) -> bool:
    """Whether this route replaces the client's credentials by others."""
    edit = route.edit("Authorization")
    return edit is not None and edit.action != "remove" and bool(edit.value.strip()) and edit.injected != "client"


def replacing(facts: Facts) -> Iterator[tuple[ProxyRoute, HeaderEdit]]:
    """The API's routes that send another Authorization, each line once; none before a registry without auth."""
    known = set[object]()
    for route in () if open_registry(facts) else api_routes(facts):
        edit = route.edit("Authorization")
        if edit is not None and replaces(route) and edit.place not in known and not is_idle(edit, facts.traffic):
            known.add(edit.place)
            yield route, edit


def open_registry(facts: Facts) -> bool:
    """A registry without auth behind a proxy that asks for credentials itself: there no edit does harm. One that was seen
    to ask by a realm of its own has auth, whatever the files at hand leave out."""
    registry = facts.stack.registry
    return registry is not None and registry.auth == "none" and not _asks_itself(facts)


def unknown_behind(facts: Facts, route: ProxyRoute) -> bool:
    """Whether a proxy that asks for credentials itself takes them off, and nothing shows that anybody behind it wants some:
    neither a registry's files nor its log nor its challenge."""
    registry, logged = (
        facts.stack.registry,
        facts.traffic.logged("no-usable-credential", "authentication-failure", "bcrypt-mismatch"),
    )
    return guarded(route) and not ((registry is not None and registry.known) or logged or _asks_itself(facts))


def _asks_itself(facts: Facts) -> bool:
    """Whether a challenge is the registry's: its answer, and none of the realms that the proxies ask by."""
    proxies = {r.auth.realm for r in facts.stack.routes if r.auth is not None and r.auth.kind == "basic"}
    asked = (e for e in facts.traffic.exchanges if e.status == 401 and e.voice == "program" and is_registrys(e))
    realms = {m[1] for e in asked if (m := _REALM.search(e.header("WWW-Authenticate") or ""))}
    return bool(proxies and realms - proxies)


_REALM = re.compile(r'\brealm="([^"]{1,300})"')


def guarded(route: ProxyRoute) -> bool:
    """A proxy that asks for credentials of its own first may send others behind it."""
    return route.auth is not None and not route.auth.except_methods


def opened(traffic: Traffic) -> Exchange | None:
    """A response through a proxy, to no or wrong credentials, that only right ones get; not the mere ping."""
    candidates = (
        e
        for e in traffic.on("via")
        if succeeded(e) and e.login_known and not is_authenticated(e) and e.method in ("GET", "HEAD")
    )
    asked = any(traffic.on("direct", authenticated=False, status=401)) or any(
        r.logger == "registry" and r.status == 401 and r.meaning for r in traffic.requests
    )
    found = [e for e in candidates if is_registrys(e)]
    beyond = [e for e in found if e.path.rstrip("/") != "/v2"]
    if beyond:
        return beyond[0] if asked else None
    challenged = any(e.status == 401 for e in traffic.on("via", authenticated=False))
    return found[0] if found and asked and not challenged else None


def refused_like_the_registry(traffic: Traffic) -> Exchange | None:
    """Credentials refused through the proxy, by the registry itself as far as its realm tells."""
    refused = traffic.refused("via")
    if refused is None:
        return None
    own = {e.header("WWW-Authenticate") for e in traffic.on("direct", status=401)}
    challenge = refused.header("WWW-Authenticate")
    if refused.response_headers and not is_registrys(refused):
        return None
    return refused if not own or challenge is None or challenge in own else None


def same_login(traffic: Traffic, refused: Exchange) -> Exchange | None:
    """The same credentials, accepted direct, and not refused there since."""
    mine, now = refused.credential, traffic.refused("direct")
    for exchange in traffic.on("direct", authenticated=True):
        theirs = exchange.credential
        same_user = theirs and mine and theirs.user in (mine.user, None)
        if not (succeeded(exchange) and theirs and mine and same_user):
            continue
        if now and now.credential and now.credential.user == theirs.user and (now.made or 0) > (exchange.made or 0):
            continue
        if None in (theirs.password, mine.password) or theirs.password == mine.password:
            return exchange
    return None


def matches_file(facts: Facts, refused: Exchange) -> bool:
    """Whether bcrypt says that the refused credentials are right."""
    mine = refused.credential
    return mine is not None and any(
        c.outcome == "accepted"
        and c.user == mine.user
        and c.password in (mine.password, None)
        and c.origin != "injected"
        for c in facts.checks
    )


def injected_matches(facts: Facts, edit: HeaderEdit) -> bool:
    """Whether bcrypt accepts the credentials that the proxy sends, written so that the registry can read them."""
    return edit.injected == "cleartext" and any(
        c.origin == "injected" and c.outcome == "accepted" and c.user == edit.user and c.password == edit.password
        for c in facts.checks
    )


def injected_fails(facts: Facts, edit: HeaderEdit) -> bool:
    """Whether bcrypt refuses the credentials that the proxy sends."""
    return any(
        c.origin == "injected" and c.password == edit.password and c.user == edit.user and c.outcome != "accepted"
        for c in facts.checks
    )


def refused_for(traffic: Traffic, *meanings: str) -> LoggedRequest | None:
    """The first request that the registry refused for one of these reasons."""
    return next(
        (r for r in traffic.requests if r.logger == "registry" and r.status == 401 and r.meaning in meanings), None
    )


def arrived(traffic: Traffic, sent: Exchange) -> list[Exchange]:
    """What a tap before the registry saw of such a request."""
    return [e for e in traffic.arrived if (e.method, e.path) == (sent.method, sent.path)]


_SAME = 5.0
"""Seconds within which two clocks tell of one request."""


def came_through(traffic: Traffic) -> bool:
    """Whether the registry logged, of a request that went through the proxy, that this very user's password was not right:
    then the header had arrived, whatever the proxy's file says. So it had where the same request is accepted each second
    time: several servers answer, and do not agree."""
    if any(succeeded(e) and e.route != "direct" for group in traffic.by_turns for e in group):
        return True
    if any("invalid_token" in (e.header("WWW-Authenticate") or "") for e in traffic.exchanges if e.route != "direct"):
        return True  # the registry judged a token
    judged = [e for e in traffic.logged(*MISMATCH) if e.user and e.host and e.when is not None]
    refused = [o for o in traffic.observations if o.route == "via" and o.status == 401 and o.user and not o.own]
    return any(
        e.user == o.user and asked.host == o.address.host and abs(e.when - o.when) <= _SAME
        for e in judged
        for o in refused
        if (asked := address_of(e.host)) and o.address and e.when is not None and o.when is not None
    )


def logs_that_refuse(facts: Facts) -> list[str]:
    """The registries' logs that show refused logins and none that was accepted, where another one shows accepted ones."""
    seen = [
        (o.source.file, o.ok)
        for o in facts.traffic.observations
        if isinstance(o.record, LoggedRequest) and o.witness == "registry"
    ]
    good = {file for file, ok in seen if ok}
    refused = [
        o for o in (c.observation for c in facts.traffic.complaints) if o.witness == "registry" and o.status == 401
    ]
    return list(dict.fromkeys(o.source.file for o in refused if o.source.file not in good)) if good else []


def another_login(traffic: Traffic, refused: Exchange) -> Item:
    """Credentials of somebody else that arrived instead of the client's: seen by a tap, or named in the log."""
    mine = refused.credential.user if refused.credential else None
    tapped = [e for e in arrived(traffic, refused) if e.credential is not None]
    if tapped and all(e.credential and e.credential.user != mine for e in tapped):
        sent = tapped[0].credential
        who = f"{sent.scheme} {sent.user or ''}".strip() if sent else ""
        return seen(tapped[0], what=f"{tapped[0].method} {tapped[0].path} arrived at the registry as {who}")
    logged = [
        r
        for r in traffic.requests
        if r.logger == "registry" and r.status == 401 and r.meaning in MISMATCH
        if r.uri.rstrip("/") == refused.path.rstrip("/")
    ]
    if mine and logged and not traffic.arrived and all(r.user and r.user != mine for r in logged):
        return as_logged(logged[0], f"credentials of {logged[0].user} arrived, not of {mine}")
    return None


def as_logged(request: LoggedRequest | None, what: str) -> EvidenceItem | None:
    """A request in the registry's log as a citation; None when there is none."""
    if request is None:
        return None
    return said(request, f"the registry's log for {request.method} {request.uri[:80]}: {what}")


def not_the_password(facts: Facts, direct: Exchange | None) -> tuple[Refutation, ...]:
    """The refutation: the same credentials are accepted direct, or match the file."""
    if direct is not None:
        why = f"the same credentials are accepted direct ({direct.source})"
    elif any(c.outcome == "accepted" and c.origin != "injected" for c in facts.checks):
        why = "the password matches the htpasswd file (bcrypt)"
    else:
        return ()
    return (Refutation(cause="htpasswd-wrong-password", because=why),)
