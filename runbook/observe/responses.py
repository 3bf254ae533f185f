"""Symptoms of a request that was answered, whoever saw it: a client, a browser, a log, a tap, our own probe."""

from urllib.parse import SplitResult

from runbook.model import Exchange, LoggedRequest, Route, Stack, Symptom
from runbook.observe.address import address_of
from runbook.observe.notes import LOGIN_401
from runbook.observe.routes import asks_across_origins, is_beside_a_page, is_guarded, only_a_page, only_pages
from runbook.observe.signature import from_registry, is_foreign, is_foreign_404, is_go_404, signed_by_proxy
from runbook.observe.words import STATUSES
from runbook.stack.browser import refusal, same_origin
from runbook.urls import urlsplit

S = Symptom


def of_exchange(exchange: Exchange, others: tuple[Exchange, ...], stack: Stack) -> list[Symptom]:
    """Symptoms of a request that was seen with its response. `others`: all requests, to compare with."""
    status = exchange.status or 0
    if not exchange.is_api or only_pages(exchange, stack) or is_beside_a_page(exchange, others, stack):
        return []
    found: list[Symptom] = [S.BROWSER_BLOCKED] if _is_blocked(exchange, stack) else []
    if status in (401, 403) and exchange.method == "OPTIONS":
        return [*found, S.PREFLIGHT_REFUSED] if _is_preflight(exchange, stack) else found
    if status == 401:
        found += _of_refusal(exchange, others)
    elif status == 403:
        found.append(S.FORBIDDEN)
    elif status == 400:
        found += _of_bad_request(exchange)
    elif status == 500 and from_registry(exchange):
        found.append(S.REGISTRY_500)
    elif status in STATUSES:
        found.append(STATUSES[status])
    elif status == 405 and exchange.method == "DELETE":
        found.append(S.DELETE_REFUSED)
    elif 300 <= status < 400 and status != 304 and not _is_blob_elsewhere(exchange):
        found.append(S.REDIRECTED)
    elif exchange.is_html or is_foreign_404(exchange) or is_foreign(exchange) or is_go_404(exchange):
        found.append(S.NOT_THE_API)
    elif status < 300 and exchange.method in ("GET", "HEAD") and _is_without_login(exchange):
        at = address_of(exchange.url)
        home = exchange.route == "direct" and at is not None and at.is_loopback
        if not (home and stack.registry and stack.registry.auth == "none" and is_guarded(stack)):
            found += _of_open_answer(exchange, others)
    if status < 400 and _location_is_elsewhere(exchange):
        found.append(S.LOCATION_WRONG)
    return found


def of_logged(request: LoggedRequest, stack: Stack) -> list[Symptom]:
    """Symptoms of one logged request. An anonymous 401 is none: it is how every login begins."""
    status = request.status or 0
    if not request.uri.startswith(("/v2", "//")):
        return [S.NOT_THE_API] if missed_below(request) else []
    if request.method == "OPTIONS":
        return [S.PREFLIGHT_REFUSED] if status == 401 and _is_a_pages(request, stack) else []
    if continues_upload(request.method, request.uri) and 400 <= status < 500 and status != 413:
        return _of_upload(request)
    if status == 401:
        return _of_logged_refusal(request)
    if status == 400:
        return [S.LOGIN_400] if request.logger == "registry" and request.meaning is not None else []
    if status == 404:
        ping = request.uri in ("/v2/", "/v2/_catalog") and request.logger in ("nginx", "caddy", "haproxy", "apache")
        return [S.NOT_THE_API] if ping and not only_a_page(stack) else []
    if status == 500 and request.logger == "registry":
        return [S.REGISTRY_500]
    if status in STATUSES:
        return [STATUSES[status]]
    if status == 405:
        return [S.DELETE_REFUSED] if request.method == "DELETE" else []
    if status in (301, 302, 307, 308) and (request.logger != "registry" or request.uri.startswith("//")):
        return [S.REDIRECTED]
    return []


def missed_below(request: LoggedRequest) -> str:
    """The folder of the page that called the API below itself and found nothing there: `/ui` of `/ui/v2/_catalog`."""
    sub, call, _ = request.uri.partition("/v2/")
    page = urlsplit(request.referer).path.removesuffix("index.html").rstrip("/")
    missed = request.status in (404, 405) and bool(call and sub) and request.logger != "registry"
    return sub if missed and page == sub else ""


def continues_upload(method: str, path: str) -> bool:
    """Whether a request goes on with an upload that the registry has taken before (POST, 202)."""
    return method in ("PATCH", "PUT") and "/blobs/uploads/" in path


def _of_upload(request: LoggedRequest) -> list[Symptom]:
    if request.answered_later or request.status == 416:
        return []
    if request.status != 401:
        return [S.UPLOAD_FAILS]
    without = request.meaning in (None, "no-usable-credential", "token-required") and not request.user
    return [S.UPLOAD_401] if without else _of_logged_refusal(request)


def _of_logged_refusal(request: LoggedRequest) -> list[Symptom]:
    if request.answered_later:
        return []
    if request.meaning in ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed"):
        return [S.LOGIN_401]
    return [S.LOGIN_401_VIA] if request.logger != "registry" and request.user else []


