"""Packet captures as text: ngrep (with and without -W byline) and `tcpdump -A`. Plain http only; TLS shows nothing."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import HEADER, METHODS, STATUS, Region, got, sent

MARKS = ("T ", " IP ", " IP6 ")
_NGREP = re.compile(
    r"T (?:\d{4}/\d\d/\d\d [\d:.]{8,18} )?([\d.:a-f\[\]]{3,60}) -> ([\d.:a-f\[\]]{3,60})(?: \[\w{1,6}\])?(?: #\d+)?\s*$"
)
_TCPDUMP = re.compile(
    r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{3,9} (?:\w{2,16} +(?:In|Out|P) +)?IP6? (\S{3,80}) > (\S{3,80}): Flags "
)
_START = re.compile(rf"(?:{METHODS}) /\S{{0,2000}} HTTP/1\.[01]|HTTP/1\.[01] \d{{3}}\b")
_INLINE = re.compile(r"\.\.(?=[A-Za-z][A-Za-z0-9-]{0,60}: |\.\.|$)")
_MOST = 400
Lines = list[tuple[int, str]]


def regions(rows: list[str]) -> Iterator[Region]:
    """The whole capture as one region: requests are put before their answers, whatever stands between."""
    packets = list(_packets(rows))
    if not packets:
        return
    region = Region(packets[0][0], packets[-1][1])
    waiting: dict[tuple[str, str], Lines] = {}
    last: tuple[str, str] | None = None
    for start, end, source, target in packets:
        lines = _message(rows, start + 1, end)
        if not lines:
            if last == (source, target):
                region.rows += [(n, rows[n].rstrip(".")) for n in range(start + 1, end) if rows[n][:1] in ("{", "<")]
            continue
        if STATUS.match(lines[0][1]):
            region.rows += waiting.pop((target, source), [])
            region.rows += _head(lines, answer=True)
            last = (source, target)
        else:
            waiting[source, target] = _head(lines, answer=False)
    if region.rows:
        yield region


def _packets(rows: list[str]) -> Iterator[tuple[int, int, str, str]]:
    """(row of its head, row behind it, from, to) of each packet."""
    heads = []
    for number, row in enumerate(rows):
        found = _NGREP.match(row) if row.startswith("T ") else _TCPDUMP.match(row) if " IP" in row[:60] else None
        if found:
            heads.append((number, found[1], found[2]))
    for at, (number, source, target) in enumerate(heads):
        following = heads[at + 1][0] if at + 1 < len(heads) else len(rows)
        yield number, min(following, number + _MOST), source, target


def _message(rows: list[str], start: int, end: int) -> Lines:
    """The lines of the HTTP message in a packet, from its first line on; empty for a packet without one."""
    for number in range(start, min(end, start + 12)):
        found = _START.search(rows[number])
        if found is None:
            continue
        first = rows[number][found.start() :]
        if ".." in first and _INLINE.search(first):
            whole = "".join(
                row.removeprefix("  ") for row in [first, *rows[number + 1 : end]] if not row.startswith("#")
            )
            return [(number, part) for part in _INLINE.split(whole)[:200]]
        return [(number, first), *((n, rows[n]) for n in range(number + 1, end))]
    return []


def _head(lines: Lines, *, answer: bool) -> Lines:
    """A message in curl's words: its head marked, of an answer the body behind it."""
    mark = got if answer else sent
    made: Lines = []
    in_head = True
    for place, (number, raw) in enumerate(lines):
        row = raw.rstrip("\r")
        if in_head:
            row = row.removesuffix(".") if place and row.endswith(".") else row
            row = row.removesuffix(".") if not place else row
            if place and not HEADER.match(row):
                in_head = False
                made.append((number, mark("")))
                continue
            made.append((number, mark(row)))
        elif answer and row.strip() and not row.startswith("#"):
            made.append((number, row.removesuffix(".")))
    if in_head:
        made.append((lines[-1][0], mark("")))
    return made
