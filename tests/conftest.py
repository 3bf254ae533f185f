"""Tests that start labs run one after the other: the same seed draws the same ports."""

from pathlib import Path

import pytest

_LABS = ("lab", "headless", "widgets", "bench")
_LAB_FILES = ("test_lab", "test_notebooks", "test_incident", "test_canary", "test_experiments")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = Path(item.path)
        if path.parent.name in _LABS or path.name.startswith(_LAB_FILES):
            item.add_marker(pytest.mark.xdist_group("lab"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No forward proxy and no colour setting of the developer's machine gets into a test."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NO_COLOR", "FORCE_COLOR", "RUNBOOK_DEBUG"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
