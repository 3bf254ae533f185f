"""A fix is run: the twin shows the symptom, the edits are made in it, the symptom is gone. Side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runbook.judge import Run, reconsidered
from runbook.judge.edited import UnreadableError, edited
from runbook.lab import Lab, LabError, native
from runbook.model import Certainty, Evidence, Finding, Proof, Row
from runbook.parse import ParseError
from runbook.twin.probe import Shown, probe
from runbook.twin.rebuild import CannotRebuildError, Twin, rebuild

_PROGRAMS = {"ui": "nginx", "nginx": "nginx", "caddy": "caddy", "haproxy": "haproxy", "apache": "apache"}
_FILE_CAUSES = ("htpasswd-",)
"""Causes whose fix writes the htpasswd file and changes no other."""
_WEAKER = 0.6


@dataclass(frozen=True, slots=True)
class _Result:
    before: tuple[Shown, ...]
    after: tuple[Shown, ...]
    gaps: tuple[str, ...]
    backend: str

    @property
    def mended(self) -> list[tuple[Shown, Shown]]:
        """Requests that go wrong before, and no longer after."""
        return [(b, a) for b, a in self._pairs if not b.good and a.good]

    @property
    def worse(self) -> list[tuple[Shown, Shown]]:
        """Requests that went well before."""
        return [(b, a) for b, a in self._pairs if b.good and not a.good]

    @property
    def reproduced(self) -> bool:
        """Whether anything goes wrong before."""
        return any(not b.good for b in self.before)

    @property
    def left(self) -> list[Shown]:
        """What still goes wrong."""
        return [a for a in self.after if not a.good]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Side by side, without what was well all the time."""
        return tuple(Row(b.request, b.answer, a.answer) for b, a in self._pairs if not (b.good and a.good))

    @property
    def _pairs(self) -> list[tuple[Shown, Shown]]:
        later = {a.request: a for a in self.after}
        return [(b, later.get(b.request, b)) for b in self.before]


def prove(run: Run) -> Run:
    """The run with the fixes of its reason and next obstacles tried in a twin, one after the other.

    Nothing of the user's is touched: the twin has files of its own, with drawn credentials, on loopback. A cause that
    a complete twin does not show is weaker afterwards.
    """
    evidence, causes, mended = run.evidence, list(run.diagnosis.causes), False
    for index, finding in enumerate(causes):
        if finding.role == "rival":
            continue
        edits = finding.edits or finding.unseen
        writes = not edits and finding.cause.startswith(_FILE_CAUSES)
        if not edits and not writes:
            note = "not run in a copy of the stack: the fix is no change of a file"
            causes[index] = _noted(finding, note)
            break
        try:
            after = edited(evidence, edits).evidence if edits else evidence
            result = _run(evidence, after, mended=mended, then=mended or writes)
        except (UnreadableError, ParseError, CannotRebuildError, LabError, OSError) as why:
            causes[index] = _noted(finding, f"not run in a copy of the stack: {_because(why)}")
            break
        obstacles = [f.cause for f in causes[index + 1 :] if f.role == "next obstacle"]
        causes[index] = _judged(finding, result, obstacles)
        evidence, mended = after, mended or writes
        if causes[index].fix.proof.kind != "run" and not (obstacles and result.reproduced):
            break
    return reconsidered(run, tuple(causes))


def _because(why: Exception) -> str:
    if isinstance(why, ParseError):
        return why.message
    return f"{why} cannot be read again in memory" if isinstance(why, UnreadableError) else str(why)


def _run(before: Evidence, after: Evidence, *, mended: bool, then: bool) -> _Result:
    """Both stacks in the embedded lab, and then on the real programs where they are here."""
    first, second = rebuild(before, mended=mended), rebuild(after, mended=then)
    result = _in_lab((first, second), "embedded")
    if native.usable(first.plan.major, _PROGRAMS[first.plan.proxy.software]):
        try:
            real = _in_lab((rebuild(before, mended=mended), rebuild(after, mended=then)), "native")
        except (LabError, OSError):
            return result
        return real
    return result


def _in_lab(twins: Sequence[Twin], backend: str) -> _Result:
    _alike(twins)
    shown, gaps = [], dict.fromkeys(g for t in twins for g in t.gaps)
    for twin in twins:
        if backend == "embedded" and twin.plan.proxy.software not in ("ui", "nginx"):
            gaps[f"the embedded lab's nginx stands in for {twin.plan.proxy.software}"] = None
            twin.plan.proxy.software = "nginx"
        with Lab(plan=twin.plan, backend="embedded" if backend == "embedded" else "native") as lab:
            shown.append(probe(lab, twin))
    return _Result(shown[0], shown[1], tuple(gaps), backend)


def _alike(twins: Sequence[Twin]) -> None:
    """The same requests for all, and the same answers wanted."""
    first = twins[0]
    opened, deletes = all(t.open for t in twins), any(t.deletes for t in twins)
    through, origin, limit = any(t.through for t in twins), first.origin, max(t.limit for t in twins)
    for twin in twins:
        twin.open, twin.deletes, twin.through, twin.origin, twin.limit = opened, deletes, through, origin, limit


def _judged(finding: Finding, result: _Result, obstacles: Sequence[str] = ()) -> Finding:
    """The finding with what came of its edits; `obstacles` come next, and may be why the copy does not work yet."""
    gaps = result.gaps
    if not result.reproduced:
        note = "a copy of the stack does not show it"
        note += f" ({'; '.join(gaps)})" if gaps else ", although all of the stack is in it"
        weaker = finding if gaps else _weakened(finding)
        return _noted(weaker, note, gaps)
    broken = "; ".join(f"{b.request}: {b.answer}" for b in result.before if not b.good)
    if result.worse or not result.mended:
        what = result.worse[0][1] if result.worse else result.left[0]
        note = f"a copy of the stack is not mended by it ({what.request}: {what.answer})"
        if obstacles:
            note = f"a copy of the stack in which the next obstacle, {obstacles[0]}, is still there answers {what.answer} to {what.request}"
        return _noted(finding, note, gaps, result.rows)
    healed = "; ".join(f"{a.request}: {a.answer}" for _, a in result.mended)
    left = f"; still {'; '.join(f'{s.request}: {s.answer}' for s in result.left)}" if result.left else ""
    proof = Proof(kind="run", before=broken, after=healed + left, rows=result.rows, gaps=gaps, backend=result.backend)
    return replace(finding, fix=replace(finding.fix, proof=proof))


def _noted(finding: Finding, note: str, gaps: tuple[str, ...] = (), rows: tuple[Row, ...] = ()) -> Finding:
    proof = replace(finding.fix.proof, twin=note, gaps=gaps, rows=rows)
    return replace(finding, fix=replace(finding.fix, proof=proof))


def _weakened(finding: Finding) -> Finding:
    """One step less sure: the files alone do not show it, and a copy of the stack does not either."""
    certainty = Certainty(max(Certainty.POSSIBLE, finding.certainty - 1))
    return replace(finding, certainty=certainty, confidence=round(finding.confidence * _WEAKER, 2))
