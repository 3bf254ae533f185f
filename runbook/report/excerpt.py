"""Blame lines: what a cause rests on, as the lines themselves with the exact spot marked, as compilers do."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.judge import Run
from runbook.lazy import re
from runbook.model import EvidenceItem
from runbook.redact import visible
from runbook.report.block import Block, part

_AROUND = 2
_MOST = 6
_WIDTH = 160
_PLACE = re.compile(r"(.+):(\d+)")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line in its file, with its neighbours."""

    file: str
    line: int
    rows: tuple[tuple[int, str], ...]
    what: str
    """What is said of the line."""
    spot: tuple[int, int] = (0, 0)
    """Where in the line the words begin and end that an edit changes; equal when it is the whole line."""


def excerpts(run: Run) -> Block:
    """The lines that the first cause rests on. Files whose lines are not kept (htpasswd, logs) are cited elsewhere."""
    found = tuple(_excerpts(run))
    if not found:
        return Block("")
    return Block("".join(part("excerpt", one) for one in found), "\n\n".join(map(_text, found)))


def _excerpts(run: Run) -> Iterator[Excerpt]:
    if not run.diagnosis.causes:
        return
    cause = run.diagnosis.causes[0]
    names = {str(f.shown or f.path): f for f in run.evidence.files if f.lines}
    edits = {(e.file, e.line): e for e in cause.edits}
    shown: set[tuple[str, int]] = set()
    for item in cause.evidence:
        match = _PLACE.fullmatch(item.where)
        source = names.get(match[1]) if match else None
        if match is None or source is None or len(shown) >= _MOST:
            continue
        line = int(match[2])
        if not 1 <= line <= len(source.lines) or (source.path, line) in shown:
            continue
        shown.add((source.path, line))
        first, last = max(1, line - _AROUND), min(len(source.lines), line + _AROUND)
        rows = tuple((n, visible(source.lines[n - 1], _WIDTH)) for n in range(first, last + 1))
        edit = edits.get((source.path, line))
        text = dict(rows)[line]
        yield Excerpt(match[1], line, rows, _said(item), _spot(text, edit.new if edit else None))


def _said(item: EvidenceItem) -> str:
    return visible(item.what, 300)


def _spot(line: str, new: str | None) -> tuple[int, int]:
    """The part of the line that an edit changes; without one, the line without its indent."""
    start = len(line) - len(line.lstrip())
    if not new or "\n" in new:
        return start, len(line.rstrip())
    while start < min(len(line), len(new)) and line[start] == new[start]:
        start += 1
    end, other = len(line), len(new)
    while end > start and other > start and line[end - 1] == new[other - 1]:
        end, other = end - 1, other - 1
    return (start, end) if end > start else (max(0, start - 1), min(len(line), start + 1))


def _text(one: Excerpt) -> str:
    gutter = len(str(one.rows[-1][0]))
    lines = [f"{' ' * gutter}--> {one.file}:{one.line}"]
    for number, text in one.rows:
        lines.append(f"{number:>{gutter}} | {text}")
        if number == one.line:
            a, b = one.spot
            lines.append(f"{' ' * gutter} | {' ' * a}{'^' * max(1, b - a)} {one.what}")
    return "\n".join(lines)
