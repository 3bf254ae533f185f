"""`runbook grade FILE...`: checks saved rounds again, on the trainer's machine, and makes a table for a class.

Nothing is believed that can be checked: the faults are drawn again from the seed, the learner's files are
put into force in a lab, and the cited evidence is judged anew. Only the time is as the file says.
"""

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path

from runbook.lab import Lab, LabError
from runbook.lab.plan import Plan
from runbook.training import project
from runbook.training.draw import draw
from runbook.training.judge import Verdict, judge
from runbook.training.record import Record, load
from runbook.training.veil import bring_back


@dataclass(frozen=True, slots=True)
class Grade:
    """One file's result; `problem` says why there is none."""

    file: str
    record: Record | None = None
    faults: tuple[str, ...] = ()
    verdict: Verdict | None = None
    problem: str = ""

    @property
    def who(self) -> str:
        """The learner, or the file's name."""
        return (self.record.learner if self.record else "") or Path(self.file).stem


def grade(path: Path) -> Grade:
    """Check one saved round again. What is wrong with the file is said in the result, not raised."""
    try:
        record = load(path)
        drawn = draw(record.round, record.seed, record.faults)
        before = copy.deepcopy(drawn.plan)
        files = {name: bring_back(_moved(text, record, before), before) for name, text in record.files.items()}
        plan = project.read(files, before, record.directories)
        with Lab(backend="embedded", plan=plan) as lab:
            return Grade(str(path), record, drawn.faults, judge(record, drawn, lab, lab.plan))
    except LabError as error:
        return Grade(str(path), problem=str(error))


def _moved(text: str, record: Record, plan: Plan) -> str:
    """The text with the learner's ports replaced by those that are free here."""
    here = dict(zip(map(str, record.ports), (plan.registry_port, plan.ui_port), strict=True))
    return re.sub(r"\d+", lambda match: str(here.get(match[0], match[0])), text)


def as_json(grades: list[Grade]) -> str:
    """The results for a program."""
    rows = [
        {
            "file": g.file,
            "learner": g.who,
            "problem": g.problem or None,
            "round": g.record.round if g.record else None,
            "seed": g.record.seed if g.record else None,
            "faults": list(g.faults),
            "reply": g.verdict.reply if g.verdict else None,
            "points": g.verdict.points if g.verdict else None,
            "parts": {p.name: {"points": p.points, "of": p.of, "why": p.why} for p in g.verdict.parts}
            if g.verdict
            else {},
            "shortcuts": list(g.verdict.shortcuts) if g.verdict else [],
        }
        for g in grades
    ]
    return json.dumps({"schema": 1, "tool": "runbook grade", "rounds": rows}, indent=2)


def as_text(grades: list[Grade]) -> str:
    """A table for the terminal."""
    head = ("learner", "round", "seed", "fix", "diagnosis", "method", "time", "points", "cause")
    rows = [head, *(tuple(_cells(g)) for g in grades)]
    widths = [max(len(row[n]) for row in rows if len(row) == len(head)) for n in range(len(head))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    return "\n".join(lines)


def _cells(g: Grade) -> list[str]:
    if not g.verdict or not g.record:
        return [g.who, f"not graded: {g.problem}"]
    points = [f"{p.points}/{p.of}" for p in g.verdict.parts]
    cause = " + ".join(g.faults) or "healthy"
    return [g.who, g.record.round, str(g.record.seed), *points, str(g.verdict.points), cause]


def as_html(grades: list[Grade]) -> str:
    """The class on one page, without network and scripts."""
    from runbook.report.block import css, esc, table

    head = ("Learner", "Round", "Seed", "Fix", "Diagnosis", "Method", "Time", "Points", "What it was")
    good = [[esc(c) for c in _cells(g)] for g in grades if g.verdict]
    bad = [[esc(c) for c in _cells(g)] for g in grades if not g.verdict]
    notes = [
        [esc(g.who), esc(part.name), esc(part.reply), esc(part.why)]
        for g in grades
        if g.verdict
        for part in g.verdict.parts
    ]
    body = table("Points", head, good) if good else ""
    body += table("Why", ("Learner", "Part", "Reply", "Why"), notes) if notes else ""
    body += table("Not graded", ("File", "Why"), bad) if bad else ""
    solved = sum(g.verdict.reply == "correct" for g in grades if g.verdict)
    summary = f"{len(grades)} round{'s' if len(grades) != 1 else ''}, {solved} solved."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        'initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        f'\'unsafe-inline\'"><meta name="color-scheme" content="light dark"><title>Practice results</title><style>{css()}</style>'
        f'</head><body class="rb rb-page"><main class="rb-main"><h1>Practice results</h1><p>{summary}</p>{body}</main></body></html>\n'
    )
