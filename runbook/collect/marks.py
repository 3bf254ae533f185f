r"""What lines give a kind of file away. Each test looks at the beginnings of lines in the head of a file.

The patterns are safe on hostile text: blanks are matched with `[ \t]*`, never with `\s*`, which would
run over line ends and try each of them again.
"""

from collections.abc import Callable

from runbook.lazy import re

Mark = Callable[[str], bool]


def _lines(*alternatives: str) -> Mark:
    """A test: some line begins like one of these."""
    compiled = re.compile(rf"^(?:{'|'.join(alternatives)})", re.MULTILINE)
    return lambda text: compiled.search(text) is not None


_TOOLS = (
    "docker|docker-compose|curl|podman|skopeo|nerdctl|htpasswd|cat|ls|env|echo|cd|mkdir|helm|kubectl|buildah|oras|crane"
)
is_session = _lines(
    r"[\w.-]{1,64}@[\w.-]{1,64}:?[^\n$#>]{0,80}[$#] ",
    r"PS [A-Z]:[^\n>]{0,200}> ",
    rf"[$#%>❯] ?(?:sudo )?(?:{_TOOLS})\b",
)
has_services = _lines(r"services:[ \t]*(?:#.*)?\r?$")
has_images = _lines(r"[\w.-]{1,80}:[ \t]*\r?\n(?:[ \t]*#[^\n]*\n)*[ \t]+(?:image|build|container_name):")
has_distribution_version = _lines(r"version:[ \t]*[\"']?0\.1\b")
has_registry_sections = _lines(r"(?:storage|http|auth|log|proxy|health|notifications|middleware|redis):")
is_traefik = _lines(
    r"(?:entryPoints|providers|certificatesResolvers|tcp|api)\b",
    r"\[(?:entryPoints|http|providers)\b",
    r"http:[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*|\r)?\n)*[ \t]+(?:routers|middlewares|services|serversTransports):",
)
is_traefik_dynamic = _lines(
    r"http:[ \t]*\r?\n(?:[ \t]*(?:#[^\n]*|\r)?\n)*[ \t]+(?:routers|middlewares|services|serversTransports):"
)
_has_api_version = _lines(
    r"(?:- |[ \t]*)?[\"']?apiVersion[\"']?:[ \t]*[\"']?[\w.-]{1,100}(?:/[\w.-]{1,40})?[\"']?,?[ \t]*\r?$"
)
_has_kind = _lines(r"(?:- |[ \t]*)?[\"']?kind[\"']?:[ \t]*[\"']?[A-Z]\w{1,60}[\"']?,?[ \t]*\r?$")
_has_chart_keys = _lines(
    r"[ \t]{0,8}(?:configData|haSharedSecret|dockerRegistryUrl|nginxProxyHeaders|singleRegistry|deleteImages):",
    r"secrets:[ \t]*\r?\n(?:[ \t][^\n]*\n){0,20}[ \t]+htpasswd:",
    r"image:[ \t]*\r?\n(?:[ \t][^\n]*\n){0,5}[ \t]+repository:[ \t]*[\"']?(?:[\w.:-]{1,100}/){0,4}registry[\"']?[ \t]*\r?$",
)
_has_jobs = _lines(r"jobs:[ \t]*(?:#.*)?\r?$")
_has_runners = _lines(r"[ \t]+(?:runs-on|uses):")
_has_script = _lines(r"[ \t]+(?:before_)?script:[ \t]*(?:\[|\||>|\r?$|[\w\"'$])")
is_playbook = _lines(
    r"- (?:hosts|name):[^\n]*\r?\n(?:[ \t][^\n]*\n){0,40}?[ \t]+(?:tasks|roles|become|community\.docker[\w.]*|"
    r"ansible\.builtin[\w.]*|docker_container|containers\.podman[\w.]*):"
)
is_quadlet = _lines(r"\[(?:Container|Kube|Pod|Volume|Network|Image|Build|Unit)\][ \t]*\r?$")
is_puller = _lines(
    r"\[host\.[\"'][^\n]{1,300}\]",
    r"server[ \t]*=[ \t]*[\"']https?://",
    r"[ \t]*\[plugins?\.[^\n]{0,100}(?:cri|images)[^\n]{0,20}\.registry",
    r"[ \t]*\[registry\.[\"']",
    r"\[\[registry\]\]",
    r"unqualified-search-registries[ \t]*=",
    r"\[registries\.(?:search|insecure|block)\]",
)
_has_mirrors = _lines(r"(?:mirrors|configs):[ \t]*(?:#.*)?\r?$")
_has_endpoints = _lines(r"[ \t]+(?:endpoint|auth|tls|rewrite):")
is_job_log = _lines(
    r"(?:\d{4}-\d\d-\d\dT[\d:.]{8,20}Z )?(?:##\[(?:group|section|command|error|endgroup)\]|section_start:\d+:)",
    r"(?:\x1b\[[\d;]{0,20}[A-Za-z]){0,3}Running with gitlab-runner ",
    r"(?:\d{4}-\d\d-\d\dT[\d:.]{8,20}Z )?(?:\d\d[OE][+ ]?)?(?:\x1b\[[\d;]{0,20}[A-Za-z]){0,3}Running with gitlab-runner ",
)
is_haproxy = _lines(r"(?:frontend|backend|listen|defaults|global)\b[^{;\n]*$")
is_apache = _lines(
    r"[ \t]*<(?:VirtualHost|Location|Proxy|Directory|IfModule|Limit|If)",
    r"[ \t]*(?:LoadModule|ProxyPass\w*|RequestHeader|ProxyPreserveHost|RewriteEngine|AuthType|AuthUserFile)[ \t]",
    r"[ \t]*ServerName[ \t][^;\n]*$",
)
is_nginx = _lines(
    r"[ \t]*(?:server|http|events|location|upstream|map|limit_except)\b[^;\n]*\{",
    r"[ \t]*(?:proxy_|auth_|add_header|client_max_body_size|server_name|include|listen|if[ \t]*\()[^\n]*[;{]",
)
ENDS_LIKE_NGINX = re.compile(r"[;{][ \t\r]*$", re.MULTILINE)
is_caddy = _lines(
    r"[ \t]*(?:reverse_proxy|basic_?auth|header_up|handle_path|request_header|file_server|tls internal)\b[^;\n]*$"
)
_WRAPPED = (
    r"(?:\[pod/[\w./-]{1,320}\] |(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.Z+-]{8,30}) "
    r"[\w.-]{1,64} [\w./@-]{1,80}(?:\[\d+\])?: |\{\"log\": ?\")?"
)
_STAMP = r"(?:\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:\d\d) )?"
_PREFIX = _WRAPPED + r"(?:\x1b\[[\d;]{0,20}m)?(?:[\w.-]{1,80}[ \t]{0,40}\| ?)?(?:\x1b\[[\d;]{0,20}m)?" + _STAMP


