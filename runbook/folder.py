"""The case folder: what was asked, the evidence of every run, the runs, the notes. One place for every kernel, the
command line and the report; for this user alone (0700, files 0600), and without a secret."""

import difflib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self
from zlib import crc32

from runbook import __version__, door
from runbook.collect import Request, UsageError
from runbook.collect.evidence_file import dump_evidence, load_evidence
from runbook.judge import Run
from runbook.model import Evidence
from runbook.redact import Vault, visible

VARIABLE = "RUNBOOK_CASE"
"""Environment variable with the folder: `runbook open` sets it for the kernels."""
NAME = "case"
_ASKED, _RUNS, _NOTES = "case.json", "runs.json", "notes.md"
_MOST_RUNS = 20
_MOST_FILES = 2000
_MOST_EDITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the case is about, as it was asked for. No password: only the NAME of the variable that holds it."""

    paths: tuple[str, ...] = ()
    """Absolute."""
    registry_url: str | None = None
    ui_url: str | None = None
    user: str | None = None
    password_env: str = "REGISTRY_PASSWORD"  # noqa: S105 (the name of a variable)
    origin: str | None = None
    cacert: str | None = None
    """Absolute."""
    insecure_http: bool = False
    lab: str = ""
    seen: str = ""
    """The state of the files when they were last read."""

    @property
    def request(self) -> Request:
        """The request, with the password that this process knows."""
        password = os.environ.get(self.password_env) if self.user else None
        return Request(
            paths=self.paths,
            registry_url=self.registry_url,
            ui_url=self.ui_url,
            user=self.user,
            password=password,
            origin=self.origin,
            cacert=self.cacert,
            insecure_http=self.insecure_http,
        )

    @property
    def can_be_asked(self) -> bool:
        """Whether it can be collected again: pasted text cannot, nor an address whose password is not known here."""
        live = bool(self.registry_url or self.ui_url)
        known = not (live and self.user) or bool(os.environ.get(self.password_env))
        return bool(self.paths or live) and known and all(Path(p).exists() for p in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One run of the case."""

    number: int
    when: str
    """ISO 8601 with the zone."""
    verdict: str
    causes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    """What had been changed in the files since the run before."""

    @property
    def clock(self) -> str:
        """The time of day."""
        return self.when[11:16]

    @property
    def words(self) -> str:
        """The verdict with its cause."""
        return f"{self.verdict}: {self.causes[0]}" if self.verdict == "fault" and self.causes else self.verdict


