"""Naming what is suffered from: every source of evidence is asked for the symptoms that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from runbook.model import (
    Evidence,
    EvidenceItem,
    Exchange,
    LogFile,
    LoggedRequest,
    Meaning,
    Message,
    MessageKind,
    Observation,
    Route,
    Stack,
    Symptom,
)
from runbook.rules.routing import Routing, signed_by_proxy

if TYPE_CHECKING:
    from runbook.rules.wire import Wire

S = Symptom
_KEPT = 4
"""Places shown per symptom: more would not convince anybody further."""

LOGIN_401: dict[Route, Symptom] = {
    "direct": S.LOGIN_401_DIRECT,
    "via": S.LOGIN_401_VIA,
    "unknown": S.LOGIN_401,
}

_FAILURES: dict[str, Symptom] = {
    "refused": S.UNREACHABLE,
    "reset": S.EMPTY_REPLY,
    "empty-reply": S.EMPTY_REPLY,
    "timeout": S.UNREACHABLE,
    "dns": S.NAME_UNKNOWN,
    "tls-untrusted": S.TLS_FAILED,
    "tls-name": S.TLS_FAILED,
    "tls-protocol": S.SCHEME_MIXED,
    "http-on-https": S.SCHEME_MIXED,
    "blocked": S.BROWSER_BLOCKED,
    "other": S.FAILURE,
}

_STATUSES: dict[int, Symptom] = {
    413: S.TOO_LARGE,
    500: S.PROXY_500,
    502: S.BAD_GATEWAY,
    503: S.BAD_GATEWAY,
    504: S.GATEWAY_TIMEOUT,
}

_MESSAGES: dict[MessageKind, Symptom] = {
    "unauthorized": S.LOGIN_401,
    "invalid-username-password": S.LOGIN_401,
    "no-basic-auth": S.NO_CREDENTIAL_SENT,
    "denied": S.FAILURE,
    "refused": S.UNREACHABLE,
    "reset": S.EMPTY_REPLY,
    "eof": S.EMPTY_REPLY,
    "timeout": S.UNREACHABLE,
    "no-such-host": S.NAME_UNKNOWN,
    "x509-unknown-authority": S.TLS_FAILED,
    "x509-name": S.TLS_FAILED,
    "x509-expired": S.TLS_FAILED,
    "http-to-https-client": S.SCHEME_MIXED,
    "https-to-http-server": S.SCHEME_MIXED,
    "blob-upload": S.UPLOAD_FAILS,
    "too-large": S.TOO_LARGE,
    "cors": S.BROWSER_BLOCKED,
    "mixed-content": S.BROWSER_BLOCKED,
    "ui-cors-hint": S.FAILURE,
    "helper-failed": S.NO_CREDENTIAL_SENT,
    "compose-refused": S.COMPOSE_REFUSED,
    "container-exited": S.NOT_STARTED,
    "token-endpoint-failed": S.TOKEN_SERVICE,
    "method-unsupported": S.DELETE_REFUSED,
    "other-error": S.FAILURE,
}

_EVENTS: dict[Meaning, Symptom] = {
    "file-refused": S.LOGIN_400,
    "file-unreadable": S.LOGIN_400,
    "file-missing": S.LOGIN_400,
    "file-is-directory": S.LOGIN_400,
    "upload-secret": S.UPLOAD_FAILS,
    "token-untrusted-key": S.TOKEN_REFUSED,
    "token-audience": S.TOKEN_REFUSED,
    "token-clock": S.TOKEN_REFUSED,
    "token-issuer": S.TOKEN_REFUSED,
    "token-invalid": S.TOKEN_REFUSED,
    "tls-handshake-bad-certificate": S.TLS_FAILED,
    "http-request-on-tls": S.SCHEME_MIXED,
    "upstream-refused": S.BAD_GATEWAY,
    "upstream-timeout": S.GATEWAY_TIMEOUT,
    "upstream-tls": S.BAD_GATEWAY,
    "upstream-reset": S.BAD_GATEWAY,
    "body-too-large": S.TOO_LARGE,
    "proxy-crypt-failed": S.PROXY_500,
    "proxy-user-mismatch": S.LOGIN_401_VIA,
}

_FATAL: tuple[Meaning, ...] = ("panic-auth-option", "panic-unreadable", "panic-other", "config-error")


class _Notes:
    """Symptoms with the places where they were seen, in the order of their first sight."""

    def __init__(self) -> None:
        self._seen: dict[Symptom, list[EvidenceItem]] = {}

    def add(self, symptom: Symptom, what: str, where: str) -> None:
        items = self._seen.setdefault(symptom, [])
        if len(items) < _KEPT and all((i.what, i.where) != (what, where) for i in items):
            items.append(EvidenceItem(what=what, where=where))

    def result(self) -> tuple[Observation, ...]:
        return tuple(Observation(symptom=s, evidence=tuple(items)) for s, items in self._seen.items())


def observe(wire: Wire, evidence: Evidence, stack: Stack, routing: Routing) -> tuple[Observation, ...]:
    """All symptoms that requests, logs, messages, credential checks and files show."""
    notes = _Notes()
    _from_exchanges(wire, stack, notes)
    for message in evidence.messages:
        _from_message(message, wire, routing, notes)
    for log in evidence.logs:
        _from_log(log, stack, notes)
    _from_checks(wire, evidence, stack, notes)
    _from_files(evidence, stack, wire, notes)
    return notes.result()


def describe(exchange: Exchange) -> str:
    """A request and its answer in a line: "GET http://…/v2/ as kai -> 401"."""
    who = ""
    if exchange.credential is not None:
        who = f" as {exchange.credential.user}" if exchange.credential.user else f" with {exchange.credential.scheme}"
        who += " (wrong on purpose)" if exchange.credential.intent == "wrong" else ""
    return f"{exchange.method} {exchange.url}{who} -> {exchange.status or exchange.error or 'no answer'}"


# ---- requests ----------------------------------------------------------------------------------------


def _from_exchanges(wire: Wire, stack: Stack, notes: _Notes) -> None:
    accepted = {
        (e.route, e.credential.user)
        for e in wire.exchanges
        if e.credential and e.credential.intent != "wrong" and e.status and e.status < 300 and not e.is_html
    }
    for exchange in wire.exchanges:
        what, where = describe(exchange), str(exchange.source)
        if exchange.error:
            notes.add(_FAILURES.get(exchange.error, S.FAILURE), f"{what} {exchange.detail}".strip(), where)
        elif exchange.status is not None and exchange.is_api:
            for symptom in _of_answer(exchange, wire, stack, accepted):
                notes.add(symptom, what, where)
    _compare_challenges(wire, notes)


def _of_answer(exchange: Exchange, wire: Wire, stack: Stack, accepted: set[tuple[Route, str | None]]) -> list[Symptom]:
    status, credential = exchange.status or 0, exchange.credential
    found: list[Symptom] = []
    if exchange.page is not None and _is_blocked(exchange):
        found.append(S.BROWSER_BLOCKED)
    if status in (401, 403) and exchange.method == "OPTIONS":
        return [*found, S.PREFLIGHT_REFUSED] if _is_preflight(exchange, stack) else found
    if status == 401:
        found += _of_refusal(exchange, wire, accepted)
    elif status == 403:
        found.append(S.FORWARD_PROXY if not exchange.header("Docker-Distribution-Api-Version") else S.FAILURE)
    elif status == 400 and credential is not None and not exchange.body.strip():
        found.append(S.LOGIN_400)
    elif status == 400:
        text = (exchange.body + exchange.detail).lower()
        found.append(S.SCHEME_MIXED if "http request to an https server" in text or "plain http" in text else S.FAILURE)
    elif status in _STATUSES:
        found.append(_STATUSES[status])
    elif status == 405 and exchange.method == "DELETE":
        found.append(S.DELETE_REFUSED)
    elif 300 <= status < 400 and status != 304:
        found.append(S.REDIRECTED)
    elif exchange.is_html or _is_foreign_404(exchange):
        found.append(S.NOT_THE_API)
    elif status < 300 and (credential is None or credential.intent == "wrong") and exchange.method in ("GET", "HEAD"):
        found += _of_open_answer(exchange, wire)
    if status < 400 and _location_is_elsewhere(exchange):
        found.append(S.LOCATION_WRONG)
    return found


def _of_refusal(exchange: Exchange, wire: Wire, accepted: set[tuple[Route, str | None]]) -> list[Symptom]:
    found: list[Symptom] = []
    credential = exchange.credential
    if exchange.header("WWW-Authenticate") is None and exchange.response_headers:
        found.append(S.CHALLENGE_MISSING)
    if credential is None:
        if exchange.page is not None and not _later_success(exchange, wire):
            found.append(LOGIN_401[exchange.route])
        return found
    if credential.intent == "wrong" or (exchange.route, credential.user) in accepted:
        return found
    if credential.scheme.lower() == "bearer":
        return [*found, S.TOKEN_REFUSED, LOGIN_401[exchange.route]]
    if exchange.route == "via" and wire.refused("direct") is not None and wire.works("direct") is None:
        return [*found, S.LOGIN_401_DIRECT]
    return [*found, LOGIN_401[exchange.route]]


def _of_open_answer(exchange: Exchange, wire: Wire) -> list[Symptom]:
    """An answer without a right login: the registry is open, or a hop on the way is."""
    if exchange.route == "direct" or (exchange.route == "unknown" and not signed_by_proxy(exchange)):
        return [S.OPEN_DIRECT]
    challenged = [e for e in wire.exchanges if e.status == 401 and e.is_api and e.credential is None]
    if any(e.route == "via" for e in challenged) and exchange.path.rstrip("/") == "/v2":
        return [S.PING_OPEN]
    if any(e.route == "direct" for e in wire.exchanges if e.status == 401):
        return [S.OPEN_VIA]
    if any(e.route == "direct" and e.status == 200 for e in wire.on("direct", authenticated=False)):
        return []
    return [S.OPEN_VIA] if challenged else [S.OPEN_DIRECT]


def _compare_challenges(wire: Wire, notes: _Notes) -> None:
    """Two realms on one way: two logins are asked for, and one header cannot carry both."""
    realms: dict[str, Exchange] = {}
    for exchange in wire.exchanges:
        challenge = exchange.header("WWW-Authenticate")
        if exchange.status == 401 and exchange.is_api and challenge and exchange.route != "direct":
            realms.setdefault(challenge, exchange)
    if len(realms) > 1:
        for challenge, exchange in realms.items():
            notes.add(S.CHALLENGE_FOREIGN, f"{describe(exchange)}: {challenge}", str(exchange.source))


def _is_blocked(exchange: Exchange) -> bool:
    """Whether a browser keeps this answer from the page: another origin that is not allowed by name."""
    page, url = exchange.page or "", urlsplit(exchange.url)
    if page == f"{url.scheme}://{url.netloc}" or (exchange.sent("Origin") is None and exchange.error is None):
        return False
    allowed = list(exchange.headers("Access-Control-Allow-Origin"))
    if len(allowed) != 1:
        return True
    credentials = exchange.header("Access-Control-Allow-Credentials") == "true"
    return allowed[0] != page and not (allowed[0] == "*" and not credentials)


def _is_preflight(exchange: Exchange, stack: Stack) -> bool:
    """A refused OPTIONS hurts only a browser that calls the registry across origins."""
    if exchange.page is not None:
        return True
    asked = exchange.sent("Access-Control-Request-Method") is not None
    return asked and stack.ui is not None and stack.ui.mode == "browser"


def _later_success(exchange: Exchange, wire: Wire) -> bool:
    return any(e.url == exchange.url and e.status and e.status < 400 for e in wire.exchanges)


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
    return (there.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower()) and not _same_port(there, here)


def _same_port(there: object, here: object) -> bool:
    """http://a and http://a:80 are the same place."""
    ports = {"http": 80, "https": 443}

    def place(parts: object) -> tuple[str, str | None, int | None]:
        scheme = getattr(parts, "scheme", "")
        try:
            port = getattr(parts, "port", None)
        except ValueError:
            port = None
        return scheme, getattr(parts, "hostname", None), port or ports.get(scheme)

    return place(there) == place(here)


