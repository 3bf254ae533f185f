"""What each registry process really uses: image, command, mounted config.yml and REGISTRY_* variables joined."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from runbook.lazy import re
from runbook.model import (
    EnvVar,
    Evidence,
    Htpasswd,
    Mount,
    Registry,
    RegistryFile,
    Service,
    Setting,
)
from runbook.numbers import whole_number
from runbook.redact import is_mask
from runbook.stack.asked import config_asked, started
from runbook.stack.readers import of_others, own_files
from runbook.stack.registry_env import Effective, default_file, from_file, override
from runbook.stack.registry_start import auth_type, start_errors
from runbook.stack.variables import unread_variables

Major = Literal[2, 3]
MOVING = ("latest", "edge", "nightly")
"""Tags that are version 3 today; an image pulled before April 2025 is still 2."""
CONFIG_PATHS: dict[int, str] = {2: "/etc/docker/registry/config.yml", 3: "/etc/distribution/config.yml"}
_VERSION = re.compile(r"^v?([0-9]+)(?:[.\-_+].*)?$")
_KINDS: dict[str, Literal["none", "htpasswd", "token", "silly"]] = {
    "": "none",
    "htpasswd": "htpasswd",
    "token": "token",
    "silly": "silly",
}


def registries(evidence: Evidence) -> tuple[Registry, ...]:
    """All registries of the stack, the one that is published or asked for first. Without a compose file
    a lone config.yml, htpasswd file or log still tells of one."""
    compose = evidence.compose
    services = started([s for s in compose.services if s.role == "registry"], evidence) if compose else []
    found = [_of_service(service, evidence, alone=len(services) == 1) for service in services]
    return tuple(found) if found else _without_compose(evidence)


def _of_service(service: Service, evidence: Evidence, *, alone: bool) -> Registry:
    logged = _major_of_log(evidence)
    moving = (logged or _major_of_then(evidence)) if service.tag in MOVING else None
    major = moving or major_of(service.tag) or logged
    path = _config_path(service, major)
    mount = covering(service.mounts, path)
    config = _behind(mount, path, (f.file for f in evidence.registry_files)) if mount else None
    file = next((f for f in evidence.registry_files if f.file == config), None)
    unseen = (mount is not None and file is None) or bool(service.unseen_env)
    effective = _effective(file, major or 2, service.environment, unseen=unseen)
    ignored = _ignored_config(service, path, evidence)
    unread = unread_variables(service, effective)
    return _joined(
        Registry(
            name=service.name,
            service=service,
            major=major,
            config_path=path,
            config_file=config,
            ignored_config=ignored,
            unread=unread,
            mounts=service.mounts,
            ports=service.ports,
            known=True,
        ),
        effective,
        file,
        evidence,
        unseen=unseen and not any(v.name.startswith("REGISTRY_AUTH") for v in service.environment),
        shortened=unseen or any(is_mask(v.value or "") and not v.secret for v in service.environment),
        alone=alone,
    )


def _without_compose(evidence: Evidence) -> tuple[Registry, ...]:
    file = config_asked(evidence)
    logs = any(log.kind in ("registry", "mixed") for log in evidence.logs)
    if file is None and not evidence.htpasswd and not logs and not evidence.exchanges:
        return ()
    major = _major_of_log(evidence)
    base = Registry(
        name="registry",
        major=major,
        config_path=CONFIG_PATHS.get(major or 0, ""),
        config_file=file.file if file else None,
        known=file is not None,
    )
    if file is None:
        own = own_files(evidence)
        only = own[0] if len(own) == 1 else None
        return (replace(base, auth="unknown", htpasswd=only),)
    effective = _effective(file, major or 2, (), unseen=False)
    return (_joined(base, effective, file, evidence, unseen=False, alone=True),)


# ---- version and configuration file --------------------------------------------------------------------


def major_of(tag: str | None) -> Major | None:
    """The major version behind a tag. `latest` and `edge` are 3 since April 2025; None when it does not say."""
    if tag is None:
        return None
    if tag in MOVING:
        return 3
    match = _VERSION.match(tag)
    known: dict[str, Major] = {"2": 2, "3": 3}
    return known.get(match[1]) if match else None


def _major_of_log(evidence: Evidence) -> Major | None:
    versions = {log.version for log in evidence.logs if log.version in (2, 3) and not _PUT_AWAY.search(log.file)}
    only = versions.pop() if len(versions) == 1 else None
    return 2 if only == 2 else 3 if only == 3 else None


def _major_of_then(evidence: Evidence) -> Major | None:
    """What a moving tag was when the youngest log line or response was written, where that was before version 3."""
    times = [e.made for e in evidence.exchanges]
    times += [row.when for log in evidence.logs for row in log.events]
    times += [row.when for log in evidence.logs for row in log.requests]
    youngest = max((t for t in times if t is not None), default=None)
    return 2 if youngest is not None and youngest < _VERSION_3 else None


_VERSION_3 = datetime(2025, 4, 3, tzinfo=UTC).timestamp()
"""The day of distribution 3.0.0, as its repository's releases tell."""
_PUT_AWAY = re.compile(r"\.\d{1,3}(?:\.gz)?$|[.-](?:old|bak|prev|previous)\b")
"""Logs that were rotated away may be another version's."""


