"""How sure is sure: measures the printed figure against the truth of all cases, and fits it anew.

`python -m tests.calibrate` judges the own, the public and the untidy cases and prints, for each kind of certainty, how
often the first cause is right, the fitted (monotone) figures for `runbook/judge/certainty.py`, and the Brier scores
of tidy and untidy material beside that of always saying the mean.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from tests.case_files import all_cases, judge

HERE = Path(__file__).parent
PUBLIC = Path(os.environ.get("RUNBOOK_CASES", HERE.parent.parent / "shared" / "cases"))
Row = tuple[int, float, bool]
"""Certainty of the first cause, the printed figure, whether it is the right cause."""


def tidy() -> Iterator[Row]:
    """The own cases that have a cause."""
    for case in all_cases():
        if case.is_near_miss or case.expect.get("warning"):
            continue
        with TemporaryDirectory() as folder:
            yield from _row(judge(case, Path(folder)), (case.cause,))


def untidy() -> Iterator[Row]:
    """The recorded incidents: in company, and public ones. A fault found in a healthy folder is wrong."""
    for path in sorted((*(HERE / "untidy").glob("*/case.yaml"), *PUBLIC.glob("*/case.yaml"))):
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        args = [str(a) for a in case.get("args", ())]
        given = {a: b for a, b in pairwise(args) if a.startswith("--")}
        request = Request(
            paths=(str(path.parent / "bundle"),),
            user=given.get("--user"),
            password=str(case["env"][given["--password-env"]]) if "--password-env" in given else None,
            origin=given.get("--origin"),
        )
        expect = case["expect"]
        yield from _row(diagnose(collect(request, Vault())), (expect.get("cause", ""), *expect.get("also", ())))


def _row(run: Run, right: tuple[str, ...]) -> Iterator[Row]:
    if run.diagnosis.verdict == "fault":
        first = run.diagnosis.causes[0]
        yield int(first.certainty), first.confidence, first.cause in right


def fitted(rows: list[Row]) -> dict[int, float]:
    """Share that is right for each certainty, with one right and one wrong added, made monotone by pooling."""
    blocks: list[tuple[list[int], int, int]] = []
    for certainty in range(1, 6):
        mine = [ok for c, _, ok in rows if c == certainty]
        blocks.append(([certainty], sum(mine) + 1, len(mine) + 2))
        while len(blocks) > 1 and blocks[-2][1] / blocks[-2][2] > blocks[-1][1] / blocks[-1][2]:
            b, a = blocks.pop(), blocks.pop()
            blocks.append((a[0] + b[0], a[1] + b[1], a[2] + b[2]))
    return {c: round(ok / n, 2) for cs, ok, n in blocks for c in cs}


def brier(rows: list[Row]) -> tuple[float, float]:
    """Of the printed figures, and of always saying the mean."""
    mean = sum(ok for _, _, ok in rows) / len(rows)
    return (
        sum((p - ok) ** 2 for _, p, ok in rows) / len(rows),
        sum((mean - ok) ** 2 for _, _, ok in rows) / len(rows),
    )


def main() -> None:
    """Print the table."""
    one, other = list(tidy()), list(untidy())
    for name, rows in (("tidy", one), ("untidy", other)):
        ours, mean = brier(rows)
        print(f"{name}: {len(rows)} faults, {sum(ok for *_, ok in rows)} right, Brier {ours:.4f} (mean {mean:.4f})")
    for certainty in range(1, 6):
        mine = [ok for c, _, ok in (*one, *other) if c == certainty]
        print(f"certainty {certainty}: {sum(mine)} of {len(mine)} right")
    print("fitted:", fitted([*one, *other]))


if __name__ == "__main__":
    main()
