"""Saved evidence says what the files said: the same answer, byte for byte, and the same evidence when it is saved again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbook.collect import Request, collect
from runbook.collect.evidence_file import dump_evidence, load_evidence
from runbook.collect.scrub import scrub
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from runbook.report.as_json import as_object
from tests.case_files import all_cases, judge

SLICES = 4


def answer(run: Run) -> dict[str, Any]:
    """The report; only the next command names the path that was given."""
    report = as_object(run)
    report.pop("next", None)
    return report


@pytest.mark.parametrize("part", range(SLICES))
def test_the_same_answer_from_saved_evidence(part: int, tmp_path: Path) -> None:
    odd = []
    for number, case in enumerate(all_cases()):
        if number % SLICES != part:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        run = judge(case, folder)
        saved = dump_evidence(run.evidence, "0")
        file = tmp_path / f"evidence-{number}.json"
        file.write_bytes(saved)
        again = diagnose(collect(Request(paths=(str(file),)), Vault()))
        if json.dumps(answer(run)) != json.dumps(answer(again)):
            odd.append(f"{case.cause}/{case.path.stem}")
        loaded = load_evidence(saved, "e.json", Vault())
        if dump_evidence(scrub(loaded, Vault()), "0") != saved or replace(loaded) != run.evidence:
            odd.append(f"{case.cause}/{case.path.stem}: the evidence itself")
    assert odd == []
