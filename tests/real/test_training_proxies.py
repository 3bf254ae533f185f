"""Rounds behind real proxies: played by a careful learner, saved, and graded again in a process of its own."""

import os
from pathlib import Path

import pytest

from runbook.training import Practice
from runbook.training.catalogue import BEHIND, CATALOGUE
from runbook.training.grade import grade
from tests.real.programs import need
from tests.training import learners

PROGRAMS = {"caddy": "caddy", "haproxy": "haproxy", "apache": "apache2"}
CAUSES = BEHIND[CATALOGUE]["caddy"]
SOME = [(list(PROGRAMS)[number // 3 % len(PROGRAMS)], cause) for number, cause in enumerate(CAUSES) if number % 3 == 0]
ALL = [(proxy, cause) for proxy in PROGRAMS for cause in BEHIND[CATALOGUE][proxy]]
PLAYED = ALL if os.environ.get("RUNBOOK_ALL_PROXIES") == "1" else SOME
"""Every third cause behind one of the three; all 117 rounds, where somebody has half an hour for them."""


@pytest.mark.parametrize(("proxy", "cause"), PLAYED)
def test_a_careful_learner_solves_every_round(proxy: str, cause: str) -> None:
    need(PROGRAMS[proxy])
    learners.solves(cause, proxy)


@pytest.mark.parametrize("proxy", PROGRAMS)
@pytest.mark.parametrize("faults", [0, 1, 2])
def test_a_round_is_replayed_to_the_same_points(proxy: str, faults: int, tmp_path: Path) -> None:
    need(PROGRAMS[proxy])
    lesson = Practice("final", 5, faults=faults, proxy=proxy, learner="ana")
    learners.careful(lesson)
    points = lesson.verdict().points
    lesson.save(str(tmp_path / "x.jsonl"))
    lesson.close()
    result = grade(tmp_path / "x.jsonl", limit=60)
    assert (result.problem, result.points) == ("", points)
    assert points >= 90


def test_a_round_behind_a_program_that_is_not_here_says_so(monkeypatch) -> None:
    from runbook.training import begin

    monkeypatch.setattr("runbook.lab.embedded.find", lambda program: None)
    assert "this stack needs caddy" in repr(begin("headers", 3, proxy="caddy").story())
