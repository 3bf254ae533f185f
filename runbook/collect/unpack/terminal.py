"""What a terminal showed: colours, carriage returns, backspaces and recordings become the text that stood on the screen. Pure."""

import json

from runbook.lazy import re

_TELLING = re.compile(r"[\x08\x1b]|\r(?!\n|$)|\^\[\[")
_STEP = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]{0,20})[ -/]{0,4}(?P<what>[@-~])|\x1b\][^\x07\x1b\n]{0,4000}(?:\x07|\x1b\\)?|\x1b[()][0-9A-Z]"
    r"|\x1b[ -~]?|\r|\x08|[^\x1b\r\x08]+"
)
_CARET = re.compile(r"\^\[(?=\[[0-9;?]{0,20}[A-Za-z])")
_SCRIPT = re.compile(r"Script (?:started|done)(?: on |, )[^\n]{0,300}$")
_COLUMNS = re.compile(r"\bCOLUMNS=\"?(\d{2,4})")
_LONGEST = 64 * 1024
_MOST_EVENTS = 200_000


def is_recording(head: str) -> bool:
    """Whether this is an asciinema recording."""
    first = head.lstrip()[:2000].split("\n", 1)[0]
    return re.match(r'\{"version": ?[123],.{0,1000}"(?:width|cols|term)"', first) is not None


def recorded(text: str) -> str:
    """What an asciinema recording printed, in order."""
    rows = text.lstrip().split("\n")
    parts: list[str] = []
    for row in rows[1 : _MOST_EVENTS + 1]:
        try:
            event = json.loads(row)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, list) and len(event) == 3 and event[1] == "o" and isinstance(event[2], str):
            parts.append(event[2])
    return "".join(parts).replace("\r\n", "\n")


def shown(rows: list[str]) -> list[str]:
    """The rows as they stood on the screen; one row stays one row. `script`'s own first and last line become empty."""
    width = 0
    made = []
    for row in rows:
        if _SCRIPT.match(row):
            width = int(found[1]) if (found := _COLUMNS.search(row)) else width
            row = ""
        made.append(_drawn(row[:_LONGEST], width) if _TELLING.search(row) else row)
    return made


def _drawn(row: str, width: int) -> str:
    """One row: writing at the cursor, moving it, erasing."""
    screen: list[str] = []
    at = 0
    for step in _STEP.finditer(_CARET.sub("\x1b", row)):
        piece = step[0]
        if piece == "\r":
            # At the right edge readline writes a blank and returns: the line goes on below.
            if width and at and at % width == 0:
                continue
            if width and at and at % width == 1 and screen[-1:] == [" "]:
                screen.pop()
                at -= 1
                continue
            at = 0
        elif piece == "\x08":
            at = max(0, at - 1)
        elif piece[0] != "\x1b":
            screen[at : at + len(piece)] = piece
            at += len(piece)
        elif step["what"]:
            at = _moved(step["what"], step["numbers"], screen, at)
    return "".join(screen)


def _moved(what: str, numbers: str, screen: list[str], at: int) -> int:
    """A control sequence on this row: the new place of the cursor."""
    first = numbers.split(";")[0]
    count = min(int(first[:9]), _LONGEST) if first.isdecimal() else 0
    if what == "K":
        if count == 0:
            del screen[at:]
        elif count == 2:
            screen.clear()
            screen.extend(" " * at)
        return at
    if what == "P":
        del screen[at : at + max(1, count)]
    elif what == "D":
        return max(0, at - max(1, count))
    elif what in "CG":
        at = at + max(1, count) if what == "C" else max(1, count) - 1
        if len(screen) < at <= _LONGEST:
            screen.extend(" " * (at - len(screen)))
        return min(at, len(screen))
    return at
