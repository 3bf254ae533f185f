"""Regular expressions out of other people's files: tried on bounded text, and never one that could run for ever."""

import re  # not the lazy one: whether a pattern can be read is asked here
import warnings
from functools import lru_cache

_EXPLODES = re.compile(r"[+*}]\)?[^()]{0,3}\)[+*{]")
"""A repetition of a repetition, which can take longer than anybody waits."""


def search(pattern: str, text: str) -> re.Match[str] | None:
    """A regular expression of a configuration on a bounded text; one that cannot be read or trusted fits nothing."""
    found = _trusted(pattern)
    return found.search(text[:500]) if found else None


def is_trusted(pattern: str) -> bool:
    """Whether a regular expression is tried at all: it is short, can be read, and comes to an end."""
    return _trusted(pattern) is not None


@lru_cache(maxsize=1024)
def _trusted(pattern: str) -> re.Pattern[str] | None:
    if len(pattern) > 300 or _EXPLODES.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except re.error:
        return None
