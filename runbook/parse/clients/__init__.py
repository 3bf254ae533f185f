"""What other clients than curl print, told in curl's words: httpie, wget, PowerShell, Python, devtools, packet captures.

Each reader turns the rows that it knows into rows of a `curl -v` transcript (`$ curl …`, `> GET …`, `< HTTP/1.1 …`), each with
the number of the row that says so; one parser then reads them all. A form that no reader knows stays as it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runbook.parse.clients import devtools, httpie, intercepted, packets, powershell, python, told, trace, wget
from runbook.parse.clients.canon import Region

READERS: tuple[tuple[tuple[str, ...], Callable[[list[str]], Iterator[Region]]], ...] = (
    (intercepted.MARKS, intercepted.regions),
    (trace.MARKS, trace.regions),
    (packets.MARKS, packets.regions),
    (python.MARKS, python.regions),
    (wget.MARKS, wget.regions),
    (powershell.MARKS, powershell.regions),
    (devtools.MARKS, devtools.regions),
    (httpie.MARKS, httpie.regions),
    (told.MARKS, told.regions),
)
"""Words of which one must be there, and the reader. What an earlier one took is not read again."""
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Canon:
    """A transcript in curl's words."""

    rows: list[str]
    numbers: list[int]
    """For each row the index of the row where it was said."""
    taken: frozenset[int] = frozenset()
    """Indices of the rows that a reader understood: nothing else is to be read in them."""


def canonical(rows: list[str]) -> Canon:
    """The rows in curl's words; those that no reader knows stay as they are."""
    text = "\n".join(rows)
    regions: list[Region] = []
    taken = bytearray(len(rows))
    for marks, read in READERS:
        if not any(mark in text for mark in marks):
            continue
        for number, region in enumerate(read(rows)):
            if number >= _MOST:
                break
            if not any(taken[region.start : region.end]):
                taken[region.start : region.end] = b"\1" * (region.end - region.start)
                regions.append(region)
    if not regions:
        return Canon(rows, list(range(len(rows))))
    made: list[tuple[int, str]] = []
    at = 0
    for region in sorted(regions, key=lambda r: r.start):
        made.extend((n, rows[n]) for n in range(at, region.start))
        made.extend(region.rows)
        at = region.end
    made.extend((n, rows[n]) for n in range(at, len(rows)))
    return Canon(
        rows=[row for _, row in made],
        numbers=[number for number, _ in made],
        taken=frozenset(n for r in regions for n in range(r.start, r.end)),
    )
