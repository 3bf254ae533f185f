"""The parts of the report, one function each; notebooks show the same objects."""

from collections.abc import Iterable

from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import STEPS, Check, Finding, Step
from runbook.report import words
from runbook.report.block import Block, commands, diff, esc, items, para, place, table, tag
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
    html = (
        f'<div class="rb-verdict {d.verdict}" role="status"><div class="rb-word"><b>{words.VERDICTS[d.verdict]}</b></div>'
        f'<p class="rb-lead"><b>{esc(lead)}</b></p><p class="rb-sub">{esc(sub)}</p>'
        + (f'<p class="rb-sub">{esc(about)}</p>' if about else "")
        + "</div>"
    )
    return Block(html, "\n".join([f"{words.VERDICTS[d.verdict].upper()}: {lead} ({sub})", *([about] if about else [])]))


def next_step(run: Run) -> Block:
    """What to do when it is not clear: one command, and what it tells apart."""
    step = run.diagnosis.next
    if step is None:
        return Block(para("Nothing is left to ask.", "rb-soft"), "Nothing is left to ask.")
    apart = f"It tells apart: {', '.join(step.separates)}." if step.separates else ""
    html = para(step.why) + commands((str(step.command),)) + (para(apart, "rb-soft") if apart else "")
    return Block(html, "\n".join([step.why, str(step.command), apart]).strip())


def now(run: Run) -> Block:
    """The one thing to do now, whatever the verdict: prove the fix, decide what is open, or nothing."""
    d = run.diagnosis
    if d.verdict == "inconclusive":
        return next_step(run)
    if d.verdict == "healthy":
        text = "Nothing has to be fixed."
        return Block(para(text), text)
    checks = d.causes[0].fix.verify_lines
    these = "this check" if len(checks) == 1 else "these checks"
    text = f"Apply the fix, then run {these}; after that, run this case again."
    return Block(para(text) + commands(checks), "\n".join([text, *checks]))


def hops(run: Run) -> Block:
    """The way of a request with the first bad hop marked."""
    stops = "".join(
        f'<li><div class="rb-stop {h.state}"><b>{esc(h.name, 60)}{_role(h)}</b> <span>{_STATES[h.state]}</span></div></li>'
        for h in way(run)
    )
    marks = {"ok": "ok", "bad": "X", "unknown": "?"}
    text = " -> ".join(f"[{marks[h.state]} {h.name}]" for h in way(run))
    return Block(f'<ol class="rb-way" aria-label="the way of a request">{stops}</ol>', text)


def _role(hop: Hop) -> str:
    """What a station is, where its name does not say so."""
    return "" if hop.name == ROLES[hop.kind] else f" <small>· {ROLES[hop.kind]}</small>"


def cause(run: Run) -> Block:
    """The one cause with its evidence and what it is not."""
    if not run.diagnosis.causes:
        return Block(para("No cause stands out."), "No cause stands out.")
    finding = run.diagnosis.causes[0]
    told = _told(finding, run)
    html = f"<p>{tag(finding.cause, 'fail')} {esc(finding.summary)}</p>{para(told, 'rb-soft')}"
    if finding.evidence:
        html += f"<h3>Evidence</h3>{items(finding.evidence)}"
    if finding.refuted:
        rows = "".join(f"<li><code>{esc(r.cause)}</code>: {esc(r.because)}</li>" for r in finding.refuted)
        html += f"<h3>{words.RULED_OUT}</h3><ul>{rows}</ul>"
    if address := page(finding.cause):
        html += f'<p><a href="{esc(address)}">More about this cause</a></p>'
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
            open_yet += Block(para(only), only)
    if not causes:
        return open_yet if open_yet.text else Block(para("Nothing has to be fixed."), "Nothing has to be fixed.")
    todo = causes[0].fix
    html = para(todo.summary)
    html += diff(todo.patch) if todo.patch else ""
    html += commands(todo.command_lines) + (para(todo.applies) if todo.applies else "")
    html += para(words.proof(todo)) if words.proof(todo) else ""
    if rows := [(esc(r.request), esc(r.before), esc(r.after)) for r in todo.proof.rows]:
        html += table("In a copy of the stack", ("request", "before", "after"), rows)
    if todo.verify:
        html += f"<h3>{words.VERIFY}</h3>{commands(todo.verify_lines)}"
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
    rows = list(findings)
    if not rows:
        return Block(para(none, "rb-soft"), none)
    html = ""
    for f in rows:
        inner = para(_told(f, run), "rb-soft") if told else ""
        inner += items(f.evidence) + para(f"Fix: {f.fix.summary}") + (diff(f.fix.patch) if f.fix.patch else "")
        inner += commands(f.fix.command_lines)
        html += f"<li>{esc(f.summary)} {tag(f.cause, 'warn')}<details><summary>evidence and fix</summary>{inner}</details></li>"
    return Block(f"<ul>{html}</ul>", "\n".join(f"- {f.cause}: {f.summary}" for f in rows))


