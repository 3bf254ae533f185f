"""How hard each cause is: shares of rounds that were solved, and by whom that was measured.

The figures that come with the package are those of simulated learners (tests/training/measure.py), and say so. A class's own
replace them, cause by cause, once enough different people have met it in rounds that the trainer's server kept.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from runbook.collect.read import whole
from runbook.lab import LabError
from runbook.report.block import Block, para, table
from runbook.training.catalogue import level, pool
from runbook.training.draw import FINAL, HEALTHY

ENOUGH = 30
"""Different people of classes who must have met a cause: with 30, a share of solved rounds is right to 9 points of a hundred
(its standard error), and a correlation of 0.36 is no chance."""
PLACE = "RUNBOOK_DIFFICULTY"
"""The variable that names the figures of a class's own, as `runbook grade --difficulty` wrote them."""
TOOL = "runbook difficulty"
_LARGEST = 1 << 18


@dataclass(frozen=True, slots=True)
class Played:
    """One round, as whoever judged it saw it."""

    who: str
    cause: str
    solved: bool
    points: int


@dataclass(frozen=True, slots=True)
class Item:
    """What was measured of one cause."""

    by: Literal["simulated", "class"]
    rounds: int
    solved: int
    points: float
    """Mean of points."""
    discrimination: float | None
    """Correlation, over those who played it, of the points here with the mean of points in all other causes; None where
    nobody differs."""

    @property
    def share(self) -> int:
        """Solved rounds of a hundred."""
        return round(100 * self.solved / self.rounds)

    def words(self) -> str:
        """As a sentence says it."""
        who = "simulated learners" if self.by == "simulated" else "people of classes"
        return f"{who} solved {self.solved} of {self.rounds} such rounds (mean {self.points:.0f} points)"


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures, and how they came about."""

    measured: str
    catalogue: int
    version: str
    method: str
    learners: tuple[dict[str, Any], ...]
    """The simulated ones: who, does, rounds, solved, mean."""
    causes: dict[str, Item]

    def text(self) -> str:
        """As a file."""
        rows = {cause: asdict(item) for cause, item in sorted(self.causes.items())}
        body = {"schema": 1, "tool": TOOL, **asdict(self), "causes": rows}
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"

    def origin(self) -> str:
        """Who was measured, when, and on what; said wherever a figure is shown."""
        people = sum(item.by == "class" for item in self.causes.values())
        who = f"simulated learners of {len(self.learners)} kinds, not people"
        if people:
            who += f"; since then, for {people} cause{'s' if people > 1 else ''}, people of classes"
        return f"Measured {self.measured} on catalogue {self.catalogue}: {who}."

    def of(self, causes: Iterable[str]) -> str:
        """The share of solved rounds over several causes: "41 %", or that nobody measured it."""
        found = [self.causes[c] for c in causes if c in self.causes]
        rounds = sum(item.rounds for item in found)
        return f"{100 * sum(item.solved for item in found) / rounds:.0f} %" if rounds else "not measured"


def items(played: Iterable[Played], by: Literal["simulated", "class"]) -> dict[str, Item]:
    """What these rounds say of each cause."""
    rows = list(played)
    found = {}
    for cause in sorted({row.cause for row in rows}):
        here = [row for row in rows if row.cause == cause]
        pairs = []
        for who in sorted({row.who for row in here}):
            rest = [row.points for row in rows if row.who == who and row.cause != cause]
            if rest:
                pairs.append((mean(row.points for row in here if row.who == who), mean(rest)))
        points = round(mean(row.points for row in here), 1)
        found[cause] = Item(by, len(here), sum(row.solved for row in here), points, _correlation(pairs))
    return found


def _correlation(pairs: list[tuple[float, float]]) -> float | None:
    if len(pairs) < 3:
        return None
    left, right = (mean(side) for side in zip(*pairs, strict=True))
    together = sum((a - left) * (b - right) for a, b in pairs)
    spread = sqrt(sum((a - left) ** 2 for a, _ in pairs) * sum((b - right) ** 2 for _, b in pairs))
    return round(together / spread, 2) if spread > 1e-9 else None


def with_class(known: Statistics, played: Iterable[Played]) -> Statistics:
    """The figures of a class in place of the simulated ones, for causes that ENOUGH different people have met. Of each
    person the first round with a cause counts: the second one measures what the first has taught."""
    first: dict[tuple[str, str], Played] = {}
    for row in played:
        first.setdefault((row.who, row.cause), row)
    theirs = {c: item for c, item in items(first.values(), "class").items() if item.rounds >= ENOUGH}
    if not theirs:
        return known
    return replace(known, causes={**known.causes, **theirs})


def statistics(file: str | None = None) -> Statistics:
    """The figures of that file, of the one that RUNBOOK_DIFFICULTY names, or of the package. `LabError` for a file of another kind."""
    place = os.environ.get(PLACE, "") if file is None else file
    if not place:
        return _packaged()
    try:
        return _read(whole(Path(place), _LARGEST))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LabError(f"{place} holds no figures of difficulty, as `runbook grade --difficulty` writes them") from None


@cache
def _packaged() -> Statistics:
    return _read(files("runbook.training").joinpath("difficulty.json").read_bytes())


def _read(data: bytes) -> Statistics:
    tree = json.loads(data.decode())
    if tree["tool"] != TOOL or tree["schema"] != 1:
        raise ValueError
    found = {}
    for cause, row in tree["causes"].items():
        item = Item(row["by"], int(row["rounds"]), int(row["solved"]), float(row["points"]), row["discrimination"])
        if item.by not in ("simulated", "class") or not 0 <= item.solved <= item.rounds or not item.rounds:
            raise ValueError
        if item.discrimination is not None and not -1 <= item.discrimination <= 1:
            raise ValueError
        if cause in (*pool(FINAL), HEALTHY):
            found[cause] = item
    learners = tuple(
        {"who": str(r["who"])[:80], "does": str(r["does"])[:300], "rounds": int(r["rounds"]), "solved": int(r["solved"]), "mean": float(r["mean"])}
        for r in tree["learners"][:20]
    )  # fmt: skip
    date.fromisoformat(tree["measured"])
    return Statistics(
        tree["measured"], int(tree["catalogue"]), str(tree["version"])[:40], str(tree["method"])[:2000], learners, found
    )


def measured() -> Block:
    """For the trainer: how hard each cause is, who was measured, and how."""
    known = statistics()
    kinds = [[r["who"], r["does"], f"{r['solved']} of {r['rounds']}", f"{r['mean']:.0f}"] for r in known.learners]
    order = sorted(known.causes.items(), key=lambda row: (-row[1].share, row[0]))
    rows = [
        (c, _level(c), f"{i.solved} of {i.rounds}", f"{i.points:.0f}", shown(i.discrimination), i.by) for c, i in order
    ]
    html = para(known.origin()) + para(known.method)
    html += table("The simulated learners", ("Learner", "What it does", "Solved", "Mean"), kinds)
    head = ("Cause", "Level", "Solved", "Mean", "Discrimination", "Measured with")
    html += table("Causes, the easiest first", head, rows)
    return Block(html, "\n".join([known.origin(), *("  ".join(row) for row in rows)]))


def _level(cause: str) -> str:
    return "–" if cause == HEALTHY else str(level(cause))


def shown(discrimination: float | None) -> str:
    """A correlation as a table shows it."""
    return "–" if discrimination is None else f"{discrimination:.2f}"


__all__ = ["ENOUGH", "Item", "Played", "Statistics", "items", "measured", "statistics", "with_class"]
