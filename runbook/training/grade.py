"""`runbook grade FILE...`: replays saved rounds on the trainer's machine, and makes a table for a class.

Nothing in a log is believed that can be replayed: the round is drawn again, every request is sent again, every file is
read and changed again, in that order, and what comes back is compared with what the log says was seen. Each log is
replayed in a process of its own, with a limit: one that is made to hang or to grow costs that much and only itself.
"""

import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runbook.lab import LabError
from runbook.training.log import Log, load
from runbook.training.practice import Practice

LIMIT = 10.0
"""Seconds of processor time that one log may take; four times as long by the clock, on a machine that is busy."""
_MEMORY = 1 << 30
_OF_PROXY = 8 << 30
"""Address space of a real proxy that a round starts: Go's programs reserve more than they use."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One log's result; `problem` says why there is none."""

    file: str
    learner: str = ""
    round: str = ""
    seed: int = 0
    faults: tuple[str, ...] = ()
    reply: str = ""
    points: int = 0
    parts: tuple[dict[str, Any], ...] = ()
    shortcuts: tuple[str, ...] = ()
    seconds: float = 0.0
    hints: int = 0
    attempts: int = 0
    wrong: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """What was asked and done, in order."""
    assessed: bool = False
    """Whether the trainer's server kept the log: only then is the learner known and the clock right."""
    problem: str = ""

    @property
    def who(self) -> str:
        """The learner, or the file's name."""
        return self.learner or Path(self.file).stem


def grade(path: Path, secret: bytes = b"", limit: float = LIMIT) -> Grade:
    """Replay one log in a process of its own. What is wrong with the file is said in the result, not raised."""
    command = [sys.executable, "-m", "runbook.training.grade", str(path), str(limit)]
    try:
        done = subprocess.run(
            command,
            input=secret,
            capture_output=True,
            timeout=4 * limit,
            check=False,
        )
        row = json.loads(done.stdout.decode() or "{}")
        for name in ("faults", "parts", "shortcuts", "wrong", "steps"):
            row[name] = tuple(row.get(name, ()))
        return (
            Grade(**row)
            if row.get("file")
            else Grade(str(path), problem=f"{path}: it took more than {limit:g} seconds of work, or too much memory")
        )
    except (subprocess.TimeoutExpired, ValueError, TypeError):
        return Grade(str(path), problem=f"{path}: it took more than {limit:g} seconds of work")


def replay(path: Path, secret: bytes = b"") -> Grade:
    """Draw the round of a log again and do what it says, in this process."""
    try:
        log = load(path)
        practice = Practice(
            log.round, log.seed, log.faults, log.learner, only=log.only, catalogue=log.catalogue, proxy=log.proxy
        )
    except LabError as error:
        return Grade(str(path), problem=str(error))
    try:
        _again(log, practice, path)
        verdict = practice.verdict()
    except LabError as error:
        return Grade(str(path), log.learner, log.round, log.seed, problem=str(error))
    finally:
        practice.close()
    answer = practice._answer
    sealed = bool(secret and log.seal) and hmac.compare_digest(log.seal, log.sealed(secret))
    return Grade(
        str(path), log.learner, log.round, log.seed, practice._drawn.faults, verdict.reply, verdict.points,
        tuple(asdict(part) for part in verdict.parts), verdict.shortcuts, log.events[-1].at if log.events else 0.0,
        answer.hints, answer.attempts, tuple(sorted(answer.wrong)), tuple(_step(e.do, e.given) for e in log.events), sealed,
    )  # fmt: skip


def _again(log: Log, practice: Practice, path: Path) -> None:
    """Every event of the log, in its order; `LabError` where something else comes back."""
    moved = _mover(log, practice)
    expect = ""
    for number, event in enumerate(log.events, 1):
        given, before = event.given, len(practice._answer.seen)
        if event.do == "predict":
            expect = str(given["expect"])
        elif event.do == "ask":
            practice.ask(given["way"], given["login"], given["path"], given["method"], expect)
            expect = ""
        elif event.do == "files":
            written = {name: moved(text) for name, text in given["written"].items()}
            practice.put(written, given["removed"], given["folders"], given["opened"])
        else:
            _DO[event.do](practice, given)
        if event.do in ("ask", "look", "logs"):
            _same(event.saw, practice, before, f"{path}: event {number}")


