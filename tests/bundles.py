"""A bundle is judged as `runbook diagnose bundle --format json` does, in this process.

Only the published contract is used (arguments, exit code, JSON), so these tests survive a change of the model.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runbook.cli import main

CODES = {"fault": (3,), "healthy": (0, 4), "inconclusive": (5,)}


@dataclass(frozen=True)
class Answer:
    """What one run said: exit code, the report (None when standard output is no JSON), everything printed."""

    code: int
    report: dict[str, Any] | None
    printed: str

    @property
    def verdict(self) -> str:
        return str((self.report or {}).get("verdict"))

    def causes(self, *keys: str) -> list[str]:
        """The causes named under these keys of the report (`causes` alone when none is given)."""
        return [c["cause"] for key in keys or ("causes",) for c in (self.report or {}).get(key, [])]

    @property
    def first(self) -> str | None:
        return next(iter(self.causes()), None)

    @property
    def head(self) -> tuple[str, str | None]:
        """Verdict and first cause: what a person acts on."""
        return self.verdict, self.first


def ask(folder: Path, args: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Answer:
    """Diagnose folder/bundle with these arguments and environment variables."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), _environment(env or {}), redirect_stdout(out), redirect_stderr(err):
        code = main(["diagnose", "bundle", "--format", "json", *args])
    try:
        report = json.loads(out.getvalue())
    except ValueError:
        report = None
    return Answer(code, report, out.getvalue() + err.getvalue())


def ask_files(
    folder: Path, files: Mapping[str, bytes], args: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Answer:
    """The same for files that are laid out below folder first."""
    for name, content in files.items():
        path = folder / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return ask(folder, args, env)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def wrong(expect: Mapping[str, Any], answer: Answer) -> list[str]:
    """What is wrong with an answer, by the rules of INTERFACE.md (Cases); empty when the case holds."""
    if answer.report is None:
        return [f"standard output is not one JSON object (exit {answer.code}): {answer.printed[:200]!r}"]
    found = []
    if answer.verdict != expect["verdict"]:
        found.append(f"verdict {answer.verdict} instead of {expect['verdict']}")
    if (cause := expect.get("cause")) and answer.first not in (cause, *expect.get("also", ())):
        found.append(f"first cause {answer.causes()[:3]} instead of {cause}")
    anywhere = answer.causes("causes", "warnings", "also_seen")
    found += [f"says nothing of {cause}" for cause in expect.get("warn", ()) if cause not in anywhere]
    found += [f"blames {cause}" for cause in expect.get("never", ()) if cause in answer.causes()]
    if answer.code not in CODES[expect["verdict"]]:
        found.append(f"exit {answer.code}")
    return found


@dataclass(frozen=True)
class FolderCase:
    """A case of one folder: case.yaml beside bundle/."""

    folder: Path
    about: str
    args: tuple[str, ...]
    env: dict[str, str]
    expect: dict[str, Any]

    def files(self) -> dict[str, bytes]:
        """The bundle: name → content."""
        root = self.folder / "bundle"
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def folder_cases(root: Path) -> list[FolderCase]:
    """All cases below a folder, in order; none when the folder is not there."""
    return [_load(path) for path in sorted(root.glob("*/case.yaml"))]


def _load(path: Path) -> FolderCase:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    args = tuple(str(arg) for arg in data.get("args") or ())
    env = {name: str(value) for name, value in (data.get("env") or {}).items()}
    return FolderCase(path.parent, data["about"], args, env, data["expect"])
