"""Rounds can be solved, are felt, and are worth what the learner understood: simulated learners of three kinds."""

import random
import re
import socket
from statistics import mean

import pytest

from runbook.lab import FAULTS, LabError
from runbook.rules import load
from runbook.training import ROUNDS, Practice
from runbook.training.catalogue import CATALOGUE, pool
from runbook.training.draw import HEALTHY, NOT_HERE, draw, parse_link
from runbook.training.hints import questions
from runbook.training.judge import FULL_SET, rules_out
from tests.training import learners


def played(kind: str, seed: int) -> int:
    lesson = Practice("final", seed)
    if kind == "no_skill":
        learners.no_skill(lesson, random.Random(seed))
    else:
        getattr(learners, kind)(lesson)
    points = lesson.verdict().points
    lesson.close()
    return points


@pytest.mark.parametrize(
    ("kind", "rounds", "least", "most"), [("no_skill", 30, 0, 15), ("paste", 12, 0, 60), ("careful", 8, 90, 100)]
)
def test_the_score_measures_skill(kind: str, rounds: int, least: int, most: int) -> None:
    """The means of three kinds of learner: without skill, with the tool's answer and everything cited, careful."""
    points = [played(kind, seed) for seed in range(rounds)]
    print(f"{kind}: mean {mean(points):.1f} of {points}")
    assert least <= mean(points) <= most
    if kind == "careful":
        assert min(points) >= 90
    if kind == "paste":
        assert max(points) <= 60


@pytest.mark.parametrize("cause", pool("final"))
def test_every_fault_is_felt_and_a_careful_learner_solves_it(cause: str) -> None:
    learners.solves(cause)


def test_a_fault_of_the_lab_makes_rounds_or_says_why_not() -> None:
    """A fault that is new in the lab needs a catalogue of its own; until then NOT_HERE says why it is left out."""
    assert sorted([*pool("final"), *NOT_HERE]) == sorted(FAULTS)


def test_a_registry_that_is_down_is_started_by_applying() -> None:
    lesson = Practice("simplify", 3, only="registry-unreachable")
    assert "no answer" in repr(lesson.ask("direct", "right"))
    assert "the registry" in repr(lesson.apply())
    assert "Nothing has changed" in repr(lesson.apply())
    assert "200" in repr(lesson.ask("direct", "right"))
    lesson.close()


def test_older_catalogues_are_still_drawn() -> None:
    assert "registry-unreachable" not in pool("simplify", 1)
    assert parse_link("simplify.3.1")[2] == 1
    assert draw("simplify", 3, catalogue=1).link == "simplify.3.1"


def test_no_hint_says_the_answer() -> None:
    titles = {rule.title.lower() for rule in load().values()}
    for seed in range(6):
        drawn = draw("final", seed)
        text = " ".join(questions(drawn)).lower()
        assert not [title for title in titles if title in text]
        assert not [cause for cause in load() if re.search(rf"\b{cause}\b", text)]
        assert all(question.endswith("?") for question in questions(drawn))


def test_files_and_logs_open_after_two_different_requests() -> None:
    lesson = Practice("htpasswd", 3, faults=1)
    assert "open after 2" in repr(lesson.look())
    assert lesson.text("docker-compose.yml") == ""
    lesson.ask("direct", "right")
    lesson.ask("direct", "right")
    assert "ask 1 more" in repr(lesson.logs())
    lesson.ask("ui", "right")
    assert "services:" in repr(lesson.look())
    lesson.close()


def test_bytes_are_shown_as_they_are() -> None:
    lesson = Practice("htpasswd", 3, only="over-escaped-dollar")
    lesson.ask("direct", "right")
    lesson.ask("ui", "right")
    assert "$$2y$$" in repr(lesson.look("auth/htpasswd"))
    lesson.close()
    lesson = Practice("htpasswd", 3, only="htpasswd-not-bcrypt")
    lesson.ask("direct", "right")
    lesson.ask("ui", "right")
    assert "{SHA}" in repr(lesson.look("auth/htpasswd"))
    lesson.close()


def test_the_cure_is_typed_and_a_wrong_option_does_not_help() -> None:
    lesson = Practice("htpasswd", 3, only="htpasswd-user-missing")
    user = lesson.users()[0]
    assert "wrong arguments" in repr(lesson.run(f"htpasswd -Bb {user} secret"))
    assert "use -c" in repr(lesson.run(f"htpasswd -B nowhere/file {user}"))
    lesson.run(f"htpasswd auth/htpasswd {user}")
    lesson.apply()
    assert lesson.verdict().parts[0].points == 0
    lesson.run(f"htpasswd -B auth/htpasswd {user}")
    lesson.apply()
    assert lesson.verdict().parts[0].reply == "almost"
    lesson.close()


