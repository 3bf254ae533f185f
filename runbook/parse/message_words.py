"""The sentences that tell something, most specific first: (a word that must be there, the pattern, its kind)."""

from runbook.lazy import re
from runbook.model import MessageKind

_URL = r"\"?(?P<url>https?://[^\s\"']{1,500})\"?"


def _row(marker: str, pattern: str, kind: MessageKind) -> tuple[str, re.Pattern[str], MessageKind]:
    return marker, re.compile(pattern, re.IGNORECASE), kind


_IMAGE_HOST = r"(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}(?::\d{1,5})?|localhost(?::\d{1,5})?|[\w.-]{1,255}:\d{1,5}"
_PLACE = r"(?P<url>https?://[^\s'’,]{1,500}?)"
_CHROME = (
    r"Access to (?:XMLHttpRequest|fetch|\w+) at '(?P<url>[^']*)'(?: \(redirected from '[^']*'\))? "
    r"from origin '(?P<page>[^']*)' has been blocked by CORS policy"
)

ROWS: tuple[tuple[str, re.Pattern[str], MessageKind], ...] = (
    # ---- browsers -------------------------------------------------------------------------------------
    # The reason is told by `complaints`.
    _row("access to ", _CHROME, "cors"),
    _row(
        "failed to load ",
        rf"Failed to load {_PLACE}: .{{0,400}}?(?:Origin '(?P<page>[^']{{0,300}})' is therefore|preflight)",
        "cors",
    ),
    _row(
        "cannot load ",
        rf"cannot load {_PLACE}\.? .{{0,400}}?(?:Origin '(?P<page>[^']{{0,300}})' is therefore|preflight|due to access control)",
        "cors",
    ),
    _row(
        "cors",
        r"(?:remote resource at|Ressource auf|ressource distante située sur|recurso remoto en) .?"
        r"(?P<url>https?://[^\s'’]{1,500}?)\.?['’]?\.? \(.*CORS",
        "cors",
    ),
    _row("allowed by access-control-allow-origin", r"Origin (?P<page>https?://\S+) is not allowed by", "cors"),
    _row(
        "access-control-allow-",
        r"^(?:\[Error\] |\s)*(?:Credentials flag is true|Cannot use wildcard in|Access-Control-Allow-Origin cannot)",
        "cors",
    ),
    _row("preflight response is not successful", r"Preflight response is not successful", "cors"),
    _row(
        "access-control-allow-",
        r"(?:Request header field \S+|Method \w+) is not allowed by Access-Control-Allow-",
        "cors",
    ),
    _row("blocked by cors", r"blocked by CORS(?: policy)?", "cors"),
    _row(
        "mixed content",
        r"Mixed Content.{0,100}?page at '(?P<page>https://[^/']{0,255}).{0,400}?'(?P<url>http://[^']{0,500})'",
        "mixed-content",
    ),
    _row("mixed", r"Blocked loading mixed active content .(?P<url>http://[^”\"']*)", "mixed-content"),
    _row("mixed content", r"Mixed[ -]Content", "mixed-content"),
    _row(
        "insecure content from",
        r"page at (?P<page>https://[^\s/]{1,255})(?:/\S{0,500})? .{0,200}?insecure content from (?P<url>http://\S{1,500}?)\.?(?:\s|$)",
        "mixed-content",
    ),
    _row("requested an insecure", r"requested an insecure \w+ '(?P<url>http://[^']*)'", "mixed-content"),
    _row(
        "is therefore not allowed access",
        r"header in the response is missing.{0,300}?Origin .?(?P<detail>https?://[^`' ]{0,300})",
        "ui-cors-hint",
    ),
    _row(
        "your registry must have",
        r"registry must have .?Access-Control-Allow-Origin.? header set to .?(?P<page>https?://[^`' ]*)",
        "ui-cors-hint",
    ),
    _row("an error occured", r"An error occured: Check your connection", "ui-cors-hint"),
    # ---- Compose ---------------------------------------------------------------------------------------
    _row("variable is not set", r"variable is not set", "compose-unset"),
    _row(
        "trailing space",
        r"environment variable (?P<detail>\S{1,200})\s{1,40}is declared with a trailing space",
        "compose-refused",
    ),
    _row("decoding failed", r"decoding failed due to", "compose-refused"),
    _row("is invalid because", r"services?\.\S{1,200} .{0,300}is invalid", "compose-refused"),
    _row("additional propert", r"services\.\S{1,200} Additional propert", "compose-refused"),
    _row("yaml:", r"^(?:ERROR: )?(?:yaml|.*\.ya?ml): .*(?:line \d+|did not find|mapping values)", "compose-refused"),
    _row("required variable", r"required variable (?P<detail>\w+) is missing a value", "compose-refused"),
    _row("invalid interpolation", r"invalid interpolation format", "compose-refused"),
    _row("undefined", r"refers to undefined (?:volume|network|secret|config)", "compose-refused"),
    # ---- TLS and scheme ----------------------------------------------------------------------------------
    _row(
        "gave http response",
        rf"^(?:(?:Get|Head|Put|Post) {_URL}: )?.*server gave HTTP response to HTTPS client",
        "http-to-https-client",
    ),
    _row("http request to an https server", r"HTTP request to an HTTPS server", "https-to-http-server"),
    _row("malformed http response", r"malformed HTTP response ", "https-to-http-server"),
    _row(
        "does not look like a tls handshake",
        rf"^(?:(?:Get|Head) {_URL}: )?.*does not look like a TLS handshake",
        "http-to-https-client",
    ),
    _row("wrong version number", r"wrong version number", "http-to-https-client"),
    _row(
        "unknown authority",
        rf"^(?:(?:Get|Head|Put|Post) {_URL}: )?.*certificate signed by unknown authority",
        "x509-unknown-authority",
    ),
    _row("self-signed certificate", r"self-signed certificate(?! \(\d+\), continuing)", "x509-unknown-authority"),
    _row("self signed certificate", r"self signed certificate(?! \(\d+\), continuing)", "x509-unknown-authority"),
    _row("legacy common name", rf"^(?:(?:Get|Head) {_URL}: )?.*relies on legacy Common Name", "x509-name"),
    _row(
        "certificate is valid for",
        rf"^(?:(?:Get|Head) {_URL}: )?.*certificate is valid for (?P<detail>[^\n]{{0,600}}?), not",
        "x509-name",
    ),
    _row("cannot validate certificate", r"cannot validate certificate for (?P<detail>\S+)", "x509-name"),
    _row(
        "is not valid for any names",
        r"certificate is not valid for any names(?:.*\s)?(?P<detail>\S{1,300})$",
        "x509-name",
    ),
    _row("certificate has expired", r"certificate has expired", "x509-expired"),
    # ---- logging in ----------------------------------------------------------------------------------------
    _row("login succeeded", r"^\s*Login Succeeded", "login-ok"),
    _row(
        "pushing manifest for",
        r"pushing manifest for (?P<host>[^\s/]{1,255})/\S{1,300}@sha256:[0-9a-f]{64}.{0,40} done\b",
        "transfer-ok",
    ),
    _row("successfully pulled image", r"Successfully pulled image \\?\"(?P<host>[^\s/\"]{1,255})/", "transfer-ok"),
    _row("logged in", r"^\s*(?:Logged in|Authenticated|Existing credentials are valid)", "login-ok"),
    _row("failed with status", rf"login attempt to {_URL} failed with status: (?P<detail>\d{{3}})", "login-status"),
    _row("error saving credentials", r"error storing credentials.{0,400}?out: (?P<detail>.*)", "helper-failed"),
    _row(
        "docker-credential-",
        r"docker-credential-(?P<detail>(?>[\w-]{1,60}))[^\n]{0,300}?(?:not found|exit status|executable file|resolves to|error)",
        "helper-failed",
    ),
    _row(
        "error getting credentials", r"error getting credentials(?:.{0,400}?out: (?P<detail>.*)|.*)$", "helper-failed"
    ),
    _row("pass not initialized", r"(?P<detail>pass) not initialized", "helper-failed"),
    _row("credentials store", r"(?:cannot|error|unable).{0,200}credentials store", "helper-failed"),
    _row(
        "no basic auth credentials",
        rf"^(?:(?:Get|Head|Put|Post) {_URL}: )?.*no basic auth credentials",
        "no-basic-auth",
    ),
    _row("basic credential not found", r"basic credential not found", "no-basic-auth"),  # oras
    _row(
        "invalid username/password",
        r"^(?>.*(?:login (?:at|to) (?P<host>[^\s:]{1,255}(?::\d{1,5})?)|authenticating creds for \"?(?P<detail>[^\"\s]{1,300})\"?))?.*invalid username/password",
        "invalid-username-password",
    ),
    _row("incorrect username or password", r"incorrect username or password", "invalid-username-password"),
    # Old engines: no response to the ping asked for a login; and the way of API v1, taken where the ping was none of v2's.
    _row("no successful auth challenge", rf"no successful auth challenge for {_URL}", "other-error"),
    _row("login: 4", r"from daemon: Login: (?P<detail>40[0134])\b", "login-status"),
    # ---- the token service -------------------------------------------------------------------------------
    _row(
        "oauth token", rf"failed to fetch oauth token: (?:[^\"]{{0,200}}?{_URL})?.{{0,400}}?: 40[13]\b", "token-refused"
    ),
    _row("anonymous token", r"failed to fetch anonymous token: .{0,600}?: 40[13]\b", "no-basic-auth"),
    _row("failed to fetch", rf"failed to fetch (?:anonymous|oauth) token: .{{0,400}}?{_URL}", "token-endpoint-failed"),
    _row("failed to authorize", rf"failed to authorize: .{{0,400}}?{_URL}", "token-endpoint-failed"),
    # ---- the network -------------------------------------------------------------------------------------
    _row(
        "no such host",
        rf"^(?>.*\b(?:Get|Head|Put|Post|Patch) {_URL}: )?.*lookup (?P<detail>[\w.-]{{1,255}})[^\n]{{0,300}}no such host",
        "no-such-host",
    ),
    _row(
        "network is unreachable",
        rf"^(?>.*\b(?:Get|Head|Put|Post|Patch) {_URL}: )?.*lookup (?P<detail>[\w.-]{{1,255}}) on [^\n]{{0,300}}network is unreachable",
        "no-such-host",
    ),
    _row("could not resolve host", r"Could not resolve host:? (?P<detail>[\w.-]+)", "no-such-host"),
    _row(
        "temporary failure in name resolution",
        r"(?:lookup (?P<detail>[\w.-]{1,255}).{0,300})?Temporary failure in name resolution",
        "no-such-host",
    ),
    _row("server misbehaving", r"lookup (?P<detail>[\w.-]{1,255}).{0,300}server misbehaving", "no-such-host"),
    _row(
        "connection refused",
        rf"^(?>.*\b(?:Get|Head|Put|Post|Patch) {_URL}: )?(?>.*dial tcp (?P<detail>\S{{1,300}}): )?.*connection refused",
        "refused",
    ),
    _row("connection reset", rf"^(?>.*\b(?:Get|Head|Put|Post|Patch) {_URL}: )?.*connection reset by peer", "reset"),
    _row(
        "client.timeout", rf"^(?>.*\b(?:Get|Head) {_URL}: )?.*(?:Client\.Timeout|context deadline) ?exceeded", "timeout"
    ),
    _row("request canceled", rf"^(?>.*\b(?:Get|Head) {_URL}: )?.*request canceled while waiting", "timeout"),
    _row("i/o timeout", rf"^(?>.*\b(?:Get|Head|Put|Post|Patch) {_URL}: )?.*i/o timeout", "timeout"),
    _row(
        "/blobs/uploads/",
        rf"(?:Put|Post|Patch) \\?\"?{_URL}\S{{0,600}}: .{{0,200}}(?:\bEOF\b|connection reset by peer|broken pipe)",
        "upload-cut",
    ),
    _row("eof", rf"(?:(?:Get|Head|Put|Post|Patch) {_URL}: )(?:unexpected )?EOF\b", "eof"),
    # ---- uploads and other answers ---------------------------------------------------------------------------
    _row("retrying in", r"^[0-9a-f]{6,64}: Retrying in \d{1,3} second", "retrying"),
    _row("toomanyrequests", r"toomanyrequests", "throttled"),
    _row("429", r"\bStatusCode: 429\b|\bHTTP status:? 429\b", "throttled"),
    _row(
        "port-forward",
        r"^[^#]{0,80}\bkubectl\b[^|;&]{0,200}\bport-forward\b[^|;&]{0,200}?\s(?P<detail>\d{1,5})(?::\d{1,5})?\s*&?$",
        "port-forward",
    ),
    _row("forwarding from", r"^Forwarding from 127\.0\.0\.1:(?P<detail>\d{1,5}) ->", "port-forward"),
    _row("forwarding port", r"error forwarding port \d", "port-forward-lost"),
    _row("lost connection to pod", r"lost connection to pod", "port-forward-lost"),
    # What docker says where the layer that it has sent is not there: github.com/moby/moby distribution/push_v2.go
    _row("unknown blob", r"^unknown blob$", "blob-upload"),
    _row("blob upload", r"blob upload (?P<detail>unknown|invalid)", "blob-upload"),
    _row("parsing http 413", r"error parsing HTTP 413 response body", "too-large"),
    # The registry answers in JSON: a page is signed by a hop before it.
    _row("parsing http 405", r"error parsing HTTP 405 response body: invalid character '<'", "html-answer"),
    _row("parsing http 405", r"error parsing HTTP 405 response body", "method-unsupported"),
    _row("parsing http 40", r"error parsing HTTP (?P<detail>40[0134]) response body", "login-status"),
    _row("parsing http 50", r"error parsing HTTP (?P<detail>50[234]) response body", "gateway"),
    _row("413", r"413:? (?:Request Entity|Payload|Content) Too Large", "too-large"),
    _row(
        "unexpected http status", r"unexpected (?:HTTP )?status(?: code)?:? (?:\S+: )?(?P<detail>50[234])\b", "gateway"
    ),
    _row("bad gateway", r"(?P<detail>502):? Bad Gateway", "gateway"),
    _row("gateway time", r"(?P<detail>504):? Gateway Time-?out", "gateway"),
    _row("service unavailable", r"(?P<detail>503):? Service (?:Temporarily )?Unavailable", "gateway"),
    _row("authentication failed", r"^Username/Password Authentication Failed", "unauthorized"),
    _row("with a status of 413", r"with a status of 413\b", "too-large"),
    _row("with a status of 405", r"with a status of 405\b", "method-unsupported"),
    _row("with a status of 50", r"with a status of (?P<detail>50[234])\b", "gateway"),
    _row("unsupported", r"operation is unsupported|UNSUPPORTED|405 Method Not Allowed", "method-unsupported"),
    _row("405 method not allowed", r"405 Method Not Allowed", "method-unsupported"),
    _row(
        "authentication required",
        rf"^(?>.*?\b(?:Get|Head|Put|Post) {_URL}: )?.*unauthorized: authentication required",
        "unauthorized",
    ),
    # skopeo, podman and buildah: github.com/containers/image docker/docker_client.go
    _row(
        "authentication required",
        r"^(?:FATA\[\d{1,6}\]|Error:|time=).{0,2000}: authentication required\W*$",
        "unauthorized",
    ),
    _row(
        "401 unauthorized",
        r"^(?>.*?(?:Get|Head|Put|Post) \"?(?P<url>https?://[^\s\"]{1,500})\"?)?.*401 Unauthorized",
        "unauthorized",
    ),
    _row("unauthorized", r"(?:error|failed|denied|fatal|reason|message).{0,400}\bunauthorized\b", "unauthorized"),
    _row("requested access to the resource is denied", r"denied: requested access to the resource is denied", "denied"),
    _row("403 forbidden", rf"^(?>.*?{_URL})?.*403 Forbidden", "denied"),
    _row("container ", r"^\s*(?:✔\s*)?Container (?P<detail>\S+)\s+(?:Recreated|Removed)\b", "container-recreated"),
    # ---- the engine and its containers ---------------------------------------------------------------------
    _row("http proxy:", r"^\s*HTTPS? Proxy: (?P<detail>\S+)", "daemon-proxy"),
    _row("_proxy=", r"^(?:export )?(?:https?|all)_proxy=(?P<detail>\S+)", "daemon-proxy"),
    _row("executable file not found", r"exec: \\?\"htpasswd\\?\": executable file not found", "tool-missing"),
    _row("command not found", r"htpasswd: (?:command )?not found", "tool-missing"),
    _row("restarting (", r"\bRestarting \((?P<detail>\d+)\)", "container-exited"),
    _row("exited (", r"\bExited \((?P<detail>[1-9]\d*)\)", "container-exited"),
    _row(
        "0/",
        r"^\s*\S{1,253}\s+0/\d+\s+(?:Init:)?(?P<detail>CrashLoopBackOff|Error|CreateContainerConfigError|RunContainerError|OOMKilled)\s",
        "container-exited",
    ),
    _row("no such image", rf"No such image: (?P<host>{_IMAGE_HOST})/", "other-error"),
    _row("back-off pulling image", rf"Back-off pulling image \"?(?P<host>{_IMAGE_HOST})/", "other-error"),
    _row("response status code", r"response status code (?P<detail>40[0134]|500)\b", "login-status"),
    _row("exited with code", r"exited with code (?P<detail>[1-9]\d*)", "container-exited"),
    _row("pull access denied", r"pull access denied for (?P<detail>\S+)", "denied"),
    _row(
        "no credentials on this request",
        rf"image pull failed for (?P<host>{_IMAGE_HOST})/.{{0,400}}no credentials on this request",
        "unauthorized",
    ),
    # What registries and clients say in front of a reason of their own (the codes of the distribution specification).
    _row(
        "denied",
        r"^(?:(?:Error|FATA\[\d+\]|error)[:\s]+)?(?:[\w ]{0,40}: )?denied: (?P<detail>.*)",
        "denied",
    ),
    _row("toomanyrequests", r"toomanyrequests: (?P<detail>.*)", "other-error"),
    _row("insufficient_scope", r"insufficient_scope: (?P<detail>.*)", "other-error"),
    _row("unknown", r"^(?:Error: )?(?:name|manifest|blob) unknown: (?P<detail>.*)", "other-error"),
    _row(
        "context deadline exceeded",
        rf"(?:(?:Get|Head|Put|Post|Patch|HEAD|GET) {_URL}.{{0,200}})?context deadline exceeded",
        "other-error",
    ),
    _row("error response from daemon", r"Error response from daemon: (?P<detail>.*)", "other-error"),
)
