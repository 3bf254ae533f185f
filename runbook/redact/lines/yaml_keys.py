"""Which values of YAML and JSON files are shown, by the keys that lead to them."""

from runbook.lazy import re
from runbook.redact.harmless import (
    host_only,
    is_odd,
    is_secret_name,
    plain,
    shown_header,
    shown_label,
    shown_realm,
    shown_setting,
    shown_variable,
    shown_word,
)
from runbook.redact.lines.yaml_text import Path


def _same(shown: str, value: str) -> bool:
    return shown == value


_PLAIN_KEYS = frozenset(
    """version name image container_name hostname domainname ports expose volumes networks network depends_on restart user network_mode profiles read_only privileged
    stdin_open tty init platform pull_policy working_dir scale env_file extends file service links external_links extra_hosts dns dns_search tmpfs cap_add cap_drop security_opt
    shm_size stop_signal stop_grace_period mem_limit mem_reservation cpus cpu_shares pids_limit interval timeout retries start_period start_interval disable driver external
    type source target published protocol mode host_ip app_protocol bind volume propagation create_host_path nocopy subpath replicas condition required path format userns_mode ipc pid runtime
    aliases ipv4_address ipv6_address internal attachable enable_ipv6 subnet gateway ip_range parallelism delay order max_attempts window memory limits reservations max-size max-file
    oom_kill_disable group_add isolation userns cgroup_parent context dockerfile constraints build include project_directory uid gid""".split()
)  # fmt: skip


def compose(path: Path, value: str) -> bool:
    """Whether a value of a compose file is shown."""
    for at, part in enumerate(path):
        if part in ("environment", "args") and at:
            name, _, rest = value.partition("=") if path[-1] == "*" or at == len(path) - 1 else (path[-1], "", value)
            return _same(shown_variable(name.strip(), rest), rest) and plain(name) == name
        if part == "labels":
            name, _, rest = value.partition("=") if path[-1] == "*" else (path[-1], "", value)
            return _same(shown_label(name.strip(), rest), rest)
        if part in ("command", "entrypoint", "test", "healthcheck") and (
            part != "healthcheck" or path[-1] in ("test", "*")
        ):
            return _same(shown_word(value), value)
    if path and path[0].startswith("x-"):  # a fragment that services take over by its anchor
        name, told, rest = value.partition("=") if path[-1] == "*" else (path[-1], "=", value)
        if told and len(path) == 2 and _VARIABLE.fullmatch(name):
            return _same(shown_variable(name, rest), rest)
    if not path or not {"driver_opts", "content", "options", "sysctls"}.isdisjoint(path):
        return False
    keys = [part for part in path if part != "*"]
    known = keys[-1] in _PLAIN_KEYS or (
        len(keys) > 1 and keys[-2] in ("volumes", "networks", "depends_on", "extra_hosts") and not value
    )
    listed = path[-1] == "*" and keys[-1] in ("secrets", "configs")
    return (known or listed or not value) and _plain_value(value)


_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,40}(?:_[A-Z0-9]{1,40}){1,8}")
_VALUE = re.compile(r"(?:[\w./:@+,*~= %()\[\]<>&|-]|\\(?!\n)|\$\$|\$\w{1,60}|\$\{\w{1,60}(?::?[-+][\w./:-]{0,40})?\})*")


def _plain_value(value: str) -> bool:
    """A value of a key that is known to be harmless; a variable's default only where it is a number or a word of the field."""
    if not _VALUE.fullmatch(value) or plain(value) != value:
        return False
    return all(shown_word(text) == text for text in re.findall(r"\$\{\w{1,60}:?[-+]([^}]{1,60})\}", value))


def registry(path: Path, value: str) -> bool:
    """Whether a value of the registry's configuration is shown."""
    key = ".".join(part for part in path if part != "*")
    return _same(shown_setting(key, value), value)


_TRAEFIK_KEYS = frozenset(
    """rule rulesyntax entrypoints service middlewares priority url port scheme passhostheader path interval timeout address trustforwardheader authresponseheaders authrequestheaders usersfile realm
    removeheader headerfield prefixes prefix regex permanent certresolver options domains main sans certfile keyfile stores watch directory filename network exposedbydefault endpoint swarmmode
    level format filepath insecure dashboard debug api to tls sticky healthcheck servers weight name minversion maxversion ciphersuites sourcerange maxrequestbodybytes memrequestbodybytes
    amount burst average period attempts statuscode email storage entrypoint provider tlschallenge httpchallenge serversTransport insecureskipverify rootcas transport respondingtimeouts readtimeout writetimeout
    idletimeout proxyprotocol forwardedheaders trustedips accesscontrolallowmethods accesscontrolalloworiginlist accesscontrolalloworiginlistregex accesscontrolallowheaders accesscontrolallowcredentials
    accesscontrolexposeheaders accesscontrolmaxage addvaryheader stsseconds stsincludesubdomains stspreload sslredirect hostsproxyheaders replacement query status constraints defaultrule apiversion kind
    namespace match kubernetescrd docker file""".lower().split()
)  # fmt: skip


def traefik(path: Path, value: str) -> bool:
    """Whether a value of Traefik's files is shown."""
    keys = [part for part in path if part != "*"]
    lower = [key.lower() for key in keys]
    for at, key in enumerate(lower[:-1]):
        if key in ("customrequestheaders", "customresponseheaders"):
            return _same(shown_header(keys[at + 1], value), value)
        if key in ("plugin", "plugins", "pilot", "eab", "dnschallenge", "experimental"):
            return False
    if not keys or (is_secret_name(keys[-1]) and lower[-1] not in _TRAEFIK_KEYS):
        return not value
    if lower[-1] == "realm":
        return shown_realm(value) == value
    return lower[-1] in _TRAEFIK_KEYS and plain(value) == value and not is_odd(value)


