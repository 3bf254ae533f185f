"""Sentences of clusters, pipelines, builders and engines: tried before the general rows, which would take them for less.

The words are those of the kubelet, containerd, kaniko, BuildKit, docker's command, GitHub's login action, Go's net/http and net/url.
"""

from runbook.lazy import re
from runbook.model import MessageKind

_URL = r"\"?(?P<url>https?://[^\s\"']{1,500})\"?"
_IMAGE = r"\"(?P<host>(?:[\w-]+\.)+[\w-]+(?::\d+)?|localhost(?::\d+)?|[\w.-]+:\d+)/(?P<detail>[^\"\s]{1,300})\""
_FETCH = rf"(?:Get|Head|Put|Post|Patch) {_URL}: "


def _row(marker: str, pattern: str, kind: MessageKind) -> tuple[str, re.Pattern[str], MessageKind]:
    return marker, re.compile(pattern, re.IGNORECASE), kind


ROWS: tuple[tuple[str, re.Pattern[str], MessageKind], ...] = (
    _row("proxyconnect tcp", rf"^(?>.*{_FETCH})?.*proxyconnect tcp: (?P<detail>.*)", "proxy-connect"),
    # ---- the kubelet and containerd -------------------------------------------------------------------
    _row("no basic auth credentials", rf"image {_IMAGE}.{{0,600}}no basic auth credentials", "no-basic-auth"),
    _row("no basic auth credentials", rf"{_FETCH}.{{0,600}}no basic auth credentials", "no-basic-auth"),
    _row(
        "pulling from host",
        r"(?:reference|image) \"(?P<detail>[^\"\s]{1,300})\": pulling from host (?P<host>[^\s\"]{1,255}) failed with "
        r"status code \[[^\]]{0,60}\]: 401",
        "unauthorized",
    ),
    _row("pulling from host", r"pulling from host (?P<host>[^\s\"]{1,255}) failed with status code \[[^\]]{0,60}\]: 401", "unauthorized"),
    _row("image pull secret", r"Unable to retrieve some image pull secrets \((?P<detail>[^)]{1,300})\)", "pull-secret-missing"),
    _row("key with value auth", r"secret \"?(?P<detail>[\w./-]{1,300})\"? does not contain a key with value auth", "ingress-secret"),
    _row("unexpected media type", rf"(?:(?:reference|image) {_IMAGE}.{{0,600}})?unexpected media type text/html", "html-answer"),
    # ---- the first bytes of a password file -------------------------------------------------------------
    _row("(with bom)", r"^(?P<detail>[^\s:]{0,200}passw[^\s:]{0,60}):\s.{0,80}\(with BOM\)", "byte-order-mark"),
    _row("ef bb bf", r"^\s{0,8}0{4,16}:?\s{1,8}EF BB BF .{20,200}?(?<![\w.])[^\w:]{0,8}(?P<user>[A-Za-z0-9][\w-]{0,40}):\$(?:2|apr1)", "byte-order-mark"),
    _row("efbb bf", r"^\s{0,8}0{4,16}:?\s{1,8}efbb bf[0-9a-f]{2} .{20,200}?[^\w:]{1,8}(?P<user>[A-Za-z0-9][\w-]{0,40}):\$(?:2|apr1)", "byte-order-mark"),
    # ---- nothing to log in with -----------------------------------------------------------------------
    _row("non tty device", r"cannot perform an interactive login from a non[- ]?TTY device", "empty-password"),
    _row("--password-stdin", r"Must provide --username with --password-stdin|--password-stdin option requires --username to be set", "empty-password"),
    _row("username is empty", r"(?:^|: )username is empty$", "empty-password"),
    _row("flag needs an argument", r"flag needs an argument: (?:'[pu]' in -[pu]|--(?:password|username))", "empty-password"),
    _row("password required", r"(?:^|[ :])(?:Username and )?password required", "empty-password"),
    _row("password is empty", r"(?:username or )?password is empty", "empty-password"),
    # ---- Docker Hub in place of the registry ------------------------------------------------------------
    _row("docker.io/", r"push refers to repository \[(?P<host>docker\.io)/(?P<detail>[^\]\s]{1,300})\]", "hub-push"),
    _row("docker.io/", r"failed to push docker\.io/(?P<detail>[^\s,]{1,300}?):? ", "hub-refused"),
    # kaniko and crane (go-containerregistry), where only Docker may push; podman and skopeo (containers/image)
    _row("docker.io/", r"POST https://(?:index|registry-1)\.docker\.io/v2/(?P<detail>library/[^\s:]{1,300}?)/blobs/uploads/[^\s:]{0,300}: (?:UNAUTHORIZED|DENIED)", "hub-refused"),
    _row("docker.io: ", r"upload to /v2/(?P<detail>\S{1,300}?)/blobs/uploads/ in registry-1\.docker\.io: (?:requested access|denied|unauthorized)", "hub-refused"),
    # ---- BuildKit --------------------------------------------------------------------------------------
    _row("gave http response", rf"failed to (?P<detail>solve|export)\b.{{0,600}}?{_FETCH}.{{0,300}}server gave HTTP response", "http-to-https-client"),
    _row("gave http response", rf"#\d{{1,4}} (?:[\d.]{{1,12}} )?ERROR: failed to (?P<detail>push) .{{0,600}}?{_FETCH}.{{0,300}}server gave HTTP response", "http-to-https-client"),
    _row("unknown authority", rf"failed to (?P<detail>solve|export)\b.{{0,600}}?{_FETCH}.{{0,300}}signed by unknown authority", "x509-unknown-authority"),
    _row("docker-container", r"^\s*\S{1,80}?(?: ?\*)?\s+(?P<detail>docker-container)\b", "builder"),
    # ---- TLS, time, addresses -------------------------------------------------------------------------
    _row(
        "has expired or is not yet valid",
        rf"^(?>.*\b{_FETCH})?.*certificate has expired or is not yet valid(?::? current time (?P<detail>\S{{1,40}} is (?:after|before) \S{{1,40}}))?",
        "x509-expired",
    ),
    _row("token", rf"(?:image {_IMAGE}.{{0,600}})?\b(?:authorization |security |access |id )?token (?:included in the request )?(?:has |is )?expired", "token-expired"),
    _row("expiredtoken", r"\bExpiredToken(?:Exception)?\b", "token-expired"),
    _row("invalid url escape", r"invalid URL escape \\?\"(?P<detail>[^\"\\]{1,20})", "url-invalid"),
    _row("after host", r"invalid port \\?\"(?P<detail>:[^\"\\]{1,200})\\?\" after host", "url-invalid"),
    _row("invalid userinfo", r"net/url: invalid userinfo", "url-invalid"),
    _row("unsafe header", r"Refused to get unsafe header \"(?P<detail>[\w-]{1,80})\"", "header-hidden"),
    _row("content-length", r"missing or empty Content-Length header", "no-content-length"),
    _row("tls handshake timeout", rf"^(?>.*\b{_FETCH})?.*TLS handshake timeout", "handshake-timeout"),
    _row("parsing http 403", r"error parsing HTTP 403 response body", "denied"),
    # ---- the engine --------------------------------------------------------------------------------------
    _row("configuration error", r"^(?:\S{1,80}[ \t]+\| ?)?configuration error: (?P<detail>.{1,300})", "config-error"),
    _row("already allocated", r"Bind for \S{0,60}:(?P<detail>\d{1,5}) failed: port is already allocated", "port-in-use"),
    _row("address already in use", r"[\]\d.*]:(?P<detail>\d{1,5})\b.{0,200}address already in use", "port-in-use"),
    _row("operating system:", r"^\s*Operating System: (?P<detail>Docker Desktop\b.{0,60})", "engine-elsewhere"),
    _row(
        "://",
        r"^\S{1,80} ?\*\s.{0,300}?(?P<detail>(?:ssh|tcp)://\S{1,200}|(?:unix|npipe)://\S{0,200}(?:desktop|colima|lima|rancher|"
        r"orbstack|podman-machine)\S{0,100})",
        "engine-elsewhere",
    ),
    _row("docker_host", r"\bDOCKER_HOST[=:] ?[\"']?(?P<detail>(?:ssh|tcp)://[^\s\"']{1,200})", "engine-elsewhere"),
    # ---- what people measure ---------------------------------------------------------------------------
    _row("mtu", r"\bmtu[ =:]{1,3}(?P<detail>\d{3,5})\b", "mtu"),
    _row("  ", r"^(?P<detail>(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})  \S{1,300})\s*$", "checksum"),
)  # fmt: skip