_DO: dict[str, Callable[[Practice, dict[str, Any]], object]] = {
    "look": lambda practice, given: practice.look(given["name"]),
    "logs": lambda practice, given: practice.logs(given["service"]),
    "apply": lambda practice, given: practice.apply(),
    "hint": lambda practice, given: practice.hint(),
    "name": lambda practice, given: practice.name(given["cause"], given["cite"], given["instead_of"]),
    "rival": lambda practice, given: practice.rule_out(given["cause"], given["cite"]),
    "check": lambda practice, given: practice.check(),
    "give_up": lambda practice, given: practice.give_up(),
}


def _same(saw: str, practice: Practice, before: int, where: str) -> None:
    if len(practice._answer.seen) == before:
        raise LabError(f"{where} looked at something that could not be seen then; the log was made up")
    if saw != practice._log.events[-1].saw:
        what = practice._answer.seen[-1].what
        raise LabError(f"{where} says that something else was seen ({what}); the log was made up")


def _mover(log: Log, practice: Practice) -> Callable[[str], str]:
    """The learner's ports replaced by those that are free here."""
    here = dict(zip(map(str, log.ports), map(str, practice._log.ports), strict=True))
    return lambda text: re.sub(r"(?<!\d)\d{4,5}(?!\d)", lambda match: here.get(match[0], match[0]), text)


def _step(do: str, given: dict[str, Any]) -> str:
    """One event in a few words."""
    words = {
        "predict": lambda g: f"expects {g['expect']}",
        "ask": lambda g: f"{g['method']} {g['path']} {g['way']} {g['login']}",
        "look": lambda g: f"reads {g['name']}",
        "logs": lambda g: f"log of {g['service']}",
        "files": lambda g: f"changes {', '.join([*g['written'], *g['removed']]) or 'folders'}",
        "name": lambda g: f"names {g['cause']}",
        "rival": lambda g: f"rules out {g['cause']}",
    }
    return words[do](given) if do in words else do.replace("_", " ")


def as_json(grades: list[Grade]) -> str:
    """The results for a program."""
    rows = [
        {
            "file": g.file, "learner": g.who, "problem": g.problem or None, "assessed": g.assessed, "round": g.round or None,
            "seed": None if g.problem else g.seed, "faults": list(g.faults), "reply": g.reply or None,
            "points": None if g.problem else g.points, "parts": {p["name"]: {k: p[k] for k in ("points", "of", "why")} for p in g.parts},
            "shortcuts": list(g.shortcuts), "seconds": g.seconds, "hints": g.hints, "attempts": g.attempts, "wrong": list(g.wrong),
            "steps": list(g.steps),
        }
        for g in grades
    ]  # fmt: skip
    return json.dumps({"schema": 2, "tool": "runbook grade", "rounds": rows}, indent=2)


HEAD = ("learner", "round", "seed", "fix", "cause", "evidence", "rival", "method", "points", "kept by", "what it was")


def as_text(grades: list[Grade]) -> str:
    """A table for the terminal."""
    rows = [HEAD, *(cells(g) for g in grades)]
    widths = [max(len(row[n]) for row in rows if len(row) == len(HEAD)) for n in range(len(HEAD))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join(lines)


def cells(g: Grade) -> tuple[str, ...]:
    """One row of the table."""
    if g.problem:
        return g.who, f"not graded: {g.problem}"
    points = [f"{p['points']}/{p['of']}" for p in g.parts]
    kept = "trainer" if g.assessed else "learner"
    return g.who, g.round, str(g.seed), *points, str(g.points), kept, " + ".join(g.faults) or "healthy"


def _child(path: str, limit: str) -> None:
    """The process of one log."""
    try:
        import resource

        seconds = int(float(limit))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _OF_PROXY))
    except (ImportError, ValueError, OSError):
        pass  # no such limits on this system: the clock of the parent is left
    sys.stdout.write(json.dumps(asdict(replay(Path(path), sys.stdin.buffer.read()))))
    sys.stdout.flush()
    os._exit(0)


__all__ = ["Grade", "as_json", "as_text", "grade", "replay"]

if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
