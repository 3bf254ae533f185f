"""Whether clients are asked for credentials: the challenge on its way back through a proxy."""

import re
from collections.abc import Iterator

from runbook.model import Edit, Exchange, Finding, Place, ProxyRoute, Refutation, Symptom
from runbook.model.command import Command
from runbook.observe.pings import open_pings
from runbook.observe.signature import from_registry, is_registrys, signed_by_proxy
from runbook.observe.traffic import Traffic, succeeded
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import by_command, drop, drop_block, drop_line, drop_lines
from runbook.rules.hops import (
    Front,
    aside,
    challenge_check,
    challenge_of,
    first_route,
    fronts,
    hop,
    is_whole,
    name,
    search_files,
    site,
)
from runbook.rules.reloads import proxy_fix

S = Symptom


@rule(
    "ping-not-challenged",
    needs_any=("routes", "exchanges", "logs"),
    step="headers",
    title="GET /v2/ answers 200 without credentials, although other requests need them",
    explains=(S.PING_OPEN, S.LOGIN_401, S.OPEN_VIA, S.NO_CREDENTIAL_SENT, S.NOT_THE_API),
    fix="Let GET /v2/ reach the registry, so that it can ask for credentials there",
    source="run: nginx `location = /v2/ { return 200; }`: a real docker push prints unauthorized: authentication required",
)
def ping_not_challenged(facts: Facts) -> Iterator[Finding]:
    """Clients decide on GET /v2/ whether to log in at all. Answered 200 without a challenge, they never send
    credentials, `docker login` accepts any password, and the first request that needs them fails."""
    beyond = next((e for e in facts.traffic.on("via", status=401) if e.path.rstrip("/") != "/v2"), None)
    opened = _open_ping(facts.traffic, page_counts=beyond is not None)
    logged = next(open_pings(facts.traffic.requests), None)
    found = [route for front in fronts(facts) if (route := _answers_ping(front, facts))]
    for route in found:
        place = route.auth.place if route.auth and route.kind == "proxy" else route.place
        own = route.kind == "return" and route.software == "nginx"
        edits = drop_block(facts.evidence, route.place) if own else _answer_line(facts, route)
        spares = route.kind == "proxy" and route.auth is not None
        yield finding(
            f"{name(route)} asks for credentials on some methods only, and GET /v2/ is open: clients believe that none are needed."
            if spares
            else f"{name(route)} answers GET /v2/ itself with 200, so clients believe that no credentials are needed.",
            read(f"GET /v2/ {'passes' if spares else 'ends'} here, without a challenge", place),
            seen(opened),
            seen(beyond) if opened else aside(seen(beyond)),
            [said(request) for request in logged or ()],
            hop=hop(route),
            refuted=(Refutation(cause="auth-not-enforced", because="the other requests still need credentials"),),
            fix=proxy_fix(
                facts,
                route,
                f"Ask for the same credentials at GET /v2/, in a location of its own ({place}): clients send them only where the "
                "ping asked for them"
                if spares
                else f"Delete this answer ({place}) and let GET /v2/ go to the registry. A monitor may take 401 as alive",
                challenge_check(facts, route),
                edits=edits,
                at=place,
            ),
            edits=edits,
            proves=True,
            about=site(facts, route),
        )
    at_wire = [seen(opened), seen(beyond)] if opened and beyond and not _is_root_answer(opened) else []
    if not found and (at_wire or logged):
        route = first_route(facts)
        yield finding(
            "Through the proxy GET /v2/ is open, other requests need credentials: clients never send any.",
            at_wire,
            [said(request) for request in logged or ()],
            hop=hop(route),
            refuted=(
                Refutation(cause="proxy-bypasses-auth", because="other requests through the proxy still get 401"),
            ),
            fix=proxy_fix(facts, route, _let_through(route), challenge_check(facts, route)),
        )


def _let_through(route: ProxyRoute | None) -> str:
    """What to do where no file at hand shows who answers the ping."""
    if route is None or route.kind != "proxy":
        return "Let GET /v2/ reach the registry through the proxy"
    return (
        f"{route.place.file}, as it is here, forwards GET /v2/ to the registry; what answered it is another version of it, "
        "or something before it. Start the proxy with this file; if the ping stays open, look for who answers first"
    )


