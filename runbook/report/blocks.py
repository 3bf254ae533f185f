"""The parts of the report, one function each; notebooks show the same objects."""

from collections.abc import Iterable

from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import STEPS, Check, Finding, Step
from runbook.report import words
from runbook.report.block import Block, commands, para, part
from runbook.report.catalogue import page
from runbook.report.hops import ROLES, Hop, first_wrong
from runbook.report.hops import hops as way

_STATES = {"ok": "✓ seen to work", "bad": "✗ first wrong here", "unknown": "? not seen"}
STEP_TITLES: dict[Step, str] = {
    "simplify": "1 · Simplify the stack",
    "htpasswd": "2 · Validate htpasswd",
    "headers": "3 · Trace the headers",
    "align": "4 · Align the configuration",
}


def verdict(run: Run) -> Block:
    """The answer in a box: fault, healthy or inconclusive, why, and what it is about."""
    d = run.diagnosis
    _, rests = words.headline(run)
    about = words.about(run)
    if d.verdict == "fault":
        first = d.causes[0]
        lead, sub = first.summary, f"{first.cause} · {rests}"
        sub += f" · first wrong at {wrong}" if (wrong := first_wrong(run)) else ""
    else:
        seen = f" What was seen: {d.symptoms[0].symptom.value}." if d.symptoms else ""
        lead, sub = f"{rests[0].upper()}{rests[1:]}.{seen}", d.next.why if d.next else ""
        if d.verdict == "healthy" and d.warnings:
            sub = f"{len(d.warnings)} {'warning' if len(d.warnings) == 1 else 'warnings'}"
    html = part("verdict", d.verdict, words.VERDICTS[d.verdict], lead, sub, about)
    return Block(html, "\n".join([f"{words.VERDICTS[d.verdict].upper()}: {lead} ({sub})", *([about] if about else [])]))


def next_step(run: Run) -> Block:
    """What to do when it is not clear: one command, and what it tells apart."""
    step = run.diagnosis.next
    if step is None:
        return Block.soft("Nothing is left to ask.")
    apart = f"It tells apart: {', '.join(step.separates)}." if step.separates else ""
    html = para(step.why) + commands((str(step.command),)) + (para(apart, "rb-soft") if apart else "")
    return Block(html, "\n".join([step.why, str(step.command), apart]).strip())


def now(run: Run) -> Block:
    """The one thing to do now, whatever the verdict: prove the fix, decide what is open, or nothing."""
    d = run.diagnosis
    if d.verdict == "inconclusive":
        return next_step(run)
    if d.verdict == "healthy":
        return Block.of("Nothing has to be fixed.")
    checks = d.causes[0].fix.verify_lines
    these = "this check" if len(checks) == 1 else "these checks"
    text = f"Apply the fix, then run {these}; after that, run this case again."
    return Block(para(text) + commands(checks), "\n".join([text, *checks]))


def hops(run: Run) -> Block:
    """The way of a request with the first bad hop marked."""
    stops = [(h, _role(h), _STATES[h.state]) for h in way(run)]
    marks = {"ok": "ok", "bad": "X", "unknown": "?"}
    text = " -> ".join(f"[{marks[h.state]} {h.name}]" for h in way(run))
    return Block(part("hops", stops), text)


def _role(hop: Hop) -> str:
    """What a station is, where its name does not say so."""
    return "" if hop.name == ROLES[hop.kind] else ROLES[hop.kind]


def cause(run: Run) -> Block:
    """The one cause with its evidence and what it is not."""
    if not run.diagnosis.causes:
        return Block.of("No cause stands out.")
    finding = run.diagnosis.causes[0]
    told = _told(finding, run)
    html = part("cause", finding, told, words.RULED_OUT, page(finding.cause))
    lines = [f"{finding.cause}: {finding.summary}", told, *(f"  - {i.what} ({i.where})" for i in finding.evidence)]
    return Block(html, "\n".join(lines))


def _told(finding: Finding, run: Run) -> str:
    """What of the seen a finding explains, and how surely it is true."""
    seen = [symptom.value for symptom in explained(finding, run.diagnosis.seen)]
    what = f"Explains: {'; '.join(seen)}." if seen else "Explains nothing that was seen."
    return f"{what} Certainty: {finding.certainty.words}."


def fix(run: Run) -> Block:
    """What to change, as a diff where a file is to be edited, and the command that proves it."""
    causes, step = run.diagnosis.causes, run.diagnosis.next
    open_yet = Block("")
    if run.diagnosis.verdict == "inconclusive" and step:
        unknown = "What to change is not known yet. The next step tells:"
        open_yet = Block(para(unknown) + commands((str(step.command),)), f"{unknown}\n{step.command}")
        if causes:
            only = f"Should it be {causes[0].cause}:"
            open_yet += Block.of(only)
    if not causes:
        return open_yet if open_yet.text else Block.of("Nothing has to be fixed.")
    todo = causes[0].fix
    html = part("fix", todo, words.proof(todo), [(r.request, r.before, r.after) for r in todo.proof.rows], words.VERIFY)
    text = "\n".join(
        [todo.summary, todo.patch or "", *todo.command_lines, words.proof(todo), "verify:", *todo.verify_lines]
    )
    return open_yet + Block(html, text)


