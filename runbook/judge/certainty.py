"""How sure is sure: the printed figure, from how a thing is known and how surely it concerns the incident."""

from runbook.model import Certainty

_TRUTH = {1: 0.35, 2: 0.95, 3: 0.95, 4: 0.97, 5: 0.99}
"""Share of first causes that are right, by certainty: fitted on 2026-11-26 by `python -m tests.calibrate` over 251 tidy
and 154 untidy faults (read 73 of 74, said 50 of 51, seen 76 of 78, both 200 of 202), rounded down; "possible" never
comes first and keeps its guess."""


def truth(certainty: Certainty) -> float:
    """How surely a finding of that certainty is true."""
    return _TRUTH[int(certainty)]


def confidence(certainty: Certainty, link: float, *, explains: bool, contested: bool) -> float:
    """How surely a finding is the reason: the weaker of truth and link, less where it explains nothing that was seen
    and where a rival explains the same as surely."""
    value = min(truth(certainty), 0.99 if link >= 0.8 else link)
    if not explains:
        value -= 0.25
    if contested:
        value -= 0.15
    return round(max(0.05, min(value, 0.99)), 2)
