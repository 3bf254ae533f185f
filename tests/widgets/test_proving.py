"""The button that tries a fix in a copy of the stack."""

from pathlib import Path

import pytest

from runbook import Case
from runbook.lab import Lab
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
