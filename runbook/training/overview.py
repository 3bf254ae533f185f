"""The class: per learner, per cause, over the rounds; what was asked, in which order. For people as HTML, for others as CSV."""

import csv
import io
from collections.abc import Iterable
from statistics import mean

from runbook.rules import load
from runbook.training.difficulty import ENOUGH, Played, Statistics, shown, statistics, with_class
from runbook.training.draw import HEALTHY
from runbook.training.grade import HEAD, Grade, cells

CSV = ("learner", "round", "seed", "causes", "reply", "points", "fix", "cause", "evidence", "rival", "method", "seconds", "hints",
       "attempts", "wrong", "assessed", "problem")  # fmt: skip


def as_csv(grades: Iterable[Grade]) -> str:
    """One line for each round. Cells that a spreadsheet would take for a formula begin with an apostrophe."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(CSV)
    for g in grades:
        parts = {p["name"]: p["points"] for p in g.parts}
        row = [g.who, g.round, g.seed, " ".join(g.faults) or HEALTHY, g.reply, g.points]
        row += [parts.get(name, "") for name in ("fix", "cause", "evidence", "rival", "method")]
        row += [g.seconds, g.hints, g.attempts, " ".join(g.wrong), "yes" if g.assessed else "no", g.problem]
        writer.writerow([_plain(str(cell)) for cell in row])
    return sink.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def as_html(grades: list[Grade]) -> str:
    """The class on one page, without network and scripts."""
    from runbook.report.block import css
    from runbook.report.render import template

    good = [g for g in grades if not g.problem]
    known = with_class(statistics(), played(good))
    head = (
        "Cause",
        "Met",
        "Named right",
        "Named instead",
        "Mean",
        "Difficulty: solved",
        "Discrimination",
        "Measured with",
    )
    note = f"Difficulty: {known.origin()} A class's own results replace them for a cause that {ENOUGH} people have met in assessed rounds."
    tables = [
        ("Rounds", [h.capitalize() for h in HEAD], [cells(g) for g in good]),
        ("Learners", ("Learner", "Rounds", "Mean", "Solved", "Weak step", "First to last"), _learners(good)),
        ("Causes", head, _causes(good, known)),
        ("Why", ("Learner", "Part", "Reply", "Why"), [(g.who, p["name"], p["reply"], p["why"]) for g in good for p in g.parts]),
    ]  # fmt: skip
    bad = [cells(g) for g in grades if g.problem]
    solved = sum(g.reply == "correct" for g in good)
    kept = sum(g.assessed for g in good)
    summary = f"{len(grades)} round{'s' if len(grades) != 1 else ''}, {solved} solved; {kept} kept by the trainer's server, the others by learners."
    return template("training/class.html.j2").render(
        title="Practice results", summary=summary, tables=tables, good=good, bad=bad, note=note, css=css()
    )


def _learners(grades: list[Grade]) -> list[list[str]]:
    rows = []
    for who in sorted({g.who for g in grades}):
        own = [g for g in grades if g.who == who]
        points = [g.points for g in own]
        solved = sum(g.reply == "correct" for g in own)
        trend = " → ".join(map(str, points)) if len(points) > 1 else "one round"
        rows.append([who, str(len(own)), f"{mean(points):.0f}", f"{solved} of {len(own)}", weak_step(own), trend])
    return rows


def weak_step(grades: list[Grade]) -> str:
    """The step with the lowest mean, where more than one was met."""
    steps: dict[str, list[int]] = {}
    for g in grades:
        for cause in g.faults:
            steps.setdefault(load()[cause].step, []).append(g.points)
    return min(steps, key=lambda step: mean(steps[step])) if len(steps) > 1 else "not known yet"


def played(grades: Iterable[Grade]) -> list[Played]:
    """What counts for the figures of difficulty: rounds about one cause, or none, that the trainer's server kept."""
    return [
        Played(g.who, (*g.faults, HEALTHY)[0], g.reply == "correct", g.points)
        for g in grades
        if not g.problem and g.assessed and len(g.faults) < 2
    ]


def _causes(grades: list[Grade], known: Statistics) -> list[list[str]]:
    rows = []
    for cause in sorted({c for g in grades for c in (g.faults or (HEALTHY,))}):
        met = [g for g in grades if cause in (g.faults or (HEALTHY,))]
        right = sum(any(p["name"] == "cause" and p["reply"] == "correct" for p in g.parts) for g in met)
        instead = sorted({w for g in met for w in g.wrong})
        rows.append(
            [
                cause,
                str(len(met)),
                f"{right} of {len(met)}",
                ", ".join(instead) or "nothing",
                f"{mean(g.points for g in met):.0f}",
                known.of([cause]),
                shown(known.causes[cause].discrimination) if cause in known.causes else "–",
                known.causes[cause].by if cause in known.causes else "–",
            ]
        )
    return rows
