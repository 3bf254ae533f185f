"""What the tables of proxies share: words of a directive, and whether one is shown."""

import re
from dataclasses import dataclass

from runbook.redact.harmless import is_odd, plain
from runbook.redact.words import only_known, shows

Span = tuple[int, int]


@dataclass(slots=True)
class Word:
    """A word of a directive, without its quotes."""

    text: str
    start: int
    end: int
    quoted: bool = False


def is_argument(text: str) -> bool:
    """Whether the argument of a harmless directive holds nothing that looks like a secret."""
    return plain(text) == text and not is_odd(text) and not re.search(r"[?&][\w.-]{1,60}=(?!\$)[^&\s]", text)


def is_pattern(text: str) -> bool:
    """A regular expression or a value that only holds words of the field, hosts and signs."""
    return is_argument(text) and all(
        shows(word) for word in re.findall(r"[^\s^$|()\[\]\\.*+?{}~!/:=,-]+(?:[.-][\w-]+)*", text)
    )


def is_target(text: str) -> bool:
    """A status, an address, a path; text that is sent as an answer only where anybody may know its words."""
    if not is_argument(text):
        return False
    return bool(re.fullmatch(r"[\w$(){}.:/*+?\\^|\[\]~!@,-]{0,500}", text)) or is_prose(text)


def is_prose(text: str) -> bool:
    """A sentence of words that anybody may know."""
    return only_known(plain(text)) == text


def is_name(text: str) -> bool:
    """The name of a header, a variable, a user."""
    return re.fullmatch(r"[A-Za-z][\w-]{0,60}", text) is not None


def span_of(word: Word) -> Span:
    """Where a word stands; its quotes stay."""
    return (word.start + 1, word.end - 1) if word.quoted and word.end - word.start > 2 else (word.start, word.end)


def is_site(text: str) -> bool:
    """An address that a site is served under."""
    return re.fullmatch(r"[\w.:/*\[\]{}$,()@+-]{1,255}", text) is not None and is_argument(text) and not is_odd(text)
