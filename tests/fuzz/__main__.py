"""Mutated files against every parser and the whole judge: `python -m tests.fuzz --minutes 60 [--seed N]`.

Finds what raises anything but the package's own errors, and what takes too long. The corpus are the
cases of the tests. Prints each new finding once, by the place where it was raised, and keeps its input.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from runbook.collect import Request, UsageError, collect
from runbook.collect.harvest import PARSERS, Harvest
from runbook.collect.unpack.texts import files_in
from runbook.judge import diagnose
from runbook.parse import ParseError
from runbook.parse.htpasswd import parse_htpasswd
from runbook.parse.logs import parse_log
from runbook.redact import Vault
from tests.case_files import all_cases
from tests.rewrites.forms import FORMS

SLOW = 5.0
SPECIAL = ["\x00", "\ufeff", "\r", "\n", "\t", "$", "${", "}", "{", "[", "]", "&a", "*a", "<<: *a", '"', "'", "\\", ";", ":",
           "#", "|", "%", "\x1b[31m", "\u202e", "é", "Authorization: Basic ", "HTTP/1.1 ", "$2y$05$", "-u a:b", "\x85", "😀",
           "9" * 40, "a" * 5000, "(" * 300, "level=error msg=", "panic: "]  # fmt: skip


def mutated(text: str, other: str, rng: random.Random) -> str:
    """A few random edits: cut, repeat, swap, insert, splice."""
    for _ in range(rng.randint(1, 6)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randint(0, 5):
            case 0:
                text = text[:at] + text[min(to, at + 40) :]
            case 1:
                text = text[:at] + text[at : at + 200] * rng.randint(2, 4) + text[at:]
            case 2:
                text = text[:at] + rng.choice(SPECIAL) + text[at:]
            case 3:
                start = rng.randint(0, max(0, len(other) - 1))
                text = text[:at] + other[start : start + rng.randint(1, 300)] + text[at:]
            case 4:
                lines = text.split("\n")
                rng.shuffle(lines)
                text = "\n".join(lines)
            case _:
                if text:
                    spot = rng.randrange(len(text))
                    text = (
                        text[:spot] + chr(rng.choice([rng.randint(0, 255), rng.randint(0, 0x2FFF)])) + text[spot + 1 :]
                    )
    return text[:200_000]


def once(kind: str, text: str) -> None:
    """One input through one parser, or through everything."""
    vault = Vault()
    if kind == "htpasswd":
        parse_htpasswd(text.encode("utf-8", "surrogatepass"), "htpasswd", vault)
    elif kind == "log":
        parse_log(text.split("\n"), "registry.log", vault)
    elif kind == "pasted":
        for file in files_in(text):
            if file.kind not in ("unknown", "evidence"):
                once(file.kind, file.text)
    elif kind == "compose":
        harvest = Harvest(vault)
        harvest.compose_texts["docker-compose.yml"] = text
        harvest.join_compose()
    else:
        PARSERS[kind](Harvest(vault), "file", text)  # type: ignore[index]


def whole(files: dict[str, str], folder: Path) -> None:
    """A mutated bundle through collect and diagnose; a rule that breaks counts as well."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    broken = [
        c for c in diagnose(collect(Request(paths=(str(folder),)), Vault())).diagnosis.checks if c.outcome == "error"
    ]
    if broken:
        raise AssertionError(f"rule {broken[0].rule}: {broken[0].reason}")


def dressed(files: dict[str, str], rng: random.Random) -> dict[str, bytes]:
    """A bundle in one of the forms of tests/rewrites, and then spoilt."""
    made = FORMS[rng.choice(list(FORMS))]({n: t.encode("utf-8", "surrogatepass") for n, t in files.items()})
    return {name: spoilt(data, rng) for name, data in (made or {}).items()}


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """A few random edits of bytes: cut, repeated, exchanged, put in."""
    for _ in range(rng.randint(0, 4)):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        match rng.randint(0, 4):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[at : at + 300] * rng.randint(2, 5) + data[at:]
            case 2:
                data = data[:at] + rng.choice(SPECIAL).encode() + data[at:]
            case 3:
                data = data[:at] + bytes(rng.randrange(256) for _ in range(4)) + data[at + 4 :]
            case _:
                data = data[:at] + data[min(to, at + 60) :]
    return data[:2_000_000]


def unpacked(files: dict[str, bytes], folder: Path) -> None:
    """A dressed bundle through collect; a part over which runbook breaks counts as well."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    broken = [p for p in collect(Request(paths=(str(folder),)), Vault()).problems if "please report it" in p.message]
    if broken:
        raise AssertionError(f"{broken[0].place}: {broken[0].message}")


def main() -> int:
    """Run for the time given; 1 when anything was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=1.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, help="folder for inputs that broke something")
    given = options.parse_args()
    rng = random.Random(given.seed)
    corpus = [dict(case.files) for case in all_cases()]
    texts = [text for files in corpus for text in files.values()]
    kinds = [*PARSERS, "htpasswd", "log", "log", "compose", "pasted"]
    found: Counter[str] = Counter()
    runs = 0
    end = time.monotonic() + given.minutes * 60
    while time.monotonic() < end:
        runs += 1
        began = time.monotonic()
        sample: object = None
        try:
            if runs % 10 in (3, 6, 9):
                odd = dressed(rng.choice(corpus), rng)
                sample = odd
                with tempfile.TemporaryDirectory() as folder:
                    unpacked(odd, Path(folder))
            elif runs % 10 == 0:
                files = {n: mutated(t, rng.choice(texts), rng) for n, t in rng.choice(corpus).items()}
                sample = files
                with tempfile.TemporaryDirectory() as folder:
                    whole(files, Path(folder))
            else:
                kind, text = rng.choice(kinds), mutated(rng.choice(texts), rng.choice(texts), rng)
                sample = (kind, text)
                once(kind, text)
        except (ParseError, UsageError):
            pass
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} {str(error)[:80]}"
            _tell(name, found, given.keep, sample)
        if time.monotonic() - began > SLOW:
            _tell(f"slow: {time.monotonic() - began:.1f} s", found, given.keep, sample)
    print(f"{runs} inputs, {len(found)} kinds of finding")
    return 1 if found else 0


def _tell(name: str, found: Counter[str], keep: Path | None, sample: object) -> None:
    found[name] += 1
    if found[name] == 1:
        print(name, flush=True)
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{len(found):03}.txt").write_text(f"{name}\n{sample!r}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
