"""What was done in a round, as an append-only log: one line of JSON for each event, each bound to the one before it.

A log says what was done and a digest of what was seen. Nothing else in it is believed: whoever grades it draws the round
again and does the same, so hints, attempts and wrong names are counted by the replay, not read from the file.
The chain shows that a file was cut or edited; it cannot show that somebody else did the round. Only an assessed round can.
"""

import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runbook.collect.read import whole
from runbook.lab import LabError

SCHEMA = 2
TOOL = "runbook training"
LARGEST = 1 << 20
"""Bytes of a log."""
MOST = 400
"""Events of a log."""
_ACTIONS: dict[str, dict[str, Callable[[Any], bool]]] = {}
"""What each kind of event is made with, and what that may be."""


def _words(most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= most


def _numbers(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 100 and all(type(n) is int for n in value)


def _names(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 50 and all(_inside(n) for n in value)


def _texts(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= 50
        and all(_inside(n) and isinstance(t, str) and len(t) <= 200_000 for n, t in value.items())
    )


def _inside(name: object) -> bool:
    """A relative path that stays in the project."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 200
        and not name.startswith("/")
        and ".." not in Path(name).parts
        and not set(name) & {"\0", "\\"}
    )


_REQUEST = {"way": _words(10), "login": _words(10), "path": _words(300), "method": _words(10)}
_ACTIONS |= {
    "predict": {**_REQUEST, "expect": _words(40)},
    "ask": _REQUEST,
    "look": {"name": _words(200)},
    "logs": {"service": _words(20)},
    "files": {"written": _texts, "removed": _names, "folders": _names, "opened": _names},
    "apply": {},
    "hint": {},
    "name": {"cause": _words(80), "cite": _numbers, "instead_of": _words(80)},
    "rival": {"cause": _words(80), "cite": _numbers},
    "check": {},
    "give_up": {},
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done."""

    at: float
    """Seconds since the round began, by the clock of whoever keeps the log."""
    do: str
    given: dict[str, Any]
    saw: str = ""
    """Digest of what came back, without what differs between two runs."""
    chain: str = ""


@dataclass(slots=True)
class Log:
    """A round as it went."""

    round: str
    seed: int
    faults: int | None
    only: str
    learner: str
    version: str
    catalogue: int
    ports: list[int] = field(default_factory=list)
    """The published ports of registry and UI in the files; another machine takes others."""
    events: list[Event] = field(default_factory=list)
    proxy: str = ""
    """What stands in front, where somebody asked for it."""
    seal: str = ""
    """Made by the trainer's server with the secret of the class."""

    def head(self) -> str:
        """The first line."""
        left_out = ("events", "seal") if self.proxy else ("events", "seal", "proxy")
        rows = {name: value for name, value in asdict(self).items() if name not in left_out}
        return json.dumps({"schema": SCHEMA, "tool": TOOL, **rows})

    def add(self, at: float, do: str, given: dict[str, Any], saw: str = "") -> Event:
        """Append an event; returns it with its place in the chain."""
        event = Event(round(at, 1), do, given, saw)
        event = Event(event.at, do, given, saw, _link(self._last(), event))
        self.events.append(event)
        return event

    def _last(self) -> str:
        return self.events[-1].chain if self.events else hashlib.sha256(self.head().encode()).hexdigest()

    def sealed(self, secret: bytes) -> str:
        """The seal that the whole log has under that secret."""
        return hmac.new(secret, self._last().encode(), hashlib.sha256).hexdigest()

    def text(self) -> str:
        """The log as it is kept."""
        lines = [self.head(), *(json.dumps(asdict(event)) for event in self.events)]
        lines += [json.dumps({"seal": self.seal})] if self.seal else []
        return "\n".join(lines) + "\n"

    def save(self, path: Path) -> None:
        """Write it whole or not at all, for this user alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".round-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(self.text())
        os.replace(name, path)


def _link(before: str, event: Event) -> str:
    row = json.dumps([before, event.at, event.do, event.given, event.saw], sort_keys=True)
    return hashlib.sha256(row.encode()).hexdigest()


def load(path: Path) -> Log:
    """Read a log; `LabError` with a sentence for what is none, or was changed."""
    try:
        lines = whole(path, LARGEST).decode("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise LabError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise LabError(f"{path}: {_older(path) or 'this is no log of a round'}") from None
    if not rows or not isinstance(rows[0], dict) or rows[0].get("tool") != TOOL:
        raise LabError(f"{path}: this is no log of a round")
    if rows[0].get("schema") != SCHEMA:
        raise LabError(f"{path}: {_older(path)}")
    log = _head(rows[0], path)
    if rows[-1].keys() == {"seal"} if isinstance(rows[-1], dict) else False:
        log.seal = str(rows.pop()["seal"])[:200]
    if len(rows) - 1 > MOST:
        raise LabError(f"{path}: more than {MOST} events; the log was changed")
    for number, row in enumerate(rows[1:], 1):
        log.events.append(_event(row, log, number, path))
    return log


def _older(path: Path) -> str:
    try:
        schema = json.loads(whole(path, LARGEST)).get("schema")
    except (ValueError, OSError, RecursionError, AttributeError):
        return ""
    return f"its schema {str(schema)[:20]} is another one than {SCHEMA}; nothing in it could be replayed"


def _head(row: dict[str, Any], path: Path) -> Log:
    kinds: dict[str, Callable[[Any], bool]] = {
        "round": _words(20),
        "seed": lambda v: type(v) is int and abs(v) < 1 << 53,
        "faults": lambda v: v in (None, 0, 1, 2),
        "only": _words(80),
        "learner": _words(200),
        "version": _words(40),
        "catalogue": lambda v: type(v) is int,
        "proxy": _words(20),
        "ports": lambda v: _numbers(v) and len(v) == 2 and all(1024 <= p <= 65535 for p in v),
    }
    row = {"proxy": "", **row}
    for name, fits in kinds.items():
        if name not in row or not fits(row[name]):
            raise LabError(f'{path}: the field "{name}" is missing or of another kind; the log was changed')
    return Log(**{name: row[name] for name in kinds})


def _event(row: Any, log: Log, number: int, path: Path) -> Event:
    known = _ACTIONS.get(str(row.get("do"))) if isinstance(row, dict) else None
    given = row.get("given") if isinstance(row, dict) else None
    if known is None or not isinstance(given, dict) or given.keys() != known.keys():
        raise LabError(f"{path}: event {number} is none that a round makes; the log was changed")
    at, saw, chain = row.get("at"), row.get("saw"), row.get("chain")
    before = log.events[-1].at if log.events else 0.0
    if type(at) not in (int, float) or not before <= at < 1e7 or not isinstance(saw, str) or len(saw) > 64:
        raise LabError(f"{path}: event {number} has no place in time; the log was changed")
    if bad := [name for name, fits in known.items() if not fits(given[name])]:
        raise LabError(f'{path}: event {number} has a "{bad[0]}" of another kind; the log was changed')
    event = Event(float(at), row["do"], given, saw, str(chain))
    if _link(log._last(), Event(event.at, event.do, given, saw)) != chain:
        raise LabError(f"{path}: event {number} does not follow from the one before it; the log was changed")
    return event
