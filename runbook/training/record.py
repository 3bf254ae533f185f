"""What a learner did in a round, as it is kept on disk. Nothing in it is secret: passwords are never
written, and a hash in a file is replaced by whose password it is."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from runbook.collect.read import whole
from runbook.lab import LabError

SCHEMA = 1

Kind = Literal["request", "file", "log"]


@dataclass(frozen=True, slots=True)
class Observation:
    """Something the learner looked at; it can be cited by its number."""

    number: int
    kind: Kind
    what: str
    """What a list shows: "direct, the right login: 401"."""
    source: str
    """The file's or the log's name; for a request how it was made."""
    text: str
    """What was seen, without secrets."""
    predicted: str = ""
    """What the learner had said before that it would be."""
    came_true: bool | None = None


@dataclass(slots=True)
class Record:
    """A round as far as it has come."""

    round: str
    seed: int
    faults: int | None
    learner: str = ""
    seconds: float = 0.0
    observations: list[Observation] = field(default_factory=list)
    hints: int = 0
    named: dict[str, list[int]] = field(default_factory=dict)
    """Cause → numbers of the observations cited for it, as named last."""
    wrong: list[str] = field(default_factory=list)
    """Causes that were named and checked although they are none."""
    attempts: int = 0
    """How often changed files were put into force."""
    files: dict[str, str] = field(default_factory=dict)
    """The project's files as they are now; hashes are replaced."""
    directories: list[str] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    """The published ports of registry and UI in the files; another machine takes others."""
    gave_up: bool = False
    order: list[str] = field(default_factory=list)
    """What was done, in order: "request", "file", "log", "hint 1", "apply", "named X"."""

    def json(self) -> str:
        """The record as JSON."""
        return json.dumps({"schema": SCHEMA, "tool": "runbook training", **asdict(self)}, indent=2)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".record-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(self.json() + "\n")
        os.replace(name, path)


def load(path: Path) -> Record:
    """Read a record; `LabError` with a sentence for what is none."""
    try:
        tree = json.loads(whole(path, 8 << 20).decode("utf-8"))
    except OSError as error:
        raise LabError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise LabError(f"{path}: this is no JSON") from None
    if not isinstance(tree, dict) or tree.get("tool") != "runbook training":
        raise LabError(f"{path}: this is no record of a round")
    if tree.get("schema") != SCHEMA:
        raise LabError(f"{path}: schema {tree.get('schema')} is not known; update runbook")
    return _typed(tree, path)


def _typed(tree: dict[str, Any], path: Path) -> Record:
    """A record is somebody else's file: every field is looked at before it is used."""
    kinds: dict[str, Callable[[Any], bool]] = {
        "round": lambda v: isinstance(v, str),
        "seed": _whole,
        "faults": lambda v: v in (None, 0, 1, 2),
        "learner": lambda v: isinstance(v, str) and len(v) < 200,
        "seconds": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 1e8,
        "observations": lambda v: isinstance(v, list) and len(v) < 2000,
        "hints": lambda v: _whole(v) and 0 <= v <= 3,
        "named": lambda v: isinstance(v, dict) and all(isinstance(n, list) and all(map(_whole, n)) for n in v.values()),
        "wrong": _words,
        "attempts": _whole,
        "files": lambda v: isinstance(v, dict) and all(isinstance(t, str) for t in v.values()),
        "directories": _words,
        "modes": lambda v: isinstance(v, dict) and all(map(_whole, v.values())),
        "ports": lambda v: isinstance(v, list) and len(v) == 2 and all(map(_whole, v)),
        "gave_up": lambda v: isinstance(v, bool),
        "order": _words,
    }
    for name, fits in kinds.items():
        if name not in tree or not fits(tree[name]):
            raise LabError(f'{path}: the field "{name}" is missing or of another kind; the record was changed')
    for name in (*tree["files"], *tree["directories"]):
        if name.startswith("/") or ".." in Path(name).parts or "\0" in name or "\\" in name:
            raise LabError(f"{path}: a file name leads out of the project; the record was changed")
    try:
        observations = [Observation(**row) for row in tree["observations"]]
    except TypeError:
        raise LabError(f'{path}: the field "observations" is of another kind; the record was changed') from None
    return Record(**{name: tree[name] for name in kinds if name != "observations"}, observations=observations)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53


def _words(value: object) -> bool:
    return isinstance(value, list) and len(value) < 2000 and all(isinstance(v, str) for v in value)
