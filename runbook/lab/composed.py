"""The lab on a Docker engine: the very compose project that the bundle shows, by the compose CLI.

Published ports are bound to loopback; that is the only difference from the file that is handed over.
Images are taken as they are on the machine; a missing one is pulled by the engine.
"""

import json
import subprocess
import time
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from runbook.lab import bundle
from runbook.lab.errors import LabError
from runbook.lab.frontends import as_written, in_front
from runbook.lab.plan import Plan
from runbook.lab.processes import find
from runbook.leftovers import lives
from runbook.redact import mask_patterns

_PATIENCE = 300.0
"""Seconds that `up` may take: images may have to be pulled."""
_READY = 30.0
_NO_PULL = (
    "pull access denied",
    "manifest unknown",
    "not found",
    "no such host",
    "failed to resolve",
    "error response from daemon: get",
)
_LABEL = "com.docker.compose.project"


@cache
def command() -> tuple[str, ...] | None:
    """How compose is called here: `docker compose` (v2) before `docker-compose` (v1); None where there is none."""
    docker, old = find("docker"), find("docker-compose")
    if docker and _says(docker, "compose", "version") is not None:
        return docker, "compose"
    return (old,) if old else None


def why_not() -> str | None:
    """Why this machine cannot run the compose lab, as a sentence; None when it can."""
    docker = find("docker")
    if docker is None:
        return "there is no docker command"
    if command() is None:
        return "there is neither the compose plugin of docker nor docker-compose"
    if _says(docker, "info", "--format", "{{.ServerVersion}}") is None:
        return "no Docker engine answers (is it started, and may this user talk to it?)"
    return None


def has_images(*names: str) -> bool:
    """Whether the engine has these images already, so that nothing must be pulled."""
    docker = find("docker") or "docker"
    return all(_says(docker, "image", "inspect", "--format", "{{.Id}}", name) is not None for name in names)


def _says(*words: str) -> str | None:
    """What a short command prints; None when it fails or does not answer."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


class Composed:
    """Runs a plan as a compose project."""

    name = "compose"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._plan: Plan | None = None

    def start(self, plan: Plan) -> tuple[bool, bool]:
        """Start both services and wait until each answers or has ended; returns whether registry and UI are up."""
        if reason := why_not():
            raise LabError(f"the compose lab cannot run: {reason}")
        clear()
        self._plan = plan
        self._file.write_text(bundle.compose(plan, bind="127.0.0.1:"))
        if plan.proxy.software != "ui":
            (self.home / "project" / in_front(plan).file).write_text(as_written(plan))
        self._compose("up", "-d", plan.registry, plan.ui, seconds=_PATIENCE)
        registry, ui = self._answers(plan.registry, plan.registry_port), self._answers(plan.ui, plan.ui_port)
        if plan.stopped:
            self._compose("stop", "-t", "1", plan.registry, seconds=30)
        return registry and not plan.stopped, ui

    def stop(self) -> None:
        """Remove containers, network and volumes of the project."""
        if self._plan is not None:
            remove(self._project)
            self._plan = None

    def registry_log(self) -> str:
        """What the registry's container printed."""
        return self._log(self._plan.registry) if self._plan else ""

    def ui_log(self) -> str:
        """What the UI's container printed."""
        return self._log(self._plan.ui) if self._plan else ""

    # the compose command line

    @property
    def _file(self) -> Path:
        """Beside the project's folder, which is emptied before the containers are removed."""
        return self.home / "compose.yml"

    @property
    def _project(self) -> str:
        return self.home.name.lower()

    def _compose(self, *words: str, seconds: float) -> str:
        whole = [*(command() or ()), "-p", self._project, "--project-directory", str(self.home / "project")]
        whole += ["-f", str(self._file), *words]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise LabError(f"`docker compose {words[0]}` was not done within {seconds:.0f} seconds") from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            if any("address already in use" in line or "port is already allocated" in line for line in said):
                raise OSError(said[-1])
            if missing := self._unpullable(said):
                raise LabError(f"the engine has no image {missing}, and it cannot be pulled: {mask_patterns(said[-1])}")
            raise LabError(
                f"`docker compose {words[0]}` failed: {mask_patterns(said[-1]) if said else 'it said nothing'}"
            )
        return done.stdout

    def _unpullable(self, said: list[str]) -> str:
        """The images that compose complains of, where pulling is what failed."""
        text = "\n".join(said).lower()
        if self._plan is None or not any(word in text for word in _NO_PULL):
            return ""
        images = dict.fromkeys(
            (self._plan.image, in_front(self._plan).image if self._plan.proxy.software != "ui" else self._plan.ui_image)
        )
        return " and no ".join(i for i in images if not has_images(i))

    def _containers(self, service: str) -> list[str]:
        return self._compose("ps", "-q", service, seconds=30).split()

    def _log(self, service: str) -> str:
        docker = find("docker") or "docker"
        texts = []
        for container in self._containers(service):
            done = subprocess.run(
                [docker, "logs", container],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=30,
                check=False,
            )
            texts.append(done.stdout.decode("utf-8", "replace"))
        return "".join(texts)

    def _answers(self, service: str, port: int) -> bool:
        """Wait until HTTP is spoken on the published port, or the container ended, or it runs and nobody answers."""
        docker, end = find("docker") or "docker", time.monotonic() + _READY
        deaf = time.monotonic() + 5
        while time.monotonic() < end:
            if _speaks_http(port):
                return True
            for container in self._containers(service):
                state = json.loads(_says(docker, "inspect", "--format", "{{json .}}", container) or "{}")
                if state.get("RestartCount") or state.get("State", {}).get("Status") in ("exited", "dead"):
                    return False
            if time.monotonic() > deaf and self._log(service):
                # The published port leads to one on which nobody listens.
                return False
            time.sleep(0.05)
        raise LabError(f'the service "{service}" did not get ready within {_READY:.0f} seconds')


def _speaks_http(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read(1)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def remove(project: str) -> None:
    """Remove containers, networks and volumes of a project, whatever became of its files."""
    docker, mark = find("docker") or "docker", f"label={_LABEL}={project}"
    for listing, removal in (
        (("ps", "-aq"), ("rm", "-f", "-v")),
        (("network", "ls", "-q"), ("network", "rm")),
        (("volume", "ls", "-q"), ("volume", "rm", "-f")),
    ):
        if found := (_says(docker, *listing, "--filter", mark) or "").split():
            # A container that is just restarting may be gone by itself; what is left is seen by the next lab.
            _says(docker, *removal, *found)


def clear() -> int:
    """Remove the containers of labs whose process was killed and could not do it; returns how many labs there were."""
    docker = find("docker")
    if docker is None:
        return 0
    mark = f'{{{{.Label "{_LABEL}"}}}}'
    rows = _says(docker, "ps", "-a", "--filter", f"label={_LABEL}", "--format", mark) or ""
    count = 0
    for project in {row for row in rows.splitlines() if row.startswith("runbook-lab-")}:
        pid = project.removeprefix("runbook-lab-").partition("-")[0]
        if pid.isdecimal() and not lives(int(pid)):
            remove(project)
            count += 1
    return count