def _prefixed(*starts: str) -> str:
    """One of these behind what a collector of logs writes before each line: that is long, so it stands here once."""
    return f"{_PREFIX}(?:{'|'.join(starts)})"


_LOG_STARTS = (
    r"\{\"log\": ?\"",
    r"(?:\[\w+\] )?\d{1,10}#\d{1,10}: \*\d{1,12} ",
    _prefixed(
        r"time=\"?[^\s\"]{1,60}\"? level=",
        r"(?:level=\w+ msg=\"?)?error (?:authorizing context|authenticating user|checking authorization)\b",
        r"\{\"[^\n]{0,400}\"(?:level|log|msg)\":",
        r"\S{1,200} \S{1,200} \S{1,200} \[\d\d/\w{3}/\d{4}:",
        r"(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|nginx:) \[\w+\]",
        r"(?:[^\n\"]{1,100}haproxy\[\d+\]: )?[0-9A-Fa-f.:]{3,60} \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d\.\d+\] ",
        r"\[(?:ALERT|WARNING|NOTICE)\][ \t]+(?:\d+/\d+ )?\(\d+\) :",
        r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}\] \[",
    ),
)
is_log = _lines(*_LOG_STARTS)
log_start = re.compile(f"(?:{'|'.join(_LOG_STARTS)})").match
"""Whether this line begins as a log line does."""
has_prefix = re.compile(r"[\w.-]{1,80}[ \t]{0,40}\| ").match
"""Whether this line begins with a service as `docker compose logs` writes it."""
_REGISTRY_FIELD = r"(?:go\.version=|http\.request\.|instance\.id=|service=registry)"
is_registry_log = _lines(
    r"(?:\[\w+\] )?\d{1,10}#\d{1,10}: \*\d{1,12} ",
    _prefixed(
        rf"time=\"?[^\s\"]{{1,60}}\"? level=\w+ [^\n]{{0,2000}}{_REGISTRY_FIELD}",
        r"\{\"[^\n]{0,2000}\"(?:go\.version|http\.request\.method|instance\.id)\"",
        r"\S{1,200} \S{1,200} \S{1,200} \[\d\d/\w{3}/\d{4}:[^\n]{0,80}\] \"[A-Z]{3,8} /v2",
        r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?:error|emerg|warn|crit)\]",
        r"nginx: \[emerg\]",
        r"panic: ",
        r"(?:level=\w+ msg=\"?)?error (?:authorizing context|authenticating user|checking authorization)\b",
        r"configuration error: (?:error parsing|parsing environment variable|no storage configuration)\b",
        r"sed: can't move ",
    ),
)
has_service_prefix = _lines(r"(?:\x1b\[[\d;]{0,20}m)?[\w.-]{1,80}-\d+[ \t]+\|")
has_fence = _lines(r"[ \t]{0,3}(?:```|~~~)")
is_curl = _lines(
    r"[ \t]*[<>] (?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|HTTP/)",
    r"[ \t]*HTTP/\d(?:\.\d)? \d{3}\b",
    r"[ \t]*\* (?:Trying|Connected to|Could not resolve|connect to)",
)
is_client_output = _lines(
    r"[^\n]{0,400}(?:Error response from daemon|x509: |server gave HTTP response|failed to (?:solve|do request|push|pull)"
    r"|no basic auth credentials|unauthorized: |Login Succeeded|FATA\[)"
)
is_listing = _lines(
    r"[ \t]*total \d+[ \t\r]*$",
    r"[ \t]*[-dlbcps][rwxsStT-]{9}[.+@]?[ \t]+\d+[ \t]",
)
is_process_table = _lines(r"CONTAINER ID[ \t]+IMAGE", r"NAME[ \t]+(?:IMAGE[ \t]+)?COMMAND[ \t]")

