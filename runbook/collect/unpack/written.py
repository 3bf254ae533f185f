"""Files inside what writes them: here-documents of a script, `content:` of cloud-init and Ansible, tags with a path. Pure."""

from bisect import bisect_left

import yaml

from runbook.collect.unpack.part import safe_path
from runbook.lazy import re

_HERE = re.compile(
    r"[ \t]{0,40}(?:[$#>] )?(?:sudo )?(?:cat|tee)\b(?P<to>[^<\n]{0,400})<<(?P<tabs>-?)[ \t]?(?P<quote>[\"'\\]?)(?P<end>\w{1,40})[\"']?(?P<more>[^\n]{0,400})$"
)
_TARGETS = (
    re.compile(r"\btee(?:[ \t]{1,8}-\w{1,20}){0,4}[ \t]{1,8}[\"']?([^\s\"'<>|;&$*?-][^\s\"'<>|;&$*?]{0,300})"),
    re.compile(r">[ \t]{0,4}[\"']?([^\s\"'<>|;&$*?-][^\s\"'<>|;&$*?]{0,300})"),
)
"""What `tee` writes to, else where the output goes."""
_TAG = re.compile(
    r"[ \t]{0,8}<(?P<tag>file|document|doc|source_file)\s[^<>\n]{0,200}?\b(?:path|name|filename|file)=[\"'](?P<name>[^\"'<>\n]{1,300})[\"'][^<>\n]{0,200}>[ \t]*$"
)
_CONTENT = re.compile(
    r"(?P<lead>[ \t]{0,60}(?:- )?)(?:content|contents)[ \t]?:[ \t]{1,4}(?:\|[+-]?(?P<depth>[1-9])?[+-]?|(?P<text>[^|>&*!#\s].{0,64000}))[ \t]*$"
)
_PLACE = re.compile(
    r"(?P<lead>[ \t]{0,60}(?:- )?)(?:path|dest|destination)[ \t]?:[ \t]{1,4}[\"']?(?P<name>[^\"'{}\n]{1,300}?)[\"']?[ \t]*$"
)
_FAR = 8
_LONGEST = 64_000
_LONGEST_END = 200

Written = tuple[str, int, int, int, int, str | None]
"""Name, first row of the content, row behind it, row behind all of it, blanks before each, and the content where it stands
on the row of the key."""


class Ends:
    """Where a row stands next, found without going through all rows each time: hostile texts open much and close nothing."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows
        self._known: dict[str, list[int]] | None = None

    def behind(self, number: int, bare: str) -> int | None:
        """The first row behind that one which says this and nothing else."""
        if self._known is None:
            self._known = {}
            for at, row in enumerate(self._rows):
                if len(row) <= _LONGEST_END:
                    self._known.setdefault(row.strip(), []).append(at)
        places = self._known.get(bare, [])
        found = bisect_left(places, number + 1)
        return places[found] if found < len(places) else None


def written(rows: list[str], number: int, ends: Ends) -> Written | None:
    """The file that is written by what opens on that row; None where nothing is."""
    row = rows[number]
    if "<<" in row and (here := _HERE.match(row)):
        return _here(rows, number, here, ends)
    bare = row.lstrip(" \t")
    if bare[:1] == "<" and (tag := _TAG.match(row)):
        return _tagged(number, tag, ends)
    if bare.removeprefix("- ").startswith("content") and len(row) < _LONGEST and (content := _CONTENT.match(row)):
        return _content(rows, number, content)
    return None


def _here(rows: list[str], number: int, here: re.Match[str], ends: Ends) -> Written | None:
    """`cat > name <<EOF`. Without quotes the shell puts values in: a text with any in it is not what was written."""
    around = here[0][: here.start("tabs") - 2] + " " + here["more"]
    target = next((found for pattern in _TARGETS if (found := pattern.search(around))), None)
    name = safe_path(target[1]) if target else None
    end = ends.behind(number, here["end"])
    if name is None or end is None:
        return None
    if not here["quote"] and any("$" in row or "`" in row for row in rows[number + 1 : end]):
        return None
    return name, number + 1, end, end + 1, 0, None


def _tagged(number: int, tag: re.Match[str], ends: Ends) -> Written | None:
    name = safe_path(tag["name"])
    end = ends.behind(number, f"</{tag['tag']}>")
    return (name, number + 1, end, end + 1, 0, None) if name and end is not None else None


def _content(rows: list[str], number: int, content: re.Match[str]) -> Written | None:
    """A block of YAML beside the path of the file that it becomes."""
    depth = len(content["lead"])
    end = number + 1
    while content["text"] is None and end < len(rows) and (not rows[end].strip() or _blanks(rows[end]) > depth):
        end += 1
    name = _place(rows, number, end, depth, content["lead"].strip() == "-")
    last = end
    while last > number + 1 and not rows[last - 1].strip():
        last -= 1
    if name is None or any("{{" in row or "{%" in row for row in rows[number:last]):
        return None  # a template: what comes of it does not stand here
    if content["text"] is not None:
        text = _scalar(content["text"].strip())
        return (name, number + 1, number + 1, number + 1, 0, text) if text else None
    if last == number + 1:
        return None
    first = next(row for row in rows[number + 1 : last] if row.strip())
    indent = depth + int(content["depth"]) if content["depth"] else _blanks(first)
    return name, number + 1, last, last, indent, None


def _place(rows: list[str], start: int, end: int, depth: int, first: bool) -> str | None:
    """The path beside a content: a key of the same depth above it or below it."""
    above = () if first else range(start - 1, max(-1, start - _FAR), -1)
    for numbers in (above, range(end, min(len(rows), end + _FAR))):
        for number in numbers:
            place = _PLACE.match(rows[number])
            if place and len(place["lead"]) == depth and (number < start or "-" not in place["lead"]):
                return safe_path(place["name"])
            begins = rows[number].lstrip().startswith("- ") and _blanks(rows[number]) < depth
            if rows[number].strip() and (begins or _blanks(rows[number]) < depth):
                break
    return None


def _scalar(text: str) -> str | None:
    """A content on one row, with the escapes of its quotes undone."""
    if text[:1] not in ('"', "'"):
        return text
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return None
    return found.removesuffix("\n") if isinstance(found, str) else None


def _blanks(row: str) -> int:
    return len(row) - len(row.lstrip(" "))
