"""What all tests share: a clean environment, and labs of parallel workers that keep apart."""

import os
from collections import Counter, defaultdict

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
    """Where the time goes, what was skipped and why, and the live matrix."""
    _tiers(terminalreporter)
    _skips(terminalreporter)
    _matrix(terminalreporter)


def _tiers(terminalreporter: TerminalReporter) -> None:
    """Seconds and outcomes by folder (or file, at the top); only of a run that is long enough to ask."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped", ""):
        for report in terminalreporter.stats.get(outcome, []):
            if isinstance(report, pytest.TestReport):
                parts = report.nodeid.partition("::")[0].split("/")
                row = rows["/".join(parts[:2])]
                row["seconds"] += report.duration
                row[outcome] += 1
    if len(rows) < 5:
        return
    terminalreporter.section("tiers: seconds of both workers together")
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["seconds"]):
        bad = row["failed"] + row["error"]
        terminalreporter.line(
            f"{name:<36}{row['seconds']:>8.0f} s{row['passed']:>7} passed{row['skipped']:>6} skipped{bad:>5} failed"
        )


def _skips(terminalreporter: TerminalReporter) -> None:
    """Why tests were skipped, and how many."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")[:100]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("skipped")
    for reason, count in reasons.most_common(40):
        terminalreporter.line(f"{count:>5}  {reason}")


def _matrix(terminalreporter: TerminalReporter) -> None:
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
