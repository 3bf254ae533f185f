"""The embedded backend answers what the real programs were recorded to answer."""

import pytest

from runbook.lab import Lab
from tests.lab.contract import ROWS, Runner, differences


def test_the_table_is_large() -> None:
    assert len(ROWS) >= 60
    assert len({str(row) for row in ROWS}) >= 60


@pytest.mark.parametrize("major", [2, 3])
def test_embedded_answers_as_recorded(major: int) -> None:
    with Lab(backend="embedded", major=major, seed=7) as lab:
        found = differences(str(major), Runner(lab).run(ROWS))
    assert not found, "\n".join(found)