# ---- messages and logs ---------------------------------------------------------------------------------


def _from_message(message: Message, wire: Wire, routing: Routing, notes: _Notes) -> None:
    symptom = _MESSAGES.get(message.kind)
    if message.kind == "login-status":
        symptom = _of_login_status(message)
    elif message.kind == "gateway":
        symptom = S.GATEWAY_TIMEOUT if message.detail == "504" else S.BAD_GATEWAY
    elif message.kind == "no-such-host" and message.host and message.detail:
        elsewhere = message.detail.split(":")[0].lower() != message.host.split(":")[0].lower()
        symptom = S.LOCATION_WRONG if elsewhere else S.NAME_UNKNOWN
    if symptom is None:
        return
    if symptom is S.LOGIN_401:
        if wire.said("login-ok") and message.kind == "login-status" and _ok_later(message, wire):
            return
        symptom = LOGIN_401[routing.of_host(message.host)]
    notes.add(symptom, message.text, str(message.place))
    if message.kind == "cors" and message.detail.startswith("preflight"):
        notes.add(S.PREFLIGHT_REFUSED, message.text, str(message.place))


def _ok_later(message: Message, wire: Wire) -> bool:
    """A login that was refused and then accepted in the same session was a slip of the hand."""
    return any(
        m.place.file == message.place.file
        and (m.place.line or 0) > (message.place.line or 0)
        and m.host == message.host
        for m in wire.said("login-ok")
    )


