"""Comments, word by word."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.redact.prose import mask_patterns
from runbook.redact.words import shows

_SIGN = re.compile(r"[#;]* ?")
_TOKEN = re.compile(r"[^\s\"'`,;()<>\[\]{}|=“”‘’]+")


def comment(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of a comment that are not shown. Of one that looks like it holds a secret only the sign
    stays that makes it a comment, so that the file still reads as what it is."""
    body = text[start:end]
    if mask_patterns(body) != body:
        sign = _SIGN.match(body)
        yield start + (sign.end() if sign else 0), end
        return
    for token in _TOKEN.finditer(body):
        if not shows(token[0]):
            yield start + token.start(), start + token.end()
