"""`.env` and env_file as Compose v2 reads them: quotes, escapes, `export`, comments, variables, several lines.

Follows compose-go's dotenv package. Single quotes keep everything as it is; unquoted and double quoted
values are interpolated, which is how a hash without quotes loses its salt.
"""

from collections.abc import Callable
from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import Place
from runbook.parse import ParseError
from runbook.parse.interpolation import Substituted, damages_hash, substitute

_SPACES = "\t\v\f\r \x85\xa0"
_EXPORT = re.compile(r"export\s")
_ESCAPE = re.compile(r'\\(?:[abcfnrtv$"\\]|0\d{0,3})')
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}
_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Variable:
    """One assignment: its value in force, the text as written, and what interpolation did to it."""

    name: str
    value: str
    raw: str
    place: Place
    unset: tuple[str, ...] = ()
    damaged: bool = False
    """A password hash lost pieces."""


def parse_dotenv(
    text: str, file: str, lookup: Callable[[str], str | None] | None = None, *, raw: bool = False
) -> dict[str, Variable]:
    """All variables of a file, the last one of a name winning; raises ParseError where Compose stops.

    `lookup` gives variables from outside, which go before those of the file. `raw`: the format of
    env_file in which everything after `=` is the value.
    """
    if raw:
        return _raw(text, file)
    return _Reader(text.removeprefix("\ufeff"), file, lookup or (lambda _: None)).read()


def _raw(text: str, file: str) -> dict[str, Variable]:
    found = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            found[name] = Variable(name, value, value, Place(file, number))
    return found


class _Reader:
    def __init__(self, text: str, file: str, outside: Callable[[str], str | None]) -> None:
        self._text, self._file, self._outside = text, file, outside
        self._position = 0
        self._found: dict[str, Variable] = {}

    def read(self) -> dict[str, Variable]:
        count = 0
        while self._to_statement():
            count += 1
            if count > _MAX:
                raise self._error(f"more than {_MAX:,} variables")
            place = Place(self._file, self._line())
            name, inherited = self._name()
            if " " in name:
                raise self._error("key cannot contain a space", place)
            if inherited:
                value = self._outside(name)
                if value is not None:
                    self._found[name] = Variable(name, value, "", place)
                continue
            self._found[name] = self._value(name, place)
        return self._found

    def _line(self) -> int:
        return self._text.count("\n", 0, self._position) + 1

    def _error(self, message: str, place: Place | None = None) -> ParseError:
        return ParseError(self._file, place.line if place else self._line(), message)

    def _to_statement(self) -> bool:
        """Skip blanks and comments; whether anything follows."""
        text = self._text
        while self._position < len(text):
            if text[self._position].isspace():
                self._position += 1
            elif text[self._position] == "#":
                end = text.find("\n", self._position)
                self._position = len(text) if end < 0 else end
            else:
                return True
        return False

    def _name(self) -> tuple[str, bool]:
        """The name, and whether it stands alone: then its value comes from outside."""
        text = self._text
        if _EXPORT.match(text, self._position):
            self._position += len("export")
            self._skip_spaces()
        if self._position == len(text):
            raise self._error("zero length string")
        start = index = self._position
        while index < len(text):
            char = text[index]
            if char in "=:\n":
                self._position = index + 1
                self._skip_spaces()
                return text[start:index].rstrip(), char == "\n"
            if char not in "_.-[]" and char not in _SPACES and not char.isalnum():
                raise self._error("unexpected character in variable name")
            index += 1
        # A name at the very end of the file, with nothing after it, is the value of a variable without name to Compose.
        self._skip_spaces()
        return "", False

    def _skip_spaces(self) -> None:
        while self._position < len(self._text) and self._text[self._position] in _SPACES:
            self._position += 1

    def _value(self, name: str, place: Place) -> Variable:
        text = self._text
        quote = text[self._position : self._position + 1]
        if quote in ("'", '"'):
            raw = self._quoted(quote)
            if quote == "'":
                return Variable(name, raw, raw, place)
            return self._expanded(name, _ESCAPE.sub(_unescape, raw), raw, place)
        end = text.find("\n", self._position)
        end = len(text) if end < 0 else end
        raw = text[self._position : end].split(" #", 1)[0].rstrip()
        self._position = min(end + 1, len(text))
        return self._expanded(name, raw, raw, place)

    def _quoted(self, quote: str) -> str:
        """The text between quotes, over several lines if need be; an escaped quote belongs to it."""
        text, start = self._text, self._position
        found: list[str] = []
        index = start + 1
        while index < len(text):
            char = text[index]
            if char == "\\" and text[index + 1 : index + 2] == quote:
                found.append(quote)
                index += 2
                continue
            if char == "\\" and index + 1 < len(text):
                found.append(text[index : index + 2])
                index += 2
                continue
            if char == quote:
                self._position = index + 1
                return "".join(found)
            found.append(char)
            index += 1
        raise self._error("unterminated quoted value")

    def _expanded(self, name: str, template: str, raw: str, place: Place) -> Variable:
        def lookup(wanted: str) -> str | None:
            outside = self._outside(wanted)
            if outside is not None:
                return outside
            return self._found[wanted].value if wanted in self._found else None

        result: Substituted = substitute(template, lookup)
        if result.error:
            raise self._error(result.error, place)
        return Variable(name, result.text, raw, place, tuple(result.unset), damages_hash(template, result))


def _unescape(match: re.Match[str]) -> str:
    text = match[0]
    if text == "\\$":
        return "$$"
    if text[1] == "0":
        digits = text[2:]
        good = len(digits) == 3 and all(d in "01234567" for d in digits) and int(digits, 8) < 256
        return chr(int(digits, 8)) if good else "\\" + digits
    return _ESCAPED.get(text[1], text)
