"""What a learner sees of a round: blocks with a plain-text twin, readable without JavaScript."""

from runbook.lab.plan import Plan
from runbook.model import PROBE_USER
from runbook.redact import visible
from runbook.report.block import Block, esc, para, table
from runbook.rules import load as rules
from runbook.training.draw import HEALTHY, draw
from runbook.training.judge import HINT_COST, Verdict
from runbook.training.record import Observation, Record
from runbook.training.wishes import Answer

_STEPS = {
    "simplify": "step 1, simplify the stack: ask the registry alone, then the same through the UI",
    "htpasswd": "step 2, validate htpasswd: read the file as the registry reads it",
    "headers": "step 3, trace the headers: compare what is sent with what arrives",
    "align": "step 4, align the configuration: compare what one file says with what the other expects",
}
_SIGNS = {"still missing": "○", "keep going": "✗", "almost": "!", "correct": "✓"}


def said(text: str) -> Block:
    """One sentence."""
    return Block(f'<p role="status">{esc(text)}</p>', text)


def story(complaint: str, plan: Plan, names: list[str], *, final: bool) -> Block:
    """The complaint and the way in."""
    places = (
        f"registry http://localhost:{plan.registry_port}, page http://localhost:{plan.ui_port}, "
        f"user {plan.user} (a colleague: {plan.colleague})"
    )
    task = (
        "There may be one cause, two, or none at all." if final else "There is one cause, or none: then it is healthy."
    )
    rows = [("Complaint", complaint), ("Where", places), ("Files", ", ".join(names)), ("Your task", task)]
    html = "".join(f"<dt>{esc(name)}</dt><dd>{esc(text)}</dd>" for name, text in rows)
    return Block(f"<dl>{html}</dl>", "\n".join(f"{name}: {text}" for name, text in rows))


def peek(name: str, seed: int, faults: int | None = None) -> Block:
    """For the trainer: what a seed draws, without starting anything."""
    drawn = draw(name, seed, faults)
    rows = [
        ("Faults", ", ".join(f"{cause} ({rules()[cause].title})" for cause in drawn.faults) or "none: it is healthy"),
        ("Decoy", "the images are stored outside every volume" if drawn.decoy else "none"),
        ("List", ", ".join(drawn.choices)),
        ("Users", f"{drawn.plan.user} (complains), {drawn.plan.colleague}"),
        ("Registry", f"{drawn.plan.image}, service {drawn.plan.registry}"),
    ]
    html = "".join(f"<dt>{esc(title)}</dt><dd>{esc(text)}</dd>" for title, text in rows)
    return Block(f"<dl>{html}</dl>", "\n".join(f"{title}: {text}" for title, text in rows))


def transcript(
    answer: Answer, port: int, method: str, path: str, login: str, plan: Plan, headers: dict[str, str]
) -> str:
    """A request and its answer as `curl -si` shows them."""
    options = "" if method == "GET" else f" -X {method}"
    who = {"right": plan.user, "wrong": f"{PROBE_USER}:wrong-on-purpose", "colleague": plan.colleague}.get(login)
    options += f" -u {who}" if who else ""
    options += "".join(f" -H '{name}: {value}'" for name, value in headers.items())
    head = f"$ curl -si{options} http://localhost:{port}{path}\n"
    if not answer.status:
        return head + f"curl: (7) Failed to connect to localhost port {port}: Connection refused\n"
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{n}: {v}" for n, v in answer.headers)]
    return head + "\n".join(lines) + "\n\n" + answer.body[:4000].decode("utf-8", "replace") + "\n"


def observation(seen: Observation) -> Block:
    """One thing looked at, with its number."""
    title = f"({seen.number}) {seen.what}"
    came = {True: f"You expected {seen.predicted}: so it is.", False: f"You expected {seen.predicted}: it is not so."}
    note = came.get(seen.came_true, "") if seen.came_true is not None else ""
    text = visible(seen.text, 20_000)
    html = (
        f'<p><strong>{esc(title)}</strong></p>{para(note) if note else ""}<pre tabindex="0">{esc(text, 20_000)}</pre>'
    )
    return Block(html, "\n".join(part for part in (title, note, text) if part))


def seen(observations: list[Observation]) -> Block:
    """All of it as a table."""
    if not observations:
        return said("Nothing was looked at yet.")
    rows = [
        (
            str(o.number),
            esc(o.what),
            esc(f"{o.predicted} ({'right' if o.came_true else 'not so'})" if o.predicted else ""),
        )
        for o in observations
    ]
    text = "\n".join(f"({o.number}) {o.what}" for o in observations)
    return Block(table("What you looked at; cite the numbers", ("No.", "What", "Predicted"), rows), text)


def choices(causes: tuple[str, ...]) -> Block:
    """The list to choose from."""
    titles = {cause: "nothing is broken" if cause == HEALTHY else rules()[cause].title for cause in causes}
    rows = [(f"<code>{esc(cause)}</code>", esc(title)) for cause, title in titles.items()]
    return Block(
        table("Causes to choose from", ("Cause", "What it is"), rows), "\n".join(f"{c}: {t}" for c, t in titles.items())
    )


def hints(faults: tuple[str, ...], level: int) -> Block:
    """The hints taken so far; each says more and costs more."""
    texts = []
    for cause in faults or (HEALTHY,):
        known = rules().get(cause)
        each = (
            (_STEPS[known.step], f"think of this: {known.title}", f"the fix is of this kind: {known.fix}")
            if known
            else (_STEPS["simplify"], "a first 401, without a login, is no fault", "there is nothing to mend")
        )
        texts += [f"Hint {n + 1} (cost {HINT_COST[n]} points of method): {each[n]}." for n in range(level)]
    return Block("".join(para(text) for text in texts), "\n".join(texts))


def named(record: Record) -> Block:
    """What is named now."""
    texts = [
        f"{cause}, shown by {', '.join(f'({n})' for n in numbers) if numbers else 'nothing yet'}"
        for cause, numbers in record.named.items()
    ]
    return said(f"Named: {'; '.join(texts)}. check() tells how it stands.")


def verdict(result: Verdict, record: Record) -> Block:
    """The answer part by part, with its points."""
    head = f"{_SIGNS[result.reply]} {result.reply} · {result.points} of {sum(p.of for p in result.parts)} points"
    cells = [
        (esc(p.name), f"{_SIGNS[p.reply]} {esc(p.reply)}", esc(p.why), f"{p.points} of {p.of}") for p in result.parts
    ]
    cost = f"Hints taken: {record.hints} of {len(HINT_COST)}."
    text = "\n".join([head, *(f"{p.name}: {p.reply}, {p.why} ({p.points} of {p.of})" for p in result.parts), cost])
    return Block(
        f"<p><strong>{esc(head)}</strong></p>{table('Part by part', ('Part', 'Reply', 'Why', 'Points'), cells)}{para(cost)}",
        text,
    )


def solution(faults: tuple[str, ...]) -> Block:
    """What it was."""
    if not faults:
        return said("Nothing was broken: a 401 to a request without a login is how every client begins.")
    texts = [f"{cause}: {rules()[cause].title}. Fix: {rules()[cause].fix}." for cause in faults]
    return Block("".join(para(text) for text in texts), "\n".join(texts))
