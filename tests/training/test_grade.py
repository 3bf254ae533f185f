"""A hand-in is replayed: made-up ones are refused, edited fields change nothing, hostile ones cost only themselves."""

import contextlib
import json
import os
import socket
import time
from pathlib import Path

import pytest

from runbook.cli import main
from runbook.lab import LabError
from runbook.training import Practice, project
from runbook.training.draw import ROUNDS, draw
from runbook.training.grade import grade, replay
from runbook.training.log import Log, load
from tests.training import learners

MADE_UP = [(name, seed) for name in ROUNDS for seed in (101, 102)]


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> tuple[Path, int]:
    """A careful learner's round, and what it was worth in play."""
    path = tmp_path_factory.mktemp("honest") / "round.jsonl"
    lesson = Practice("htpasswd", 3, faults=1, learner="ana")
    learners.careful(lesson)
    points = lesson.verdict().points
    lesson.save(str(path))
    lesson.close()
    return path, points


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def chained(head: dict, events: list[dict], path: Path) -> Path:
    """A log with these events and a chain that fits: what a forger with this package at hand writes."""
    names = ("round", "seed", "faults", "only", "learner", "version", "catalogue", "ports")
    log = Log(**{name: head[name] for name in names})
    for event in events:
        log.add(event["at"], event["do"], event["given"], event["saw"])
    log.save(path)
    return path


def test_a_replayed_round_is_worth_what_it_was_in_play(honest) -> None:
    path, points = honest
    result = grade(path)
    assert not result.problem
    assert (result.points, result.reply, result.learner) == (points, "correct", "ana")
    assert points >= 90
    assert not result.assessed


@pytest.mark.parametrize(("name", "seed"), MADE_UP)
def test_a_hand_in_that_was_made_without_a_lab_is_refused(name: str, seed: int, tmp_path: Path) -> None:
    """The old kind, and its like in the new kind: sound files, the broken files "looked at", the right cause named."""
    drawn = draw(name, seed)
    old = tmp_path / "old.json"
    old.write_text(
        json.dumps({"schema": 1, "tool": "runbook training", "round": name, "seed": seed, "seconds": 61}, indent=2)
    )
    assert "schema 1" in replay(old).problem
    files = {n: d.decode("utf-8", "surrogateescape") for n, d in project.files(drawn.plan).items()}
    fixed = {n: d.decode("utf-8", "surrogateescape") for n, d in project.files(drawn.fixed()).items()}
    log = Log(name, seed, None, "", "x", "0.1.0", drawn.catalogue, [drawn.plan.registry_port, drawn.plan.ui_port])
    for number, file in enumerate(files):
        log.add(number, "look", {"name": file}, "0" * 32)
    for cause in drawn.truth:
        log.add(20, "name", {"cause": cause, "cite": [1, 2], "instead_of": ""})
    log.add(
        40, "files", {"written": fixed, "removed": sorted(files.keys() - fixed.keys()), "folders": [], "opened": []}
    )
    log.add(41, "apply", {})
    log.add(61, "check", {})
    log.save(tmp_path / "new.jsonl")
    result = replay(tmp_path / "new.jsonl")
    assert result.problem or result.points <= 15, result


def test_without_the_looks_a_made_up_hand_in_is_a_guess_worth_little(tmp_path: Path) -> None:
    drawn = draw("htpasswd", 3, 1)
    log = Log("htpasswd", 3, 1, "", "x", "0.1.0", drawn.catalogue, [drawn.plan.registry_port, drawn.plan.ui_port])
    log.add(5, "name", {"cause": drawn.faults[0], "cite": [1, 2], "instead_of": ""})
    log.add(6, "check", {})
    log.save(tmp_path / "x.jsonl")
    assert replay(tmp_path / "x.jsonl").points <= 15


@pytest.mark.parametrize("field", ["at", "given", "saw", "do"])
def test_an_edited_event_breaks_the_chain(field: str, honest, tmp_path: Path) -> None:
    lines = rows(honest[0])
    lines[3][field] = {"at": 9999.0, "given": {"way": "ui"}, "saw": "0" * 32, "do": "hint"}[field]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert "the log was changed" in replay(tmp_path / "x.jsonl").problem


def test_a_line_that_was_taken_out_breaks_the_chain(honest, tmp_path: Path) -> None:
    lines = honest[0].read_text().splitlines()
    (tmp_path / "x.jsonl").write_text("\n".join(lines[:4] + lines[5:]))
    assert "the log was changed" in replay(tmp_path / "x.jsonl").problem


def test_the_four_fields_that_were_believed_change_nothing(honest, tmp_path: Path) -> None:
    """hints, wrong, attempts and seconds: counted by the replay, whatever a file says."""
    path, points = honest
    lines = rows(path)
    edited = lines[0] | {"hints": 0, "wrong": [], "attempts": 1, "seconds": 61.0}
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, [edited, *lines[1:]])))
    result = replay(tmp_path / "x.jsonl")
    assert result.points == points
    assert result.seconds == lines[-1]["at"]


def test_what_was_seen_is_compared(honest, tmp_path: Path) -> None:
    head, *events = rows(honest[0])
    next(e for e in events if e["do"] == "ask")["saw"] = "0" * 32
    assert "something else was seen" in replay(chained(head, events, tmp_path / "x.jsonl")).problem


