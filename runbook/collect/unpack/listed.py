"""Whole files as pagers and searches list them: `bat`, `grep -n "" *`. They become `==> name <==` and the file's own rows. Pure."""

from itertools import groupby

from runbook.collect.unpack.rows import Rows
from runbook.lazy import re

_TOP = re.compile(r"─{3,12}┬─{8,400}$")
_MIDDLE = re.compile(r"─{3,12}[┼┴]─{8,400}$")
_FILE = re.compile(r" {3,12}│ File: (?P<name>\S.{0,300}?)\s*(?:<EMPTY>)?$")
_LINE = re.compile(r" {0,8}\d{0,7} {1,8}│ ?(?P<text>.*)$")
_FOUND = re.compile(r"(?P<name>(?=[\d.]{0,40}[A-Za-z/])[\w./@+-]{1,200}):(?P<number>\d{1,7}):(?P<text>.*)$")


def listed(found: Rows) -> Rows:
    """Rows with the files that were listed so under headings of their own; all others stay."""
    rows = _of_bat(found) if any("┬" in row[:14] for row in found.rows) else found
    first = next((row for row in rows.rows if row.strip()), "")
    return _of_grep(rows) if _FOUND.match(first[:1000]) else rows


def _of_bat(found: Rows) -> Rows:
    """`bat` frames each file with rulers and a row that names it."""
    rows: list[str] = []
    numbers: list[int] = []
    state = ""
    for number, row in zip(found.numbers, found.rows, strict=True):
        if _TOP.match(row):
            state, row = "head", ""
        elif state == "head" and (named := _FILE.match(row)):
            row = f"==> {named['name']} <=="
        elif state and _MIDDLE.match(row):
            state = "file" if "┼" in row else ""
            if state:
                continue  # the file begins on the row below its name
            row = ""
        elif state == "file" and (line := _LINE.match(row)):
            row = line["text"]
        elif state == "head":
            row = ""  # its size, its permissions
        rows.append(row)
        numbers.append(number)
    return Rows(rows, numbers)


def _of_grep(found: Rows) -> Rows:
    """`grep -n "" *` shows every line. Numbers with a gap are those of a search: such a file is not all there."""
    matches = [_FOUND.match(row[:64_000]) for row in found.rows]
    if sum(m is not None for m in matches) * 10 < sum(bool(row.strip()) for row in found.rows) * 9:
        return found
    rows: list[str] = []
    numbers: list[int] = []
    pairs = zip(found.numbers, found.rows, matches, strict=True)
    for name, run in groupby(pairs, key=lambda pair: pair[2]["name"] if pair[2] else ""):
        lines = list(run)
        counted = [int(m["number"]) for _, _, m in lines if m]
        if counted and counted != list(range(1, len(counted) + 1)):
            return found
        if name:
            rows.append(f"==> {name} <==")
            numbers.append(lines[0][0])
        rows += [m["text"] if m else row for _, row, m in lines]
        numbers += [number for number, _, _ in lines]
    return Rows(rows, numbers)
