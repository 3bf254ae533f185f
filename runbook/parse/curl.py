"""Transcripts of requests in curl's words: `-v`, `-i` and `-w '%{http_code}'`, several in one file; other clients' words
are put into those before (`parse.clients`)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from runbook.lazy import re
from runbook.model import Exchange, Headers, Place
from runbook.parse.clients import Canon, canonical
from runbook.parse.curl_command import HEADER, Pending, read_command, sent_header
from runbook.parse.prompts import prompted
from runbook.parse.write_out import written_by
from runbook.redact import Vault
from runbook.urls import urlsplit

_COMMAND = re.compile(
    r"^\s*(?:sudo\s+|time\s+)?(?:(?:docker|podman|kubectl)\s+(?:compose\s+)?(?:exec|run)\s[^|;]*?\s)?(curl(?:\.exe)?\s.*)$"
)
_ASKS = re.compile(r"curl(?:\.exe)?\s+(?:-|[\"'^]?https?:|[\"'$]|[\w.-]+[:/.]\S)")
"""A command that was pasted without its prompt; `curl says 401` is none."""
_REQUEST = re.compile(r"^> ([A-Z]+) (\S+) HTTP/")
_STATUS = re.compile(r"^(<\s)?HTTP/(?:\d(?:\.\d)?) (\d{3})\b")
_CONNECTED = re.compile(r"^\* Connected to (\S+) \(([^)]*)\) port (\d{1,6})")
_FAILED = re.compile(r"^curl: \((\d{1,4})\) (.*)")
_VERBOSE: tuple[tuple[re.Pattern[str], int], ...] = (
    (
        re.compile(
            r"^\* Failed to connect to \S+ port \d+[^:]{0,40}: (?:Couldn't connect|Could not connect|Connection refused)"
        ),
        7,
    ),
    (re.compile(r"^\* (?:Failed to connect to .{1,100}: |)(?:Connection|Operation) timed out"), 28),
    (re.compile(r"^\* Could not resolve host: "), 6),
    (re.compile(r"^\* Empty reply from server"), 52),
    (re.compile(r"^\* SSL certificate problem: "), 60),
)
"""How `curl -sv` tells of a failure: -s keeps its last line to itself."""
_LOOP = re.compile(
    r"^\s*(?:for\s+(?P<variable>\w+)\s|while\s|until\s)[^|]{0,200}?\bdo\s+(?P<request>curl\s[^;|&]{1,2000});?.{0,80}\bdone\b"
)
"""A loop of the shell around one request."""
_STATUSES = re.compile(r"\s*(?:[1-5]\d\d[ ,]{0,3}){1,100}\s*")
_PLAIN_STATUS = re.compile(r"^\D{0,24}?\b([1-5]\d\d)%?\s*$")
_BEFORE_PROMPT = re.compile(r"[1-5]\d\d(?=\D)")
"""A format without an end of line: the next prompt stands behind the status, and zsh puts a `%` there."""
_BODY = 4000
_MAX_EXCHANGES = 500

ERRORS = {
    6: "dns",
    7: "refused",
    28: "timeout",
    35: "tls-protocol",
    51: "tls-name",
    52: "empty-reply",
    56: "reset",
    60: "tls-untrusted",
}


def parse_curl(text: str, file: str, vault: Vault) -> tuple[Exchange, ...]:
    """Every request of a transcript with its answer or its error, of curl or another client. Credentials go into the vault."""
    return parse_canon(canonical(text.split("\n")), file, vault)


def parse_canon(canon: Canon, file: str, vault: Vault) -> tuple[Exchange, ...]:
    """The same of a transcript that is in curl's words already."""
    found: list[Exchange] = []
    for pending in _requests([row.rstrip("\r") for row in canon.rows], vault):
        pending.line = canon.numbers[pending.line - 1] + 1
        exchange = _finish(pending, file, vault)
        if exchange is not None:
            found.append(exchange)
        if len(found) >= _MAX_EXCHANGES:
            break
    return tuple(found)


def _requests(lines: list[str], vault: Vault) -> Iterator[Pending]:
    now: Pending | None = None
    skip = 0
    for number, line in enumerate(lines, 1):
        if skip:
            skip -= 1
            continue
        if now is not None and (glued := _glued(line, now)):
            _feed(now, glued, vault)
            line = line[len(glued) :]
        typed = prompted(line)
        asked = typed[1] if typed else line
        command = _COMMAND.match(_looped(asked) or asked)
        if command and (typed or _ASKS.match(command[1])):
            if now is not None:
                yield now
            joined, skip = _continued(lines, number - 1, command[1])
            now = read_command(joined, number, vault)
        elif typed is not None:
            if now is not None:
                yield now
            now = None
        elif started := _starts_another(line, now, number):
            if now is not None:
                yield now
            now = started
            _feed(now, line, vault)
        elif now is not None and (codes := _statuses(now, line)):
            for code in codes:
                if now.status is not None:
                    yield now
                    now = replace(now, line=number)
                now.status = code
        elif now is not None:
            _feed(now, line, vault)
    if now is not None:
        yield now