def _answer_line(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    """The edit that takes out the line of Caddy, HAProxy or Apache that answers the ping."""
    if route.kind == "return" and route.software == "apache":
        path = re.escape(route.path)
        return drop_lines(facts.evidence, route, rf"^\s*(?:ProxyPassMatch\s+{path}\s+!|AliasMatch\s+{path}\s)")
    pattern = {"caddy": r"^\s*respond\s+/v2/?\s.*[^{]$", "haproxy": r"^\s*http-request\s+return\s.*\bpath\s+/v2/?\s"}
    if route.kind != "return" or route.software not in pattern:
        return ()
    return drop_line(facts.evidence, route.place, pattern[route.software])


def _open_ping(traffic: Traffic, *, page_counts: bool) -> Exchange | None:
    """A ping that got 200 without credentials; the page of a proxy counts where the rest of the API is behind it."""
    pings = (
        e for e in traffic.on("via", authenticated=False) if e.path.rstrip("/") == "/v2" and e.method in ("GET", "HEAD")
    )
    return next((e for e in pings if succeeded(e) or (page_counts and e.status == 200)), None)


def _is_root_answer(exchange: Exchange) -> bool:
    """The registry's 200 for `/`: another fault (the path was cut)."""
    return not exchange.body.strip() and not is_registrys(exchange)


def _answers_ping(front: Front, facts: Facts) -> ProxyRoute | None:
    """The route that answers the ping with 200 while the rest of the API is proxied."""
    ping, registry = front.ping, facts.stack.registry
    if ping is None or not front.api:
        return None
    if ping.kind == "return" and ping.status is not None and 200 <= ping.status < 300:
        return ping
    open_ping = _open_ping(facts.traffic, page_counts=False) is not None
    unguarded = registry is not None and (registry.auth == "none" or (registry.auth == "unknown" and open_ping))
    guard = front.upload.auth if front.upload else None
    if unguarded and guard and ping.kind == "proxy" and (ping.auth is None or "GET" in ping.auth.except_methods):
        return ping
    return None


@rule(
    "www-authenticate-missing",
    needs_any=("routes", "exchanges"),
    step="headers",
    title="the proxy removes WWW-Authenticate",
    explains=(S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401),
    fix="Delete the line that hides WWW-Authenticate, or send the challenge with the proxy's own 401",
    source="run: proxy_hide_header WWW-Authenticate (nginx 1.22), header_down (Caddy), http-response del-header (HAProxy)",
)
def www_authenticate_missing(facts: Facts) -> Iterator[Finding]:
    """A 401 without WWW-Authenticate does not say how to log in, so clients give up: skopeo says "invalid
    username/password", docker login prints only the status, a browser shows no prompt."""
    traffic = facts.traffic
    silent = next(
        (
            e
            for e in traffic.exchanges
            if e.status == 401 and e.is_api and e.response_headers and e.header("WWW-Authenticate") is None
            # The registry challenges with every 401: its own body without a challenge passed a proxy.
            if e.route == "via" or (e.route == "unknown" and from_registry(e))
        ),
        None,
    )
    if found := next(_hidden(facts), None):
        yield _hidden_by(facts, *found, silent)
        return
    if (paged := _paged(facts)) is not None:
        yield paged
        return
    direct = next((e for e in traffic.on("direct", status=401) if e.header("WWW-Authenticate")), None)
    if silent and (direct or signed_by_proxy(silent) or from_registry(silent)):
        yield _missing_on_the_way(facts, silent, direct)


def _hidden(facts: Facts) -> Iterator[tuple[ProxyRoute, Place, bool]]:
    """Routes that send 401 without a challenge, the line that does it, and whether that one hides the registry's."""
    for route in dict.fromkeys(r for f in fronts(facts) for r in (*f.api, *_bare_refusals(f))):
        hides = [
            e for e in route.response_headers if e.name.lower() == "www-authenticate" and _is_gone(e.action, e.value)
        ]
        if hides and (not hides[-1].condition or _holds(facts)):
            yield route, hides[-1].place, True
        elif not hides and route.kind == "return" and route.status == 401:
            yield route, route.place, False


def _paged(facts: Facts) -> Finding | None:
    """Traefik's `errors` gives another server's page, with the headers of that page: the challenge is gone, where it is
    seen that the page has none of its own."""
    route = next((r for f in fronts(facts) for r in f.api if r.answers_for), None)
    bare = next(
        (
            e
            for e in facts.traffic.exchanges
            if e.status == 401 and e.is_api and e.route != "direct" and e.response_headers and not from_registry(e)
            if e.header("WWW-Authenticate") is None
        ),
        None,
    )
    if route is None or route.answers_for is None or bare is None:
        return None
    return finding(
        f"{name(route)} puts an error page in the place of the registry's 401, and its challenge goes with it.",
        read("401 is among the statuses that get a page", route.answers_for),
        seen(bare),
        explains=(S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401, S.NO_CREDENTIAL_SENT),
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            f"Take 401 out of these statuses ({route.answers_for}): the registry's challenge then passes",
            challenge_check(facts, route),
            at=route.answers_for,
        ),
        proves=True,
        about=site(facts, route),
    )


