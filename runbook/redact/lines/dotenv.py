"""Files of variables."""

from collections.abc import Generator, Iterator

from runbook.lazy import re
from runbook.redact.harmless import shown_variable
from runbook.redact.lines.arguments import Span
from runbook.redact.lines.comments import comment

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]{0,120})[ \t]*[=:][ \t]*")


def dotenv(text: str) -> Iterator[Span]:
    """Spans of values that are not shown in a file of variables."""
    at = 0
    while at < len(text):
        end = _end(text, at)
        found = _ASSIGNMENT.match(text, at, end)
        first = text[at:end].lstrip()[:1]
        if first == "#":
            yield from comment(text, at, end)
        elif found is None:
            if text[at:end].strip():
                yield at, end
        else:
            at = yield from _value(text, found[1], found.end(), end)
            end = _end(text, at)
        at = end + 1


def _value(text: str, name: str, start: int, end: int) -> Generator[Span, None, int]:
    """The span of a value that is not shown; gives back where its last line begins or ends."""
    quote = text[start : start + 1]
    if quote in ("'", '"'):
        close = _close(text, start + 1, quote)
        if "\n" in text[start:close] or close >= len(text):
            yield start, close
            return close
        value, after = text[start + 1 : close - 1], close
    else:
        mark = re.search(r"(?:^|\s)#", text[start:end])
        after = start + mark.start() if mark else end
        value = text[start:after]
    if shown_variable(name, value) != value or "\\" in value or re.search(r"\$\{\w{1,60}:?[-?+]", value):
        yield start, after
    rest = text[after:end]
    if "#" in rest:
        yield from comment(text, after + rest.index("#"), end)
    elif rest.strip():
        yield after, end
    return end


def _close(text: str, at: int, quote: str) -> int:
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return len(text)


def _end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
