"""Start with one URL, follow the printed next step like a machine: the right cause must come within three steps."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import FAULTS, Lab
from runbook.redact import Vault
from tests.lab.test_faults import CLIENT, WARNINGS

STEPS = 3
BRINGS = {
    "log": ("registry.log", "ui.log", "proxy.log"),
    "htpasswd": ("auth", "htpasswd"),
    "compose": ("docker-compose.yml", ".env", "config.yml", "nginx.conf", "default.conf"),
    "proxy": ("nginx.conf", "default.conf", "docker-compose.yml", "ui.log"),
    "clients": ("config.json", "docker", "daemon.json"),
    "daemon": ("daemon.json", "docker-info.txt", "client.txt"),
    "transcript": ("client.txt", "curl.txt", "browser.har"),
}
"""What a person hands over who does what the step says, as far as the lab has it."""


@dataclass
class Person:
    """Follows the printed step and nothing else."""

    lab: Lab
    folder: Path
    url: str
    given: set[str] = field(default_factory=set)
    login: bool = False

    def diagnosed(self) -> Run:
        paths = (str(self.folder),) if any(self.folder.iterdir()) else ()
        direct = self.url == self.lab.registry_url
        return diagnose(
            collect(
                Request(
                    paths=paths,
                    registry_url=self.url if direct else None,
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
        assert step.gives not in self.given, f"the same step twice: {step.command}"
        self.given.add(step.gives)
        if step.gives == "login":
            self.login = True
            return
        for name in BRINGS[step.gives]:
            source = self.lab.bundle / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name, dirs_exist_ok=True)
            elif source.is_file():
                shutil.copy(source, self.folder / name)


@pytest.mark.parametrize("way", ["registry_url", "ui_url"])
@pytest.mark.parametrize("cause", sorted(FAULTS.keys() - WARNINGS - CLIENT))
def test_three_steps_lead_to_the_cause(cause: str, way: str, tmp_path: Path) -> None:
    with Lab(cause, backend="embedded") as lab:
        person = Person(lab, tmp_path, getattr(lab, way))
        trail = []
        for _ in range(STEPS + 1):
            run = person.diagnosed()
            named = [f.cause for f in run.diagnosis.causes]
            trail.append((run.diagnosis.verdict, named[:2], run.diagnosis.next and run.diagnosis.next.gives))
            if named[:1] == [cause] and run.diagnosis.verdict == "fault":
                return
            if run.diagnosis.verdict == "healthy":
                assert not _shows(lab, way), trail
                return
            if run.diagnosis.next is None:
                break
            person.follow(run)
    pytest.fail(f"{trail}")


def _shows(lab: Lab, way: str) -> bool:
    """Whether the fault is on the way that was asked at all: a proxy's fault is not seen on the direct one."""
    return way == "ui_url"