_DAEMON_KEYS = frozenset(
    """insecure-registries registry-mirrors dns dns-search dns-opts data-root storage-driver log-driver log-level debug experimental features buildkit bip mtu iptables ip6tables ipv6 live-restore
    max-concurrent-downloads max-concurrent-uploads userland-proxy exec-opts exec-root hosts tls tlsverify tlscacert tlscert tlskey http-proxy https-proxy no-proxy default-address-pools base size
    max-size max-file shutdown-timeout selinux-enabled userns-remap allow-nondistributable-artifacts default-runtime metrics-addr containerd-snapshotter""".split()
)  # fmt: skip


def daemon(path: Path, value: str) -> bool:
    """Whether a value of docker's daemon.json is shown."""
    keys = [part for part in path if part != "*"]
    return bool(keys) and keys[-1] in _DAEMON_KEYS and plain(value) == value


_KUBERNETES_KEYS = frozenset(
    """apiVersion kind namespace image containerPort port targetPort nodePort hostPort mountPath secretName path host hosts pathType ingressClassName replicas serviceName protocol
    readOnly claimName storageClassName accessModes storage type clusterIP restartPolicy imagePullPolicy serviceAccountName runAsUser runAsGroup fsGroup runAsNonRoot readOnlyRootFilesystem
    initialDelaySeconds periodSeconds timeoutSeconds failureThreshold successThreshold scheme number optional defaultMode subPath cpu memory app tier component role strategy
    match services middlewares entryPoints priority repository tag pullPolicy enabled existingSecret ingressClass className size accessMode reason involvedObject""".split()
)  # fmt: skip


def kubernetes(path: Path, value: str) -> bool:
    """Whether a value of a manifest, of a chart's values or of another YAML file is shown."""
    keys = [part for part in path if part != "*"]
    if not keys or any(key in ("data", "stringData", "binaryData") for key in keys):
        return False
    if keys[-1].startswith("="):
        return _same(shown_variable(keys[-1][1:], value), value)
    if "args" in keys or "command" in keys:
        return _same(shown_word(value), value)
    if keys[-1].endswith("auth-realm"):
        return shown_realm(value) == value
    if "annotations" in keys:
        return (
            keys[-1].startswith(("nginx.ingress.kubernetes.io/", "traefik.ingress.kubernetes.io/"))
            and not is_secret_name(keys[-1].replace("auth-", ""))
            and plain(value) == value
        )
    known = (
        keys[-1] in _KUBERNETES_KEYS
        or keys[-1] == "name"
        or (len(keys) > 1 and keys[-2] in ("labels", "matchLabels", "selector") and not is_odd(value))
    )
    return known and _plain_value(value) and (host_only(value) == value if "://" in value else True)


_PULLER_KEYS = frozenset(
    """server capabilities skip_verify ca override_path dial_timeout location prefix insecure blocked mirror-by-digest-only pull-from-mirror unqualified-search-registries short-name-mode http mirrors endpoint
    config_path version root state imports disabled_plugins ca_file cert_file key_file insecure_skip_verify rewrite username registry debug workers enabled max-parallelism keepstorage gc platforms
    credential-helpers registry.mirror""".split()
)  # fmt: skip


def puller(path: Path, value: str) -> bool:
    """Whether a value of containerd's, k3s', podman's or BuildKit's files on registries is shown."""
    keys = [part for part in path if part != "*"]
    if any("header" in key.lower() for key in keys[:-1]):
        return _same(shown_header(keys[-1], value), value)
    known = keys[-1] in _PULLER_KEYS or (len(keys) > 1 and keys[-2] in ("rewrite", "endpoint", "mirrors"))
    return bool(keys) and known and _plain_value(value) and "@" not in value


_PIPELINE_KEYS = frozenset(
    """image services stage stages tags needs when extends interruptible allow_failure only except rules if exists changes runs-on uses on push pull_request branches schedule cron permissions contents packages id-token
    needs registry context file dockerfile platforms push load target builder driver install version cache-from cache-to os arch matrix timeout-minutes concurrency working-directory shell entrypoint alias pull_policy
    fetch-depth name dependencies environment url parallel artifacts paths expire_in cache key policy retry workflow include local project ref template trigger job event reason steps label labels""".split()
)  # fmt: skip


def pipeline(path: Path, value: str) -> bool:
    """Whether a value of a CI's file is shown."""
    keys = [part for part in path if part != "*"]
    if not keys:
        return False
    for part in ("variables", "env"):
        if part in keys[:-1]:
            name = keys[keys.index(part) + 1]
            return (
                _same(shown_variable(name, value), value)
                or re.fullmatch(r"\$\{\{ ?[\w.]{1,80} ?\}\}", value) is not None
            )
    if keys[-1] in ("script", "before_script", "after_script", "run", "command"):
        return _same(shown_word(value), value) and plain(value) == value
    if "with" in keys and is_secret_name(keys[-1]):
        return re.fullmatch(r"\$\{\{ ?[\w.]{1,80} ?\}\}", value) is not None
    return keys[-1] in (*_PIPELINE_KEYS, "username") and (
        _plain_value(value) or re.fullmatch(r"[\w./:@-]{0,200}", value) is not None
    )
