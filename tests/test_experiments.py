"""The experiments show what FACTS says: a teaching text and the lab may not drift apart."""

import pytest

from runbook.experiments import EXPERIMENTS, experiment, play

SHOWN = {
    "three-answers": "401 200 401",
    "host": "200 200 200 200",
    "hop-by-hop": "200 200 401",
    "preflight": "401 401",
    "cors-origin": "200, and the browser keeps it back 200, and the browser keeps it back 200, and the browser shows it",
    "upstream": "200 502 200",
    "hashes": "200 401 401",
    "line-ends": "200 200 200 401 401",
    "merged-lines": "200 200 401",
    "uid": "200 200 does not start",
    "realm": "200 200 200 does not start",
    "header-list": "starts does not start",
    "cors-idle": "200 200 200, and the browser keeps it back",
    "scopes": "200 200 200 401",
    "verify-command": "exit 0 exit 3 exit 2",
    "reload": "200 401 200",
    "ui-variables": "401 401 401 200",
    "secured": "401 401 200",
    "ui-volume": "201 the image is there 502",
    "storage": "201 the image is there 201 the image is gone",
}


def answers(name: str, backend: str = "embedded", major: int | None = None) -> str:
    return " ".join(t.answer.partition(": ")[0] for t in play(name, backend, major))


def test_every_experiment_has_its_expected_answers():
    assert set(SHOWN) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", SHOWN)
def test_an_experiment_shows_what_is_true(name):
    assert answers(name) == SHOWN[name]


def test_without_apaches_program_its_arguments_are_counted_the_same(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert answers("verify-command") == SHOWN["verify-command"]


def test_what_came_back_is_escaped_and_said_in_words_too():
    shown = experiment("realm")
    assert "<b>no such realm" not in shown.html
    assert "&lt;b&gt;no such realm" in shown.html
    assert "does not start" in repr(shown)


def test_an_unknown_experiment_is_refused_with_the_names_that_exist():
    with pytest.raises(ValueError, match="three-answers"):
        experiment("relm")
