"""Documents in which people paste what they have: of a word processor (.docx, .odt, .rtf), notebooks, Jira's export as XML.
Only the text is taken. Pure.
"""

import html
import json
from typing import Any

from runbook.lazy import re

WORD_PROCESSORS = ("word/document.xml", "content.xml")
"""Where .docx and .odt keep their text."""
_TAG = re.compile(r"<[?!][^<>]{0,4000}>|<(?P<closes>/?)(?P<tag>[\w:]{1,40})(?P<more>[^<>]{0,4000})>|[^<]+")
_SPACES = re.compile(r"text:c=\"(\d{1,3})\"")
_RTF = re.compile(
    r"\\(?P<word>[a-z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<byte>[0-9a-fA-F]{2})|\\(?P<sign>[^a-z])|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)"
)
_SILENT = ("fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "generator", "header", "footer", "themedata")
_ITEM = re.compile(r"<(description|comment)\b[^<>]{0,1000}>([^<]{0,2000000})</\1>")
_MOST = 5000


def document_text(xml: str) -> str:
    """The paragraphs of a document of Word's or LibreOffice's, a line each."""
    made: list[str] = []
    for token in _TAG.finditer(xml):
        tag = token["tag"]
        if tag is None and token[0][0] != "<":
            made.append(html.unescape(token[0].replace("\n", " ")))
        elif tag in ("w:br", "w:cr", "text:line-break"):
            made.append("\n")
        elif tag in ("w:p", "text:p", "text:h"):
            made.append("\n" if token["closes"] or token["more"].endswith("/") else "")
        elif tag in ("w:tab", "text:tab"):
            made.append("\t")
        elif tag == "text:s":
            count = _SPACES.search(token["more"])
            made.append(" " * int(count[1] if count else 1))
    return "".join(made)


def is_rtf(text: str) -> bool:
    """Whether a text is in Microsoft's Rich Text Format."""
    return text.startswith("{\\rtf")


def rtf_text(text: str) -> str:
    """What an RTF document shows."""
    made: list[str] = []
    silent, depth, skip = 0, 0, 0
    for token in _RTF.finditer(text):
        if token["brace"]:
            depth += 1 if token["brace"] == "{" else -1
            silent = 0 if depth < silent else silent
        elif silent:
            continue
        elif word := token["word"]:
            silent = depth if word in _SILENT else silent
            made.append({"par": "\n", "line": "\n", "tab": "\t"}.get(word, ""))
            if word == "u" and token["number"]:
                made.append(_letter(int(token["number"]) & 0xFFFF))
                skip = 1
        elif token["byte"]:
            made.append("" if skip else bytes.fromhex(token["byte"]).decode("cp1252", "replace"))
            skip = 0
        elif sign := token["sign"]:
            silent = depth if sign == "*" else silent
            made.append({"\n": "\n", "~": " "}.get(sign, sign if sign in "\\{}" else ""))
        elif token["text"]:
            made.append(token["text"][skip:])
            skip = 0
    return "".join(made)


def _letter(code: int) -> str:
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def notebook_text(text: str) -> str | None:
    """The cells of a Jupyter notebook with what they printed; None for other JSON."""
    if '"nbformat"' not in text or '"cells"' not in text:
        return None
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    return "".join(_cell(c) for c in cells[:_MOST] if isinstance(c, dict)) if isinstance(cells, list) else None


def _cell(cell: dict[str, Any]) -> str:
    source = _joined(cell.get("source"))
    if cell.get("cell_type") != "code":
        return f"{source}\n\n"
    typed = "\n".join(f"$ {row[1:].strip()}" if row.startswith("!") else row for row in source.split("\n"))
    outputs = cell.get("outputs")
    printed = "".join(_printed(o) for o in outputs[:_MOST] if isinstance(o, dict)) if isinstance(outputs, list) else ""
    return f"{typed}\n{printed.rstrip()}\n$\n"


def _printed(output: dict[str, Any]) -> str:
    data = output.get("data")
    return _joined(output.get("text") or (data.get("text/plain") if isinstance(data, dict) else ""))


def _joined(value: Any) -> str:
    rows = value if isinstance(value, list) else [value]
    return "".join(row for row in rows if isinstance(row, str))


def is_jira(head: str) -> bool:
    """Whether a text is the export of a Jira ticket as XML."""
    return "<rss" in head[:2000] and "<channel>" in head and "<description>" in head


def jira_page(text: str) -> str:
    """The same as a page: what its descriptions and comments hold is HTML that was escaped."""
    return _ITEM.sub(lambda m: f"<div>{html.unescape(m[2])}</div>", text)
