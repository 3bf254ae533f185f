"""The JSON that scripts rely on: INTERFACE.md's object, and nothing else on standard output."""

import json
from datetime import UTC, datetime
from typing import Any

from runbook import __version__
from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import STEPS, Diagnosis, Finding, Symptom
from runbook.redact import visible
from runbook.report.history import Comparison, files_read


def render_json(run: Run, changes: Comparison | None = None) -> str:
    """One object as INTERFACE.md has it; `symptoms`, `folklore`, `contradictions` and a cause's `certainty` and `explains` are extras."""
    since = {"changes": changes.as_object()} if changes is not None else {}
    return json.dumps({**as_object(run), **since}, ensure_ascii=False, indent=1) + "\n"


def as_object(run: Run) -> dict[str, Any]:
    """The same as plain data."""
    diagnosis = run.diagnosis
    return {
        "schema": 1,
        "tool": f"runbook {__version__}",
        "verdict": diagnosis.verdict,
        "causes": [_finding(f, run) for f in diagnosis.causes],
        "warnings": [_finding(f, run) for f in diagnosis.warnings],
        "also_seen": [_finding(f, run) for f in diagnosis.also_seen],
        "focus": _focus(run),
        "basis": diagnosis.basis,
        "next": _next(run),
        "coverage": coverage(diagnosis),
        "checks": [
            {"rule": c.rule, "step": c.step, "outcome": c.outcome, "reason": visible(c.reason)}
            for c in diagnosis.checks
        ],
        "files": files_read(run),
        "not_read": [visible(gap) for gap in diagnosis.not_read],
        "not_tested": [visible(gap) for gap in diagnosis.not_tested],
        "symptoms": [
            {
                "symptom": _name(o.symptom),
                "text": o.symptom.value,
                "evidence": _items(o.evidence),
            }
            for o in diagnosis.symptoms
        ],
        "folklore": [
            {"claim": f.claim, "truth": f.truth, "shown": f.shown, "where": visible(f.where)}
            for f in diagnosis.folklore
        ],
        "contradictions": _items(diagnosis.contradictions),
        "odd_names": _items(diagnosis.odd_names),
    }


def _focus(run: Run) -> dict[str, Any]:
    focus = run.traffic.focus
    since = datetime.fromtimestamp(focus.since, UTC).isoformat() if focus.since is not None else None
    return {
        "addresses": [visible(str(a)) for a in focus.addresses],
        "user": visible(focus.users[0]) if focus.users else None,
        "since": since,
        "about": visible(run.diagnosis.about),
        "others": [visible(o) for o in focus.others],
    }


def _next(run: Run) -> dict[str, Any] | None:
    step = run.diagnosis.next
    if step is None:
        return None
    return {"why": visible(step.why), "command": visible(str(step.command)), "separates": list(step.separates)}


def coverage(diagnosis: Diagnosis) -> dict[str, dict[str, int]]:
    """Of each step: how many of its checks had something to look at."""
    return {
        step: {
            "looked_at": sum(c.outcome in ("pass", "fail") for c in diagnosis.checks if c.step == step),
            "of": sum(c.step == step for c in diagnosis.checks),
        }
        for step in STEPS
    }


def _finding(finding: Finding, run: Run) -> dict[str, Any]:
    fix = finding.fix
    return {
        "cause": finding.cause,
        "rule": finding.rule,
        "role": finding.role,
        "confidence": finding.confidence,
        "certainty": finding.certainty.words,
        "explains": [_name(s) for s in explained(finding, run.diagnosis.seen)],
        "hop": visible(finding.hop),
        "summary": visible(finding.summary),
        "evidence": _items(finding.evidence),
        "refuted": [{"cause": r.cause, "because": visible(r.because)} for r in finding.refuted],
        "fix": {
            "summary": visible(fix.summary),
            "commands": [visible(c) for c in fix.command_lines],
            "patch": fix.patch,
            "applies": visible(fix.applies),
            "proof": {
                "kind": fix.proof.kind,
                "before": visible(fix.proof.before),
                "after": visible(fix.proof.after),
                "requests": [
                    {"request": visible(r.request), "before": visible(r.before), "after": visible(r.after)}
                    for r in fix.proof.rows
                ],
                "copy": visible(fix.proof.twin),
                "without": [visible(g) for g in fix.proof.gaps],
                "backend": fix.proof.backend,
            },
            "verify": [visible(str(v)) for v in fix.verify],
            "expect": [visible(c.expect) for c in fix.verify],
        },
    }


def _name(symptom: Symptom) -> str:
    return symptom.name.lower().replace("_", "-")


def _items(items: Any) -> list[dict[str, str]]:
    return [{"what": visible(i.what), "where": visible(i.where), "cited": i.cited} for i in items]
