"""Of a large log the telling parts are read, and line numbers are those of the whole file."""

import io
from pathlib import Path

import pytest

from runbook.collect import Request, collect, files, large_log
from runbook.collect.large_log import excerpt
from runbook.redact import Vault

DULL = '10.0.0.1 - - [23/Nov/2026:13:03:21 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "docker"\n'
FAILURE = 'time="2026-11-23T13:03:21Z" level=error msg="error authenticating user \\"anna\\": authentication failure" go.version=go1\n'
START = 'time="2026-11-23T13:00:00Z" level=info msg="listening on [::]:5000" go.version=go1.19 version="v2.8.2"\n'


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large begins at 20 kB here."""
    monkeypatch.setattr(files, "LARGE", 20_000)
    monkeypatch.setattr(large_log, "_BLOCK", 7_001)
    monkeypatch.setattr(large_log, "_BEGINNING", 2_000)
    monkeypatch.setattr(large_log, "_END", 3_000)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", ["\n", ""])
def test_numbers_are_those_of_the_file(end: str) -> None:
    lines = [DULL.strip()] * 1000
    lines[0], lines[500], lines[777], lines[999] = START.strip(), FAILURE.strip(), FAILURE.strip(), "the last"
    data = ("\n".join(lines) + end).encode()
    rows, total = excerpt(io.BytesIO(data), len(data))
    assert total == 1000
    assert all(rows[n].decode() == lines[n - 1] for n in rows)
    assert {1, 499, 500, 501, 502, 503, 778, 1000} <= rows.keys()
    assert len(rows) < 100


@pytest.mark.usefixtures("small")
def test_a_flood_of_errors_is_bounded() -> None:
    data = (FAILURE * 5000).encode()
    rows, total = excerpt(io.BytesIO(data), len(data))
    assert total == 5000
    assert len(rows) < 300


@pytest.mark.usefixtures("small")
def test_an_endless_line_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_log, "_LONGEST", 100)
    data = b"first\n" + b"x" * 100_000 + b"\n" + FAILURE.encode() + b"y" * 50_000
    rows, total = excerpt(io.BytesIO(data), len(data))
    assert total == 4
    assert max(map(len, rows.values())) <= 100
    assert b"authentication failure"[:10] in rows[3]


@pytest.mark.usefixtures("small")
def test_it_is_judged_like_a_small_one_and_said(tmp_path: Path) -> None:
    lines = [START, *[DULL] * 600, FAILURE, *[DULL] * 600]
    (tmp_path / "registry.log").write_text("".join(lines))
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    log = evidence.logs[0]
    assert (log.lines, log.version) == (1202, 2)
    assert [e.place.line for e in log.events if e.meaning == "authentication-failure"] == [602]
    assert "Of 1,202 lines" in evidence.problems[0].message