def test_hints_and_wrong_names_are_counted_by_the_replay(tmp_path: Path) -> None:
    lesson = Practice("htpasswd", 3, faults=1)
    lesson.hint()
    wrong = next(c for c in lesson.causes() if c not in (*lesson._drawn.faults, "healthy"))
    lesson.name(wrong)
    lesson.check()
    lesson.name(lesson._drawn.faults[0], instead_of=wrong)
    lesson.save(str(tmp_path / "x.jsonl"))
    lesson.close()
    result = replay(tmp_path / "x.jsonl")
    assert (result.hints, result.wrong) == (1, (wrong,))


def test_ports_in_use_and_umask_change_neither_draw_nor_grade(honest) -> None:
    path, points = honest
    log = load(path)
    held = [socket.socket() for _ in log.ports]
    for holder, port in zip(held, log.ports, strict=True):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are over do not count
        with contextlib.suppress(OSError):  # somebody else has it: as good
            holder.bind(("127.0.0.1", port))
            holder.listen()
    old = os.umask(0)
    try:
        result = replay(path)
        again = Practice("htpasswd", 3, faults=1)
        assert not set(again._log.ports) & set(log.ports)
        learners.careful(again)
        assert again.verdict().points == points
        again.close()
    finally:
        os.umask(old)
        for holder in held:
            holder.close()
    assert (result.points, result.problem) == (points, "")


def test_the_draw_does_not_change_with_the_faults_that_the_lab_has(monkeypatch) -> None:
    from runbook.lab import FAULTS

    before = [draw("final", seed).faults for seed in range(20)]
    monkeypatch.setitem(FAULTS, "a-new-one", FAULTS["htpasswd-empty"])
    assert [draw("final", seed).faults for seed in range(20)] == before


def test_another_catalogue_is_refused_by_name(honest, tmp_path: Path) -> None:
    head, *events = rows(honest[0])
    problem = replay(chained(head | {"catalogue": 7}, events, tmp_path / "x.jsonl")).problem
    assert "catalogue 7" in problem


def hostile(kind: str) -> dict[str, str]:
    aliases = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    deep = "a: " + "[" * 5000
    costly = "x:$2y$31$" + "a" * 53 + "\n"
    return {
        "aliases": {project.COMPOSE: aliases},
        "deep": {project.COMPOSE: deep},
        "bcrypt": {"auth/htpasswd": costly},
        "huge": {f"f{n}": "x" * 99_000 for n in range(9)},
    }[kind]


@pytest.mark.parametrize("kind", ["aliases", "deep", "bcrypt", "huge"])
def test_a_hostile_hand_in_costs_at_most_ten_seconds(kind: str, honest, tmp_path: Path) -> None:
    head, *events = rows(honest[0])
    files = hostile(kind)
    first = [e for e in events if e["do"] in ("ask",)][:2]
    change = {"written": files, "removed": [], "folders": [], "opened": []}
    row = {"at": 50.0, "do": "files", "given": change, "saw": ""}
    again = [{"at": 51.0 + n, "do": do, "given": {}, "saw": ""} for n, do in enumerate(["apply", "check"] * 20)]
    path = chained(head, [*first, row, *again], tmp_path / "x.jsonl")
    began = time.monotonic()
    result = grade(path)
    assert time.monotonic() - began < 30
    assert result.problem or result.points <= 15


def test_a_log_of_any_size_or_nonsense_is_a_sentence(tmp_path: Path) -> None:
    for name, data in {
        "big": b"{}" * (1 << 20), "none": b"", "list": b"[]\n", "deep": b"[" * 100_000, "binary": bytes(range(256)),
        "many": b'{"schema": 2, "tool": "runbook training"}\n' * 3,
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
        assert replay(tmp_path / name).problem


def test_files_do_not_lead_out_of_the_project(honest, tmp_path: Path) -> None:
    head, *events = rows(honest[0])
    change = {"written": {"../../x": "y"}, "removed": [], "folders": [], "opened": []}
    row = {"at": 1.0, "do": "files", "given": change, "saw": ""}
    assert "the log was changed" in replay(chained(head, [row, *events[:0]], tmp_path / "x.jsonl")).problem


def test_a_round_has_an_end(monkeypatch) -> None:
    monkeypatch.setattr("runbook.training.practice.MOST", 3)
    lesson = Practice("simplify", 1)
    for _ in range(3):
        lesson.ask()
    with pytest.raises(LabError, match="at most 3 steps"):
        lesson.ask()
    lesson.close()


def test_the_command_grades_a_class(honest, tmp_path: Path, capsys) -> None:
    path, points = honest
    bad = tmp_path / "bad.jsonl"
    bad.write_text("nonsense")
    page, table = tmp_path / "class.html", tmp_path / "class.csv"
    assert main(["grade", str(path), str(bad), "--html", str(page), "--csv", str(table)]) == 2
    out = capsys.readouterr().out
    assert "not graded" in out
    assert str(points) in out
    assert "ana" in page.read_text()
    assert table.read_text().count("\n") == 3
