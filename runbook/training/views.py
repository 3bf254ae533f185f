"""What a learner sees of a round: blocks with a plain-text twin, readable without JavaScript."""

from runbook.lab.plan import Plan
from runbook.model import PROBE_USER
from runbook.redact import visible
from runbook.report.block import Block, para, part, table
from runbook.rules import load as rules
from runbook.training.catalogue import CATALOGUE, pool
from runbook.training.difficulty import statistics
from runbook.training.docker import takes_part
from runbook.training.draw import FINAL, HEALTHY, Round, draw
from runbook.training.judge import HINT_COST, Answer, Verdict
from runbook.training.seen import Observation
from runbook.training.wishes import Answer as Response

_SIGNS = {"still missing": "○", "keep going": "✗", "almost": "!", "correct": "✓"}


def said(text: str) -> Block:
    """One sentence."""
    return Block(part("status", text), text)


def story(complaint: str, plan: Plan, names: list[str], link: str, step: str) -> Block:
    """The complaint and the way in."""
    places = (
        f"registry http://localhost:{plan.registry_port}, page http://localhost:{plan.ui_port}, "
        f"user {plan.user} (a colleague: {plan.colleague})"
    )
    if takes_part(plan):
        places += "; the client's docker push: ask with the path docker"
    task = (
        "There may be one cause, two, or none at all."
        if step == FINAL
        else "There is one cause, or none: then it is healthy."
    )
    known = statistics()
    difficulty = f"{known.of(pool(step))} of the rounds of this step were solved. {known.origin()}"
    rows = [
        ("Complaint", complaint),
        ("Where", places),
        ("Files", ", ".join(names)),
        ("Your task", task),
        ("Round", link),
        ("Difficulty", difficulty),
    ]
    return _terms(rows)


def peek(name: str, seed: int, faults: int | None = None, catalogue: int = CATALOGUE) -> Block:
    """For the trainer: what a seed draws, without starting anything."""
    drawn, known = draw(name, seed, faults, catalogue), statistics().causes
    rows = [
        ("Faults", ", ".join(f"{cause} ({rules()[cause].title})" for cause in drawn.faults) or "none: it is healthy"),
        ("Difficulty", "; ".join(known[c].words() for c in drawn.truth if c in known) or "not measured"),
        ("Decoy", "the images are stored outside every volume" if drawn.decoy else "none"),
        ("List", ", ".join(drawn.choices)),
        ("Users", f"{drawn.plan.user} (complains), {drawn.plan.colleague}"),
        ("Registry", f"{drawn.plan.image}, service {drawn.plan.registry}"),
    ]
    return _terms(rows)


def _terms(rows: list[tuple[str, str]]) -> Block:
    return Block(part("terms", rows), "\n".join(f"{name}: {text}" for name, text in rows))


def transcript(
    answer: Response, port: int, method: str, path: str, login: str, plan: Plan, headers: dict[str, str]
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
    html = part("strong", title) + (para(note) if note else "") + part("pre", text, "", 20_000)
    return Block(html, "\n".join(part for part in (title, note, text) if part))


def seen(observations: list[Observation]) -> Block:
    """All of it as a table."""
    if not observations:
        return said("Nothing was looked at yet.")
    rows = [
        (o.number, o.what, f"{o.predicted} ({'right' if o.came_true else 'not so'})" if o.predicted else "")
        for o in observations
    ]
    text = "\n".join(f"({o.number}) {o.what}" for o in observations)
    return Block(table("What you looked at; cite the numbers", ("No.", "What", "Predicted"), rows), text)


def choices(causes: tuple[str, ...]) -> Block:
    """The list to choose from."""
    titles = {cause: "nothing is broken" if cause == HEALTHY else rules()[cause].title for cause in causes}
    rows = [(part("code", cause), title) for cause, title in titles.items()]
    return Block(
        table("Causes to choose from", ("Cause", "What it is"), rows), "\n".join(f"{c}: {t}" for c, t in titles.items())
    )


def hints(drawn: Round, level: int) -> Block:
    """The questions taken so far; none of them is the answer, and each costs more."""
    from runbook.training.hints import questions

    asked = questions(drawn)[:level]
    texts = [f"Question {n} (cost {HINT_COST[n - 1]} points of method): {text}" for n, text in enumerate(asked, 1)]
    return Block("".join(para(text) for text in texts), "\n".join(texts))


def named(answer: Answer) -> Block:
    """What is named now."""
    texts = [f"{cause}, shown by {_numbers(numbers)}" for cause, numbers in answer.named.items()]
    if answer.rival:
        texts.append(f"not {answer.rival}, by {_numbers(answer.against)}")
    return said(f"Named: {'; '.join(texts)}. check() tells how it is.")


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"({n})" for n in numbers) if numbers else "nothing yet"


def verdict(result: Verdict, answer: Answer, seconds: float) -> Block:
    """The judgement part by part, with its points."""
    head = f"{_SIGNS[result.reply]} {result.reply} · {result.points} of {sum(p.of for p in result.parts)} points"
    cells = [(p.name, f"{_SIGNS[p.reply]} {p.reply}", p.why, f"{p.points} of {p.of}") for p in result.parts]
    cost = f"Hints taken: {answer.hints} of {len(HINT_COST)}. Time: {seconds / 60:.0f} minutes."
    text = "\n".join([head, *(f"{p.name}: {p.reply}, {p.why} ({p.points} of {p.of})" for p in result.parts), cost])
    html = part("strong", head) + table("Part by part", ("Part", "Reply", "Why", "Points"), cells) + para(cost)
    return Block(html, text)
