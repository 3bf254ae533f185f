"""What a file is: by its name first, and by its content where the name says nothing or lies. Pure."""

from pathlib import PurePosixPath

from runbook.collect import marks
from runbook.lazy import re
from runbook.model import FileKind

HEAD = 64 * 1024
"""As much of a file as is looked at."""
NEVER = (".key", ".pem", ".crt", ".cer", ".p12", ".pfx", ".jks", ".csr", ".pub", ".asc", ".gpg")
"""Keys and certificates: nothing in them can be judged here, and they are not opened."""
_PROSE = (
    ".txt",
    ".md",
    ".markdown",
    ".rst",
    ".adoc",
    ".eml",
    ".mbox",
    ".html",
    ".htm",
    ".mhtml",
    ".curl",
    ".out",
    ".err",
    ".text",
)
_SPEAKING = (".yml", ".yaml", ".toml", ".conf", ".cfg", ".nginx", ".vhost", ".inc", ".tpl")
_EXTRA = (".txt", ".template", ".tmpl", ".j2", ".sample")
"""Endings that are hung on another name: nginx.conf.txt, default.conf.template."""

_BY_NAME: tuple[tuple[str, FileKind], ...] = (
    (r"([\w-]{1,60}[._-])?compose([._-].*)?\.ya?ml", "compose"),
    (r"(.*\.)?env|\.env\..*", "dotenv"),
    (r"(.*[._-])?htpasswd([._-].*)?|.*\.(passwd|htpass)", "htpasswd"),
    (r"caddyfile([._-].*)?|.*\.(caddyfile|caddy)", "caddy"),
    (r"haproxy.*\.(cfg|conf)", "haproxy"),
    (r"traefik.*\.(ya?ml|toml)", "traefik"),
    (r"daemon\.json", "daemon-config"),
    (r"evidence.*\.json", "evidence"),
    (r".*\.har", "har"),
    (r"inspect.*\.json", "inspect"),
    (r".*\.log(\.\d+)?", "log"),
    (r".*\.curl", "curl"),
    (r"(httpd|apache2?)([._-].*)?\.conf", "apache"),
    (r"nginx.*\.conf|mime\.types|(fast|s|uws)cgi_params", "nginx"),
)
_NAMES = tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in _BY_NAME)
_DUMP = re.compile(r"(?m)^# configuration file /[^\n]{1,300}:\s*$")
_JSON_START = re.compile(r"\{\s{0,200}[\"}]|\[\s{0,200}[\[{\"\]]|[{\[]\s{0,200}$")
_SAVED = re.compile(r'\s{0,8}\{\s{0,8}"schema": ?\d{1,4},\s{0,8}"tool": ?"runbook [^"]{1,40}",\s{0,8}"evidence"')
_REPORT = re.compile(
    r'\s{0,8}(?:\{\s{0,8}"schema": ?\d{1,4},\s{0,8}"tool": ?"runbook '
    r'|(?:<\?xml[^>]{0,80}>\s{0,8})?<testsuites name="runbook"'
    r'|\{[^{}]{0,200}"runs": ?\[\s{0,8}\{\s{0,8}"tool": ?\{\s{0,16}"driver": ?\{\s{0,16}"name": ?"runbook"'
    r"|<!doctype html>[^{}]{0,1200}<style>\.rb \{"
    r"|# (?:Fault: [a-z0-9-]{3,60}|Healthy|Inconclusive)\n\n"
    r"|(?:FAULT: [a-z0-9-]{3,60}|HEALTHY|INCONCLUSIVE)  \()"
)
_JSON_MARKS: tuple[tuple[re.Pattern[str], FileKind], ...] = (
    (re.compile(r'"log"\s*:\s*\{[^}]{0,2000}"(?:entries|creator|version)"'), "har"),
    (re.compile(r'"_postman_id"|schema\.(?:get)?postman\.com|"__export_format"'), "har"),
    (re.compile(r'"apps"\s*:\s*\{(?:.|\n){0,4000}?"(?:servers|handler)"\s*:'), "caddy-json"),
    (re.compile(r'"evidence"\s*:\s*\{'), "evidence"),
    (re.compile(r'"(?:auths|credsStore|credHelpers)"\s*:'), "docker-config"),
    (re.compile(r'"(?:insecure-registries|registry-mirrors|data-root|storage-driver)"\s*:'), "daemon-config"),
    (re.compile(r'"(?:Mounts|HostConfig|NetworkSettings|GraphDriver)"\s*:|"state"\s*:\s*"CONTAINER_'), "inspect"),
)