class CaseFolder:
    """A folder on disk. Whatever stands in it may have been changed by others: read with bounds, never trusted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def current(cls) -> Self | None:
        """The case that this process belongs to: the one named by the environment, else `case` beside the notebook."""
        named = os.environ.get(VARIABLE)
        if named and Path(named).is_dir():
            return cls(Path(named).resolve())
        places = () if named else (Path(NAME), Path("..") / NAME)
        return next((cls(p.resolve()) for p in places if (p / _ASKED).is_file()), None)

    @classmethod
    def make(cls, path: Path) -> Self:
        """A folder for a case, made if it is not there."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The case folder {path} cannot be made: {error.strerror}.") from None
        return cls(path.resolve())

    # what was asked

    def ask(self, asked: Asked) -> None:
        """Begin a case: what was known of another one goes, the notes stay."""
        if replace(asked, seen="") != replace(self.asked(), seen=""):
            for old in (*self.path.glob("run-*.json"), self.path / _RUNS):
                old.unlink(missing_ok=True)
        self._write(_ASKED, json.dumps({"runbook": __version__, **asdict(asked)}, indent=1))

    def asked(self) -> Asked:
        """What it is about; nothing where nobody asked yet."""
        found: dict[str, Any] = self._object(_ASKED)
        given = {f.name: found[f.name] for f in fields(Asked) if isinstance(found.get(f.name), str)}
        paths = found.get("paths")
        return Asked(
            **given,
            paths=tuple(map(str, paths)) if isinstance(paths, list) else (),
            insecure_http=found.get("insecure_http") is True,
        )

    # runs

    def keep(self, run: Run, vault: Vault) -> Recorded:
        """Add a run with its evidence; of runs beyond the last twenty only the line stays."""
        before = self.runs()
        number = before[-1].number + 1 if before else 1
        edits = tuple(_edits(self.evidence(before[-1].number), run.evidence)) if before else ()
        d = run.diagnosis
        recorded = Recorded(
            number=number,
            when=datetime.now().astimezone().isoformat(timespec="seconds"),
            verdict=d.verdict,
            causes=tuple(f.cause for f in d.causes),
            warnings=tuple(f.cause for f in d.warnings),
            edits=edits,
        )
        evidence = dump_evidence(run.evidence, __version__).decode()
        door.write(self.path / f"run-{number:04}.json", evidence, vault)
        self._write(_RUNS, json.dumps([asdict(r) for r in (*before, recorded)][-200:], indent=1), vault)
        for old in sorted(self.path.glob("run-*.json"))[:-_MOST_RUNS]:
            old.unlink(missing_ok=True)
        return recorded

    def runs(self) -> tuple[Recorded, ...]:
        """All runs, the oldest first."""
        found = self._object(_RUNS, list)
        rows = (_recorded(row) for row in found if isinstance(row, dict))
        return tuple(row for row in rows if row is not None)

    def evidence(self, number: int = 0) -> Evidence | None:
        """The evidence of a run, by default of the last; None where it is gone."""
        kept = sorted(self.path.glob("run-*.json"))
        file = self.path / f"run-{number:04}.json" if number else (kept[-1] if kept else self.path / "none")
        try:
            return load_evidence(file.read_bytes(), file.name, Vault())
        except (OSError, ValueError):
            return None

    @property
    def is_stale(self) -> bool:
        """Whether a file of the incident has changed since it was read."""
        asked = self.asked()
        return bool(asked.paths) and asked.seen != state(asked.paths)

    # notes

    def note(self, text: str, vault: Vault) -> None:
        """Add a line to the notes, with the time."""
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        self._write(_NOTES, f"{self.notes()}- {stamp} {vault.mask(' '.join(text.split()), 2000)}\n", vault)

    def notes(self) -> str:
        """The notes, as Markdown."""
        try:
            return (self.path / _NOTES).read_text(encoding="utf-8", errors="replace")[-100_000:]
        except OSError:
            return ""

    def _write(self, name: str, text: str, vault: Vault | None = None) -> None:
        door.write(self.path / name, text, vault or Vault())

    def _object(self, name: str, kind: type[Any] = dict) -> Any:
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return kind()
        return found if isinstance(found, kind) else kind()


def state(paths: tuple[str, ...]) -> str:
    """A word for the files as they are now: another one after any was changed, added or removed."""
    rows = (f"{f}:{s.st_mtime_ns}:{s.st_size}" for root in paths for f, s in islice(_files(Path(root)), _MOST_FILES))
    return f"{crc32(chr(10).join(rows).encode(errors='surrogatepass')):08x}"


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, below, names in os.walk(root) if root.is_dir() else [(str(root.parent), [], [root.name])]:
        below.sort()
        for name in sorted(names):
            path = Path(folder) / name
            try:
                yield str(path), path.stat()
            except OSError:
                continue


def _recorded(row: dict[str, Any]) -> Recorded | None:
    try:
        return Recorded(
            number=int(row["number"]),
            when=visible(str(row["when"]), 40),
            verdict=visible(str(row["verdict"]), 20),
            **{n: tuple(visible(str(t), 200) for t in row.get(n, ())[:50]) for n in ("causes", "warnings", "edits")},
        )
    except (KeyError, TypeError, ValueError):
        return None


def _edits(before: Evidence | None, now: Evidence) -> Iterator[str]:
    """What a person changed in the files between two runs, in words."""
    old = {f.path: f.lines for f in before.files if f.lines} if before else {}
    found = [edit for f in now.files if f.lines and f.path in old for edit in _changed(f.path, old[f.path], f.lines)]
    yield from found[:_MOST_EDITS]
    if len(found) > _MOST_EDITS:
        yield f"and {len(found) - _MOST_EDITS} more changes"


def _changed(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    words = {"delete": "deleted", "replace": "changed"}
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "insert":
            yield f"added {_lines(c, d)} to {name}"
        elif kind != "equal":
            yield f"{words[kind]} {_lines(a, b)} of {name}"


def _lines(first: int, end: int) -> str:
    return f"line {first + 1}" if end - first == 1 else f"lines {first + 1}–{end}"


__all__ = ["Asked", "CaseFolder", "Recorded", "state"]
