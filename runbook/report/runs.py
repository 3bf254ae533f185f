"""The runs of a case: a line for each, and two of them side by side."""

from collections.abc import Sequence
from typing import Protocol

from runbook.judge import Run
from runbook.report import words
from runbook.report.as_json import as_object
from runbook.report.block import Block, part, table
from runbook.report.history import Earlier, Known, block, compare, earlier_of
from runbook.report.picture import picture

_SIGNS = {"fault": ("✗", "fail"), "healthy": ("✓", "pass"), "inconclusive": ("?", "warn")}


class Line(Protocol):
    """One run, as the case folder keeps it."""

    @property
    def number(self) -> int: ...
    @property
    def clock(self) -> str: ...
    @property
    def when(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def causes(self) -> tuple[str, ...]: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def edits(self) -> tuple[str, ...]: ...


def strip(lines: Sequence[Line]) -> Block:
    """The runs, the oldest first, with what a person changed before each."""
    if not lines:
        return Block.soft("No run yet.")
    rows, told = [], []
    for one in lines[-20:]:
        sign, kind = _SIGNS.get(one.verdict, ("?", "warn"))
        edits = f"you {', '.join(one.edits)}" if one.edits else ""
        rows.append((one, f"{sign} {one.words}", kind, edits))
        told.append(f"{one.number} · {one.clock} {sign} {one.words}{f', {edits}' if edits else ''}")
    return Block(part("runs", rows), "\n".join(told))


def compared(first: Line, second: Line, before: Run | None, now: Run | None) -> Block:
    """What is new, gone and unchanged between two runs, and the request path of both."""
    change = f"Run {first.number} ({first.clock}) and run {second.number} ({second.clock})"
    result = Block(
        table(change, ("", f"run {first.number}", f"run {second.number}"), [("verdict", first.words, second.words)]),
        f"{change}: {first.words} → {second.words}",
    )
    if now is not None:
        unread = Earlier(first.verdict, dict.fromkeys((*first.causes, *first.warnings), Known()))
        result += block(compare(now, earlier_of(as_object(before)) if before else unread))
    for one, run in ((first, before), (second, now)):
        if run is not None:
            title = f"Run {one.number}: {words.headline(run)[0]}"
            result += Block(part("titled", title, "")) + picture(run).block()
    return result