def is_report(head: str) -> bool:
    """Whether a text is what this program printed of a diagnosis: what it quotes was seen by somebody else's run."""
    return _REPORT.match(head) is not None and not _SAVED.match(head)


def recognise(name: str, head: str) -> FileKind:
    """The kind of a text file from its path and the beginning of its text."""
    base = PurePosixPath(name).name
    bare = _without_extra(base)
    if _SAVED.match(head):
        return "evidence"  # whatever its lines quote
    is_playbook = bare.lower().endswith((".yml", ".yaml")) and marks.is_playbook(head)
    if bare.lower().endswith((".yml", ".yaml", ".json")) and marks.is_kubernetes(head) and not is_playbook:
        return "kubernetes"
    if bare in _KUSTOMIZATIONS or marks.is_json_patch(head):
        return "kubernetes"
    if (other := _other_side(name, bare, head)) is not None:
        return other
    for pattern, kind in _NAMES:
        if pattern.fullmatch(bare):
            return _confirmed(kind, head, plain_name=bare == base)
    suffix = PurePosixPath(bare).suffix.lower()
    if suffix in (".yml", ".yaml"):
        is_values = _VALUES.fullmatch(bare) and marks.is_yaml(head) and not marks.has_services(head)
        return "chart-values" if is_values else _yaml(head) or "unknown"
    if suffix == ".toml":
        return "traefik" if marks.is_traefik(head) else "unknown"
    if (kind_of_json := _json(head)) is not None:
        return kind_of_json
    if suffix in (".conf", ".cfg", ".nginx", ".vhost", ".inc", ".tpl"):
        return _configuration(head) or ("nginx" if suffix == ".nginx" else "unknown")
    if "." not in base and "/nginx/" in f"/{name}" and marks.is_all_directives(head):
        return "nginx"  # proxy_params and others that a package brings
    return _by_content(base, head)


_PIPELINE = re.compile(
    r"(?:^|/)(?:\.gitlab-ci[^/]*\.ya?ml|\.github/workflows/[^/]+\.ya?ml|\.circleci/[^/]+\.ya?ml|\.drone\.ya?ml|\.woodpecker[^/]*\.ya?ml"
    r"|\.woodpecker/[^/]+\.ya?ml|azure-pipelines[^/]*\.ya?ml|bitbucket-pipelines\.ya?ml|jenkinsfile)$",
    re.IGNORECASE,
)
_VALUES = re.compile(r"values(?:[-._].*)?\.ya?ml", re.IGNORECASE)
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_TEXTS = (".tf", ".hcl", ".nomad", ".tfvars", ".bicep", ".jsonnet", ".libsonnet")
_UNITS = (".container", ".kube", ".pod", ".volume", ".network", ".image", ".build")


def _other_side(name: str, bare: str, head: str) -> FileKind | None:
    """Pipelines, units of podman, files of programs that pull, and texts that make other files."""
    lowered = bare.lower()
    suffix = PurePosixPath(lowered).suffix
    is_yaml = suffix in (".yml", ".yaml")
    if _PIPELINE.search(name) or (is_yaml and marks.is_pipeline(head)):
        return "ci"
    if suffix in _UNITS and marks.is_quadlet(head):
        return "quadlet"
    if suffix in _TEXTS or (is_yaml and marks.is_playbook(head)):
        return "settings-text"
    if is_yaml:
        return "puller" if marks.is_k3s_registries(head) else None
    if suffix in (".toml", ".conf") and marks.is_puller(head):
        return "puller"
    return "ci-log" if suffix in (".log", ".txt", "") and marks.is_job_log(head) else None


def tells(name: str) -> bool:
    """Whether the name of a file says what it is; a paste.txt may be anything, and several things at once."""
    bare = _without_extra(PurePosixPath(name).name)
    return any(p.fullmatch(bare) for p, _ in _NAMES) or PurePosixPath(bare).suffix.lower() in _SPEAKING


def is_dump(text: str) -> bool:
    """Whether a text is what `nginx -T` printed: files one behind the other, whatever it was saved as."""
    return _DUMP.search(text) is not None


def is_prose_name(name: str) -> bool:
    """Whether a file is called as texts of people are: that nothing in it is recognised says nothing against it."""
    return name.lower().endswith(_PROSE)


