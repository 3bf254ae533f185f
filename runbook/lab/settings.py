"""What the lab's registry makes of its configuration file and its REGISTRY_* variables.

Only as much as the faults of the lab need; the full reading is `runbook.stack.registry`. The two are
written apart on purpose, so that one can be tested against the other.
"""

from dataclasses import dataclass
from typing import Any

import yaml

from runbook.lab.plan import Plan

KNOWN = frozenset(
    "version log loglevel storage auth middleware reporting http notifications redis health proxy "
    "compatibility policy catalog tags validation".split()
)
KNOWN_HTTP = frozenset("addr net host prefix secret relativeurls draintimeout tls headers debug http2 h2c".split())
IMAGE_CONFIG = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
"""


class StartError(Exception):
    """Why the registry stops at start: the last words of its log."""


@dataclass(frozen=True)
class Settings:
    """The configuration that is in force."""

    realm: str | None
    path: str | None
    """Of the htpasswd file; None with realm None: nobody is asked for a login."""
    root: str
    delete: bool
    host: str
    headers: tuple[tuple[str, str], ...]
    prefix: str = ""
    """What stands before /v2/ in every path."""
    ignored: tuple[str, ...] = ()
    """Variables that nobody reads; the log names them."""

    @property
    def open(self) -> bool:
        return self.realm is None and self.path is None


def effective(plan: Plan) -> Settings:
    """Read the plan as the registry would; raises `StartError` when that registry would not start."""
    tree, ignored = _overlay(plan)
    auth = tree.get("auth") or {}
    if not isinstance(auth, dict):
        auth = {str(auth): {}}
    realm, path = _htpasswd(auth)
    http, storage = tree.get("http") or {}, tree.get("storage") or {}
    return Settings(
        realm=realm,
        path=path,
        root=str((storage.get("filesystem") or {}).get("rootdirectory", "/var/lib/registry")),
        delete=(storage.get("delete") or {}).get("enabled") is True,
        host=str(http.get("host") or ""),
        headers=tuple((_canonical(n), _scalar(v)) for n, vs in (http.get("headers") or {}).items() for v in vs),
        prefix=str(http.get("prefix") or "").strip("/"),
        ignored=tuple(ignored),
    )


def _overlay(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    tree = yaml.safe_load(plan.config_text() or IMAGE_CONFIG)
    ignored = []
    for name, text in sorted(plan.environment.items()):
        words = name.split("_")
        if words[0] != "REGISTRY":
            continue
        keys = [word.lower() for word in words[1:]]
        if keys[0] not in KNOWN or (keys[0] == "http" and keys[1:] and keys[1] not in KNOWN_HTTP):
            ignored.append(name)
            continue
        if keys[:2] == ["http", "headers"]:
            keys = ["http", "headers", "_".join(words[3:])]
        _put(tree, keys, _value(plan, name, text))
    return tree, ignored


def _value(plan: Plan, name: str, text: str) -> Any:
    """Variables hold YAML; what is no YAML, or no list where one must stand, stops the registry."""
    is_header = name.startswith("REGISTRY_HTTP_HEADERS_")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        alias = "*" in text
        complaint = (
            "yaml: did not find expected alphabetic or numeric character"
            if alias
            else ("yaml: line 1: did not find expected ',' or ']'")
        )
        raise StartError(_config_error(plan, name, complaint)) from None
    if name.count("_") == 2 and name.startswith("REGISTRY_AUTH_") and isinstance(value, str):
        complaint = (
            f"yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `{text[:10]}` into configuration.Parameters"
        )
        raise StartError(_config_error(plan, name, complaint))
    if is_header and not isinstance(value, list):
        complaint = f"yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `{text[:10]}` into []string"
        raise StartError(_config_error(plan, name, complaint))
    return value


def _config_error(plan: Plan, name: str, complaint: str) -> str:
    where = plan.config_path
    if plan.major >= 3:
        return f"configuration error: error parsing {where}: parsing environment variable {name}: {complaint}"
    return f"configuration error: error parsing {where}: {complaint}"


def _htpasswd(auth: dict[str, Any]) -> tuple[str | None, str | None]:
    if "htpasswd" not in auth:
        return None, None
    options = auth["htpasswd"] or {}
    for option in ("realm", "path"):
        if not isinstance(options.get(option), str):
            raise StartError(
                f'panic: unable to configure authorization (htpasswd): "{option}" must be set'
                " for htpasswd access controller"
            )
    return options["realm"], options["path"]


def _put(tree: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            below = tree[key] = {} if below is None else {str(below): {}}
        tree = below
    last = keys[-1]
    if last == "auth" and isinstance(value, str):
        value = {value: (tree.get("auth") or {}).get(value) or {}}
    tree[last] = value


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
