"""A learner's path: which causes were met, which come again, what is weak. Kept in one small file, if at all.

Boxes as Leitner had them: a cause that was named rightly moves up one box, one that was not goes back to the first and comes
again at once. Between two repetitions a new cause comes, by level.
"""

import json
import os
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from runbook.collect.read import whole
from runbook.lab import LabError
from runbook.report.block import Block, para, table
from runbook.rules import load as rules
from runbook.training.catalogue import level, pool
from runbook.training.difficulty import statistics
from runbook.training.draw import FINAL, HEALTHY, faults_of, link

INTERVALS = (0, 3, 9, 27, 81)
"""For each box: how many rounds pass before a cause comes again."""
BOXES = len(INTERVALS)
_HEALTHY_EVERY = 8
_MOST = 10_000
"""Seeds that are tried for a round about one cause."""


@dataclass(slots=True)
class Met:
    """What is kept of one cause."""

    box: int = 1
    last: int = 0
    """The number of the round in which it came last."""
    points: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Course:
    """The path so far."""

    file: Path | None = None
    rounds: int = 0
    met: dict[str, Met] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    """Rounds that were counted: the same one twice counts once."""

    def due(self, step: str = FINAL, proxy: str = "") -> list[str]:
        """Causes that come again now, the lowest box first."""
        here = [c for c in pool(step, proxy=proxy) if c in self.met]
        waiting = [c for c in here if self.rounds - self.met[c].last >= INTERVALS[self.met[c].box - 1]]
        return sorted(waiting, key=lambda c: (self.met[c].box, self.met[c].last))

    def next_seed(self, step: str = FINAL, proxy: str = "") -> int:
        """The seed of the next round: about a due cause, else about a new one of the lowest level; now and then healthy."""
        rng = random.Random(f"runbook-path-{step}-{self.rounds}-{len(self.links)}")  # noqa: S311
        wanted = self._wanted(step, rng, proxy)
        first = rng.randint(1, 1_000_000)
        taken = set(self.links)
        for seed in range(first, first + _MOST):
            if faults_of(step, seed, proxy) == wanted and link(step, seed, proxy=proxy) not in taken:
                return seed
        return first

    def _wanted(self, step: str, rng: random.Random, proxy: str) -> tuple[str, ...]:
        if self.rounds % _HEALTHY_EVERY == _HEALTHY_EVERY - 1:
            return ()
        new = [c for c in pool(step, proxy=proxy) if c not in self.met]
        due = self.due(step, proxy)
        if due and (not new or self.met[due[0]].box == 1 or self.rounds % 2):
            return (due[0],)
        lowest = min(map(level, new), default=0)
        return (rng.choice([c for c in (new or pool(step, proxy=proxy)) if not new or level(c) == lowest]),)

    def count(self, link: str, faults: tuple[str, ...], right: set[str], points: int) -> None:
        """Count a round that is over."""
        if link in self.links:
            return
        self.rounds += 1
        self.links = [*self.links, link][-500:]
        for cause in faults or (HEALTHY,):
            met = self.met.setdefault(cause, Met())
            met.box = min(BOXES, met.box + 1) if cause in right else 1
            met.last, met.points = self.rounds, [*met.points, points][-20:]
        self.save()

    def weak_step(self) -> str:
        """The step with the lowest mean of points, where two or more were met; "" before that."""
        steps: dict[str, list[int]] = {}
        for cause, met in self.met.items():
            if cause != HEALTHY:
                steps.setdefault(rules()[cause].step, []).extend(met.points)
        means = {step: sum(points) / len(points) for step, points in steps.items() if points}
        return min(means, key=lambda step: means[step]) if len(means) > 1 else ""

    def shown(self) -> Block:
        """How far one has come."""
        causes = pool(FINAL)
        met = [c for c in causes if c in self.met]
        weak = self.weak_step()
        head = f"You have met {len(met)} of {len(causes)} causes in {self.rounds} rounds" + (
            f"; {weak} is your weak step." if weak else "."
        )
        head += f" Due again: {len(self.due())}."
        known, rows = statistics(), []
        for n in (1, 2, 3):
            here = [c for c in causes if level(c) == n]
            boxes = [self.met[c].box for c in here if c in self.met]
            rows.append((str(n), str(len(boxes)), str(len(here)), str(sum(b >= 3 for b in boxes)), known.of(here)))
        titles = ("Level", "Met", "Of", "Known (box 3 or higher)", "Solved by others")
        html = para(head) + table("Levels", titles, rows) + para(f"Solved by others: {known.origin()}")
        lines = [f"level {a}: met {b} of {c}, known {d}, solved by others {e}" for a, b, c, d, e in rows]
        return Block(html, "\n".join([head, *lines, known.origin()]))

    def save(self) -> None:
        """Write it whole or not at all, if there is a file."""
        if self.file is None:
            return
        rows = {cause: {"box": m.box, "last": m.last, "points": m.points} for cause, m in self.met.items()}
        text = json.dumps(
            {"schema": 1, "tool": "runbook path", "rounds": self.rounds, "met": rows, "links": self.links}, indent=1
        )
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.file.parent, prefix=".path-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(text + "\n")
        os.replace(name, self.file)


def course(file: str = "") -> Course:
    """The path that is kept in that file; without one, a path that is forgotten. `LabError` for a file that holds none."""
    if not file or not Path(file).exists():
        return Course(Path(file) if file else None)
    try:
        tree = json.loads(whole(Path(file), 1 << 20).decode())
        if tree.get("tool") != "runbook path" or tree.get("schema") != 1:
            raise ValueError
        met = {
            str(cause): Met(
                min(BOXES, max(1, int(row["box"]))), int(row["last"]), [int(p) for p in row["points"]][-20:]
            )
            for cause, row in tree["met"].items()
            if cause in (*pool(FINAL), HEALTHY)
        }
        return Course(Path(file), int(tree["rounds"]), met, [str(link)[:60] for link in tree["links"]][-500:])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LabError(f"{file} holds no path of practice; give another name, and a new one begins there") from None
