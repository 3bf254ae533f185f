"""What a browser does with a cross-origin call, as the Fetch standard says. Pure; no browser is started.

The registry UI calls the registry with XMLHttpRequest; with a login it sets `withCredentials`, which makes
the browser demand more of the answer.
"""

from collections.abc import Iterable
from typing import Literal

from runbook.once import once
from runbook.urls import urlsplit

Refusal = Literal["missing", "multiple", "wildcard", "origin", "credentials"]
"""Why the page may not read an answer: the first of the walls that the browser checks, in its order."""

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


@once
def origin_of(url: str) -> str:
    """The origin of a URL as a browser writes it: lower case, no default port, no path."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    default = _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{parts.scheme.lower()}://{host}" + (f":{parts.port}" if parts.port and parts.port != default else "")


def same_origin(page: str, url: str) -> bool:
    """Whether a page may read a URL without any CORS header."""
    return origin_of(page) == origin_of(url)


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
