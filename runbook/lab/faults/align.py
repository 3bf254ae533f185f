"""Faults of the registry's configuration and of the compose project around it."""

from runbook.lab.draw import REALM, sound_environment
from runbook.lab.faults.base import fault
from runbook.lab.hashes import htpasswd_line
from runbook.lab.plan import CONFIG_PATH, Plan, Try

ROOT = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"
ADDR = "REGISTRY_HTTP_ADDR"
PATH = "REGISTRY_AUTH_HTPASSWD_PATH"
_NAMES = ("REGISTRY_AUTH", REALM, PATH)
_CONFIG = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
auth:
  htpasswd:
    realm: {realm}
    path: /auth/htpasswd
"""


def _forget_auth(plan: Plan) -> None:
    for name in _NAMES:
        plan.environment.pop(name, None)


def _set_auth(plan: Plan) -> None:
    plan.environment |= sound_environment(plan)


@fault("auth-not-enforced", "nothing tells the registry to ask for a login", solve=_set_auth)
def auth_not_enforced(plan: Plan) -> None:
    _forget_auth(plan)


@fault("auth-option-missing", "the realm (or the path) is not set", solve=_set_auth)
def auth_option_missing(plan: Plan) -> None:
    plan.environment.pop(PATH if plan.seed % 2 else REALM)


def _mount_where_read(plan: Plan) -> None:
    plan.mounts = [(s, plan.config_path if s == "./config.yml" else t) for s, t in plan.mounts]


@fault("config-path-version-mismatch", "config.yml is mounted where the other version looks", solve=_mount_where_read)
def config_path_mismatch(plan: Plan) -> None:
    _forget_auth(plan)
    plan.files["config.yml"] = _CONFIG.format(realm=plan.realm).encode()
    plan.mounts.append(("./config.yml", CONFIG_PATH[5 - plan.major]))


def _drop_override(plan: Plan) -> None:
    plan.environment.pop(PATH)


@fault("env-overrides-config", "a variable wins over config.yml", solve=_drop_override)
def env_overrides(plan: Plan) -> None:
    _forget_auth(plan)
    plan.files["config.yml"] = _CONFIG.format(realm=plan.realm).encode()
    plan.mounts.append(("./config.yml", plan.config_path))
    plan.files["auth/htpasswd.old"] = htpasswd_line(plan.colleague, plan.colleague_password) + b"\n"
    plan.environment[PATH] = "/auth/htpasswd.old"


def _right_names(plan: Plan) -> None:
    for name in ("REGISTRY_HTPASSWD_REALM", "REGISTRY_HTPASSWD_PATH", "REGISTRY_AUTHENTICATION"):
        plan.environment.pop(name)
    _set_auth(plan)


@fault("env-name-malformed", "the variables have names that nobody reads", solve=_right_names)
def env_name_malformed(plan: Plan) -> None:
    _forget_auth(plan)
    plan.environment |= {
        "REGISTRY_AUTHENTICATION": "htpasswd",
        "REGISTRY_HTPASSWD_REALM": plan.realm,
        "REGISTRY_HTPASSWD_PATH": "/auth/htpasswd",
    }


_ORIGIN = "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin"


def _quoted_list(plan: Plan) -> None:
    plan.environment[_ORIGIN] = f'["{plan.origin}"]'


@fault("env-header-value-not-yaml-list", "the header's value is no YAML list", solve=_quoted_list)
def header_not_list(plan: Plan) -> None:
    plan.environment[_ORIGIN] = ("[*]", "*", plan.origin)[plan.seed % 3]


def _root_on_volume(plan: Plan) -> None:
    plan.environment.pop(ROOT)


@fault("storage-outside-volume", "the images are stored outside every volume", solve=_root_on_volume)
def storage_outside_volume(plan: Plan) -> None:
    plan.environment[ROOT] = "/data"


def _enable_delete(plan: Plan) -> None:
    plan.proxy.environment.pop("REGISTRY_STORAGE_DELETE_ENABLED", None)
    plan.environment["REGISTRY_STORAGE_DELETE_ENABLED"] = "true"


_DIGEST = "sha256:" + "4c" * 32


@fault("delete-disabled", "deleting is switched on at the UI, not at the registry", solve=_enable_delete)
def delete_disabled(plan: Plan) -> None:
    plan.proxy.environment |= {"DELETE_IMAGES": "true", "REGISTRY_STORAGE_DELETE_ENABLED": "true"}
    plan.tried.append(Try("DELETE", f"/v2/tools/backup/manifests/{_DIGEST}", via=True))


def _no_host(plan: Plan) -> None:
    plan.environment.pop("REGISTRY_HTTP_HOST")


@fault("http-host-wrong", "http.host names an address that the client does not use", solve=_no_host)
def http_host_wrong(plan: Plan) -> None:
    plan.environment["REGISTRY_HTTP_HOST"] = f"http://{plan.registry}.old.example:5000"
    plan.tried += [Try("POST", "/v2/tools/backup/blobs/uploads/", via=via) for via in (False, True)]


def _start_container(plan: Plan) -> None:
    plan.stopped = False
    plan.handed.pop("ps.txt")


@fault("registry-unreachable", "the registry's container is not running", solve=_start_container)
def registry_unreachable(plan: Plan) -> None:
    plan.stopped = True
    head = "IMAGE", "STATUS", "PORTS", "NAMES"
    web = plan.ui_image, "Up 2 hours", f"0.0.0.0:{plan.ui_port}->80/tcp", f"{plan.ui}-1"
    dead = plan.image, "Exited (137) 5 minutes ago", "", f"{plan.registry}-1"
    rows = (("CONTAINER ID", *head), ("3f0c52a7b1de", *web), ("9a41d07cc2e8", *dead))
    table = "\n".join(f"{a:<15}{b:<36}{c:<29}{d:<25}{e}" for a, b, c, d, e in rows)
    plan.handed["ps.txt"] = f"$ docker ps -a\n{table}\n".encode()


def _map_port(plan: Plan) -> None:
    plan.container_port = plan.listen_port


@fault("port-mapping-mismatch", "the published port leads to a port where nobody listens", solve=_map_port)
def port_mapping_mismatch(plan: Plan) -> None:
    plan.environment[ADDR] = ":5001"
    plan.proxy.upstream = f"http://{plan.registry}:5001"


def _drop_prefix(plan: Plan) -> None:
    del plan.environment["REGISTRY_HTTP_PREFIX"]


@fault("http-prefix-set", "http.prefix moves the API", solve=_drop_prefix)
def http_prefix(plan: Plan) -> None:
    plan.environment["REGISTRY_HTTP_PREFIX"] = f"/{plan.registry}/"


def _quoted_secret(plan: Plan) -> None:
    plan.environment["REGISTRY_HTTP_SECRET"] = "rye-" + plan.registry


@fault("env-value-not-yaml", "a secret begins with a bracket", solve=_quoted_secret)
def value_not_yaml(plan: Plan) -> None:
    plan.environment["REGISTRY_HTTP_SECRET"] = "[rye-" + plan.registry
