"""How sure is sure: the printed figure, from how a thing is known and how surely it concerns the incident."""

from runbook.model import Certainty

_TRUTH = {1: 0.35, 2: 0.6, 3: 0.75, 4: 0.88, 5: 0.96}


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
