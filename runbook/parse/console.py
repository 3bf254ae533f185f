"""Requests as a browser's console reports them: Chromium, Firefox, Safari. Only failures are reported there."""

from collections.abc import Iterator, Sequence

from runbook.lazy import re
from runbook.model import Exchange, Place
from runbook.parse.har import failure_of
from runbook.redact import Vault

_METHOD = r"(?P<method>GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"
_URL = r"(?P<url>https?://[^\s'\"<>]{1,500})"
_OUTCOME = r"(?:(?P<status>[1-5]\d\d) \(|net::(?P<error>ERR_[A-Z_]{3,60}))"
_LINES = tuple(
    re.compile(pattern)
    for pattern in (
        # ui.js:1  GET http://hub/v2/_catalog 401 (Unauthorized)
        rf"(?:[\w.@ -]{{1,80}}:\d{{1,9}}(?::\d{{1,9}})?\s{{1,40}})?{_METHOD}\s{{1,40}}{_URL}\s+{_OUTCOME}",
        # GET http://hub/v2/_catalog Failed to load resource: net::ERR_CONNECTION_REFUSED
        rf"{_METHOD}\s+{_URL}\s+Failed to load resource: (?:the server responded with a status of )?{_OUTCOME}",
        # http://hub/v2/_catalog:1 Failed to load resource: the server responded with a status of 502 (Bad Gateway)
        rf"(?:{_METHOD}\s+)?{_URL}(?::\d+)?\s+Failed to load resource: (?:the server responded with a status of )?{_OUTCOME}",
        # XHRGET http://hub/v2/_catalog [HTTP/1.1 401 Unauthorized 12ms]
        rf"XHR ?{_METHOD}\s*{_URL}\s+\[HTTP/[\d.]+ (?P<status>[1-5]\d\d)\b",
    )
)
_PAGE = re.compile(r"from origin '(https?://[^'/\s]+)'|[Pp]age at '(https?://[^'/\s]+)")
_OPENED = re.compile(
    r"\b(?:open(?:ed|ing|s)?|visit(?:ed|ing)?|brows(?:e|ed|er|ing)|go(?:ing)? to|(?:ö|Ö)ffne\w*|aufgerufen)\b[^\n]{0,40}?(https?://[^\s'\"<>()/]{1,200})",
    re.IGNORECASE,
)
"""Where somebody says that he opens the page, when the console does not tell."""
_VAGUE = ("ERR_FAILED", "ERR_ABORTED", "ERR_BLOCKED_BY_CLIENT")
"""The reason stands in another line, or the user is the reason."""
_MOST = 200


def parse_console(text: str, file: str, vault: Vault) -> Iterator[Exchange]:
    """The requests of a pasted console. Whether they carried a login, a console does not say."""
    lines = text.split("\n")
    head = text[:200_000]
    origin = _PAGE.search(head)
    opened = None if origin else _OPENED.search(head)
    page = (origin[1] or origin[2]) if origin else opened[1].rstrip(".,") if opened else ""
    found = 0
    for number, raw in enumerate(lines, 1):
        if "http" not in raw or len(raw) > 4000:
            continue
        match = _match(raw.strip(), lines[number : number + 1])
        if match is None or match["url"].count("@"):
            continue
        given = match.groupdict()
        error = given.get("error")
        if error in _VAGUE:
            continue
        found += 1
        yield Exchange(
            source=Place(file, number),
            method=given.get("method") or "GET",
            url=vault.mask(re.sub(r":\d+$", "", given["url"]) if not given.get("method") else given["url"], 500),
            status=int(given["status"]) if given["status"] else None,
            error=failure_of(error) if error else None,
            detail=f"net::{error}" if error else "",
            page=page,
            login_known=False,
        )
        if found == _MOST:
            return


def _match(line: str, following: Sequence[str]) -> re.Match[str] | None:
    """Firefox breaks its line before the status when it is pasted."""
    for pattern in _LINES:
        if match := pattern.match(line):
            return match
    if line.startswith("XHR") and following and following[0].lstrip().startswith("[HTTP/"):
        return _LINES[-1].match(f"{line} {following[0].strip()}")
    return None
