"""The tables as DataFrames: typed, documented, and loaded only when asked for."""

import subprocess
import sys

import pytest

from runbook.frames import COLUMNS, Frames, frame
from runbook.judge import Run, diagnose
from runbook.lab import Lab
from tests.report.samples import collected, evidence_of


@pytest.fixture(scope="module")
def run() -> Run:
    with Lab("authorization-stripped", backend="embedded", seed=3) as lab:
        return diagnose(collected(lab))


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_a_table_has_its_columns_and_types_with_rows_and_without(run: Run, name: str) -> None:
    full, empty = frame(run, name), frame(diagnose(evidence_of()), name)
    assert len(full) > 0
    assert list(full.columns) == list(empty.columns) == list(COLUMNS[name])
    assert dict(full.dtypes) == dict(empty.dtypes)
    assert getattr(Frames(run), name).equals(full)


def test_they_say_what_the_views_say(run: Run) -> None:
    frames = Frames(run)
    asked = frames.requests.query("login == 'sent' and path == '/v2/' and method == 'GET' and own")
    assert set(asked[asked.route == "direct"].status) >= {200}
    assert 200 not in set(asked[asked.route == "via"].status)
    assert frames.checks.query("outcome == 'fail'").rule.str.contains("authorization-stripped").any()
    assert frames.timeline.when.is_monotonic_increasing
    assert str(frames.timeline.when.dt.tz) == "UTC"
    assert not frames.htpasswd.astype(str).apply(lambda c: c.str.contains(r"\$2y\$\d\d\$")).any().any()


def test_pandas_is_loaded_only_when_a_table_is_asked_for() -> None:
    code = (
        "import sys; from runbook import Case; case = Case.open(); case.verdict(); assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
