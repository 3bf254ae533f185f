"""The diff is one that `patch -p1` takes, and it never quotes a masked line."""

import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.judge.patch import unified_diff
from runbook.model import Edit, SourceFile

LINES = tuple(f"line {n}" for n in range(1, 21))


def applied(tmp_path: Path, edits: list[Edit], lines: tuple[str, ...] = LINES) -> str:
    if not shutil.which("patch"):
        pytest.skip("patch is not installed")
    diff = unified_diff(edits, [SourceFile(path="a.conf", kind="nginx", lines=lines)])
    assert diff is not None
    (tmp_path / "a.conf").write_bytes(("\n".join(lines) + "\n").encode())
    done = subprocess.run(
        ["patch", "-p1", "--binary"], cwd=tmp_path, input=diff.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + diff
    return (tmp_path / "a.conf").read_bytes().decode()


def test_replaces_deletes_and_inserts(tmp_path: Path) -> None:
    edits = [
        Edit(file="a.conf", line=2, old="line 2", new="two"),
        Edit(file="a.conf", line=4, old="line 4", new=None),
        Edit(file="a.conf", line=15, old=None, new="inserted\nafter 15"),
        Edit(file="a.conf", line=0, old=None, new="top"),
    ]
    text = applied(tmp_path, edits)
    expected = list(LINES)
    expected[14:15] = ["line 15", "inserted", "after 15"]
    expected[3:4] = []
    expected[1] = "two"
    assert text.splitlines() == ["top", *expected]


def test_end_of_file_and_carriage_returns(tmp_path: Path) -> None:
    lines = tuple(f"{line}\r" for line in LINES)
    text = applied(tmp_path, [Edit(file="a.conf", line=20, old="line 20", new="last")], lines)
    assert text.endswith("line 19\r\nlast\r\n")


def test_insert_at_the_end(tmp_path: Path) -> None:
    assert applied(tmp_path, [Edit(file="a.conf", line=20, old=None, new="more")]).endswith("line 20\nmore\n")


def test_masked_lines_are_never_quoted() -> None:
    source = SourceFile(path="a.conf", kind="nginx", lines=LINES, masked=(4, 8))
    diff = unified_diff([Edit(file="a.conf", line=6, old="line 6", new="six")], [source])
    assert diff is not None
    assert "line 4" not in diff
    assert "line 8" not in diff
    assert unified_diff([Edit(file="a.conf", line=4, old="line 4", new="x")], [source]) is None


def test_a_line_that_is_not_as_expected_makes_no_diff() -> None:
    source = SourceFile(path="a.conf", kind="nginx", lines=LINES)
    assert unified_diff([Edit(file="a.conf", line=6, old="line 7", new="x")], [source]) is None
    assert unified_diff([Edit(file="b.conf", line=6, old="line 6", new="x")], [source]) is None
