"""SARIF 2.1.0 for code scanning: the findings that stand in a file, with the line."""

import json
from typing import Any
from urllib.parse import quote

from runbook import __version__, rules
from runbook.judge import Run
from runbook.lazy import re
from runbook.model import EvidenceItem, Finding
from runbook.redact import visible
from runbook.report.catalogue import page

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_PLACE = re.compile(r"^(?P<file>[^\s:][^:]*?)(?::(?P<line>\d{1,9}))?(?:\s.*)?$")


def render_sarif(run: Run) -> str:
    """One run with the rules that fired and a result for each finding; causes are errors, warnings warnings."""
    d = run.diagnosis
    found = [(f, "error") for f in d.causes] + [(f, "warning") for f in d.warnings]
    known = {f.path for f in run.evidence.files}
    names = list(dict.fromkeys(f.cause for f, _ in found))
    results = [_result(f, level, names.index(f.cause), known) for f, level in found]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "runbook", "version": __version__, "rules": [_rule(name) for name in names]}
                },
                "columnKind": "utf16CodeUnits",
                "results": results,
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, indent=1) + "\n"


def _rule(name: str) -> dict[str, Any]:
    rule, address = rules.load()[name], page(name)
    return {
        "id": name,
        **({"helpUri": address} if address else {}),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"Fix: {rule.fix}\nSource: {rule.source}"},
        "properties": {"step": rule.step},
    }


def _result(finding: Finding, level: str, index: int, known: set[str]) -> dict[str, Any]:
    places = [place for item in finding.evidence if (place := _location(item, known))]
    fix = f" Fix: {finding.fix.summary}" if finding.fix.summary else ""
    result: dict[str, Any] = {
        "ruleId": finding.cause,
        "ruleIndex": index,
        "level": level,
        "message": {"text": visible(finding.summary + fix)},
        "properties": {"confidence": finding.confidence, "hop": finding.hop},
    }
    if places:
        result["locations"] = places[:1]
        if places[1:]:
            result["relatedLocations"] = [{**p, "id": n} for n, p in enumerate(places[1:], 1)]
    return result


def _location(item: EvidenceItem, known: set[str]) -> dict[str, Any] | None:
    """The place of a piece of evidence, where it is a file that was handed over."""
    match = _PLACE.match(item.where)
    if not match or match["file"] not in known:
        return None
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(match["file"])}}
    if match["line"]:
        physical["region"] = {"startLine": int(match["line"])}
    return {"physicalLocation": physical, "message": {"text": visible(item.what, 500)}}
