"""Commands that we print for people to paste: lists of words, joined in one place with quoting.

A word is *fixed* (written by us), *foreign* (from a file, a server, an argument) or an *operator*. A foreign word
that does not fit the grammar of its kind never enters a command: a placeholder stands there (`HOST`, `USER`, …)
and `Command.odd` says for what. Commands are for a POSIX shell; PowerShell and cmd read quotes in another way.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from runbook.lazy import re

Kind = Literal["host", "url", "user", "service", "file", "image", "name", "number"]

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?"
_GRAMMARS: dict[Kind, re.Pattern[str]] = {
    "host": re.compile(_HOST),
    "url": re.compile(rf"https?://{_HOST}(?:/[A-Za-z0-9/._~%@:+-]{{0,500}})?"),
    "user": re.compile(r"\w[\w.@+-]{0,127}"),
    "service": re.compile(r"(?:[a-z]{2,20}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}"),
    "file": re.compile(r"(?!-)[\w@%+=:,./ -]{1,300}"),
    "image": re.compile(rf"(?:{_HOST}/)?[a-z0-9][a-z0-9._/-]{{0,254}}(?::[\w.-]{{1,128}})?(?:@sha256:[0-9a-f]{{64}})?"),
    "name": re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}"),
    "number": re.compile(r"\d{1,9}"),
}
PLACEHOLDERS: dict[Kind, str] = {
    "host": "HOST",
    "url": "http://HOST",
    "user": "USER",
    "service": "SERVICE",
    "file": "FILE",
    "image": "IMAGE",
    "name": "NAME",
    "number": "NUMBER",
}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command. `odd` is what was replaced by its placeholder, with its kind."""

    text: str
    operator: bool = False
    odd: tuple[Kind, str] | None = None

    def __str__(self) -> str:
        return self.text if self.operator or self.odd or self.text in PLACEHOLDERS.values() else shlex.quote(self.text)


PIPE, READ_FROM, WRITE_TO = Word("|", True), Word("<", True), Word(">", True)


def _foreign(kind: Kind, text: str | None) -> Word:
    """A word from outside: as it is where it fits its grammar, else the placeholder. None is "not known"."""
    if text and _GRAMMARS[kind].fullmatch(text):
        return Word(text)
    return Word(PLACEHOLDERS[kind], odd=(kind, text) if text else None)


def host(text: str | None) -> Word:
    """host[:port] of a registry, without a scheme."""
    return _foreign("host", text)


def url(base: str | None, path: str = "") -> Word:
    """An address with scheme, and a path of ours behind it ("/v2/")."""
    word = _foreign("url", (base or "").rstrip("/") or None)
    return Word(word.text + path, odd=word.odd)


def user(text: str | None) -> Word:
    """A user name."""
    return _foreign("user", text)


def service(text: str | None) -> Word:
    """The name of a compose service, a container, a pod, a workload ("deployment/registry")."""
    return _foreign("service", text)


def file(path: str | None) -> Word:
    """A file or folder. One that climbs out of the folder that was handed over becomes FILE; a part of a file has no
    path, and is FILE, too."""
    if path is not None and " § " in path:
        return _foreign("file", None)
    climbs = path is not None and ".." in path.split("/")
    return Word("FILE", odd=("file", path or "")) if climbs else _foreign("file", path)


def image(text: str | None) -> Word:
    """The name of an image, with or without registry and tag."""
    return _foreign("image", text)


def name(text: str | None) -> Word:
    """The name of a variable, a secret, a credential helper."""
    return _foreign("name", text)


def number(value: int | str | None) -> Word:
    """A line or a port."""
    return _foreign("number", None if value is None else str(value))


def glued(*parts: "str | Word") -> Word:
    """One word of several pieces: `glued(service("registry"), ":/auth/htpasswd")`, `glued("--user=", user(name))`."""
    words = [part if isinstance(part, Word) else Word(part) for part in parts]
    return Word("".join(w.text for w in words), odd=next((w.odd for w in words if w.odd), None))


@dataclass(frozen=True, slots=True)
class Command:
    """A line for a POSIX shell. `expect` says what it prints when all is well; "" where it only does something."""

    words: tuple[Word, ...]
    expect: str = ""

    def __str__(self) -> str:
        return " ".join(map(str, self.words))

    @property
    def odd(self) -> tuple[tuple[Kind, str], ...]:
        """Foreign words that did not fit and were replaced, each with its kind."""
        return tuple(w.odd for w in self.words if w.odd)


def comment(text: str) -> str:
    """An expected result behind a command: one line, and nothing in it that a shell acts on, for zsh takes no
    comments when it is typed into."""
    return " ".join(re.sub(r"[;|&$`<>\\\"'!\x00-\x1f]", " ", text).split())


def sh(*parts: str | Word | Iterable[Word], expect: str = "") -> Command:
    """A command of fixed words (strings, written in our source) and foreign ones (`host(…)`, `user(…)`, …)."""
    words: list[Word] = []
    for part in parts:
        if isinstance(part, str):
            words.append(Word(part))
        elif isinstance(part, Word):
            words.append(part)
        else:
            words.extend(part)
    return Command(tuple(words), expect)
