"""The learner's files: written from the description of a lab, edited by hand, and read back into it.

What runs is what the files say, as with `docker compose up -d`; nobody is told which line counts.
"""

import copy
from pathlib import Path
from typing import Any

from runbook.lab import LabError, bundle
from runbook.lab.faults.client import CONFIG
from runbook.lab.frontends import REAL, as_written, in_front
from runbook.lab.manifests import as_services
from runbook.lab.plan import Plan, Proxy
from runbook.lazy import re
from runbook.parse import ParseError
from runbook.parse.interpolation import substitute
from runbook.parse.nginx_tree import Directive, tree
from runbook.parse.yaml_nodes import load_yaml, plain_data
from runbook.training.docker import checked, takes_part
from runbook.training.fronts import read_front

COMPOSE = "docker-compose.yml"
_HEADER = "NGINX_PROXY_HEADER_"
_UPSTREAM = "NGINX_PROXY_PASS_URL"
_COSTLY = re.compile(rb"\$2[a-z]?\$+(?:1[3-9]|[2-9]\d)\$")
WRITTEN = "/run/htpasswd"
"""Where the lab's registry writes an htpasswd file that it takes from its environment."""


def write(plan: Plan, folder: Path) -> None:
    """Write the project's files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files(plan).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in plan.directories:
        (folder / name).mkdir(parents=True, exist_ok=True)


def files(plan: Plan) -> dict[str, bytes]:
    """The project's files by relative path."""
    front = {in_front(plan).file: as_written(plan).encode()} if plan.proxy.software != "ui" else {}
    client = {CONFIG: plan.handed[CONFIG]} if plan.handed.get(CONFIG) else {}
    return {**bundle.described(plan), **front, **plan.files, **client}


def read(contents: dict[str, bytes], before: Plan, directories: list[str] | None = None) -> Plan:
    """The description that the files amount to; seed, names, ports and logins stay those of `before`.

    Raises `LabError` with a sentence where Compose would refuse the file.
    """
    if any(_COSTLY.search(data) for data in contents.values()):
        raise LabError("a bcrypt hash of a cost above 12 would hold the whole lab up; nothing was started")
    kubernetes = before.platform == "kubernetes"
    services = as_services(contents, before) if kubernetes else _load(contents).get("services")
    if not isinstance(services, dict) or not all(isinstance(s, dict) for s in services.values()):
        raise LabError(f"{COMPOSE} has no services that could be started")
    if missing := [name for name in (before.registry, before.ui) if name not in services]:
        raise LabError(f'{COMPOSE} has no service "{missing[0]}" any more; nothing was started')
    registry, ui = services[before.registry], services[before.ui]
    plan = copy.deepcopy(before)
    front = in_front(before).file if before.proxy.software != "ui" else ""
    client = (CONFIG,) if takes_part(before) else ()
    plan.files = {
        name: data for name, data in contents.items() if name not in (*bundle.described(before), front, *client)
    }
    plan.directories = list(directories or [])
    handed = {name: checked(contents.get(name, b"")) for name in client}
    plan.handed, plan.tried, plan.locked, plan.stopped = handed, [], [], False
    plan.image = str(registry.get("image", plan.image))
    plan.major = 2 if plan.image.rpartition(":")[2].startswith("2") else 3
    plan.environment = _environment(registry)
    plan.written, plan.comments = {}, {}
    plan.mounts = _mounts(registry)
    plan.container_user = str(registry["user"]) if "user" in registry else None
    plan.container_port = _container_port(registry, before)
    _entrypoint(plan, registry)
    if before.proxy.software in REAL:
        read_front(plan, contents.get(front), front)
    elif front:
        _nginx(plan, contents.get(front))
    else:
        _proxy(plan, ui)
    return plan


def _load(contents: dict[str, bytes]) -> dict[str, Any]:
    if COMPOSE not in contents:
        raise LabError(f"there is no {COMPOSE} any more; nothing was started")
    try:
        tree = plain_data(load_yaml(contents[COMPOSE].decode(), COMPOSE))
    except UnicodeDecodeError:
        raise LabError(f"{COMPOSE} is no UTF-8 text; nothing was started") from None
    except ParseError as error:
        raise LabError(f"{error}; nothing was started") from None
    if not isinstance(tree, dict):
        raise LabError(f"{COMPOSE} is no compose file; nothing was started")
    return tree


def _environment(service: dict[str, Any]) -> dict[str, str]:
    """Map or list, with the variables replaced as Compose does; what is not set becomes empty."""
    given = service.get("environment") or {}
    if isinstance(given, list):
        given = dict(str(row).partition("=")[::2] for row in given)
    texts = {str(name): _scalar(value) for name, value in given.items()}
    return {name: substitute(text, lambda _: None).text for name, text in texts.items()}


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for row in service.get("volumes") or []:
        if isinstance(row, dict):
            found.append((str(row.get("source", "")), str(row.get("target", ""))))
        else:
            source, _, target = str(row).partition(":")
            found.append((source, target.partition(":")[0]))
    for source, target in found:
        if not target.startswith("/") or (source.startswith("/") or ".." in source):
            raise LabError(f"the lab mounts ./folders and volumes only, at absolute paths: {source}:{target}")
    return [("./" + s.removeprefix("./") if s.startswith(".") else s, t) for s, t in found]


