"""A roll-up as text, JSON, Markdown, JUnit and one HTML page. They show the same rows and judge nothing."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from runbook import __version__
from runbook.fleet.one import Seen
from runbook.fleet.rollup import STATES, Group, Rollup, Row
from runbook.report.block import css
from runbook.report.junit import in_attribute, in_text
from runbook.report.markdown import code, plain

_LISTED = 50
UNTOLD = "nothing shows whether it works"


def headline(fleet: Rollup) -> str:
    """The run in a sentence."""
    counts = [f"{fleet.counts[state]} {state}" for state in STATES if fleet.counts.get(state)]
    news = f"; {len(fleet.changed('new'))} new, {len(fleet.changed('mended'))} mended" if fleet.compared else ""
    return f"{', '.join(counts)}{news}"


def what(row: Row) -> str:
    """What there is to say of a target, in a cell."""
    if row.result.problem and row.state in ("inconclusive", "error"):
        return row.result.problem
    told = [c.cause for c in row.causes if row.state == "fault"] or [f"perhaps {c.cause}" for c in row.causes[:2]]
    told += [f"warning: {w.cause}" for w in row.warnings]
    told += [f"waived until {w.expires}: {w.cause} ({w.owner})" for w in row.waived]
    told += [f"waiver expired on {w.expires} ({w.owner})" for w in row.expired]
    told += [f"as meant: {cause}" for cause in row.meant]
    return ", ".join(dict.fromkeys(told))


def change(row: Row) -> str:
    """What changed with a target since the run before."""
    pairs = (("new", row.new), ("mended", row.mended), ("unclear", row.unclear), ("still", row.still))
    return ", ".join(f"{word} {cause}" if word != "still" else "still" for word, causes in pairs for cause in causes)


def day(when: float) -> str:
    """A time, for people."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M UTC")


def as_text(fleet: Rollup) -> str:
    """For a terminal and a cron mail."""
    return "\n".join(_text(fleet)) + "\n"


def _text(fleet: Rollup) -> Iterator[str]:
    yield f"{fleet.fleet}: {len(fleet.rows)} registries, {headline(fleet)}"
    for group in fleet.groups:
        yield ""
        yield f"{len(group.rows)} × {group.cause}: {group.title}{f' ({group.new} new)' if group.new else ''}"
        yield from (f"    {line}" for line in group.shared)
        yield f"    owners: {', '.join(f'{owner} ({count})' for owner, count in group.owners[:10])}"
        yield f"    fix: {group.fix}"
        names = [row.target.name for row in group.rows]
        yield f"    {', '.join(names[:_LISTED])}{f' … and {len(names) - _LISTED} more' if len(names) > _LISTED else ''}"
    if fleet.compared:
        for word, key in (("Mended", "mended"), ("No longer shown, and not shown to be mended", "unclear")):
            told = [f"{row.target.name} ({cause})" for row, cause in fleet.changed(key)]
            if told:
                yield f"\n{word}: {', '.join(told[:_LISTED])}{' …' if len(told) > _LISTED else ''}"
    if fleet.gone:
        yield f"\nNo longer in the inventory: {', '.join(fleet.gone[:_LISTED])}{' …' if len(fleet.gone) > _LISTED else ''}"
    others = [
        row for row in fleet.rows if row.state in ("inconclusive", "error", "waived") or row.expired or row.flapping
    ]
    if others:
        yield ""
    for row in others[:_LISTED]:
        flapping = "flapping, " if row.flapping else ""
        yield f"{row.state:13} {row.target.name}: {flapping}{what(row) or UNTOLD}"
    if len(others) > _LISTED:
        yield f"… and {len(others) - _LISTED} more"
    if fleet.warnings:
        yield f"\nwarnings: {', '.join(f'{count} × {cause}' for cause, count in fleet.warnings)}"


def as_json(fleet: Rollup) -> str:
    """The same as one object; its keys are stable, new ones may come."""
    return json.dumps(as_object(fleet), ensure_ascii=False, indent=1) + "\n"


def as_object(fleet: Rollup) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "schema": 1,
        "tool": f"runbook {__version__}",
        "fleet": fleet.fleet,
        "started": _iso(fleet.started),
        "finished": _iso(fleet.finished),
        "counts": dict(fleet.counts),
        "causes": [_group(group) for group in fleet.groups],
        "warnings": [{"cause": cause, "count": count} for cause, count in fleet.warnings],
        "changes": {
            key: [{"target": row.target.name, "cause": cause} for row, cause in fleet.changed(key)]
            for key in ("new", "mended", "unclear")
        },
        "gone": list(fleet.gone),
        "runs": [_iso(when) for when in fleet.runs],
        "targets": [_row(row) for row in fleet.rows],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "cause": group.cause,
        "title": group.title,
        "fix": group.fix,
        "count": len(group.rows),
        "new": group.new,
        "shared": list(group.shared),
        "owners": dict(group.owners),
        "trend": list(group.trend),
        "targets": [row.target.name for row in group.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "target": row.target.name,
        "state": row.state,
        "owner": row.target.owner,
        "site": row.target.site,
        "labels": dict(row.target.labels),
        "causes": [_seen(c) for c in row.causes],
        "warnings": [_seen(w) for w in row.warnings],
        "as_meant": list(row.meant),
        "waived": [{"cause": w.cause, "owner": w.owner, "expires": w.expires.isoformat()} for w in row.waived],
        "expired": [{"cause": w.cause, "owner": w.owner, "expires": w.expires.isoformat()} for w in row.expired],
        "change": {"new": list(row.new), "still": list(row.still), "mended": list(row.mended), "unclear": list(row.unclear)},
        "since": _iso(row.since) if row.since else None,
        "flapping": row.flapping,
        "basis": row.result.basis or None,
        "next": row.result.next or None,
        "problem": row.result.problem or None,
        "facts": dict(row.result.facts),
    }  # fmt: skip


