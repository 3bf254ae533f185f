"""Where two files must agree: names, ports, schemes, mounts and origins across services, as one picture.

Each joint has two sides with their places, and says whether they meet. It shows; what follows from
it is the rules' to judge.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.judge import Run
from runbook.model import Place, ProxyRoute, Registry
from runbook.report.block import Block, part
from runbook.rules.crossing import header, values
from runbook.rules.hops import LOOPBACK, name
from runbook.rules.upstreams import proxied
from runbook.stack.browser import same_origin
from runbook.stack.registry import covering

State = Literal["agree", "differ", "not known"]
_SIGNS: dict[State, str] = {"agree": "=", "differ": "≠", "not known": "?"}
_CLASSES: dict[State, str] = {"agree": "ok", "differ": "bad", "not known": "unknown"}


@dataclass(frozen=True, slots=True)
class Side:
    """What one party says, and where."""

    who: str
    says: str
    where: Place | None = None


@dataclass(frozen=True, slots=True)
class Joint:
    """Two sides that must agree."""

    about: str
    left: Side
    right: Side
    state: State


def joints(run: Run) -> tuple[Joint, ...]:
    """All joints of the stack, along the way of a request: page, proxy, registry, files."""
    found = [*_origin(run)]
    for route in proxied(run.stack):
        found += _upstream(run, route)
    registry = run.stack.registry
    if registry is not None and registry.known:
        found += [*_published(registry), *_config(registry), *_htpasswd(registry), *_storage(registry)]
    return tuple(found)


def alignment(run: Run) -> Block:
    """The picture, readable on a phone and without colours."""
    rows = joints(run)
    if not rows:
        return Block.soft("There are no two files here that would have to agree.")
    text = "\n".join(f"{_SIGNS[j.state]} {j.about}: {_plain(j.left)} | {_plain(j.right)} ({j.state})" for j in rows)
    return Block(part("joints", rows, _CLASSES, _SIGNS), text)


def _plain(side: Side) -> str:
    return f"{side.who} says {side.says}" + (f" ({side.where})" if side.where else "")


def _origin(run: Run) -> Iterator[Joint]:
    """The page's origin, and the one that the registry allows."""
    stack = run.stack
    ui = stack.ui
    if ui is None or ui.mode != "browser" or ui.registry_url is None or not ui.registry_url.value:
        return
    page = next(iter(stack.page_origins), None)
    if page and same_origin(page, ui.registry_url.value):
        return
    found = header(stack, "Access-Control-Allow-Origin")
    allowed = values(found) if found else []
    state: State = "not known" if page is None else "agree" if allowed == [page] else "differ"
    yield Joint(
        "the page's origin and the one that is allowed",
        Side("browser", page or "not known", ui.service.place),
        Side("registry", ", ".join(allowed) or "none is allowed", found.place if found else None),
        state,
    )


def _upstream(run: Run, route: ProxyRoute) -> Iterator[Joint]:
    """The name, the port and the scheme by which a hop calls the next one."""
    compose, registry, hop = run.evidence.compose, run.stack.registry, name(route)
    for host, port in route.upstream_hosts[:4]:
        target = compose.service(host) if compose else None
        known: State = "agree" if target else "not known" if compose is None else "differ"
        if host.lower() in LOOPBACK and route.service:
            has = f"{route.service} itself, in a container"
            known = "differ"
        else:
            has = f"service {target.name}" if target else "no service of that name" if compose else "no compose file"
        yield Joint(
            f"the name that {hop} calls",
            Side(hop, host, route.upstream_place),
            Side("compose", has, target.place if target else None),
            known,
        )
        if registry is None or registry.service is None or target is None or target.name != registry.service.name:
            continue
        asked = port or (443 if route.upstream_scheme == "https" else 80)
        listens = registry.listens
        yield Joint(
            f"the port that {hop} calls",
            Side(hop, str(asked), route.upstream_place),
            Side(registry.name, f"listens on {listens}" if listens else "not known", _place(registry, "http.addr")),
            "not known" if listens is None else "agree" if asked == listens else "differ",
        )
        tls = (
            registry.value("http.tls.certificate") is not None
            or registry.value("http.tls.letsencrypt.email") is not None
        )
        speaks = "https" if tls else "http"
        yield Joint(
            f"the scheme that {hop} speaks",
            Side(hop, route.upstream_scheme, route.upstream_place),
            Side(registry.name, speaks, _place(registry, "http.tls.certificate")),
            "agree" if speaks == route.upstream_scheme else "differ",
        )


def _published(registry: Registry) -> Iterator[Joint]:
    for port in registry.ports[:4]:
        outside = f"{port.published or 'any port'} leads to {port.container}"
        debug = str(registry.value("http.debug.addr") or "").endswith(f":{port.container}")
        state: State = "not known" if registry.listens is None else "differ"
        yield Joint(
            "the published port",
            Side("compose", outside, port.place),
            Side(registry.name, f"listens on {registry.listens or 'an unknown port'}", _place(registry, "http.addr")),
            "agree" if port.container == registry.listens or debug else state,
        )


def _config(registry: Registry) -> Iterator[Joint]:
    if registry.ignored_config is None:
        return
    mount, file = registry.ignored_config
    yield Joint(
        "the path of the configuration",
        Side("compose", f"{file} at {mount.target}", mount.place),
        Side(registry.name, f"reads {registry.config_path}"),
        "differ",
    )


def _htpasswd(registry: Registry) -> Iterator[Joint]:
    """The path that is configured, the mount that covers it, and the file behind that."""
    if registry.auth != "htpasswd" or not registry.htpasswd_path:
        return
    mount = covering(registry.mounts, posixpath.normpath(registry.htpasswd_path))
    behind = registry.htpasswd.file if registry.htpasswd else registry.htpasswd_host
    says = f"{mount.source or 'a volume'} at {mount.target}" if mount else "no mount covers it"
    yield Joint(
        "the path of the password file",
        Side(registry.name, registry.htpasswd_path, _place(registry, "auth.htpasswd.path")),
        Side("compose", says + (f": {behind}" if behind and mount else ""), mount.place if mount else None),
        "agree" if registry.htpasswd else "not known" if mount or registry.service is None else "differ",
    )


def _storage(registry: Registry) -> Iterator[Joint]:
    root = registry.value("storage.filesystem.rootdirectory")
    if not isinstance(root, str) or registry.service is None:
        return
    mount = covering(registry.mounts, posixpath.normpath(root))
    kept = mount is not None and mount.kind != "tmpfs"
    yield Joint(
        "where the images are kept",
        Side(registry.name, root, _place(registry, "storage.filesystem.rootdirectory")),
        Side("compose", f"{mount.source or 'a volume'} at {mount.target}" if mount else "no volume covers it",
             mount.place if mount else None),
        "agree" if kept else "differ",
    )  # fmt: skip


def _place(registry: Registry, key: str) -> Place | None:
    setting = registry.settings.get(key)
    return setting.place if setting else None
