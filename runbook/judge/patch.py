"""A unified diff against the user's own files, from line edits. `patch -p1` takes it; nobody applies it for them."""

from collections.abc import Iterable, Sequence

from runbook.model import Edit, SourceFile

_CONTEXT = 3


def unified_diff(edits: Sequence[Edit], files: Iterable[SourceFile]) -> str | None:
    """The diff that makes the edits, or None when it cannot be made.

    It cannot where the file's text is unknown, the line is not what the edit expects, or a secret
    stands in a line that would have to be quoted: then the commands of the fix have to do.
    """
    known = {f.path: f for f in files if f.lines}
    hunks = []
    for path in dict.fromkeys(edit.file for edit in edits):
        source = known.get(path)
        if source is None:
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
    body, shift = "", 0
    for group in _groups(edits):
        hunk, shift = _hunk(source, group, masked, shift)
        body += hunk
    return f"--- a/{source.path}\n+++ b/{source.path}\n{body}"


def _groups(edits: list[Edit]) -> list[list[Edit]]:
    """Edits whose contexts touch make one hunk."""
    groups: list[list[Edit]] = []
    for edit in edits:
        if groups and edit.line - groups[-1][-1].line <= 2 * _CONTEXT:
            groups[-1].append(edit)
        else:
            groups.append([edit])
    return groups


def _hunk(source: SourceFile, edits: list[Edit], masked: set[int], shift: int) -> tuple[str, int]:
    first = edits[0].line if edits[0].old is not None else edits[0].line + 1
    last = edits[-1].line
    start, end = first, last
    while start > max(1, first - _CONTEXT) and start - 1 not in masked:
        start -= 1
    while end < min(len(source.lines), last + _CONTEXT) and end + 1 not in masked:
        end += 1
    by_line = {e.line: e for e in edits if e.old is not None}
    inserts: dict[int, list[str]] = {}
    for edit in edits:
        if edit.old is None and edit.new is not None:
            inserts.setdefault(edit.line, []).extend(edit.new.split("\n"))
    rows = [f"+{text}\n" for text in inserts.get(start - 1, [])]
    removed = added = 0
    for number in range(start, end + 1):
        text = source.lines[number - 1]
        change = by_line.get(number)
        if change is None:
            rows.append(f" {text}\n")
        else:
            new = change.new.split("\n") if change.new is not None else []
            rows += [f"-{text}\n", *(f"+{_like(line, text)}\n" for line in new)]
            removed, added = removed + 1, added + len(new)
        rows += [f"+{line}\n" for line in inserts.get(number, [])]
    added += sum(len(lines) for lines in inserts.values())
    old, new_count = end - start + 1, end - start + 1 - removed + added
    begin = start if old else start - 1
    return f"@@ -{begin},{old} +{start + shift if new_count else start + shift - 1},{new_count} @@\n" + "".join(rows), (
        shift + added - removed
    )


def _like(new: str, old: str) -> str:
    """Keep the old line's carriage return, so that a Windows file stays one."""
    return new + "\r" if old.endswith("\r") and not new.endswith("\r") else new
