"""nginx configuration text as a tree of directives with line numbers.

The tokens are crossplane's (nginx's own grammar). Its parser opens files and knows where a directive
may stand; here the text may be a bare snippet out of a chat, so the tree is built by ourselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from crossplane.errors import NgxParserBaseException
from crossplane.lexer import lex_string

from runbook.parse import ParseError

_DEEPEST = 40
_MOST_TOKENS = 2_000_000


@dataclass(frozen=True, slots=True)
class Directive:
    """`name args;` or `name args { block }`."""

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: tuple["Directive", ...] | None = None

    def find(self, name: str) -> Iterator["Directive"]:
        """The directives of that name directly in this block."""
        return (d for d in self.block or () if d.name == name)


@lru_cache(maxsize=8)
def tree(text: str, file: str) -> tuple[Directive, ...]:
    """The directives of a text; raises ParseError with the line where a brace is missing or left over."""
    tokens = _tokens(text, file)
    found, closed = _block(tokens, file, 0)
    if closed:
        raise ParseError(file, None, 'unexpected "}"')
    return found


def _tokens(text: str, file: str) -> Iterator[tuple[str, int, bool]]:
    try:
        for number, (word, line, quoted) in enumerate(lex_string(text)):
            if number > _MOST_TOKENS:
                raise ParseError(file, line, "the file is too long to be an nginx configuration")
            if quoted or not word.startswith("#"):
                yield word, line, quoted
    except NgxParserBaseException as error:
        raise ParseError(file, getattr(error, "lineno", None), str(error.strerror)) from None
    except (RuntimeError, StopIteration):
        raise ParseError(file, None, "the file ends in the middle of a word") from None


def _block(tokens: Iterator[tuple[str, int, bool]], file: str, depth: int) -> tuple[tuple[Directive, ...], bool]:
    """Directives up to the closing brace (True) or the end of the text (False)."""
    if depth > _DEEPEST:
        raise ParseError(file, None, f"blocks are nested more than {_DEEPEST} deep")
    found: list[Directive] = []
    words: list[str] = []
    first = 0
    for word, line, quoted in tokens:
        if not quoted and word == "}":
            if words:
                raise ParseError(file, first, f'"{words[0][:40]}" is not ended by ";"')
            return tuple(found), True
        if not quoted and word in ("{", ";"):
            if not words:
                if word == ";":
                    continue
                raise ParseError(file, line, 'unexpected "{"')
            made = Directive(words[0], tuple(words[1:]), file, first)
            words = []
            if word == "{":
                inner, closed = _block(tokens, file, depth + 1)
                if not closed:
                    raise ParseError(file, first, f'"{made.name}" is opened here and never closed by "}}"')
                made = replace(made, block=inner)
            found.append(made)
            continue
        if not words:
            first = line
        words.append(word)
    if words:
        raise ParseError(file, first, f'"{words[0][:40]}" is not ended by ";"')
    return tuple(found), False
