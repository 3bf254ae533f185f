"""The picture arrow by arrow."""

import ipywidgets
import pytest

from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.report.picture import picture
from runbook.widgets.stepper import Stepper
from tests.report.samples import collected


@pytest.fixture(autouse=True)
def _close():
    yield
    ipywidgets.Widget.close_all()


def test_buttons_and_number_show_one_arrow_more_or_less():
    with Lab("authorization-stripped", backend="embedded", seed=3) as lab:
        drawn = picture(diagnose(collected(lab)))
    stepper = Stepper(drawn)

    def arrows() -> int:
        return stepper.shown.value.count('class="arrow')

    assert arrows() == drawn.steps
    stepper.arrow.value = 1
    assert arrows() == 1
    stepper.back.click()
    assert arrows() == 1
    stepper.on.click()
    assert arrows() == 2
    assert f'aria-label="{drawn.label}, up to arrow 2"' in stepper.shown.value, "another region than the whole picture"