def test_removing_the_feature_is_no_fix() -> None:
    lesson = Practice("align", 3, only="delete-disabled")
    lesson.ask("direct", "right")
    lesson.ask("ui", "right")
    lesson.write("docker-compose.yml", lesson.text("docker-compose.yml").replace("DELETE_IMAGES", "SOMETHING_ELSE"))
    lesson.apply()
    assert "no longer offers" in lesson.verdict().parts[0].why
    lesson.close()


@pytest.mark.parametrize("seed", [3, 4])
def test_an_open_door_is_no_fix(seed: int) -> None:
    lesson = Practice("htpasswd", seed, faults=1)
    learners.ask_all(lesson, predict=False)
    text = lesson.text("docker-compose.yml")
    lesson.write("docker-compose.yml", text.replace("REGISTRY_AUTH: ", "OTHER: ").replace("REGISTRY_AUTH_", "X_"))
    lesson.apply()
    assert lesson.verdict().parts[0].points == 0
    lesson.close()


def test_a_file_that_everybody_may_write_is_a_shortcut() -> None:
    lesson = Practice("htpasswd", 3, only="htpasswd-not-bcrypt")
    learners.careful(lesson)
    assert lesson.verdict().reply == "correct"
    (lesson.folder / "auth/htpasswd").chmod(0o666)
    assert lesson.verdict().shortcuts
    lesson.close()


def test_healthy_needs_the_full_set() -> None:
    lesson = Practice("headers", 6, faults=0)
    lesson.ask("direct", "right", expect="200")
    lesson.name(HEALTHY, [1])
    lesson.check()
    few = lesson.verdict()
    learners.careful(lesson)
    full = lesson.verdict()
    lesson.close()
    assert "not shown" in few.parts[2].why
    assert few.points <= 30
    assert full.points >= 90
    assert len(FULL_SET) == 7


def test_what_is_cited_and_changes_nothing_costs() -> None:
    lesson = Practice("htpasswd", 3, faults=1)
    learners.careful(lesson)
    before = lesson.verdict()
    cause = lesson._drawn.faults[0]
    spare = [o.number for o in lesson.observations() if o.number not in lesson._answer.named[cause]][:2]
    lesson.name(cause, [*lesson._answer.named[cause], *spare])
    after = lesson.verdict()
    lesson.close()
    assert after.parts[2].points < before.parts[2].points
    assert "could be left out" in after.parts[2].why


def test_a_refused_connection_is_the_same_on_any_port() -> None:
    """What a round saw of a registry that is down is no other answer than that of a look-alike that is down, too."""
    lesson = Practice("align", 3, only="env-value-not-yaml")
    lesson.ask("direct", "right")
    lesson.ask("ui", "right")
    assert "refused" in lesson.observations()[0].text
    down, up = "env-header-value-not-yaml-list", "cors-origin-mismatch"
    with socket.create_server(("127.0.0.1", lesson._plan.registry_port)):  # the look-alike's stack takes another
        assert not rules_out(down, lesson.observations()[0], lesson._drawn)
        assert rules_out(up, lesson.observations()[0], lesson._drawn)
    lesson.close()


def test_a_prediction_counts_once_and_before_the_answer() -> None:
    lesson = Practice("htpasswd", 3, faults=1)
    lesson.ask("direct", "right")
    lesson.ask("direct", "right", expect="401")
    assert [o.predicted for o in lesson.observations()] == ["", ""]
    lesson.ask("ui", "right", expect="200")
    assert lesson.observations()[-1].predicted == "200"
    assert [e.do for e in lesson._log.events][-2:] == ["predict", "ask"]
    lesson.close()


def test_the_debrief_comes_after_the_round_and_says_what_told_the_look_alike_apart() -> None:
    lesson = Practice("headers", 3, only="authorization-stripped")
    assert "solved or given up" in repr(lesson.debrief())
    told = repr(lesson.give_up())
    assert lesson.verdict().points == 0
    lesson.close()
    for part in (
        "What it was",
        "Where the request got to",
        "The login on its path",
        "without a usable login",
        "What a fix changes",
        "them apart",
        "Next round",
        "lesson.next()",
        "link = ",
        "How hard it is",
    ):
        assert part in told, part
    assert "runbook explain authorization-stripped" in told


def test_a_round_can_be_shared() -> None:
    lesson = Practice("headers", 17)
    link = lesson._drawn.link
    other = Practice.again(link)
    assert other._drawn.faults == lesson._drawn.faults
    assert link == f"headers.17.{CATALOGUE}"
    assert parse_link(link) == ("headers", 17, CATALOGUE, "")
    lesson.close()
    other.close()
    for bad in ("headers", "headers.1", "nowhere.1.1", "headers.x.1", "headers.1.99"):
        with pytest.raises(LabError):
            Practice.again(bad)


@pytest.mark.parametrize("name", ROUNDS)
def test_every_step_has_rounds_without_a_fault(name: str) -> None:
    assert draw(name, 1, 0).truth == (HEALTHY,)
