"""The same work on a Dask cluster: identical results, also where a worker is killed; no secret is sent."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runbook.cli import main
from tests.case_files import all_cases
from tests.fleet.test_fleet import without_times

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.timeout(280), pytest.mark.filterwarnings("ignore::ResourceWarning")]


@contextmanager
def cluster(workers: int, resources: dict[str, float] | None = None) -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=2, processes=True, dashboard_address=None, resources=resources or {},
        silence_logs=50, host="127.0.0.1",
    ) as made:  # fmt: skip
        made.wait_for_workers(workers)
        yield made


def night(folder: Path, name: str, *words: str) -> dict[str, Any]:
    main(["fleet", str(folder), "--output-dir", str(folder.parent / name), *words])
    return without_times(folder.parent / name)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    for number, case in enumerate([c for c in all_cases() if not c.args][:60]):
        case.write(tmp_path / "all" / f"{number:02}")
    return tmp_path / "all"


@pytest.mark.parametrize("workers", [2, 4])
def test_the_results_are_those_of_this_machine(bundles: Path, workers: int) -> None:
    with cluster(workers) as made:
        there = night(bundles, "there", "--scheduler", made.scheduler_address)
    assert there == night(bundles, "here")
    pages = {p.name for p in (bundles.parent / "here" / "reports").iterdir()}
    assert pages == {p.name for p in (bundles.parent / "there" / "reports").iterdir()} != set()


def test_a_killed_worker_changes_nothing(bundles: Path) -> None:
    with cluster(2) as made:
        victim = next(iter(made.workers.values())).pid
        reports = bundles.parent / "there" / "reports"

        def kill() -> None:
            while not (reports.exists() and any(reports.iterdir())):
                stop.wait(0.01)
            os.kill(victim, signal.SIGKILL)
            killed.set()

        stop, killed = threading.Event(), threading.Event()
        thread = threading.Thread(target=kill)
        thread.start()
        there = night(bundles, "there", "--scheduler", made.scheduler_address)
        thread.join()
        assert killed.is_set()
    assert there == night(bundles, "here")


def test_notebooks_are_made_on_the_workers(tmp_path: Path) -> None:
    for cause in ("htpasswd-not-bcrypt", "htpasswd-empty"):
        case = next(c for c in all_cases() if c.cause == cause and not c.is_near_miss and not c.args)
        case.write(tmp_path / "all" / cause)
    with cluster(2) as made:
        night(tmp_path / "all", "there", "--scheduler", made.scheduler_address, "--notebooks", str(tmp_path / "books"))
    for cause in ("htpasswd-not-bcrypt", "htpasswd-empty"):
        assert f"{cause}" in (tmp_path / "books" / f"{cause}.ipynb").read_text()


def test_a_site_is_asked_from_its_own_worker_and_the_password_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have the variable, the command has not: what travels is its name."""
    from runbook.lab import Lab

    with Lab(backend="embedded", seed=6) as lab:
        rows = [{"name": "berlin", "site": "berlin", "registry": lab.registry_url, "ui": lab.ui_url, "user": lab.user,
                 "credentials": {"env": "FLEET_ON_WORKER"}}]  # fmt: skip
        (tmp_path / "all.yaml").write_text(json.dumps({"version": 1, "targets": rows}))
        monkeypatch.setenv("FLEET_ON_WORKER", lab.password)
        with cluster(1, {"berlin": 4}) as made:
            monkeypatch.delenv("FLEET_ON_WORKER")
            found = night(tmp_path / "all.yaml", "there", "--scheduler", made.scheduler_address)
    assert [row["state"] for row in found["targets"]] == ["healthy"]
    assert found["targets"][0]["basis"] == "traffic"
