"""What changed since an earlier report: new, mended and unchanged findings.

That a cause is no longer found mends nothing: perhaps what showed it was not handed over again. Mended needs that it was
looked for where it was read, and that all the files are there again of a cause that files alone show, or that its edit
is made, or that the login works now.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.collect import UsageError
from runbook.collect.read import whole
from runbook.judge import Run
from runbook.lazy import re
from runbook.redact import visible
from runbook.report.block import Block, para, part

_LIMIT = 32 << 20
_OTHER = ("unknown", "evidence")


_LOGIN = frozenset(
    "login-401-direct login-401-via login-401 login-400 login-would-fail not-started proxy-not-started unreachable"
    " empty-reply timeout handshake-timeout bad-gateway unavailable gateway-timeout proxy-500 registry-500 not-the-api"
    " redirected token-refused token-service compose-refused".split()
)
"""Symptoms with which no login is accepted, whoever sends it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two verdicts and the causes of both, warnings among them."""

    earlier: str
    """The earlier verdict."""
    now: str
    new: tuple[str, ...]
    mended: tuple[str, ...]
    unchanged: tuple[str, ...]
    unclear: tuple[str, ...] = ()
    """Found earlier; now nothing shows it, and nothing shows that it is gone."""

    def sentences(self) -> list[str]:
        """It in words."""
        verdict = f"still {self.now}" if self.earlier == self.now else f"{self.now}, it was {self.earlier}"
        told = [f"Since the earlier report: {verdict}."]
        for word, causes in (("New", self.new), ("Mended", self.mended), ("Still there", self.unchanged)):
            told.append(f"{word}: {', '.join(causes) or 'nothing'}.")
        if self.unclear:
            told.append(f"No longer shown, and not shown to be mended: {', '.join(self.unclear)}.")
        return told

    def as_object(self) -> dict[str, Any]:
        """For report.json."""
        return {
            "earlier_verdict": self.earlier,
            "new": list(self.new),
            "mended": list(self.mended),
            "unchanged": list(self.unchanged),
            "unclear": list(self.unclear),
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier report says of a cause."""

    read: frozenset[str] = frozenset()
    """The files that it was read in."""
    from_files: bool = False
    """Whether nothing but files shows it."""
    explains: frozenset[str] = frozenset()
    patch: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What counts of an earlier report."""

    verdict: str
    causes: Mapping[str, Known]
    files: frozenset[str] = frozenset()
    """All that were read."""
    addresses: frozenset[str] = frozenset()
    user: str = ""


def compare(run: Run, earlier: Earlier) -> Comparison:
    """This run against an earlier one."""
    before = earlier.causes
    now = {f.cause: None for f in (*run.diagnosis.causes, *run.diagnosis.warnings)}
    mended = tuple(c for c in before if c not in now and _is_mended(c, run, earlier))
    return Comparison(
        earlier=earlier.verdict,
        now=run.diagnosis.verdict,
        new=tuple(c for c in now if c not in before),
        mended=mended,
        unchanged=tuple(c for c in now if c in before),
        unclear=tuple(c for c in before if c not in now and c not in mended),
    )


def files_read(run: Run) -> list[str]:
    """The files that were read whole, as people find them."""
    short = run.evidence.shortened
    return [visible(f.shown or f.path) for f in run.evidence.files if f.kind not in _OTHER and f.path not in short]


def _is_mended(cause: str, run: Run, earlier: Earlier) -> bool:
    known = earlier.causes[cause]
    here = frozenset(files_read(run))
    passed = any(c.rule == cause and c.outcome == "pass" for c in run.diagnosis.checks)
    if not passed or not known.read <= here:
        return False
    if (known.from_files and earlier.files <= here) or _is_made(known.patch, run):
        return True
    focus = run.traffic.focus
    same = earlier.addresses and earlier.addresses <= {visible(str(a)) for a in focus.addresses}
    asked = not earlier.user or earlier.user in map(visible, focus.users)
    works = run.diagnosis.basis == "traffic" and bool(same) and asked
    return works and bool(known.explains) and known.explains <= _LOGIN


def _is_made(patch: str, run: Run) -> bool:
    """Whether none of the lines is left that a diff takes out; where it takes none out, whether those it adds are there."""
    lines = {f.path: {line.strip() for line in f.lines} for f in run.evidence.files}
    path, gone, there = "", [], []
    for row in patch.splitlines():
        if row.startswith(("--- a/", "+++ b/")):
            path = row[6:].rstrip("\t")
        elif row.startswith("-"):
            gone.append(bool(lines.get(path)) and row[1:].strip() not in lines[path])
        elif row.startswith("+"):
            there.append(row[1:].strip() in lines.get(path, ()))
    return all(gone) if gone else bool(there) and all(there)


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
    return earlier_of(data)


def earlier_of(report: Mapping[str, Any]) -> Earlier:
    """What counts of the object of a report."""
    rows = [row for key in ("causes", "warnings") for row in _dicts(report.get(key))]
    causes: dict[str, Known] = {}
    for row in rows[:500]:
        if cause := visible(str(row.get("cause", "")), 80):
            causes.setdefault(cause, _known(row))
    focus = report.get("focus")
    focus = focus if isinstance(focus, dict) else {}
    return Earlier(
        verdict=visible(str(report.get("verdict", "")), 40),
        causes=causes,
        files=_texts(report.get("files")),
        addresses=_texts(focus.get("addresses")),
        user=str(focus.get("user") or ""),
    )


def _known(row: Mapping[str, Any]) -> Known:
    cited = [i for i in _dicts(row.get("evidence")) if i.get("cited") != "context"]
    read = [str(i.get("where", "")) for i in cited if i.get("cited") == "read"]
    fix = row.get("fix")
    return Known(
        read=frozenset(re.sub(r":\d{1,9}$", "", where) for where in read),
        from_files=bool(read) and all(i.get("cited") in ("read", "computed") for i in cited),
        explains=_texts(row.get("explains")),
        patch=str(fix.get("patch") or "") if isinstance(fix, dict) else "",
    )


def _texts(value: Any) -> frozenset[str]:
    return frozenset(v for v in value if isinstance(v, str)) if isinstance(value, list) else frozenset()


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def block(comparison: Comparison) -> Block:
    """It as a section of the report."""
    first, *_ = comparison.sentences()
    rows = [
        *(("new", c, "fail") for c in comparison.new),
        *(("mended", c, "pass") for c in comparison.mended),
        *(("unchanged", c, "skipped") for c in comparison.unchanged),
        *(("no longer shown, and not shown to be mended", c, "warn") for c in comparison.unclear),
    ]
    return Block(para(first) + part("changes", rows), "\n".join(comparison.sentences()))
