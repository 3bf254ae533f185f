"""What was found, run by run, in one SQLite file: for going on after an interruption, and for what changed since when."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runbook.collect.request import UsageError
from runbook.fleet.inventory import Inventory
from runbook.fleet.one import Result

MIGRATIONS = (
    """
    CREATE TABLE run (id INTEGER PRIMARY KEY, fleet TEXT NOT NULL, digest TEXT NOT NULL, targets INTEGER NOT NULL,
                      started REAL NOT NULL, finished REAL);
    CREATE TABLE result (run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, target TEXT NOT NULL, at REAL NOT NULL,
                         state TEXT NOT NULL, data BLOB, PRIMARY KEY (run, target)) WITHOUT ROWID;
    CREATE TABLE finding (run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, target TEXT NOT NULL,
                          cause TEXT NOT NULL, PRIMARY KEY (run, target, cause)) WITHOUT ROWID;
    """,
    "CREATE INDEX run_of_fleet ON run (fleet, started); CREATE INDEX result_of_target ON result (target, run);",
)
"""Each brings the file from one version to the next; a script that was released is never changed."""
WINDOW = 60
"""Runs that trends and "since when" look back."""
_ABANDONED = 24 * 3600
"""Seconds after which an interrupted run is not gone on with: half of it would be yesterday's."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run of one fleet."""

    id: int
    started: float
    finished: float | None = None
    targets: int = 0


@dataclass(slots=True)
class Past:
    """Earlier runs, oldest first: each target's states, the causes that counted, how often each cause was found."""

    runs: list[Started] = field(default_factory=list)
    states: dict[str, dict[int, str]] = field(default_factory=dict)
    found: dict[tuple[int, str], frozenset[str]] = field(default_factory=dict)
    counts: dict[str, dict[int, int]] = field(default_factory=dict)


