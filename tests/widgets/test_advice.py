"""The box for advice says the same as the command."""

import ipywidgets

from runbook.advice import box


def test_a_pasted_text_is_judged_when_the_button_is_pressed() -> None:
    shown = box()
    assert shown.answer.value == ""
    shown.text.value = "Authorization is a hop-by-hop header."
    shown.button.click()
    assert "wrong" in shown.answer.value
    assert "hop-by-hop" in shown.answer.value
    ipywidgets.Widget.close_all()
