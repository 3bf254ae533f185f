"""Whether a line that tells of a trouble is about something that is no registry: another program, another service. Pure."""

from collections.abc import Collection, Iterator

from runbook.lazy import re
from runbook.model import Message, MessageKind
from runbook.urls import urlsplit

_TOOLS = frozenset(
    "ssh scp sftp rsync git mysql mariadb psql redis-cli mongo mongosh apt apt-get dnf yum apk pip pip3 npm yarn mvn mvnw gradle "
    "gradlew cargo go composer gem bundle poetry uv pnpm ldapsearch smbclient mount rclone ftp mail sendmail".split()
)
"""Programs that talk to no registry: what is printed below them is about their own servers."""
_HANDLES_IMAGES = re.compile(
    r"\bjib|build-?image|\b(?:docker|podman|nerdctl|skopeo|crane|buildah)[ :](?:login|push|pull|build|image|compose|copy)",
    re.IGNORECASE,
)
"""A task by which one of them does it all the same: `mvn jib:build`, `npm run docker:push`, `ssh host docker pull x`."""
_FORMS = re.compile(
    r"ssh: connect to host|fatal: unable to access|fatal: Could not read from remote|kex_exchange_identification|\brsync(?: error)?:|"
    r"\bnpm (?:ERR!|error)|pip\._vendor|Could not (?:transfer artifact|resolve dependencies)|mysql|mariadb|postgres|psycopg|"
    r"\bredis\b|mongo(?:db)?\b|\bamqp\b|rabbitmq|\bkafka\b|\bsmtp|\bldap|elasticsearch|memcache",
    re.IGNORECASE,
)
_IMAGE = re.compile(
    r"(?<![\w/.:@-])(?:(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}(?::\d{1,5})?|localhost(?::\d{1,5})?|[\w-]{1,63}:\d{1,5})/[\w./-]{1,255}"
    r"(?:[:@][\w.:-]{1,140})?"
)
"""The name of an image with its registry: `redis` in it is what the image holds, no server that failed."""
_OWN = re.compile(
    r"response from daemon|docker\.io|\bdocker(?:-daemon)?://|(?<![^\s\"'=(])/v2/|://[^/\s]{1,255}/v2/|"
    r"/v2/(?:_catalog|\S{1,255}/(?:manifests|blobs|tags)/)|\b(?:pull|push|copy|pars|inspect)\w{0,4} (?:the )?image\b|"
    rf"failed to (?:push|pull|copy|resolve reference) \"?{_IMAGE.pattern}|build image failed|\bblob sha256:|"
    r"unauthorized: authentication required|requested access to the resource|^\s*(?:✘|!|⠿) \S+ (?:Error|Warning)\b|"
    r"^\S{0,80}\bregistry(?:[-_]\d{1,3})?\s{0,40}\|",
    re.IGNORECASE,
)
"""Words of the registry and its clients, whatever else the line names; the last two are a row of Compose for an image,
and the registry's own log."""
_URL = re.compile(r"(?<!see )(?<!see: )\bhttps?://[^\s\"'\\<>)]{1,600}", re.IGNORECASE)
_DIALLED = re.compile(
    r"\bdial tcp \[?[\w.:-]{1,80}?\]?:(\d{1,5})\b|\bport (\d{1,5})\b|\b(?:https?://|connect(?:ion)? to )[\w.-]{1,255}:(\d{1,5})\b",
    re.IGNORECASE,
)
_PORTS = frozenset(
    (22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 1433, 1521, 2049, 2379, 3306, 5432, 5672, 6379, 9090, 9092, 9100, 9200,
     11211, 27017)
)  # fmt: skip
"""Well-known ports of services that are no registry."""
_KINDS: frozenset[MessageKind] = frozenset(
    ("refused", "reset", "eof", "timeout", "handshake-timeout", "no-such-host", "x509-unknown-authority", "x509-name",
     "x509-expired", "http-to-https-client", "https-to-http-server", "gateway", "other-error", "unauthorized", "denied")
)  # fmt: skip
"""Troubles that any program may have with any server."""


def caller(tool: str, command: str) -> str:
    """The program whose output follows a command; "" where it may be about an image although the program is none of
    the registry's clients."""
    return "" if _HANDLES_IMAGES.search(command) else tool


def is_strange(line: str, kind: MessageKind, tool: str) -> bool:
    """Whether a trouble of that kind on that line is about another thing. `tool`: the program whose output it is, where
    that is known."""
    if kind not in _KINDS or _OWN.search(line):
        return False
    if (tool in _TOOLS and kind not in ("unauthorized", "denied")) or _FORMS.search(_IMAGE.sub("", line)):
        return True
    # One at a host called "registry" may be: whether it is the one in question is not known here.
    return any("regist" not in (urlsplit(url).hostname or "") for url in _own_paths(line))


def strange_port(message: Message, own: Collection[int]) -> bool:
    """Whether a client met a trouble at the well-known port of another service. `own`: ports that are the stack's,
    whatever they are known for."""
    if message.kind not in _KINDS or _OWN.search(message.text):
        return False
    asked = {int(next(filter(None, ports))) for ports in _DIALLED.findall(message.text)}
    return bool(asked & _PORTS.difference(own))


def strange_hosts(message: Message) -> frozenset[str]:
    """The hosts of which a client's message tells a path that no registry has."""
    if message.kind not in _KINDS or _OWN.search(message.text):
        return frozenset()
    return frozenset(filter(None, (urlsplit(url).hostname for url in _own_paths(message.text))))


def _own_paths(line: str) -> Iterator[str]:
    """URLs of no registry and no token service: they have a path of their own, and ask for no scope. What the path is
    called tells nothing (`git.example/infra/registry`)."""
    for url in _URL.findall(line):
        parts = urlsplit(url.rstrip(".,:;"))
        path = parts.path.rstrip("/").lower()
        if path not in ("", "/v1", "/v2") and not parts.query and _TOKEN.search(path) is None:
            yield url


_TOKEN = re.compile(
    r"token|\bo?auth(?:n|z|2|enticate|orize)?\b|jwt|login|^/v2\b|^/v1/(?:search|users)\b|/docker/|/blobs?/|/_ping"
)
_PROBE = re.compile(r"(?:Readiness|Liveness|Startup) probe failed")
_AGED = re.compile(r"\s(?:\d{1,4}d\d{0,2}h?|\d{1,4}h)\s")


def is_past_probe(line: str) -> bool:
    """Whether the kubelet tells of a probe that failed hours or days ago: every pod fails some until it has started."""
    probe = _PROBE.search(line)
    return probe is not None and _AGED.search(line, 0, probe.start()) is not None