def rivals_of(run: Run) -> tuple[Finding, ...]:
    """Causes that would explain the same."""
    return tuple(f for f in _rest(run) if f.role != "next obstacle")


def obstacles_of(run: Run) -> tuple[Finding, ...]:
    """Causes that stand in the way once the reason is fixed."""
    return tuple(f for f in _rest(run) if f.role == "next obstacle")


def _rest(run: Run) -> tuple[Finding, ...]:
    return run.diagnosis.causes[1 if run.diagnosis.verdict == "fault" else 0 :]


def others(run: Run) -> Block:
    """The candidates that explain less."""
    return _short(run, rivals_of(run), "No other cause explains what was seen.", told=True)


def obstacles(run: Run) -> Block:
    """What comes next on the same way."""
    return _short(run, obstacles_of(run), "Nothing else is in the way.")


def also_seen(run: Run) -> Block:
    """True, but about another registry, site, user or time."""
    return _short(run, run.diagnosis.also_seen, "Nothing about anything else was seen.")


def warnings(run: Run) -> Block:
    """True and worth mending, but not the reason."""
    return _short(run, run.diagnosis.warnings, "Nothing else has to be fixed.")


def _short(run: Run, findings: Iterable[Finding], none: str, *, told: bool = False) -> Block:
    rows = [(f, _told(f, run) if told else "") for f in findings]
    if not rows:
        return Block.soft(none)
    return Block(part("short", rows), "\n".join(f"- {f.cause}: {f.summary}" for f, _ in rows))


def symptoms(run: Run) -> Block:
    """What was suffered from, and where that was seen."""
    seen = run.diagnosis.symptoms
    if not seen:
        return Block.soft("No failure was seen.")
    return Block(part("symptoms", seen), "\n".join(f"- {o.symptom.value}" for o in seen))


def step(run: Run, name: Step) -> Block:
    """The checks of one step: what failed first, the rest folded away."""
    checks = [c for c in run.diagnosis.checks if c.step == name]
    failed = [c for c in checks if c.outcome in ("fail", "error")]
    blamed = {f.cause for f in run.diagnosis.causes}
    rest = [c for c in checks if c not in failed]
    counts = {o: sum(c.outcome == o for c in checks) for o in ("pass", "fail", "skipped", "error")}
    summary = ", ".join(f"{n} {_OUTCOMES[o]}" for o, n in counts.items() if n)
    html = para(summary, "rb-soft") + (_checks(failed, blamed) if failed else "")
    if rest:
        which = f"{'The other' if failed else 'All'} {len(rest)} {'check' if len(rest) == 1 else 'checks'}"
        html += part("folded", which, _checks(rest, blamed))
    text = "\n".join([f"{STEP_TITLES[name]}: {summary}", *(f"  {c.outcome} {c.rule}: {c.reason}" for c in failed)])
    return Block(html, text)


_OUTCOMES = {"pass": "passed", "fail": "found something", "skipped": "skipped", "error": "broke"}


def _checks(checks: Iterable[Check], blamed: set[str]) -> str:
    rows = []
    for c in checks:
        kind = "warn" if c.outcome == "fail" and c.rule not in blamed else c.outcome
        word = "warning" if kind == "warn" else c.outcome
        rows.append((word, kind, c.reason or f"not so: {c.title}", c.rule))
    return part("checks", rows)


def steps(run: Run) -> Block:
    """All four steps."""
    block = Block("")
    for name in STEPS:
        one = step(run, name)
        block += Block(part("titled", STEP_TITLES[name], one), one.text)
    return block


def folklore(run: Run) -> Block:
    """Beliefs that would tempt here, and what is true."""
    beliefs = run.diagnosis.folklore
    if not beliefs:
        return Block.soft("Nothing here tempts to folklore.")
    return Block(part("folklore", beliefs), "\n".join(f"- “{b.claim}” {b.truth}" for b in beliefs))


def contradictions(run: Run) -> Block:
    """Where files say one thing and the wire another."""
    rows = run.diagnosis.contradictions
    text = "\n".join(f"- {i.what} ({i.where})" for i in rows)
    return Block(part("items", rows), text) if rows else Block.soft("Files and wire agree.")


def odd_names(run: Run) -> Block:
    """Names from outside that no command has, and what stands for them."""
    rows = run.diagnosis.odd_names
    return Block(part("items", rows), "\n".join(f"- {i.what} ({i.where})" for i in rows))


def not_read(run: Run) -> Block:
    """Files that were not read or not understood, with the reason."""
    rows = run.diagnosis.not_read
    return Block(part("bullets", rows), "\n".join(f"- {row}" for row in rows))


def not_tested(run: Run) -> Block:
    """What this verdict does not know."""
    gaps = words.untested(run.diagnosis)
    return (
        Block(part("bullets", gaps), "\n".join(f"- {g}" for g in gaps)) if gaps else Block.of("Nothing was left out.")
    )
