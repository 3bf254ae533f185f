"""The button that tries a fix in a copy of the stack."""

from pathlib import Path

import pytest

from runbook import Case
from runbook.experiments import CALLED_FOR, EXPERIMENTS, called_for
from runbook.lab import Lab
from runbook.rules import RULES
from runbook.widgets.proving import IDLE, Proving


def test_the_fix_is_tried_and_shown_with_before_and_after(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with Lab("authorization-stripped", backend="embedded") as lab:
        monkeypatch.setenv("BUTTON_PASSWORD", lab.password)
        case = Case.open(str(lab.bundle), lab.registry_url, lab.ui_url, lab.user, "BUTTON_PASSWORD", "", True)
        shown = case.prove()
        assert isinstance(shown, Proving)
        assert IDLE in shown.shown.value
        shown.button.click()
        shown.wait(60)
    assert case.run.diagnosis.causes[0].fix.proof.kind == "run"
    assert "401" in shown.shown.value
    assert "200" in shown.shown.value
    assert not shown.button.disabled
    assert lab.password not in shown.shown.value


def test_without_widgets_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    case = Case.open("", lab_fault="demo", interactive=False)
    assert "--prove" in case.prove(interactive=False).text


def test_an_empty_case_has_no_button(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Case.open("", interactive=False).prove().text == ""


@pytest.mark.parametrize(
    ("fault", "shown"),
    [("authorization-stripped", ("hop-by-hop", "200", "401")), ("no-v2-route", ("no-v2-route", "200", "404"))],
    ids=["a belief that is tried", "the fault in a sound stack"],
)
def test_the_experiment_that_the_verdict_calls_for_is_run(
    fault: str, shown: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    trials = Case.open("", lab_fault=fault).prove()
    assert isinstance(trials, Proving)
    assert trials.also is not None
    trials.also.button.click()
    trials.also.wait(60)
    assert not [word for word in shown if word not in trials.also.shown.value]


def test_a_cause_that_the_lab_cannot_show_has_no_experiment() -> None:
    assert called_for("tls-ca-not-trusted") is None
    assert set(CALLED_FOR) <= set(RULES)
    assert set(CALLED_FOR.values()) <= set(EXPERIMENTS)
