"""The catalogue of causes as data and as Markdown, and where its pages are published."""

import os
from typing import Any

from runbook import __version__, rules
from runbook.lazy import re
from runbook.model import STEPS
from runbook.redact import visible
from runbook.rules import Rule

_PAGES = re.compile(r"https?://[A-Za-z0-9.-]{1,200}(?::\d{1,5})?(?:/[\w.~-]{1,100}){0,10}/?")


def page(cause: str) -> str | None:
    """The address of a cause's page, where RUNBOOK_PAGES says at which address `runbook site build` was published."""
    base = os.environ.get("RUNBOOK_PAGES", "")
    return f"{base.rstrip('/')}/causes/{cause}.html" if _PAGES.fullmatch(base) else None


def ordered() -> list[Rule]:
    """All causes, step by step."""
    return sorted(rules.load().values(), key=lambda r: (STEPS.index(r.step), r.id))


def catalogue() -> dict[str, Any]:
    """All causes as one object."""
    return {"schema": 1, "tool": f"runbook {__version__}", "causes": [as_object(r) for r in ordered()]}


def as_object(rule: Rule) -> dict[str, Any]:
    """One cause as plain data."""
    return {
        "cause": rule.id,
        "step": rule.step,
        "title": rule.title,
        "why": rule.why,
        "fix": rule.fix,
        "source": rule.source,
        "needs": list(rule.needs),
        "needs_any": list(rule.needs_any),
        "explains": [s.value for s in rule.explains],
        "supersedes": list(rule.supersedes),
        "not_confused_with": [{"cause": r.cause, "because": r.because} for r in rule.refuted],
        "warning": rule.warning,
        "page": page(rule.id),
    }


def as_markdown(rule: Rule) -> str:
    """One cause as Markdown."""
    parts = [f"# `{rule.id}`: {_text(rule.title)}", _text(rule.why)]
    if rule.explains:
        parts.append("## How it shows\n\n" + "\n".join(f"- {_text(s.value)}" for s in rule.explains))
    parts.append(f"## Fix\n\n{_text(rule.fix)}")
    if rule.refuted:
        rows = (f"- `{r.cause}`: {_text(r.because)}" for r in rule.refuted)
        parts.append("## Not to be confused with\n\n" + "\n".join(rows))
    parts.append(f"## Source\n\n{_text(rule.source)}")
    return "\n\n".join(parts) + "\n"


def catalogue_markdown() -> str:
    """All causes as one table."""
    rows = [f"| {r.step} | `{r.id}` | {_text(r.title)} |" for r in ordered()]
    return "\n".join(["| Step | Cause | What is wrong |", "|---|---|---|", *rows]) + "\n"


def _text(text: str) -> str:
    return visible(text, 4000).replace("<", "&lt;").replace("|", "\\|")
