"""The joined picture of a stack: what each process will really use, derived from the files."""

from dataclasses import dataclass, field
from typing import Literal

from runbook.model.files import EnvVar, Htpasswd, Mount, Port, Service, Setting
from runbook.model.http import Place
from runbook.model.proxy import ProxyRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class StartError:
    """Why a process will not start, and the catalogue's cause for it."""

    cause: str
    message: str
    place: Place | None = None
    setting: str = ""
    """The variable or the option that is at fault, where it is a single one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One registry process: image, environment and config.yml joined as it joins them itself."""

    name: str
    """The compose service, or "registry"."""
    service: Service | None = None
    major: Literal[2, 3] | None = None
    """From the image's tag (latest is 3) or from the log; None when nothing says."""
    config_path: str = ""
    """The path that this image reads."""
    config_file: str | None = None
    """The bundle's file that is mounted there, or the only config.yml when there is no compose file."""
    ignored_config: tuple[Mount, str] | None = None
    """A config.yml mounted where this version does not read it, and the bundle's file behind it."""
    settings: dict[str, Setting] = field(default_factory=dict)
    """Dotted lower-case key → value in force with its origin; image defaults included."""
    overridden: tuple[tuple[str, Setting, Setting], ...] = ()
    """Key, the file's value, the variable's value that wins over it; only where they differ."""
    auth: Literal["none", "htpasswd", "token", "silly", "unknown"] = "unknown"
    start_errors: tuple[StartError, ...] = ()
    unread: tuple[tuple[EnvVar, str], ...] = ()
    """Variables that this image does not read, with the nearest right name or the service they belong to ("")."""
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    listens: int | None = None
    htpasswd_path: str | None = None
    """Inside the container."""
    htpasswd_host: str | None = None
    """The host path behind it as written in compose; None when no mount covers it."""
    htpasswd: Htpasswd | None = None
    """The bundle's file that the registry will read."""
    known: bool = False
    """Whether configuration or compose was seen at all; False: only logs or the wire tell of this registry."""

    def value(self, key: str) -> object:
        """The value in force, or None."""
        setting = self.settings.get(key)
        return setting.value if setting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """One joxit docker-registry-ui."""

    name: str
    service: Service
    major: Literal[1, 2] | None = None
    mode: Literal["proxy", "browser", "nothing"] = "nothing"
    """proxy: its nginx forwards /v2; browser: the page calls REGISTRY_URL itself."""
    proxy_pass: EnvVar | None = None
    registry_url: EnvVar | None = None
    deletes: bool = False
    """DELETE_IMAGES is on."""
    route: ProxyRoute | None = None
    """What its nginx does with /v2 in proxy mode."""
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Who talks to whom."""

    registries: tuple[Registry, ...] = ()
    uis: tuple[Ui, ...] = ()
    routes: tuple[ProxyRoute, ...] = ()
    """Every hop's routes: files, labels and the UI's own."""
    page_origins: tuple[str, ...] = ()
    """Origins that the UI's page has been seen or is published under, seen ones first."""
    others_files: frozenset[str] = frozenset()
    """Password files that another program reads, as far as is known: nothing in them is the registry's."""
    asked: str = ""
    """The name of the registry in question, where it was chosen among several: then only its own routes are here."""

    @property
    def registry(self) -> Registry | None:
        """The registry in question: the first."""
        return self.registries[0] if self.registries else None

    @property
    def ui(self) -> Ui | None:
        """The UI in question: the first."""
        return self.uis[0] if self.uis else None
