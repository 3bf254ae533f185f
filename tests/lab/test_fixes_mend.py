"""Every fault of the lab: the printed fix, followed to the letter, mends it, and its checks tell before from after."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import FAULTS, Lab, composed, native
from runbook.lab.faults.missing import not_behind
from runbook.model import Command, Finding
from runbook.redact import Vault
from runbook.verify import as_expected
from tests.lab.mending import User, as_patched, copied
from tests.lab.test_faults import WARNINGS, judge

MENDS = 0.98
SLOW = 2
"""This machine may be busy."""


@dataclass(frozen=True)
class Row:
    """How one fix fared."""

    cause: str
    mends: bool
    why: str
    told: int
    checks: int
    silent: tuple[str, ...]


def of(cause: str, run: Run) -> Finding | None:
    return next((f for f in (*run.diagnosis.causes, *run.diagnosis.warnings) if f.cause == cause), None)


def afterwards(lab: Lab) -> Run:
    """A second diagnosis, with the folder as it is then and the password typed."""
    request = Request(
        paths=(str(lab.bundle),),
        registry_url=lab.registry_url,
        ui_url=lab.ui_url,
        user=lab.user,
        password=lab.password,
    )
    return diagnose(collect(request, Vault()))


def attempt(cause: str, folder: Path, lab: Lab) -> Row:
    broken = judge(lab)
    found = of(cause, broken)
    first = broken.diagnosis.causes[:1]
    if found is None:
        return Row(cause, False, f"not named, but {[f.cause for f in first]}", 0, 0, ())
    if cause not in WARNINGS and [f.cause for f in first] != [cause]:
        return Row(cause, False, f"first is {[f.cause for f in first]}", 0, 0, ())
    user = User(lab, copied(lab, folder))
    checks = [c for c in found.fix.verify if isinstance(c, Command)]
    before = [user.run(c) for c in checks]
    user.follow(found.fix)
    run = afterwards(lab)
    left = [f.cause for f in run.diagnosis.causes]
    named = {f.cause for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}
    mended = not user.failed and cause not in named and (run.diagnosis.verdict == "healthy" or bool(left))
    why = "" if mended else f"{user.failed or ''} {run.diagnosis.verdict} {left[:3]}"
    silent = []
    for check, was in zip(checks, before, strict=True):
        now = user.run(check)
        if was.output is None or now.output is None:
            silent.append(f"{check}: not run: {now.why or was.why}")
        elif (
            not check.expect
            or as_expected(was.output, check.expect, SLOW)
            or not as_expected(now.output, check.expect, SLOW)
        ):
            silent.append(f"{check} # {check.expect}: before {was.output[-160:]!r}, after {now.output[-160:]!r}")
    if mended and left:
        why = f"next: {left[0]}"
    return Row(cause, mended, why, len(checks) - len(silent), len(checks), tuple(silent))


def table(rows: list[Row]) -> str:
    """The rows with their share, as a table of text."""
    good = sum(r.mends for r in rows)
    told, checks = sum(r.told for r in rows), sum(r.checks for r in rows)
    lines = [f"{r.cause:40} {'mends' if r.mends else 'NO'} {r.told}/{r.checks} {r.why}" for r in rows]
    return "\n".join([*lines, f"mend {good} of {len(rows)}; checks that tell {told} of {checks}"])


UNTOLD = {"storage-outside-volume"}
"""Nothing was pushed in the lab, so its catalog is empty before and after."""


def followed(causes: list[str], folder: Path, **lab_of: Any) -> list[Row]:
    """Each cause with its fix followed to the letter; the table is printed."""
    rows = []
    for cause in causes:
        with as_patched(), Lab(cause, **lab_of) as lab:
            rows.append(attempt(cause, folder / cause, lab))
    print(f"\n{table(rows)}")
    return rows


def assert_mended(rows: list[Row]) -> None:
    """Nearly all mend, and the checks of those tell before from after."""
    silent = [line for r in rows for line in r.silent if r.cause not in UNTOLD and r.mends]
    assert sum(r.mends for r in rows) >= MENDS * len(rows), [(r.cause, r.why) for r in rows if not r.mends]
    assert len(silent) <= 0.02 * sum(r.checks for r in rows), silent


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.skipif(not shutil.which("patch") or not shutil.which("htpasswd"), reason="patch and htpasswd are needed")
def test_printed_fixes_mend(seed: int, tmp_path: Path) -> None:
    assert_mended(followed(sorted(FAULTS), tmp_path, backend="embedded", seed=seed))


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy", "apache"])
def test_printed_fixes_mend_real_programs(proxy: str, tmp_path: Path) -> None:
    if not native.usable(None, proxy):
        pytest.skip(f"{proxy} or a registry is not installed")
    causes = [c for c in sorted(FAULTS) if not not_behind(c, proxy)]
    rows = followed(causes, tmp_path, backend="native", seed=11, proxy=proxy)
    assert_mended(rows)


@pytest.mark.skipif(composed.why_not() is not None, reason="no Docker engine answers")
@pytest.mark.skipif("RUNBOOK_ENGINE" not in os.environ, reason="RUNBOOK_ENGINE=1 starts containers for each cause")
def test_printed_fixes_mend_on_the_engine(tmp_path: Path) -> None:
    """Minutes: each cause is a compose project that is made twice."""
    assert_mended(followed(sorted(FAULTS), tmp_path, backend="compose", seed=11))


@pytest.mark.parametrize("cause", ["authorization-stripped", "upstream-is-localhost"])
def test_a_fix_that_is_not_followed_does_not_mend(cause: str, tmp_path: Path) -> None:
    """The measure itself: without the patch the fault is still there, and no check claims otherwise."""
    with Lab(cause, backend="embedded", seed=11) as lab:
        found = of(cause, judge(lab))
        assert found is not None
        user = User(lab, copied(lab, tmp_path / "stack"))
        checks = [c for c in found.fix.verify if isinstance(c, Command)]
        user.follow(replace(found.fix, patch=None))
        assert [f.cause for f in afterwards(lab).diagnosis.causes][:1] == [cause]
        assert checks
        assert not any(as_expected(user.run(c).output or "", c.expect) for c in checks)
