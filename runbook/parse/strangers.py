"""Whether a line that tells of a trouble is about something that is no registry: another program, another service. Pure."""

from runbook.lazy import re
from runbook.model import MessageKind
from runbook.urls import urlsplit

_TOOLS = frozenset(
    "ssh scp sftp rsync git mysql mariadb psql redis-cli mongo mongosh apt apt-get dnf yum apk pip pip3 npm yarn mvn gradle ldapsearch "
    "smbclient mount rclone ftp mail sendmail".split()
)
"""Programs that talk to no registry: what is printed below them is about their own servers."""
_FORMS = re.compile(
    r"ssh: connect to host|fatal: unable to access|fatal: Could not read from remote|kex_exchange_identification|mysql|mariadb|postgres|"
    r"psycopg|\bredis\b|mongo(?:db)?\b|\bamqp\b|rabbitmq|\bkafka\b|\bsmtp\b|\bldap|elasticsearch|memcache",
    re.IGNORECASE,
)
_OWN = re.compile(r"response from daemon|/v2/|\bregistry\b|docker\.io|\bdocker(?:d|-)", re.IGNORECASE)
_URL = re.compile(r"\bhttps?://[^\s\"'\\<>)]{1,600}")
_DIALLED = re.compile(r"\bdial tcp \[?[\w.:-]{1,80}?\]?:(\d{1,5})\b|\bport (\d{1,5})\b")
_PORTS = frozenset(
    "22 25 53 110 143 389 465 587 636 993 1433 1521 2049 2379 3306 5432 5672 6379 9090 9092 9100 9200 11211 27017".split()
)
"""Well-known ports of services that are no registry."""
_KINDS: frozenset[MessageKind] = frozenset(
    ("refused", "reset", "eof", "timeout", "handshake-timeout", "no-such-host", "x509-unknown-authority", "x509-name",
     "x509-expired", "http-to-https-client", "https-to-http-server", "gateway", "other-error", "unauthorized", "denied")
)  # fmt: skip
"""Troubles that any program may have with any server."""


def is_strange(line: str, kind: MessageKind, tool: str) -> bool:
    """Whether a trouble of that kind on that line is about another thing. `tool`: the program whose output it is, where
    that is known."""
    if kind not in _KINDS or _OWN.search(line):
        return False
    if (tool in _TOOLS and kind not in ("unauthorized", "denied")) or _FORMS.search(line):
        return True
    urls = _URL.findall(line)
    if urls:
        return any(map(_is_elsewhere, urls))
    return any((one or other) in _PORTS for one, other in _DIALLED.findall(line))


def _is_elsewhere(url: str) -> bool:
    """Whether a URL is of no registry and no token service: it has a path of its own, and asks for no scope."""
    parts = urlsplit(url.rstrip(".,:;"))
    if str(parts.port or "") in _PORTS:
        return True
    path = parts.path.rstrip("/").lower()
    return path not in ("", "/v1", "/v2") and not parts.query and _TOKEN.search(path) is None


_TOKEN = re.compile(r"token|auth|oauth|jwt|login|/v[12]\b|docker|blob|/_ping")
_PROBE = re.compile(r"(?:Readiness|Liveness|Startup) probe failed")
_AGED = re.compile(r"\s(?:\d{1,4}d\d{0,2}h?|\d{1,4}h)\s")


def is_past_probe(line: str) -> bool:
    """Whether the kubelet tells of a probe that failed hours or days ago: every pod fails some until it has started."""
    probe = _PROBE.search(line)
    return probe is not None and _AGED.search(line, 0, probe.start()) is not None
