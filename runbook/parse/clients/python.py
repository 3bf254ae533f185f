"""Python: http.client's debug output, urllib3's log, requests at the interactive prompt, and its exceptions."""

import ast
from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import Region, command, got, sent

MARKS = ("send: b", "urllib3", "requests.", "httpx.", "HTTPConnectionPool", "HTTPSConnectionPool", "<Response [")
_SEND = re.compile(r"send: (b'(?:[^'\\]|\\.){1,20000}'|b\"(?:[^\"\\]|\\.){1,20000}\")")
_REPLY = re.compile(r"reply: '(HTTP/[^'\\]{1,200})")
_HEADER = re.compile(r"header: ([A-Za-z][A-Za-z0-9-]{0,80}: ?.*)$")
_URLLIB3 = re.compile(
    r"(?:.{0,120}urllib3.{0,80}[: ])?(https?://[\w.:\[\]-]{1,300}) \"([A-Z]{3,8}) (\S{1,2000}) HTTP/[\d.]{1,3}\" (\d{3})\b"
)
_POOL = re.compile(
    r"(HTTPS?)ConnectionPool\(host='([^']{1,255})', port=(\d{1,5})\): Max retries exceeded with url: (\S{1,2000}) \(Caused by (.{1,2000})"
)
_CALL = re.compile(
    r">>> ?(?:\w{1,40} ?= ?)?(?:requests|s|session|httpx|client)\.(get|head|post|put|patch|delete|options)\((.{1,4000})\)\s*$"
)
_ADDRESS = re.compile(r"^[\w=]{0,8}[fbru]?[\"'](https?://[^\"'\s]{1,1000})[\"']")
_AUTH = re.compile(
    r"auth=(?:HTTPBasicAuth)?\(\s*[\"']([^\"']{0,200})[\"'],\s*(?:[\"']([^\"']{0,400})[\"']|(.{1,200}?))\)"
)
_ASKED = re.compile(r">>> ?(?:print\()?(\w{1,40})\.(status_code|headers|text|content|json\(\)|reason)\b")
_RESPONSE = re.compile(r"<Response \[(\d{3})")
_FAILURES = (
    ("CERTIFICATE_VERIFY_FAILED", "curl: (60) unable to get local issuer certificate"),
    ("doesn't match", "curl: (60) SSL: no alternative certificate subject name matches"),
    ("certificate has expired", "curl: (60) certificate has expired"),
    ("WRONG_VERSION_NUMBER", "curl: (35) wrong version number"),
    ("Connection refused", "curl: (7) Connection refused"),
    ("Name or service not known", "curl: (6) Could not resolve host"),
    ("nodename nor servname", "curl: (6) Could not resolve host"),
    ("getaddrinfo failed", "curl: (6) Could not resolve host"),
    ("timed out", "curl: (28) Connection timed out"),
    ("RemoteDisconnected", "curl: (52) Empty reply from server"),
    ("Connection reset", "curl: (56) Connection reset by peer"),
)
_RAISED = re.compile(
    r"(?:[\w.]{1,80}(?:HTTPError|HTTPStatusError): )(?:([45]\d\d) (?:Client|Server) Error: .{0,200}? for url: (https?://\S{1,2000})"
    r"|(?:Client|Server) error '([45]\d\d) .{0,80}?' for url '(https?://[^'\s]{1,2000})')\s*$"
)
"""What `raise_for_status()` of requests and httpx says."""
_OPENED = re.compile(r".{0,120}?Starting new HTTPS connection \(\d{1,6}\): (\S{1,255}?)(?::\d{1,5})?\s*$")
_ANSWER = 60


