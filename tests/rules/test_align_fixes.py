"""The diffs that the rules of alignment give: `patch -p1` takes them, and what they mend is gone afterwards."""

import subprocess
from pathlib import Path

import pytest

from runbook.judge import Run
from tests.case_files import Case, all_cases, judge

FIXED_BY_AN_EDIT = (
    "htpasswd-path-mismatch",
    "auth-option-missing",
    "config-path-version-mismatch",
    "env-overrides-config",
    "env-name-malformed",
    "env-header-value-not-yaml-list",
    "delete-disabled",
    "http-host-wrong",
    "http-secret-not-shared",
    "port-mapping-mismatch",
    "proxy-mode-push-unsupported",
    "auth-not-enforced",
    "storage-outside-volume",
)
TRACES = (".txt", ".log", ".har")
"""What was seen before the fix says nothing of after it."""


def _cases() -> list[Case]:
    found = [c for c in all_cases() if c.cause in FIXED_BY_AN_EDIT and not c.is_near_miss]
    return [c for c in found if any(f.endswith((".yml", ".yaml")) for f in c.files)]


def _told(run: Run) -> dict[str, str | None]:
    return {f.cause: f.fix.patch for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}


def test_every_cause_that_an_edit_mends_has_a_case_with_a_diff(tmp_path: Path) -> None:
    with_diff = set()
    for number, case in enumerate(_cases()):
        folder = tmp_path / str(number)
        folder.mkdir()
        if _told(judge(case, folder)).get(case.cause):
            with_diff.add(case.cause)
    assert with_diff == set(FIXED_BY_AN_EDIT)


@pytest.mark.parametrize("case", _cases(), ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_the_diff_applies_and_mends(case: Case, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    told = _told(judge(case, before))
    patch = told[case.cause]
    if not patch:
        pytest.skip("this case is mended by commands")
    files = {n: t for n, t in case.files.items() if not n.endswith(TRACES)}
    config = Case(case.path, case.about, case.args, case.env, files, case.encoding, case.expect)
    config.write(after)
    done = subprocess.run(["patch", "-p1", "--dry-run"], cwd=after, input=patch, text=True, capture_output=True)
    assert done.returncode == 0, f"{done.stdout}\n{patch}"
    subprocess.run(["patch", "-p1"], cwd=after, input=patch, text=True, capture_output=True, check=True)
    mended = {n: (after / n).read_text() for n in files}
    if case.cause == "http-secret-not-shared":
        mended[".env"] = "REGISTRY_HTTP_SECRET=made-by-the-first-command\n"
    again = tmp_path / "again"
    again.mkdir()
    result = _told(judge(Case(case.path, case.about, case.args, case.env, mended, case.encoding, case.expect), again))
    assert case.cause not in result, patch
    assert set(result) <= set(told), f"new: {set(result) - set(told)}\n{patch}"
