"""What a browser does with a cross-origin call, as the Fetch standard says. Pure; no browser is started.

The registry UI calls the registry with XMLHttpRequest; with a login it sets `withCredentials`, which makes
the browser demand more of the answer.
"""

from collections.abc import Iterable
from typing import Literal

from runbook.urls import urlsplit

Refusal = Literal["missing", "multiple", "wildcard", "origin", "credentials"]
"""Why the page may not read an answer: the first of the walls that the browser checks, in its order."""
PreflightRefusal = Literal[Refusal, "status", "method", "header"]
"""Why a preflight fails: the same walls, and then its status, the method and the headers that are allowed."""

_SAFE_METHODS = ("GET", "HEAD", "POST")
_SAFE_HEADERS = ("accept", "accept-language", "content-language", "content-type", "range")
_SAFE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_LONGEST = 128
"""Bytes of a value above which even a harmless header makes a request no longer simple."""
_LONGEST_TOGETHER = 1024
_UNSAFE_BYTES = set('"():<>?@[\\]{}\x7f') | {chr(n) for n in range(32) if n != 9}
_DEFAULT_PORTS = {"http": 80, "https": 443}
CORS_HEADERS = frozenset(
    {
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-expose-headers",
        "access-control-max-age",
        "access-control-allow-private-network",
        "access-control-request-method",
        "access-control-request-headers",
    }
)
"""Every Access-Control-* header that a specification defines."""


def origin_of(url: str) -> str:
    """The origin of a URL as a browser writes it: lower case, no default port, no path."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    try:
        port = parts.port
    except ValueError:
        port = None
    default = _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{parts.scheme.lower()}://{host}" + (f":{port}" if port and port != default else "")


def same_origin(page: str, url: str) -> bool:
    """Whether a page may read a URL without any CORS header."""
    return origin_of(page) == origin_of(url)


def needs_preflight(method: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether the browser asks with OPTIONS first: any method or header that is not simple."""
    if method.upper() not in _SAFE_METHODS:
        return True
    rows = list(headers)
    if sum(len(value.encode("utf-8", "replace")) for _, value in rows) > _LONGEST_TOGETHER:
        return True
    return any(not _is_simple(name.lower(), value) for name, value in rows)


def _is_simple(name: str, value: str) -> bool:
    if name not in _SAFE_HEADERS or len(value.encode("utf-8", "replace")) > _LONGEST:
        return False
    if name == "content-type":
        return value.split(";", 1)[0].strip().lower() in _SAFE_TYPES and not _UNSAFE_BYTES & set(value)
    if name == "accept":
        return not _UNSAFE_BYTES & set(value)
    if name == "range":
        start = value.removeprefix("bytes=").partition("-")[0]
        return value.startswith("bytes=") and start.isdecimal()
    return all(c.isascii() and (c.isalnum() or c in " *,-.;=") for c in value)


def refusal(page: str, headers: Iterable[tuple[str, str]], *, credentials: bool) -> Refusal | None:
    """Why the page may not read an answer with these headers, or None when it may (the CORS check)."""
    rows = list(headers)
    allowed = [value.strip(" \t") for name, value in rows if name.lower() == "access-control-allow-origin"]
    if not allowed:
        return "missing"
    joined = ", ".join(allowed)
    if joined == "*" and not credentials:
        return None
    if joined == "*":
        return "wildcard"
    if joined != origin_of(page):
        return "multiple" if "," in joined else "origin"
    if not credentials:
        return None
    consent = ", ".join(v.strip(" \t") for n, v in rows if n.lower() == "access-control-allow-credentials")
    return None if consent == "true" else "credentials"


def preflight_refusal(
    page: str, method: str, names: Iterable[str], status: int, headers: Iterable[tuple[str, str]], *, credentials: bool
) -> PreflightRefusal | None:
    """Why a preflight's answer does not open the way for a call with that method and those headers; None when it does.

    `names` are the headers that are not simple, as in Access-Control-Request-Headers. The browser sends no login
    with a preflight, but for a call that will carry one the answer must allow credentials already.
    """
    rows = list(headers)
    wall = refusal(page, rows, credentials=credentials)
    if wall is not None:
        return wall
    if not 200 <= status <= 299:
        return "status"
    methods = _listed(rows, "access-control-allow-methods")
    # A method's name counts as it is written; `*` is only a name when credentials are sent.
    if method.upper() not in _SAFE_METHODS and method not in methods and (credentials or "*" not in methods):
        return "method"
    allowed = {name.lower() for name in _listed(rows, "access-control-allow-headers")}
    if any(name.lower() not in allowed for name in names) and (credentials or "*" not in allowed):
        return "header"
    return None


def _listed(rows: list[tuple[str, str]], name: str) -> list[str]:
    """The items of a header that is a list, over all its lines."""
    return [item.strip(" \t") for key, value in rows if key.lower() == name for item in value.split(",")]
