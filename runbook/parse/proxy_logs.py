"""What Caddy, HAProxy and Apache write: the forms of their lines and what these mean.

The words are those of real runs (Caddy 2.6, HAProxy 2.6, Apache 2.4) and of the programs' documentation:
HAProxy's termination states are those of its configuration manual, 8.5.
"""

import json
from datetime import UTC, datetime

from runbook.lazy import re
from runbook.model import Meaning
from runbook.parse.log_lines import Access, Fields

Told = tuple[str, Meaning, str, str | None]
"""Logger, meaning, detail and user of a line."""

# ---- Caddy: JSON, one object a line -----------------------------------------------------------------------

_GO_WORDS: tuple[tuple[str, Meaning], ...] = (
    ("no such host", "upstream-not-found"),
    ("server misbehaving", "upstream-not-found"),
    ("Temporary failure in name resolution", "upstream-not-found"),
    ("request body too large", "body-too-large"),
    ("connection refused", "upstream-refused"),
    ("no route to host", "upstream-refused"),
    ("no upstreams available", "upstream-refused"),
    ("first record does not look like a TLS handshake", "upstream-tls"),
    ("server gave HTTP response to HTTPS client", "upstream-tls"),
    ("malformed HTTP response", "upstream-tls"),
    ("x509:", "upstream-untrusted"),
    ("remote error: tls", "upstream-untrusted"),
    ("i/o timeout", "upstream-timeout"),
    ("context deadline exceeded", "upstream-timeout"),
    ("timeout awaiting response headers", "upstream-timeout"),
    ("connection reset by peer", "upstream-reset"),
    ("EOF", "upstream-reset"),
)


def is_caddy(fields: Fields) -> bool:
    """Whether a JSON line is Caddy's: its `ts` is a number, and requests are an object of their own."""
    return "ts" in fields and (
        "request" in fields or fields.get("logger", "").split(".")[0] in ("http", "tls", "admin")
    )


def caddy_access(fields: Fields) -> Access | None:
    """A "handled request" line as an access line, or None."""
    if fields.get("msg") != "handled request":
        return None
    request = _object(fields.get("request", ""))
    status = fields.get("status", "")
    if request is None or not status.isdecimal():
        return None
    sent = request.get("headers")
    headers = (
        {str(k).lower(): v[0] for k, v in sent.items() if isinstance(v, list) and v} if isinstance(sent, dict) else {}
    )
    return Access(
        logger="caddy",
        remote=str(request.get("remote_ip") or request.get("client_ip") or "")[:60],
        user=fields.get("user_id") or None,
        when=_number(fields["ts"]),
        method=str(request.get("method", ""))[:20],
        uri=str(request.get("uri", "")),
        status=int(status),
        referer=str(headers.get("referer", "")),
        agent=str(headers.get("user-agent", "")),
        host=str(request.get("host", "")),
    )


def caddy_meaning(fields: Fields) -> Told | None:
    """What a line of Caddy's error log says about its upstream."""
    text = f"{fields.get('msg', '')} {fields.get('error', '')}".strip()
    if fields.get("level") not in ("error", "warn", "debug") or fields.get("msg") == "handled request":
        return None
    found = next((meaning for words, meaning in _GO_WORDS if words in text), None)
    request = _object(fields.get("request", "")) or {}
    asked = f', request: "{request.get("method", "")} {request.get("uri", "")}"'[:80] if request.get("uri") else ""
    host = f', host: "{request["host"]}"'[:90] if request.get("host") else ""
    return ("caddy", found, f"{text[:130]}{asked}{host}", None) if found else None


def _object(text: str) -> dict[str, object] | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# ---- HAProxy: `option httplog`, and its own alerts --------------------------------------------------------

_HTTPLOG = re.compile(
    r"^(?:[^\n\"]{1,100}haproxy\[\d+\]: )?(?P<remote>[0-9A-Fa-f.:]+):\d+ "
    r"\[(?P<when>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d)\.\d+\] \S+ [^\s/]+/(?P<server>\S+) (?P<times>[-+\d/]+) "
    r"(?P<status>-?\d+) \+?\d+ \S+ \S+ (?P<end>\S{4}) [\d/+]+ [\d/]+ (?:\{[^}\n]*\} ){0,4}\"(?P<request>[^\"\n]*)\"?"
)
_DOWN = re.compile(r"Server (?P<server>\S+) is DOWN, reason: (?P<why>[^,]+)")


