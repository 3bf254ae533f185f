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
_TAKEN_OVER = ("acl", "http-request", "http-response", "timeout")
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
    base: str = ""
    """The defaults that it names (`from NAME`)."""
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
            at = words.index("from") if "from" in words[1:-1] else len(words)
            found.append(Section(words[0], " ".join(words[1:at][:1]), number, " ".join(words[at + 1 :][:1])))
        else:
            found[-1].lines.append(Line(tuple(words), number))
    _take_over(found)
    return found


def _take_over(sections: list[Section]) -> None:
    """Give each proxy what it has from the defaults that it names, else from the last before it. Their rules come before
    its own, and of two times the last one counts."""
    named: dict[str, Section] = {}
    last: Section | None = None
    for one in sections:
        above = named.get(one.base) if one.base else last
        if above is not None and (one.base or one.kind in ("frontend", "backend", "listen")):
            one.lines[:0] = [line for line in above.lines if line.words[0] in _TAKEN_OVER]
        if one.kind == "defaults":
            named[one.name] = last = one


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
