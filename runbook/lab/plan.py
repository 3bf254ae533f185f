"""The description of a lab stack: what a compose project says, before anything runs.

Faults are changes to this description. Both backends run it and the bundle is written from it, so
what a user is shown and what really runs cannot differ. Paths are those inside the containers;
`host_path` says which folder of the lab stands behind one.
"""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

CONFIG_PATH = {2: "/etc/docker/registry/config.yml", 3: "/etc/distribution/config.yml"}
Software = Literal["ui", "nginx", "caddy", "haproxy", "apache"]
NOWHERE = 1
"""A port of loopback on which nobody listens: the address of containers that do not exist."""


@dataclass(kw_only=True)
class Proxy:
    """The hop in front of the registry: the registry UI's own nginx, or a proxy that somebody set up by hand.

    Values are written in nginx's words ($host, proxy_set_header, add_header); the modules beside this one
    say them in those of the program at hand.
    """

    software: Software = "ui"
    upstream: str | None = None
    """`NGINX_PROXY_PASS_URL` or `proxy_pass`; None: there is no /v2 route."""
    request_headers: dict[str, str] = field(default_factory=dict)
    """proxy_set_header lines beside Host; an empty value removes the header."""
    host: str | None = "$http_host"
    """The Host that is sent on; None leaves nginx's default, `$proxy_host`."""
    hidden: list[str] = field(default_factory=list)
    """proxy_hide_header lines."""
    added: list[tuple[str, str, bool]] = field(default_factory=list)
    """add_header lines: name, value, always."""
    body_limit: int = 0
    """client_max_body_size in bytes; 0 is no limit."""
    realm: str | None = None
    """auth_basic of the proxy itself, with the accounts of `.proxy-htpasswd`."""
    open_ping: bool = False
    """Whether `location = /v2/` answers 200 by itself."""
    allowed: str = ""
    """The only network that nginx lets in (allow …; deny all;)."""
    turned_away: str = ""
    """nginx answers 403 where the User-Agent holds this word."""
    environment: dict[str, str] = field(default_factory=dict)
    """The UI's other variables."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where a proxy's configuration holds: in its container, as it is handed over, or on this machine's loopback."""

    port: int
    pages: str
    """The folder of the static page."""
    passwords: str
    """The file with the accounts of the proxy's own login."""
    upstream: str
    """Scheme, name and port of the registry."""
    address: str = ""
    """The address to listen on; "" is all of the container's."""


UPLOAD = "{upload}"
"""In the path of a `Try`: an upload that is opened for it first."""


@dataclass(frozen=True)
class Try:
    """A request that a user makes by hand: with the login, straight or through the UI."""

    method: str
    path: str
    via: bool = False
    size: int = 0
    """Bytes of body."""
    headers: tuple[tuple[str, str], ...] = ()
    login: bool = True


@dataclass(kw_only=True)
class Plan:
    """A compose project with a registry and a UI."""

    seed: int
    major: int
    registry: str
    """Service name of the registry; also its name on the containers' network."""
    ui: str
    user: str
    password: str = field(repr=False)
    colleague: str
    """Another user with a sound entry: decoy, and what a merged line hides."""
    colleague_password: str = field(repr=False)
    realm: str
    registry_port: int
    """The published one: what the host reaches."""
    ui_port: int
    inner_port: int
    """Where the registry really listens when its published port leads nowhere."""
    image: str
    ui_image: str
    proxy: Proxy
    environment: dict[str, str] = field(default_factory=dict)
    """The registry's variables as the container sees them."""
    written: dict[str, str] = field(default_factory=dict)
    """Variables whose text in the compose file differs from what the container sees (interpolation)."""
    mounts: list[tuple[str, str]] = field(default_factory=list)
    """(host path beginning with ./ or a volume's name, path inside the registry's container)."""
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    """The project's files beside the compose file, by relative path."""
    handed: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Further files that a user hands over (a docker config.json, an error message, a listing)."""
    directories: list[str] = field(default_factory=list)
    """Folders that the engine made because the mounted file did not exist."""
    locked: list[str] = field(default_factory=list)
    """Files that only root may read."""
    container_user: str | None = None
    """`user:` of the registry in the compose file."""
    command: list[str] = field(default_factory=list)
    """`entrypoint:` and `command:` of the registry, as lines of the compose file."""
    container_port: int = 5000
    """The right-hand side of the registry's published port."""
    inlined: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Files that the registry's entrypoint writes into the container, by their path there."""
    tried: list["Try"] = field(default_factory=list)
    """Further requests that the user made and recorded with `curl -i`."""
    stopped: bool = False
    """Whether the registry's container does not run at all."""
    comments: dict[str, str] = field(default_factory=dict)
    """Variable → comment that stands above it: folklore, decoys."""
    access: Literal["proxy", "cross-origin"] = "proxy"
    """How the page reaches the registry: through its own nginx, or straight from the browser."""

    platform: Literal["compose", "kubernetes"] = "compose"
    """In which language the stack is written down."""

    @property
    def config_path(self) -> str:
        """Where the image looks for its configuration file."""
        return CONFIG_PATH[self.major]

    @property
    def listen_port(self) -> int:
        """The port inside the container on which the registry listens."""
        return int(self.environment.get("REGISTRY_HTTP_ADDR", ":5000").rpartition(":")[2])

    @property
    def port(self) -> int:
        """The port of loopback on which the registry runs: the published one if that leads to it."""
        return self.registry_port if self.container_port == self.listen_port else self.inner_port

    @property
    def origin(self) -> str:
        """The page's origin in a browser."""
        return f"http://localhost:{self.ui_port}"

    def mounted(self, path: str) -> tuple[str, PurePosixPath] | None:
        """The mount behind a container path and what is left of the path below it."""
        wanted = PurePosixPath(path)
        best: tuple[str, PurePosixPath] | None = None
        depth = -1
        for source, target in self.mounts:
            place = PurePosixPath(target)
            if (wanted == place or place in wanted.parents) and len(place.parts) > depth:
                best, depth = (source, wanted.relative_to(place)), len(place.parts)
        return best

    def host_path(self, path: str, home: Path) -> Path:
        """The lab's path behind a path of the registry's container; outside every mount it is the
        container's own layer, which does not survive a re-creation."""
        found = self.mounted(path)
        if found is None:
            return home / "layer" / path.lstrip("/")
        source, rest = found
        base = home / "project" / source[2:] if source.startswith("./") else home / "volumes" / source
        return base / rest if rest.parts else base

    def config_text(self) -> str | None:
        """The mounted configuration file that this image really reads, if any."""
        found = self.mounted(self.config_path)
        if found is None or not found[0].startswith("./"):
            return None
        name = str(PurePosixPath(found[0][2:]) / found[1])
        return self.files[name].decode() if name in self.files else None

    def upstream_port(self) -> int | None:
        """The loopback port behind the proxy's upstream: None for a name that nobody knows."""
        parts = urlsplit(self.proxy.upstream or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.hostname in ("localhost", "127.0.0.1"):
            return NOWHERE
        if parts.hostname != self.registry:
            return None
        return self.port if port == self.listen_port and not self.stopped else NOWHERE