def _glued(line: str, now: Pending) -> str:
    """The status before a prompt on the same line."""
    found = _BEFORE_PROMPT.match(line) if now.counts_status and now.status is None else None
    return found[0] if found and prompted(line[found.end() :]) is not None else ""


def _looped(command: str) -> str | None:
    """The request that a loop of the shell makes again and again, the same each time."""
    loop = _LOOP.match(command)
    if loop is None or (loop["variable"] and re.search(rf"\$\{{?{loop['variable']}\b", loop["request"])):
        return None
    return str(loop["request"])


def _statuses(now: Pending, line: str) -> list[int]:
    """The statuses, and nothing else, that a request printed which is made again and again."""
    if not now.counts_status or now.got or now.body or now.shown or not _STATUSES.fullmatch(line):
        return []
    return [int(code) for code in line.replace(",", " ").split()]


def _continued(lines: list[str], index: int, command: str) -> tuple[str, int]:
    """A command that goes on after a backslash (or PowerShell's backtick, or cmd's caret)."""
    used = 0
    while command.rstrip().endswith(("\\", "`", "^")) and index + used + 1 < len(lines) and used < 30:
        used += 1
        command = command.rstrip()[:-1] + " " + lines[index + used].strip()
    return command, used


def _starts_another(line: str, now: Pending | None, number: int) -> Pending | None:
    """A further request without a command of its own: a followed redirect, or a transcript without prompt."""
    if _REQUEST.match(line):
        if now is None:
            return Pending(number)
        if now.answered or now.shown:
            return Pending(number, connected=now.connected, tls=now.tls)
    if now is not None and now.asked and not now.shown and (followed := _followed(now)) and _STATUS.match(line):
        return Pending(number, url=followed, method=now.method, asked=True)
    if _CONNECTED.match(line) and (now is None or now.answered):
        return Pending(number)
    if now is None or (now.answered and not now.asked):
        # An answer whose request was not shown, or what `-w '%{json}'` wrote of one.
        return Pending(number) if _STATUS.match(line) or _written(line) else None
    return None


def _followed(now: Pending) -> str:
    """Where `curl -iL` goes on to after a redirect: the next block of headers is that address's answer. Whether the login
    went along is not shown."""
    if now.status not in (301, 302, 303, 307, 308):
        return ""
    location = next((value for name, value in now.got if name.lower() == "location"), "").strip()
    try:
        return urljoin(_url(now), location) if location else ""
    except ValueError:
        return ""


def _written(line: str) -> dict[str, Any] | None:
    """What `curl -w '%{json}'` wrote."""
    if not line.startswith("{") or '"http_code"' not in line:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("http_code"), int) else None


def _feed(now: Pending, line: str, vault: Vault) -> None:
    if connected := _CONNECTED.match(line):
        now.connected = (connected[1], int(connected[3]))
    elif line.startswith(("* SSL", "* TLS", "* ALPN", "* using HTTP/2")):
        now.tls = True
    elif written := _written(line):
        now.status = written["http_code"] or None
        now.url = now.url or str(written.get("url_effective") or written.get("url") or "")
        now.method = now.method or str(written.get("method") or "")
    elif failed := _FAILED.match(line):
        if now.status is None:
            now.error, now.detail = _error(int(failed[1]), failed[2]), failed[2]
            if now.broken and int(failed[1]) in (3, 5, 6):
                now.error, now.detail = "url-invalid", ""  # what it could not find is a piece of the password
    elif line.startswith("* ") and (code := next((c for told, c in _VERBOSE if told.match(line)), None)):
        if now.status is None:
            now.error, now.detail = _error(code, line[2:]), line[2:]
    elif request := _REQUEST.match(line):
        now.method, path = request[1], request[2]
        now.asked = now.shown = now.login_known = True
        if not now.url:
            now.url = path
    elif line.startswith("> "):
        sent_header(now, line[2:], vault)
    elif status := _STATUS.match(line):
        now.status, now.got, now.body, now.in_headers = int(status[2]), [], [], not status[1]
    elif line.startswith("< "):
        if header := HEADER.match(line[2:]):
            now.got.append((header[1], header[2]))
    elif now.in_headers:
        header = HEADER.match(line)
        if header:
            now.got.append((header[1], header[2]))
        else:
            now.in_headers = False
    elif now.writes and (told := written_by(now.writes, line)):
        _write(now, told)
    elif now.counts_status and now.status is None and (plain := _PLAIN_STATUS.match(line)):
        now.status = int(plain[1])
    elif now.asked and not now.got and now.status is None and line.startswith(("{", "Client")) and implied_status(line):
        now.body.append(line)  # `curl -s`: the body alone
    elif (
        not line.startswith(("* ", "> ", "< ", "{ [", "} ["))
        and line not in ("<", ">")
        and _has_answer(now)
        and len(now.body) < 60
        and not _METER.match(line)
    ):
        now.body.append(line.partition("* Connection #")[0].partition("* Closing connection")[0])