def symptoms(run: Run) -> Block:
    """What was suffered from, and where that was seen."""
    seen = run.diagnosis.symptoms
    if not seen:
        return Block(para("No failure was seen.", "rb-soft"), "No failure was seen.")
    html = "".join(f"<li>{esc(o.symptom.value)}{items(o.evidence)}</li>" for o in seen)
    return Block(f"<ul>{html}</ul>", "\n".join(f"- {o.symptom.value}" for o in seen))


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
        html += f"<details><summary>{which}</summary>{_checks(rest, blamed)}</details>"
    text = "\n".join([f"{STEP_TITLES[name]}: {summary}", *(f"  {c.outcome} {c.rule}: {c.reason}" for c in failed)])
    return Block(html, text)


_OUTCOMES = {"pass": "passed", "fail": "found something", "skipped": "skipped", "error": "broke"}


def _checks(checks: Iterable[Check], blamed: set[str]) -> str:
    rows = ""
    for c in checks:
        kind = "warn" if c.outcome == "fail" and c.rule not in blamed else c.outcome
        word = "warning" if kind == "warn" else c.outcome
        what = esc(c.reason or f"not so: {c.title}")
        rows += f"<li>{tag(word, kind)}<div>{what}<br><code>{esc(c.rule)}</code></div></li>"
    return f'<ul class="rb-checks">{rows}</ul>'


def steps(run: Run) -> Block:
    """All four steps."""
    block = Block("")
    for name in STEPS:
        one = step(run, name)
        block += Block(f"<h3>{esc(STEP_TITLES[name])}</h3>{one.html}", one.text)
    return block


def folklore(run: Run) -> Block:
    """Beliefs that would tempt here, and what is true."""
    beliefs = run.diagnosis.folklore
    if not beliefs:
        return Block(para("Nothing here tempts to folklore.", "rb-soft"), "Nothing here tempts to folklore.")
    html = "".join(
        f"<li><b>“{esc(b.claim)}”</b><br>{esc(b.truth)}"
        + (f'<br><span class="rb-soft">Shown by: {esc(b.shown)}</span>' if b.shown else "")
        + f"{place(b.where)}</li>"
        for b in beliefs
    )
    return Block(f"<ul>{html}</ul>", "\n".join(f"- “{b.claim}” {b.truth}" for b in beliefs))


def contradictions(run: Run) -> Block:
    """Where files say one thing and the wire another."""
    rows = run.diagnosis.contradictions
    text = "\n".join(f"- {i.what} ({i.where})" for i in rows)
    return Block(items(rows) or para("Files and wire agree.", "rb-soft"), text or "Files and wire agree.")


def odd_names(run: Run) -> Block:
    """Names from outside that no command has, and what stands for them."""
    rows = run.diagnosis.odd_names
    return Block(items(rows), "\n".join(f"- {i.what} ({i.where})" for i in rows))


def not_read(run: Run) -> Block:
    """Files that were not read or not understood, with the reason."""
    rows = run.diagnosis.not_read
    html = "".join(f"<li>{esc(row)}</li>" for row in rows)
    return Block(f"<ul>{html}</ul>" if html else "", "\n".join(f"- {row}" for row in rows))


def not_tested(run: Run) -> Block:
    """What this verdict does not know."""
    gaps = words.untested(run.diagnosis)
    html = "".join(f"<li>{esc(gap)}</li>" for gap in gaps)
    return Block(f"<ul>{html}</ul>" if html else para("Nothing was left out."), "\n".join(f"- {g}" for g in gaps))