def _confirmed(kind: FileKind, head: str, *, plain_name: bool) -> FileKind:
    """A name is believed unless the content is plainly something else."""
    if kind == "log":
        if marks.is_session(head) and not marks.is_mostly_log(head):
            return "text"  # somebody's terminal, saved as a log
        if marks.is_log(head) or marks.has_service_prefix(head):
            return "log"
        pasted = marks.is_session(head) or marks.is_curl(head) or marks.is_client_output(head)
        return "text" if pasted else "log"
    if kind == "evidence":
        return _json(head) or "evidence"
    if kind in ("apache", "nginx", "haproxy"):
        return _configuration(head) or kind
    if kind == "compose" and marks.has_distribution_version(head) and not marks.has_services(head):
        return "registry-config"
    if kind == "htpasswd" and not marks.is_htpasswd(head):
        if not plain_name:
            return _by_content("", head)
        if marks.is_session(head) or marks.is_listing(head):
            return _text("", head)
    return kind


def _by_content(base: str, head: str) -> FileKind:
    """Files whose name says nothing: error.txt, ticket-8813.txt, a name without an ending."""
    if marks.is_session(head) or base.lower().endswith((".md", ".rst")):
        return _text(base, head)
    if marks.is_htpasswd(head):
        return "htpasswd"
    if marks.is_yaml(head) and (
        (marks.has_services(head) and "image:" in head)
        or marks.has_distribution_version(head)
        or marks.is_kubernetes(head)
    ):
        return "kubernetes" if marks.is_kubernetes(head) else _yaml(head) or "text"
    if marks.is_log(head) or marks.is_curl(head):
        return _text(base, head)
    if marks.is_traefik_dynamic(head):
        return "traefik"
    if (config := _configuration(head)) is not None and ("{" in head or marks.is_all_directives(head)):
        return config
    if marks.is_all_haproxy(head):
        return "haproxy"
    return "dotenv" if marks.is_dotenv(head) else _text(base, head)


def _text(base: str, head: str) -> FileKind:
    """What people paste: the most telling kind; the others are looked for in it as well."""
    if marks.is_log(head) and not (marks.is_session(head) or marks.is_curl(head) or marks.has_fence(head)):
        return "log" if not is_prose_name(base) or marks.is_mostly_log(head) else "text"
    if marks.is_curl(head):
        return "curl"
    if marks.is_process_table(head) and (base.lower().startswith("ps") or not marks.is_listing(head)):
        return "ps"
    return "listing" if marks.is_listing(head) else "text"


def _yaml(head: str) -> FileKind | None:
    if marks.is_chart_values(head):
        return "chart-values"
    if marks.has_services(head):
        return "compose"
    if marks.is_traefik_dynamic(head):
        return "traefik"
    telling = any(word in head for word in ("storage:", "htpasswd:", "rootcertbundle:", "rootdirectory:"))
    sections = marks.has_registry_sections(head) and telling and "image:" not in head
    if marks.has_distribution_version(head) or sections:
        return "registry-config"
    if marks.is_traefik(head):
        return "traefik"
    return "compose" if marks.has_images(head) else None


def _configuration(head: str) -> FileKind | None:
    """Which server's configuration this is. nginx ends its directives with a semicolon; the others do not."""
    if marks.is_haproxy(head) and not marks.ENDS_LIKE_NGINX.search(head):
        return "haproxy"
    if marks.is_apache(head) and not marks.is_nginx(head):
        return "apache"
    if marks.is_nginx(head):
        return "nginx"
    return "caddy" if marks.is_caddy(head) else None


def _json(head: str) -> FileKind | None:
    start = head.lstrip()
    if not _JSON_START.match(start):
        return None
    for pattern, kind in _JSON_MARKS:
        if pattern.search(head):
            return kind
    first = start.split("\n", 1)[0]
    if re.search(r'"(?:level|stream)"\s*:', first) and re.search(r'"(?:msg|log|message)"\s*:', first):
        return "log"
    old_dockercfg = re.match(r'\{\s*"[\w.:/-]+"\s*:\s*\{\s*"auth"', start)
    return "docker-config" if old_dockercfg or start.strip() == "{}" else None


def _without_extra(base: str) -> str:
    """nginx.conf.txt is nginx.conf; but a plain notes.txt keeps its ending."""
    for ending in _EXTRA:
        cut = base[: -len(ending)] if base.lower().endswith(ending) else ""
        if "." in cut.strip(".") or cut.lower() in (".env", "caddyfile", "htpasswd", ".htpasswd"):
            return cut
    return base
