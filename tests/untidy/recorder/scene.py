"""One case in the making: its theme, its project folder, its stack, its bundle."""

import random
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from platform import release
from typing import Any

import bcrypt
import yaml

from tests.untidy.recorder.clients import Session, execute, from_outside
from tests.untidy.recorder.clock import Clock
from tests.untidy.recorder.engine import STATE, Engine, run, wait

_PREFIXES = ("hub", "registry", "images", "docker", "depot", "cr", "reg", "containers", "pakete", "oci")
_USERS = (
    "anna ben carla dmitri elif frida goran hanna ivo jana kofi lena milan nadia omar petra quentin rosa samir tilda "
    "uwe vera wim xenia yusuf zora aino bruno chloe dora emil fatima gino heike inga joris kira luca mara nils olga "
    "pavel ruben sven tessa ugo vito wanda yara zeno"
).split()
_WORDS = (
    "Kessel Anker Birke Cirrus Distel Eimer Flieder Granit Hafer Imker Joker Kiesel Laube Mangan Nebel Oliven Pendel "
    "Quarz Riemen Sichel Tanne Umbra Violine Wacholder Zinnober Ziegel Marmor Koralle Sextant Turbine"
).split()
_NETWORKS = ("10.20.0.5", "10.44.0.9", "192.168.7.20", "10.8.3.17", "192.168.178.31", "10.110.2.4")
_CHATTER = 'PurgeUploads|Starting upload purge|redis not|blob descriptor cache|response completed|using the "epoll"|getrlimit|start worker|signal |OS: Linux|nginx/1.22.1$'
_KINDS = {
    "registry": "registry3",
    "joxit/docker-registry-ui": "ui",
    "nginx": "nginx",
    "caddy": "caddy",
    "haproxy": "haproxy",
    "httpd": "httpd",
}


@dataclass(frozen=True)
class Case:
    """How a case is called and what is true about it; record(scene) makes it."""

    name: str
    about: str
    expect: dict[str, Any]
    record: Any
    args: tuple[str, ...] = ()


