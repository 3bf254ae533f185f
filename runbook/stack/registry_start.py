"""Whether a registry with that configuration starts: the checks of NewApp and of the access controllers."""

from collections.abc import Iterator
from typing import Any

from runbook.model import Place, RegistryFile, StartError
from runbook.parse.registry_decode import is_duration
from runbook.parse.registry_schema import STORAGE_OPTIONS, ImplicitMap
from runbook.stack.registry_env import Effective, Stop

_FALLBACK = "registry-unreachable"
"""A registry that does not start for a reason without a cause of its own is simply not there."""
_DRIVERS = ("filesystem", "inmemory", "s3", "s3aws", "azure", "gcs", "swift", "oss")


def start_errors(effective: Effective, file: RegistryFile | None, *, shortened: bool = False) -> Iterator[StartError]:
    """Reasons for which this process stops; the first is the one that it names.

    `shortened`: lines were left out of its files, so only what stands there counts, and nothing that is missing.
    """
    found = tuple(_of_file(file, effective.major)) if file else ()
    yield from (e for e in found if not (shortened and e.message.endswith('unsupported version: ""')))
    if found:
        return
    for stop in effective.stops:
        yield _of_variable(stop)
    if effective.stops or shortened:
        return
    yield from _storage(effective)
    yield from _auth(effective)
    yield from _listener(effective)


def auth_type(effective: Effective) -> str:
    """The kind of authorization in force: "" for none; "?" where two are set and chance decides."""
    auth = effective.get("auth") or {}
    if len(auth) > 1:
        return "?"
    name = next(iter(auth), "")
    return "" if name.lower() == "none" else str(name)


def _of_file(file: RegistryFile, major: int) -> Iterator[StartError]:
    """The file by itself: its version first, then the types of its values."""
    version = file.settings.get("version")
    if version is None or version.value != "0.1":
        message = f'unsupported version: "{version.value if version else ""}"'
        place = version.place if version else Place(file.file)
        yield StartError(
            cause=_FALLBACK, message=f"configuration error: error parsing {file.file}: {message}", place=place
        )
    refused = list(file.refused)
    tag = file.settings.get("storage.tag.concurrencylimit")
    if major == 2 and tag is not None and tag.place is not None:
        refused.append((tag.place, "must provide exactly one storage type: version 2 takes `tag` for one"))
    for place, message in sorted(refused, key=_told_first):
        cause = "env-header-value-not-yaml-list" if "into []string" in message else _FALLBACK
        yield StartError(cause=cause, message=f"configuration error: error parsing {file.file}: {message}", place=place)


def _told_first(refused: tuple[Place, str]) -> tuple[bool, int]:
    """Wrong types are collected; anything else ends the reading where it stands."""
    place, message = refused
    return message.startswith("cannot unmarshal"), place.line or 0


def _of_variable(stop: Stop) -> StartError:
    name, message = stop.variable.name, stop.message
    cause = _FALLBACK
    if name.startswith("REGISTRY_HTTP_HEADERS_"):
        cause = "env-name-malformed" if "index" in message else "env-header-value-not-yaml-list"
    elif name == "REGISTRY_VERSION" or "configuration.Parameters" in message:
        cause = "env-name-malformed"
    return StartError(
        cause=cause,
        message=f"configuration error: parsing environment variable {name}: {message}",
        place=stop.variable.place,
        setting=name,
    )


def _place(effective: Effective, *path: str) -> Place | None:
    """Where something at or below a setting comes from."""
    return next((m.place for p, m in reversed(effective.marks) if p[: len(path)] == path), None)


def _error(effective: Effective, message: str, *path: str, cause: str = _FALLBACK, setting: str = "") -> StartError:
    return StartError(cause=cause, message=message, place=_place(effective, *path), setting=setting)


