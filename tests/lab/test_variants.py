"""Real stacks, broken on a Docker engine: what is printed, followed to the letter, mends them."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.lab import composed
from runbook.model import Command
from runbook.verify import as_expected
from tests.lab.variants import IMAGES, VARIANTS, Row, standing

SAMPLE = ("v33", "v11")
SLOW = 2
pytestmark = pytest.mark.skipif(
    composed.why_not() is not None or not composed.has_images(*IMAGES),
    reason="no Docker engine with the images answers",
)


def attempt(name: str, folder: Path) -> Row:
    """Break it, see it, follow what is printed, and look again with the old log still there."""
    with standing(name, folder) as stack:
        stack.settle()
        trouble = stack.trouble()
        stack.log()
        broken = stack.judge().diagnosis
        found = next(iter((*broken.causes, *broken.warnings)), None)
        row = Row(name, bool(trouble), found.cause if found else str(broken.verdict))
        if found is None:
            row.mends = not trouble
            return row
        checks = [c for c in found.fix.verify if isinstance(c, Command)]
        before = [stack.run(str(c)) for c in checks]
        if found.fix.patch:
            done = subprocess.run(
                ["patch", "-p1", "-F0"], cwd=stack.folder, input=found.fix.patch.encode(), capture_output=True, check=False
            )  # fmt: skip
            if done.returncode or b"fuzz" in done.stdout:
                row.why.append(f"patch refuses: {done.stdout.decode()}")
        for command in found.fix.commands:
            outcome = stack.run(str(command))
            if outcome.output is None or outcome.code:
                row.why.append(f"{command}: {outcome.code} {outcome.output or outcome.why}")
        stack.settle()
        left = stack.trouble()
        now = stack.judge().diagnosis
        row.after = " ".join([str(now.verdict), *(f.cause for f in now.causes[:2])])
        row.checks = len(checks)
        for check, was in zip(checks, before, strict=True):
            late = stack.run(str(check))
            if "executable file not found" in (late.output or ""):
                row.checks -= 1  # images made here of local binaries lack the tools of the published ones
                continue
            tells = (
                check.expect
                and late.output is not None
                and as_expected(late.output, check.expect, SLOW)
                and not as_expected(was.output or "", check.expect, SLOW)
            )
            row.told += bool(tells)
            if not tells:
                row.why.append(f"{check} # {check.expect}: {was.output!r:.150} then {late.output!r:.150} {late.why}")
        stack.log()
        fresh = stack.judge().diagnosis
        row.fresh = " ".join([str(fresh.verdict), *(f.cause for f in fresh.causes[:2])])
        next_named = now.causes and now.causes[0].cause != found.cause
        row.mends = not row.why and (not left or bool(next_named))
        if left:
            row.why.append(f"still {left}")
        return row


def assert_mended(row: Row) -> None:
    print(row)
    assert row.seen_broken, row
    assert not VARIANTS[row.name].cause or row.first == VARIANTS[row.name].cause, row
    assert row.mends, row
    assert row.told == row.checks, row
    verdict, *causes = row.after.split()
    assert verdict == "healthy" or (causes and causes[0] != row.first), row


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_real_stacks_is_mended(name: str, tmp_path: Path) -> None:
    assert_mended(attempt(name, tmp_path))


@pytest.mark.skipif("RUNBOOK_ENGINE" not in os.environ, reason="RUNBOOK_ENGINE=1 starts containers for each variant")
@pytest.mark.parametrize("name", [n for n in VARIANTS if n not in (*SAMPLE, "control")])
def test_real_stacks_are_mended(name: str, tmp_path: Path) -> None:
    assert_mended(attempt(name, tmp_path))


def test_nothing_is_found_in_the_stack_that_is_whole(tmp_path: Path) -> None:
    row = attempt("control", tmp_path)
    assert not row.seen_broken, row
    assert row.first == "healthy", row
