"""The same experiments with the real registry and the real nginx: the folklore is refuted there, too."""

import pytest

from tests.real.programs import need
from tests.test_experiments import SHOWN, answers


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("major", [2, 3])
def test_real_programs_answer_as_the_lesson_says(name: str, major: int) -> None:
    need("nginx")
    need(f"registry{major}")
    assert answers(name, "native", major) == SHOWN[name]
