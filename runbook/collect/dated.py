"""Mails that tell of another time: what they say is no trouble of today. Pure."""

from collections.abc import Iterable, Mapping

from runbook.collect.unpack.threads import heads, seconds, sent_without_sender
from runbook.observe.observation import LONG_AGO


def mail_time(text: str) -> float | None:
    """When the last mail of a thread was sent, in seconds since 1970; None for what is no mail, and where a date cannot be
    read: it may be the last one."""
    rows = text.lstrip("\ufeff\r\n").replace("\r\n", "\n").split("\n")
    found = list(heads(rows))
    if not found and (sent := sent_without_sender(rows)):
        return seconds([sent])[0]
    if not found or found[0][0] > 1 or (found[0][0] == 1 and not rows[0].startswith("From ")):
        return None
    times = seconds([sent for _, _, sent in found])
    return None if None in times else max(time for time in times if time is not None)


def of_another_time(mails: Mapping[str, float], times: Iterable[float]) -> frozenset[str]:
    """Of the mails (name and time) those that were written long before the newest of all times that the files tell."""
    newest = max((*times, *mails.values()), default=0.0)
    return frozenset(name for name, when in mails.items() if when < newest - LONG_AGO)
