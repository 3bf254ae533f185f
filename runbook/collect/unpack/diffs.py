"""Diffs, patches and pull requests: the files as they are after the change, where the diff shows them whole. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from runbook.collect.unpack.part import safe_path
from runbook.lazy import re

_FILE = re.compile(r"\+\+\+ (?:[a-z]/)?([^\t\n]{1,500}?)(?:\t.*)?$")
_OLD = re.compile(r"--- (?:[a-z]/)?([^\t\n]{1,500}?)(?:\t.*)?$")
_HUNK = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? @@")
_HEADER = re.compile(
    r"(?:diff --git |index [0-9a-f]{4,40}\.\.|new file mode|deleted file mode|old mode|new mode|similarity index|rename )"
)


@dataclass(slots=True)
class Changed:
    """A file in a diff, as it is afterwards."""

    path: str
    start: int
    """Row (from 0) of its first line in the diff; the end is exclusive."""
    end: int
    rows: list[str] = field(default_factory=list)
    whole: bool = True
    """Whether the diff shows all of it: it is new, or one hunk begins at line 1 and takes nothing for granted."""


def is_diff(text: str) -> bool:
    """Whether some file is changed here in the form of `diff -u` or git."""
    return "\n+++ " in text and _HUNK.search(text) is not None and "\n--- " in f"\n{text}"


def changed_files(rows: list[str]) -> Iterator[Changed]:
    """The files of a diff, with the rows that tell of each."""
    number = 0
    while number + 2 < len(rows):
        old, new = _OLD.match(rows[number]), _FILE.match(rows[number + 1])
        if not old or not new or not _HUNK.match(rows[number + 2]):
            number += 1
            continue
        start = number
        while start and _HEADER.match(rows[start - 1]):
            start -= 1
        made = Changed(safe_path(new[1]) or "", start, number + 2)
        _hunks(rows, made, is_new=old[1] == "/dev/null")
        if made.path and new[1] != "/dev/null":
            yield made
        number = max(made.end, number + 1)


def _hunks(rows: list[str], made: Changed, *, is_new: bool) -> None:
    """Take in the hunks that follow; `made.end` moves behind them."""
    at, hunks, first, context = made.end, 0, 0, 0
    while at < len(rows) and (hunk := _HUNK.match(rows[at])):
        hunks += 1
        first = first or int(hunk[3])
        old, new = int(hunk[2] or 1), int(hunk[4] or 1)
        at += 1
        while at < len(rows) and (old > 0 or new > 0):
            mark, text = rows[at][:1], rows[at][1:]
            if mark == "+":
                made.rows.append(text)
                new, context = new - 1, 0
            elif mark == "-":
                old, context = old - 1, 0
            elif mark in (" ", ""):
                made.rows.append(text)
                old, new, context = old - 1, new - 1, context + 1
            elif mark != "\\":
                break
            at += 1
        while at < len(rows) and rows[at].startswith("\\ "):
            at += 1
    made.end = at
    made.whole = is_new or (hunks == 1 and first <= 1 and context < 3)
