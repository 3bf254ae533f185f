"""The path: what was met comes again at the right time, new causes come by level, and one small file remembers."""

from collections import Counter
from pathlib import Path

import pytest

from runbook.lab import LabError
from runbook.training import begin
from runbook.training.catalogue import level, pool
from runbook.training.draw import draw, faults_of
from runbook.training.hints import PROBES
from runbook.training.judge import otherwise
from runbook.training.path import Course, course
from runbook.training.seen import telling
from tests.training import learners


def test_the_levels_are_measured() -> None:
    """How many others answer the requests that tell stacks apart in exactly the same way."""
    drawn = draw("final", 1, 0)
    answers = {}
    for cause in pool("final"):
        plan, texts = otherwise(drawn.instead(cause), list(PROBES))
        answers[cause] = tuple(telling(texts[asked], plan) for asked in PROBES)
    alike = Counter(answers.values())
    measured = {cause: alike[seen] - 1 for cause, seen in answers.items()}
    print(sorted(measured.items(), key=lambda row: row[1]))
    assert {c: 1 if n == 0 else 2 if n <= 3 else 3 for c, n in measured.items()} == {c: level(c) for c in pool("final")}


def test_the_faults_of_a_seed_are_those_of_its_round() -> None:
    assert all(faults_of("final", seed) == draw("final", seed).faults for seed in range(12))


def play(path: Course, step: str, right: bool) -> tuple[str, ...]:
    seed = path.next_seed(step)
    faults = faults_of(step, seed)
    path.count(f"{step}.{seed}.1", faults, set(faults) if right else set(), 90 if right else 20)
    return faults


def test_new_causes_come_by_level_and_all_of_them_come() -> None:
    path = Course()
    met = [cause for _ in range(400) for cause in play(path, "final", right=True)]
    first = list(dict.fromkeys(met))
    assert set(first) == set(pool("final"))
    assert [level(c) for c in first] == sorted(level(c) for c in first)


def test_what_was_not_known_comes_again_soon_and_what_was_known_later() -> None:
    path = Course()
    (cause,) = play(path, "headers", right=False)
    assert play(path, "headers", right=True) == (cause,)
    assert path.met[cause].box == 2
    assert cause not in path.due("headers")


def test_a_round_counts_once() -> None:
    path = Course()
    path.count("headers.1.1", ("authorization-stripped",), {"authorization-stripped"}, 90)
    path.count("headers.1.1", ("authorization-stripped",), set(), 0)
    assert path.rounds == 1
    assert path.met["authorization-stripped"].box == 2


def test_the_file_remembers_and_a_foreign_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "path.json"
    path = course(str(file))
    for right in (True, False, True):
        play(path, "final", right)
    again = course(str(file))
    assert (again.rounds, again.met, again.links) == (path.rounds, path.met, path.links)
    assert "You have met" in repr(again.shown())
    file.write_text('{"tool": "another"}')
    with pytest.raises(LabError, match="holds no path"):
        course(str(file))
    assert "holds no path" in repr(begin("headers", progress=str(file)))
    assert file.read_text() == '{"tool": "another"}'


def test_a_round_of_a_notebook_counts_on_the_path(tmp_path: Path) -> None:
    file = str(tmp_path / "path.json")
    lesson = begin("htpasswd", progress=file)
    learners.careful(lesson)
    lesson.close()
    assert course(file).rounds == 1
    lesson = begin("htpasswd", progress=file)
    lesson.give_up()
    lesson.close()
    path = course(file)
    assert path.rounds == 2
    assert sorted(m.box for m in path.met.values()) == [1, 2]
    assert "2 of" in repr(lesson.path())


def test_nothing_is_kept_without_a_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    lesson = begin("headers", 3)
    lesson.give_up()
    lesson.close()
    assert list(tmp_path.iterdir()) == []
