"""`curl --trace-ascii` and `--trace`: each header and each piece of a body in lines of its own, with offsets."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import Region

MARKS = ("= Send ", "= Recv ", "> Send ", "< Recv ", "=> Send", "<= Recv")
_KIND = re.compile(
    r"(?:[\d:.]{8,18} )?(=>|<=|==) (Send|Recv|Info)(?: (header|data|SSL data))?(?:, (\d{1,9}) bytes|: ?(.*))?"
)
_ROW = re.compile(r"([0-9a-f]{4,8}): (.*)$")
_HEX = re.compile(r"((?:[0-9a-f]{2} ){1,16}) {0,60}(.{0,16})$")
_WIDTH = 64


def regions(rows: list[str]) -> Iterator[Region]:
    """The rows of each trace."""
    number = 0
    while number < len(rows):
        if not _KIND.match(rows[number]):
            number += 1
            continue
        region = Region(number, number)
        while number < len(rows) and (kind := _KIND.match(rows[number])):
            number = _message(rows, number, kind, region)
        region.end = number
        yield region


def _message(rows: list[str], number: int, kind: re.Match[str], region: Region) -> int:
    """One message of the trace; gives the row behind it."""
    if kind[2] == "Info":
        region.add(number, f"* {(kind[5] or '').strip()}")
        return number + 1
    mark = "> " if kind[1] == "=>" else "< "
    lines: list[tuple[int, str]] = []
    at, expected = number + 1, 0
    while at < len(rows) and (row := _ROW.match(rows[at])):
        offset, text = int(row[1], 16), row[2]
        hexed = _HEX.match(text)
        if hexed:
            text = bytes.fromhex(hexed[1]).decode("utf-8", "replace")
            offset = expected
        if lines and offset == expected:
            lines[-1] = (lines[-1][0], lines[-1][1] + text)
        else:
            lines.append((at, text))
        expected = offset + len(text.encode("utf-8", "replace"))
        at += 1
    for place, text in lines:
        for part in text.rstrip("\r\n").split("\r\n") if kind[3] == "header" else [text]:
            if kind[3] == "header":
                region.add(place, f"{mark}{part}".rstrip() if part else mark.strip())
            elif kind[3] == "data" and mark == "< ":
                region.add(place, *part.rstrip("\r\n").split("\n"))
    return at
