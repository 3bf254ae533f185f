"""A log too large to read line by line: its beginning, its end, and what stands out between.

Line by line, 200 MB take a minute. What is wrong now stands at the end, how it started at the beginning;
in between, errors and failed requests are searched with their neighbours, and the first of each kind kept.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from runbook.collect.scrub import with_places
from runbook.lazy import re
from runbook.model import LogFile, Place

LARGE = 8 << 20
_BLOCK = 4 << 20
_BEGINNING = 256 << 10
_END = 1 << 20
_HITS = 150
"""Of each kind of telling line."""
_NEIGHBOURS = 2
"""Lines kept on both sides: a message stands beside the access line of its request."""
_LONGEST = 64 << 10
_TELLING = (
    re.compile(rb"level\"?[=:] ?\"?(?:error|fatal|panic)"),
    re.compile(rb"\" (?:5\d\d|40[05]|413) "),
    re.compile(rb"\[(?:error|crit|alert|emerg)\]"),
    re.compile(rb"\[notice\] \d{1,10}#\d{1,10}: start worker processes"),
)

Rows = dict[int, bytes]
"""Line number (from 1) → line."""


def excerpt(stream: BinaryIO, size: int) -> tuple[Rows, int]:
    """The lines that are worth reading, and how many lines there are in all."""
    rows: Rows = {}
    searches = dict.fromkeys(_TELLING, 0)
    number, offset, rest = 1, 0, b""
    while block := stream.read(_BLOCK):
        whole, newline, tail = (rest + block).rpartition(b"\n")
        if not newline and len(tail) > _LONGEST:
            offset, rest = offset + len(rest) + len(block) - _LONGEST, tail[:_LONGEST]
            continue
        text, begins = whole + newline, offset
        rest, offset = tail, offset + len(whole) + len(newline)
        _from_edges(text, begins, number, size, rows)
        _from_middle(text, number, searches, rows)
        number += text.count(b"\n")
    if rest:
        rows[number] = rest[:_LONGEST]
    return rows, number if rest else number - 1


def renumbered(log: LogFile, rows: Rows, total: int) -> LogFile:
    """A log that was parsed from an excerpt, with the line numbers of the whole file."""
    numbers = sorted(rows)

    def real(place: Place) -> Place:
        return Place(place.file, numbers[place.line - 1]) if place.line and place.line <= len(numbers) else place

    return replace(with_places(log, real), lines=total)


def _from_edges(text: bytes, begins: int, number: int, size: int, rows: Rows) -> None:
    """Lines of the file's beginning and end."""
    if begins < _BEGINNING:
        for n, line in enumerate(text[: _BEGINNING - begins].split(b"\n")[:-1], number):
            rows[n] = line[:_LONGEST]
    start = max(0, size - _END - begins)
    if start < len(text):
        first = text.find(b"\n", start) + 1 if start else 0
        at = number + text.count(b"\n", 0, first)
        for n, line in enumerate(text[first:].split(b"\n")[:-1], at):
            rows[n] = line[:_LONGEST]


def _from_middle(text: bytes, number: int, searches: dict[re.Pattern[bytes], int], rows: Rows) -> None:
    """Telling lines with their neighbours, until there are enough of a kind."""
    for pattern, hits in searches.items():
        counted, at = 0, number
        for match in pattern.finditer(text):
            if hits >= _HITS:
                break
            hits += 1
            at += text.count(b"\n", counted, match.start())
            counted = match.start()
            rows.update(_around(text, match.start(), at))
        searches[pattern] = hits


def _around(text: bytes, position: int, number: int) -> Iterator[tuple[int, bytes]]:
    """The line at that position and its neighbours, numbered."""
    start = text.rfind(b"\n", 0, position) + 1
    for _ in range(_NEIGHBOURS):
        if start:
            start, number = text.rfind(b"\n", 0, start - 1) + 1, number - 1
    for step in range(2 * _NEIGHBOURS + 1):
        end = text.find(b"\n", start)
        if end < 0:
            return
        yield number + step, text[start : min(end, start + _LONGEST)]
        start = end + 1
