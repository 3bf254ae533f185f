"""Real programs for the tests that matter: skipped where missing, failed where they must be there."""

import os
import shutil
from pathlib import Path

import pytest

EXTRA = ("/usr/sbin", "/sbin", "/usr/local/sbin", str(Path.home() / "go" / "bin"))
NAMES = {"registry2": ("docker-registry",), "registry3": ("registry",)}


def need(program: str) -> str:
    """Path of a real program ("nginx", "registry2", "registry3", …); skips the test without it.

    With RUNBOOK_REQUIRE_REAL=1 a missing program fails the test instead, save those that
    RUNBOOK_CANNOT names because this machine has no way to build them.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), *EXTRA])
    for name in NAMES.get(program, (program,)):
        if found := shutil.which(name, path=path):
            return found
    if os.environ.get("RUNBOOK_REQUIRE_REAL") == "1" and program not in os.environ.get("RUNBOOK_CANNOT", "").split():
        pytest.fail(f"{program} is not installed, and RUNBOOK_REQUIRE_REAL=1 demands it")
    pytest.skip(f"{program} is not installed")


def need_engine() -> None:
    """A Docker engine that answers, with the compose command line."""
    from runbook.lab import composed

    if not (reason := composed.why_not()):
        return
    if os.environ.get("RUNBOOK_REQUIRE_REAL") == "1" and "engine" not in os.environ.get("RUNBOOK_CANNOT", "").split():
        pytest.fail(f"RUNBOOK_REQUIRE_REAL=1 demands a Docker engine, but {reason}")
    pytest.skip(reason)
