"""Why no answer came: a client's exception in the words of `model.FAILURES`."""

import os
import ssl
from collections.abc import Iterator

import httpx

from runbook.lazy import re

_VERIFY = {9: "tls-expired", 10: "tls-expired", 62: "tls-name", 64: "tls-name"}
"""OpenSSL's X509_V_ERR_…: not yet valid, no longer valid, another name, another address."""

_IN_CLEAR = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's words for a first answer that is no TLS."""


def classify(error: BaseException) -> tuple[str, str]:
    """The word for a failure and the failure in the system's words."""
    chain = list(_chain(error))
    detail = next((plain(e) for e in reversed(chain) if str(e)), type(error).__name__)
    for cause in chain:
        if (word := _word(cause)) is not None:
            return word, detail
    return _by_text(error, " ".join(str(e) for e in chain)), detail


def plain(error: BaseException) -> str:
    """Its words without what only says where in Python they come from."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return re.sub(r"\[Errno -?\d{1,6}\] | ?\(_ssl\.c:\d{1,6}\)", "", str(error))


def _word(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            return _VERIFY.get(error.verify_code, "tls-untrusted")
        case ssl.SSLError():
            return "tls-to-http" if error.reason in _IN_CLEAR else "tls-protocol"
        case httpx.TimeoutException() | TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case OSError() if type(error).__name__ == "gaierror":
            return "dns"
    return None


def _by_text(error: BaseException, text: str) -> str:
    """What the libraries tell in words only."""
    lower = text.lower()
    if isinstance(error, httpx.RemoteProtocolError):
        if "without sending" in lower:
            return "empty-reply"
        if "illegal request line" in lower:
            return "http-on-https"  # h11's words for a first byte that is no text: a TLS alert
        return "reset" if "closed connection" in lower or "incomplete" in lower else "other"
    if "all connection attempts failed" in lower or "refused" in lower:
        return "refused"
    if isinstance(error, httpx.ReadError | httpx.WriteError):
        return "reset"
    return "other"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, groups of attempts (IPv6, IPv4) included; outermost first."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        current = todo.pop(0)
        if current is None or id(current) in seen or len(seen) > 50:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            todo.extend(current.exceptions)
        todo.extend((current.__cause__, current.__context__))