def _config_path(service: Service, major: Major | None) -> str:
    """The file that the command names, or that of the image. An unknown version reads what is mounted."""
    for word in reversed((*(service.entrypoint or ()), *service.command)):
        for part in re.findall(r"(?<![^\s'\"=:,])/[^\s'\"]{1,300}\.ya?ml\b", word):
            return str(part)
    if major is not None:
        return CONFIG_PATHS[major]
    mounted = next((p for p in CONFIG_PATHS.values() if covering(service.mounts, p)), None)
    return mounted or CONFIG_PATHS[2]


def covering(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount that a container path lies on: the deepest that covers it."""
    found = [m for m in mounts if path == m.target.rstrip("/") or path.startswith(m.target.rstrip("/") + "/")]
    return max(found, key=lambda m: len(m.target), default=None)


def host_path(mount: Mount, path: str) -> str | None:
    """The host path behind a container path, as compose writes it; None for a volume without one."""
    if mount.source is None:
        return None
    rest = path[len(mount.target.rstrip("/")) :] if path != mount.target else ""
    source = mount.source.replace("\\", "/")
    return source.rstrip("/") + rest if rest else source


_OF_OBJECT = " § "
"""In the name of a file that is a key of a Secret or ConfigMap: nothing else stands for another object's key."""


def _behind(mount: Mount, path: str, files: Iterable[str], taken: frozenset[str] = frozenset()) -> str | None:
    """The bundle's file at a container path: at its exact place, or the only one of that name that is not `taken`,
    since bundles often come without their folders."""
    host = host_path(mount, path)
    if host is None or mount.kind in ("volume", "tmpfs"):
        return None
    known = [f for f in files if _OF_OBJECT in host or _OF_OBJECT not in f]
    folder = posixpath.dirname(mount.place.file)
    exact = posixpath.normpath(posixpath.join(folder, host))
    if exact in known:
        return exact
    tail = [f for f in known if host.endswith("/" + f) or exact.endswith("/" + f)]
    if len(tail) == 1:
        return tail[0]
    named = [f for f in known if posixpath.basename(f) == posixpath.basename(exact) and f not in taken]
    return named[0] if len(named) == 1 else None


def _ignored_config(service: Service, path: str, evidence: Evidence) -> tuple[Mount, str] | None:
    """A configuration mounted where this version does not look for it."""
    for other in CONFIG_PATHS.values():
        mount = covering(service.mounts, other)
        if other == path or mount is None or mount.target.count("/") < 2 or covering(service.mounts, path) == mount:
            continue
        if other == mount.target or mount.kind == "bind":
            names = [f.file for f in evidence.registry_files]
            return mount, _behind(mount, other, names) or (names[0] if len(names) == 1 else "")
    return None


# ---- what is in force ----------------------------------------------------------------------------------


def _effective(file: RegistryFile | None, major: int, variables: tuple[EnvVar, ...], *, unseen: bool) -> Effective:
    """The file (or the image's own one) with the variables over it. `unseen`: a file is mounted that we
    were not given; then nothing is known but the variables."""
    base = file or (RegistryFile(file="", settings={}) if unseen else default_file(major))
    effective = from_file(base, major)
    if unseen:
        minimum = default_file(major)
        keep = {k: v for k, v in minimum.settings.items() if k in ("version", "storage.filesystem.rootdirectory")}
        effective = from_file(
            RegistryFile(file="", settings={k: Setting(value=v.value) for k, v in keep.items()}), major
        )
    override(effective, variables)
    return effective


_PLACES = ("http.addr", "http.host", "http.prefix", "http.debug.addr", "auth.htpasswd.path")
"""Settings that say where something is: blacked out they say nothing."""


def _joined(
    base: Registry,
    effective: Effective,
    file: RegistryFile | None,
    evidence: Evidence,
    *,
    unseen: bool,
    alone: bool,
    shortened: bool = False,
) -> Registry:
    """The registry with everything that follows from its configuration. `shortened`: not all of it was handed over."""
    settings = {k: s for k, s in effective.settings().items() if k not in _PLACES or not is_mask(str(s.value))}
    kind = auth_type(effective)
    errors = tuple(start_errors(effective, file, shortened=shortened or bool(evidence.shortened_beside_proxies)))
    htpasswd_path = settings["auth.htpasswd.path"].value if "auth.htpasswd.path" in settings else None
    path = str(htpasswd_path) if htpasswd_path is not None and kind == "htpasswd" else None
    mount = covering(base.mounts, path) if path else None
    return replace(
        base,
        settings=settings,
        overridden=tuple(_overridden(file, effective)),
        auth="unknown" if unseen or kind == "?" else _KINDS.get(kind, "unknown"),
        start_errors=errors,
        listens=None if unseen and "http.addr" not in settings else _port(settings.get("http.addr")),
        htpasswd_path=path,
        htpasswd_host=host_path(mount, path) if mount and path and mount.kind != "volume" else None,
        htpasswd=_htpasswd(base, mount, path, evidence, alone=alone),
    )


def _overridden(file: RegistryFile | None, effective: Effective) -> Iterator[tuple[str, Setting, Setting]]:
    """What the file says and a variable says otherwise, or takes away: REGISTRY_AUTH replaces all of `auth`."""
    settings = effective.settings()
    for key, written in (file.settings if file else {}).items():
        now = settings.get(key) or effective.taken_away(key)
        if now is None or not now.origin.startswith("REGISTRY_"):
            continue
        same = now.secret == written.secret if now.secret or written.secret else now.value == written.value
        if not same:
            yield key, written, now


def _port(setting: Setting | None) -> int | None:
    """The port that it listens on; without http.addr the registry takes a free one, but every image sets it."""
    port = str(setting.value).rpartition(":")[2] if setting else ""
    return whole_number(port)


def _htpasswd(
    base: Registry, mount: Mount | None, path: str | None, evidence: Evidence, *, alone: bool
) -> Htpasswd | None:
    """The bundle's file that the registry reads as its htpasswd."""
    files, others = {h.file: h for h in evidence.htpasswd}, of_others(evidence)
    own = [f for f in files if f not in others]
    only = own[0] if len(files) == len(own) == 1 else None
    if path is None:
        return None
    if base.service is None:
        named = [f for f in files if posixpath.basename(f) == posixpath.basename(path)]
        named = [f for f in named if f not in others] or named
        chosen = named[0] if len(named) == 1 else only
        return files[chosen] if chosen else None
    if mount is None:
        return None
    found = _behind(mount, path, files, others)
    if found is None and mount.kind == "volume" and alone:
        found = only
    if found is None and mount.target == path and alone and only and _OF_OBJECT not in only:
        found = only
    return files[found] if found else None


__all__ = ["CONFIG_PATHS", "covering", "host_path", "major_of", "registries"]
