"""Variables of containers and of .env files."""

from runbook.lazy import re
from runbook.redact.harmless.base import (
    HOSTS,
    PATH,
    SWITCH,
    host_only,
    is_odd,
    is_reference,
    is_secret_name,
    plain,
    shown_realm,
)
from runbook.redact.harmless.headers import shown_header
from runbook.redact.harmless.settings import INDEX, SETTINGS, shown_setting
from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK
from runbook.redact.words import known, only_known

_UI = re.compile(
    r"NGINX_PROXY_PASS_URL|NGINX_LISTEN_PORT|NGINX_RESOLVER|REGISTRY_URL|REGISTRY_SECURED|REGISTRY_TITLE|SINGLE_REGISTRY|DELETE_IMAGES|DEFAULT_REGISTRIES|READ_ONLY_REGISTRIES|CATALOG_[A-Z_]+|TAGLIST_[A-Z_]+|SHOW_[A-Z_]+"
    r"|THEME[A-Z_]*|URL|PULL_URL|HISTORY_CUSTOM_LABELS|USE_CONTROL_CACHE_HEADER|ENABLE_VERSION_NOTIFICATION|REGISTRY_(?:HOST|PORT|NAME|PROTOCOL|VERSION|AUTH_TYPE|USER|USERNAME|CONFIGURATION_PATH|SCHEME|ADDRESS|DOMAIN|IMAGE|DATA|CONFIG)|ENV_DOCKER_REGISTRY_[A-Z_]+"
    r"|COMPOSE_(?:FILE|PROJECT_NAME|PROFILES)|DOCKER_CONFIG|REGISTRY_AUTH_FILE|CONFIG_PATHS?|TZ|LANG|LC_[A-Z]+|PATH|HOME|HOSTNAME|PORT|HOST|PUID|PGID|UID|GID|USER|DEBUG|DOMAIN|NO_PROXY|no_proxy|VIRTUAL_(?:HOST|PORT|PROTO|PATH)|LETSENCRYPT_(?:HOST|EMAIL)|OTEL_[A-Z_]+_EXPORTER"
    r"|(?:HTTPS?|ALL|FTP)_PROXY|(?:https?|all)_proxy|TAG|VERSION|NODE_ENV|RAILS_ENV"
)
_SHAPES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"(?i)(?:^|_)PORTS?$"), re.compile(r"[\d,:\s-]{1,60}|:\d{1,5}")),
    (re.compile(r"(?i)(?:^|_)(?:VERSION|TAG|IMAGE|RELEASE)$"), re.compile(r"[\w./:@+${}-]{1,200}")),
    (re.compile(r"(?i)_(?:TIMEOUT|SIZE|LIMIT|TTL|INTERVAL|COUNT|WORKERS|THREADS|RETRIES|REPLICAS|MAX|MIN|CPUS?|MEMORY)$"), re.compile(r"\d{1,9}(?:\.\d{1,3})?[a-zA-Z]{0,3}")),
    (re.compile(r"(?i)(?:^|_)(?:HOST(?:S|NAME)?|DOMAINS?|ADDR(?:ESS)?|BIND|SERVER|FQDN|IP|LISTEN)$"), HOSTS),
)  # fmt: skip
_HARD = re.compile(r"(?i)pass|pw|kennwort|secret|token|cred|salt|seed|signature|license|jwt|cookie")
"""Names under which even a word of the field is a secret; `AUTH=htpasswd` is none."""
_HEADER = re.compile(r"(?i)HTTP_HEADERS?_([A-Z][\w-]{2,60})$")
_FILES = re.compile(r"(?i)_(?:FILE|PATH|(?:ROOT)?DIR(?:ECTORY)?|FOLDER|ROOT|BUNDLE|CERT(?:IFICATE)?|KEYFILE|CA)$")
_LINKS = re.compile(
    r"(?i)(?:^|_)(?:URLS?|URI|ENDPOINT|ORIGINS?|REALM|ISSUER|SERVICE|UPSTREAM|PROXY|REGION|BUCKET|LEVEL|FORMAT(?:TER)?|MODE|TYPE|DRIVER|NAME|TITLE|USER(?:NAME)?|PROFILE|ENV(?:IRONMENT)?|LOCALE|THEME|EMAIL)$"
)


def shown_variable(name: str, value: str) -> str:
    """What is shown of a variable's value; for one of the registry by the setting that it stands for."""
    bare = value.strip()
    if value == MASK:
        return value
    if SWITCH.fullmatch(bare) or is_reference(bare) or bare.strip("\"'") == "" or _is_shown_already(value):
        return value
    for prefix in ("NGINX_PROXY_HEADER_", "NGINX_PROXY_PASS_HEADER_"):
        if name.startswith(prefix):
            return shown_header(name.removeprefix(prefix), value)
    if _UI.fullmatch(name):
        if name.upper().endswith("_PROXY") and "://" in value:
            return host_only(value)
        return only_known(plain(value)) if name.endswith("TITLE") else plain(value)
    if name.upper().startswith("REGISTRY_") and (found := _of_registry(name[9:], value)) is not None:
        return found
    if _FILES.search(name):
        return plain(value) if PATH.fullmatch(bare) and not is_odd(bare) else MASK
    if header := _HEADER.search(name):
        return shown_header(header[1], value)
    if name.upper().endswith("_REALM"):
        return shown_realm(value) if not is_odd(bare) else MASK
    if is_secret_name(name):
        return value if known(bare) and not _HARD.search(name) else MASK
    for names, values in _SHAPES:
        if names.search(name):
            return plain(value) if values.fullmatch(bare) and not is_odd(bare) else MASK
    if _LINKS.search(name) or name.upper().startswith("REGISTRY_"):
        return value if only_known(mask_patterns(value)) == value else host_only(value) if "://" in value else MASK
    return MASK


def _is_shown_already(value: str) -> bool:
    """`user:[redacted]`, which the parsers leave of a login."""
    user, colon, rest = value.partition(":")
    return bool(colon) and rest == MASK and re.fullmatch(r"[\w.@-]{1,80}", user) is not None


def _of_registry(name: str, value: str) -> str | None:
    """What is shown of a REGISTRY_ variable, None where no setting of that name is known."""
    if name.upper().startswith("HTTP_HEADERS_"):
        return shown_header(name[13:], value)
    key = INDEX.sub("", name.lower().replace("_", "."))
    if SETTINGS.fullmatch(key) and key not in ("storage", "auth"):
        return shown_realm(value) if key.endswith(".realm") else plain(value)
    if re.search(r"[:\[{]\s", value) or value.lstrip().startswith(("{", "[", "- ")):
        from runbook.redact.lines import masked_yaml

        return masked_yaml(value, lambda path, text: shown_setting(".".join((key, *path)), text) == text)
    if key in ("storage", "auth"):
        return value if known(value.strip()) else MASK
    return None
