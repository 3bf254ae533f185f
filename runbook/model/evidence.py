"""Everything known about an incident, frozen and without secrets: what `collect` gives to `diagnose`."""

from dataclasses import dataclass
from typing import Literal

from runbook.model.files import Compose, CredentialCheck, Htpasswd, ListedFile, RegistryFile
from runbook.model.http import Exchange, Place, Voice
from runbook.model.proxy import ProxyRoute
from runbook.model.traces import CiJob, ClientConfig, LogFile, Message, PullerConfig, StoredLogin

FileKind = Literal[
    "compose",
    "dotenv",
    "registry-config",
    "htpasswd",
    "nginx",
    "traefik",
    "caddy",
    "caddy-json",
    "haproxy",
    "apache",
    "docker-config",
    "daemon-config",
    "log",
    "curl",
    "har",
    "listing",
    "inspect",
    "ps",
    "text",
    "evidence",
    "kubernetes",
    "chart-values",
    "puller",
    "quadlet",
    "ci",
    "ci-log",
    "settings-text",
    "unknown",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that was handed over."""

    path: str
    """Relative to the bundle, with forward slashes."""
    kind: FileKind
    size: int = 0
    lines: tuple[str, ...] = ()
    """Of files that a fix may edit: their lines, secrets masked; empty for all others."""
    masked: tuple[int, ...] = ()
    """Numbers (from 1) of the lines in which something was masked: no patch may touch or quote them."""
    final_newline: bool = True
    """Whether the last line ends with one: a patch has to know."""
    voice: Voice = "program"
    """A part of a README or a manual is a document: nothing in it belongs to this stack."""
    shown: str = ""
    """How people find it where `path` does not say: `thread.eml § docker-compose.yml`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that could not be read or reached, in a sentence: evidence, never an exception."""

    place: Place
    message: str
    fatal: bool = False
    """Whether nothing can be judged because of it (exit 2)."""
    kind: Literal[
        "",
        "login-not-sent",
        "not-the-api",
        "no-engine",
        "other-project",
        "nothing-found",
        "left-out",
        "blacked-out",
        "unreadable",
        "complaint",
        "push-complaint",
        "log-complaint",
        "failing",
    ] = ""
    """What a verdict depends on: a text in which nothing is recognised takes nothing from it, unless it has words of a
    failure ("failing"); after somebody's complaint nothing is healthy that was not seen to work since. Who only read a
    status in a log ("log-complaint") is answered by a login that was seen to work at all."""
    users: tuple[str, ...] = ()
    """Of a complaint: the known users whom it names."""

    @property
    def is_complaint(self) -> bool:
        """Whether it is a person's word, not something that was not read."""
        return self.kind in ("complaint", "push-complaint", "log-complaint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the user pointed at. No password is here, only whether one was given."""

    registry_url: str | None = None
    ui_url: str | None = None
    user: str | None = None
    password: str | None = None
    """The vault's label of the password given, if any."""
    origin: str | None = None
    cacert: str | None = None
    insecure_http: bool = False
    """Whether the login was allowed over plain http to another machine."""
    paths: tuple[str, ...] = ()
    lab: str = ""
    """The fault of the lab whose stack this is ("demo": the demo incident); "" for a stack of the user's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was collected. Pure data: can be saved as JSON and judged again tomorrow."""

    target: Target = Target()
    files: tuple[SourceFile, ...] = ()
    problems: tuple[Problem, ...] = ()
    compose: Compose | None = None
    registry_files: tuple[RegistryFile, ...] = ()
    htpasswd: tuple[Htpasswd, ...] = ()
    checks: tuple[CredentialCheck, ...] = ()
    routes: tuple[ProxyRoute, ...] = ()
    """From proxies' own files and Traefik labels; the UI's own route is derived from its environment."""
    clients: tuple[ClientConfig, ...] = ()
    logs: tuple[LogFile, ...] = ()
    messages: tuple[Message, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    """Recorded (curl, HAR) and live ones."""
    listings: tuple[ListedFile, ...] = ()
    pullers: tuple[PullerConfig, ...] = ()
    jobs: tuple[CiJob, ...] = ()
    """Of pipelines: the client's side, never a part of the stack."""

    @property
    def shortened(self) -> frozenset[str]:
        """The files of which lines were left out before they were handed over."""
        return frozenset(p.place.file for p in self.problems if p.kind == "left-out")

    @property
    def shortened_beside_proxies(self) -> frozenset[str]:
        """Those that may configure the registry: none that is a proxy's alone."""
        return self.shortened - {f.path for f in self.files if f.kind in ("nginx", "caddy", "haproxy", "apache")}

    def stored(self, check: CredentialCheck) -> tuple[StoredLogin, ...]:
        """The entries of clients' files that hold the login of that check: the same one may stand there for several
        hosts, and a whole file in one line."""
        kept = (login for client in self.clients for login in client.logins)
        return tuple(s for s in kept if (s.user, s.password) == (check.user, check.password))

    @property
    def live(self) -> tuple[Exchange, ...]:
        """The exchanges that we made ourselves."""
        return tuple(e for e in self.exchanges if e.source.file == "probe")
