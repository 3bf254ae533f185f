"""The lab without sockets and threads, as a browser has it: the same bytes, the same verdicts, the same rounds."""

import re
import socket
import threading

import pytest

from runbook.experiments import EXPERIMENTS, experiment
from runbook.lab import FAULTS, Lab
from runbook.training import Practice
from runbook.wire import connect, reachable, without_sockets
from tests.lab.contract import ROWS, Runner, differences
from tests.lab.test_faults import judge
from tests.lab.verdicts import verdict
from tests.training import learners


def plain(told: object) -> str:
    """Without ports, times and what is drawn at random."""
    text = re.sub(
        r"(?<![\d.])\d{4,5}(?!\d)|\d\d:\d\d:\d\d\S*|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{7,12}\b", "N", str(told)
    )
    return re.sub(r"_state=[\w%.=-]+", "", text)


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a socket nor a thread can be made."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket or a thread was made")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.parametrize("major", [2, 3])
def test_it_answers_what_was_recorded_of_the_real_programs(major: int, no_sockets: None) -> None:
    with without_sockets(), Lab(backend="embedded", major=major, seed=7) as lab:
        found = differences(str(major), Runner(lab).run(ROWS))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_gets_the_verdict_that_it_gets_through_sockets(
    fault: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    through_sockets = verdict(fault)
    request.getfixturevalue("no_sockets")
    with without_sockets():
        assert verdict(fault) == through_sockets
    assert fault in (*through_sockets[1][:1], *through_sockets[2])


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_lab_that_is_asked_gets_the_same_verdict_without_sockets(fault: str) -> None:
    """What httpx sends goes the same way."""
    with Lab(fault, backend="embedded", seed=12) as lab:
        through_sockets = judge(lab).diagnosis
    with without_sockets(), Lab(fault, backend="embedded", seed=12) as lab:
        inside = judge(lab).diagnosis
    assert inside.verdict == through_sockets.verdict
    for found in ("causes", "warnings"):
        assert [f.cause for f in getattr(inside, found)] == [f.cause for f in getattr(through_sockets, found)]


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_an_experiment_has_the_same_outcome_without_sockets(name: str) -> None:
    through_sockets = str(experiment(name, "embedded"))
    with without_sockets():
        assert plain(str(experiment(name, "embedded"))) == plain(through_sockets)


@pytest.mark.parametrize("cause", ["authorization-stripped", "htpasswd-not-bcrypt"])
def test_a_round_is_played_to_its_end(cause: str, no_sockets: None) -> None:
    step = "headers" if cause.startswith("auth") else "htpasswd"
    with without_sockets():
        lesson = Practice(step, 5, only=cause)
        learners.careful(lesson)
        reply = lesson.verdict().reply
        lesson.close()
    assert reply == "correct"


def test_nobody_answers_where_nothing_listens_and_ports_are_free_again() -> None:
    with without_sockets():
        with Lab(backend="embedded", seed=1) as lab, Lab(backend="embedded", seed=1) as another:
            port = lab.plan.registry_port
            assert reachable(port)
            assert another.plan.registry_port != port
        assert not reachable(port)
        with pytest.raises(ConnectionRefusedError):
            connect(port, 1).request("GET", "/v2/")
