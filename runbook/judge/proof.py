"""A fix is a claim: its edits are made in memory and the rules run again, before a diff is shown. Pure.

What was seen happening belongs to the files as they were, so it is left out of both sides: the prediction compares
what the files say before the edits with what they say after them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from runbook import rules
from runbook.judge.edited import Edited, UnreadableError, edited
from runbook.model import Edit, Evidence, Finding, Proof
from runbook.observe.traffic import Traffic
from runbook.parse import ParseError
from runbook.rules.base import RULES, Facts
from runbook.stack import build

_NEXT = "next obstacle: {}"


@dataclass(frozen=True, slots=True)
class Predicted:
    """How a prediction ended, and whether the diff may be shown."""

    proof: Proof
    failed: bool = False


def predict(finding: Finding, evidence: Evidence, asked: str = "") -> Predicted:
    """Whether the finding's edits end its cause and bring nothing new, as far as the files tell. `asked`: the registry in
    question where there are several, which is not to be told without what was seen."""
    try:
        after = edited(evidence, finding.edits)
    except UnreadableError as missing:
        return Predicted(Proof(after=f"not predicted: {missing} cannot be read again in memory"))
    except ParseError as error:
        after_text = f"the changed file cannot be read: {error.message}"
        return Predicted(Proof(before=_stands(finding), after=after_text), failed=True)
    return _judged(finding, evidence, after, asked)


def _judged(finding: Finding, evidence: Evidence, after: Edited, asked: str) -> Predicted:
    cause, quiet, facts = finding.cause, _quiet(evidence), partial(_facts, asked=asked)
    left = _found(facts(_quiet(after.evidence)))
    still = [f for f in left if f.cause == cause and f.proves >= finding.proves and f.warning <= finding.warning]
    shown = [f for f in _of(cause, facts(quiet)) if f.cause == cause]
    if still and (not shown or len(still) >= len(shown)) and _concerns(still, finding):
        return Predicted(Proof(before=_stands(finding), after=f"the changed files still show {cause}"), failed=True)
    # Where the files show it only together with what was seen, it must end against the old record, too.
    if not shown and any(f.cause == cause for f in _of(cause, facts(after.evidence))):
        return Predicted(
            Proof(
                after="not predicted: the files show it only together with what was seen, and that is from before the change"
            )
        )
    again = _again(quiet, finding) if _new(left, set()) else None
    had = {f.cause for f in _found(facts(again))} if again is not None else set()
    new = _new(left, had | {cause})
    made = [f for f in new if _cites(f, after)]
    if made:
        text = f"{cause} would be gone, and {made[0].cause} would be new: {made[0].summary}"
        return Predicted(Proof(before=_stands(finding), after=text), failed=True)
    # What only the second reading shows comes of a mask in it.
    masks = had - {f.cause for f in _found(facts(quiet))} if again is not quiet else set()
    rest = dict.fromkeys(f.cause for f in left if f.proves and not f.warning and f.cause not in {cause, *masks})
    text = f"{cause} is gone, and nothing new appears"
    if rest:
        text += "; " + _NEXT.format(", ".join(rest))
    return Predicted(Proof(kind="predicted", before=_stands(finding), after=text))


def _stands(finding: Finding) -> str:
    return f"{finding.cause}: {finding.summary}"


def _again(evidence: Evidence, finding: Finding) -> Evidence:
    """The same files read again unchanged where masks could make the second reading another one."""
    touched = {e.file for e in finding.edits}
    if not any(f.masked for f in evidence.files if f.path in touched):
        return evidence
    shown = [
        (f, n) for f in evidence.files if f.path in touched for n in range(1, len(f.lines) + 1) if n not in f.masked
    ]
    first = {f.path: Edit(file=f.path, line=n, old=f.lines[n - 1], new=f.lines[n - 1]) for f, n in reversed(shown)}
    nothing = tuple(first.values())
    try:
        return edited(evidence, nothing).evidence if nothing else evidence
    except (UnreadableError, ParseError):
        return evidence


def _quiet(evidence: Evidence) -> Evidence:
    """The evidence without what was seen happening."""
    return replace(evidence, exchanges=(), logs=(), messages=())


def _facts(evidence: Evidence, asked: str) -> Facts:
    stack = build(evidence, asked)
    return Facts(evidence, stack, Traffic(evidence, stack))


def _found(facts: Facts) -> list[Finding]:
    return [f for rule in RULES.values() for f in rules.run(rule, facts)[1]]


def _of(cause: str, facts: Facts) -> Iterator[Finding]:
    rule = RULES.get(cause)
    yield from rules.run(rule, facts)[1] if rule else ()


def _new(left: list[Finding], known: set[str]) -> list[Finding]:
    return [f for f in left if f.cause not in known and f.proves]


def _concerns(still: list[Finding], finding: Finding) -> bool:
    """Whether what is left of the cause is in a file that the edits change."""
    files = {e.file for e in finding.edits}
    places = {i.where.rpartition(":")[0] or i.where for f in still for i in f.evidence}
    return not places or bool(files & places)


def _cites(finding: Finding, after: Edited) -> bool:
    """Whether a finding rests on a line that the edits wrote."""
    return any(i.where == str(p) for i in finding.evidence for p in after.places)
