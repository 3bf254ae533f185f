"""What the user asks for: paths, URLs and a login, checked before anything is opened or sent."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, urlsplit

from runbook.lazy import re

_LOOKS_LIKE_HOST = re.compile(
    r"(?:localhost|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}|[a-z0-9.-]{1,200}(?=:\d))(?::\d{1,5})?(?:/[\w./-]{0,100})?"
)
UNSAID = "docker"
"""The scheme of an address that was given without one, as docker takes it: what it speaks is found out (`scheme`)."""
TIMEOUT = 20.0
"""Seconds for all live requests together."""


class UsageError(ValueError):
    """The request cannot be carried out as it stands: a sentence for the user, exit 2."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback: the sentence."""
        return [f"{self}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Which running stack is meant."""

    tool: str = ""
    """docker, podman or kubectl; without it the first that is on PATH."""
    compose: tuple[str, ...] = ()
    project: str | None = None
    containers: tuple[str, ...] = ()
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A diagnosis that was asked for."""

    paths: tuple[str, ...] = ()
    registry_url: str | None = None
    ui_url: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    docker_config: str | None = None
    origin: str | None = None
    allow_writes: bool = False
    insecure_http: bool = False
    """Whether the login may go over plain http to another machine."""
    cacert: str | None = None
    """A file of certificate authorities to trust, beside this machine's own."""
    running: Running | None = None
    """The running stack to read through its engine's command."""
    timeout: float = TIMEOUT
    lab: str = ""
    """The fault of the lab ("demo": the demo incident) when the stack is the lab's own."""

    @property
    def live(self) -> bool:
        """Whether anything is to be asked over the network."""
        return bool(self.registry_url or self.ui_url)


def checked(request: Request) -> Request:
    """The request with its URLs tidied, or `UsageError` with what is wrong with it."""
    if not request.paths and not request.live and request.running is None:
        raise UsageError(
            "Nothing to diagnose: give a file or folder of the incident, --registry URL (and --ui URL), or --collect."
        )
    for path in (*request.paths, *(p for p in (request.docker_config, request.cacert) if p)):
        _check_path(path)
    if request.docker_config and Path(request.docker_config).is_dir():
        raise UsageError(f"--docker-config needs a file, and {request.docker_config} is a folder.")
    if not 0 < request.timeout <= 3600:
        raise UsageError("--timeout needs a number of seconds between 0 and 3600.")
    _check_login(request)
    return replace(
        request,
        registry_url=base_url("--registry", request.registry_url) if request.registry_url else None,
        ui_url=base_url("--ui", request.ui_url) if request.ui_url else None,
        origin=_origin(request.origin) if request.origin else None,
    )


def base_url(option: str, url: str) -> str:
    """The address below which /v2/ lies, without a trailing slash; refuses what cannot be one."""
    parts = _split(option, url)
    path = parts.path.rstrip("/")
    if path.endswith("/v2"):
        path = path.removesuffix("/v2")
    if parts.query or parts.fragment:
        raise UsageError(f"{option}: leave out everything from the ? or # on; the address alone is needed.")
    return f"{parts.scheme.lower()}://{parts.netloc}{path}"


def password_from_env(name: str) -> str:
    """The password in that environment variable."""
    value = os.environ.get(name) if name and "=" not in name and "\0" not in name else None
    if value is None:
        raise UsageError(
            f"The environment variable {repeated(name)} is not set. It needs the NAME of a variable that holds the "
            "password (and is exported), never the password itself."
        )
    if not value:
        raise UsageError(f"The environment variable {repeated(name)} is empty: there is no password in it.")
    return value


def repeated(name: str) -> str:
    """The name of a variable. What stands where a name belongs may be the password: only what can be nothing but a name is repeated."""
    named = re.fullmatch(r"[A-Z][A-Z0-9_]{0,40}_(?:PASSWORD|PASSWD|PASS|PW|SECRET|TOKEN)", name)
    return name if named else "that --password-env names"


def password_from(stream: TextIO) -> str:
    """The password on standard input, without the line end that `echo` adds, as `docker login` reads it."""
    value = stream.read(64 * 1024)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise UsageError("--password-stdin: standard input is empty, there is no password in it.")
    return value


def _check_login(request: Request) -> None:
    if request.user is not None and (not request.user or ":" in request.user):
        raise UsageError(
            "--user needs a name without a colon: Basic authentication cuts name and password at the colon."
        )
    if request.docker_config and request.password is not None:
        raise UsageError("Give the password one way only: --password-env, --password-stdin or --docker-config.")
    if not request.live or request.docker_config:
        return
    if request.user and request.password is None:
        raise UsageError(
            f"No password was given for {request.user}: use --password-env NAME, --password-stdin"
            " or --docker-config FILE."
        )
    if request.password is not None and not request.user:
        raise UsageError("A password was given, but not for whom: add --user NAME.")


def _check_path(path: str) -> None:
    if "\0" in path or not path:
        raise UsageError("A path is empty or has a NUL character in it.")
    if path == "-":
        raise UsageError(
            "Standard input is not read: write it to a file and give that, as in docker logs NAME > registry.log 2>&1"
        )
    if not os.path.lexists(path):
        raise UsageError(f"There is no file or folder called {path}.")
    if not Path(path).exists():
        raise UsageError(f"{path} is a link that leads nowhere.")


def _origin(url: str) -> str:
    parts = _split("--origin", url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError(f"--origin: an origin ends after host and port: {parts.scheme}://{parts.netloc}")
    return f"{parts.scheme.lower()}://{parts.netloc}"


def _split(option: str, url: str) -> SplitResult:
    """A URL that can be asked. What stands in it is quoted only once it is known to hold no password."""
    if any(c.isspace() or ord(c) < 32 for c in url) or len(url) > 2000:
        raise UsageError(f"{option}: the address has blanks or control characters in it, or is too long.")
    bare = option != "--origin" and _LOOKS_LIKE_HOST.fullmatch(url) is not None
    try:
        parts = urlsplit(f"{UNSAID}://{url}" if bare else url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{option}: that is not an address: {_without_userinfo(error)}.") from None
    if "@" in parts.netloc or ("://" not in url and "@" in url):
        raise UsageError(
            f"{option}: leave the login out of the address. Credentials are never arguments, since others can read"
            " those: use --user NAME with --password-env NAME."
        )
    if "://" not in url and not bare:
        raise UsageError(f"{option}: the address needs a scheme: http://HOST or https://HOST")
    if parts.scheme.lower() not in ("http", "https") and not bare:
        known = parts.scheme.lower() in ("ftp", "ws", "wss", "tcp", "ssh", "docker", "oci", "unix", "file")
        named = f"the scheme {parts.scheme}://" if known else "that scheme"
        raise UsageError(f"{option}: {named} is not one that a registry speaks: use http or https.")
    if not parts.hostname:
        raise UsageError(f"{option}: the address has no host name in it.")
    if port == 0:
        raise UsageError(f"{option}: port 0 cannot be asked.")
    return parts


def _without_userinfo(error: ValueError) -> str:
    """urllib quotes what it dislikes; that may be a password."""
    return "its port is not a number from 1 to 65535" if "ort" in str(error) else "its host cannot be read"
