"""What all tests share: a clean environment, and labs of parallel workers that keep apart."""

import os
from collections import defaultdict

import pytest
from _pytest.terminal import TerminalReporter


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


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """The live matrix (tests/real/test_live_matrix.py) as a table: cause × stand."""
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for outcome, sign in (("passed", "ok"), ("failed", "FAILED"), ("skipped", "not run")):
        for report in terminalreporter.stats.get(outcome, []):
            for name, cell in getattr(report, "user_properties", []):
                if name == "matrix":
                    table[cell[0]][cell[1]] = sign
    if not table:
        return
    stands = sorted({stand for row in table.values() for stand in row})
    terminalreporter.section("right cause first, healthy before and after")
    for number, stand in enumerate(stands, 1):
        terminalreporter.line(f"{number:>3}  {stand}")
    terminalreporter.line(" " * 42 + "".join(f"{n:>8}" for n in range(1, len(stands) + 1)))
    for cause in sorted(table):
        terminalreporter.line(f"{cause:<42}" + "".join(f"{table[cause].get(s, '-'):>8}" for s in stands))
