"""Real stacks on a Docker engine, each broken in one way, and a user who follows what is printed.

A variant is the base stack with lines exchanged. The variants with Traefik are not here: they need its binary.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab.composed import command, remove
from runbook.redact import Vault
from tests.lab.mending import Outcome, at_the_prompt, placeholder

USER, PASSWORD = "testuser", "correct-horse-7"
IMAGES = ("registry:3", "joxit/docker-registry-ui:2.6.0", "nginx:1.22")
COMPOSE = "docker-compose.yml"
REALM = "      REGISTRY_AUTH_HTPASSWD_REALM: Registry Realm\n"
AUTH = f"      REGISTRY_AUTH: htpasswd\n{REALM}      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n"
UPSTREAM = "      NGINX_PROXY_PASS_URL: http://registry:5000\n"
FOLDER, FILE = "      - ./auth:/auth\n", "      - ./auth/htpasswd:/auth/htpasswd\n"
BASE = f"""services:
  registry:
    image: registry:3
    restart: unless-stopped
    ports:
      - "@R:5000"
    environment:
{AUTH}    volumes:
      - ./data:/var/lib/registry
{FOLDER}
  registry-ui:
    image: joxit/docker-registry-ui:2.6.0
    restart: unless-stopped
    ports:
      - "@U:80"
    environment:
      SINGLE_REGISTRY: "true"
{UPSTREAM}      # do not set REGISTRY_PASSWORD=here
      REGISTRY_TITLE: Images
    depends_on:
      - registry
"""
EDGE = """
  edge:
    image: nginx:1.22
    restart: unless-stopped
    ports:
      - "@E:80"
    volumes:
      - @MOUNT
    depends_on:
      - registry
"""
EDGE_FOLDER, EDGE_FILE = "./edge:/etc/nginx/conf.d:ro", "./edge/edge.conf:/etc/nginx/conf.d/edge.conf:ro"
SERVER = """server {
    listen 80;
    client_max_body_size 0;
    location / {
        proxy_pass http://registry:5000;
        proxy_set_header Host $http_host;
    }
}
"""
LOGIN = '    client_max_body_size 0;\n    auth_basic "Edge";\n    auth_basic_user_file /etc/nginx/conf.d/users;\n'
Edit = tuple[str, str]


@dataclass(frozen=True)
class Variant:
    """What is exchanged in the base stack, and what is asked of it."""

    cause: str
    edits: tuple[Edit, ...] = ()
    htpasswd: Callable[[], bytes] | None = field(default=lambda: entry("-B"))
    edge: str = ""
    mount: str = EDGE_FOLDER
    edge_user: str = ""
    files: dict[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ("registry", "ui")
    writes: bool = False
    mode: int = 0o644
    after: str = ""


def entry(kind: str, user: str = USER, password: str = PASSWORD) -> bytes:
    """A line of an htpasswd file."""
    done = subprocess.run(
        ["htpasswd", "-n", "-i", kind, user], input=password.encode(), capture_output=True, check=True
    )
    return done.stdout.strip() + b"\n"


def _upstream(url: str) -> tuple[Edit, ...]:
    return ((UPSTREAM, f"      NGINX_PROXY_PASS_URL: {url}\n"),)


def _heads(*rows: str) -> tuple[Edit, ...]:
    """A UI in the browser's own hands: the page calls the registry."""
    lines = "".join(f"      REGISTRY_HTTP_HEADERS_Access-Control-Allow-{row}\n" for row in rows)
    return ((UPSTREAM, "      REGISTRY_URL: http://localhost:@R\n"), (AUTH, AUTH + lines))


def _injected(text: str) -> tuple[Edit, ...]:
    value = base64.b64encode(text.encode()).decode()
    return ((UPSTREAM, f'{UPSTREAM}      NGINX_PROXY_HEADER_Authorization: "Basic {value}"\n'),)


STRIP = (UPSTREAM, f'{UPSTREAM}      NGINX_PROXY_HEADER_Authorization: ""\n')
OVERRIDE = 'services:\n  registry-ui:\n    environment:\n      NGINX_PROXY_HEADER_Authorization: ""\n'
NETWORKS = (
    ("    volumes:\n      - ./data", "    networks:\n      - back\n    volumes:\n      - ./data"),
    ("    depends_on:\n      - registry\n", "    networks:\n      - front\n\nnetworks:\n  back:\n  front:\n"),
)
CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
auth:
  htpasswd:
    realm: Registry Realm
    path: /auth/htpasswd
