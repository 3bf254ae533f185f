"""Each fault on the real programs: clean, broken, mended."""

import pytest

from runbook.lab import Lab, native
from tests.lab.test_faults import CAUSES, check
from tests.real.programs import need


@pytest.mark.parametrize("cause", CAUSES)
def test_a_fault_is_found_and_its_fix_mends_it(cause: str) -> None:
    need("nginx")
    need("registry2")
    majors = sorted(native.registries())
    with Lab(backend="native", seed=len(cause), major=majors[len(cause) % len(majors)]) as lab:
        check(cause, lab)