class Store:
    """The history of fleets. One run at a time writes to it: `opened` keeps the file to itself."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def begin(self, inventory: Inventory, now: float, *, fresh: bool = False) -> Started:
        """The interrupted run of the same targets, to go on with, or a new one."""
        row = self._db.execute(
            "SELECT id, started FROM run WHERE fleet = ? AND digest = ? AND finished IS NULL AND started > ? "
            "ORDER BY id DESC LIMIT 1",
            (inventory.name, inventory.digest, now - _ABANDONED),
        ).fetchone()
        with self._db:
            if row and not fresh:
                return Started(row[0], row[1], targets=len(inventory.targets))
            self._db.execute("DELETE FROM run WHERE fleet = ? AND finished IS NULL", (inventory.name,))
            made = self._db.execute(
                "INSERT INTO run (fleet, digest, targets, started) VALUES (?, ?, ?, ?)",
                (inventory.name, inventory.digest, len(inventory.targets), now),
            )
        return Started(made.lastrowid or 0, now, targets=len(inventory.targets))

    def record(self, run: int, result: Result, state: str, causes: frozenset[str], now: float) -> None:
        """Keep one result, whole or not at all. A target is recorded once a run."""
        with self._db:
            self._db.execute(
                "INSERT INTO result VALUES (?, ?, ?, ?, ?)",
                (run, result.target, now, state, msgspec.json.encode(result)),
            )
            self._db.executemany(
                "INSERT INTO finding VALUES (?, ?, ?)", [(run, result.target, c) for c in sorted(causes)]
            )

    def results(self, run: int) -> dict[str, Result]:
        """What was recorded of a run that is not yet old."""
        rows = self._db.execute("SELECT target, data FROM result WHERE run = ? AND data IS NOT NULL", (run,))
        return {target: msgspec.json.decode(data, type=Result) for target, data in rows}

    def finish(self, run: int, now: float, keep: int) -> None:
        """Close a run, and prune: of all but the two newest only states and causes stay, and those of `keep` runs."""
        with self._db:
            self._db.execute("UPDATE run SET finished = ? WHERE id = ?", (now, run))
            self._db.execute(
                "DELETE FROM run WHERE fleet = (SELECT fleet FROM run WHERE id = ?1) AND id NOT IN (SELECT id FROM run "
                "WHERE fleet = (SELECT fleet FROM run WHERE id = ?1) ORDER BY id DESC LIMIT ?2)",
                (run, keep),
            )
            self._db.execute(
                "UPDATE result SET data = NULL WHERE data IS NOT NULL AND run NOT IN (SELECT id FROM run "
                "WHERE fleet = (SELECT fleet FROM run WHERE id = ?1) ORDER BY id DESC LIMIT 2) "
                "AND run IN (SELECT id FROM run WHERE fleet = (SELECT fleet FROM run WHERE id = ?1))",
                (run,),
            )

    def runs(self, fleet: str, before: int | None = None) -> list[Started]:
        """The finished runs of a fleet, oldest first, as far back as is looked."""
        rows = self._db.execute(
            "SELECT id, started, finished, targets FROM run WHERE fleet = ? AND finished IS NOT NULL AND id < ? "
            "ORDER BY id DESC LIMIT ?",
            (fleet, before if before is not None else 1 << 62, WINDOW),
        ).fetchall()
        return [Started(*row) for row in reversed(rows)]

    def fleets(self) -> list[str]:
        """The names of all fleets in this file."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT fleet FROM run ORDER BY fleet")]

    def past(self, fleet: str, before: int | None = None) -> Past:
        """The earlier runs of a fleet, with the states of those targets that ever had a fault in them."""
        past = Past(self.runs(fleet, before))
        if not past.runs:
            return past
        span = (past.runs[0].id, past.runs[-1].id, fleet)
        window = "run IN (SELECT id FROM run WHERE id BETWEEN ? AND ? AND fleet = ? AND finished IS NOT NULL)"
        found: dict[tuple[int, str], set[str]] = defaultdict(set)
        counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for run, target, cause in self._db.execute(f"SELECT run, target, cause FROM finding WHERE {window}", span):  # noqa: S608
            found[run, target].add(cause)
            counts[cause][run] += 1
        past.found = {key: frozenset(causes) for key, causes in found.items()}
        past.counts = {cause: dict(by_run) for cause, by_run in counts.items()}
        states = f"SELECT target, run, state FROM result WHERE {window} AND target IN (SELECT target FROM finding WHERE {window})"  # noqa: S608
        for target, run, state in self._db.execute(states, span + span):
            past.states.setdefault(target, {})[run] = state
        return past

    def totals(self, fleet: str) -> list[tuple[Started, dict[str, int]]]:
        """Each run with how many targets were in which state."""
        made = []
        for run in self.runs(fleet):
            rows = self._db.execute("SELECT state, count(*) FROM result WHERE run = ? GROUP BY state", (run.id,))
            made.append((run, dict(rows.fetchall())))
        return made

    def of_target(self, fleet: str, target: str) -> list[tuple[Started, str, list[str]]]:
        """One target, run by run: state and causes."""
        made = []
        for run in self.runs(fleet):
            row = self._db.execute("SELECT state FROM result WHERE run = ? AND target = ?", (run.id, target)).fetchone()
            if row:
                causes = self._db.execute("SELECT cause FROM finding WHERE run = ? AND target = ?", (run.id, target))
                made.append((run, str(row[0]), [str(cause) for (cause,) in causes]))
        return made


@contextmanager
def opened(path: Path, *, new: bool = True) -> Iterator[Store]:
    """The history in that file, brought to this version; `UsageError` where it is in use, damaged or too new."""
    if not new and not path.is_file():
        raise UsageError(f"There is no history at {path} yet; `runbook fleet INVENTORY` begins one.")
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=2)
        path.chmod(0o600)
        # Exclusive: a second run would ask every registry twice. The system lets go of it however this process ends.
        connection.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
        )
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path)
        yield Store(connection)
    except sqlite3.OperationalError as error:
        busy = "locked" in str(error)
        why = "another run uses it; wait for that one" if busy else "the folder or the disk does not let it be written"
        raise UsageError(f"The history {path} cannot be used: {why}.") from None
    except sqlite3.DatabaseError:
        raise UsageError(f"{path} is no history of runbook, or it is damaged; move it away to start over.") from None
    finally:
        if connection is not None:
            connection.close()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise UsageError(f"The history {path} was written by a newer runbook.")
    for number in range(version, len(MIGRATIONS)):
        script = f"BEGIN EXCLUSIVE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        connection.executescript(script)
