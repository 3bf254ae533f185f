"""What all tests share: a clean environment, and labs of parallel workers that keep apart."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """The same seed draws the same ports: each worker has a range of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    low = 18000 + 3500 * (int(worker.removeprefix("gw")) % 4)
    os.environ["RUNBOOK_LAB_PORTS"] = f"{low}-{low + 3499}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No forward proxy and no colour setting of the developer's machine gets into a test."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NO_COLOR", "FORCE_COLOR", "RUNBOOK_DEBUG"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
