"""Every rule fires on its bad cases, comes first there, and stays silent on the near-misses."""

from pathlib import Path

import pytest

from tests.case_files import Case, all_cases, judge

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_case(case: Case, tmp_path: Path) -> None:
    run = judge(case, tmp_path)
    diagnosis = run.diagnosis
    causes = [f.cause for f in diagnosis.causes]
    warnings = [f.cause for f in diagnosis.warnings]
    told = f"{case.about}: {diagnosis.verdict}, causes {causes}, warnings {warnings}, symptoms {run.traffic.seen()}"
    assert not [c for c in diagnosis.checks if c.outcome == "error"], told
    if verdict := case.expect.get("verdict"):
        assert diagnosis.verdict == verdict, told
    if case.is_near_miss:
        assert case.cause not in causes + warnings, told
    elif case.expect.get("warning"):
        assert case.cause in warnings, told
    else:
        assert causes[:1] == [case.cause], told
    for cause in case.expect.get("never", ()):
        assert cause not in causes, told
