"""Bundles full of secrets, run through every view; and what of them could be read afterwards."""

import base64
import contextlib
import html
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from runbook.cli import main
from runbook.cli.diagnose import rendered
from runbook.collect.evidence_file import load_evidence
from runbook.judge import diagnose
from runbook.redact import Vault
from tests.canary.place import Place
from tests.canary.places import places
from tests.canary.secrets import Mint, Secret, basic

FORMATS = ("text", "json", "markdown", "junit", "sarif")


@dataclass(frozen=True, slots=True)
class Placed:
    """A place with its secret in it."""

    place: Place
    shape: str
    secret: Secret
    text: str


def placed(shapes: int, seed: int = 1) -> list[Placed]:
    """Every place with so many of its shapes, other ones for another seed."""
    mint, found = Mint(seed), []
    for number, place in enumerate(places()):
        for step in range(min(shapes, len(place.shapes))):
            shape = place.shapes[(number + seed + step) % len(place.shapes)]
            secret = mint.make(shape)
            found.append(Placed(place, shape, secret, _written(place.text, secret.text)))
    return found


def _written(template: str, secret: str) -> str:
    spelled = {
        "§b": basic("anna", secret), "§6": base64.b64encode(secret.encode()).decode(),
        "§q": quote(secret, safe=""), "§j": json.dumps(secret)[1:-1], "§": secret,
    }  # fmt: skip
    # Only the marks, so that what is put in is not looked at again.
    return re.sub("§[b6qj](?![a-z])|§", lambda m: spelled[m[0]], template)


def bundles(rows: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Bundles with one file of each name at most."""
    waiting: dict[str, list[Placed]] = {}
    for row in rows:
        waiting.setdefault(row.place.file, []).append(row)
    while waiting:
        yield [queue.pop(0) for queue in waiting.values()]
        waiting = {name: queue for name, queue in waiting.items() if queue}


def leaks(rows: list[Placed], folder: Path) -> list[tuple[str, Placed]]:
    """Run a bundle; every (view, placement) in which a secret can be read, whole or in part."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / "bundle"
    for row in rows:
        file = bundle / row.place.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row.text, encoding="utf-8")
    views = _views(bundle, folder)
    return [
        (name, row) for row in rows for name, text in views.items() if any(form in text for form in row.secret.forms())
    ]


def _views(bundle: Path, folder: Path) -> dict[str, str]:
    """Name → text of all that a run leaves."""
    page, saved = folder / "report.html", folder / "evidence.json"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["diagnose", str(bundle), "--format", "json", "--report", str(page), "--save-evidence", str(saved)])
    assert code in (0, 2, 3, 4, 5), (code, err.getvalue())
    views = {"json": out.getvalue(), "stderr": err.getvalue()}
    if saved.exists():
        views |= {"evidence": _plain(saved.read_text()), "page": html.unescape(page.read_text())}
        run = diagnose(load_evidence(saved.read_bytes(), "e.json", Vault()))
        views |= {name: rendered(run, name, to_file=True) for name in FORMATS if name != "json"}
    return views


def _plain(text: str) -> str:
    """JSON with its escapes undone, so that a quote in a secret does not hide it."""
    return text + json.dumps(json.loads(text), ensure_ascii=False).replace("\\\\", "\\").replace('\\"', '"')


if __name__ == "__main__":
    import sys
    import tempfile
    import time
    from collections import Counter

    shapes, seed = int(sys.argv[1]), int(sys.argv[2])
    only = sys.argv[3] if len(sys.argv) > 3 else ""
    begun, total = time.monotonic(), 0
    seen: Counter[str] = Counter()
    lost: dict[tuple[str, str], list[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number, rows in enumerate(bundles(p for p in placed(shapes, seed) if only in p.place.file)):
            total += len(rows)
            for view, row in leaks(rows, Path(name) / str(number)):
                seen[view] += 1
                line = next((t for t in row.text.split("\n") if any(f in t for f in row.secret.forms())), row.text)
                lost.setdefault((row.place.file, line.strip()[:150]), []).append(view)
    for (file, line), views in sorted(lost.items()):
        print(f"{file:20} {line:150}  {' '.join(views)}")
    print(f"{total} placements, {len(lost)} leak: {dict(seen)}, {time.monotonic() - begun:.0f} s")
