"""How a change in a proxy's configuration reaches the process, and the fix that says so: shared by the rules."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from runbook.model import Compose, Edit, Fix, Mount, Place, ProxyRoute, Service
from runbook.model.command import Command, file, service, sh
from runbook.rules.base import Facts


@dataclass(frozen=True, slots=True)
class Reload:
    """How a changed file reaches the process: what to type, and why just that."""

    commands: tuple[Command, ...]
    applies: str


def reload(facts: Facts, route: ProxyRoute, at: Place | None = None) -> Reload:
    """How the proxy takes a change at that place (its own configuration, where none is given).

    Values in a compose file (environment, labels, command) need `up -d` of the service that carries them. A file
    that is mounted by itself needs a new container: editors and `patch` replace it, and the mount keeps the old
    inode. A mounted folder shows the new file at once, and the program reloads it.
    """
    at = at or route.place
    compose = facts.compose
    if route.software == "joxit-ui" or (compose and at.file in compose.files):
        carrier = _carrier(compose, at) or _carrier(compose, route.place)
        return compose_up(carrier.name if carrier else route.service)
    runs = compose.service(route.service) if compose and route.service else None
    if runs is None or route.service is None:
        return _reload_on_host(route, at)
    mount, single = _mount_of(runs, at.file)
    if single:
        again = sh("docker", "compose", "up", "-d", "--force-recreate", service(route.service))
        return Reload(
            (again,),
            f"{at.file} is mounted as a single file: the container keeps the old one until it is created again",
        )
    return _reload_inside(route, mount, at)


def compose_up(name: str | None) -> Reload:
    """How a service takes changed values of a compose file; None: the service is not known."""
    command = sh("docker", "compose", "up", "-d", *([service(name)] if name else []))
    return Reload((command,), f"Compose creates {name or 'the service'} again with the changed values")


def _carrier(compose: Compose | None, at: Place) -> Service | None:
    """The service whose labels or environment that line belongs to."""
    services = compose.services if compose else ()
    return next((s for s in services if any(v.place == at for v in (*s.labels, *s.environment))), None)


def _mount_of(runs: Service, path: str) -> tuple[Mount | None, bool]:
    """The mount that brings the file into the container, and whether it is of this file alone."""
    given = PurePosixPath(path)
    folder = None
    for mount in runs.mounts:
        source = PurePosixPath((mount.source or "").replace("\\", "/"))
        if source.name == given.name:
            return mount, True
        if source.name and source.name in given.parts[:-1]:
            folder = mount
    return folder, False


def _reload_inside(route: ProxyRoute, mount: Mount | None, at: Place) -> Reload:
    """Into a container whose folder is mounted, or whose compose file does not tell where the file comes from."""
    where = service(route.service)
    why = (
        f"{mount.source} is mounted as a folder: the container sees the new file, and the program reads it again"
        if mount
        else f"no mount of {route.service} shows {at.file}: if its image holds a copy, build the image again"
    )
    inside = ("docker", "compose", "exec", where)
    match route.software:
        case "nginx":
            return Reload((sh(*inside, "nginx", "-s", "reload"),), why)
        case "caddy":
            config = f"{mount.target.rstrip('/')}/{PurePosixPath(at.file).name}" if mount else "/etc/caddy/Caddyfile"
            return Reload((sh(*inside, "caddy", "reload", "--config", file(config)),), why)
        case "haproxy":
            return Reload((sh("docker", "compose", "kill", "-s", "HUP", where),), why)
        case "apache":
            return Reload((sh(*inside, "httpd", "-k", "graceful"),), why)
    return Reload((), "Traefik watches the files of its file provider" if mount else why)


def _reload_on_host(route: ProxyRoute, at: Place) -> Reload:
    """A proxy that no compose file knows."""
    commands = {
        "nginx": sh("sudo", "nginx", "-s", "reload"),
        "caddy": sh("caddy", "reload", "--config", file(at.file)),
        "haproxy": sh("sudo", "systemctl", "reload", "haproxy"),
        "apache": sh("sudo", "apachectl", "graceful"),
    }
    if route.software not in commands:
        return Reload((), "Traefik watches the files of its file provider")
    return Reload((commands[route.software],), "the program reads its files again")


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
        return Fix(summary=summary, commands=before, verify=verify)
    places: list[Place | None] = [Place(e.file, e.line) for e in edits]
    reloads = dict.fromkeys(reload(facts, route, place) for place in places or [at])
    commands = dict.fromkeys(c for r in reloads for c in r.commands)
    applies = "; ".join(dict.fromkeys(r.applies for r in reloads))
    return Fix(summary=summary, commands=(*before, *commands), verify=verify, applies=applies)
