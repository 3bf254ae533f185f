"""A round whose stack was stopped says so, whichever button is pressed."""

import ipywidgets

from runbook.training.practice import Practice
from runbook.widgets.lesson import Lesson


def test_a_button_after_the_end_says_that_the_round_is_over() -> None:
    practice = Practice("htpasswd", 0)
    lesson = Lesson(practice)
    practice.close()
    (button,) = [c for c in lesson.tabs.children[0].children if isinstance(c, ipywidgets.Button)]
    button.click()
    assert "This round is over" in lesson.answer.value
    ipywidgets.Widget.close_all()
