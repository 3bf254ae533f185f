"""Whether the client hears that it should log in: the challenge on its way through a hop."""

from collections.abc import Iterator

from runbook.model import Certainty, Evidence, Exchange, Finding, Place, ProxyRoute, Refutation, Stack, Symptom
from runbook.observe.routes import signed_by_proxy
from runbook.observe.traffic import Traffic, succeeded
from runbook.rules.base import rule
from runbook.rules.hop_edits import drop, drop_block
from runbook.rules.hops import Front, api_routes, challenge_of, front_url, fronts, hop, item, name, repair, seen

S, C = Symptom, Certainty


@rule(
    "ping-not-challenged",
    sees=("routes", "exchanges"),
    step="headers",
    title="GET /v2/ is answered 200 without a login, although other requests need one",
    fix="Let GET /v2/ reach the registry, so that it can ask for the login there.",
    source="run: nginx `location = /v2/ { return 200; }`: a real docker push prints unauthorized: authentication required",
)
def ping_not_challenged(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Clients decide on GET /v2/ whether to log in at all. Answered 200 without a challenge, they never send a login,
    `docker login` accepts any password, and the first request that needs one fails."""
    beyond = next((e for e in traffic.on("via", status=401) if e.path.rstrip("/") != "/v2"), None)
    opened = _open_ping(traffic, page_counts=beyond is not None)
    told = False
    for front in fronts(stack, evidence.compose):
        found = _answers_ping(front, stack)
        if found is None:
            continue
        told = True
        yield Finding(
            cause="ping-not-challenged",
            summary=f"{name(found)} answers GET /v2/ itself with 200, so clients believe that no login is needed.",
            certainty=C.PROVEN if opened else C.READ,
            explains=(S.PING_OPEN, S.LOGIN_401, S.OPEN_VIA, S.NO_CREDENTIAL_SENT, S.NOT_THE_API),
            evidence=(
                item("GET /v2/ ends here, without a challenge", _ping_place(found)),
                *(seen(e) for e in (opened, beyond) if e),
            ),
            hop=hop(found),
            refuted=(Refutation(cause="auth-not-enforced", because="the other requests still need a login"),),
            fix=repair(
                found,
                f"Delete this answer ({_ping_place(found)}) and let GET /v2/ go to the registry. A monitor may take 401 as alive.",
                f"curl -sSi {front_url(traffic, stack, found, evidence.compose)}/v2/ | head -1   # 401, with WWW-Authenticate",
            ),
            edits=drop_block(evidence, found.place) if found.kind == "return" and found.software == "nginx" else (),
            proves=True,
        )
    if not told and opened and beyond and not _is_root_answer(opened):
        route = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="ping-not-challenged",
            summary="Through the proxy GET /v2/ is open, other requests want a login: clients never send one.",
            certainty=C.SEEN,
            explains=(S.PING_OPEN, S.LOGIN_401, S.OPEN_VIA, S.NO_CREDENTIAL_SENT, S.NOT_THE_API),
            evidence=(seen(opened), seen(beyond)),
            hop=hop(route) if route else "proxy -> registry",
            refuted=(
                Refutation(cause="proxy-bypasses-auth", because="other requests through the proxy still get 401"),
            ),
        )


def _open_ping(traffic: Traffic, *, page_counts: bool) -> Exchange | None:
    """A ping that got 200 without a login; the page of a proxy counts where the rest of the API is behind it."""
    pings = (
        e for e in traffic.on("via", authenticated=False) if e.path.rstrip("/") == "/v2" and e.method in ("GET", "HEAD")
    )
    return next((e for e in pings if succeeded(e) or (page_counts and e.status == 200)), None)


def _is_root_answer(exchange: Exchange) -> bool:
    """The registry's 200 for `/`: another fault (the path was cut)."""
    return not exchange.body.strip() and exchange.header("Docker-Distribution-Api-Version") is None


def _answers_ping(front: Front, stack: Stack) -> ProxyRoute | None:
    """The route that answers the ping with 200 while the rest of the API is proxied."""
    ping = front.ping
    if ping is None or not front.api:
        return None
    if ping.kind == "return" and ping.status is not None and 200 <= ping.status < 300:
        return ping
    unguarded = stack.registry is not None and stack.registry.auth == "none"
    guard = front.upload.auth if front.upload else None
    if unguarded and guard and ping.kind == "proxy" and (ping.auth is None or "GET" in ping.auth.except_methods):
        return ping
    return None


def _ping_place(route: ProxyRoute) -> Place:
    return route.auth.place if route.auth and route.kind == "proxy" else route.place


@rule(
    "www-authenticate-missing",
    sees=("routes", "exchanges"),
    step="headers",
    title="a hop drops the challenge",
    fix="Delete the line that hides WWW-Authenticate, or send the challenge with the hop's own 401.",
    source="run: proxy_hide_header WWW-Authenticate (nginx 1.22), header_down (Caddy), http-response del-header (HAProxy)",
)
def www_authenticate_missing(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A 401 without WWW-Authenticate does not say how to log in, so clients give up: skopeo says "invalid
    username/password", docker login prints only the status, a browser shows no prompt."""
    silent = [e for e in traffic.on("via", status=401) if e.response_headers and e.header("WWW-Authenticate") is None]
    told = False
    for route in dict.fromkeys(r for f in fronts(stack, evidence.compose) for r in (*f.api, *_bare_refusals(f))):
        hides = [
            e for e in route.response_headers if e.name.lower() == "www-authenticate" and _is_gone(e.action, e.value)
        ]
        bare = route.kind == "return" and route.status == 401
        if told or not (hides or bare) or (hides and hides[-1].condition):
            continue
        place = hides[-1].place if hides else route.place
        told = True
        yield Finding(
            cause="www-authenticate-missing",
            summary=f"{name(route)} sends 401 without WWW-Authenticate: clients are not told that they should log in.",
            certainty=C.PROVEN if silent else C.READ,
            explains=(S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401, S.NO_CREDENTIAL_SENT),
            evidence=(
                item("the challenge is taken out here" if hides else "401 is answered here without a challenge", place),
                *(seen(e) for e in silent[:1]),
            ),
            hop=hop(route),
            fix=repair(
                route,
                f"Delete this line ({place}): the registry's challenge then passes.",
                f"curl -sSi {front_url(traffic, stack, route, evidence.compose)}/v2/ | grep -i '^www-authenticate'",
            ),
            edits=drop(evidence, place, _HIDES) if hides else drop_block(evidence, place),
            proves=True,
        )
    told = told or bool(traffic.works("via") and not silent)
    direct = next((e for e in traffic.on("direct", status=401) if e.header("WWW-Authenticate")), None)
    if not told and silent and (direct or signed_by_proxy(silent[0])):
        yield _dropped(silent[0], direct, evidence, stack, traffic)


_HIDES = (
    r"proxy_hide_header\s+[\"']?www-authenticate[\"']?\s*;|more_clear_headers[^;]*;|(?:header_down|header)\s+-www-authenticate.*"
    r"|http-response\s+del-header\s+www-authenticate.*|Header\s+(?:always\s+)?unset\s+\"?www-authenticate.*"
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


def _dropped(silent: Exchange, direct: Exchange | None, evidence: Evidence, stack: Stack, traffic: Traffic) -> Finding:
    route = next(api_routes(stack, evidence.compose), None)
    request = route.auth is not None and route.auth.kind == "request" if route else False
    why = " Its auth_request asks a service that answers 401 without a challenge." if request else ""
    return Finding(
        cause="www-authenticate-missing",
        summary=f"Through the proxy 401 comes without WWW-Authenticate, so clients are not told how to log in.{why}",
        certainty=C.SEEN,
        explains=(S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401),
        evidence=(seen(silent), *([seen(direct, f": {challenge_of(direct)}")] if direct else [])),
        hop=hop(route) if route else "proxy -> registry",
        fix=repair(
            route or ProxyRoute(software="nginx", place=silent.source),
            "Look for a line in the proxy's configuration that hides or removes WWW-Authenticate, and delete it.",
            f"curl -sSi {front_url(traffic, stack, route, evidence.compose)}/v2/ | grep -i '^www-authenticate'",
            before=("grep -rni 'www-authenticate' .",),
        ),
    )