def _seen(seen: Seen) -> dict[str, Any]:
    return {"cause": seen.cause, "role": seen.role, "confidence": seen.confidence, "hop": seen.hop,
            "summary": seen.summary, "where": seen.where, "fix": seen.fix}  # fmt: skip


def _iso(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def as_markdown(fleet: Rollup) -> str:
    """For a ticket or a chat."""
    return "\n".join(_markdown(fleet)) + "\n"


def _markdown(fleet: Rollup) -> Iterator[str]:
    yield f"# {plain(fleet.fleet)}: {plain(headline(fleet))}\n"
    if fleet.groups:
        yield from _cells(("Registries", "Cause", "New", "Owners", "Fix"))
    for group in fleet.groups:
        owners = ", ".join(f"{owner} ({count})" for owner, count in group.owners[:10])
        yield from _cells((len(group.rows), code(group.cause), group.new, plain(owners), plain(group.fix)), head=False)
    for group in fleet.groups:
        yield f"\n## {len(group.rows)} × {plain(group.cause)}\n"
        yield from (f"- {plain(line)}" for line in group.shared)
        yield from (f"- {code(row.target.name)} {plain(change(row))}".rstrip() for row in group.rows[:_LISTED])
    for word, key in (("Mended", "mended"), ("No longer shown, and not shown to be mended", "unclear")):
        if told := fleet.changed(key):
            yield f"\n## {word}\n"
            yield from (f"- {code(row.target.name)}: {plain(cause)}" for row, cause in told[:_LISTED])
    if fleet.gone:
        yield f"\n## No longer in the inventory\n\n- {', '.join(map(code, fleet.gone[:_LISTED]))}"
    if others := [row for row in fleet.rows if row.state in ("inconclusive", "error", "waived")]:
        yield "\n## Not judged, or waived\n"
        yield from (f"- {row.state}: {code(row.target.name)} {plain(what(row))}" for row in others[:_LISTED])


def _cells(cells: Iterable[object], *, head: bool = True) -> Iterator[str]:
    row = [str(cell) for cell in cells]
    yield f"| {' | '.join(row)} |"
    if head:
        yield "|" + "---|" * len(row)


def as_junit(fleet: Rollup) -> str:
    """Every target a test case: a fault fails, what nobody could tell is skipped."""
    counts = fleet.counts
    head = (
        f'tests="{len(fleet.rows)}" failures="{counts.get("fault", 0)}" errors="{counts.get("error", 0)}" '
        f'skipped="{counts.get("inconclusive", 0)}"'
    )
    cases = "".join(_case(row) for row in fleet.rows)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="runbook fleet" {head}>\n'
        f" <testsuite name={in_attribute(fleet.fleet)} {head}>\n{cases} </testsuite>\n</testsuites>\n"
    )


def _case(row: Row) -> str:
    inner = ""
    if row.state == "fault":
        told = "\n".join(f"{c.cause}: {c.summary} ({c.where}) Fix: {c.fix}" for c in row.causes)
        inner = f"<failure type={in_attribute(row.causes[0].cause)} message={in_attribute(row.causes[0].summary)}>{in_text(told)}</failure>"
    elif row.state == "error":
        inner = f"<error message={in_attribute(row.result.problem)}/>"
    elif row.state == "inconclusive":
        inner = f"<skipped message={in_attribute(what(row) or UNTOLD)}/>"
    elif told := what(row):
        inner = f"<system-out>{in_text(told)}</system-out>"
    owner = row.target.owner or "nobody"
    return f"  <testcase classname={in_attribute(owner)} name={in_attribute(row.target.name)}>{inner}</testcase>\n"


def as_html(fleet: Rollup, reports: Iterable[str]) -> str:
    """One page without network: sorting and filtering are done by the script in it. `reports` have a page of their own."""
    from runbook.report.render import template

    script = files("runbook.fleet").joinpath("page.js").read_text(encoding="utf-8")
    return template("fleet/page.html.j2").render(
        title=f"{fleet.fleet}: {headline(fleet)}",
        fleet=fleet,
        headline=headline(fleet),
        reports=frozenset(reports),
        day=day,
        what=what,
        change=change,
        css=css(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )
