"""Regular expressions out of other people's files: tried on bounded text, and never one that could run for ever."""

import warnings

from runbook.lazy import re

_EXPLODES = re.compile(r"[+*}]\)?[^()]{0,3}\)[+*{]")
"""A repetition of a repetition, which can take longer than anybody waits."""


def search(pattern: str, text: str) -> re.Match[str] | None:
    """A regular expression of a configuration on a bounded text; one that cannot be read or trusted fits nothing."""
    if not is_trusted(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.search(pattern, text[:500])
    except re.error:
        return None


def is_trusted(pattern: str) -> bool:
    """Whether a regular expression is tried at all: it is short, can be read, and comes to an end."""
    if len(pattern) > 300 or _EXPLODES.search(pattern):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except re.error:
        return False
    return True
