"""The headers tab of a browser's developer tools, as it is copied: general, response headers, request headers."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import Region, command, got, sent
from runbook.urls import urlsplit

MARKS = ("Request URL", "Request Method", "Status Code")
_URL = re.compile(r"\s{0,4}Request URL:?(?>\s*)(https?://\S{1,2000})?(?>\s*)$")
_NAMED = re.compile(
    r"\s{0,4}(Request Method|Status Code|Status|Remote Address|Referrer Policy|Version|Transferred|Request Priority)(?: ?:|$)\s*(.*)$"
)
_SECTION = re.compile(r"\s{0,4}(?:[▶▼▸▾] ?)?(General|(?:Response|Request) Headers)\b(?: ?\([^)]{0,40}\))?\s*$")
_NOISE = re.compile(
    r"\s{0,4}(?:view source|view parsed|view decoded|Raw|Copy all|Provisional headers are shown.*|Learn more|Parsed)\s*$",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\s{0,4}(:?[A-Za-z][A-Za-z0-9-]{0,80}):(?: +(\S.*))?\s*$")
_BARE = re.compile(r"\s{0,4}(:?[a-z][a-z0-9-]{1,60})\s*$")
"""A name in a row of its own, as browsers copy them without a colon; its value is the next row."""
_STATUS = re.compile(r"\D{0,4}(\d{3})\b\s*(.*)$")
_MOST = 300
_RESPONSE = ("content-", "server", "date", "www-authenticate", "docker-", "access-control-allow", "access-control-expose", "x-content-type", "etag",
             "location", "vary", "transfer-encoding", "set-cookie", "last-modified", "strict-transport", "via", "x-powered", "alt-svc", "allow",
             "expires", "age", "x-frame", "x-xss")  # fmt: skip
_REQUEST = ("accept", "host", "user-agent", "referer", "origin", "authorization", "cookie", "sec-", "connection", "cache-control", "pragma",
            "upgrade-insecure", "access-control-request", "dnt", "if-", "priority", "te", ":")  # fmt: skip


def regions(rows: list[str]) -> Iterator[Region]:
    """Each request whose headers tab was copied."""
    number = 0
    while number < len(rows):
        if not _URL.match(rows[number]):
            number += 1
            continue
        end = number + 1
        while (
            end < min(len(rows), number + _MOST)
            and not _URL.match(rows[end])
            and not rows[end].startswith(("$ ", "```"))
        ):
            end += 1
        region = _request(rows, number, end)
        if region is not None:
            yield region
        number = end


def _request(rows: list[str], start: int, end: int) -> Region | None:
    url, where, begun = "", "", False
    general: dict[str, str] = {}
    response: list[tuple[int, str]] = []
    request: list[tuple[int, str]] = []
    number = start
    while number < end:
        row = rows[number]
        if section := _SECTION.match(row):
            where = section[1].split(" ")[0].lower()
            begun = begun or where == "request"
        elif found := _URL.match(row):
            url = found[1] or (rows[number + 1].strip() if number + 1 < end else "")
            number += not found[1]
        elif named := _NAMED.match(row):
            value = named[2] or (rows[number + 1].strip() if number + 1 < end else "")
            number += not named[2]
            general.setdefault(named[1], value)
        elif (pair := _PAIR.match(row)) and not _NOISE.match(row):
            value = pair[2] or (
                rows[number + 1].strip() if number + 1 < end and not _PAIR.match(rows[number + 1]) else ""
            )
            number += not pair[2] and bool(value)
            side = where if where in ("response", "request") else _side(pair[1])
            begun = begun or side == "request"
            (request if side == "request" else response).append((number, f"{pair[1]}: {value}"))
        elif (
            (bare := _BARE.match(row))
            and where in ("response", "request")
            and number + 1 < end
            and rows[number + 1].strip()
        ):
            (request if where == "request" else response).append((number, f"{bare[1]}: {rows[number + 1].strip()}"))
            number += 1
        elif row.strip() and not _NOISE.match(row) and where:
            break
        number += 1
    if not url.startswith(("http://", "https://")):
        return None
    provisional = any("Provisional headers" in row for row in rows[start:number])
    return _told(Region(start, number), url, general, response, request, known=begun and not provisional)


def _side(name: str) -> str:
    lowered = name.lower()
    if lowered.startswith(_RESPONSE):
        return "response"
    return "request" if lowered.startswith(_REQUEST) else "response"


def _told(
    region: Region,
    url: str,
    general: dict[str, str],
    response: list[tuple[int, str]],
    request: list[tuple[int, str]],
    *,
    known: bool,
) -> Region | None:
    status = _STATUS.match(general.get("Status Code") or general.get("Status") or "")
    method = general.get("Request Method", "GET").strip() or "GET"
    if not method.isalpha():
        method = "GET"
    region.add(region.start, command(url, method=method, known=known))
    if known:
        parts = urlsplit(url)
        region.add(region.start, sent(f"{method} {parts.path or '/'} HTTP/1.1"))
        if not any(row.lower().startswith("host:") for _, row in request):
            region.add(region.start, sent(f"Host: {parts.netloc}"))
        region.rows += [(number, sent(row)) for number, row in request if not row.startswith(":")]
        region.add(region.start, ">")
    if status is None:
        return region if known else None
    region.add(region.start, got(f"HTTP/1.1 {status[1]} {status[2]}"))
    region.rows += [(number, got(row)) for number, row in response]
    region.add(region.start, "<")
    return region
