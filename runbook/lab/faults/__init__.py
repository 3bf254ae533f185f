"""Every fault that the lab can show, and why it cannot show the others."""

from runbook.lab.faults import align, browser, client, htpasswd, proxy, upstream
from runbook.lab.faults.base import FAULTS, Fault, named
from runbook.lab.faults.missing import NO_FAULT, NOT_BEHIND, not_behind

__all__ = [
    "FAULTS",
    "NOT_BEHIND",
    "NO_FAULT",
    "Fault",
    "align",
    "browser",
    "client",
    "htpasswd",
    "named",
    "not_behind",
    "proxy",
    "upstream",
]