def _holds(facts: Facts) -> bool:
    """Whether the condition of a line that hides the challenge is seen to hold: the registry's own 401 came without."""
    return any(
        e.status == 401 and e.response_headers and e.header("WWW-Authenticate") is None and from_registry(e)
        for e in facts.traffic.exchanges
    )


def _hidden_by(facts: Facts, route: ProxyRoute, place: Place, hides: bool, silent: Exchange | None) -> Finding:
    lines = [
        e.place for e in route.response_headers if e.name.lower() == "www-authenticate" and _is_gone(e.action, e.value)
    ]
    every = dict.fromkeys(e for line in lines for e in drop(facts.evidence, line, _HIDES))
    edits = tuple(every) if hides else drop_block(facts.evidence, place)
    return finding(
        f"{name(route)} sends 401 without WWW-Authenticate: clients are not asked for credentials.",
        read("the challenge is removed here" if hides else "401 is answered here without a challenge", place),
        seen(silent),
        explains=(S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401, S.NO_CREDENTIAL_SENT),
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            f"Delete {'these lines' if len(set(lines)) > 1 else 'this line'} ({', '.join(dict.fromkeys(map(str, lines or [place])))}): "
            "the registry's challenge then passes",
            challenge_check(facts, route),
            edits=edits,
            at=place,
            before=() if edits else _shown_again(facts, route, place),
        ),
        edits=edits,
        proves=True,
        about=site(facts, route),
    )


def _shown_again(facts: Facts, route: ProxyRoute, place: Place) -> tuple[Command, ...]:
    """Where no diff can show the line: HAProxy's has nothing else in it."""
    if route.software != "haproxy":
        return ()
    return by_command(facts.evidence, place, r"^\s*http-response\s+del-header\s+www-authenticate\b", None)


_HIDES = (
    r"proxy_hide_header\s+[\"']?www-authenticate[\"']?\s*;|more_clear_headers[^;]*;|(?:header_down|header)\s+-www-authenticate.*"
    r"|^\s*-www-authenticate\s*$|http-response\s+del-header\s+www-authenticate.*|Header\s+(?:always\s+)?unset\s+\"?www-authenticate.*"
    r"|(?:-\s*)?[\"']?traefik\.[\w.-]*customresponseheaders\.www-authenticate.*"
)


def _is_gone(action: str, value: str) -> bool:
    return action == "remove" or (action == "set" and not value)


def _bare_refusals(front: Front) -> Iterator[ProxyRoute]:
    """`if ($http_authorization = "") { return 401; }` and its kin, without a challenge of their own."""
    for route in front.routes:
        own = any(e.name.lower() == "www-authenticate" and e.always for e in route.response_headers)
        if route.kind == "return" and route.status == 401 and not own and "authorization" in route.condition.lower():
            yield route


def _missing_on_the_way(facts: Facts, silent: Exchange, direct: Exchange | None) -> Finding:
    """No file shows it: through the proxy the challenge is missing."""
    route = first_route(facts)
    request = route is not None and route.auth is not None and route.auth.kind == "request"
    whole = is_whole(facts, route)
    own = silent.is_html and from_registry(silent) is False
    why = " Its auth_request asks a service that answers 401 without a challenge." if request else ""
    if own and not request:
        why = (
            " The page is the proxy's own: it refuses by itself, as for a single sign-on (auth_request, forward auth)."
        )
    advice = (
        "Take /v2/ out of the proxy's own check, so that the registry asks for credentials itself, or let the service that "
        "it asks send a challenge"
        if own
        else "Search the proxy's configuration for a line that hides or removes WWW-Authenticate, and delete it"
        if not whole or route is None
        else f"{route.place.file}, as it is here, removes no WWW-Authenticate: reload the proxy with this file and ask again; "
        "if the challenge is still missing, search its other files and whatever is in front of it"
    )
    return finding(
        f"Through the proxy 401 comes without WWW-Authenticate, so clients are not asked for credentials.{why}",
        seen(silent),
        seen(direct, f": {challenge_of(direct)}") if direct else None,
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            advice,
            challenge_check(facts, route),
            before=(search_files("auth_request", "forward_?auth", "return 401"),)
            if own
            else (() if whole else (search_files("www-authenticate"),)),
        ),
    )
