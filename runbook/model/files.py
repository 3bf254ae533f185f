"""What the files of an incident say, parsed and without secrets."""

from dataclasses import dataclass, field
from typing import Any, Literal

from runbook.model.http import Place

# ---- htpasswd ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an htpasswd file as the registry loads it. The hash itself stays in the vault."""

    line: int
    name: str
    """As the registry compares it: byte for byte, so a BOM, a blank or a quote is part of it."""
    scheme: str
    """bcrypt, apr1, sha1, sha256, sha512, md5-crypt, des-crypt, argon2, yescrypt, plain, empty, hidden."""
    prefix: str = ""
    """The harmless beginning that names scheme and version, e.g. "$2y$"."""
    cost: int | None = None
    length: int = 0
    """Characters of the value after the colon."""
    usable: bool = False
    """Whether the registry can ever accept this entry: bcrypt, well formed, cost at least 4."""
    defect: str | None = None
    """Why a value that looks like bcrypt is not one: "59 of 60 characters", "doubled dollar", …"""
    name_hidden: bool = False
    """Whether something stands for the name ("***", "<user>")."""
    hidden: bool = False
    """Whether the value was blacked out before the file was handed over: nothing is known of it but its scheme."""
    merged: tuple[str, ...] = ()
    """Names of further entries that are swallowed by this line for want of a newline."""
    shadowed: bool = False
    """A later line has the same name, and the last one wins."""
    hash: str | None = None
    """The vault's label of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Htpasswd:
    """An htpasswd file and what the registry makes of it."""

    file: str
    entries: tuple[Entry, ...] = ()
    refused: Place | None = None
    """The line that makes the registry refuse the whole file, if any."""
    refusal: str = ""
    """What its log says then, without the content of the line."""
    encoding: Literal["utf-8", "utf-8-bom", "utf-16-le", "utf-16-be", "base64", "other"] = "utf-8"
    """base64: the whole text is that of an htpasswd file, encoded (once more)."""
    line_ends: Literal["lf", "crlf", "mixed", "cr", "none"] = "lf"
    final_newline: bool = True
    size: int = 0
    more: dict[str, int] = field(default_factory=dict)
    """Of a very long file: name and line of the sound bcrypt entries that `entries` does not spell out."""
    omitted: int = 0
    """Entries that are neither in `entries` nor in `more` because there are too many odd ones."""
    left_out: tuple[int, ...] = ()
    """Lines that only say that something was left out before the file was handed over ("...", "[snip]")."""
    content: str | None = None
    """The vault's label of the file's bytes: what logins are compared with, exactly as the registry does."""

    @property
    def incomplete(self) -> bool:
        """Whether users may be in the real file whose names are not here: lines were left out, or names blacked out."""
        return bool(self.left_out) or any(e.name_hidden for e in self.entries)

    def tells_of(self, name: str) -> bool:
        """Whether the file shows what the registry makes of that user: not where the hash, or the user's line, was hidden."""
        entry = self.entry(name)
        return not (entry.hidden if entry else self.incomplete)

    def lacks(self, name: str) -> bool:
        """Whether it is known that the file has no such user: nobody can have got in by that name."""
        whole = bool(self.entries or self.more) and not (self.refused or self.omitted or self.incomplete)
        return whole and self.entry(name) is None

    def entry(self, name: str) -> Entry | None:
        """The entry that decides for that user: the last of its name."""
        if name in self.more:
            return Entry(line=self.more[name], name=name, scheme="bcrypt", length=60, usable=True)
        return next((e for e in reversed(self.entries) if e.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialCheck:
    """What the registry would answer to one login against one htpasswd file, found out by bcrypt."""

    file: str
    source: Place
    """Where the login comes from."""
    user: str
    password: str | None
    """The vault's label."""
    outcome: Literal[
        "accepted", "mismatch", "no-such-user", "unusable-hash", "file-refused", "too-slow", "accepted-by-earlier-line"
    ]
    origin: Literal["given", "transcript", "let-in", "stored", "injected", "compose"] = "given"
    """let-in: typed in a command whose login is said to have succeeded."""
    near: str = ""
    """What would have been accepted: "without the trailing newline", "the user 'Jenkins'", …"""


# ---- compose ----------------------------------------------------------------------------------------

Platform = Literal["compose", "docker", "podman", "swarm", "kubernetes", "host"]
"""Who runs the containers: it decides how a change reaches them and what is typed. `host`: nothing shows a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """One environment variable of a service after interpolation; secret values are masked."""

    name: str
    value: str | None
    """None: declared without a value, so taken from the shell."""
    place: Place
    raw: str = ""
    """The value as written, before interpolation, masked."""
    secret: str | None = None
    """The vault's label when the value as a whole is a secret: equal labels are equal values."""
    injected: str | None = None
    """For an Authorization value: what it is, in the words of `HeaderEdit.injected`; None when it is empty."""
    user: str | None = None
    """For an Authorization value with a login: whose."""
    password: str | None = None
    """For an Authorization value with a login: the vault's label of its password."""
    unreadable: str = ""
    """Of a REGISTRY_ variable: what YAML takes the value for in place of the text that is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume of a service: where inside, and what is behind it."""

    target: str
    source: str | None
    """Host path as written, or the name of a volume; None for an anonymous one."""
    kind: Literal["bind", "volume", "tmpfs", "secret", "config"]
    read_only: bool = False
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port. `published` None: an ephemeral one."""

    container: int
    published: int | None
    host_ip: str = ""
    protocol: str = "tcp"
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSecret:
    """A Secret that a manifest names for pulling images."""

    name: str
    place: Place
    read: bool = True
    """False: it stands where the kubelet does not look (in a container, beside the pod's template)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the merged compose project, or one container of a pod ("deployment/registry")."""

    name: str
    place: Place
    image: str | None = None
    role: Literal["registry", "ui", "proxy", "auth", "other"] = "other"
    environment: tuple[EnvVar, ...] = ()
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    labels: tuple[EnvVar, ...] = ()
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    user: str | None = None
    networks: tuple[str, ...] = ("default",)
    meets_others: bool = False
    """Whether one of its networks is made outside the project: names of other projects may resolve there."""
    network_mode: str | None = None
    container_name: str | None = None
    hostname: str | None = None
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Its addresses in its networks: as Compose fixes them, or as the engine gave them."""
    profiles: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    expose: tuple[int, ...] = ()
    platform: Platform = "compose"
    namespace: str = ""
    """Of Kubernetes; "" where the manifest does not name one."""
    made_by: tuple[str, ...] = ()
    """What makes its manifest from other files: ("kustomize", FOLDER) or ("helm", VALUES, …); Compose files that
    a command has to name: ("compose", FILE, …)."""
    container: str = ""
    """The container's name inside its pod."""
    cluster_ports: tuple[Port, ...] = ()
    """Ports under which a Kubernetes Service reaches it: `published` is the Service's, `container` its targetPort."""
    pull_secrets: tuple[PullSecret, ...] = ()
    of_system: bool = False
    """Podman: whether systemd's own manager runs its unit, as root, and not that of a user."""
    unseen_env: tuple[str, ...] = ()
    """Files that `env_file` names and nobody handed over."""

    @property
    def image_port(self) -> int | None:
        """The port that the usual image of its role exposes by itself."""
        return {"registry": 5000, "ui": 80}.get(self.role)

    def env(self, name: str) -> EnvVar | None:
        """The variable of that name (the last one wins), or None."""
        return next((v for v in reversed(self.environment) if v.name == name), None)

    @property
    def tag(self) -> str | None:
        """The image's tag; "latest" when none is written, None without an image."""
        if self.image is None:
            return None
        last = self.image.rsplit("/", 1)[-1].split("@", 1)[0]
        return last.split(":", 1)[1] if ":" in last else "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolation:
    """A place where Compose replaces part of a value that was meant to stay: a lost `$2y$05$…`."""

    place: Place
    key: str
    unset: tuple[str, ...] = ()
    """How the lost variables look, masked when they could be a piece of a hash."""
    damages_hash: bool = False
    damages_password: bool = False
    """A clear password with an unescaped dollar, of which a variable took the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compose:
    """The compose project: all files merged in order, as `docker compose config` would."""

    files: tuple[str, ...]
    services: tuple[Service, ...] = ()
    volumes: tuple[str, ...] = ()
    interpolations: tuple[Interpolation, ...] = ()
    refused: tuple[tuple[Place, str], ...] = ()
    """Why Compose itself would refuse the project, in a sentence each."""
    name: str | None = None
    platform: Platform = "compose"
    """Of the registry's service, where there is one."""

    def service(self, name: str) -> Service | None:
        """The service that answers to this name on the project's network."""
        for service in self.services:
            if name in (service.name, service.container_name, service.hostname, *service.aliases):
                return service
        return None


# ---- the registry's own configuration -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value of the registry's configuration with where it comes from."""

    value: Any
    place: Place | None = None
    origin: str = ""
    """In words: "config.yml", "REGISTRY_HTTP_ADDR", "image default"."""
    secret: str | None = None
    """The vault's label when the value is a secret and masked: equal labels are equal values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFile:
    """A config.yml of the registry, flattened to dotted lower-case keys ("auth.htpasswd.path").

    Header names keep their case below "http.headers.". Lists stay lists.
    """

    file: str
    settings: dict[str, Setting] = field(default_factory=dict)
    sections: tuple[str, ...] = ()
    """Dotted names of mappings that are present even if empty ("auth.htpasswd")."""
    refused: tuple[tuple[Place, str], ...] = ()
    """Values of the wrong type, for which the registry does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A row of `ls -l[n]`, of `docker inspect` mounts or the like."""

    place: Place
    path: str
    """As listed; joined with the folder that the command names."""
    kind: Literal["file", "directory", "link", "missing"] = "file"
    mode: str = ""
    owner: str = ""
    group: str = ""
    size: int | None = None