def regions(rows: list[str]) -> Iterator[Region]:
    """Each request with its answer."""
    debug = any(row.startswith("reply: ") for row in rows)
    number = 0
    while number < len(rows):
        row = rows[number]
        region = None
        if _SEND.match(row):
            region = _debugged(rows, number)
        elif row.startswith(">>>") and (call := _CALL.match(row)):
            region = _called(rows, number, call)
        elif pool := _POOL.search(row) if "ConnectionPool(host=" in row else None:
            url = f"{pool[1].lower()}://{pool[2]}:{pool[3]}{pool[4]}"
            region = Region(number, number + 1)
            region.add(number, command(url, known=False), _failure(pool[5]))
        elif raised := _RAISED.match(row):
            region = Region(number, number + 1)
            region.add(
                number, command(raised[2] or raised[4], known=False), got(f"HTTP/1.1 {raised[1] or raised[3]}"), "<"
            )
        elif not debug and (logged := _URLLIB3.match(row)):
            region = Region(number, number + 1)
            region.add(
                number, command(logged[1] + logged[3], method=logged[2], known=False), got(f"HTTP/1.1 {logged[4]}"), "<"
            )
        if region is not None:
            yield region
        number = max(number + 1, region.end if region else 0)


def _failure(text: str) -> str:
    return next((told for word, told in _FAILURES if word in text), "curl: (7) Failed to connect")


def _debugged(rows: list[str], number: int) -> Region:
    """`send:`, `reply:` and `header:` rows."""
    region, answered = Region(number, number), False
    while number < len(rows):
        row = rows[number]
        if found := _SEND.match(row):
            if answered:
                break
            for line in _literal(found[1]).split("\r\n\r\n")[0].split("\r\n"):
                region.add(number, sent(line))
        elif reply := _REPLY.match(row):
            answered = True
            region.add(number, ">", got(reply[1]))
        elif header := _HEADER.match(row):
            region.add(number, got(header[1]))
        else:
            break
        number += 1
    region.add(max(region.start, number - 1), "<")
    region.end = number
    if url := _secure(rows, region):
        region.rows.insert(0, (region.start, command(url)))
    return region


def _secure(rows: list[str], region: Region) -> str:
    """The address of a request that went over TLS: urllib3's own lines before and behind it say so."""
    path = next((row.split(" ")[2] for _, row in region.rows if row.startswith("> ") and " HTTP/" in row), "")
    logged = _URLLIB3.match(rows[region.end]) if region.end < len(rows) else None
    if logged and logged[3] == path:
        region.end += 1
        return logged[1] + path
    opened = next(
        (m for n in range(region.start - 1, max(-1, region.start - 40), -1) if (m := _OPENED.match(rows[n]))), None
    )
    named = next((row[8:].strip() for _, row in region.rows if row.lower().startswith("> host: ")), "")
    return f"https://{named}{path}" if opened and path and named.partition(":")[0] == opened[1] else ""


def _literal(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _called(rows: list[str], number: int, call: re.Match[str]) -> Region | None:
    """A call at the prompt, and what was asked of its answer."""
    address = _ADDRESS.match(call[2])
    if not address:
        return None
    auth = _AUTH.search(call[2])
    user = f"{auth[1]}:{auth[2] if auth[2] is not None else '$' + 'PASSWORD'}" if auth else ""
    known = auth is not None or not re.search(r"auth=|headers=|\*\*", call[2])
    region = Region(number, number + 1)
    region.add(number, command(address[1], method=call[1].upper(), user=user, known=known))
    heads: list[tuple[int, str]] = []
    status = body = ""
    at = number + 1
    while at < len(rows) and at < number + _ANSWER and not _CALL.match(rows[at]):
        row = rows[at]
        asked = _ASKED.match(rows[at - 1])
        if found := _RESPONSE.search(row) or (
            re.match(r"(\d{3})\b", row) if asked and asked[2] == "status_code" else None
        ):
            status = found[1]
        elif asked and asked[2] == "headers" and row[:1] == "{":
            heads += [
                (at, got(f"{name}: {value}"))
                for name, value in re.findall(r"'([\w-]{1,80})': '((?:[^'\\]|\\.){0,1000})'", row[:8000])
            ]
        elif asked and asked[2] in ("text", "json()", "content"):
            body = row.strip("b'\"")
        elif (pool := _POOL.search(row)) is not None:
            region.add(at, _failure(pool[5]))
            region.end = at + 1
            return region
        at += 1
    if status:
        region.add(number, got(f"HTTP/1.1 {status}"))
        region.rows += heads
        region.add(number, "<", *([body] if body else []))
    region.end = at
    return region
