"""Every fault of the lab: the printed fix, followed to the letter, mends it, and its checks tell before from after."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.judge import Run
from runbook.lab import FAULTS, Lab
from runbook.model import Command, Finding
from tests.lab.mending import User, copied
from tests.lab.test_faults import WARNINGS, judge

MENDS = 0.98
SLOW = 3
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


ROWS: list[Row] = []


def of(cause: str, run: Run) -> Finding:
    return next(f for f in (*run.diagnosis.causes, *run.diagnosis.warnings) if f.cause == cause)


def as_expected(output: str, expect: str) -> bool:
    """Whether an output is what `expect` says: one of its numbers, or its first words."""
    if expect.startswith(("nothing", "no warning")):
        return not output.strip()
    if limit := re.search(r"less than ([\d.]+) seconds", expect):
        return float(output.split()[-1]) < float(limit[1]) * SLOW
    meant = re.split(r"[,;…(]", expect)[0].strip()
    lines = [line.strip().lower() for line in output.splitlines()]
    if re.fullmatch(r"\d+( or \d+)*", meant):
        return any(line.split()[:1] == [n] for n in meant.split(" or ") for line in lines)
    return all(any(line.startswith(part.lower()) for line in lines) for part in meant.split(" and "))


def attempt(cause: str, folder: Path, lab: Lab) -> Row:
    broken = judge(lab)
    found = of(cause, broken)
    first = broken.diagnosis.causes[:1]
    if cause not in WARNINGS and [f.cause for f in first] != [cause]:
        return Row(cause, False, f"first is {[f.cause for f in first]}", 0, 0, ())
    user = User(lab, copied(lab, folder))
    checks = [c for c in found.fix.verify if isinstance(c, Command)]
    before = [user.run(c) for c in checks]
    user.follow(found.fix)
    run = judge(lab)
    left = [f.cause for f in run.diagnosis.causes]
    named = {f.cause for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}
    mended = not user.failed and cause not in named and (run.diagnosis.verdict == "healthy" or bool(left))
    why = "" if mended else f"{user.failed or ''} {run.diagnosis.verdict} {left[:3]}"
    silent = []
    for check, was in zip(checks, before, strict=True):
        now = user.run(check)
        if was.output is None or now.output is None:
            silent.append(f"{check}: not run: {now.why or was.why}")
        elif not check.expect or as_expected(was.output, check.expect) or not as_expected(now.output, check.expect):
            silent.append(f"{check} # {check.expect}: before {was.output[-160:]!r}, after {now.output[-160:]!r}")
    if mended and left:
        why = f"next: {left[0]}"
    return Row(cause, mended, why, len(checks) - len(silent), len(checks), tuple(silent))


@pytest.mark.parametrize("seed", [11])
@pytest.mark.parametrize("cause", sorted(FAULTS))
def test_the_printed_fix_mends(cause: str, seed: int, tmp_path: Path) -> None:
    with Lab(cause, backend="embedded", seed=seed) as lab:
        row = attempt(cause, tmp_path / "stack", lab)
    ROWS.append(row)
    assert row.mends, row.why


def table(rows: list[Row]) -> str:
    """The rows with their share, as a table of text."""
    good = sum(r.mends for r in rows)
    told, checks = sum(r.told for r in rows), sum(r.checks for r in rows)
    lines = [f"{r.cause:40} {'mends' if r.mends else 'NO'} {r.told}/{r.checks} {r.why}" for r in rows]
    return "\n".join([*lines, f"mend {good} of {len(rows)}; checks that tell {told} of {checks}"])
