"""How hard each cause is for simulated learners: plays every round anew and writes runbook/training/difficulty.json.

    python -m tests.training.measure runbook/training/difficulty.json      # about ten minutes on two cores

Each kind of learner plays ROUNDS rounds about every cause of the catalogue, and as many without a fault. Kinds differ in what
they look at, and in nothing else that could be set to taste. A test plays some of the causes again and compares.
"""

import os
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from itertools import product
from pathlib import Path
from statistics import mean

from runbook import __version__
from runbook.training import Practice
from runbook.training.catalogue import CATALOGUE, POOLS, pool
from runbook.training.difficulty import Played, Statistics, items
from runbook.training.draw import FINAL, HEALTHY
from tests.training import learners

ROUNDS = 2
KINDS: dict[str, tuple[str, Callable[[Practice, random.Random], None]]] = {
    "by lot": (
        "clicks everything, pastes a sound project over it, names a cause of the list by lot, cites everything",
        learners.no_skill,
    ),
    "logs": (
        "reads the two logs after two requests, names what the tool says to them, applies that fix",
        lambda lesson, rng: learners.reader(lesson, "logs"),
    ),
    "files": (
        "reads the files after two requests, names what the tool says to them, applies that fix",
        lambda lesson, rng: learners.reader(lesson, "files"),
    ),
    "requests": (
        "knows what each cause of the list answers, predicts, asks, opens no file; where several fit, one by lot",
        learners.on_the_wire,
    ),
    "paste": (
        "hands everything to the tool, names its answer, cites everything, applies the right fix",
        lambda lesson, rng: learners.paste(lesson),
    ),
    "careful": (
        "predicts, cites what shows the cause and nothing else, rules a look-alike out, applies the right fix",
        lambda lesson, rng: learners.careful(lesson),
    ),
}
METHOD = (
    f"{len(KINDS)} kinds of simulated learners, each in {ROUNDS} rounds about every cause and {ROUNDS} without a fault, with seeds that follow "
    "from the number of the round. Solved: the fix and the cause are both right. Discrimination: the correlation of points here with the "
    "mean of points in all other causes. Programs, not people: the shares compare causes with each other and predict nobody's result."
)


def play(kind: str, cause: str, number: int) -> Played:
    """One round of one learner."""
    step = next((s for s, causes in POOLS[CATALOGUE].items() if cause in causes), FINAL)
    seed = 1000 * number + len(cause)
    only = {"faults": 0} if cause == HEALTHY else {"only": cause}
    lesson = Practice(step, seed, **only)
    try:
        KINDS[kind][1](lesson, random.Random(f"{kind}-{cause}-{number}"))
        verdict = lesson.verdict()
    finally:
        lesson.close()
    return Played(f"{kind} {number}", cause, verdict.reply == "correct", verdict.points)


def rounds(causes: Iterable[str]) -> list[Played]:
    """All rounds about these causes."""
    wanted = list(product(KINDS, causes, range(1, ROUNDS + 1)))
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as workers:
        return list(workers.map(play, *zip(*wanted, strict=True), chunksize=4))


def measure() -> Statistics:
    """The figures of the whole catalogue."""
    played = rounds((*pool(FINAL), HEALTHY))
    kinds = []
    for kind, (does, _) in KINDS.items():
        own = [row for row in played if row.who.rpartition(" ")[0] == kind]
        points = round(mean(row.points for row in own), 1)
        kinds.append(
            {"who": kind, "does": does, "rounds": len(own), "solved": sum(r.solved for r in own), "mean": points}
        )
    return Statistics(
        date.today().isoformat(), CATALOGUE, __version__, METHOD, tuple(kinds), items(played, "simulated")
    )


if __name__ == "__main__":
    statistics = measure()
    Path(sys.argv[1]).write_text(statistics.text(), encoding="utf-8")
    for row in statistics.learners:
        print(f"{row['who']}: mean {row['mean']} of {row['rounds']} rounds, {row['solved']} solved")
