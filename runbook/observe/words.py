"""What messages of clients and lines of logs mean, as symptoms: one table each."""

from runbook.lazy import re
from runbook.model import Meaning, Message, MessageKind, Symptom

S = Symptom

UPLOAD_SENT_ON = re.compile(r"\b(?:Patch|Put) \\?\"?(https?)://[^\s\"]{1,300}/blobs/uploads/")
"""What docker says of the request after an upload was begun: whoever took the POST sent it there, by that scheme."""


def upload_sent_on(message: Message) -> str:
    """The scheme by which whoever took the POST of an upload sent a client on that was refused there; "" where nothing
    tells. Old engines (1.8) name no request: to a name without a port they speak https, so nothing but the Location
    of an upload leads a push to port 80.
    """
    if named := UPLOAD_SENT_ON.search(message.text):
        return named[1]
    pushed = message.call is not None and message.call.verb == "push"
    has_port = re.search(r":\d+$", message.host or "") is not None
    bare = message.text.strip().startswith("dial tcp ") and message.detail.endswith(":80")
    return "http" if pushed and message.host and bare and not has_port else ""


MESSAGES: dict[MessageKind, Symptom] = {
    "unauthorized": S.LOGIN_401,
    "invalid-username-password": S.LOGIN_401,
    "no-basic-auth": S.NO_CREDENTIAL_SENT,
    "denied": S.FAILURE,
    "refused": S.UNREACHABLE,
    "reset": S.EMPTY_REPLY,
    "eof": S.EMPTY_REPLY,
    "timeout": S.TIMEOUT,
    "handshake-timeout": S.HANDSHAKE_TIMEOUT,
    "no-such-host": S.NAME_UNKNOWN,
    "x509-unknown-authority": S.TLS_FAILED,
    "x509-name": S.TLS_FAILED,
    "x509-expired": S.TLS_FAILED,
    "http-to-https-client": S.SCHEME_MIXED,
    "https-to-http-server": S.SCHEME_MIXED,
    "blob-upload": S.UPLOAD_FAILS,
    "upload-cut": S.UPLOAD_FAILS,
    "upload-refused": S.UPLOAD_401,
    "retrying": S.UPLOAD_FAILS,
    "too-large": S.TOO_LARGE,
    "cors": S.BROWSER_BLOCKED,
    "mixed-content": S.BROWSER_BLOCKED,
    "ui-cors-hint": S.FAILURE,
    "helper-failed": S.NO_CREDENTIAL_SENT,
    "compose-refused": S.COMPOSE_REFUSED,
    "container-exited": S.NOT_STARTED,
    "token-refused": S.LOGIN_401,
    "token-endpoint-failed": S.TOKEN_SERVICE,
    "other-error": S.FAILURE,
    "command-failed": S.FAILURE,
    "empty-password": S.NO_CREDENTIAL_SENT,
    "pull-secret-missing": S.NO_CREDENTIAL_SENT,
    "html-answer": S.NOT_THE_API,
    "throttled": S.THROTTLED,
    "hub-refused": S.FAILURE,
    "host-empty": S.FAILURE,
    "url-invalid": S.FAILURE,
    "proxy-connect": S.FORWARD_PROXY,
    "header-hidden": S.BROWSER_BLOCKED,
    "no-content-length": S.FAILURE,
    "token-expired": S.TOKEN_REFUSED,
    "config-error": S.NOT_STARTED,
    "port-in-use": S.NOT_STARTED,
    "ingress-secret": S.UNAVAILABLE,
}
"""Kinds that always mean the same; `login-status`, `gateway` and `method-unsupported` depend on their details."""

EVENTS: dict[Meaning, Symptom] = {
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
    "upstream-untrusted": S.BAD_GATEWAY,
    "upstream-handshake": S.PROXY_500,
    "upstream-reset": S.BAD_GATEWAY,
    "body-too-large": S.TOO_LARGE,
    "proxy-crypt-failed": S.PROXY_500,
    "proxy-htpasswd-unreadable": S.PROXY_500,
    "proxy-user-mismatch": S.LOGIN_401_VIA,
    "access-forbidden": S.FORBIDDEN,
    "rate-limited": S.THROTTLED,
}

FATAL: tuple[Meaning, ...] = ("panic-auth-option", "panic-unreadable", "panic-other", "config-error")
"""After these a registry does not start."""

FAILURES: dict[str, Symptom] = {
    "refused": S.UNREACHABLE,
    "reset": S.EMPTY_REPLY,
    "empty-reply": S.EMPTY_REPLY,
    "timeout": S.TIMEOUT,
    "no-response": S.TIMEOUT,
    "handshake-timeout": S.HANDSHAKE_TIMEOUT,
    "dns": S.NAME_UNKNOWN,
    "tls-untrusted": S.TLS_FAILED,
    "tls-name": S.TLS_FAILED,
    "tls-expired": S.TLS_FAILED,
    "tls-protocol": S.SCHEME_MIXED,
    "http-on-https": S.SCHEME_MIXED,
    "tls-to-http": S.SCHEME_MIXED,
    "blocked": S.BROWSER_BLOCKED,
    "url-invalid": S.FAILURE,
    "other": S.FAILURE,
}
"""Why no response came (`Exchange.error`)."""

STATUSES: dict[int, Symptom] = {
    407: S.FORWARD_PROXY,
    413: S.TOO_LARGE,
    429: S.THROTTLED,
    500: S.PROXY_500,
    502: S.BAD_GATEWAY,
    503: S.UNAVAILABLE,
    504: S.GATEWAY_TIMEOUT,
}
"""Statuses that mean the same whatever was asked."""
