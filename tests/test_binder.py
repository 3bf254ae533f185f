"""Binder's files agree with the package: what they install is what pyproject.toml asks for."""

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(name: str) -> list[str]:
    return [line for line in (BINDER / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def pinned() -> dict[str, str]:
    rows = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {row.split("==")[0].lower().replace("_", "-"): row.split("==")[1].split()[0] for row in rows if "==" in row}


def test_binder_installs_this_package_with_the_pinned_versions() -> None:
    wanted = lines("requirements.txt")
    assert "-e ." in wanted
    assert "-c ../constraints.txt" in wanted


def test_binders_python_is_one_that_the_package_takes() -> None:
    version = tuple(map(int, re.fullmatch(r"python-(\d+)\.(\d+)", lines("runtime.txt")[0]).groups()))  # type: ignore[union-attr]
    low = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])
    assert low
    assert (3, int(low[1])) <= version


def test_the_real_programs_of_the_native_lab_are_installed() -> None:
    assert {"docker-registry", "nginx-light", "apache2-utils"} <= set(lines("apt.txt"))


def test_post_build_can_run() -> None:
    assert os.access(BINDER / "postBuild", os.X_OK)
    assert lines("postBuild")[0].startswith("#!")
    assert not (ROOT / ".binder").exists()
    assert not (BINDER / "environment.yml").exists(), "repo2docker would then ignore requirements.txt"


def test_every_dependency_is_pinned_without_an_address() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "@" not in text
    names = {re.split(r"[<>=!~\[ ]", row)[0].lower() for row in PROJECT["dependencies"]}
    names |= {re.split(r"[<>=!~\[ ]", row)[0].lower() for row in PROJECT["optional-dependencies"]["dev"]}
    missing = {n.replace("_", "-") for n in names} - set(pinned())
    assert not missing


def test_the_grammar_that_slows_papermill_is_kept_out() -> None:
    major, minor = map(int, pinned()["jsonschema"].split(".")[:2])
    assert (major, minor) < (4, 25)
