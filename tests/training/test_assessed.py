"""A round at the trainer's: the learner's side has no seed, no stack and no log; what was kept is sealed."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from runbook.training import begin
from runbook.training.assessed import Assessed, Classroom, seed_for
from runbook.training.draw import draw
from runbook.training.grade import replay

SECRET = b"a secret of sixteen or more"


@pytest.fixture
def room(tmp_path: Path):
    classroom = Classroom(SECRET, ["ana", "ben"], "htpasswd", tmp_path)
    thread = threading.Thread(target=classroom.serve, daemon=True)
    thread.start()
    yield classroom
    classroom.close()
    thread.join()


def token(room: Classroom, learner: str) -> str:
    return next(t for t, seat in room.seats.items() if seat.learner == learner)


def test_a_round_is_played_through_the_server_and_its_log_is_sealed(room: Classroom, tmp_path: Path) -> None:
    lesson = Assessed(room.url, token(room, "ana"))
    assert "Complaint" in repr(lesson.story())
    lesson.ask("direct", "right", expect="200")
    lesson.ask("ui", "right", expect="200")
    lesson.look("auth/htpasswd")
    user = lesson.users()[0]
    lesson.run(f"htpasswd -Bc auth/htpasswd {user}")
    lesson.apply()
    drawn = draw("htpasswd", seed_for(SECRET, "ana", "htpasswd", 1))
    lesson.name(drawn.truth[0], [2])
    shown = repr(lesson.check())
    assert "points" in shown
    assert len(lesson.observations()) >= 2
    (path,) = tmp_path.glob("*.jsonl")
    result = replay(path, SECRET)
    assert not result.problem
    assert result.assessed
    assert result.learner == "ana"
    assert not replay(path, b"another secret of the right size").assessed


def test_the_learners_side_never_sees_the_seed(room: Classroom) -> None:
    headers = {"Authorization": f"Bearer {token(room, 'ana')}"}
    seed = str(seed_for(SECRET, "ana", "htpasswd", 1))
    for do, given in (
        ("story", {}),
        ("ask", {}),
        ("choices", {}),
        ("hint", {}),
        ("_judge", {}),
        ("save", {"path": "/tmp/x"}),
        ("close", {}),
    ):
        answer = httpx.post(
            f"{room.url}/act", json={"do": do, "given": given}, headers=headers, trust_env=False, timeout=60
        )
        assert answer.status_code == 200
        assert seed not in answer.text


def test_learners_have_rounds_of_their_own_and_tokens_of_their_own(room: Classroom) -> None:
    assert seed_for(SECRET, "ana", "final", 1) != seed_for(SECRET, "ben", "final", 1)
    assert seed_for(SECRET, "ana", "final", 1) != seed_for(SECRET, "ana", "final", 2)
    assert "no learner" in repr(Assessed(room.url, "nonsense").story())


def test_nonsense_is_answered_in_a_sentence(room: Classroom) -> None:
    headers = {"Authorization": f"Bearer {token(room, 'ben')}"}
    for body in (b"", b"[", b"[]", b'{"do": 1, "given": {}}', b"[" * 50_000):
        assert httpx.post(
            f"{room.url}/act", content=body, headers=headers, trust_env=False, timeout=60
        ).status_code in (400, 413)
    bad = {"do": "ask", "given": {"nonsense": 1}}
    answer = httpx.post(f"{room.url}/act", json=bad, headers=headers, trust_env=False, timeout=60)
    assert "cannot be done" in answer.json()["text"]
    huge = httpx.post(f"{room.url}/act", content=b"x" * 400_000, headers=headers, trust_env=False, timeout=60)
    assert huge.status_code == 413


def test_the_seal_is_over_the_whole_log(room: Classroom, tmp_path: Path) -> None:
    lesson = Assessed(room.url, token(room, "ana"))
    lesson.hint()
    lesson.ask("direct", "right")
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text().splitlines()
    shorter = tmp_path / "cut.txt"
    shorter.write_text("\n".join([*lines[:2], lines[-1]]))
    assert not replay(shorter, SECRET).assessed
    head = json.loads(lines[0]) | {"learner": "ben"}
    shorter.write_text("\n".join([json.dumps(head), *lines[1:]]))
    assert replay(shorter, SECRET).problem


def test_a_notebook_without_token_or_server_says_so(monkeypatch) -> None:
    monkeypatch.delenv("RUNBOOK_CLASS_TOKEN", raising=False)
    lesson = begin(server="http://127.0.0.1:9")
    assert "RUNBOOK_CLASS_TOKEN" in repr(lesson)
    assert "RUNBOOK_CLASS_TOKEN" in repr(lesson.panel(False))
    monkeypatch.setenv("RUNBOOK_CLASS_TOKEN", "x")
    assert "does not answer" in repr(begin(server="http://127.0.0.1:9").story())


def test_a_class_can_have_a_proxy_of_the_trainers_choice(tmp_path: Path) -> None:
    room = Classroom(SECRET, ["ana"], "headers", tmp_path, proxy="nginx")
    thread = threading.Thread(target=room.serve, daemon=True)
    thread.start()
    try:
        lesson = Assessed(room.url, token(room, "ana"))
        assert "default.conf" in lesson.names()
        lesson.ask("direct", "right")
        assert "begun by the trainer" in repr(lesson.next())
    finally:
        room.close()
        thread.join()
    (path,) = tmp_path.glob("*.jsonl")
    result = replay(path, SECRET)
    assert (result.problem, result.assessed) == ("", True)
