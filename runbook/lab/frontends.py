"""The programs that can stand in front of the registry: how each is called, where its container keeps
its configuration, and who writes that.

A fault changes the description (`plan.Proxy`); here it becomes what a user of that program would write.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab import apache_conf, caddy_conf, haproxy_conf, nginx_conf
from runbook.lab.plan import Plan, Software, Surroundings
from runbook.lab.processes import find


@dataclass(frozen=True)
class Frontend:
    """One program."""

    program: str
    image: str
    file: str
    """Name of the configuration file in the bundle."""
    inside: str
    """Its path in the container."""
    pages: str
    """Where its container has the static page."""
    passwords: str
    """Where its container has the accounts of its own login."""
    text: Callable[[Plan, Surroundings], str]
    """The configuration that a user writes."""
    whole: Callable[[str, Path, Plan], str]
    """That, completed so that it runs unprivileged from a folder of the lab."""
    arguments: tuple[str, ...]
    """How it is started in the foreground; {file} and {folder} are filled in."""
    mounts_pages: bool = True
    """Whether a user mounts the page (the UI's own image has it)."""


_NGINX = Frontend(
    program="nginx",
    image="nginx:1.22",
    file="default.conf",
    inside="/etc/nginx/conf.d/default.conf",
    pages="/usr/share/nginx/html",
    passwords="/etc/nginx/.htpasswd",
    text=nginx_conf.text,
    whole=nginx_conf.whole,
    arguments=("-p", "{folder}", "-c", "{file}", "-e", "stderr"),
    mounts_pages=False,
)
FOLDER = "front"
"""The folder of the lab in which the program runs."""
FRONTENDS: dict[str, Frontend] = {
    "ui": _NGINX,
    "nginx": _NGINX,
    "caddy": Frontend(
        program="caddy",
        image="caddy:2.6",
        file="Caddyfile",
        inside="/etc/caddy/Caddyfile",
        pages="/srv",
        passwords="",
        text=caddy_conf.text,
        whole=caddy_conf.whole,
        arguments=("run", "--config", "{file}", "--adapter", "caddyfile"),
    ),
    "haproxy": Frontend(
        program="haproxy",
        image="haproxy:2.6",
        file="haproxy.cfg",
        inside="/usr/local/etc/haproxy/haproxy.cfg",
        pages="/srv",
        passwords="",
        text=haproxy_conf.text,
        whole=haproxy_conf.whole,
        arguments=("-db", "-f", "{file}"),
    ),
    "apache": Frontend(
        program="apache2",
        image="httpd:2.4",
        file="registry.conf",
        inside="/usr/local/apache2/conf/extra/registry.conf",
        pages="/usr/local/apache2/htdocs",
        passwords="/usr/local/apache2/conf/.htpasswd",
        text=apache_conf.text,
        whole=apache_conf.whole,
        arguments=("-DFOREGROUND", "-f", "{file}"),
    ),
}


REAL: tuple[Software, ...] = ("caddy", "haproxy", "apache")
"""Those that the embedded lab does not imitate: it starts the program itself."""


def in_front(plan: Plan) -> Frontend:
    """The program of this plan."""
    return FRONTENDS[plan.proxy.software]


def put_in_front(plan: Plan, software: Software) -> None:
    """That program in place of the UI's own nginx; the variables of the UI's image go with it."""
    plan.proxy.software = software
    plan.proxy.environment.clear()


def as_written(plan: Plan) -> str:
    """The configuration as its container has it."""
    front = in_front(plan)
    here = Surroundings(port=80, pages=front.pages, passwords=front.passwords, upstream=_base(plan))
    return front.text(plan, here)


def prepare(plan: Plan, home: Path) -> tuple[list[str], dict[str, str]]:
    """Write the configuration that runs on loopback; returns the command and its environment."""
    front, folder = in_front(plan), home / FOLDER
    folder.mkdir(exist_ok=True)
    upstream = _base(plan)
    port = plan.upstream_port() if upstream else None
    if port is not None:
        upstream = f"{urlsplit(upstream).scheme}://127.0.0.1:{port}"
    passwords = str(home / "project" / ".proxy-htpasswd")
    here = Surroundings(
        port=plan.ui_port, pages=str(home / "www"), passwords=passwords, upstream=upstream, address="127.0.0.1"
    )
    file = folder / front.file
    file.write_text(front.whole(front.text(plan, here), folder, plan))
    filled = [word.format(file=file, folder=folder) for word in front.arguments]
    return [find(front.program) or front.program, *filled], {"PATH": os.defpath, "HOME": str(folder)}


def _base(plan: Plan) -> str:
    """Scheme, name and port of the upstream as it is written; "" without one."""
    parts = urlsplit(plan.proxy.upstream or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def inside(text: str, plan: Plan, home: Path) -> str:
    """Log text with the paths of the proxy's container in place of the lab's."""
    front = in_front(plan)
    names = {f"{FOLDER}/{front.file}": front.inside, "project/.proxy-htpasswd": front.passwords, "www": front.pages}
    for ours, theirs in names.items():
        text = text.replace(str(home / ours), theirs)
    return text


def log(home: Path) -> str:
    """Access lines and what the program printed, as `docker logs` would print both."""
    files = (home / FOLDER / "access.log", home / "ui-error.log")
    return "".join(path.read_text(errors="replace") for path in files if path.exists())
