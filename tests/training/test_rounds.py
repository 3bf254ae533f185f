"""Scripted learners: who looks, cites and mends; who guesses; who takes a forbidden way; who gives up."""

import copy
import json
from pathlib import Path

import pytest

from runbook.lab import FAULTS
from runbook.training import ROUNDS, Practice, project
from runbook.training.draw import HEALTHY, NOT_HERE, rounds
from runbook.training.grade import grade

SEEDS = range(20)


def look_around(lesson: Practice) -> list[int]:
    """Ask on both ways with and without a login, and read every file and log; the numbers to cite."""
    text = lesson._files()[project.COMPOSE]
    for way in ("direct", "ui") if "NGINX_PROXY_PASS_URL" in text or "SECURED" not in text else ("direct",):
        for login in ("none", "right", "wrong"):
            lesson.ask(way, login, expect="200")
        lesson.ask(way, "right", "/v2/_catalog")
        lesson.ask(way, "right", "/v2/school/practice/blobs/uploads/", "POST")
        lesson.ask(way, "none", method="OPTIONS") if "REGISTRY_SECURED" in text else None
        if "DELETE_IMAGES" in text:
            lesson.ask(way, "right", "/v2/school/practice/manifests/sha256:" + "4c" * 32, "DELETE")
    for name in list(lesson._files()):
        lesson.look(name)
    lesson.logs("registry")
    lesson.logs("ui")
    return [o.number for o in lesson._record.observations]


def mend(lesson: Practice) -> None:
    """Write the files of the mended stack, as the fixes of the rules say."""
    drawn = lesson._drawn
    plan = copy.deepcopy(drawn.plan)
    for cause in reversed(drawn.faults):
        FAULTS[cause].solve(plan)
    for path in sorted(lesson.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    project.write(plan, lesson.folder)
    lesson.apply()


def points(lesson: Practice) -> dict[str, int]:
    return {part.name: part.points for part in lesson._judge().parts}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_final_incident(seed: int, tmp_path: Path) -> None:
    """What the trainer's guide promises of the four, for every seed; and the trainer's machine agrees."""
    right = Practice("final", seed, learner="right")
    causes = right._drawn.faults or (HEALTHY,)
    numbers = look_around(right)
    for cause in causes:
        right.name(cause, numbers)
    mend(right)
    verdict = right._judge()
    assert verdict.reply == "correct", verdict
    assert verdict.points >= 90, verdict
    right.save(str(tmp_path / "right.json"))
    right.close()
    again = grade(tmp_path / "right.json")
    assert again.verdict is not None, again.problem
    assert again.verdict.points == verdict.points

    lucky = Practice("final", seed, learner="lucky")
    for cause in causes:
        lucky.name(cause)
    mend(lucky)
    got = points(lucky)
    assert lucky._judge().reply == "almost"
    assert got["diagnosis"] <= 12
    assert got["method"] <= 12
    lucky.close()

    cheat = Practice("final", seed, learner="cheat")
    numbers = look_around(cheat)
    for cause in causes:
        cheat.name(cause, numbers)
    mend(cheat)
    compose = cheat.folder / "docker-compose.yml"
    compose.write_text(
        compose.read_text().replace("REGISTRY_AUTH: ", "SOMETHING_ELSE: ").replace("REGISTRY_AUTH_", "X_")
    )
    (cheat.folder / "config.yml").unlink(missing_ok=True)
    cheat.apply()
    assert points(cheat)["fix"] == 0
    assert cheat._judge().reply != "correct"
    cheat.close()

    tired = Practice("final", seed, learner="tired")
    tired.give_up()
    assert tired._judge().points == 0
    tired.close()


@pytest.mark.parametrize("name", ROUNDS[:-1])
@pytest.mark.parametrize("seed", range(4))
def test_every_practice_can_be_solved(name: str, seed: int) -> None:
    lesson = Practice(name, seed, faults=1)
    complaint = lesson._complaint
    numbers = look_around(lesson)
    lesson.name(lesson._drawn.faults[0], numbers)
    mend(lesson)
    verdict = lesson._judge()
    lesson.close()
    assert verdict.reply == "correct", (complaint, verdict)


@pytest.mark.parametrize("cause", rounds("final"))
def test_every_fault_is_felt_and_can_be_told_apart(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "runbook.training.draw.rounds", lambda step: (cause,) if step == "htpasswd" else rounds("final")
    )
    lesson = Practice("htpasswd", len(cause), faults=1)
    assert lesson._drawn.faults == (cause,)
    assert "asks whether something" not in lesson._complaint, "nobody would notice this fault"
    lesson.name(cause, look_around(lesson))
    diagnosis = lesson._judge().parts[1]
    lesson.close()
    assert diagnosis.reply == "correct", diagnosis


def test_a_choice_that_is_left_out_has_its_reason() -> None:
    assert not set(NOT_HERE) & set(rounds("final"))


def test_the_saved_round_holds_no_secret(tmp_path: Path) -> None:
    lesson = Practice("headers", 2, faults=1)
    look_around(lesson)
    lesson.save(str(tmp_path / "x.json"))
    text = (tmp_path / "x.json").read_text()
    plan = lesson._plan
    lesson.close()
    for secret in (plan.password, plan.colleague_password, "$2y$", "$2b$"):
        assert secret not in text
    assert json.loads(text)["tool"] == "runbook training"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {"../../x": "y"}}, "leads out"),
        ({"seed": "1"}, '"seed"'),
        ({"schema": 9}, "schema"),
        ({"round": "nowhere"}, "no practice"),
    ],
)
def test_a_changed_record_is_refused_in_a_sentence(change: dict[str, object], said: str, tmp_path: Path) -> None:
    lesson = Practice("simplify", 1)
    lesson.save(str(tmp_path / "x.json"))
    lesson.close()
    tree = json.loads((tmp_path / "x.json").read_text()) | change
    (tmp_path / "x.json").write_text(json.dumps(tree))
    assert said in grade(tmp_path / "x.json").problem