"""
SINGLE = ((FOLDER, FILE),)
SMALL = SERVER.replace("size 0", "size 1m")
ASKS = SERVER.replace("    client_max_body_size 0;\n", LOGIN)
STRIPS = ASKS.replace("$http_host;", '$http_host;\n        proxy_set_header Authorization "";')
ANY, TRUE, METHODS = "Origin: '[\"*\"]'", "Credentials: '[\"true\"]'", "Headers: '[\"Authorization\"]'"


def _bom() -> bytes:
    return b"\xef\xbb\xbf" + entry("-B")


def _merged() -> bytes:
    return entry("-B", "colleague", "another-9").strip() + entry("-B")


VARIANTS = {
    "control": Variant(""),
    "v01": Variant("authorization-stripped", (STRIP,)),
    "h11": Variant("authorization-stripped", files={"docker-compose.override.yml": OVERRIDE}),
    "v02": Variant("upstream-name-not-resolved", _upstream("http://regsitry:5000")),
    "v03": Variant("upstream-is-localhost", _upstream("http://localhost:5000")),
    "v04": Variant("htpasswd-not-bcrypt", htpasswd=lambda: entry("-m")),
    "v04f": Variant("htpasswd-not-bcrypt", SINGLE, htpasswd=lambda: entry("-m")),
    "v05": Variant("htpasswd-username-corrupted", htpasswd=_bom),
    "v05f": Variant("htpasswd-username-corrupted", SINGLE, htpasswd=_bom),
    "v06": Variant("htpasswd-merged-lines", htpasswd=_merged),
    "v06f": Variant("htpasswd-merged-lines", SINGLE, htpasswd=_merged),
    "v07": Variant("htpasswd-missing-autocreated", htpasswd=None),
    "v08": Variant("htpasswd-is-a-directory", SINGLE, htpasswd=None),
    "v09": Variant(
        "",
        (
            (
                '    restart: unless-stopped\n    ports:\n      - "@R',
                '    restart: unless-stopped\n    user: "1000"\n    ports:\n      - "@R',
            ),
        ),
        mode=0o600,
    ),
    "v10": Variant(
        "",
        (
            ("    environment:\n" + AUTH, ""),
            (FOLDER, FOLDER + "      - ./config.yml:/etc/docker/registry/config.yml:ro\n"),
        ),
        files={"config.yml": CONFIG},
        asks=("registry", "ui", "refuses"),
    ),
    "v11": Variant("", (("    environment:\n" + AUTH, ""),), asks=("registry", "ui", "refuses")),
    "v12": Variant(
        "cors-origin-mismatch", _heads("Origin: '[\"http://registry-ui:80\"]'", TRUE, METHODS), asks=("page",)
    ),
    "v13": Variant("cors-credentials-missing", _heads("Origin: '[\"http://localhost:@U\"]'", METHODS), asks=("page",)),
    "v13b": Variant("cors-wildcard-with-credentials", _heads(ANY, TRUE, METHODS), asks=("page",)),
    "v14": Variant(
        "", ((AUTH, AUTH + "      REGISTRY_HTTP_HOST: http://registry.example:5000\n"),), asks=("push",), writes=True
    ),
    "v15": Variant("client-max-body-size", edge=SMALL, asks=("push",)),
    "v15f": Variant("client-max-body-size", edge=SMALL, mount=EDGE_FILE, asks=("push",)),
    "v16": Variant("double-auth-one-header", edge=ASKS, edge_user="gate", asks=("registry", "edge")),
    "v16f": Variant("double-auth-one-header", edge=ASKS, mount=EDGE_FILE, edge_user="gate", asks=("registry", "edge")),
    "v16b": Variant("double-auth-one-header", edge=STRIPS, edge_user=USER, asks=("registry", "edge")),
    "v16bf": Variant("double-auth-one-header", edge=STRIPS, mount=EDGE_FILE, edge_user=USER, asks=("registry", "edge")),
    "v18": Variant("", ((REALM, ""),)),
    "v19": Variant("", (('"@R:5000"', '"@R:80"'),)),
    "v21": Variant("", files={"config.json": "@OLD"}, asks=("registry", "docker")),
    "v22": Variant("", _injected(f"{USER}:{PASSWORD}\n"), asks=("ui", "refuses-ui")),
    "v22b": Variant("", _injected(f"{USER}:{PASSWORD}"), asks=("ui", "refuses-ui")),
    "v23": Variant("proxy-pass-uri-rewrite", _upstream("http://registry:5000/")),
    "v24": Variant(
        "browser-cannot-resolve-container-name",
        ((UPSTREAM, "      REGISTRY_URL: http://registry:5000\n"),),
        asks=("page",),
    ),
    "v25": Variant("", (("PATH: /auth/", "PATH: /etc/registry/"),)),
    "v26": Variant("", ((AUTH, AUTH + '      REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin: "*"\n'),)),
    "v29": Variant("upstream-wrong-port", _upstream("http://registry:@R")),
    "v30": Variant("nginx-stale-dns", after="moved"),
    "v32": Variant("htpasswd-not-bcrypt", (STRIP,), htpasswd=lambda: entry("-m")),
    "v33": Variant("upstream-name-not-resolved", NETWORKS),
}


@dataclass
class Row:
    """How one variant fared."""

    name: str
    seen_broken: bool
    first: str
    mends: bool = True
    why: list[str] = field(default_factory=list)
    told: int = 0
    checks: int = 0
    after: str = ""
    fresh: str = ""

    def __str__(self) -> str:
        mends = "mends" if self.mends else "NO"
        return f"{self.name:8} {self.first:38} {mends:6} {self.told}/{self.checks}  {self.after} | {self.fresh}  {'; '.join(self.why)}"


def _free() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Stack:
    """A project's folder, its containers, and a user at the keyboard."""

    def __init__(self, name: str, folder: Path) -> None:
        self.variant = VARIANTS[name]
        self.project = f"variants-{os.getpid()}-{name}"
        self.folder = folder / "stack"
        self.tools = folder / "bin"
        self.ports = {"@R": _free(), "@U": _free(), "@E": _free()}
        self.env = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "DOCKER_CONFIG": str(self.folder if "docker" in self.variant.asks else folder / "docker"),
            "PATH": f"{self.tools}:{os.environ['PATH']}",
        }
        self._write()

    def _write(self) -> None:
        variant = self.variant
        self.tools.mkdir(parents=True)
        (self.folder / "auth").mkdir(parents=True)
        if (compose := command()) and len(compose) == 1:  # an engine without the plugin
            shim = f'#!/bin/sh\n[ "$1 $2" = "compose exec" ] && shift 2 && exec {compose[0]} exec -T "$@"\n[ "$1" = compose ] && shift && exec {compose[0]} "$@"\nexec {shutil.which("docker")} "$@"\n'
            (self.tools / "docker").write_text(shim)
            (self.tools / "docker").chmod(0o755)
        text = BASE
        for old, new in variant.edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        texts = {COMPOSE: text, **variant.files}
        if variant.edge:
            texts[COMPOSE] += EDGE.replace("@MOUNT", variant.mount)
            if variant.edge_user and variant.mount == EDGE_FILE:
                texts[COMPOSE] = texts[COMPOSE].replace(variant.mount, f"{variant.mount}\n      - ./edge/users:/etc/nginx/conf.d/users:ro")  # fmt: skip
            texts["edge/edge.conf"] = variant.edge
        if variant.edge_user:
            texts["edge/users"] = entry("-m", variant.edge_user).decode()
        for name, body in texts.items():
            if body == "@OLD":
                old = base64.b64encode(f"{USER}:last-year".encode()).decode()
                body = json.dumps({"auths": {"localhost:@R": {"auth": old}}}, indent=2)
            for mark, port in self.ports.items():
                body = body.replace(mark, str(port))
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(body)
        if variant.htpasswd:
            (self.folder / "auth/htpasswd").write_bytes(variant.htpasswd())
            (self.folder / "auth/htpasswd").chmod(variant.mode)

    def sh(self, text: str, typed: str = "", seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A line typed in the folder."""
        return subprocess.run(
            text, shell=True, cwd=self.folder, env=self.env, input=typed, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )  # fmt: skip

    def up(self) -> None:
        """Bring it up, and do what then broke it."""
        done = self.sh("docker compose up -d", seconds=120)
        assert done.returncode == 0, done.stderr
        if self.variant.after == "moved":
            network, other = f"{self.project}_default", f"{self.project}-other"
            self.settle()
            self.sh("docker compose rm -sf registry")
            label = f"--label com.docker.compose.project={self.project}"
            self.sh(f"docker run -d --name {other} {label} --network {network} nginx:1.22")
            self.sh("docker compose up -d --no-deps registry")

    def settle(self) -> None:
        """Until what is asked is answered as it should be, or will not be."""
        end = time.monotonic() + 4
        while time.monotonic() < end and self.trouble():
            time.sleep(0.3)

    def url(self, place: str) -> str:
        """Where the user's programs ask."""
        mark = {"ui": "@U", "page": "@U", "edge": "@E"}.get(place, "@R")
        if place == "ui" and self.variant.edge:
            mark = "@E"
        return f"http://localhost:{self.ports[mark]}"

    def _curl(self, url: str, *options: str, login: str | None = f"{USER}:{PASSWORD}") -> str:
        words = ["curl", "-sS", "-m", "5", *options, url]
        typed = f'user = "{login}"\n' if login else ""
        done = subprocess.run([*words, "-K", "-"], input=typed, capture_output=True, text=True, errors="replace", check=False)  # fmt: skip
        return done.stdout

    def _code(self, url: str, login: str | None = f"{USER}:{PASSWORD}") -> str:
        return self._curl(url + "/v2/", "-o", os.devnull, "-w", "%{http_code}", login=login)

    def trouble(self) -> list[str]:
        """What does not work, of what the variant is about; seen with curl."""
        found = []
        for ask in self.variant.asks:
            if ask in ("registry", "ui", "edge"):
                got, want = self._code(self.url(ask)), "200"
            elif ask in ("refuses", "refuses-ui"):
                got, want = self._code(self.url(ask.removeprefix("refuses-").replace("refuses", "registry")), None), "401"  # fmt: skip
            elif ask == "docker":
                rows = json.loads((self.folder / "config.json").read_text())["auths"]
                row = rows.get(self.url("registry").removeprefix("http://"), {})
                got, want = self._code(self.url("registry"), base64.b64decode(row.get("auth", "")).decode()), "200"
            elif ask == "push":
                got, want = self._push(), "201"
            else:
                got, want = self._page(), "200"
            if got != want:
                found.append(f"{ask}: {got}")
        return found

    def _push(self) -> str:
        base = self.url("ui" if self.variant.edge else "registry")
        started = self._curl(f"{base}/v2/t/blobs/uploads/", "-i", "-X", "POST")
        place = next((r.split(": ", 1)[1] for r in started.splitlines() if r.lower().startswith("location:")), "")
        if not place.startswith("http://localhost"):
            return f"sent to {place!r}"
        blob = self.folder.parent / "blob"
        blob.write_bytes(b"\0" * (2 << 20))
        digest = "5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee"
        url = f"{place}&digest=sha256:{digest}"
        return self._curl(url, "-o", os.devnull, "-w", "%{http_code}", "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", f"@{blob}")  # fmt: skip

    def _page(self) -> str:
        """What the page in a browser meets: the registry behind the UI, or the registry itself with CORS."""
        ui = self.url("page")
        if "docker-distribution-api-version" in self._curl(f"{ui}/v2/", "-i").lower():
            return self._code(ui)
        compose = (self.folder / COMPOSE).read_text()
        if "REGISTRY_URL: http://localhost" not in compose:
            return "the registry's name"
        registry, origin = self.url("registry"), ("-H", f"Origin: {ui}")
        ahead = self._curl(f"{registry}/v2/", "-i", "-X", "OPTIONS", *origin, "-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: authorization", login=None).lower()  # fmt: skip
        answer = self._curl(f"{registry}/v2/", "-i", *origin).lower()
        if not ahead.split(" ", 1)[-1].startswith("2"):
            return "preflight refused"
        allowed = f"access-control-allow-origin: {ui}\r\n".replace("\r", "")
        heads = ("access-control-allow-credentials: true", allowed.strip())
        return self._code(registry) if all(h in answer for h in heads) else "not for this page"

    def judge(self) -> Run:
        """A diagnosis with the folder, both addresses and the password."""
        request = Request(
            paths=(str(self.folder),),
            registry_url=self.url("registry"),
            ui_url=self.url("ui"),
            user=USER,
            password=PASSWORD,
            allow_writes=self.variant.writes,
        )
        return diagnose(collect(request, Vault()))

    def run(self, text: str) -> Outcome:
        """One printed command, as it stands."""
        if placeholder(text):
            return Outcome(None, 1, "a placeholder stands in it")
        text, typed = at_the_prompt(text, USER, lambda _: PASSWORD)
        try:
            done = self.sh(text, typed, seconds=60)
        except subprocess.TimeoutExpired:
            return Outcome(None, 1, "it does not end")
        return Outcome(done.stdout + done.stderr, done.returncode)

    def log(self) -> None:
        """The log as it is now, handed over."""
        self.sh("docker compose logs --no-color > compose.log")


@contextmanager
def standing(name: str, folder: Path) -> Iterator[Stack]:
    """A variant's containers, removed afterwards."""
    stack = Stack(name, folder)
    try:
        stack.up()
        yield stack
    finally:
        remove(stack.project)