def _container_port(service: dict[str, Any], before: Plan) -> int:
    for row in service.get("ports") or []:
        if isinstance(row, dict):
            published, target = str(row.get("published", "")), str(row.get("target", ""))
        else:
            published, _, target = str(row).partition("/")[0].rpartition(":")
        if published.rpartition(":")[2] == str(before.registry_port) and target.isdecimal():
            return int(target)
    raise LabError(f"the lab's registry must stay published on port {before.registry_port}; nothing was started")


def _entrypoint(plan: Plan, service: dict[str, Any]) -> None:
    """The one start script that the lab knows: it writes $HTPASSWD into a file."""
    words = str(service.get("command", "")) + str(service.get("entrypoint", ""))
    if WRITTEN in words:
        plan.inlined = {WRITTEN: plan.environment.get("HTPASSWD", "").encode() + b"\n"}
    else:
        plan.command, plan.inlined = [], {}


def _proxy(plan: Plan, service: dict[str, Any]) -> None:
    plan.ui_image = str(service.get("image", plan.ui_image))
    variables = _environment(service)
    proxy = plan.proxy
    proxy.upstream = variables.pop(_UPSTREAM, "") or None
    headers = {name: value for name, value in variables.items() if name.startswith(_HEADER)}
    proxy.request_headers = {name[len(_HEADER) :].replace("_", "-"): value for name, value in headers.items()}
    proxy.environment = {name: value for name, value in variables.items() if name not in headers}
    page = proxy.environment.get("REGISTRY_URL", "")
    plan.access = "proxy" if proxy.upstream or not page or page == plan.origin else "cross-origin"


_PASSED_OVER = {
    "listen", "server_name", "root", "index", "default_type", "proxy_http_version", "error_page", "access_log", "error_log",
    "proxy_read_timeout", "proxy_send_timeout", "proxy_request_buffering", "proxy_buffering", "chunked_transfer_encoding",
}  # fmt: skip
"""Directives that change nothing here."""


def _nginx(plan: Plan, data: bytes | None) -> None:
    """The hop as default.conf describes it. The lab's nginx knows the directives that its own files use, and no others."""
    name = in_front(plan).file
    if data is None:
        raise LabError(f"there is no {name} any more; nothing was started")
    try:
        servers = [d for d in tree(data.decode(), name) if d.name == "server"]
    except UnicodeDecodeError:
        raise LabError(f"{name} is no UTF-8 text; nothing was started") from None
    except ParseError as error:
        raise LabError(f"{error}; nothing was started") from None
    if len(servers) != 1:
        raise LabError(f"{name} must have one server block; nothing was started")
    plan.proxy = Proxy(software=plan.proxy.software, host=None, body_limit=1 << 20)
    for directive in servers[0].block or ():
        if directive.name == "location":
            _location(plan.proxy, directive)
        else:
            _directive(plan.proxy, directive)
    plan.access = "proxy"


def _location(proxy: Proxy, place: Directive) -> None:
    inside = place.block or ()
    if place.args == ("=", "/v2/"):
        proxy.open_ping = any(d.name == "return" and d.args[:1] == ("200",) for d in inside)
    elif place.args in (("/v2/",), ("/v2",)):
        for directive in inside:
            _directive(proxy, directive)
    elif place.args != ("/",):
        raise LabError(
            f"{place.file}:{place.line}: the lab knows the locations /, /v2/ and = /v2/; nothing was started"
        )


def _directive(proxy: Proxy, d: Directive) -> None:
    words = d.args
    match d.name, len(words):
        case "proxy_pass", 1:
            proxy.upstream = words[0]
        case "proxy_set_header", 2 if words[0].lower() == "host":
            proxy.host = words[1]
        case "proxy_set_header", 2:
            proxy.request_headers[words[0]] = words[1]
        case "proxy_hide_header", 1:
            proxy.hidden.append(words[0])
        case "add_header", 2 | 3:
            proxy.added.append((words[0], words[1], len(words) == 3))
        case "client_max_body_size", 1:
            proxy.body_limit = _bytes(words[0], d)
        case "auth_basic", 1:
            proxy.realm = None if words[0] == "off" else words[0]
        case "allow", 1:
            proxy.allowed = "" if words[0] == "all" else words[0]
        case "deny" | "auth_basic_user_file", 1:
            pass
        case name, _ if name not in _PASSED_OVER:
            raise LabError(f"{d.file}:{d.line}: the lab's nginx does not know {name} in this form; nothing was started")


def _bytes(text: str, d: Directive) -> int:
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not number.isdecimal() or len(number) > 12 or unit not in ("", "k", "m", "g"):
        raise LabError(f"{d.file}:{d.line}: {text} is no size; nothing was started")
    return int(number) << {"": 0, "k": 10, "m": 20, "g": 30}[unit]
