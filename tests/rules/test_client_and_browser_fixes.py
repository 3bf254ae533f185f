"""Fixes of clients, pages and CORS: `patch -F0` takes the diffs, they remove the cause, and commands hold no loose text."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from runbook.judge import Run
from runbook.model import Command, Finding
from tests.case_files import Case, all_cases, judge
from tests.real.programs import need

BY_AN_EDIT = (
    "browser-cannot-resolve-container-name",
    "browser-localhost",
    "cors-credentials-missing",
    "cors-duplicate-headers",
    "cors-origin-mismatch",
    "cors-wildcard-with-credentials",
    "env-header-name-typo",
    "mixed-content",
    "preflight-options-401",
    "ui-v1-env-semantics-changed",
)
BY_COMMANDS = (
    "auth-not-enforced",
    "base64-trailing-newline",
    "credential-helper-broken",
    "credentials-key-format",
    "credentials-under-other-host",
    "entrypoint-cannot-edit-mounted-conf",
    "http-proxy-env-hijack",
    "insecure-registry-missing",
    "registry-unreachable",
    "stale-stored-credentials",
    "tls-ca-not-trusted",
    "tls-san-missing",
)
TRACES = (".txt", ".log", ".har")
"""What was recorded before the fix says nothing of after it."""
BAD = [c for c in all_cases() if not c.is_near_miss]
EDITED = [c for c in BAD if c.cause in BY_AN_EDIT and any(n.endswith((".yml", ".conf")) for n in c.files)]


def _found(run: Run, cause: str) -> Finding:
    return next(f for f in (*run.diagnosis.causes, *run.diagnosis.warnings) if f.cause == cause)


def _causes(run: Run) -> set[str]:
    return {f.cause for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}


@pytest.mark.parametrize("case", EDITED, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_the_diff_removes_the_cause(case: Case, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("before", "files", "after")]
    for folder in folders:
        folder.mkdir()
    found = _found(judge(case, folders[0]), case.cause)
    if not found.edits:
        pytest.skip("the right line or value is not known from this bundle")
    assert found.fix.patch
    program = need("patch")
    done = subprocess.run(
        [program, "-p1", "-F0"], input=found.fix.patch.encode(), cwd=folders[0], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
    files = {n: t for n, t in case.files.items() if not n.endswith(TRACES)}
    before = judge(dataclasses.replace(case, files=files), folders[1])
    after = judge(
        dataclasses.replace(case, files={n: (folders[0] / n).read_text(encoding="utf-8") for n in files}), folders[2]
    )
    assert case.cause not in _causes(after), found.fix.patch
    assert _causes(after) <= _causes(before), f"new: {_causes(after) - _causes(before)}"


def test_most_causes_that_an_edit_removes_have_a_case_with_a_diff(tmp_path: Path) -> None:
    with_diff = set()
    for number, case in enumerate(EDITED):
        (tmp_path / str(number)).mkdir()
        if _found(judge(case, tmp_path / str(number)), case.cause).fix.patch:
            with_diff.add(case.cause)
    assert with_diff == set(BY_AN_EDIT)


@pytest.mark.parametrize(
    "case", [c for c in BAD if c.cause in BY_AN_EDIT + BY_COMMANDS], ids=lambda c: f"{c.cause}/{c.path.stem}"
)
def test_a_fix_is_commands_with_known_words_and_a_check_with_its_result(case: Case, tmp_path: Path) -> None:
    fix = _found(judge(case, tmp_path), case.cause).fix
    assert fix.summary[0].isupper() or fix.summary[0] == '"'
    assert not fix.summary.endswith(".")
    assert all(isinstance(c, Command) and not c.odd for c in (*fix.commands, *fix.verify))
    assert fix.verify
    assert all(isinstance(c, Command) and c.expect for c in fix.verify)
