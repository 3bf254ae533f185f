"""Every incident in every form: `python -m tests.rewrites [--forms a,b] [--only TEXT] [--folder CASES] [--sample N]`.

Prints per form the share of verdicts kept, the silently healthy ones and those that end with exit 2; then the misses.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.rewrites.forms import FORMS, LOSSY, NOTHING, rewritten
from tests.rewrites.incidents import Answer, Incident, answer, incidents

Row = tuple[str, str, Answer, Answer, Answer | None]
"""Incident, form, verdict as it is, in that form, and (for forms that do not carry all) without the file."""


def judged(job: tuple[Incident, list[str]]) -> list[Row]:
    """One incident as it is and in each of the forms that fit it."""
    incident, forms = job
    plain = without = None
    rows = []
    for name in forms:
        dressed = rewritten(name, incident)
        if dressed is None:
            continue
        plain = plain or answer(incident)
        if name in LOSSY and without is None:
            bare = rewritten(NOTHING, incident)
            without = answer(bare) if bare else Answer("")
        rows.append((incident.name, name, plain, answer(dressed), without if name in LOSSY else None))
    return rows


def outcome(plain: Answer, dressed: Answer, without: Answer | None) -> str:
    """In a word, what became of the verdict."""
    if dressed.verdict in ("crash", "exit 2"):
        return dressed.verdict if dressed.verdict != plain.verdict else "kept"
    if dressed.same(plain) or (without is not None and (dressed.same(without) or dressed.verdict == "inconclusive")):
        return "kept"
    if dressed.verdict == "healthy":
        return "another" if plain.cause in dressed.warned else "silently healthy"
    return "gave up" if dressed.verdict == "inconclusive" else "another"


def main() -> int:
    """Run all and print the table; 1 below the bars of the project."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--forms", default="", help="some forms only, by the beginning of their name, with commas")
    options.add_argument("--only", default="", help="incidents whose name has this in it")
    options.add_argument("--folder", type=Path, help="folder of recorded incidents")
    options.add_argument("--sample", type=int, default=0, help="so many incidents only, drawn at random")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--misses", type=int, default=60, help="how many misses are printed")
    given = options.parse_args()
    wanted = [f for f in FORMS if not given.forms or f.startswith(tuple(given.forms.split(",")))]
    chosen = [i for i in incidents(given.folder) if given.only in i.name]
    if given.sample:
        chosen = random.Random(given.seed).sample(chosen, min(given.sample, len(chosen)))
    table: dict[str, Counter[str]] = defaultdict(Counter)
    misses = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for rows in pool.map(judged, [(i, wanted) for i in chosen], chunksize=4):
            for name, form, plain, dressed, without in rows:
                word = outcome(plain, dressed, without)
                table[form][word] += 1
                if word != "kept":
                    misses.append((form, word, name, plain, dressed))
    return _print(table, misses, given.misses)


def _print(table: dict[str, Counter[str]], misses: list[tuple[str, str, str, Answer, Answer]], most: int) -> int:
    words = ("kept", "gave up", "another", "silently healthy", "exit 2", "crash")
    print(f"{'form':<28}{'n':>6}" + "".join(f"{w:>18}" for w in words))
    total: Counter[str] = Counter()
    for form, row in table.items():
        total += row
        print(f"{form:<28}{row.total():>6}" + "".join(_cell(row, w) for w in words))
    print(f"{'all':<28}{total.total():>6}" + "".join(_cell(total, w) for w in words))
    for form, word, name, plain, dressed in misses[:most]:
        print(
            f"{word}: {name} as {form}: {plain.verdict} {plain.cause} → {dressed.verdict} {dressed.cause} {dressed.detail[:150]}"
        )
    bad = total["silently healthy"] + total["exit 2"] + total["crash"]
    return 0 if total.total() and total["kept"] >= 0.97 * total.total() and not bad else 1


def _cell(row: Counter[str], word: str) -> str:
    share = 100 * row[word] / row.total()
    return f"{row[word]:>10} ({share:5.1f})" if row[word] else f"{'-':>18}"


if __name__ == "__main__":
    sys.exit(main())
