"""haproxy.cfg as sections of lines of words."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from runbook.parse import ParseError

_SECTIONS = (
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "resolvers",
    "peers",
    "cache",
    "program",
)
_MOST_WORDS = 64


@dataclass(frozen=True, slots=True)
class Line:
    words: tuple[str, ...]
    number: int


@dataclass(slots=True)
class Section:
    kind: str
    name: str
    number: int
    lines: list[Line] = field(default_factory=list)

    def of(self, *start: str) -> Iterator[Line]:
        """The lines that begin with these words."""
        return (line for line in self.lines if line.words[: len(start)] == start)


def sections_of(text: str, file: str) -> list[Section]:
    """The sections of a haproxy.cfg with their lines."""
    found = [Section("global", "", 1)]
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line, file, number)
        if not words:
            continue
        if words[0] in _SECTIONS and not line[:1].isspace():
            found.append(Section(words[0], words[1] if len(words) > 1 else "", number))
        else:
            found[-1].lines.append(Line(tuple(words), number))
    return found


def _words(line: str, file: str, number: int) -> list[str]:
    """Words of a line: quotes, backslash before a blank, `#` comments."""
    words, word, quote, inside = [], "", "", False
    chars = iter(line)
    for char in chars:
        if char == "\\" and quote != "'":
            follows = next(chars, "")
            word += follows if follows in " \\#'\"" else f"\\{follows}"
            inside = True
        elif quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "\"'":
            quote, inside = char, True
        elif char == "#":
            break
        elif char.isspace():
            if inside:
                words.append(word)
            word, inside = "", False
        else:
            word, inside = word + char, True
    if quote:
        raise ParseError(file, number, "a quote is not closed")
    if inside:
        words.append(word)
    return words[:_MOST_WORDS]
