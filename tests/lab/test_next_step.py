"""Start with one URL, follow the printed next step like a machine: the right cause must come within three steps."""

import base64
import os
import pty
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.judge.next_step import _kept
from runbook.lab import FAULTS, Lab
from runbook.model.command import sh, url, user
from runbook.parse.messages import parse_text
from runbook.redact import Vault
from tests.lab.test_faults import CLIENT, WARNINGS

STEPS = 3
BRINGS = {
    "engine": (
        "registry.log",
        "ui.log",
        "proxy.log",
        "auth",
        "htpasswd",
        "docker-compose.yml",
        ".env",
        "config.yml",
        "nginx.conf",
        "default.conf",
    ),
    "log": ("registry.log", "ui.log", "proxy.log"),
    "htpasswd": ("auth", "htpasswd"),
    "compose": ("docker-compose.yml", ".env", "config.yml", "nginx.conf", "default.conf"),
    "proxy": ("nginx.conf", "default.conf", "docker-compose.yml", "ui.log"),
    "clients": ("config.json", "docker", "daemon.json"),
    "daemon": ("daemon.json", "docker-info.txt", "client.txt"),
    "transcript": ("client.txt", "curl.txt", "browser.har"),
}
"""What a person hands over who does what the step says, as far as the lab has it. What the engine gives is held to a real one in
tests/real/test_collect_engine.py."""


PS = """\
$ docker ps -a
CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES
0ff6abcedf59   {1}   "registry serve /etc…"   2 minutes ago   Exited (2) 5 seconds ago      stack-{0}-1
"""


@dataclass
class Person:
    """Follows the printed step and nothing else."""

    lab: Lab
    folder: Path
    url: str
    given: set[str] = field(default_factory=set)
    login: bool = False
    both: bool = False

    def diagnosed(self) -> Run:
        paths = (str(self.folder),) if any(self.folder.iterdir()) else ()
        direct = self.url == self.lab.registry_url
        return diagnose(
            collect(
                Request(
                    paths=paths,
                    registry_url=self.lab.registry_url if direct or self.both else None,
                    ui_url=None if direct else self.url,
                    user=self.lab.user if self.login else None,
                    password=self.lab.password if self.login else None,
                ),
                Vault(),
            )
        )

    def follow(self, run: Run) -> None:
        step = run.diagnosis.next
        assert step is not None, "inconclusive without a next step"
        self.given.add(step.gives)
        if step.gives == "address":
            return
        if step.gives == "registry":
            self.both = True
            return
        if step.gives == "engine" and self.lab.plan.stopped:  # what it says of the container
            (self.folder / "ps.txt").write_text(PS.format(self.lab.plan.registry, self.lab.plan.image))
        if step.gives == "login":
            self.login = True
            return
        for name in BRINGS[step.gives]:
            source = self.lab.bundle / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copy(source, self.folder / name)


LED = 0.9
"""Share of faults and ways that must be led to their cause; the aim is all. A fault that no login meets (a size limit,
deletes) ends "healthy, by traffic" and counts as lost."""


def test_three_steps_lead_to_the_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = {}
    tried = [(cause, way) for cause in sorted(FAULTS.keys() - WARNINGS - CLIENT) for way in ("registry_url", "ui_url")]
    for number, (cause, way) in enumerate(tried):
        folder = tmp_path / str(number)
        folder.mkdir()
        if trail := _astray(cause, way, folder):
            lost[f"{cause} from {way}"] = trail
    with capsys.disabled():
        print(f"\nnext step: {len(tried) - len(lost)} of {len(tried)} led to their cause")
        for name, trail in lost.items():
            print(f"  {name}: {trail}")
    assert len(tried) - len(lost) >= LED * len(tried)


Trail = list[tuple[str, list[str], str | None]]


def _astray(cause: str, way: str, folder: Path) -> Trail:
    """Where the printed steps led instead; empty when they led to the cause."""
    trail: Trail = []
    with Lab(cause, backend="embedded") as lab:
        person = Person(lab, folder, getattr(lab, way))
        for _ in range(STEPS + 1):
            run = person.diagnosed()
            named = [f.cause for f in run.diagnosis.causes]
            trail.append((run.diagnosis.verdict, named[:2], run.diagnosis.next and run.diagnosis.next.gives))
            if named[:1] == [cause] and run.diagnosis.verdict == "fault":
                return []
            if run.diagnosis.verdict == "healthy":
                return [] if not _shows(lab, way) else trail
            if run.diagnosis.next is None or run.diagnosis.next.gives in person.given:
                break
            person.follow(run)
    return trail


def _shows(lab: Lab, way: str) -> bool:
    """Whether the fault is on the way that was asked at all: a proxy's fault is not seen on the direct one."""
    return way == "ui_url"


def test_what_a_step_keeps_shows_the_responses_and_not_the_login(tmp_path: Path) -> None:
    """The printed line in a real terminal: it asks there for the password, and the file has everything but the login."""
    with Lab(backend="embedded") as lab:
        asked = sh("curl", "-sS", "-i", "-u", user(lab.user), url(lab.registry_url, "/v2/"))
        line = str(_kept("curl.txt", asked))
        terminal, keyboard = pty.fork()
        if terminal == 0:
            os.chdir(tmp_path)
            os.execvp("sh", ["sh", "-c", line])
        shown = b""
        while b"password" not in shown:
            shown += os.read(keyboard, 4096)
        os.write(keyboard, f"{lab.password}\n".encode())
        os.waitpid(terminal, 0)
    kept = (tmp_path / "curl.txt").read_text()
    login = base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode()
    assert lab.password not in kept
    assert login not in kept
    assert "uthorization:" not in kept
    (exchange,) = parse_text(kept, "curl.txt", Vault())[1]
    assert (exchange.status, exchange.url) == (200, f"{lab.registry_url}/v2/")
    assert exchange.credential is not None
    assert exchange.credential.user == lab.user
