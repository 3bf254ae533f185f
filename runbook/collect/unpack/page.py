"""A saved web page as the text that it shows: blocks in fences, headings and names in lines of their own. Pure.

No tree is built: tags are taken one by one, so that a page of any size and any nonsense takes time in proportion.
"""

import html

from runbook.collect.unpack.rows import Rows
from runbook.lazy import re

_TELLING = re.compile(r"<(?:!doctype html|html|head|body|div|table|pre|article|section)\b[^<>]{0,2000}>", re.IGNORECASE)
_TOKEN = re.compile(
    r"<!--(?:[^-]|-(?!->)){0,200000}(?:-->)?|<[!?][^<>]{0,2000}>|<(?P<closes>/?)(?P<tag>[A-Za-z][A-Za-z0-9-]{0,30})(?P<more>[^<>]{0,20000})>|[^<]+|<"
)
_SILENT = ("script", "style", "head", "noscript", "template", "svg", "button", "select")
_BLOCKS = (
    "p", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "header", "footer",
    "blockquote", "dt", "dd", "summary", "details", "hr", "form", "tbody", "thead", "figure", "figcaption", "main", "caption",
)  # fmt: skip
_CODE_CELL = re.compile(
    r"(?:class|id)=[\"'][^\"']{0,200}\b(?:blob-code|code|CodeMirror-line|react-file-line|hljs|view-line)\b"
)
_LINE_NUMBER = re.compile(r"class=[\"'][^\"']{0,200}\b(?:blob-num|line-?num\w*|linenos?|gutter|lineno)\b")
_BLANK = re.compile(r"[ \t\r\n\f]+")
_MACRO = "<ac:structured-macro"
_TITLE = re.compile(r"<ac:parameter ac:name=\"title\">([^<>]{0,300})</ac:parameter>")
_OTHER = re.compile(r"<ac:parameter ac:name=\"[^\"<>]{0,40}\">[^<>]{0,300}</ac:parameter>")
_OPENS = re.compile(r"<ac:plain-text-body>\s{0,20}<!\[CDATA\[")
_CLOSES = "]]>"
_FENCE = "```"
_LONGEST = 64 * 1024


def is_page(name: str, head: str) -> bool:
    """Whether this is a web page rather than a text in which some tags stand."""
    start = head.lstrip("\ufeff \t\r\n")[:1000].lower()
    if _MACRO in head:
        return True
    if start.startswith(("<!doctype html", "<html")):
        return True
    return name.lower().endswith((".html", ".htm", ".xhtml")) and _TELLING.search(head) is not None


def page_text(text: str) -> Rows:
    """What the page shows, line by line; each row has the number of the page's line in which it begins."""
    return _Page().read(_without_macros(text) if _MACRO in text else text)


def _without_macros(text: str) -> str:
    """The storage format of Confluence with its blocks of code as those of a page; no row moves."""
    text = _TITLE.sub(r"<p>\1</p>", text)
    first, *pieces = _OPENS.split(_OTHER.sub("", text))
    made = [first]
    for piece in pieces:
        body, _, rest = piece.partition(_CLOSES)
        made.append(f"<pre>{html.escape(body)}</pre>{rest}")
    return "".join(made)


class _Page:
    """The text while the tags go by."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.numbers: list[int] = []
        self.parts: list[str] = []
        self.length = self.begins = 0
        self.silent = ""
        self.quoted = 0
        self.pre = self.in_cells = self.cell = False

    def read(self, text: str) -> Rows:
        """Go through the page once."""
        number = 1
        for token in _TOKEN.finditer(text):
            found = token[0]
            if token["tag"]:
                self._tag(token["tag"].lower(), bool(token["closes"]), token["more"], number)
            elif not self.silent and not found.startswith(("<!", "<?")):
                self._text(found, number)
            number += found.count("\n")
        self._end(number)
        self._close_cells(number)
        return Rows(self.rows or [""], self.numbers or [1])

    def _tag(self, tag: str, closes: bool, more: str, number: int) -> None:
        if self.silent:
            self.silent = "" if closes and tag == self.silent else self.silent
        elif tag in _SILENT and not closes and not more.endswith("/"):
            self.silent = tag
        elif tag == "pre":
            self._fence(closes, number)
        elif tag == "br":
            self._end(number)
        elif tag == "td" and not self.pre:
            self._cell(closes, more, number)
        elif tag in _BLOCKS and not self.pre:
            self._end(number)
            if tag == "blockquote":
                self.quoted = max(0, self.quoted - 1) if closes else self.quoted + 1
            if tag == "table" and closes:
                self._close_cells(number)
        elif tag in _BLOCKS and closes and self.length:
            self._end(number)  # editors put each line into a div

    def _fence(self, closes: bool, number: int) -> None:
        if closes == self.pre:
            self._end(number)
            self._close_cells(number)
            self.pre = not closes
            self._add(_FENCE, number)

    def _cell(self, closes: bool, more: str, number: int) -> None:
        """A table in which a forge shows the lines of a file, one in each row."""
        if closes:
            if self.cell:
                self._add(self._taken().strip("\n"), self.begins or number)
                self.cell = False
            else:
                self._text(" ", number)
        elif _LINE_NUMBER.search(more):
            self.silent = "td"
        elif _CODE_CELL.search(more):
            if not self.in_cells:
                self._end(number)
                self._add(_FENCE, number)
                self.in_cells = True
            self._taken()
            self.begins, self.cell = number, True

    def _close_cells(self, number: int) -> None:
        if self.in_cells:
            self._add(_FENCE, number)
            self.in_cells = False

    def _text(self, source: str, number: int) -> None:
        if not self.pre and not self.cell:
            source = _BLANK.sub(" ", source)
            source = source if self.length else source.lstrip(" ")
        text = html.unescape(source).replace("\xa0", " ")  # editors and mail programs indent so
        if self.pre:
            if not self.length and self.rows[-1:] == [_FENCE] and text.startswith("\n"):
                text, number = text[1:], number + 1  # a browser leaves out the first line end
            for count, part in enumerate(text.replace("\r\n", "\n").split("\n")):
                if count:
                    self._add(self._taken(), self.begins or number + count - 1)
                    self.begins = number + count
                self._write(part, number)
        else:
            self._write(text, number)

    def _write(self, text: str, number: int) -> None:
        if text and self.length < _LONGEST:
            self.parts.append(text)
            self.length += len(text)
            self.begins = self.begins or number

    def _taken(self) -> str:
        """The row that was being written; the next one begins empty."""
        row = "".join(self.parts)
        self.parts, self.length = [], 0
        return row

    def _end(self, number: int) -> None:
        row = self._taken()
        if row if self.pre else row.strip():
            mark = "" if self.pre else "> " * min(self.quoted, 9)
            self._add(row if self.pre else mark + row.rstrip(), self.begins or number)
        self.begins = 0

    def _add(self, row: str, number: int) -> None:
        self.rows.append(row)
        self.numbers.append(max(number, self.numbers[-1] if self.numbers else 1))
