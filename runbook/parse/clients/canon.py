"""Rows of a transcript in curl's words."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.lazy import re

METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"
REQUEST = re.compile(rf"(?:{METHODS}) (\S{{1,4000}}) HTTP/\d(?:\.\d)?\s*$")
STATUS = re.compile(r"HTTP/\d(?:\.\d)? \d{3}\b")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,80}:(?: |\t|$)")
MASKED = "Basic [redacted]"
UNKNOWN = "-K unknown"
"""An option that says: what login was sent cannot be known from here."""


@dataclass(slots=True)
class Region:
    """Rows start to end (exclusive), and what stands in their place: (index of the row that says so, row)."""

    start: int
    end: int
    rows: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, *rows: str) -> None:
        """Add rows that were said in that row."""
        self.rows.extend((number, row) for row in rows)


def command(
    url: str, *, method: str = "", headers: Iterable[tuple[str, str]] = (), user: str = "", known: bool = True
) -> str:
    """A curl command that asks the same."""
    words = ["curl", "-sv"]
    if method:
        words += ["-X", method]
    if user:
        words += ["-u", user]
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    return f"$ {shlex.join(words)} {'' if known else UNKNOWN + ' '}{shlex.quote(url)}"


def sent(row: str) -> str:
    """A row of a request."""
    return f"> {row}".rstrip() if row else ">"


def got(row: str) -> str:
    """A row of an answer's head."""
    return f"< {row}".rstrip() if row else "<"
