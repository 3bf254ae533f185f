"""`runbook doctor` looks at the machine and says what is missing."""

import json

import pytest

from runbook.cli import doctor, main
from runbook.lab import native


def test_it_says_of_every_part_whether_it_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--format", "json"]) == 0
    parts = {p["name"]: p for p in json.loads(capsys.readouterr().out)["parts"]}
    assert parts["core: packages"]["usable"]
    assert parts["lab: embedded"]["usable"]
    assert parts["lab: native"]["usable"] == native.usable(None)
    assert all(p["why"] for p in parts.values())


def test_what_is_missing_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("runbook.lab.processes.find", lambda _: None)
    monkeypatch.setattr("runbook.lab.native.find", lambda _: None)
    native.registries.cache_clear()
    try:
        assert main(["doctor"]) == 0
    finally:
        native.registries.cache_clear()
    shown = capsys.readouterr().out
    assert "no  lab: native" in shown
    assert "apt install docker-registry nginx-light" in shown


def test_a_broken_core_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "_CORE", ("no-such-package-at-all",))
    assert main(["doctor"]) == 1
    assert "missing: no-such-package-at-all" in capsys.readouterr().out