def _is_a_pages(request: LoggedRequest, stack: Stack) -> bool:
    """Whether a browser's page sent it across origins."""
    referer = urlsplit(request.referer)
    crosses = bool(referer.netloc) and (not request.host or referer.netloc.lower() != request.host.lower())
    return "Mozilla/" in request.agent and crosses and not (stack.ui and stack.ui.mode == "proxy")


# ---- 401 and 400 -------------------------------------------------------------------------------------------


def _of_refusal(exchange: Exchange, others: tuple[Exchange, ...]) -> list[Symptom]:
    credential = exchange.credential
    bare = exchange.header("WWW-Authenticate") is None and bool(exchange.response_headers)
    found: list[Symptom] = [S.CHALLENGE_MISSING] if bare else []
    if credential is None:
        if exchange.login_known and continues_upload(exchange.method, exchange.path):
            found.append(S.UPLOAD_401)
        if exchange.page is not None and not any(e.url == exchange.url and 0 < (e.status or 0) < 400 for e in others):
            found.append(LOGIN_401[exchange.route])
        return found
    if credential.intent == "wrong":
        return found
    if credential.scheme.lower() == "bearer":
        return [*found, S.TOKEN_REFUSED, LOGIN_401[exchange.route]]
    if exchange.route == "via" and _login(others, "direct", 401) and not _login(others, "direct", 200):
        return [*found, S.LOGIN_401_DIRECT]
    return [*found, LOGIN_401[exchange.route]]


def _login(exchanges: tuple[Exchange, ...], route: Route, status: int) -> bool:
    return any(
        e.route == route and e.is_api and e.status == status and e.credential and e.credential.intent != "wrong"
        for e in exchanges
    )


def _of_bad_request(exchange: Exchange) -> list[Symptom]:
    text = (exchange.body + exchange.detail).lower()
    if "http request to an https server" in text or "plain http request was sent to https" in text:
        return [S.SCHEME_MIXED]
    empty = exchange.credential is not None and not exchange.body.strip()
    return [S.LOGIN_400 if empty else S.FAILURE]


# ---- responses without a login ------------------------------------------------------------------------------


def _is_without_login(exchange: Exchange) -> bool:
    """Whether it is known that no right login was sent: what was not seen of the request is not known."""
    if exchange.credential is not None:
        return exchange.credential.intent == "wrong"
    return exchange.login_known and exchange.page is None  # browsers leave Authorization out of what they export


def _of_open_answer(exchange: Exchange, others: tuple[Exchange, ...]) -> list[Symptom]:
    """An answer without a right login: the registry is open, or a hop on the way is."""
    if exchange.route == "direct" or (exchange.route == "unknown" and not signed_by_proxy(exchange)):
        return [S.OPEN_DIRECT]
    refused = [e for e in others if e.status == 401 and e.is_api]
    anonymous = [e for e in refused if e.credential is None]
    if any(e.route == "via" for e in anonymous) and exchange.path.rstrip("/") == "/v2":
        return [S.PING_OPEN]
    if any(e.route == "direct" for e in refused):
        return [S.OPEN_VIA]
    if any(e.route == "direct" and e.is_api and e.credential is None and e.status == 200 for e in others):
        return []
    return [S.OPEN_VIA] if anonymous else [S.OPEN_DIRECT]


# ---- browsers and addresses ---------------------------------------------------------------------------------


def _is_blocked(exchange: Exchange, stack: Stack) -> bool:
    """Whether a browser keeps this answer from the page: another origin that is not allowed by name.

    A request that somebody made with the page's origin counts where the page calls the registry itself.
    """
    origin = exchange.sent("Origin")
    ours = origin is not None and asks_across_origins(stack, origin)
    page = exchange.page or (origin if ours else None)
    if page is None or exchange.method == "OPTIONS" or same_origin(page, exchange.url):
        return False
    if origin is None and exchange.error is None:
        return False
    login = exchange.credential is not None or exchange.header("Access-Control-Allow-Credentials") == "true"
    return refusal(page, exchange.response_headers, credentials=login) is not None


def _is_preflight(exchange: Exchange, stack: Stack) -> bool:
    """A refused OPTIONS hurts only a browser that calls the registry across origins: one that did, a page that does by
    its configuration, or one whose origin the registry allows by name."""
    if exchange.page is not None:
        return True
    asked = exchange.sent("Access-Control-Request-Method") is not None
    origin = exchange.sent("Origin")
    named = origin is not None and exchange.header("Access-Control-Allow-Origin") == origin
    if asked and origin and named and exchange.source.file != "probe" and not same_origin(origin, exchange.url):
        return True
    return asked and asks_across_origins(stack, exchange.sent("Origin") or "http://page.invalid")


def _is_blob_elsewhere(exchange: Exchange) -> bool:
    """A storage driver sends clients to its own address for blobs: no redirect of the API."""
    return exchange.status == 307 and "/blobs/" in exchange.path


def _location_is_elsewhere(exchange: Exchange) -> bool:
    """Whether an upload's Location leads to another scheme, host or port than the one used."""
    location = exchange.header("Location")
    if not location or "://" not in location or exchange.method not in ("POST", "PATCH", "PUT"):
        return False
    return _place(urlsplit(location)) != _place(urlsplit(exchange.url))


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; http://a and http://a:80 are the same place."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