def _auth(effective: Effective) -> Iterator[StartError]:
    kind = auth_type(effective)
    options = (effective.get("auth") or {}).get(kind) or {}
    wanted: tuple[str, ...] = ()
    if kind == "htpasswd":
        for name in ("realm", "path"):
            if not isinstance(options.get(name), str):
                message = f'panic: unable to configure authorization (htpasswd): "{name}" must be set for htpasswd access controller'
                yield _error(effective, message, "auth", cause="auth-option-missing", setting=name)
                return
    elif kind == "silly":
        wanted = ("realm", "service")
    elif kind == "token":
        wanted = ("realm", "issuer", "service") + (("rootcertbundle",) if effective.major == 2 else ())
    elif kind not in ("", "?"):
        yield _error(effective, f"panic: no access controller registered with name: {kind}", "auth")
    for name in wanted:
        if not isinstance(options.get(name), str):
            yield _error(effective, f"panic: unable to configure authorization ({kind}): {name} must be set", "auth")
            return
    if kind == "token" and not options.get("rootcertbundle") and not options.get("jwks"):
        yield _error(effective, "panic: token auth requires at least one token signing key", "auth")


def _storage(effective: Effective) -> Iterator[StartError]:
    storage: dict[str, Any] = effective.get("storage") or {}
    drivers = [k for k in storage if k not in STORAGE_OPTIONS[effective.major]]
    if len(drivers) > 1:
        names = ", ".join(drivers)
        yield _error(
            effective, f"panic: multiple storage drivers specified in configuration or environment: {names}", "storage"
        )
        return
    if not drivers:
        yield _error(effective, "configuration error: no storage configuration provided", "storage")
        return
    if drivers[0] not in _DRIVERS:
        yield _error(effective, f"panic: StorageDriver not registered: {drivers[0]}", "storage", drivers[0])
        return
    yield from _maintenance(effective, storage.get("maintenance") or {})
    if "redirect" in storage and not isinstance((storage["redirect"] or {}).get("disable"), bool):
        yield _error(effective, "panic: invalid type for redirect config", "storage", "redirect")
    if effective.major == 3 and storage.get("tag") is not None:
        limit = storage["tag"].get("concurrencylimit", 0)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            yield _error(
                effective, "panic: tag lookup concurrency limit config key must have a integer value", "storage", "tag"
            )
    yield from _cache(effective, storage.get("cache") or {})


def _cache(effective: Effective, cache: dict[str, Any]) -> Iterator[StartError]:
    kind = cache.get("blobdescriptor") if "blobdescriptor" in cache else cache.get("layerinfo")
    redis = effective.get("redis") or {}
    if kind == "redis" and not redis.get("addr") and not redis.get("addrs"):
        yield _error(effective, "panic: redis configuration required to use for layerinfo cache", "storage", "cache")


def _maintenance(effective: Effective, options: dict[str, Any]) -> Iterator[StartError]:
    where = ("storage", "maintenance")
    purging = options.get("uploadpurging", {"enabled": False})
    readonly = options.get("readonly", {})
    for name, section in (("uploadpurging", purging), ("readonly", readonly)):
        if isinstance(section, ImplicitMap) or not isinstance(section, dict):
            yield _error(effective, f"panic: {name} config key must contain additional keys", *where, name)
            return
    if not isinstance(readonly.get("enabled", False), bool):
        yield _error(effective, "panic: readonly's enabled config key must have a boolean value", *where, "readonly")
    elif purging.get("enabled") is not False:
        for name in ("age", "interval"):
            if not is_duration(str(purging.get(name, ""))):
                yield _error(effective, f"panic: Unable to parse upload purge configuration: {name} missing", *where)
                return
        if not isinstance(purging.get("dryrun"), bool):
            yield _error(effective, "panic: Unable to parse upload purge configuration: dryrun missing", *where)


def _listener(effective: Effective) -> Iterator[StartError]:
    address = effective.get("http.addr") or ""
    network = effective.get("http.net") or "tcp"
    if network == "tcp" and address and not _has_port(address):
        yield _error(effective, f"listen tcp: address {address}: missing port in address", "http", "addr")


def _has_port(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    return (
        bool(colon) and (port.isdecimal() or port == "" or port.isalpha()) and (":" not in host or host.startswith("["))
    )
