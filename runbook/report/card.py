"""What is pasted into a chat or a ticket: a few lines of text, and a card with the verdict, the picture and the fix."""

import textwrap
from collections.abc import Iterator

from runbook import __version__
from runbook.judge import Run
from runbook.lazy import re
from runbook.redact import visible
from runbook.report import words
from runbook.report.block import Block, part
from runbook.report.picture import WIDTH, Picture, picture
from runbook.report.render import template

_MOST_LINES = 8
_TYPED = ("Run", "Check", "Ask")
_MENTION = re.compile(r"\S{0,100}@\S{1,200}")
_INKS = {"fault": ("#b3261e", "#fdeceb"), "healthy": ("#146c43", "#e7f5ee"), "inconclusive": ("#8a5300", "#fdf3e1")}


def summary(run: Run) -> Block:
    """The verdict, what shows it, the fix and its check, as plain text."""
    text = "\n".join(_lines(run))
    return Block(part("pre", text, words.PASTE, 4000), text)


def card(run: Run) -> str:
    """A self-contained SVG: verdict, request path, fix."""
    d = run.diagnosis
    word, _ = words.headline(run)
    ink, tint = _INKS[d.verdict]
    lead = textwrap.wrap(visible(_lead(run), 400), 70)[:4]
    about = textwrap.wrap(visible(words.about(run), 300), 110)[:2]
    top = 66 + 28 * len(lead) + 18 * len(about)
    first = Picture(picture(run).journeys[:1], "the request path")
    drawn = first.drawn("").replace("<svg ", f'<svg x="0" y="{top + 8}" width="{WIDTH}" height="{first.height}" ', 1)
    foot = top + 8 + first.height if first.journeys else top
    rows = list(_wrapped(run))
    return template("report/templates/card.svg.j2").render(
        width=WIDTH, height=foot + 24 + 20 * len(rows) + 44, top=top, foot=foot, ink=ink, tint=tint, lead=lead, about=about, rows=rows,
        drawn=drawn if first.journeys else "", label=f"{_demo(run)}{word}", made=f"runbook {__version__}",
    ).strip()  # fmt: skip


def _demo(run: Run) -> str:
    return f"{words.DEMO} · " if run.evidence.target.lab else ""


def _lead(run: Run) -> str:
    """The one sentence."""
    d = run.diagnosis
    if d.verdict == "fault":
        return d.causes[0].summary
    rests = words.headline(run)[1]
    return f"{rests[0].upper()}{rests[1:]}."


def _lines(run: Run) -> Iterator[str]:
    """One line each; who is named with an @ is not called by a chat."""
    d = run.diagnosis
    word, rests = words.headline(run)
    yield f"{_demo(run)}{word}" + (f" ({rests})" if d.verdict == "fault" else "")
    for title, text in (("", _lead(run)), ("About", d.about.removeprefix("about ")), *_shown(run), *_todo(run)):
        if text:
            line = visible(text, 400)
            plain = line if title in _TYPED else _MENTION.sub(lambda m: f"`{m[0]}`", " ".join(line.split()))
            yield f"{title}: {plain}" if title else plain


def _shown(run: Run) -> Iterator[tuple[str, str]]:
    """What the verdict rests on: two places at most."""
    if run.diagnosis.verdict == "fault":
        for item in run.diagnosis.causes[0].evidence[:2]:
            yield "Shown by", f"{item.what} ({item.where})" if item.where else item.what


def _todo(run: Run) -> Iterator[tuple[str, str]]:
    d = run.diagnosis
    if d.verdict == "fault":
        fix = d.causes[0].fix
        yield "Fix", fix.summary
        yield from (("Run", line) for line in fix.command_lines[:3])
        yield from (("Check", line) for line in fix.verify_lines[:1])
    elif d.next is not None:
        yield "Next step", d.next.why
        yield "Ask", str(d.next.command)


def _wrapped(run: Run) -> Iterator[tuple[str, str, bool]]:
    """The rows below the picture: title, text, whether it is typed; long ones over several rows."""
    left = _MOST_LINES
    for title, text in _todo(run):
        typed = title in _TYPED
        for number, row in enumerate(textwrap.wrap(" ".join(visible(text, 400).split()), 84 if typed else 96)):
            if left:
                left -= 1
                yield (title if not number else ""), row, typed
