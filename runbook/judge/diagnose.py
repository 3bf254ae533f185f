"""From evidence to a verdict. Pure: the same evidence gives the same diagnosis, today and tomorrow."""

from dataclasses import dataclass, replace

from runbook import rules
from runbook.judge.folklore import folklore
from runbook.judge.health import Health, health
from runbook.judge.next_step import next_step, where_it_is_written
from runbook.judge.not_tested import not_read, not_tested
from runbook.judge.odd_names import odd_names
from runbook.judge.patch import unified_diff
from runbook.judge.proof import predict
from runbook.judge.rank import rank
from runbook.judge.spared import spared
from runbook.judge.words import about
from runbook.model import STEPS, Certainty, Diagnosis, Evidence, Finding, Stack, Symptom, Verdict
from runbook.observe.traffic import Traffic
from runbook.once import judgement
from runbook.rules.base import Facts
from runbook.stack import build

_STRONG_LINK = 0.8


@dataclass(frozen=True, slots=True)
class Run:
    """A diagnosis with all that led to it: what every view is made from."""

    evidence: Evidence
    stack: Stack
    traffic: Traffic
    diagnosis: Diagnosis


def diagnose(evidence: Evidence) -> Run:
    """Judge the evidence. Where only files say that all is well, they must for every registry with a password file."""
    with judgement():
        run = _judged(evidence, build(evidence))
        others = run.stack.registries[1:] if run.diagnosis.basis == "files" else ()
        for name in (r.name for r in others if r.auth == "htpasswd"):
            again = _judged(evidence, build(evidence, name))
            if again.diagnosis.verdict != "healthy":
                return again
        return run


def _judged(evidence: Evidence, stack: Stack) -> Run:
    """Name the symptoms, run every rule, rank what was found, prove health or ask on."""
    facts = Facts(evidence, stack, Traffic(evidence, stack))
    results = [rules.run(rule, facts) for rule in rules.load().values()]
    checks = tuple(check for check, _ in results)
    ranking = rank((finding for _, found in results for finding in found), facts)
    causes = _with_next(tuple(_shown(f, facts) for f in ranking.causes))
    proof = health(facts, checks, ranking.dormant)
    verdict = _verdict(causes, facts, proof)
    diagnosis = Diagnosis(
        verdict=verdict,
        causes=causes,
        warnings=tuple(_with_patch(f, evidence) for f in ranking.warnings),
        also_seen=ranking.also_seen,
        basis=proof.basis if verdict == "healthy" else None,
        about=about(facts),
        checks=tuple(sorted(checks, key=lambda c: (STEPS.index(c.step), c.rule))),
        symptoms=facts.traffic.sightings,
        folklore=folklore(facts, causes),
        contradictions=ranking.contradictions,
        not_read=not_read(facts),
        not_tested=tuple(
            dict.fromkeys(
                (
                    *(proof.told if verdict == "inconclusive" else ()),
                    *(proof.missing if verdict != "healthy" else ()),
                    *not_tested(facts, checks),
                )
            )
        ),
        first_bad_hop=causes[0].hop if causes else "",
    )
    step = None
    if verdict == "inconclusive":
        step = next_step(facts, diagnosis, ranking.dormant, () if proof.missing else proof.told)
    elif verdict == "fault":
        step = where_it_is_written(facts, diagnosis)
    diagnosis = replace(diagnosis, next=step)
    return Run(evidence, stack, facts.traffic, replace(diagnosis, odd_names=odd_names(diagnosis)))


def reconsidered(run: Run, causes: tuple[Finding, ...]) -> Run:
    """The run with these causes in place of its own, which may be surer or less sure than before. A cause in doubt makes
    nobody healthy."""
    facts = Facts(run.evidence, run.stack, run.traffic)
    if run.diagnosis.verdict != "fault":
        return replace(run, diagnosis=replace(run.diagnosis, causes=causes))
    diagnosis = replace(run.diagnosis, causes=causes)
    if _verdict(causes, facts, Health(None)) == "inconclusive":
        diagnosis = replace(diagnosis, verdict="inconclusive")
        diagnosis = replace(diagnosis, next=next_step(facts, diagnosis))
    return replace(run, diagnosis=diagnosis)


def _verdict(causes: tuple[Finding, ...], facts: Facts, proof: Health) -> Verdict:
    """A reason that is surely true and surely about this: fault. Nothing wrong and health proven: healthy."""
    if any(_is_strong(f) for f in causes[:1]) and not _only_silence(causes, facts):
        return "fault"
    if causes or facts.traffic.sightings or proof.basis is None:
        return "inconclusive"
    return "healthy"


def _is_strong(finding: Finding) -> bool:
    return finding.certainty > Certainty.POSSIBLE and finding.link >= _STRONG_LINK


def _only_silence(causes: tuple[Finding, ...], facts: Facts) -> bool:
    """Nothing answers, and nothing else was handed over: down, or a mistyped address, which cannot be told."""
    return {f.cause for f in causes} == {"registry-unreachable"} and not facts.evidence.files


def _shown(finding: Finding, facts: Facts) -> Finding:
    """The finding with its diff and the proof of that: first one that spares other sites, else the edits as they are."""
    gentle = spared(finding, facts)
    shown = _proven(_with_patch(gentle, facts.evidence), facts)
    if shown.fix.patch is not None or gentle is finding:
        return shown
    return _proven(_with_patch(finding, facts.evidence), facts)


def _with_patch(finding: Finding, evidence: Evidence) -> Finding:
    if not finding.edits or finding.fix.patch is not None:
        return finding
    return replace(finding, fix=replace(finding.fix, patch=unified_diff(finding.edits, evidence.files)))


def _with_next(causes: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The causes; checks of the first that send a login say so where a next obstacle at the registry refuses it still."""
    kept = [
        f.cause
        for f in causes
        if f.role == "next obstacle"
        and f.hop != "client"
        and {Symptom.LOGIN_401_DIRECT, Symptom.NOT_STARTED} & {*f.explains}
    ]
    if not kept:
        return causes
    until = f"(not before the next obstacle is fixed, too: {', '.join(kept)})"
    first, *rest = causes
    checks = tuple(
        replace(check, expect=f"{check.expect} {until}") if check.expect in ("200", "Login Succeeded") else check
        for check in first.fix.verify
    )
    return (replace(first, fix=replace(first.fix, verify=checks)), *rest)


def _proven(finding: Finding, facts: Facts) -> Finding:
    """The reason and the next obstacle with the proof of their diff; a diff that fails it is not shown."""
    if finding.role == "rival" or finding.fix.patch is None or not finding.edits:
        return finding
    predicted = predict(finding, facts.evidence, facts.stack.asked)
    patch = None if predicted.failed else finding.fix.patch
    return replace(finding, fix=replace(finding.fix, patch=patch, proof=predicted.proof))
