"""A round whose stack was stopped says so, whichever button is pressed."""

import ipywidgets

from runbook.training import begin
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


def press(lesson: Lesson, title: str) -> None:
    """Press the button of that title, wherever it stands."""
    found, boxes = [], [lesson.box]
    while boxes:
        box = boxes.pop()
        boxes += getattr(box, "children", ())
        found += [box] if isinstance(box, ipywidgets.Button) and box.description == title else []
    (button,) = found
    button.click()


def test_the_next_round_comes_in_the_same_panel_when_this_one_is_over() -> None:
    practice = Practice("htpasswd", 0, learner="ana")
    lesson = Lesson(practice)
    press(lesson, "Ask")
    press(lesson, "Next round")
    assert "solved or given up" in lesson.answer.value
    assert practice._drawn.seed == 0
    press(lesson, "Give up")
    assert "Next round" in lesson.answer.value
    press(lesson, "Next round")
    assert "Complaint" in lesson.answer.value
    assert (practice._drawn.seed, practice._log.learner, practice.observations()) == (1, "ana", ())
    assert lesson.cause.options == ("", *practice.causes())
    assert lesson.cited.options == ()
    press(lesson, "Ask")
    assert len(practice.observations()) == 1
    practice.close()
    ipywidgets.Widget.close_all()


def test_the_next_round_of_a_path_is_chosen_by_the_path() -> None:
    lesson = begin("headers")
    lesson.give_up()
    (cause,) = lesson._course.met
    lesson.next()
    assert lesson._drawn.faults == (cause,), "what was not known comes again at once"
    assert lesson._drawn.link != lesson._course.links[0]
    lesson.close()
