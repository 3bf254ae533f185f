"""Mails that tell of another time: what they say is no trouble of today. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from runbook.lazy import re
from runbook.observe.observation import LONG_AGO

_DATE = re.compile(r"^(?:Date|Sent):[ \t]*([^\n]{10,80})", re.MULTILINE)
_HEADERS = re.compile(r"^(?:From|To|Subject|Message-ID|Received):[ \t]*\S", re.IGNORECASE | re.MULTILINE)


def mail_time(text: str) -> float | None:
    """When the last mail of a thread was sent, in seconds since 1970; None for what is no mail, and where a date cannot be
    read: it may be the last one."""
    text = text.lstrip("\ufeff\r\n").replace("\r\n", "\n")
    head = text.split("\n\n", 1)[0]
    if _DATE.search(head) is None or _HEADERS.search(head) is None:
        return None
    try:
        times = [parsedate_to_datetime(found.strip()) for found in _DATE.findall(text)]
    except (ValueError, OverflowError):
        return None
    return max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() for when in times)


def of_another_time(mails: Mapping[str, float], times: Iterable[float]) -> frozenset[str]:
    """Of the mails (name and time) those that were written long before the newest of all times that the files tell."""
    newest = max((*times, *mails.values()), default=0.0)
    return frozenset(name for name, when in mails.items() if when < newest - LONG_AGO)