class _Plain(yaml.SafeDumper):
    """YAML without anchors, lists indented."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


CASES: dict[str, Case] = {}


def case(name: str, about: str, args: tuple[str, ...] = (), **expect: Any) -> Any:
    """Register a recorder: verdict= and cause=, also=, warn=, never= as in case.yaml."""

    def register(record: Any) -> Any:
        if name in CASES:
            raise ValueError(f"{name} is defined twice")
        CASES[name] = Case(name, about, expect, record, args)
        return record

    return register


@dataclass
class Scene:
    """What a case is recorded with. Names, users, passwords and style are drawn from the case's name."""

    case: Case
    engine: Engine
    bundle: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = rng = random.Random(f"untidy {self.case.name}")
        self.org = self.case.name.split("-")[1]
        self.domain = f"{self.org}.example"
        self.host = f"{rng.choice(_PREFIXES)}.{self.domain}"
        self.address = rng.choice(_NETWORKS)
        self.user, self.colleague, self.third = rng.sample(_USERS, 3)
        self.password, self.password2, self.password3 = (self.draw_password() for _ in range(3))
        title = self.org.capitalize()
        self.realm = rng.choice(
            (title, f"{title} Registry", "Registry Realm", "Docker", f"~ {title} ~", f"{title} images")
        )
        self.subnet = rng.randint(18, 28)
        self.clock = Clock(timedelta(days=-rng.randint(0, 150), hours=-rng.randint(0, 9), minutes=-rng.randint(0, 59)))
        self.folder = STATE / "projects" / self.org
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.hosts = {self.host: self.address}
        self.engine.name(self.hosts)
        for folder in (*Path("/home").iterdir(), Path("/run/user"), Path("/run/root")):
            shutil.rmtree(folder, ignore_errors=True)
        self.compose_files: tuple[str, ...] = ("docker-compose.yml",)
        self.given_password = self.password
        self.networks: list[str] = []

    # -- what is drawn ---------------------------------------------------------------------------------

    def draw_password(self) -> str:
        """A password as people make them, never twice the same."""
        rng = self.rng
        return f"{rng.choice(_WORDS)}{rng.choice('-+._!')}{rng.choice(_WORDS)}{rng.randint(10, 9999)}"

    def url(self, path: str = "/v2/", port: int | None = 5000, scheme: str = "http", host: str = "") -> str:
        """An address of this machine."""
        return f"{scheme}://{host or self.host}{f':{port}' if port else ''}{path}"

    @property
    def login(self) -> str:
        """user:password as curl takes it."""
        return f"{self.user}:{self.password}"

    def entry(self, user: str = "", password: str = "", cost: int = 5, prefix: str = "$2y$") -> str:
        """One htpasswd line with bcrypt."""
        hashed = bcrypt.hashpw((password or self.password).encode(), bcrypt.gensalt(cost)).decode()
        return f"{user or self.user}:{prefix}{hashed[4:]}"

    def users(self) -> str:
        """An htpasswd file with the user and a colleague."""
        return f"{self.entry()}\n{self.entry(self.colleague, self.password2)}\n"

    def move(self, address: str) -> None:
        """Give the machine another address; docker speaks plain http to 10.0.0.0/8 and 192.168.0.0/16 only."""
        self.address = self.hosts[self.host] = address
        self.engine.name(self.hosts)

    # -- files -----------------------------------------------------------------------------------------

    def file(self, name: str, text: str | bytes, give: bool = True, mode: int = 0o644) -> None:
        """Write a file of the project; give: the bundle has it, too."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(data)
        path.chmod(mode)
        if give:
            self.bundle[name] = data

    def give(self, name: str, text: str) -> None:
        """Put a text into the bundle that the project does not have."""
        self.bundle[name] = text.encode()

    def compose(
        self, services: dict[str, Any], name: str = "docker-compose.yml", give: bool = True, **top: Any
    ) -> None:
        """Write a compose file in this case's style (environment as list or map, with or without version)."""
        data: dict[str, Any] = {"version": "3.8"} if self.rng.random() < 0.25 else {}
        listed = self.rng.random() < 0.4
        for service in services.values():
            environment = service.get("environment")
            if listed and isinstance(environment, dict):
                service["environment"] = [f"{key}={value}" for key, value in environment.items()]
        text = yaml.dump({**data, "services": services, **top}, Dumper=_Plain, sort_keys=False, width=200)
        self.file(name, text, give)

    # -- the stack -------------------------------------------------------------------------------------

    def compose_command(self, *args: str) -> str:
        """Run docker-compose on the project."""
        files = [part for name in self.compose_files for part in ("-f", name)]
        done = subprocess.run(
            ("docker-compose", "-p", self.org, *files, *args),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout + done.stderr

    def up(self, *services: str, expect_running: bool = True) -> str:
        """Start the stack (or some services) and wait until what should listen does."""
        for name in self.compose_files:
            for image in re.findall(r"image: *['\"]?([^'\"\s,}]+)", (self.folder / name).read_text(encoding="utf-8")):
                run("docker", "tag", f"{kind_of(image)}:base", image)
        output = self.compose_command("up", "-d", *services)
        if expect_running:
            self.settle()
        return output

    def settle(self) -> None:
        """Wait until each registry listens, give the others a moment; a container that ended is an error here."""
        for container in self.containers():
            if "registry" in container["image"] and "ui" not in container["image"]:
                wait(lambda c=container: "listening on" in self.raw_logs(c["id"]), 10, container["name"])
        wait(lambda: True, 1, "")
        execute("sleep", "0.5")
        states = run("docker", "ps", "-a", "--format", "{{.Names}} {{.State}}").stdout
        if dead := [line for line in states.splitlines() if not line.endswith(" running")]:
            raise RuntimeError(f"{dead}: {self.raw_logs(dead[0].split()[0])[-600:]}")

    def containers(self) -> list[dict[str, str]]:
        """Id, name, image and service of the project's containers."""
        form = '{{.ID}}|{{.Names}}|{{.Image}}|{{.Label "com.docker.compose.service"}}'
        lines = run(
            "docker", "ps", "-a", "--filter", f"label=com.docker.compose.project={self.org}", "--format", form
        ).stdout.splitlines()
        return [dict(zip(("id", "name", "image", "service"), line.split("|"), strict=True)) for line in lines]

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return next(c["id"] for c in self.containers() if c["service"] == service)

    def raw_logs(self, container: str) -> str:
        """docker logs, both streams."""
        return execute("docker", "logs", container)

    def logs(
        self, service: str, prefix: bool = True, only: str = "", without: str = _CHATTER, last: int = 0, first: int = 0
    ) -> str:
        """What a service logged; prefix as compose v2 prints it; only and without are patterns of lines."""
        lines = self.raw_logs(self.container(service)).splitlines()
        lines = [line for line in lines if re.search(only, line) and not (without and re.search(without, line))]
        lines = lines[-last:][: first or None]
        head = f"{service}-1".ljust(len(max(self.services(), key=len)) + 2) + "  | " if prefix else ""
        return "".join(f"{head}{line}\n" for line in lines)

    def services(self) -> list[str]:
        """The names of the project's services."""
        return [c["service"] for c in self.containers()] or [""]

    def ps(self) -> str:
        """docker ps -a of this machine."""
        return execute(
            "docker", "ps", "-a", "--format", "table {{.ID}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
        )

    def restart(self, service: str) -> None:
        """Restart a service in place."""
        run("docker", "restart", "-t", "1", self.container(service))
        execute("sleep", "0.8")

    def down(self) -> None:
        """Remove what the case started and every image name that it used."""
        ids = execute("docker", "ps", "-aq").split()
        if ids:
            execute("docker", "rm", "-f", "-v", *ids)
        execute("docker", "network", "prune", "-f")
        names = execute("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
        if strangers := [name for name in names if not name.endswith(":base") and "<none>" not in name]:
            execute("docker", "rmi", "-f", *strangers)

    # -- clients ---------------------------------------------------------------------------------------

    def session(self, prompt: str = "$ ") -> Session:
        """A new transcript."""
        return Session(self, prompt)

    def home(self, user: str = "") -> Path:
        """The home folder of somebody on this machine."""
        path = Path("/home", user or self.user) if user != "root" else Path("/run/root")
        (path / ".docker").mkdir(parents=True, exist_ok=True)
        return path

    def image(self, name: str, megabytes: int = 0) -> None:
        """Make a local image of that name."""
        blob = BytesIO()
        with tarfile.open(fileobj=blob, mode="w") as tar:
            data = self.rng.randbytes(megabytes * 1_000_000 or 600)
            info = tarfile.TarInfo("app")
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
        subprocess.run(("docker", "import", "-", name), input=blob.getvalue(), check=True, capture_output=True)

    def outside(self, address: str, *args: str) -> str:
        """A request from another machine; nothing of it is in a transcript."""
        return from_outside(address, *args)

    def pause(self, **length: float) -> None:
        """Let so much time pass (minutes=…, hours=…, days=…)."""
        self.clock.pause(timedelta(**length))

    # -- the end ---------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        """Lay out case.yaml and the bundle."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        data: dict[str, Any] = {"about": self.case.about, "args": list(self.args())}
        if "--password-env" in self.case.args:
            data["env"] = {"CASE_PASSWORD": self.given_password}
        text = yaml.safe_dump({**data, "expect": self.case.expect}, sort_keys=False, width=118, allow_unicode=True)
        (target / "case.yaml").write_text(text, encoding="utf-8")
        for name, content in sorted(self.bundle.items()):
            path = target / "bundle" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.public(content))

    def args(self) -> list[str]:
        """The arguments with the drawn names filled in."""
        return [arg.format(user=self.user, host=self.host) for arg in self.case.args]

    def public(self, content: bytes) -> bytes:
        """A file as the bundle shows it: times moved, networks and folders of the recorder renamed."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        text = self.clock.text(text)
        text = re.sub(r"\b172\.18\.(\d+)\.(?=\d)", self._network, text)
        text = text.replace(str(self.folder), f"/srv/{self.org}").replace(release(), "6.1.0-26-amd64")
        return re.sub(rf"\b{self.org}_([a-z]+(?:-[a-z]+)*)_(\d)\b", rf"{self.org}-\1-\2", text).encode()

    def _network(self, match: re.Match[str]) -> str:
        """The networks of a case are 172.N.0.0, 172.N+1.0.0 … as an engine with default pools numbers them."""
        if match[1] not in self.networks:
            self.networks.append(match[1])
        return f"172.{self.subnet + self.networks.index(match[1])}.0."


def kind_of(image: str) -> str:
    """The recorder's image for an image name of a compose file."""
    name, _, tag = image.partition(":")
    if name == "registry" and tag.startswith("2"):
        return "registry2"
    return _KINDS.get(name, "nginx")
