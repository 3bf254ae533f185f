"""A unified diff against the user's own files, from line edits. `patch -p1` takes it; nobody applies it for them."""

from collections.abc import Iterable, Sequence

from runbook.lazy import re
from runbook.model import Edit, SourceFile
from runbook.redact import MASK

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"
_UNFIT = re.compile(r"[\x00-\x1f\x7f\"\\]|^/|^[A-Za-z]:|(?:^|/)\.\.?(?:/|$)")
"""File names that a diff never names: that climb, are absolute, or hold what ends or quotes a header."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")


def unified_diff(edits: Sequence[Edit], files: Iterable[SourceFile]) -> str | None:
    """The diff that makes the edits, or None when it cannot be made.

    It cannot where the file's text is unknown, the line is not what the edit expects, a secret stands in
    a line that would have to be quoted, or the file's name is unfit for a header: then the commands of the
    fix have to do. A masked line is never context: the context ends before it.
    """
    known = {f.path: f for f in files if f.lines}
    hunks = []
    for path in dict.fromkeys(edit.file for edit in edits):
        source = known.get(path)
        if source is None or _UNFIT.search(path):
            return None
        diff = _file_diff(source, sorted((e for e in edits if e.file == path), key=lambda e: e.line))
        if diff is None:
            return None
        hunks.append(diff)
    return "".join(hunks) or None


def _file_diff(source: SourceFile, edits: list[Edit]) -> str | None:
    masked = set(source.masked)
    for edit in edits:
        if edit.line > len(source.lines) or (edit.line in masked and edit.old is not None):
            return None
        if edit.old is not None and source.lines[edit.line - 1].strip() != edit.old.strip():
            return None
        if edit.new is not None and (MASK in edit.new or _CONTROL.search(edit.new)):
            return None
    if not source.final_newline and len(source.lines) in masked and edits[-1].line == len(source.lines):
        return None  # to put a line after it, the last one would have to be written anew
    body, shift = "", 0
    for group in _groups(edits, masked):
        hunk, shift = _hunk(source, group, masked, shift)
        body += hunk
    name = f"{source.path}\t" if " " in source.path else source.path
    return f"--- a/{name}\n+++ b/{name}\n{body}"


def _groups(edits: list[Edit], masked: set[int]) -> list[list[Edit]]:
    """Edits whose contexts touch make one hunk, unless a masked line stands between them."""
    groups: list[list[Edit]] = []
    for edit in edits:
        last = groups[-1][-1].line if groups else 0
        between = range(last + 1, edit.line + (edit.old is None))
        if groups and edit.line - last <= 2 * _CONTEXT and masked.isdisjoint(between):
            groups[-1].append(edit)
        else:
            groups.append([edit])
    return groups


def _hunk(source: SourceFile, edits: list[Edit], masked: set[int], shift: int) -> tuple[str, int]:
    """One hunk and the shift of the lines after it."""
    start, end = _extent(source, edits, masked)
    by_line = {e.line: e for e in edits if e.old is not None}
    inserts: dict[int, list[str]] = {}
    for edit in edits:
        if edit.old is None and edit.new is not None:
            inserts.setdefault(edit.line, []).extend(edit.new.split("\n"))
    rows = [("+", _like(text, source.lines[max(start - 2, 0)])) for text in inserts.get(start - 1, [])]
    for number in range(start, end + 1):
        text = source.lines[number - 1]
        change = by_line.get(number)
        if change is None:
            rows.append((" ", text))
        else:
            rows.append(("-", text))
            rows += [("+", _like(line, text)) for line in (change.new.split("\n") if change.new is not None else ())]
        rows += [("+", _like(line, text)) for line in inserts.get(number, [])]
    old, new = (sum(sign in kind for sign, _ in rows) for kind in (" -", " +"))
    first, then = start if old else start - 1, start + shift if new else start + shift - 1
    ends_open = end == len(source.lines) and not source.final_newline
    return f"@@ -{first},{old} +{then},{new} @@\n{_written(rows, ends_open=ends_open)}", shift + new - old


def _extent(source: SourceFile, edits: list[Edit], masked: set[int]) -> tuple[int, int]:
    """First and last line that the hunk quotes.

    Where the context after the change is shorter than the one before it, patch takes the hunk for one at the end
    of the file and refuses it elsewhere; so the context before is cut to the same length.
    """
    first = edits[0].line if edits[0].old is not None else edits[0].line + 1
    last = edits[-1].line
    start, end = first, last
    while end < min(len(source.lines), last + _CONTEXT) and end + 1 not in masked:
        end += 1
    most = _CONTEXT if end == len(source.lines) else end - last
    while start > max(1, first - most) and start - 1 not in masked:
        start -= 1
    return start, end


def _written(rows: list[tuple[str, str]], *, ends_open: bool) -> str:
    """The lines of a hunk. That the file has no newline at its end is said after its last line; the new one gets one."""
    marked = -1
    if ends_open:
        marked = max(n for n, (sign, _) in enumerate(rows) if sign != "+")
        if rows[marked][0] == " " and marked < len(rows) - 1:
            rows[marked : marked + 1] = [("-", rows[marked][1]), ("+", rows[marked][1])]
    return "".join(f"{sign}{text}\n{_NO_NEWLINE if n == marked else ''}" for n, (sign, text) in enumerate(rows))


def _like(new: str, old: str) -> str:
    """Keep the old line's carriage return, so that a Windows file stays one."""
    return new + "\r" if old.endswith("\r") and not new.endswith("\r") else new
