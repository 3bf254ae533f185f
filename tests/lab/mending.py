"""A user who follows the printed fix to the letter, on a stack of the lab.

The patch goes through the real `patch -p1 -F0`, commands run as they stand in the folder that was handed over, what
is typed at a prompt is typed by us, and the containers are made again from the files that are there afterwards.
"""

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from runbook.lab import Lab
from runbook.lab.frontends import FRONTENDS, in_front
from runbook.lab.plan import NOWHERE, Plan, Surroundings
from runbook.model import Command, Fix

COMPOSE = "docker-compose.yml"
_PLACEHOLDER = re.compile(r"\b(?:HOST|USER|NAME|FILE|SERVICE|IMAGE|NUMBER|REGISTRY|VARIABLE)\b(?!=)")


class Engine(BaseHTTPRequestHandler):
    """As much of the engine's API as `docker login` needs: the engine asks the registry, and the client hears how it went."""

    def do_HEAD(self) -> None:
        self._send(200, "")

    def do_GET(self) -> None:
        self._send(200, "OK" if self.path.endswith("/_ping") else "{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pair = f"{asked.get('username', '')}:{asked.get('password', '')}".encode()
        request = urllib.request.Request(f"http://{asked['serveraddress']}/v2/")
        request.add_header("Authorization", "Basic " + base64.b64encode(pair).decode())
        try:
            urllib.request.urlopen(request, timeout=10).close()
            self._send(200, json.dumps({"Status": "Login Succeeded", "IdentityToken": ""}))
        except OSError as error:
            self._send(401, json.dumps({"message": f"login attempt failed: {error}"}))

    def log_message(self, *_: object) -> None:
        """Nothing is written."""

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Api-Version", "1.43")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())


@contextmanager
def engine() -> Iterator[str]:
    """A stand-in for the engine, as DOCKER_HOST."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Outcome:
    """What a command printed; None where it cannot run here."""

    output: str | None
    code: int = 0
    why: str = ""


def placeholder(text: str) -> bool:
    """Whether a word is left to the reader."""
    return bool(_PLACEHOLDER.search(text))


def at_the_prompt(text: str, name: str, password: Callable[[str], str]) -> tuple[str, str]:
    """A command that asks for the password, so that it reads it, and what is typed; any other as it is."""
    words = shlex.split(text)
    if words[0] == "htpasswd" and "-v" not in words:
        return text.replace("htpasswd ", "htpasswd -i ", 1), password(name)
    if words[0] == "htpasswd":
        return text.replace("htpasswd -v", "htpasswd -vi", 1), password(name)
    if words[:2] == ["docker", "login"] and "<" not in words:
        return text + ("" if "-u" in words else f" -u {name}") + " --password-stdin", password(name)
    if words[0] == "curl" and "-u" in words:
        user = words[words.index("-u") + 1]
        return text.replace(f"-u {user}", "-K -", 1), f'user = "{user}:{password(user)}"\n'
    return text, ""


@dataclass
class User:
    """Somebody at the keyboard who knows the password and copies commands."""

    lab: Lab
    folder: Path
    secrets: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def follow(self, fix: Fix) -> None:
        """Apply the patch and run the commands; what went wrong is in `failed`."""
        if fix.patch:
            done = subprocess.run(
                ["patch", "-p1", "-F0"], cwd=self.folder, input=fix.patch.encode(), capture_output=True, check=False
            )
            if done.returncode or b"fuzz" in done.stdout:
                self.failed.append(f"patch refuses: {done.stdout.decode()}")
        for command in fix.commands:
            outcome = self.run(command)
            if outcome.code:
                self.failed.append(f"{command}: {outcome.code} {outcome.output}")
            elif outcome.output is None:
                self.failed.append(f"{command}: {outcome.why}")
        again(self.lab, self.folder)

    def run(self, command: Command | str) -> Outcome:
        """One command, as it stands."""
        text = str(command)
        words = shlex.split(text)
        if placeholder(text):
            return Outcome(None, why="a placeholder stands in it")
        if words[:2] == ["docker", "compose"] or words[:2] == ["docker", "exec"]:
            return self._compose(words, text)
        if words[0] == "sudo":
            return Outcome("")  # a reload: the lab starts all anew anyway
        text, typed = at_the_prompt(text, self.lab.user, self._password)
        env = {**os.environ, "DOCKER_CONFIG": str(self.folder)}
        if words[:2] == ["docker", "login"]:
            with engine() as address:
                return self._typed(text, typed, env | {"DOCKER_HOST": address})
        return self._typed(text, typed, env)

    def _typed(self, text: str, typed: str, env: dict[str, str]) -> Outcome:
        words = shlex.split(text)
        done = subprocess.run(
            text, shell=True, cwd=self.folder, input=typed, capture_output=True, text=True, timeout=30, env=env, check=False
        )  # fmt: skip
        pipes = words[0] in ("curl", "docker") or "|" in words
        return Outcome(done.stdout + done.stderr, 0 if pipes and words[:2] != ["docker", "login"] else done.returncode)

    def _password(self, user: str) -> str:
        plan = self.lab.plan
        gate = "front-" + plan.colleague_password
        known = {plan.colleague: plan.colleague_password, "gate": gate}
        return known.get(user, self.lab.password)

    def _compose(self, words: list[str], text: str) -> Outcome:
        verb = words[2] if words[1] == "compose" else "exec"
        if verb in ("up", "restart", "down", "kill", "start", "stop", "pull", "cp", "ps"):
            return Outcome("")
        if verb == "exec" and {"reload", "graceful"} & set(words):
            return Outcome("")
        if verb == "logs":
            return Outcome("".join(self.lab.logs().values()))
        found = re.search(r"docker compose exec (?:-T )?(\S+) (env|printenv|cat \S+)(.*)", text, re.DOTALL)
        if found and found[1] == self.lab.plan.registry:
            return self._inside(found[2], found[3])
        if "getent" in words:
            services = yaml.safe_load((self.folder / COMPOSE).read_text())["services"]
            runs = self.lab.wait_ready()[1]
            known = runs and words[-1] in services
            return Outcome(f"172.18.0.2 {words[-1]}\n" if known else "", 0 if known else 2)
        if verb == "config":
            return Outcome(self._unset())
        if verb == "port":
            plan = self.lab.plan
            right = str(plan.container_port) == words[-1]
            return Outcome(f"0.0.0.0:{plan.registry_port}\n" if right else f"no port {words[-1]}/tcp\n")
        return Outcome(None, why="no container to look into")

    def _inside(self, inner: str, rest: str) -> Outcome:
        """What a command in the registry's container prints, with what follows it in the pipe."""
        plan = self.lab.plan
        if inner.startswith("cat "):
            path = plan.host_path(inner[4:], self.lab.home)
            text = path.read_text() if path.is_file() else ""
        else:
            text = "".join(f"{n}={v}\n" for n, v in plan.environment.items())
        done = subprocess.run(f"cat {rest}", shell=True, cwd=self.folder, input=text, capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
        return Outcome(done.stdout + done.stderr)

    def _unset(self) -> str:
        """The warnings of `docker compose config` about variables that are not set."""
        text = (self.folder / COMPOSE).read_text()
        names = re.findall(r"(?<!\$)\$([A-Za-z_]\w*)", text.replace("$$", ""))
        known = dict(_dotenv(self.folder))
        return "".join(f'The "{n}" variable is not set.\n' for n in names if n not in known)


# ---- the project's files back into the description ------------------------------------------------------------


def again(lab: Lab, folder: Path) -> None:
    """Make the containers again from the files in that folder."""
    lab.change(lambda plan: take_in(plan, folder))


def take_in(plan: Plan, folder: Path) -> None:
    """What the files of the folder say now, as the description that runs."""
    variables = dict(_dotenv(folder))
    project = yaml.safe_load((folder / COMPOSE).read_text())
    for name in list(plan.files):
        path = folder / name
        if path.is_file():
            plan.files[name] = path.read_bytes()
        else:
            plan.files.pop(name)
    for path in folder.rglob("*htpasswd*"):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in plan.files and name not in plan.handed:
            plan.files[name] = path.read_bytes()
    plan.directories = [d for d in plan.directories if (folder / d).is_dir()]
    plan.locked = [n for n in plan.locked if not (folder / n).stat().st_mode & 0o004]
    if "config.json" in plan.handed:
        plan.handed["config.json"] = (folder / "config.json").read_bytes()
        plan.handed.pop("pull.txt", None)  # the next pull says what it says
    if "ls.txt" in plan.handed and not (plan.locked or plan.directories):
        plan.handed.pop("ls.txt")  # it was listed before
    plan.stopped = False
    _registry(plan, project["services"][plan.registry], variables)
    _front(plan, project["services"][plan.ui], variables)
    if plan.proxy.software == "nginx":
        _nginx(plan, (folder / in_front(plan).file).read_text())
    elif plan.proxy.software != "ui":
        text = (folder / in_front(plan).file).read_text()
        FRONTENDS[plan.proxy.software] = replace(
            in_front(plan), text=lambda p, place: on_loopback(text, p, place) if place.address else text
        )


@contextmanager
def as_patched() -> Iterator[None]:
    """Within it a proxy other than nginx may run the very text that a patch left; afterwards all is as before."""
    kept = dict(FRONTENDS)
    try:
        yield
    finally:
        FRONTENDS.update(kept)


def on_loopback(text: str, plan: Plan, place: Surroundings) -> str:
    """A configuration of a container with the ports and paths that stand for its surroundings here."""
    front = in_front(plan)
    port = place.port
    for inside, here in ((front.pages, place.pages), (front.passwords, place.passwords)):
        text = text.replace(inside, here) if inside else text
    text = re.sub(r"(?m)^:80 \{", f"http://:{port} {{\n\tbind 127.0.0.1", text)
    text = text.replace("bind :80\n", f"bind 127.0.0.1:{port}\n").replace(
        "<VirtualHost *:80>", f"<VirtualHost *:{port}>"
    )

    def reached(match: re.Match[str]) -> str:
        known = match[1] == plan.registry and int(match[2]) == plan.listen_port and not plan.stopped
        return f"127.0.0.1:{plan.port if known else NOWHERE}"

    return re.sub(
        rf"(?<![\w.-])({re.escape(plan.registry)}|localhost|127\.0\.0\.1):(\d+)(?![\w.])(?<!:{port})", reached, text
    )


def _dotenv(folder: Path) -> list[tuple[str, str]]:
    file = folder / ".env"
    rows = file.read_text().splitlines() if file.is_file() else []
    return [(n.strip(), v.strip()) for n, _, v in (row.partition("=") for row in rows if "=" in row)]


def _interpolated(text: str, variables: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return "$" if match[0] == "$$" else variables.get(name or "", "")

    return re.sub(r"\$\$|\$\{(\w+)[^}]*\}|\$([A-Za-z_]\w*)", value, text)


def _environment(service: dict[str, Any], variables: dict[str, str]) -> dict[str, str]:
    given = service.get("environment") or {}
    rows = [str(row).partition("=")[::2] for row in given] if isinstance(given, list) else given.items()
    texts = {n: str(v).lower() if isinstance(v, bool) else "" if v is None else str(v) for n, v in rows}
    return {n: _interpolated(v, variables) for n, v in texts.items()}


def _registry(plan: Plan, service: dict[str, Any], variables: dict[str, str]) -> None:
    plan.environment = _environment(service, variables)
    if plan.written:
        plan.written = {n: (service.get("environment") or {})[n] for n in plan.written}
        plan.inlined = {p: (plan.environment["HTPASSWD"] + "\n").encode() for p in plan.inlined}
    volumes = [str(v).split(":") for v in service.get("volumes") or ()]
    plan.mounts = [(v[0], v[1]) for v in volumes]
    plan.container_port = int(str(service["ports"][0]).rpartition(":")[2])
    plan.container_user = service.get("user")
    plan.image = service["image"]


def _front(plan: Plan, service: dict[str, Any], variables: dict[str, str]) -> None:
    proxy = plan.proxy
    environment = _environment(service, variables)
    if proxy.software != "ui":
        return
    plan.ui_image = service["image"]
    proxy.upstream = environment.pop("NGINX_PROXY_PASS_URL", None)
    heads = [n for n in environment if n.startswith("NGINX_PROXY_HEADER_")]
    proxy.request_headers = {n.removeprefix("NGINX_PROXY_HEADER_").replace("_", "-"): environment.pop(n) for n in heads}
    proxy.environment = environment
    plan.access = "proxy" if proxy.upstream else plan.access


def _nginx(plan: Plan, text: str) -> None:
    """The lines that `nginx_conf` writes, read back."""
    proxy = plan.proxy
    found = re.search(r"^\s*proxy_pass\s+([^;]+);", text, re.MULTILINE)
    proxy.upstream = found[1] if found else None
    heads = dict(re.findall(r'^\s*proxy_set_header\s+(\S+)\s+"?([^";]*)"?;', text, re.MULTILINE))
    proxy.host = heads.pop("Host", None)
    proxy.request_headers = heads
    proxy.hidden = re.findall(r"^\s*proxy_hide_header\s+([^;]+);", text, re.MULTILINE)
    added = re.findall(r'^\s*add_header\s+(\S+)\s+"?([^";]*)"?(\s+always)?;', text, re.MULTILINE)
    proxy.added = [(n, v, bool(a)) for n, v, a in added]
    realm = re.search(r'^\s*auth_basic\s+"?([^";]*)"?;', text, re.MULTILINE)
    proxy.realm = realm[1] if realm and realm[1] != "off" else None
    size = re.search(r"^\s*client_max_body_size\s+(\d+)([kmg]?);", text, re.MULTILINE | re.IGNORECASE)
    units = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    proxy.body_limit = int(size[1]) * units[size[2].lower()] if size else 1 << 20
    proxy.open_ping = bool(re.search(r"location\s*=\s*/v2/", text))
    if text.count("allow ") != 1:  # nobody is refused, or the client is let in as well
        proxy.allowed = ""
    if "$http_user_agent" not in text:
        proxy.turned_away = ""


def copied(lab: Lab, folder: Path) -> Path:
    """The files that were handed over, as the user has them."""
    shutil.copytree(lab.bundle, folder, dirs_exist_ok=True)
    plan = lab.plan
    for name in (*plan.directories, *(s[2:] for s, t in plan.mounts if s.startswith("./") and "." not in t)):
        if not (folder / name).exists():
            (folder / name).mkdir(parents=True)  # the engine made it when it mounted it
    for name in plan.locked:
        (folder / name).chmod(0o600)
    return folder
