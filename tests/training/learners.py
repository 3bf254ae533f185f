"""Simulated learners: what each kind does in a round, from the outside, as a person at the keyboard could."""

import contextlib
import copy
import random
import tempfile
from pathlib import Path

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import FAULTS
from runbook.lab.draw import draw as draw_plan
from runbook.redact import Vault
from runbook.training import Practice, judge, project
from runbook.training.catalogue import CATALOGUE, POOLS
from runbook.training.draw import HEALTHY
from runbook.training.hints import probes
from runbook.training.seen import telling


def ask_all(lesson: Practice, *, predict: bool) -> None:
    """Every request that tells stacks apart; who predicts deletes only where somebody complains of deleting."""
    for asked in probes(lesson._drawn):
        if asked.method == "DELETE" and predict and "delete" not in lesson._complaint:
            continue
        usual = (
            "401"
            if asked.login != "right"
            else "202"
            if asked.method == "POST"
            else "201"
            if asked.method == "PUT"
            else "200"
        )
        lesson.ask(asked.way, asked.login, asked.path, asked.method, expect=usual if predict else "")


def read_all(lesson: Practice) -> None:
    """Every file and log."""
    for name in lesson.names():
        lesson.look(name)
    lesson.logs("registry")
    lesson.logs("ui")


def put_files(lesson: Practice, plan) -> None:
    """Write the project of that stack, and apply it."""
    wanted = project.files(plan)
    for path in sorted(lesson.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    project.write(plan, lesson.folder)
    assert set(wanted) <= {str(p.relative_to(lesson.folder)) for p in lesson.folder.rglob("*")}
    lesson.apply()


def fix(lesson: Practice) -> None:
    """The fix that the rule of each cause names."""
    plan = copy.deepcopy(lesson._drawn.plan)
    for cause in reversed(lesson._drawn.faults):
        FAULTS[cause].solve(plan)
    plan.registry_port, plan.ui_port, plan.inner_port = (
        lesson._plan.registry_port,
        lesson._plan.ui_port,
        lesson._plan.inner_port,
    )
    put_files(lesson, plan)


def no_skill(lesson: Practice, rng: random.Random) -> None:
    """Pastes a sound project over whatever is there, makes both entries again, names by lot, cites everything."""
    ask_all(lesson, predict=False)
    read_all(lesson)
    plan = draw_plan(lesson._log.seed, None)
    plan.registry_port, plan.ui_port, plan.inner_port = (
        lesson._plan.registry_port,
        lesson._plan.ui_port,
        lesson._plan.inner_port,
    )
    put_files(lesson, plan)
    for user in lesson.users():
        lesson.run(f"htpasswd -B auth/htpasswd {user}")
    lesson.apply()
    everything = [o.number for o in lesson.observations()]
    lesson.name(rng.choice(lesson.causes()), everything)
    lesson.rule_out(rng.choice(lesson.causes()), everything)
    lesson.check()


def told(lesson: Practice, seen: list) -> str:
    """The first cause that the tool names when it is handed these observations."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in judge._as_files(seen).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        request = Request(paths=(folder,), user=lesson._plan.user, password=lesson._plan.password)
        found = diagnose(collect(request, Vault())).diagnosis.causes
    return found[0].cause if found else HEALTHY


def paste(lesson: Practice) -> None:
    """Clicks everything, hands all of it to the tool, names its answer, cites everything, applies the fix that it prints."""
    ask_all(lesson, predict=False)
    read_all(lesson)
    everything = [o.number for o in lesson.observations()]
    cause = told(lesson, list(lesson.observations()))
    if cause in lesson.causes():
        lesson.name(cause, everything)
    rival = next((c for c in lesson.causes() if c not in (cause, HEALTHY)), "")
    lesson.rule_out(rival, everything)
    fix(lesson)
    lesson.check()


def fix_as(lesson: Practice, cause: str) -> None:
    """The fix of the cause that one believes in, whether it is that or not."""
    if cause == HEALTHY:
        return
    plan = copy.deepcopy(lesson._plan)
    with contextlib.suppress(Exception):  # what is not broken cannot always be mended: then nothing is changed
        FAULTS[cause].solve(plan)
        put_files(lesson, plan)


def on_the_wire(lesson: Practice, rng: random.Random) -> None:
    """Knows what each cause of the list answers, asks, and opens no file: where several fit, one of them by lot."""
    ask_all(lesson, predict=True)
    asked = {o.asked: telling(o.text, lesson._plan) for o in lesson.observations()}
    fits, apart = [], {}
    for cause in lesson.causes():
        plan, texts = judge.otherwise(lesson._drawn.instead(cause), list(asked))
        other = [o.number for o in lesson.observations() if telling(texts[o.asked], plan) != asked[o.asked]]
        apart[cause] = other
        fits += [] if other else [cause]
    cause = rng.choice(fits or list(lesson.causes()))
    lesson.name(cause, apart[HEALTHY][:1] or [o.number for o in lesson.observations() if o.asked in judge.FULL_SET])
    rival = next((c for c in lesson.causes() if apart[c] and c != HEALTHY), "")
    lesson.rule_out(rival, apart.get(rival, [])[:1])
    fix_as(lesson, cause)
    lesson.check()


def reader(lesson: Practice, what: str) -> None:
    """Asks the two requests that open the rest, reads only the files or only the logs, and names what the tool says to them."""
    for way in ("direct", "ui"):
        lesson.ask(way, "right", expect="200")
    if what == "files":
        for name in lesson.names():
            lesson.look(name)
    else:
        lesson.logs("registry")
        lesson.logs("ui")
    seen = list(lesson.observations())
    cause = told(lesson, seen)
    if cause in lesson.causes():
        lesson.name(cause, [o.number for o in seen])
    fix_as(lesson, cause)
    lesson.check()


def careful(lesson: Practice) -> None:
    """Predicts, asks, reads; cites one symptom and what shows the cause; rules out a look-alike; changes one thing."""
    ask_all(lesson, predict=True)
    drawn, seen = lesson._drawn, None
    if drawn.faults:
        read_all(lesson)
    seen = list(lesson.observations())
    felt = judge.symptoms(seen, drawn)
    for cause in drawn.truth:
        if cause == HEALTHY:
            lesson.name(cause, [o.number for o in seen if o.asked in judge.FULL_SET])
            continue
        lesson.name(cause, smallest(cause, seen, felt, drawn))
    rival, number = look_alike(lesson, seen)
    lesson.rule_out(rival, number)
    if drawn.faults:
        fix(lesson)
    lesson.check()


def smallest(cause: str, seen: list, felt: list, drawn) -> list[int]:
    """What shows the cause, and nothing else; files and requests before logs."""
    order = sorted(seen, key=lambda o: ({"log": 0, "request": 1, "file": 2}[o.kind], o not in felt, -o.number))
    usual = [o for o in order if o.asked is None or o.asked.method not in ("DELETE", "OPTIONS")]
    # Where the page calls the registry itself, nobody asks the page's server for /v2/.
    direct = [o for o in usual if o.asked is None or o.asked.way == "direct"]
    order = next((some for some in (order, usual, direct) if not judge.separates(cause, some, drawn)), order)
    kept, before = list(order), []
    while kept != before:  # what was needed beside one thing may be spare beside another
        before = kept
        for item in before:
            rest = [o for o in kept if o is not item]
            last = item in felt and not [o for o in rest if o in felt]
            if rest and not last and not judge.separates(cause, rest, drawn):
                kept = rest
    return [o.number for o in kept]


def look_alike(lesson: Practice, seen: list) -> tuple[str, int]:
    """A cause of the list that people would feel in the same way, and the observation that rules it out."""
    drawn, broken = lesson._drawn, lesson._broken
    others = [c for c in lesson.causes() if c not in (*drawn.truth, HEALTHY)]
    alike = [c for c in others if broken and broken.name in judge.felt_as(c, drawn)]
    asked = list({o.asked: None for o in seen if o.asked})
    for rival in [*alike, *(c for c in others if c not in alike)]:
        plan, answers = judge.otherwise(drawn.instead(rival), asked)
        for o in seen:
            if o.asked and telling(o.text, drawn.plan) != telling(answers[o.asked], plan):
                return rival, o.number
            if o.kind == "file" and judge.rules_out(rival, o, drawn):
                return rival, o.number
    return "", 0


def solves(cause: str, proxy: str = "") -> None:
    """A careful learner feels the fault and solves the round with it."""
    step = next((s for s, causes in POOLS[CATALOGUE].items() if cause in causes), "simplify")
    lesson = Practice(step, len(cause), only=cause, proxy=proxy)
    assert "asks whether something" not in lesson._complaint, "nobody would notice this fault"
    careful(lesson)
    verdict = lesson.verdict()
    lesson.close()
    assert verdict.reply == "correct", verdict
    assert verdict.points >= 90, verdict