def _of_login_status(message: Message) -> Symptom:
    status = int(message.detail) if message.detail.isdigit() else 0
    known = {400: S.LOGIN_400, 401: S.LOGIN_401, 403: S.FORWARD_PROXY, 404: S.NOT_THE_API, 407: S.FORWARD_PROXY}
    return known.get(status) or _STATUSES.get(status) or S.FAILURE


def _from_log(log: LogFile, stack: Stack, notes: _Notes) -> None:
    state: dict[str | None, str] = {}
    for event in log.events:
        if event.meaning in _EVENTS:
            notes.add(_EVENTS[event.meaning], event.text, str(event.place))
        elif event.meaning == "upstream-not-found":
            started = "emerg" not in event.text and "emerg" not in event.detail
            notes.add(S.BAD_GATEWAY if started else S.PROXY_NOT_STARTED, event.text, str(event.place))
        if event.meaning == "listening" or event.meaning in _FATAL:
            state[event.service] = event.meaning
    for event in log.events:
        if event.meaning in _FATAL and state.get(event.service) == event.meaning:
            notes.add(S.NOT_STARTED, event.text, str(event.place))
    for request in log.requests:
        for symptom in _of_logged(request, stack):
            notes.add(symptom, _describe_logged(request), str(request.place))


def _describe_logged(request: LoggedRequest) -> str:
    who = f" as {request.user}" if request.user else ""
    return f"{request.method} {request.uri[:120]}{who} -> {request.status} ({request.logger}'s log)"


