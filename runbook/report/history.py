"""What changed since an earlier report: new, mended and unchanged findings."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.collect import UsageError
from runbook.collect.read import whole
from runbook.judge import Run
from runbook.redact import visible
from runbook.report.block import Block, esc, para, tag

_LIMIT = 32 << 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two verdicts and the causes of both, warnings among them."""

    earlier: str
    """The earlier verdict."""
    now: str
    new: tuple[str, ...]
    mended: tuple[str, ...]
    unchanged: tuple[str, ...]

    def sentences(self) -> list[str]:
        """It in words."""
        verdict = f"still {self.now}" if self.earlier == self.now else f"{self.now}, it was {self.earlier}"
        told = [f"Since the earlier report: {verdict}."]
        for word, causes in (("New", self.new), ("Mended", self.mended), ("Still there", self.unchanged)):
            told.append(f"{word}: {', '.join(causes) or 'nothing'}.")
        return told

    def as_object(self) -> dict[str, Any]:
        """For report.json."""
        return {
            "earlier_verdict": self.earlier,
            "new": list(self.new),
            "mended": list(self.mended),
            "unchanged": list(self.unchanged),
        }


@dataclass(frozen=True, slots=True)
class Earlier:
    """What counts of an earlier report."""

    verdict: str
    causes: tuple[str, ...]


def compare(run: Run, earlier: Earlier) -> Comparison:
    """This run against an earlier one."""
    before = earlier.causes
    now = {f.cause: None for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}
    return Comparison(
        earlier=earlier.verdict,
        now=run.diagnosis.verdict,
        new=tuple(c for c in now if c not in before),
        mended=tuple(c for c in before if c not in now),
        unchanged=tuple(c for c in now if c in before),
    )


def earlier_report(file: str) -> Earlier:
    """Read an earlier report.json, or the JSON of `runbook diagnose`. What stands there is foreign text."""
    path = Path(file)
    try:
        data = json.loads(whole(path, _LIMIT).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"--compare {path}: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--compare {path}: this is no JSON; a report.json of an earlier run is needed.") from None
    if not isinstance(data, dict) or data.get("schema") != 1 or not isinstance(data.get("causes"), list):
        raise UsageError(f"--compare {path}: this is no report.json of runbook (schema 1).")
    rows = [*data["causes"], *(data.get("warnings") or [])]
    causes = (str(row.get("cause", "")) for row in rows[:500] if isinstance(row, dict))
    return Earlier(visible(str(data.get("verdict", "")), 40), tuple(dict.fromkeys(visible(c, 80) for c in causes if c)))


def block(comparison: Comparison) -> Block:
    """It as a section of the report."""
    first, *_ = comparison.sentences()
    rows = [
        *(("new", c, "fail") for c in comparison.new),
        *(("mended", c, "pass") for c in comparison.mended),
        *(("unchanged", c, "skipped") for c in comparison.unchanged),
    ]
    html = "".join(f"<li>{tag(word, kind)} <code>{esc(cause)}</code></li>" for word, cause, kind in rows)
    return Block(para(first) + (f"<ul>{html}</ul>" if html else ""), "\n".join(comparison.sentences()))
