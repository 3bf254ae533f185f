"""For a person at night: the verdict first, the one cause, what shows it, what to type, what is still unknown."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import Check, EvidenceItem, Finding, Verdict
from runbook.redact import visible
from runbook.report import words
from runbook.report.hops import Hop, hops

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}
_STYLES: dict[Verdict, str] = {"fault": "red", "healthy": "green", "inconclusive": "yellow"}
_MARKS = {"bad": ("x", "red"), "ok": ("ok", "green"), "unknown": ("?", "dim")}


@dataclass(frozen=True, slots=True)
class _Pen:
    """Knows the width and whether to colour."""

    color: bool
    width: int

    def paint(self, text: str, *styles: str) -> str:
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[s] for s in styles)}m{text}\x1b[0m"

    def wrap(self, text: str, indent: str = "  ", first: str | None = None) -> list[str]:
        lines: list[str] = []
        for part in visible(text).split("\n"):
            lines += textwrap.wrap(
                part,
                self.width,
                initial_indent=indent if first is None or lines else first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]
        return lines


def render_terminal(run: Run, color: bool = False, width: int = 80) -> str:
    """The diagnosis as text of at most `width` columns (commands and diffs keep their own length)."""
    pen = _Pen(color, max(40, min(width, 110)))
    return "\n".join(_lines(run, pen)).rstrip() + "\n"


def _lines(run: Run, pen: _Pen) -> Iterator[str]:
    diagnosis = run.diagnosis
    yield from _headline(run, pen)
    yield ""
    yield from _path(hops(run), pen)
    reasons = diagnosis.causes[:1] if diagnosis.verdict == "fault" else ()
    for finding in reasons:
        yield from _cause(finding, run, pen)
    if diagnosis.verdict == "inconclusive":
        yield from _inconclusive(run, pen)
    rest = diagnosis.causes[len(reasons) :]
    yield from _findings(words.NEXT_OBSTACLE, [f for f in rest if f.role == "next obstacle"], pen)
    yield from _findings(words.RIVALS, [f for f in rest if f.role != "next obstacle"], pen, certainty=True)
    yield from _findings(words.WARNINGS, diagnosis.warnings, pen)
    yield from _findings(words.ALSO_SEEN, diagnosis.also_seen, pen, fix=False)
    for title, items in ((words.ODD_NAMES, diagnosis.odd_names), (words.DISAGREE, diagnosis.contradictions)):
        if items:
            yield from _section(title, pen)
            for item in items:
                yield from _bullet(item.what, item.where, pen)
    if diagnosis.folklore:
        yield from _section(words.FOLKLORE, pen)
        for belief in diagnosis.folklore:
            yield from _bullet(f"“{belief.claim}” {belief.truth}", belief.where, pen)
    yield from _untested(run, pen)


def _headline(run: Run, pen: _Pen) -> Iterator[str]:
    word, rests = words.headline(run)
    verdict, _, cause = word.partition(": ")
    shown = f"{verdict.upper()}: {cause}" if cause else verdict.upper()
    yield from (
        pen.wrap(f"{shown}  ({rests})", "  ", "")
        if not pen.color
        else (pen.paint(shown, "bold", _STYLES[run.diagnosis.verdict]) + f"  ({rests})",)
    )
    if about := words.about(run):
        yield from pen.wrap(about, "")


def _inconclusive(run: Run, pen: _Pen) -> Iterator[str]:
    diagnosis = run.diagnosis
    yield from _section(words.SEEN, pen)
    for seen in diagnosis.symptoms:
        yield from _bullet(seen.symptom.value, "", pen)
        for item in seen.evidence[:2]:
            yield from pen.wrap(item.what, "      ", f"    {item.where}: " if item.where else None)
    if not diagnosis.symptoms:
        over = " that was not followed by a success" if run.traffic.settled else ""
        yield from pen.wrap(f"No failure{over}, and not enough to call it healthy ({words.NOT_TESTED}).")
    if diagnosis.next is not None:
        yield from _section(words.NEXT_STEP, pen)
        yield from pen.wrap(diagnosis.next.why)
        yield ""
        yield f"    {visible(str(diagnosis.next.command))}"
        if diagnosis.next.separates:
            yield from pen.wrap(f"It tells apart: {', '.join(diagnosis.next.separates)}.")


def _findings(
    title: str, findings: Iterable[Finding], pen: _Pen, *, certainty: bool = False, fix: bool = True
) -> Iterator[str]:
    """Findings other than the reason, in two lines each: what, and how to fix it."""
    rows = list(findings)[:8]
    if not rows:
        return
    yield from _section(title, pen)
    for finding in rows:
        sure = f" ({finding.certainty.words})" if certainty else ""
        yield from _bullet(f"{finding.summary}{sure}", finding.cause, pen)
        if fix and finding.fix.summary:
            yield from pen.wrap(f"Fix: {finding.fix.summary}", "      ")


def _path(found: tuple[Hop, ...], pen: _Pen) -> Iterator[str]:
    parts = []
    for hop in found:
        mark, style = _MARKS[hop.state]
        parts.append(f"[{pen.paint(f'{mark} {visible(hop.name, 40)}', style)}]")
    yield "  " + " -> ".join(parts)
    bad = next((h for h in found if h.state == "bad"), None)
    if bad is not None and bad.note:
        yield from pen.wrap(f"First wrong at: {bad.name}.")


def _cause(finding: Finding, run: Run, pen: _Pen) -> Iterator[str]:
    yield from _section(words.CAUSE, pen)
    yield from pen.wrap(finding.summary)
    yield from pen.wrap(f"Certainty: {finding.certainty.words}.")
    if told := explained(finding, run.diagnosis.seen):
        yield from _section(words.EXPLAINS, pen)
        for symptom in told:
            yield from _bullet(symptom.value, "", pen)
    if finding.evidence:
        yield from _section(words.EVIDENCE, pen)
        for item in finding.evidence:
            yield from _evidence(item, pen)
    if finding.refuted:
        yield from _section(words.RULED_OUT, pen)
        for refuted in finding.refuted:
            yield from _bullet(refuted.because, refuted.cause, pen)
    yield from _section(words.FIX, pen)
    yield from pen.wrap(finding.fix.summary)
    if finding.fix.patch:
        yield ""
        yield from (_diff_line(line, pen) for line in finding.fix.patch.rstrip("\n").split("\n"))
    for command in finding.fix.command_lines:
        yield ""
        yield from (f"    {line}" for line in visible(command).split("\n"))
    if finding.fix.applies:
        yield ""
        yield from pen.wrap(finding.fix.applies)
    if proof := words.proof(finding.fix):
        yield ""
        yield from pen.wrap(proof)
        for row in finding.fix.proof.rows:
            yield f"    {visible(row.request)}"
            yield f"      before  {pen.paint(visible(row.before, 200), 'red')}"
            yield f"      after   {pen.paint(visible(row.after, 200), 'green')}"
    if finding.fix.verify:
        yield from _section(words.VERIFY, pen)
        yield from (f"    {visible(command)}" for command in finding.fix.verify_lines)


def _diff_line(line: str, pen: _Pen) -> str:
    style = {"+": "green", "-": "red", "@": "blue"}.get(line[:1])
    text = f"    {visible(line)}"
    return pen.paint(text, style) if style else text


def _evidence(item: EvidenceItem, pen: _Pen) -> Iterator[str]:
    yield from pen.wrap(item.what, "    ", "  - ")
    if item.where:
        yield f"    {pen.paint(visible(item.where, 200), 'dim')}"


def _bullet(text: str, label: str, pen: _Pen) -> Iterator[str]:
    yield from pen.wrap(f"{text} [{label}]" if label else text, "    ", "  - ")


def _section(title: str, pen: _Pen) -> Iterator[str]:
    yield ""
    yield pen.paint(title, "bold")


def _untested(run: Run, pen: _Pen) -> Iterator[str]:
    diagnosis = run.diagnosis
    for title, gaps in ((words.NOT_READ, diagnosis.not_read), (words.NOT_TESTED, words.untested(diagnosis))):
        if gaps:
            yield from _section(title, pen)
        for gap in gaps:
            yield from _bullet(gap, "", pen)
    broken: list[Check] = [c for c in diagnosis.checks if c.outcome == "error"]
    for check in broken:
        yield from _bullet(check.reason, check.rule, pen)
