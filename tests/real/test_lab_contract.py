"""The real programs still answer what was recorded of them."""

import pytest

from runbook.lab import Lab
from tests.lab.contract import ROWS, Runner, differences
from tests.real.programs import need


@pytest.mark.parametrize("major", [2, 3])
def test_native_answers_as_recorded(major: int) -> None:
    need("nginx")
    need(f"registry{major}")
    with Lab(backend="native", major=major, seed=7) as lab:
        found = differences(str(major), Runner(lab).run(ROWS))
    assert not found, "\n".join(found)
