"""Frames that people and trackers put around what programs wrote: fences, {code}, <pre>, indented code. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.collect.unpack.names import heading, mentioned
from runbook.collect.unpack.written import Ends, written
from runbook.lazy import re
from runbook.parse.prompts import prompted

_FENCE = re.compile(r"(?P<indent>[ \t]{0,40})(?P<mark>`{3,20}|~{3,20})[ \t]*(?P<info>[^\n]{0,4000})$")
_OPENS = re.compile(
    r"[ \t]{0,12}(?:\{(?P<jira>code|noformat|quote|panel)(?::(?P<title>[^}\n]{0,300}))?\}|\[(?P<bb>code|pre)(?:=[^\]\n]{0,40})?\]"
    r"|(?P<wiki>\{\{\{)|<(?P<html>pre|code)(?: [^>\n]{0,200})?>(?:<code(?: [^>\n]{0,200})?>)?)(?P<rest>.*)$", re.IGNORECASE,
)  # fmt: skip
_INFO = re.compile(r"(?:\{\.?[\w+#.-]{1,24}\}|\.?[\w+#.-]{0,24})$")
_ATTRIBUTE = re.compile(r"(?:^|[\s{])(?:title|name|file|filename|path|caption|linenos|hl_lines)=")
_ASCIIDOC = re.compile(r"(?:-{4,}|\.{4,})$")
_SOURCE = re.compile(r"\[(?:source|listing|literal)\b[^\]\n]{0,100}\]$")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_CLOSES = ("```", "~~~", "{code}", "{noformat}", "[/code]", "}}}")
_TITLE_LINES = 4
_CODE = re.compile(r"[ \t]{0,8}`([^`\n][^\n]{11,8000})$")
_CODE_LINES = 30
"""Lines that code between two single backticks takes, at most."""


@dataclass(frozen=True, slots=True)
class Block:
    """A run of rows that stands apart from the prose around it."""

    start: int
    """First row of its content (from 0); `end` is exclusive."""
    end: int
    frame: Literal["fence", "indent", "section"]
    name: str | None = None
    """The file that it is said to be."""
    sure: bool = True
    """Whether the name is that of the block beyond doubt, and not one that a sentence before it mentions."""
    language: str = ""
    outer: tuple[int, int] = (0, 0)
    """The rows that the block takes with its frame."""
    indent: int = 0
    """Blanks before each row that belong to the frame."""
    first: str | None = None
    last: str | None = None
    """The first and last row where the frame stands on the same line."""

    def content(self, rows: list[str]) -> list[str]:
        """Its rows without the frame."""
        made = [_dedented(row, self.indent) for row in rows[self.start : self.end]]
        return [
            *([self.first] if self.first is not None else []),
            *made,
            *([self.last] if self.last is not None else []),
        ]


def _dedented(row: str, indent: int) -> str:
    head = row[:indent]
    return row[len(head) - len(head.lstrip()) :] if indent else row


def framed(rows: list[str]) -> Iterator[Block]:
    """The framed blocks of a text, in order, none inside another."""
    number = 0
    ends = Ends(list(rows))  # a block that is taken changes the rows
    while number < len(rows):
        block = _at(rows, number, ends)
        if block is None:
            number += 1
            continue
        yield block
        number = max(block.outer[1], number + 1)


def _at(rows: list[str], number: int, ends: Ends) -> Block | None:
    """The block that opens on that row, if one does."""
    row = rows[number]
    bare = row.lstrip(" \t")
    if bare[:3] in ("```", "~~~") and (fence := _FENCE.match(row)):
        return _fence(rows, number, fence)
    if bare[:1] == "`" and (code := _CODE.match(row)):
        return _code(rows, number, code[1])
    if found := written(rows, number, ends):
        name, start, end, behind, indent, first = found
        return Block(start, end, "fence", name, outer=(number, behind), indent=indent, first=first)
    if bare[:1] in "{[<" and (opens := _OPENS.match(row)):
        return _marked(rows, number, opens)
    if bare[:4] in ("----", "....") and number and _ASCIIDOC.match(row) and _SOURCE.match(rows[number - 1]):
        end = next((n for n in range(number + 1, len(rows)) if rows[n] == row), len(rows))
        named = title(rows, number - 1, "", rows[number + 1 : end])
        return Block(number + 1, end, "fence", *named, outer=(number - 1, min(end + 1, len(rows))))
    if row[:4] == "    " or row[:1] == "\t":
        return _indented(rows, number)
    return None


def _code(rows: list[str], number: int, first: str) -> Block | None:
    """`code` that takes whole lines, as people put a log line; one that begins a sentence is prose."""
    if (at := first.find("`")) >= 0:
        alone = not first[at + 1 :].strip(".,;: ")
        return Block(number + 1, number + 1, "fence", outer=(number, number + 1), first=first[:at]) if alone else None
    for end in range(number + 1, min(number + _CODE_LINES, len(rows))):
        if not rows[end].strip():
            return None
        before, mark, after = rows[end].partition("`")
        if mark:
            alone = not after.strip(".,;: ")
            return Block(number + 1, end, "fence", outer=(number, end + 1), first=first, last=before) if alone else None
    return None


def _fence(rows: list[str], number: int, fence: re.Match[str]) -> Block:
    """``` or ~~~, closed by the same mark; a chat glues it to the text."""
    mark, info, indent = fence["mark"], fence["info"].strip(), len(fence["indent"])
    if len(info) > 3 and info.endswith(mark):  # all on one line
        inner = info.removesuffix(mark)
        return Block(
            number + 1, number + 1, "fence", *title(rows, number, "", [inner]), outer=(number, number + 1), first=inner
        )
    end, last = len(rows), None
    for at in range(number + 1, len(rows)):
        bare = rows[at].strip()
        if bare.startswith(mark) and not bare.strip(mark[0]):
            end = at
            break
        if mark[0] == "`" and bare.endswith(mark) and not bare.startswith(mark):
            end, last = at, rows[at].rstrip().removesuffix(mark)
            break
    glued = info if info and not _is_info(info) else None
    body = rows[number + 1 : end]
    named = title(rows, number, "" if glued else info, [glued or "", *body[:1]] if glued else body)
    language = "" if glued else info.split(" ")[0].strip("{.}").lower()
    return Block(number + 1, end, "fence", *named, language, (number, min(end + 1, len(rows))), indent, glued, last)