def _write(now: Pending, told: dict[str, str]) -> None:
    """Take in what `-w` wrote: of a followed redirect it is the last answer."""
    now.status = int(told["status"]) if "status" in told else now.status
    now.method = now.method or told.get("method", "")
    now.url = told.get("url") or now.url
    if "location" in told:
        now.got.append(("Location", told["location"]))


_METER = re.compile(
    r"\s{0,4}\d{1,3}\s[\s\d.kMGTP-]{20,80}(?:\s{1,3}(?:--:--:--|\d{1,3}:\d\d:\d\d)){3}\s|\s{0,40}% Total\s|\s{20,40}Dload\s"
)
"""The progress that curl shows where its output goes into a file; with `2>&1` it is there, too."""

_CODES = {"UNAUTHORIZED": 401, "DENIED": 403, "NAME_UNKNOWN": 404, "MANIFEST_UNKNOWN": 404, "BLOB_UNKNOWN": 404,
          "UNSUPPORTED": 405, "TOOMANYREQUESTS": 429}  # fmt: skip
"""Error codes of the distribution specification, with the status that each comes with."""


_PLAIN_TO_TLS = "Client sent an HTTP request to an HTTPS server."
"""The whole of the answer that Go's server gives where http is spoken to its TLS port."""


def implied_status(body: str) -> int | None:
    """The status that a body of the registry's API, or of Go's server, came with, where only the body was printed; None
    for others."""
    if body.strip() == _PLAIN_TO_TLS:
        return 400
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return _CODES.get(str(errors[0].get("code")))
    return 200 if not data or {"repositories", "tags", "schemaVersion"} & data.keys() else None


def _has_answer(now: Pending) -> bool:
    """Whether a response has begun: some have a status line and no header at all (Go's 400 to http on a TLS port)."""
    return bool(now.got) or (now.status is not None and not now.counts_status)


def _error(code: int, text: str) -> str:
    lowered = text.lower()
    if code == 35 and ("wrong version" in lowered or "unknown protocol" in lowered or "http" in lowered):
        return "tls-protocol"
    if code == 60 and (
        "subject name" in lowered or "alternative certificate" in lowered or "does not match" in lowered
    ):
        return "tls-name"
    if code == 60 and ("expired" in lowered or "not yet valid" in lowered):
        return "tls-expired"
    return ERRORS.get(code, "other")


# ---- putting it together -----------------------------------------------------------------------------------


def _finish(now: Pending, file: str, vault: Vault) -> Exchange | None:
    if not now.answered:
        return None
    url = _url(now)
    if not url:
        return None
    if now.status is None and now.error is None:
        now.status = implied_status("\n".join(now.body))
    sent: Headers = tuple((n, vault.mask(v, 500)) for n, v in now.sent[:100])
    return Exchange(
        source=Place(file, now.line),
        method=now.method or "GET",
        url=vault.mask(url, 500),
        credential=now.credential,
        request_headers=sent,
        status=now.status,
        response_headers=tuple((n, vault.mask(v, 1000)) for n, v in now.got[:200]),
        body=vault.mask("\n".join(now.body).strip(), _BODY),
        error=now.error if now.status is None else None,
        detail=vault.mask(now.detail, 300),
        page=_page(now),
        login_known=now.login_known or now.credential is not None,
        trust=vault.mask(now.trust, 300),
    )


def _page(now: Pending) -> str | None:
    """For a request of a browser: the origin of the page that made it."""
    sent = {name.lower(): value for name, value in now.sent}
    if "Mozilla/" not in sent.get("user-agent", ""):
        return None
    parts = urlsplit(sent.get("origin") or sent.get("referer", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


def _url(now: Pending) -> str:
    """The URL: from the command, or from connection, request line and Host."""
    if now.url and not now.url.startswith("/"):
        return now.url if "://" in now.url else f"http://{now.url}"
    host = next((v for n, v in now.sent if n.lower() == "host"), "")
    if not host and now.connected:
        host = f"{now.connected[0]}:{now.connected[1]}"
    if not host:
        return "http://unknown" + (now.url or "/v2/") if now.status is not None and _is_registry(now) else ""
    scheme = "https" if now.tls or (now.connected and now.connected[1] == 443) else "http"
    return f"{scheme}://{host}{now.url or '/'}"


def _is_registry(now: Pending) -> bool:
    return any(n.lower() == "docker-distribution-api-version" or n.lower() == "www-authenticate" for n, _ in now.got)
