"""Symptoms that requests and their answers show."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from runbook.model import Exchange, Route, Stack, Symptom
from runbook.observe.notes import LOGIN_401, STATUSES, Notes, describe
from runbook.observe.routes import asks_across_origins, foreign, only_pages, signed_by_proxy
from runbook.stack.browser import refusal, same_origin
from runbook.urls import urlsplit

if TYPE_CHECKING:
    from runbook.observe.traffic import Traffic

S = Symptom

_FAILURES: dict[str, Symptom] = {
    "refused": S.UNREACHABLE,
    "reset": S.EMPTY_REPLY,
    "empty-reply": S.EMPTY_REPLY,
    "timeout": S.UNREACHABLE,
    "dns": S.NAME_UNKNOWN,
    "tls-untrusted": S.TLS_FAILED,
    "tls-name": S.TLS_FAILED,
    "tls-expired": S.TLS_FAILED,
    "tls-protocol": S.SCHEME_MIXED,
    "http-on-https": S.SCHEME_MIXED,
    "blocked": S.BROWSER_BLOCKED,
    "other": S.FAILURE,
}


def from_exchanges(traffic: Traffic, stack: Stack, notes: Notes) -> None:
    """Note the symptoms of every request seen."""
    accepted = {
        (e.route, e.credential.user)
        for e in traffic.exchanges
        if e.credential and e.credential.intent != "wrong" and e.status and e.status < 300 and not e.is_html
    }
    for exchange in traffic.exchanges:
        what, where = describe(exchange), str(exchange.source)
        if exchange.error:
            shown = f"({exchange.certificate})" if exchange.certificate else ""
            told = " ".join(part for part in (what, exchange.detail, shown) if part)
            notes.add(_FAILURES.get(exchange.error, S.FAILURE), told, where)
        elif exchange.status is not None and exchange.is_api and not only_pages(exchange, stack):
            for symptom in _of_answer(exchange, traffic, stack, accepted):
                notes.add(symptom, what, where)
    _compare_challenges(traffic, notes)


def _of_answer(
    exchange: Exchange, traffic: Traffic, stack: Stack, accepted: set[tuple[Route, str | None]]
) -> list[Symptom]:
    status, credential = exchange.status or 0, exchange.credential
    found: list[Symptom] = []
    if _is_blocked(exchange, stack):
        found.append(S.BROWSER_BLOCKED)
    if status in (401, 403) and exchange.method == "OPTIONS":
        return [*found, S.PREFLIGHT_REFUSED] if _is_preflight(exchange, stack) else found
    if status == 401:
        found += _of_refusal(exchange, traffic, accepted)
    elif status == 403:
        found.append(S.FORWARD_PROXY if not exchange.header("Docker-Distribution-Api-Version") else S.FAILURE)
    elif status == 400 and credential is not None and not exchange.body.strip():
        found.append(S.LOGIN_400)
    elif status == 400:
        text = (exchange.body + exchange.detail).lower()
        found.append(S.SCHEME_MIXED if "http request to an https server" in text or "plain http" in text else S.FAILURE)
    elif status in STATUSES:
        found.append(STATUSES[status])
    elif status == 405 and exchange.method == "DELETE":
        found.append(S.DELETE_REFUSED)
    elif 300 <= status < 400 and status != 304:
        found.append(S.REDIRECTED)
    elif exchange.is_html or _is_foreign_404(exchange) or foreign(exchange):
        found.append(S.NOT_THE_API)
    elif status < 300 and not _may_carry_login(exchange) and exchange.method in ("GET", "HEAD"):
        found += _of_open_answer(exchange, traffic)
    if status < 400 and _location_is_elsewhere(exchange):
        found.append(S.LOCATION_WRONG)
    return found


def _may_carry_login(exchange: Exchange) -> bool:
    """Whether a right login was sent, or may have been: an answer whose request was not seen does not say."""
    return exchange.credential.intent != "wrong" if exchange.credential else not exchange.login_known


def _of_refusal(exchange: Exchange, traffic: Traffic, accepted: set[tuple[Route, str | None]]) -> list[Symptom]:
    found: list[Symptom] = []
    credential = exchange.credential
    if exchange.header("WWW-Authenticate") is None and exchange.response_headers:
        found.append(S.CHALLENGE_MISSING)
    if credential is None:
        if exchange.page is not None and not _later_success(exchange, traffic):
            found.append(LOGIN_401[exchange.route])
        return found
    if credential.intent == "wrong" or (exchange.route, credential.user) in accepted:
        return found
    if credential.scheme.lower() == "bearer":
        return [*found, S.TOKEN_REFUSED, LOGIN_401[exchange.route]]
    if exchange.route == "via" and traffic.refused("direct") is not None and traffic.works("direct") is None:
        return [*found, S.LOGIN_401_DIRECT]
    return [*found, LOGIN_401[exchange.route]]


def _of_open_answer(exchange: Exchange, traffic: Traffic) -> list[Symptom]:
    """An answer without a right login: the registry is open, or a hop on the way is."""
    if exchange.page is not None:
        return []  # browsers leave Authorization out of what they export
    if exchange.route == "direct" or (exchange.route == "unknown" and not signed_by_proxy(exchange)):
        return [S.OPEN_DIRECT]
    challenged = [e for e in traffic.exchanges if e.status == 401 and e.is_api and e.credential is None]
    if any(e.route == "via" for e in challenged) and exchange.path.rstrip("/") == "/v2":
        return [S.PING_OPEN]
    if any(e.route == "direct" for e in traffic.exchanges if e.status == 401):
        return [S.OPEN_VIA]
    if any(e.route == "direct" and e.status == 200 for e in traffic.on("direct", authenticated=False)):
        return []
    return [S.OPEN_VIA] if challenged else [S.OPEN_DIRECT]


def _compare_challenges(traffic: Traffic, notes: Notes) -> None:
    """Two realms on one way: two logins are asked for, and one header cannot carry both."""
    realms: dict[str, Exchange] = {}
    for exchange in traffic.exchanges:
        challenge = exchange.header("WWW-Authenticate")
        if exchange.status == 401 and exchange.is_api and challenge and exchange.route != "direct":
            realms.setdefault(challenge, exchange)
    if len(realms) > 1:
        for challenge, exchange in realms.items():
            notes.add(S.CHALLENGE_FOREIGN, f"{describe(exchange)}: {challenge}", str(exchange.source))


def _is_blocked(exchange: Exchange, stack: Stack) -> bool:
    """Whether a browser keeps this answer from the page: another origin that is not allowed by name.

    Our own probe with the page's origin counts where the page calls the registry itself.
    """
    origin = exchange.sent("Origin")
    ours = exchange.source.file == "probe" and origin is not None and asks_across_origins(stack, origin)
    page = exchange.page or (origin if ours else None)
    if page is None or exchange.method == "OPTIONS" or same_origin(page, exchange.url):
        return False
    if exchange.sent("Origin") is None and exchange.error is None:
        return False
    login = exchange.credential is not None or exchange.header("Access-Control-Allow-Credentials") == "true"
    return refusal(page, exchange.response_headers, credentials=login) is not None


def _is_preflight(exchange: Exchange, stack: Stack) -> bool:
    """A refused OPTIONS hurts only a browser that calls the registry across origins."""
    if exchange.page is not None:
        return True
    asked = exchange.sent("Access-Control-Request-Method") is not None
    return asked and asks_across_origins(stack, exchange.sent("Origin") or "http://page.invalid")


def _later_success(exchange: Exchange, traffic: Traffic) -> bool:
    return any(e.url == exchange.url and e.status and e.status < 400 for e in traffic.exchanges)


def _is_foreign_404(exchange: Exchange) -> bool:
    """A 404 that no registry wrote: neither its header nor its JSON."""
    if exchange.status != 404 or exchange.header("Docker-Distribution-Api-Version"):
        return False
    return "errors" not in exchange.body and "json" not in (exchange.header("Content-Type") or "")


def _location_is_elsewhere(exchange: Exchange) -> bool:
    """Whether an upload's Location leads to another scheme, host or port than the one used."""
    location = exchange.header("Location")
    if not location or "://" not in location or exchange.method not in ("POST", "PATCH", "PUT"):
        return False
    there, here = urlsplit(location), urlsplit(exchange.url)
    return _place(there) != _place(here)


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; http://a and http://a:80 are the same place."""
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)
