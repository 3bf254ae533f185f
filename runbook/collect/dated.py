"""Mails that tell of another time: what they say is no trouble of today. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from runbook.lazy import re
from runbook.observe.observation import LONG_AGO

_DATE = re.compile(r"(?:^|\n)date:[ \t]*([^\n]{10,80})", re.IGNORECASE)
_HEADERS = re.compile(r"(?:^|\n)(?:from|to|subject|message-id|received):[ \t]*\S", re.IGNORECASE)


def mail_time(head: str) -> float | None:
    """When a mail was sent, in seconds since 1970; None for what is no mail. `head`: its first characters."""
    block = head.lstrip("\ufeff\r\n").replace("\r\n", "\n").split("\n\n", 1)[0]
    found = _DATE.search(block)
    if found is None or _HEADERS.search(block) is None:
        return None
    try:
        when = parsedate_to_datetime(found[1].strip())
    except (ValueError, OverflowError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def of_another_time(mails: Mapping[str, float], times: Iterable[float]) -> frozenset[str]:
    """Of the mails (name and time) those that were written long before the newest of all times that the files tell."""
    newest = max((*times, *mails.values()), default=0.0)
    return frozenset(name for name, when in mails.items() if when < newest - LONG_AGO)
