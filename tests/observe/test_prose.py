"""No decision is read back from prose: with every sentence replaced by its hash the same is decided."""

from hashlib import sha256
from typing import Any

import pytest

from runbook.judge import Run, diagnose
from runbook.model import EvidenceItem, Finding
from tests.case_files import Case
from tests.observe.test_laws import each, judged

_MARK = "hash of prose "


def decided(run: Run) -> tuple[object, ...]:
    """All that a diagnosis decides: verdict, causes with role, certainty, link and edits, warnings, what is beside."""
    d = run.diagnosis
    causes = tuple((f.cause, f.role, f.certainty, f.confidence, f.link, f.edits, f.hop) for f in d.causes)
    beside = tuple(sorted(f.cause for f in (*d.warnings, *d.also_seen)))
    checks = tuple((c.rule, c.outcome) for c in d.checks)
    return d.verdict, d.basis, causes, beside, checks, d.next.gives if d.next else None


def hashed(text: str) -> str:
    """The hash of a sentence, marked as one; a hash stays."""
    return text if text.startswith(_MARK) or not text else _MARK + sha256(text.encode()).hexdigest()


def without_prose(monkeypatch: pytest.MonkeyPatch, kind: type, field: str) -> None:
    plain = kind.__init__  # type: ignore[misc]

    def made(self: Any, **values: Any) -> None:
        plain(self, **values | {field: hashed(values.get(field, ""))})

    monkeypatch.setattr(kind, "__init__", made)


@each
def test_no_decision_is_read_back_from_prose(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    before = judged(case.path)
    without_prose(monkeypatch, EvidenceItem, "what")
    without_prose(monkeypatch, Finding, "summary")
    after = diagnose(before.evidence)
    assert all(f.summary.startswith(_MARK) for f in after.diagnosis.causes)
    assert decided(after) == decided(before)
