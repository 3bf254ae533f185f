"""Comments, word by word."""

import re
from collections.abc import Iterator

from runbook.redact.prose import mask_patterns
from runbook.redact.words import shows

_TOKEN = re.compile(r"[^\s\"'`,;()<>\[\]{}|=“”‘’]+")


def comment(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of a comment that are not shown. One that looks like it holds a secret is hidden as a whole."""
    body = text[start:end]
    if mask_patterns(body) != body:
        yield start, end
        return
    for token in _TOKEN.finditer(body):
        if not shows(token[0]):
            yield start + token.start(), start + token.end()
