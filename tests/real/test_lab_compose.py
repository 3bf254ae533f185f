"""The lab on a Docker engine: the same answers as everywhere, and every fault clean, broken, mended.

The images are made here, of this machine's own programs; nothing is pulled.
"""

import copy
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import FAULTS, Lab, LabError, composed
from runbook.redact import Vault
from tests.lab.contract import ROWS, Runner, differences
from tests.lab.test_faults import CAUSES, check, judge
from tests.real import images
from tests.real.programs import need_engine

_made: set[str] = set()


def lab(major: int, seed: int, cause: str | None = None) -> Lab:
    """A compose lab whose images, and those of the broken stack, are there."""
    need_engine()
    made = Lab(backend="compose", major=major, seed=seed)
    broken = copy.deepcopy(made.plan)
    if cause:
        FAULTS[cause].inject(broken)
    for name in {made.plan.image, broken.image, made.plan.ui_image, broken.ui_image, "nginx:1.22"} - _made:
        images.make(name)
        _made.add(name)
    return made


@pytest.mark.parametrize("major", [2, 3])
def test_the_engine_answers_as_recorded(major: int) -> None:
    with lab(major, 7) as running:
        found = differences(str(major), Runner(running).run(ROWS))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_fault_is_found_and_its_fix_mends_it(cause: str) -> None:
    with lab(2 + len(cause) % 2, len(cause), cause) as running:
        if cause == "compose-dollar-interpolation" and len(composed.command() or ()) == 1:
            with pytest.raises(LabError, match="Invalid interpolation format") as refused:
                running.inject(cause)
            assert "[redacted]" in str(refused.value), "Compose 1 prints the hash; nobody else may"
            return
        check(cause, running)


@pytest.mark.parametrize(
    "cause",
    [
        "auth-option-missing",
        "htpasswd-path-mismatch",
        "env-name-malformed",
        "upstream-wrong-port",
        "env-overrides-config",
    ],
)
def test_inspect_tells_as_much_as_the_compose_file(cause: str, tmp_path: Path) -> None:
    """Only `docker inspect`, the password file and the log are handed over."""
    with lab(3, len(cause), cause) as running:
        running.inject(cause)
        judge(running)  # somebody logs in
        containers = _containers(running.home.name)
        shown = subprocess.run(
            ["docker", "inspect", *containers], capture_output=True, text=True, timeout=20, check=True
        )
        (tmp_path / "inspect.json").write_text(shown.stdout)
        for file in running.bundle.rglob("*"):
            if file.is_file() and not file.name.startswith(("docker-compose", "compose")):
                copied = tmp_path / file.relative_to(running.bundle)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copied)
        request = Request(paths=(str(tmp_path),), user=running.user, password=running.password)
    found = diagnose(collect(request, Vault())).diagnosis
    assert [f.cause for f in found.causes][:1] == [cause], found.verdict


def test_nothing_is_left_behind() -> None:
    with lab(3, 1) as running:
        project = running.home.name
        assert _containers(project)
    assert not _containers(project)


def _containers(project: str) -> list[str]:
    words = ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={project}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=20, check=True).stdout.split()


def test_without_an_engine_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    if composed.find("docker") is None:
        pytest.skip("there is no docker command")
    with pytest.raises(LabError, match=r"no Docker engine answers|neither the compose plugin"):
        Lab(backend="compose").start()
