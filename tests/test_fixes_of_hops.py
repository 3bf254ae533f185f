"""The diffs for faults of hops apply with patch -p1, and then the fault is gone and nothing new appears."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from tests.case_files import Case, all_cases, judge
from tests.real.programs import need

PROXY_FILES = (".conf", ".cfg", ".yml", "Caddyfile", "htpasswd")
CAUSES = (
    "add-header-without-always", "authorization-stripped", "client-max-body-size", "double-auth-one-header",
    "location-header-port-lost", "location-header-wrong-host", "no-v2-route", "ping-not-challenged", "proxy-pass-uri-rewrite",
    "scheme-mismatch-upstream", "ui-v1-env-semantics-changed", "upstream-is-localhost", "upstream-name-not-resolved",
    "upstream-wrong-port", "www-authenticate-missing", "x-forwarded-proto-missing",
)  # fmt: skip
CASES = [
    c for c in all_cases() if c.cause in CAUSES and not c.is_near_miss and any(n.endswith(PROXY_FILES) for n in c.files)
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_the_diff_mends_it(case: Case, tmp_path: Path) -> None:
    program = need("patch")
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    run = judge(case, tmp_path / "before")
    found = next(f for f in (*run.diagnosis.causes, *run.diagnosis.warnings) if f.cause == case.cause)
    if not found.edits:
        assert found.fix.commands or found.fix.summary
        pytest.skip("no diff: the fix is a command")
    assert found.fix.patch
    done = subprocess.run(
        [program, "-p1"], input=found.fix.patch.encode(), cwd=tmp_path / "before", capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode()
    mended = {n: (tmp_path / "before" / n).read_text() for n in case.files if not n.endswith((".txt", ".log"))}
    again = judge(dataclasses.replace(case, files=mended), tmp_path / "after")
    before = {f.cause for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}
    assert {f.cause for f in (*again.diagnosis.causes, *again.diagnosis.warnings)} <= before - {case.cause}
