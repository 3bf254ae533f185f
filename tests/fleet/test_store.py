"""The history: nothing recorded is lost or repeated, old files are brought along, old runs are pruned."""

import sqlite3
from pathlib import Path

import pytest

from runbook.collect import UsageError
from runbook.fleet import store
from runbook.fleet.inventory import Inventory, Target
from runbook.fleet.one import Result
from runbook.fleet.store import opened

FLEET = Inventory("all", (Target("a", evidence=("a",)), Target("b", evidence=("b",))))
FAULT = frozenset({"no-v2-route"})


def night(file: Path, when: float, states: dict[str, str], keep: int = 90) -> int:
    with opened(file) as history:
        run = history.begin(FLEET, when)
        for name, state in states.items():
            history.record(run.id, Result(name, "healthy"), state, FAULT if state == "fault" else frozenset(), when)
        history.finish(run.id, when + 1, keep)
    return run.id


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "h"
    with opened(file) as history:
        first = history.begin(FLEET, 1000.0)
        history.record(first.id, Result("a", "healthy"), "healthy", frozenset(), 1001.0)
    with opened(file) as history:
        assert history.begin(FLEET, 1002.0).id == first.id
        assert set(history.results(first.id)) == {"a"}
        with pytest.raises(sqlite3.IntegrityError):
            history.record(first.id, Result("a", "healthy"), "healthy", frozenset(), 1003.0)


@pytest.mark.parametrize("why", ["fresh", "other", "late"])
def test_it_does_not_where_that_would_mix_two_nights(tmp_path: Path, why: str) -> None:
    with opened(tmp_path / "h") as history:
        first = history.begin(FLEET, 1000.0)
        history.record(first.id, Result("a", "healthy"), "healthy", frozenset(), 1001.0)
        other = Inventory("all", FLEET.targets[:1]) if why == "other" else FLEET
        again = history.begin(other, 1000.0 + 90_000 * (why == "late"), fresh=why == "fresh")
        assert history.results(again.id) == {}


def test_a_second_run_at_once_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "h") as history:
        history.begin(FLEET, 1.0)
        with pytest.raises(UsageError, match="another run"), opened(tmp_path / "h"):
            pass


@pytest.mark.parametrize("version", range(len(store.MIGRATIONS) + 1))
def test_files_of_every_earlier_version_are_brought_along(tmp_path: Path, version: int) -> None:
    file = tmp_path / "h"
    with sqlite3.connect(file) as old:
        for script in store.MIGRATIONS[:version]:
            old.executescript(script)
        old.execute(f"PRAGMA user_version = {version}")
        if version:
            old.execute("INSERT INTO run VALUES (1, 'all', 'x', 2, 5.0, 6.0)")
            old.execute("INSERT INTO result VALUES (1, 'a', 5.5, 'fault', NULL)")
    old.close()
    night(file, 10.0, {"a": "healthy"})
    with opened(file) as history:
        assert [run.started for run in history.runs("all")] == ([5.0, 10.0] if version else [10.0])


def test_a_file_of_tomorrow_and_one_that_is_none_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "new") as new:
        new.execute("PRAGMA user_version = 99")
    new.close()
    (tmp_path / "none").write_text("no database at all, and long enough to be looked at" * 40)
    for name, told in (("new", "newer runbook"), ("none", "no history")):
        with pytest.raises(UsageError, match=told), opened(tmp_path / name):
            pass
    with pytest.raises(UsageError, match="no history at"), opened(tmp_path / "absent", new=False):
        pass


def test_old_runs_are_pruned_and_middle_aged_ones_keep_states_only(tmp_path: Path) -> None:
    file = tmp_path / "h"
    ids = [night(file, 100.0 * n, {"a": "fault", "b": "healthy"}, keep=4) for n in range(1, 8)]
    with opened(file) as history:
        assert [run.id for run in history.runs("all")] == ids[-4:]
        assert [len(history.results(run)) for run in ids[-4:]] == [0, 0, 2, 2]
        assert history.past("all").counts == {"no-v2-route": dict.fromkeys(ids[-4:], 1)}
        assert [state for _, state, _ in history.of_target("all", "a")] == ["fault"] * 4
    with sqlite3.connect(file) as raw:
        assert raw.execute("SELECT count(*) FROM finding").fetchone() == (4,)
    raw.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    night(tmp_path / "h", 1.0, {"a": "healthy"})
    assert (tmp_path / "h").stat().st_mode & 0o077 == 0
