"""From the results of a run to what a team needs to know: by cause, what is new, who owns it, what they share. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Literal

from runbook.fleet.inventory import Target, Waiver
from runbook.fleet.one import Result, Seen
from runbook.fleet.store import Past, Started
from runbook.rules import load as rules

State = Literal["fault", "warning", "healthy", "waived", "inconclusive", "error"]
STATES: tuple[State, ...] = ("fault", "error", "inconclusive", "warning", "waived", "healthy")
"""Worst first."""
KNOWN = ("fault", "warning", "healthy", "waived")
"""States that say something of the target."""
EXPECTED = "expected-anonymous-pull"
_PAGE = tuple("cors- preflight- browser- mixed-content add-header-without-always ui-".split())
_MEANT: dict[str, tuple[str, ...]] = {
    "anonymous-pull": ("auth-not-enforced", "ping-not-challenged"),
    "no-ui": _PAGE,
    "no-push": ("proxy-mode-push-unsupported",),
    "no-delete": ("delete-disabled",),
}
"""What an expectation makes of a finding: it is as it was meant. An id or the beginning of one."""
_FLAPS, _LOOK_BACK = 3, 12
_SHARED = 3
"""From so many targets on it is said what they share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One target: what it is held against, and what remains after expectations and waivers."""

    target: Target
    result: Result
    state: State
    causes: tuple[Seen, ...] = ()
    """What counts; of a fault the reason first."""
    warnings: tuple[Seen, ...] = ()
    meant: tuple[str, ...] = ()
    waived: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()
    new: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    """Found last time; this time nothing shows that it is gone."""
    since: float | None = None
    """When the oldest of its causes was first found, without a break."""
    flapping: bool = False

    @property
    def found(self) -> frozenset[str]:
        """The causes that count as faults."""
        return frozenset(c.cause for c in self.causes) if self.state == "fault" else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All targets with one cause."""

    cause: str
    title: str
    fix: str
    rows: tuple[Row, ...]
    shared: tuple[str, ...] = ()
    owners: tuple[tuple[str, int], ...] = ()
    trend: tuple[int, ...] = ()
    """How many targets had it, run by run, this one last."""

    @property
    def new(self) -> int:
        """How many of them are new."""
        return sum(self.cause in row.new for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollup:
    """A run as a whole."""

    fleet: str
    started: float
    finished: float
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    warnings: tuple[tuple[str, int], ...] = ()
    runs: tuple[float, ...] = ()
    """When the runs of the trends began."""
    compared: bool = False
    """Whether there was an earlier run."""
    counts: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    """Targets of the last run, of those that ever had a fault, that the inventory no longer has."""

    def changed(self, what: str) -> list[tuple[Row, str]]:
        """Rows and causes of a kind of change: new, mended or unclear."""
        return [(row, cause) for row in self.rows for cause in getattr(row, what)]


def held_against(target: Target, result: Result, today: date) -> Row:
    """What remains of a result once what was meant and what is waived is taken off."""
    meant: list[str] = []
    waived: list[Waiver] = []
    expired: list[Waiver] = []

    def counts(seen: Seen) -> bool:
        if any(seen.cause.startswith(_MEANT[e]) for e in target.expect):
            meant.append(seen.cause)
            return False
        for waiver in target.waivers:
            if waiver.cause == seen.cause:
                (waived if today <= waiver.expires else expired).append(waiver)
        return seen.cause not in {w.cause for w in waived}

    causes = tuple(seen for seen in result.causes if counts(seen))
    warnings = tuple(seen for seen in result.warnings if counts(seen))
    reasons = tuple(seen for seen in causes if seen.role != "rival")
    state = _state(target, result, bool(reasons), bool(warnings), bool(waived), bool(meant))
    if "anonymous-pull" in target.expect and result.anonymous == "asked":
        state, reasons = "fault", (_ASKED, *reasons)
    return Row(
        target=target, result=result, state=state, causes=reasons if state == "fault" else causes, warnings=warnings,
        meant=tuple(meant), waived=tuple(waived), expired=tuple(expired),
    )  # fmt: skip


_ASKED = Seen(
    cause=EXPECTED, summary="The registry asks for a login, although anyone is meant to pull from it.", hop="registry",
    confidence=0.95, fix="Open the registry for anonymous pulls, or take anonymous-pull out of the inventory",
)  # fmt: skip


def _state(target: Target, result: Result, reasons: bool, warnings: bool, waived: bool, meant: bool) -> State:
    if result.broken:
        return "error"
    if result.verdict == "fault" and reasons:
        return "fault"
    if result.verdict == "fault" and waived:
        return "waived"
    open_as_meant = "anonymous-pull" in target.expect and result.anonymous == "open" and not reasons
    if result.verdict == "healthy" or (result.verdict == "fault" and meant) or open_as_meant:
        return "warning" if warnings else "waived" if waived else "healthy"
    return "inconclusive"


def roll_up(fleet: str, run: Started, rows: Iterable[Row], past: Past, now: float) -> Rollup:
    """The run against those before it."""
    all_rows = tuple(sorted((_compared(row, past, run) for row in rows), key=_order))
    return Rollup(
        fleet=fleet,
        started=run.started,
        finished=now,
        rows=all_rows,
        groups=_groups(all_rows, past),
        warnings=tuple(Counter(w.cause for row in all_rows for w in row.warnings).most_common()),
        runs=(*(r.started for r in past.runs), run.started),
        compared=bool(past.runs),
        counts={state: sum(row.state == state for row in all_rows) for state in STATES},
        gone=_gone(all_rows, past),
    )


def _gone(rows: Iterable[Row], past: Past) -> tuple[str, ...]:
    here, last = {row.target.name for row in rows}, past.runs[-1].id if past.runs else None
    return tuple(sorted(name for name, states in past.states.items() if last in states and name not in here))


def _order(row: Row) -> tuple[int, bool, str]:
    return STATES.index(row.state), not row.new, row.target.name


def _compared(row: Row, past: Past, run: Started) -> Row:
    """The row with what changed since its target was last judged."""
    name, now = row.target.name, row.found
    known = [r for r in past.runs if past.states.get(name, {}).get(r.id) in KNOWN]
    before = past.found.get((known[-1].id, name), frozenset()) if known else frozenset()
    gone = before - now - {w.cause for w in row.waived} - set(row.meant)
    is_well = row.state in ("healthy", "warning", "waived")
    since = min((_since(name, cause, known, past, run.started) for cause in now), default=None)
    bad = [past.states[name][r.id] == "fault" for r in known[-_LOOK_BACK:]]
    bad += [row.state == "fault"] if row.state in KNOWN else []
    flaps = sum(a != b for a, b in pairwise(bad))
    return replace(
        row,
        new=tuple(sorted(now - before)) if past.runs else (),
        still=tuple(sorted(now & before)),
        mended=tuple(sorted(gone)) if is_well else (),
        unclear=() if is_well else tuple(sorted(gone)),
        since=since,
        flapping=flaps >= _FLAPS,
    )


def _since(name: str, cause: str, known: list[Started], past: Past, now: float) -> float:
    """When the unbroken row of runs with that cause began; runs that could not tell do not break it."""
    began = now
    for run in reversed(known):
        if cause not in past.found.get((run.id, name), ()):
            break
        began = run.started
    return began


def _groups(rows: tuple[Row, ...], past: Past) -> tuple[Group, ...]:
    by_cause: dict[str, list[Row]] = {}
    for row in rows:
        for cause in row.found:
            by_cause.setdefault(cause, []).append(row)
    traits = Counter(trait for row in rows for trait in _traits(row))
    made = []
    for cause, members in by_cause.items():
        rule = rules().get(cause)
        owners = Counter(row.target.owner or "nobody" for row in members)
        counts = past.counts.get(cause, {})
        made.append(
            Group(
                cause=cause,
                title=rule.title if rule else _ASKED.summary,
                fix=rule.fix if rule else _ASKED.fix,
                rows=tuple(members),
                shared=tuple(_shared(cause, members, traits, len(rows))),
                owners=tuple(owners.most_common()),
                trend=(*(counts.get(run.id, 0) for run in past.runs), len(members)),
            )
        )
    return tuple(sorted(made, key=lambda g: (-len(g.rows), g.cause)))


def _shared(cause: str, members: list[Row], traits: Counter[tuple[str, str]], total: int) -> Iterable[str]:
    """What nearly all of them have, and few of the others: where to look for the one place to mend."""
    if len(members) < _SHARED:
        return
    lines = Counter(seen.line for row in members for seen in row.causes if seen.cause == cause and seen.line)
    for line, count in lines.most_common(1):
        if count > 1:
            yield f"{count} of {len(members)}: the same line: {line}"
    others = total - len(members)
    for trait, count in Counter(trait for row in members for trait in _traits(row)).most_common():
        if count < 0.9 * len(members):
            break
        elsewhere = traits[trait] - count
        if elsewhere <= 0.5 * others:
            yield f"{count} of {len(members)}: {trait[0]} {trait[1]} ({elsewhere} of {others} others)"


def _traits(row: Row) -> list[tuple[str, str]]:
    told = {**row.result.facts, **row.target.labels, "owner": row.target.owner, "site": row.target.site}
    return sorted((key, value) for key, value in told.items() if value)
