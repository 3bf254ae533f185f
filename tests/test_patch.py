"""The diff is one that `patch -p1` takes, and it never quotes a masked line."""

import random
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


def real_patch(folder: Path, name: str, text: str, edits: list[Edit], masked: tuple[int, ...]) -> str | None:
    """What `patch -p1 -F0` makes of the user's real file; None where there is no diff."""
    lines = tuple(text.removesuffix("\n").split("\n"))
    shown = tuple("[redacted]" if n in masked else line for n, line in enumerate(lines, 1))
    source = SourceFile(path=name, kind="nginx", lines=shown, masked=masked, final_newline=text.endswith("\n"))
    diff = unified_diff(edits, [source])
    if diff is None:
        return None
    assert "[redacted]" not in diff
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())
    done = subprocess.run(
        ["patch", "-p1", "-F0", "--binary"], cwd=folder, input=diff.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout.decode()}\n{diff}"
    assert b"fuzz" not in done.stdout
    assert b"offset" not in done.stdout
    return file.read_bytes().decode()


def expected(text: str, edits: list[Edit]) -> str:
    """The edits made by hand."""
    lines = text.removesuffix("\n").split("\n")
    for edit in sorted(edits, key=lambda e: (-e.line, e.old is None)):
        new = edit.new.split("\n") if edit.new is not None else []
        at = edit.line if edit.old is None else edit.line - 1
        lines[at : edit.line] = new
    return "\n".join(lines) + "\n"


@pytest.mark.skipif(not shutil.which("patch"), reason="patch is not installed")
def test_every_place_of_masked_lines_applies_without_fuzz(tmp_path: Path) -> None:
    """Any lines may be masked, and the edits may be anywhere: what is printed goes in exactly, or is not printed."""
    chance, made = random.Random(7), 0
    for _ in range(400):
        count = chance.randint(1, 14)
        text = "\n".join(f"line {n} {'same' if n % 3 else n}" for n in range(1, count + 1))
        text += chance.choice(("", "\n", "\n"))
        lines = text.removesuffix("\n").split("\n")
        edits = []
        for number in sorted(chance.sample(range(1, count + 1), chance.randint(1, min(3, count)))):
            kind = chance.choice(("replace", "delete", "insert"))
            old = None if kind == "insert" else lines[number - 1]
            edits.append(Edit(file="a b.conf", line=number, old=old, new=None if kind == "delete" else f"new {number}"))
        masked = tuple(n for n in range(1, count + 1) if chance.random() < 0.3)
        got = real_patch(tmp_path, "a b.conf", text, edits, masked)
        if got is None:
            assert any(e.line in masked for e in edits)
            continue
        made += 1
        if len(edits) < count or any(e.new for e in edits):
            want = expected(text, edits)
            untouched = not text.endswith("\n") and not any(e.line == count for e in edits)
            assert got == (want.removesuffix("\n") if untouched else want), (text, edits, masked)
    assert made > 150


@pytest.mark.parametrize(
    "name",
    ["../a.conf", "/etc/a.conf", "a/../b.conf", "./a.conf", "a\nb.conf", 'a".conf', "a\\b.conf", "C:/a", "\x1b[1m"],
)
def test_file_names_that_are_unfit_for_a_header(name: str) -> None:
    source = SourceFile(path=name, kind="nginx", lines=LINES)
    assert unified_diff([Edit(file=name, line=6, old="line 6", new="six")], [source]) is None


@pytest.mark.parametrize("new", ["a [redacted] b", "a\x1b[31m", "a\0"])
def test_a_mask_or_a_control_character_is_never_written_into_a_file(new: str) -> None:
    source = SourceFile(path="a.conf", kind="nginx", lines=LINES)
    assert unified_diff([Edit(file="a.conf", line=6, old="line 6", new=new)], [source]) is None
