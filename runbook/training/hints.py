"""Hints are questions: where to look, what to compare, which file; never what it is."""

from runbook.rules import load
from runbook.training import project
from runbook.training.docker import PUSH, takes_part
from runbook.training.draw import Round
from runbook.training.judge import FULL_SET, otherwise
from runbook.training.seen import Asked, telling
from runbook.training.wishes import UPLOADS

_FIRST = {
    "simplify": "You ask the registry alone, and then the same through the UI. On which side of the UI do the answers part?",
    "htpasswd": "Does the registry know this person? What would you need to see of its password file to be sure?",
    "headers": "What does the client send, and what arrives at the registry? Which of the two have you seen?",
    "align": "Which two places must say the same for this to work? Put them side by side: do they?",
}
_HEALTHY = (
    "Have you seen all of it: both paths, each without a login, with the right and with a wrong one, and the list?",
    "Which of those answers would a sound stack give otherwise?",
    "What does a client do before it sends a login, and what does the registry answer to that?",
)
PROBES = (
    *sorted(FULL_SET, key=lambda a: (a.path, a.way, a.login)),
    Asked("direct", "right", UPLOADS, "POST"),
    Asked("ui", "right", UPLOADS, "POST"),
    Asked("direct", "right", "/v2/_catalog", "GET"),
    Asked("direct", "none", "/v2/", "OPTIONS"),
    Asked("ui", "right", "/v2/school/practice/manifests/sha256:" + "4c" * 32, "DELETE"),
)
"""Requests that tell stacks apart."""


def probes(drawn: Round) -> tuple[Asked, ...]:
    """Those of a round: with a docker client, its push comes first."""
    return (PUSH, *PROBES) if takes_part(drawn.plan) else PROBES


def questions(drawn: Round) -> tuple[str, str, str]:
    """Three questions for a round, the last the most pointed."""
    if not drawn.faults:
        return _HEALTHY
    step = load()[drawn.faults[0]].step
    here, answers = otherwise(drawn.broken(), list(probes(drawn)))
    sound, expected = otherwise(drawn.fixed(), list(probes(drawn)))
    apart = [a for a in probes(drawn) if telling(answers[a], here) != telling(expected[a], sound)]
    second = (
        f"What comes back for {apart[0].words()}? What would a sound stack answer?"
        if apart
        else "Which request fails, and which one next to it does not?"
    )
    ours, theirs = project.files(drawn.broken(here=True)), project.files(drawn.fixed(here=True))
    files = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    where = " and ".join(files) or "the folder of the project"
    return (
        _FIRST[step],
        second,
        f"Look at {where}: what of it would you have written otherwise, or what is missing there?",
    )
