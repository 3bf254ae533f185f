"""The JSON that scripts rely on: INTERFACE.md's object, and nothing else on standard output."""

import json
from typing import Any

from runbook import __version__
from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import Command, Finding, Symptom
from runbook.redact import visible
from runbook.report.history import Comparison


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
        "checks": [
            {"rule": c.rule, "step": c.step, "outcome": c.outcome, "reason": visible(c.reason)}
            for c in diagnosis.checks
        ],
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
    }


def _finding(finding: Finding, run: Run) -> dict[str, Any]:
    fix = finding.fix
    return {
        "cause": finding.cause,
        "rule": finding.rule,
        "confidence": finding.confidence,
        "certainty": finding.certainty.words,
        "explains": [_name(s) for s in explained(finding, run.diagnosis.seen)],
        "hop": finding.hop,
        "summary": visible(finding.summary),
        "evidence": _items(finding.evidence),
        "refuted": [{"cause": r.cause, "because": visible(r.because)} for r in finding.refuted],
        "fix": {
            "summary": visible(fix.summary),
            "commands": [visible(c) for c in fix.command_lines],
            "patch": fix.patch,
            "verify": [visible(str(v)) for v in fix.verify],
            "expect": [visible(c.expect) if isinstance(c, Command) else "" for c in fix.verify],
        },
    }


def _name(symptom: Symptom) -> str:
    return symptom.name.lower().replace("_", "-")


def _items(items: Any) -> list[dict[str, str]]:
    return [{"what": visible(i.what), "where": visible(i.where)} for i in items]
