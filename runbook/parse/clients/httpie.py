"""httpie (and xh): the command, and with -v the request as it was sent. Others print raw requests in the same way."""

import shlex
from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import HEADER, METHODS, REQUEST, Region, command, sent
from runbook.parse.prompts import prompted

MARKS = (" HTTP/1", " HTTP/2", "http ", "https ", "xh ", "xhs ")
_TOOL = re.compile(r"(?:\w+=\S{0,80} )*(http|https|xh|xhs) (?=\S)(.*)$")
_METHOD = re.compile(rf"(?:{METHODS})$")
_ITEM = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60}):([^=/:].*|)$")
_ADDRESS = re.compile(r"(https?)://([\w.:\[\]-]{1,255})(/[^\s\"'<>]{0,2000})?")
_WITH_VALUE = (
    "-a",
    "--auth",
    "-A",
    "--auth-type",
    "-o",
    "--output",
    "--session",
    "--print",
    "-p",
    "--timeout",
    "--verify",
    "--cert",
    "--proxy",
)


def regions(rows: list[str]) -> Iterator[Region]:
    """Each command, and each request that is shown."""
    number = 0
    while number < len(rows):
        row = rows[number]
        typed = prompted(row)
        tool = _TOOL.match(typed[1]) if typed else None
        if tool and (asked := _command(tool[1], tool[2])):
            yield Region(number, number + 1, [(number, asked)])
        elif REQUEST.match(row):
            region = Region(number, number)
            if url := _address_above(rows, number):
                region.add(number, command(url))
            while number < len(rows) and (number == region.start or HEADER.match(rows[number])):
                region.add(number, sent(rows[number]))
                number += 1
            region.add(max(region.start, number - 1), ">")
            region.end = number
            yield region
            continue
        number += 1


def _address_above(rows: list[str], number: int) -> str:
    """The address of a raw request, where a line just above names it: a log of Postman's, a call that was noted down. The
    request itself tells no scheme."""
    path = rows[number].split(" ")[1]
    host = next((r[5:].strip() for r in rows[number + 1 : number + 20] if r.lower().startswith("host:")), "")
    for row in rows[max(0, number - 4) : number]:
        for found in _ADDRESS.finditer(row, 0, 2000):
            if found[2].lower() == host.lower() and (found[3] or "/") == path:
                return found[0]
    return ""


def _command(tool: str, text: str) -> str | None:
    try:
        words = shlex.split(text.split(" | ")[0])
    except ValueError:
        words = text.split()
    method = user = url = kind = ""
    headers: list[tuple[str, str]] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            value = value if equals else next(rest, "") if name in _WITH_VALUE else ""
            user = value if name in ("-a", "--auth") else user
            kind = value if name in ("-A", "--auth-type") else kind
        elif not url and _METHOD.match(word):
            method = word
        elif not url:
            url = _url(tool, word)
        elif item := _ITEM.match(word):
            headers.append((item[1], item[2]))
    if not url:
        return None
    if kind.lower() == "bearer" and user:
        headers, user = [*headers, ("Authorization", f"Bearer {user}")], ""
    return command(url, method=method, headers=headers, user=user)


def _url(tool: str, word: str) -> str:
    scheme = "https" if tool in ("https", "xhs") else "http"
    if "://" in word:
        return word
    if word.startswith(":"):
        rest = word[1:]
        return f"{scheme}://localhost{':' if rest[:1].isdigit() else ''}{rest}"
    return f"{scheme}://{word}"