def _is_info(info: str) -> bool:
    """Whether what follows a fence is about the block rather than its first line."""
    if _INFO.match(info) or prompted(info) is not None:
        return prompted(info) is None
    return _ATTRIBUTE.search(info) is not None or (mentioned(info) is not None and len(info.split()) <= 3)


def _marked(rows: list[str], number: int, opens: re.Match[str]) -> Block | None:
    """{code}, {noformat}, [code], {{{, <pre>: up to the mark that closes it."""
    close = next(
        mark
        for kind, mark in (
            ("jira", f"{{{opens['jira']}}}"),
            ("bb", f"[/{opens['bb']}]"),
            ("wiki", "}}}"),
            ("html", f"</{opens['html']}>"),
        )
        if opens[kind]
    )
    if (opens["jira"] or "").lower() in ("quote", "panel"):
        return None
    rest = opens["rest"]
    if close.lower() in rest.lower():
        inner = rest[: rest.lower().index(close.lower())]
        return (
            Block(number + 1, number + 1, "fence", outer=(number, number + 1), first=inner) if inner.strip() else None
        )
    end, last = len(rows), None
    for at in range(number + 1, len(rows)):
        if close.lower() in rows[at].lower():
            end = at
            before = rows[at][: rows[at].lower().index(close.lower())].removesuffix("</code>")
            last = before if before.strip() else None
            break
    info = (opens["title"] or "").replace("|", " ")
    first = rest if rest.strip() and not rest.startswith("#!") else None
    named = title(rows, number, info, rows[number + 1 : end])
    language = info.split(" ")[0] if "=" not in info.split(" ")[0] else ""
    return Block(number + 1, end, "fence", *named, language.lower(), (number, min(end + 1, len(rows))), 0, first, last)


def _indented(rows: list[str], number: int) -> Block | None:
    """Markdown's indented code: rows with four blanks or a tab, behind an empty row and a line of prose."""
    before = number - 1
    while before >= 0 and not rows[before].strip():
        before -= 1
    if before < 0 or before == number - 1 or not (_introduces(rows[before]) or _labels(rows[before], rows[number])):
        return None
    end = last = number
    while end < len(rows) and (not rows[end].strip() or rows[end][:4] == "    " or rows[end][:1] == "\t"):
        end += 1
        last = end if rows[end - 1].strip() else last
    body = [row for row in rows[number:last] if row.strip()]
    if not body:
        return None
    indent = min(len(row) - len(row.lstrip(" \t")) for row in body)
    indent = min(indent, 1 if body[0][:1] == "\t" else 4)
    named = title(rows, number, "", rows[number:last])
    return Block(number, last, "indent", *named, outer=(number, last), indent=indent)


def _introduces(row: str) -> bool:
    """Whether code may follow this line: it is a sentence or names a file, and no key of a file that goes on."""
    return row[:1] not in (" ", "\t") and (" " in row.strip() or heading(row) is not None) and row[-1:] not in "{};,\\"


_LABEL = re.compile(r"[A-Za-z][\w.-]{1,40}(:?)\s{0,4}$")
_SECTION = re.compile(r"[^\s:#][^:#\n]{0,200}\{$")


def _labels(row: str, first: str) -> bool:
    """Whether one word says what the code below it is: `compose`, or `nginx:` where no YAML can follow, whose key that
    would be."""
    found = _LABEL.match(row)
    if found is None:
        return False
    bare = first.strip()
    return not found[1] or _SECTION.match(bare) is not None or prompted(bare) is not None


def title(rows: list[str], frame: int, info: str, body: list[str]) -> tuple[str | None, bool]:
    """The name of a block's file and whether it is sure: beside the frame, in its first comment, as a heading, or
    (not sure) in a sentence right before it."""
    first = next((row for row in body[:1] if row.lstrip().startswith(("#", "//", ";", "<!--"))), "")
    if " -" in first and prompted(first) is not None:
        first = ""  # what root typed names files, and is none
    for text in (info.replace("=", " ").replace(":", " ").replace('"', " "), first):
        if name := mentioned(text):
            return name, True
    for row in reversed(rows[max(0, frame - _TITLE_LINES) : frame]):
        bare = _TAG.sub("", row).strip()
        if bare.lower().startswith(_CLOSES):
            break
        if bare:
            name = heading(bare.removeprefix("- "))
            return (name, True) if name else (mentioned(bare), False)
    return None, False
