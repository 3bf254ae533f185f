"""The same answer wherever it is asked: whatever the hash seed, time zone, language, umask, order and age of the files."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from runbook.cli.diagnose import rendered
from runbook.collect.evidence_file import dump_evidence
from runbook.judge import diagnose
from runbook.report import render_html
from tests.case_files import Case, all_cases, judge

EVERY = int(os.environ.get("RUNBOOK_SAME", "16"))
"""Every so manieth case; RUNBOOK_SAME=1 takes all of them."""
SURROUNDINGS: dict[str, dict[str, str]] = {
    "plain": {"PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C.UTF-8"},
    "seed and time zone": {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland", "LANG": "C.UTF-8"},
    "no UTF-8, narrow": {"PYTHONHASHSEED": "1", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "40"},
    "backwards": {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "BACKWARDS": "1", "NO_COLOR": "1", "TERM": "dumb"},
}  # fmt: skip


def digests() -> dict[str, str]:
    """Case and view → digest, as this process makes them."""
    backwards = "BACKWARDS" in os.environ
    made = {}
    for case in all_cases()[::EVERY]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "incident"
            folder.mkdir(mode=0o700 if backwards else 0o755)
            run = judge(_turned(case, folder) if backwards else case, folder)
            run = diagnose(run.evidence)
            views: dict[str, Any] = {f: rendered(run, f, to_file=True) for f in ("json", "markdown", "junit", "sarif")}
            views |= {"page": render_html(run, when="now"), "evidence": dump_evidence(run.evidence, "0").decode()}
        for view, text in views.items():
            made[f"{case.path.stem} {view}"] = hashlib.sha256(text.replace(name, "FOLDER").encode()).hexdigest()
    return made


def _turned(case: Case, folder: Path) -> Case:
    """The case with its files written in the other order, at other times, with another mode."""
    os.umask(0o077)
    for age, (name, text) in enumerate(reversed(case.files.items())):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode(case.encoding.get(name, "utf-8")))
        os.utime(file, (10**9 + age, 10**9 + age))
    return case


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    return _ask("plain")


def _ask(surroundings: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "import json; from tests.test_same import digests; print(json.dumps(digests()))"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent.parent), **SURROUNDINGS[surroundings]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("surroundings", list(SURROUNDINGS)[1:])
def test_the_same_byte_for_byte(surroundings: str, expected: dict[str, str]) -> None:
    found = _ask(surroundings)
    assert len(found) == len(expected) >= 6 * 10
    assert sorted(k for k in expected if found.get(k) != expected[k]) == []
