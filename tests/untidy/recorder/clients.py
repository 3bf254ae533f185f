"""What people type: a transcript with the real answers of curl, docker, skopeo and Chromium."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.untidy.recorder.engine import OUTSIDE, outside_address

if TYPE_CHECKING:
    from tests.untidy.recorder.scene import Scene

_RETRIES = re.compile(r"^\w+: Retrying in (?:[1-46-9]|\d[1-46-9]) seconds?\n", re.M)
_KEPT = {"host", "origin", "referer", "authorization", "accept", "user-agent", "content-type", "server", "location"}


class Session:
    """A transcript that grows by commands and lands in the bundle under its name."""

    def __init__(self, scene: "Scene", prompt: str = "$ ") -> None:
        self.scene, self.prompt, self.parts = scene, prompt, list[str]()

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def add(self, text: str) -> None:
        """Write something between the commands."""
        self.parts.append(text if text.endswith("\n") else text + "\n")

    def show(self, command: str, output: str) -> str:
        """Write a command with its output."""
        self.add(f"{self.prompt}{command}")
        if output:
            self.add(output)
        return output

    def curl(self, *args: str, shown: str | None = None, quiet: bool = False) -> str:
        """Run curl on this machine; quiet: the request happens and the transcript does not tell."""
        output = execute("curl", "-s", *args)
        return output if quiet else self.show(shown or "curl " + shlex.join(args), output)

    def docker(self, *args: str, stdin: str = "", shown: str = "", home: str = "", engine: bool = True) -> str:
        """Run the docker CLI of the user whose home it is; without an engine it logs in by itself."""
        environment = {**os.environ, "HOME": str(self.scene.home(home)), "DOCKER_HOST": "unix:///run/docker.sock"}
        if not engine:
            environment["DOCKER_HOST"] = "unix:///run/none.sock"
        output = _RETRIES.sub("", execute("docker", *args, stdin=stdin, environment=environment))
        return self.show(shown or "docker " + shlex.join(args), output)

    def login(self, host: str, user: str = "", password: str = "", home: str = "", engine: bool = True) -> str:
        """docker login with the password from a file, as the notes of these people say."""
        user, password = user or self.scene.user, password or self.scene.password
        args = ("login", host, "-u", user, "--password-stdin")
        return self.docker(
            *args, stdin=password, shown="docker " + shlex.join(args) + " < pw", home=home, engine=engine
        )

    def push(self, image: str, home: str = "", big: int = 0) -> str:
        """Push a small image (or one with so many megabytes) under this name."""
        self.scene.image(image, big)
        return self.docker("push", image, home=home)

    def pull(self, image: str, home: str = "") -> str:
        """Pull an image; a copy on this machine goes first."""
        execute("docker", "rmi", image)
        return self.docker("pull", image, home=home)

    def skopeo(self, *args: str, home: str = "") -> str:
        """Run skopeo of a user."""
        runtime = Path("/run/user", home or self.scene.user)
        runtime.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "HOME": str(self.scene.home(home)), "XDG_RUNTIME_DIR": str(runtime)}
        return self.show("skopeo " + shlex.join(args), execute("skopeo", *args, environment=environment))


def execute(*command: str, stdin: str = "", environment: dict[str, str] | None = None, seconds: float = 200) -> str:
    """Run a command; return standard output and standard error as a terminal mixes them."""
    done = subprocess.run(
        command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        timeout=seconds, errors="replace",
    )  # fmt: skip
    return done.stdout


def from_outside(address: str, *args: str) -> str:
    """curl from another machine with this address."""
    outside_address(address)
    return execute("ip", "netns", "exec", OUTSIDE, "curl", "-s", "-m", "10", "--interface", address, *args)


def browse(scene: "Scene", url: str, login: tuple[str, str] | None, seconds: float = 1.5) -> tuple[str, dict[str, Any]]:
    """Open a page in Chromium; return what the console says and a small HAR."""
    from playwright.sync_api import sync_playwright

    record = scene.folder / "page.har"
    lines: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(
            http_credentials={"username": login[0], "password": login[1]} if login else None,
            record_har_path=record, record_har_content="omit", ignore_https_errors=True,
        )  # fmt: skip
        page = context.new_page()
        page.on("console", lambda m: lines.append(f"{_place(m.location)} {m.text}"))
        page.goto(url)
        page.wait_for_timeout(seconds * 1000)
        context.close()
        browser.close()
    return "\n".join(lines) + "\n", small_har(json.loads(record.read_text(encoding="utf-8")))


def _place(location: Any) -> str:
    name = location["url"].split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return f"{name if ':' not in name else '(index)'}:{location['lineNumber'] + 1}"


def small_har(har: dict[str, Any]) -> dict[str, Any]:
    """Keep of each entry what matters: address, method, status and the telling headers."""
    log = har["log"]
    entries = [
        {
            "startedDateTime": entry["startedDateTime"],
            "time": round(entry["time"], 1),
            "request": _side(entry["request"], ("method", "url", "httpVersion")),
            "response": _side(entry["response"], ("status", "statusText", "httpVersion", "_failureText")),
        }
        for entry in log["entries"]
    ]
    return {"log": {"version": log["version"], "creator": log["creator"], "entries": entries}}


def _side(side: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    headers = [h for h in side["headers"] if _telling(h["name"].lower())]
    return {**{key: side[key] for key in keys if key in side}, "headers": headers}


def _telling(name: str) -> bool:
    return name in _KEPT or name.startswith(("www-", "docker-", "access-control"))


def har_text(har: dict[str, Any]) -> str:
    """A HAR as a browser saves it, with little white space."""
    return json.dumps(har, indent=1) + "\n"


def stored_login(home: Path) -> str:
    """config.json of a home, as docker wrote it."""
    return (home / ".docker" / "config.json").read_text(encoding="utf-8")
