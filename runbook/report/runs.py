"""The runs of a case: a line for each, and two of them side by side."""

from collections.abc import Sequence
from typing import Protocol

from runbook.judge import Run
from runbook.report import words
from runbook.report.as_json import as_object
from runbook.report.block import Block, esc, para, table, tag
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
        none = "No run yet."
        return Block(para(none, "rb-soft"), none)
    rows, told = [], []
    for one in lines[-20:]:
        sign, kind = _SIGNS.get(one.verdict, ("?", "warn"))
        edits = f"you {', '.join(one.edits)}" if one.edits else ""
        rows.append(
            f'<li>{esc(one.number)} · <time datetime="{esc(one.when)}">{esc(one.clock)}</time> {tag(f"{sign} {one.words}", kind)} '
            f'<span class="rb-soft">{esc(edits)}</span></li>'
        )
        told.append(f"{one.number} · {one.clock} {sign} {one.words}{f', {edits}' if edits else ''}")
    return Block(f'<ol class="rb-runs" aria-label="the runs of this case">{"".join(rows)}</ol>', "\n".join(told))


def compared(first: Line, second: Line, before: Run | None, now: Run | None) -> Block:
    """What is new, gone and unchanged between two runs, and the request path of both."""
    change = f"Run {first.number} ({first.clock}) and run {second.number} ({second.clock})"
    rows = [[esc(n), esc(a), esc(b)] for n, a, b in (("verdict", first.words, second.words),)]
    result = Block(
        table(change, ("", f"run {first.number}", f"run {second.number}"), rows),
        f"{change}: {first.words} → {second.words}",
    )
    if now is not None:
        unread = Earlier(first.verdict, dict.fromkeys((*first.causes, *first.warnings), Known()))
        result += block(compare(now, earlier_of(as_object(before)) if before else unread))
    for one, run in ((first, before), (second, now)):
        if run is not None:
            title = f"Run {one.number}: {words.headline(run)[0]}"
            result += Block(f"<h3>{esc(title)}</h3>") + picture(run).block()
    return result
