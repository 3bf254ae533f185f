"""Figures of difficulty: the file is what the script measures, says whose results they are, and gives way to people's."""

import json
from pathlib import Path

import pytest

from runbook.cli import main
from runbook.lab import LabError
from runbook.training import Practice, measured, peek
from runbook.training.catalogue import CATALOGUE, pool
from runbook.training.difficulty import ENOUGH, PLACE, Played, items, statistics, with_class
from runbook.training.draw import FINAL, HEALTHY
from runbook.training.grade import Grade
from runbook.training.overview import as_html, played
from runbook.training.path import Course
from tests.training import measure

GUIDE = Path(__file__).parents[2] / "notebooks" / "lab" / "trainers_guide.ipynb"


def people(number: int, cause: str = "htpasswd-empty", *, solved: bool = True) -> list[Played]:
    return [Played(f"person {n}", cause, solved, 90 if solved else 10) for n in range(number)]


def graded(who: str, *faults: str, assessed: bool = True) -> Grade:
    parts = ({"name": "cause", "reply": "correct", "why": "", "points": 20, "of": 20},)
    return Grade("x.jsonl", who, "final", 1, faults, "correct", 90, parts, assessed=assessed)


def test_the_file_and_the_catalogue_have_the_same_causes() -> None:
    known = statistics("")
    assert set(known.causes) == {*pool(FINAL), HEALTHY}
    assert known.catalogue == CATALOGUE
    assert known.method == measure.METHOD
    assert [(r["who"], r["does"]) for r in known.learners] == [(k, does) for k, (does, _) in measure.KINDS.items()]
    assert {(i.by, i.rounds) for i in known.causes.values()} == {("simulated", len(measure.KINDS) * measure.ROUNDS)}


@pytest.mark.parametrize("cause", ["authorization-stripped", "cors-wildcard-with-credentials", HEALTHY])
def test_the_script_measures_again_what_the_file_says(cause: str) -> None:
    again = items(measure.rounds([cause]), "simulated")[cause]
    published = statistics("").causes[cause]
    print(cause, again)
    assert (again.rounds, again.solved, again.points) == (published.rounds, published.solved, published.points)


def test_kinds_of_learners_differ_and_causes_differ() -> None:
    known = statistics("")
    means = {r["who"]: r["mean"] for r in known.learners}
    assert means["by lot"] <= 15
    assert means["paste"] <= 60
    assert means["careful"] >= 90
    assert len({i.share for i in known.causes.values()}) >= 4


def test_discrimination_tells_who_can_do_it() -> None:
    able = [(n, 20 * n) for n in range(5)]
    rows = [Played(f"p{n}", cause, points > 50, points) for n, points in able for cause in ("a", "b")]
    rows += [Played(f"p{n}", "c", True, 90) for n, _ in able]
    found = items(rows, "class")
    assert found["a"].discrimination == 1.0
    assert found["c"].discrimination is None
    assert items(rows[:4], "class")["a"].discrimination is None


def test_a_class_counts_when_enough_different_people_met_a_cause() -> None:
    known = statistics("")
    before = known.causes["htpasswd-empty"]
    assert with_class(known, people(ENOUGH - 1)) == known
    assert with_class(known, people(1) * ENOUGH) == known
    new = with_class(known, [*people(ENOUGH), *people(ENOUGH, solved=False)])
    item = new.causes["htpasswd-empty"]
    assert (item.by, item.rounds, item.solved) == ("class", ENOUGH, ENOUGH), "of each person the first round counts"
    assert new.causes["authorization-stripped"] == known.causes["authorization-stripped"]
    assert before.by == "simulated"
    assert "for 1 cause, people of classes" in new.origin()


def test_only_rounds_that_the_trainer_kept_and_that_are_about_one_cause_count() -> None:
    rows = [
        graded("a", "htpasswd-empty"),
        graded("b", "htpasswd-empty", assessed=False),
        graded("c", "x", "y"),
        graded("d"),
    ]
    assert [(p.who, p.cause) for p in played(rows)] == [("a", "htpasswd-empty"), ("d", HEALTHY)]


def test_the_figures_are_shown_where_rounds_are_offered_and_say_whose_they_are() -> None:
    lesson = Practice("htpasswd", 3, only="htpasswd-empty")
    story = repr(lesson.story())
    lesson.close()
    one_class = as_html([graded(f"p{n}", "htpasswd-empty") for n in range(ENOUGH)])
    for shown in (story, repr(Course().shown()), repr(measured()), as_html([graded("a", "htpasswd-empty")]), one_class):
        assert "simulated learners of 6 kinds, not people" in shown
    assert "simulated learners solved" in repr(peek("htpasswd", 3, 1))
    assert "htpasswd-empty" not in story
    assert "<td>simulated</td>" in as_html([graded("a", "htpasswd-empty")])
    assert "<td>class</td>" in one_class
    assert f"{ENOUGH} different people" in GUIDE.read_text()


def test_the_command_writes_them_and_the_variable_names_them(tmp_path: Path, monkeypatch, capsys) -> None:
    nothing, file = tmp_path / "none.jsonl", tmp_path / "class.json"
    nothing.write_text("{}")
    assert main(["grade", str(nothing), "--difficulty", str(file)]) == 2
    assert statistics(str(file)) == statistics("")
    row = json.loads(file.read_text())
    row["causes"]["htpasswd-empty"] |= {"by": "class", "solved": 1}
    file.write_text(json.dumps(row))
    monkeypatch.setenv(PLACE, str(file))
    assert statistics().causes["htpasswd-empty"].solved == 1
    monkeypatch.setenv(PLACE, str(nothing))
    assert main(["grade", str(nothing)]) == 2
    assert "holds no figures of difficulty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "bad",
    [b"", b"[]", b"[" * 100_000, b'{"tool": 1}', b"\xff", b'{"tool": "runbook difficulty", "schema": 1, "causes": 3}'],
)
def test_what_is_no_such_file_is_a_sentence(bad: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bad)
    with pytest.raises(LabError, match="holds no figures"):
        statistics(str(tmp_path / "x"))
