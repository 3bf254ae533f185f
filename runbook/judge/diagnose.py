"""From evidence to a verdict. Pure: the same evidence gives the same diagnosis, today and tomorrow."""

from dataclasses import dataclass, replace

from runbook import rules
from runbook.judge.folklore import folklore
from runbook.judge.not_tested import not_tested
from runbook.judge.patch import unified_diff
from runbook.judge.rank import rank
from runbook.model import Diagnosis, Evidence, Finding, Stack, Verdict
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.rules.base import Facts
from runbook.stack import build


@dataclass(frozen=True, slots=True)
class Run:
    """A diagnosis with all that led to it: what every view is made from."""

    evidence: Evidence
    stack: Stack
    traffic: Traffic
    diagnosis: Diagnosis


def diagnose(evidence: Evidence) -> Run:
    """Judge the evidence: name the symptoms, run every rule, rank what was found."""
    stack = build(evidence)
    facts = Facts(evidence, stack, Traffic(evidence, stack))
    results = [rules.run(rule, facts) for rule in rules.load().values()]
    checks = tuple(check for check, _ in results)
    ranking = rank((finding for _, found in results for finding in found), facts)
    verdict = _verdict(ranking.causes, facts, any(check.outcome == "pass" for check in checks))
    causes = tuple(_with_patch(f, evidence) for f in ranking.causes)
    diagnosis = Diagnosis(
        verdict=verdict,
        causes=causes,
        warnings=tuple(_with_patch(f, evidence) for f in ranking.warnings),
        checks=tuple(sorted(checks, key=lambda c: (_ORDER.index(c.step), c.rule))),
        symptoms=facts.traffic.observations,
        folklore=folklore(facts, causes),
        contradictions=ranking.contradictions,
        not_tested=not_tested(facts, checks),
        first_bad_hop=causes[0].hop if causes else "",
    )
    return Run(evidence, stack, facts.traffic, diagnosis)


_ORDER = ("simplify", "htpasswd", "headers", "align")


def _verdict(causes: tuple[Finding, ...], facts: Facts, passed: bool) -> Verdict:
    """A cause: fault. Suffering without a cause, or nothing to judge: inconclusive. Else healthy."""
    if causes and not _only_silence(causes, facts):
        return "fault"
    if causes or facts.traffic.observations or not (passed and _judged(facts)):
        return "inconclusive"
    return "healthy"


def _only_silence(causes: tuple[Finding, ...], facts: Facts) -> bool:
    """Nothing answers, and nothing else was handed over: down, or a mistyped address, who can tell?"""
    return {f.cause for f in causes} == {"registry-unreachable"} and not facts.evidence.files


def _judged(facts: Facts) -> bool:
    """Whether anything that could show health was seen: an answer, a check, a configuration."""
    traffic, evidence = facts.traffic, facts.evidence
    answered = any(is_authenticated(e) and succeeded(e) for e in traffic.exchanges) or _challenged(traffic)
    configured = facts.stack.registry is not None and facts.stack.registry.known
    return bool(
        answered or traffic.login_works or evidence.checks or configured or traffic.requests or evidence.htpasswd
    )


def _challenged(traffic: Traffic) -> bool:
    return any(e.status == 401 and e.is_api and e.header("WWW-Authenticate") for e in traffic.exchanges)


def _with_patch(finding: Finding, evidence: Evidence) -> Finding:
    if not finding.edits or finding.fix.patch is not None:
        return finding
    return replace(finding, fix=replace(finding.fix, patch=unified_diff(finding.edits, evidence.files)))