_HASHED = re.compile(
    r"[^:\s{}\"'=]{1,255}:(?:\$(?:2[a-z]?|apr1|1|5|6|y|7|argon2\w*)\$|\{SS?HA\}|[A-Za-z0-9./]{13}\s*$)"
)
_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_.]*[ \t]*=")


def is_mostly_log(head: str) -> bool:
    """Whether at least half of the lines begin as log lines do, or with a service."""
    rows = [row for row in head.split("\n") if row.strip()]
    return sum(log_start(row) is not None or has_prefix(row) is not None for row in rows) * 2 >= len(rows)


def is_htpasswd(head: str) -> bool:
    """Whether most lines are name:hash."""
    rows = _rows(head)[:50]
    return bool(rows) and sum(_HASHED.match(row) is not None for row in rows) * 2 > len(rows)


def is_kubernetes(head: str) -> bool:
    """Whether objects of Kubernetes stand there: each has a version of the API and a kind."""
    return _has_api_version(head) and _has_kind(head)


_JSON_PATCH = re.compile(
    r"(?:- {1,4}\{? ?|\[ ?\{ ?)\"?(?:op\"?: {0,4}\"?(?:add|replace|remove|test|move|copy)\b|path\"?: {0,4}\"?/)"
)


def is_json_patch(head: str) -> bool:
    """Whether it is a list of operations on an object (RFC 6902)."""
    return _JSON_PATCH.match(" ".join(row for row in _rows(head)[:5] if row != "---")) is not None


def is_pipeline(head: str) -> bool:
    """Whether it is a pipeline of GitHub Actions or GitLab CI."""
    return (_has_jobs(head) and _has_runners(head)) or (_has_script(head) and not has_services(head))


def is_k3s_registries(head: str) -> bool:
    """Whether it is the registries.yaml of k3s or RKE2."""
    return _has_mirrors(head) and _has_endpoints(head)


def is_chart_values(head: str) -> bool:
    """Whether these are values of one of the charts that are known."""
    return _has_chart_keys(head) and not has_services(head)


def is_yaml(head: str) -> bool:
    """Whether the first line is a key: prose may stand before YAML that was pasted."""
    return re.match(r"[\w.-]+:(?:\s|$)|---", next(iter(_rows(head)), "")) is not None


def is_dotenv(head: str) -> bool:
    """Whether every line is NAME=value."""
    rows = _rows(head)
    return bool(rows) and all(_ASSIGNMENT.match(row) for row in rows)


def _rows(head: str) -> list[str]:
    rows = (line.strip("\ufeff \t\r") for line in head.split("\n"))
    return [row for row in rows if row and not row.startswith("#")]


_HAPROXY_SECTION = re.compile(r"(?:frontend|backend|listen|defaults|global)\b[^{;:]{0,120}$")
_HAPROXY_WORD = re.compile(r"(?:bind|server|mode|acl|use_backend|default_backend|http-request)\s")


def is_all_haproxy(head: str) -> bool:
    """Whether it is HAProxy's sections and nothing else: what is not indented begins one, and a word of its own is inside."""
    rows = [row.rstrip() for row in head.splitlines() if row.strip() and not row.lstrip().startswith("#")]
    outer = [row for row in rows if not row[0].isspace()]
    named = any(re.match(r"(?:frontend|backend|listen)\s+\S", row) for row in outer)
    inside = any(_HAPROXY_WORD.match(row.lstrip()) for row in rows if row[0].isspace())
    return named and inside and all(_HAPROXY_SECTION.match(row) for row in outer)


def is_all_directives(head: str) -> bool:
    """Whether every line ends as nginx's do: a file of directives without a block, made to be included."""
    rows = _rows(head)
    return bool(rows) and all(re.search(r"[;{}]\s*(?:#.*)?$", row) for row in rows)