def _of_logged(request: LoggedRequest, stack: Stack) -> list[Symptom]:
    """Symptoms of one logged request. An anonymous 401 is none: it is how every login begins."""
    status = request.status or 0
    if not request.uri.startswith(("/v2", "//")):
        return []
    if request.method == "OPTIONS":
        ui = stack.ui
        browser = "Mozilla/" in request.agent and _crosses_origin(request) and not (ui and ui.mode == "proxy")
        return [S.PREFLIGHT_REFUSED] if status == 401 and browser else []
    if status == 401 and not request.answered_later:
        if request.meaning in ("authentication-failure", "bcrypt-mismatch", "bcrypt-malformed"):
            return [S.LOGIN_401]
        if request.logger != "registry" and request.user:
            return [S.LOGIN_401_VIA]
        return []
    if status == 400 and request.logger == "registry" and request.meaning is not None:
        return [S.LOGIN_400]
    if status in _STATUSES:
        return [_STATUSES[status]]
    if status == 405 and request.method == "DELETE":
        return [S.DELETE_REFUSED]
    if status in (301, 302, 307, 308) and (request.logger != "registry" or request.uri.startswith("//")):
        return [S.REDIRECTED]
    return []


def _crosses_origin(request: LoggedRequest) -> bool:
    referer = urlsplit(request.referer)
    return bool(referer.netloc) and (not request.host or referer.netloc.lower() != request.host.lower())


# ---- what the files foretell -----------------------------------------------------------------------------


def _from_checks(wire: Wire, evidence: Evidence, stack: Stack, notes: _Notes) -> None:
    """A login that bcrypt refuses against the registry's own file."""
    read = stack.registry.htpasswd.file if stack.registry and stack.registry.htpasswd else None
    works = {e.credential.password for e in wire.exchanges if e.credential and e.status and e.status < 300}
    users = {e.credential.user for e in wire.exchanges if e.credential and e.status and e.status < 300}
    for check in evidence.checks:
        if check.outcome == "accepted" or check.origin == "injected" or (read and check.file != read):
            continue
        if read is None and any(c.outcome == "accepted" and c.user == check.user for c in evidence.checks):
            continue
        if check.password in works or (check.origin == "transcript" and check.user in users):
            continue
        what = f"{check.user}'s password against {check.file}: {check.outcome.replace('-', ' ')}"
        notes.add(S.LOGIN_WOULD_FAIL, what, str(check.source))


def _from_files(evidence: Evidence, stack: Stack, wire: Wire, notes: _Notes) -> None:
    for place, sentence in evidence.compose.refused if evidence.compose else ():
        notes.add(S.COMPOSE_REFUSED, sentence, str(place))
    started = any(e.meaning == "listening" for e in wire.events) or any(
        e.header("Docker-Distribution-Api-Version") for e in wire.exchanges
    )
    for registry in stack.registries:
        for error in registry.start_errors if not started else ():
            notes.add(S.NOT_STARTED, error.message, str(error.place or registry.name))
