"""Lines and their words, for formats that are read line by line."""

from collections.abc import Iterator

from runbook.lazy import re

_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|(?:[^\s\"'\\]|\\.|\\$)(?:[^\s\\]|\\.|\\$)*")


def words_of(line: str, start: int) -> list[tuple[str, int, int]]:
    """The words of a line without their quotes, each with its place in the text that the line begins in at `start`."""
    found = []
    for match in _WORD.finditer(line):
        raw = match[0]
        bare = raw[1:-1] if len(raw) > 1 and raw[0] in "\"'" and raw[-1] == raw[0] else raw
        found.append((bare.replace("\\ ", " "), start + match.start(), start + match.end()))
    return found


def lines_of(text: str, *, joins: bool = False) -> Iterator[tuple[str, int]]:
    """Lines with their offsets; with `joins` a line that ends in a backslash goes on."""
    at, begin = 0, 0
    held: list[str] = []
    for line in text.split("\n"):
        if not held:
            begin = at
        held.append(line)
        at += len(line) + 1
        if not (joins and line.rstrip("\r").endswith("\\")):
            yield "\n".join(held), begin
            held = []
    if held:
        yield "\n".join(held), begin
