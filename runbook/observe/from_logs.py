"""Symptoms that messages and logs tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.model import LogFile, LoggedRequest, Meaning, Message, MessageKind, Stack, Symptom
from runbook.observe.notes import LOGIN_401, STATUSES, Notes, describe_logged
from runbook.observe.routes import Routing, only_a_page
from runbook.urls import urlsplit

if TYPE_CHECKING:
    from runbook.observe.traffic import Traffic

S = Symptom

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


def from_message(message: Message, traffic: Traffic, routing: Routing, notes: Notes) -> None:
    """Note the symptom that a message tells of."""
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
        if traffic.said("login-ok") and message.kind == "login-status" and _ok_later(message, traffic):
            return
        symptom = LOGIN_401[routing.of_host(message.host)]
    notes.add(symptom, message.text, message)
    if message.kind == "cors" and message.detail.startswith("preflight"):
        notes.add(S.PREFLIGHT_REFUSED, message.text, message)


def _ok_later(message: Message, traffic: Traffic) -> bool:
    """A login that was refused and then accepted in the same session was a slip of the hand."""
    return any(
        m.place.file == message.place.file
        and (m.place.line or 0) > (message.place.line or 0)
        and m.host == message.host
        for m in traffic.said("login-ok")
    )


def _of_login_status(message: Message) -> Symptom:
    status = int(message.detail) if message.detail.isdecimal() else 0
    known = {400: S.LOGIN_400, 401: S.LOGIN_401, 403: S.FORWARD_PROXY, 404: S.NOT_THE_API, 407: S.FORWARD_PROXY}
    return known.get(status) or STATUSES.get(status) or S.FAILURE


def from_log(log: LogFile, stack: Stack, notes: Notes) -> None:
    """Note the symptoms that a log tells of."""
    state: dict[str | None, str] = {}
    for event in log.events:
        if event.meaning in _EVENTS:
            notes.add(_EVENTS[event.meaning], event.text, event)
        elif event.meaning == "upstream-not-found":
            started = "emerg" not in event.text and "emerg" not in event.detail
            notes.add(S.BAD_GATEWAY if started else S.PROXY_NOT_STARTED, event.text, event)
        if event.meaning == "listening" or event.meaning in _FATAL:
            state[event.service] = event.meaning
    for event in log.events:
        if event.meaning in _FATAL and state.get(event.service) == event.meaning:
            notes.add(S.NOT_STARTED, event.text, event)
    for request in log.requests:
        for symptom in _of_logged(request, stack):
            notes.add(symptom, describe_logged(request), request)


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
    if status == 404 and request.logger != "registry" and request.uri in ("/v2/", "/v2/_catalog") and _is_web(request):
        if only_a_page(stack):
            return []
        return [S.NOT_THE_API]
    if status in STATUSES:
        return [STATUSES[status]]
    if status == 405 and request.method == "DELETE":
        return [S.DELETE_REFUSED]
    if status in (301, 302, 307, 308) and (request.logger != "registry" or request.uri.startswith("//")):
        return [S.REDIRECTED]
    return []


def _is_web(request: LoggedRequest) -> bool:
    """Whether a web server wrote it: the registry itself knows these paths always."""
    return request.logger in ("nginx", "caddy", "haproxy", "apache")


def _crosses_origin(request: LoggedRequest) -> bool:
    referer = urlsplit(request.referer)
    return bool(referer.netloc) and (not request.host or referer.netloc.lower() != request.host.lower())
