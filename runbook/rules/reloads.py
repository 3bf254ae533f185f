"""How a change in a proxy's configuration reaches the process, and the fix that says so: shared by the rules."""

import posixpath
from fnmatch import fnmatch
from pathlib import PurePosixPath

from runbook.model import Compose, Edit, Fix, Mount, Place, ProxyRoute, Service
from runbook.model.command import Command, file, sh
from runbook.model.proxy import IN_COMPOSE
from runbook.rules.base import Facts
from runbook.rules.platform import Applied, hung_up, inside, restarted, route_applied, runs


def reload(facts: Facts, route: ProxyRoute, at: Place | None = None) -> Applied:
    """How the proxy takes a change at that place (its own configuration, where none is given).

    Values in a compose file or manifest (environment, labels, command) need the service that carries them to be
    created again. A file that is mounted by itself needs a new container: editors and `patch` replace it, and the
    mount keeps the old inode. A mounted folder shows the new file at once, and the program reloads it.
    """
    at = at or route.place
    if watched := route_applied(route, at):
        return watched
    compose = facts.compose
    in_compose = route.software in IN_COMPOSE or by_labels(compose, route)
    if route.software == "joxit-ui" or (compose and at.file in compose.files and in_compose):
        own = (
            route.software == "nginx-proxy" and at == route.place
        )  # not of the container whose variables make its site
        carrier = None if own else _carrier(compose, at) or _carrier(compose, route.place)
        return restarted(carrier or runs(facts, route.service), at)
    one = compose.service(route.service) if compose and route.service else None
    if one is None:
        return _reload_on_host(facts, route, at)
    if one.platform == "kubernetes":
        return restarted(one, at)
    mount, single = _mount_of(one, at.file)
    if single:
        why = f"{at.file} is mounted as a single file: the container keeps the old one until it is created again"
        return Applied(restarted(one, at, fresh=True).commands, why)
    return _reload_inside(facts, one, route, mount, at)


def _carrier(compose: Compose | None, at: Place) -> Service | None:
    """The service whose labels, environment or mounts that line belongs to."""
    services = compose.services if compose else ()
    return next(
        (s for s in services if at in {v.place for v in (*s.labels, *s.environment)} | {m.place for m in s.mounts}),
        None,
    )


def by_labels(compose: Compose | None, route: ProxyRoute) -> bool:
    """Whether the labels of a service make a route of Caddy's."""
    services = compose.services if compose and route.software == "caddy" else ()
    return any(label.place == route.place for s in services for label in s.labels)


def _mount_of(one: Service, path: str) -> tuple[Mount | None, bool]:
    """The mount that brings the file into the container, and whether it is of this file alone."""
    given = PurePosixPath(path)
    folder = None
    for mount in one.mounts:
        source = PurePosixPath((mount.source or "").replace("\\", "/"))
        if source.name == given.name:
            return mount, True
        if source.name and source.name in given.parts[:-1]:
            folder = mount
    return folder, False


def _reload_inside(facts: Facts, one: Service, route: ProxyRoute, mount: Mount | None, at: Place) -> Applied:
    """Into a container whose folder is mounted, or whose compose file does not tell where the file comes from."""
    why = (
        f"{mount.source} is mounted as a folder: the container sees the new file, and the program reads it again"
        if mount
        else f"no mount of {route.service} shows {at.file}: if its image holds a copy, build the image again"
    )
    match route.software:
        case "nginx":
            return Applied((inside(one, "nginx", "-s", "reload"),), why)
        case "caddy" if _takes_no_reload(facts, at.file):
            return Applied(restarted(one, at).commands, _NO_ADMIN)
        case "caddy":
            started = PurePosixPath(_caddyfile(facts, at.file)).name
            config = (
                f"{mount.target.rstrip('/')}/{started}"
                if mount and started == at.file.rpartition("/")[2]
                else "/etc/caddy/Caddyfile"
            )
            return Applied((inside(one, "caddy", "reload", "--config", file(config)),), why)
        case "haproxy":
            return Applied((hung_up(one),), why)
        case "apache":
            return Applied((inside(one, "httpd", "-k", "graceful"),), why)
    return Applied((), "Traefik watches the files of its file provider" if mount else why)


def _caddyfile(facts: Facts, path: str) -> str:
    """The Caddyfile that Caddy is started with: the one that imports that file, if another does."""
    folder, name = posixpath.split(path)
    for source in facts.evidence.files if posixpath.basename(path) != "Caddyfile" else ():
        for row in source.lines if source.kind == "caddy" and source.path != path else ():
            words = row.split("#")[0].split()
            asked, pattern = posixpath.split(words[1]) if len(words) > 1 and words[0] == "import" else ("", "")
            if pattern and fnmatch(name, pattern) and posixpath.basename(folder) in (posixpath.basename(asked), folder):
                return _caddyfile(facts, source.path) if posixpath.dirname(source.path) != folder else source.path
    return path


def _takes_no_reload(facts: Facts, path: str) -> bool:
    """Whether the Caddyfile switches the admin endpoint off, to which `caddy reload` speaks."""
    started = _caddyfile(facts, path)
    lines = next((f.lines for f in facts.evidence.files if f.path == started), ())
    return any(row.split("#")[0].split() == ["admin", "off"] for row in lines)


_NO_ADMIN = "admin is off in the Caddyfile: caddy reload has nobody to speak to, and it reads its file when it starts"


def _reload_on_host(facts: Facts, route: ProxyRoute, at: Place) -> Applied:
    """A proxy that no compose file knows."""
    commands = {
        "nginx": sh("sudo", "nginx", "-s", "reload"),
        "caddy": sh("caddy", "reload", "--config", file(_caddyfile(facts, at.file))),
        "haproxy": sh("sudo", "systemctl", "reload", "haproxy"),
        "apache": sh("sudo", "apachectl", "graceful"),
    }
    if route.software == "caddy" and _takes_no_reload(facts, at.file):
        return Applied((sh("sudo", "systemctl", "restart", "caddy"),), _NO_ADMIN)
    if route.software not in commands:
        return Applied((), "Traefik watches the files of its file provider")
    return Applied((commands[route.software],), "the program reads its files again")


def proxy_fix(
    facts: Facts,
    route: ProxyRoute | None,
    summary: str,
    *verify: Command,
    edits: tuple[Edit, ...] = (),
    at: Place | None = None,
    before: tuple[Command, ...] = (),
) -> Fix:
    """The fix of a change in a proxy's configuration: at the edits, else at the place given, else in its own file.

    Without a route (only traffic shows the fault) nothing is known of the process, and nothing is reloaded.
    """
    if route is None:
        return Fix(summary=summary, commands=before, verify=verify, edits=edits)
    places: list[Place | None] = [Place(e.file, e.line) for e in edits]
    reloads = dict.fromkeys(reload(facts, route, place) for place in places or [at])
    commands = dict.fromkeys(c for r in reloads for c in r.commands)
    applies = "; ".join(dict.fromkeys(r.applies for r in reloads))
    return Fix(summary=summary, commands=(*before, *commands), verify=verify, applies=applies, edits=edits)
