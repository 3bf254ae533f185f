"""JUnit XML: every check a test case, so that a CI shows the diagnosis where it shows its tests."""

from xml.sax.saxutils import escape, quoteattr

from runbook.judge import Run
from runbook.lazy import re
from runbook.model import STEPS, Check, Finding
from runbook.redact import visible

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(run: Run) -> str:
    """One suite for each step. A cause is a failure, a warning passes with its text, a broken check is an error."""
    d = run.diagnosis
    causes = {f.cause: f for f in d.causes}
    suites = "".join(_suite(step, [c for c in d.checks if c.step == step], causes) for step in STEPS)
    rows = d.checks
    head = (
        f'tests="{len(rows)}" failures="{sum(c.rule in causes for c in rows)}" '
        f'errors="{sum(c.outcome == "error" for c in rows)}" skipped="{sum(c.outcome == "skipped" for c in rows)}"'
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="runbook" {head}>\n{suites}</testsuites>\n'


def _suite(step: str, checks: list[Check], causes: dict[str, Finding]) -> str:
    failed = sum(c.rule in causes for c in checks)
    skipped = sum(c.outcome == "skipped" for c in checks)
    errors = sum(c.outcome == "error" for c in checks)
    body = "".join(_case(step, check, causes.get(check.rule)) for check in checks)
    return (
        f' <testsuite name="{step}" tests="{len(checks)}" failures="{failed}" errors="{errors}" skipped="{skipped}">\n'
        f"{body} </testsuite>\n"
    )


def _case(step: str, check: Check, cause: Finding | None) -> str:
    inner = ""
    if cause is not None:
        told = [cause.summary, *(f"- {i.what} ({i.where})" for i in cause.evidence), f"Fix: {cause.fix.summary}"]
        inner = f"<failure type={in_attribute(cause.cause)} message={in_attribute(cause.summary)}>{in_text(chr(10).join(told))}</failure>"
    elif check.outcome == "skipped":
        inner = f"<skipped message={in_attribute(check.reason)}/>"
    elif check.outcome == "error":
        inner = f"<error message={in_attribute(check.reason)}/>"
    elif check.outcome == "fail":
        inner = f"<system-out>{in_text('warning: ' + check.reason)}</system-out>"
    return f'  <testcase classname="runbook.{step}" name={in_attribute(check.rule)}>{inner}</testcase>\n'


def in_text(text: str) -> str:
    """Foreign text as the content of an element."""
    return escape(_ILLEGAL.sub("\ufffd", visible(text, 4000)))


def in_attribute(text: str) -> str:
    """Foreign text as an attribute, in quotes."""
    return quoteattr(_ILLEGAL.sub("\ufffd", visible(text, 1000)))
