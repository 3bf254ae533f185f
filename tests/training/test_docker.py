"""Rounds with a docker client: its own file decides, and what it says is what the registry answered."""

import base64
import json
import random

import pytest

from runbook.lab import LabError
from runbook.training import Practice, project
from runbook.training.catalogue import CLIENT, DOCKER, pool
from runbook.training.docker import checked, login
from runbook.training.draw import draw
from tests.training import learners

CAUSES = (*CLIENT, "htpasswd-wrong-password", "htpasswd-user-missing")


@pytest.mark.parametrize("cause", CAUSES)
def test_a_careful_learner_solves_it(cause: str) -> None:
    learners.solves(cause, DOCKER)


@pytest.mark.parametrize("cause", CLIENT)
def test_a_learner_without_skill_does_not(cause: str) -> None:
    lesson = Practice("simplify", 3, only=cause, proxy=DOCKER)
    learners.no_skill(lesson, random.Random(3))
    verdict = lesson.verdict()
    lesson.close()
    assert verdict.reply != "correct"
    assert verdict.points <= 40


@pytest.mark.parametrize("cause", CLIENT)
def test_the_server_is_sound_and_the_client_is_refused(cause: str) -> None:
    lesson = Practice("simplify", 4, only=cause, proxy=DOCKER)
    try:
        assert "docker push" in lesson._complaint
        assert ": 200" in repr(lesson.ask("direct", "right"))
        said = repr(lesson.ask("docker"))
        nothing = cause in ("credential-helper-broken", "credentials-under-other-host")
        assert ("no basic auth credentials" if nothing else "unauthorized: authentication required") in said
        learners.fix(lesson)
        assert ": 201" in repr(lesson.ask("docker"))
        learners_debrief = repr(lesson.give_up())
        assert "docker push" in learners_debrief
        assert cause in learners_debrief
    finally:
        lesson.close()


def test_removing_the_clients_file_is_no_fix() -> None:
    lesson = Practice("simplify", 4, only="stale-stored-credentials", proxy=DOCKER)
    lesson.run("rm config.json")
    lesson.apply()
    part = lesson.verdict().parts[0]
    lesson.close()
    assert (part.reply, part.points) == ("keep going", 0)


def test_other_rounds_have_no_docker_client() -> None:
    assert not set(CLIENT) & set(pool("final"))
    lesson = Practice("simplify", 4)
    assert "config.json" not in lesson.names()
    assert "Ask " in repr(lesson.ask("docker"))
    lesson.close()


def test_the_draw_depends_on_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def shape() -> tuple[object, ...]:
        drawn = draw("simplify", 9, only="credentials-under-other-host", proxy=DOCKER)
        text = drawn.plan.handed["config.json"].decode().replace(str(drawn.plan.registry_port), "PORT")
        return drawn.faults, drawn.choices, drawn.decoy, text

    first = shape()
    monkeypatch.setenv("RUNBOOK_LAB_PORTS", "33000-34000")
    assert shape() == first


@pytest.mark.parametrize("data", [b"\xff", b"{", b"[]", b'{"auths": 3}', b'{"credHelpers": [1]}', b"[" * 50_000])
def test_a_file_that_docker_could_not_read_is_a_sentence(data: bytes) -> None:
    with pytest.raises(LabError, match="docker could not read it"):
        checked(data)


@pytest.mark.parametrize("entry", [3, {"auth": 3}, {"auth": "%%"}, {"auth": base64.b64encode(b"nobody").decode()}, {}])
def test_an_entry_without_a_login_is_none(entry: object) -> None:
    plan = draw("simplify", 9, 0, proxy=DOCKER).plan
    assert login(plan) == (plan.user, plan.password)
    host = f"localhost:{plan.registry_port}"
    plan.handed["config.json"] = json.dumps({"auths": {host: entry}}).encode()
    assert login(plan) is None
    assert "config.json" in project.files(plan)