def haproxy_access(line: str) -> tuple[Access, Told | None] | None:
    """A line of `option httplog` as an access line, with what its termination state says of the upstream."""
    match = _HTTPLOG.match(line) if "] " in line[:200] else None
    if not match or match["status"].startswith("-"):
        return None
    method, _, rest = match["request"].partition(" ")
    access = Access(
        logger="haproxy",
        remote=match["remote"],
        user=None,
        when=_haproxy_time(match["when"]),
        method=method if method.isalpha() else "",
        uri=rest.rsplit(" ", 1)[0] if " " in rest else rest,
        status=int(match["status"]),
        referer="",
        agent="",
    )
    meaning = _ended(match["end"], access.status)
    return access, ("haproxy", meaning, f"{match['server']}: {match['end']}", None) if meaning else None


def _ended(state: str, status: int) -> Meaning | None:
    """Who ended it (S server, s time-out of the server, P proxy), and in which phase (C connect, H headers)."""
    if status == 413 and state[0] == "P":
        return "body-too-large"
    if state[:2] == "PR" and status in _BLOCKED:
        return _BLOCKED[status]
    return {"SC": "upstream-refused", "sC": "upstream-timeout", "sH": "upstream-timeout", "SH": "upstream-reset"}.get(
        state[:2]
    )  # type: ignore[return-value]


_BLOCKED: dict[int, Meaning] = {403: "access-forbidden", 429: "rate-limited"}
"""What `http-request deny` answers; a login of HAProxy's own ends a request in the same state, with 401."""


def _haproxy_time(text: str) -> float | None:
    """Without a zone: that of a container is UTC."""
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


# ---- lines without fields ---------------------------------------------------------------------------------

_APACHE = re.compile(r"^\[\w{3} \w{3} [ \d]\d [\d:.]+ \d{4}\] \[(?:\w*:)?(?P<level>\w+)\](?P<text>.*)$", re.DOTALL)
_APACHE_WORDS: tuple[tuple[str, Meaning], ...] = (
    ("AH00898: DNS lookup failure", "upstream-not-found"),
    ("AH00898: Error during SSL Handshake", "upstream-handshake"),
    ("DNS lookup failure for", "upstream-not-found"),
    ("AH01961:", "upstream-tls"),
    ("AH02003:", "upstream-tls"),
    ("AH02004:", "upstream-untrusted"),
    ("AH02039:", "upstream-untrusted"),
    ("AH02411:", "upstream-untrusted"),
    ("timeout specified has expired", "upstream-timeout"),
    ("AH00957:", "upstream-refused"),
    ("AH01114:", "upstream-refused"),
    ("Connection refused", "upstream-refused"),
    ("AH01102:", "upstream-reset"),
    ("Error reading from remote server", "upstream-reset"),
    ("AH01617:", "proxy-user-mismatch"),
    ("AH01618:", "proxy-user-mismatch"),
    ("AH01620:", "proxy-htpasswd-missing"),
    ("AH01587:", "body-too-large"),
    ("AH01630:", "access-forbidden"),
    ("AH01797:", "access-forbidden"),
    ("is larger than the configured limit", "body-too-large"),
)
_APACHE_USER = re.compile(r"user (?P<user>\S{1,120})(?: not found|: authentication failure)")


_TRAEFIK = re.compile(
    r"'5\d\d [A-Z][A-Za-z ]{2,40}' caused by: (?P<why>.{1,300})|"
    r"\bDBG .{0,200}> 5\d\d [A-Z][A-Za-z ]{2,40} error=(?P<said>.{1,300})"
)
"""How Traefik 2 and 3 log what came of the upstream (pkg/server/service/proxy.go), at level debug."""


def traefik_line(line: str) -> Told | None:
    """What a line of Traefik's log says about its upstream, or None."""
    found = _TRAEFIK.search(line) if " caused by: " in line or "DBG" in line else None
    why = (found["why"] or found["said"]) if found else ""
    meaning = next((meaning for words, meaning in _GO_WORDS if words in why), None)
    return ("unknown", meaning, why[:300], None) if meaning else None


def proxy_line(line: str) -> Told | None:
    """What a plain line of HAProxy or Apache says, or None."""
    if line.startswith(("[ALERT]", "[WARNING]")):
        return _haproxy_alert(line)
    match = _APACHE.match(line) if line.startswith("[") else None
    if match is None:
        return None
    text = match["text"]
    for words, meaning in _APACHE_WORDS:
        if words in text:
            user = _APACHE_USER.search(text) if meaning == "proxy-user-mismatch" else None
            return "apache", meaning, f"{match['level']}: {text.strip()}"[:300], user["user"] if user else None
    return None


def _haproxy_alert(line: str) -> Told | None:
    if "could not resolve address" in line:
        return "haproxy", "upstream-not-found", f"emerg: {line}"[:300], None
    if down := _DOWN.search(line):
        late = "timeout" in down["why"]
        return "haproxy", "upstream-timeout" if late else "upstream-refused", line[:300], None
    return None
