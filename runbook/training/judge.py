"""Is it fixed, is the cause right, does the evidence show it and nothing too much, and which look-alike does it rule out?

The evidence that a learner cites is put before the same judge as any incident: if that judge, shown nothing else, comes to
the learner's cause, the evidence is enough; what can be left out without changing that was too much. A look-alike is ruled
out by an observation that would have been another one if it were the cause: the lab is asked.
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.redact import Vault
from runbook.rules import load
from runbook.training import project
from runbook.training.draw import HEALTHY, Round
from runbook.training.seen import Asked, Observation, telling
from runbook.training.wishes import Expectation, failing

Reply = Literal["still missing", "almost", "keep going", "correct"]
FIX, CAUSE, EVIDENCE, RIVAL, METHOD = 30, 20, 20, 15, 15
HINT_COST = (3, 5, 8)
"""Points of method that each hint costs."""
_LUCK = 5
"""Points for a fix whose reason is not known."""
_WRONG = 5
_PADDING = 4
"""Points of evidence that each item costs which changes nothing."""
_CITED = 10
"""More citations than that are a pile, and none of them is looked at."""
_PREDICTED = 2
_OPEN_DOORS = {"auth-not-enforced", "ping-not-challenged", "proxy-bypasses-auth"}
"""Faults of which an open door is the symptom, not a shortcut."""
_OPEN_HEADERS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")
FULL_SET = frozenset(
    Asked(way, login, "/v2/", "GET") for way in ("direct", "ui") for login in ("none", "right", "wrong")
) | {Asked("ui", "right", "/v2/_catalog", "GET")}
"""What shows that nothing is broken: both paths, each without a login, with the right and with a wrong one, and the list."""


@dataclass(slots=True)
class Answer:
    """What a learner has said and done so far; filled by the round, in play and in replay alike."""

    seen: list[Observation] = field(default_factory=list)
    named: dict[str, list[int]] = field(default_factory=dict)
    """Cause → numbers of the observations cited for it, as named last."""
    rival: str = ""
    against: list[int] = field(default_factory=list)
    """The look-alike that is ruled out, and by which observations."""
    wrong: set[str] = field(default_factory=set)
    """Causes that were named and checked although they are none."""
    hints: int = 0
    attempts: int = 0
    """How often changed files were applied."""
    files: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    """Files that everybody may write now and could not at first."""
    gave_up: bool = False

    def cited(self, numbers: Iterable[int]) -> list[Observation]:
        """The observations of those numbers."""
        wanted = set(numbers)
        return [o for o in self.seen if o.number in wanted]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the answer: how it stands, and the points for it."""

    name: str
    reply: Reply
    why: str
    points: int
    of: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer to a round."""

    parts: tuple[Part, ...]
    shortcuts: tuple[str, ...]

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    @property
    def reply(self) -> Reply:
        """The worst of what the round is about: the fix and the cause."""
        order: tuple[Reply, ...] = ("still missing", "keep going", "almost", "correct")
        return min((part.reply for part in self.parts[:2]), key=order.index)


def judge(answer: Answer, drawn: Round, lab: Lab, plan: Plan, broken: Expectation | None) -> Verdict:
    """Judge a round as it stands; `plan` is what runs in the lab now, `broken` what people missed at first."""
    if answer.gave_up:
        names = (("fix", FIX), ("cause", CAUSE), ("evidence", EVIDENCE), ("rival", RIVAL), ("method", METHOD))
        return Verdict(tuple(Part(name, "still missing", "given up", 0, of) for name, of in names), ())
    cheats = shortcuts(answer, drawn, plan)
    cause = _cause(answer, drawn)
    known = cause.reply == "correct"
    fix = _fix(answer, drawn, lab, plan, cheats, known=known)
    right = [c for c in answer.named if c in drawn.truth]
    evidence = _evidence(answer, drawn, right) if right else _later("evidence", EVIDENCE)
    rival = _rival(answer, drawn, broken) if right else _later("rival", RIVAL)
    method = _method(answer) if known and fix.reply == "correct" else _later("method", METHOD)
    return Verdict((fix, cause, evidence, rival, method), cheats)


def _later(name: str, of: int) -> Part:
    what = "the round is solved" if name == "method" else "the cause is right"
    return Part(name, "still missing", f"counts when {what}", 0, of)


def shortcuts(answer: Answer, drawn: Round, plan: Plan) -> tuple[str, ...]:
    """What silences the symptom and must not be done."""
    found = []
    values = {name.removeprefix("REGISTRY_HTTP_HEADERS_"): value for name, value in plan.environment.items()}
    origin, credentials = (values.get(name, "") for name in _OPEN_HEADERS)
    if "*" in origin and "true" in credentials and "cors-wildcard-with-credentials" not in drawn.faults:
        found.append("every origin is allowed together with credentials")
    if any("htpasswd" in name for name in answer.opened):
        found.append("everybody on the machine may write the password file")
    if any(password in text for password in (plan.password, plan.colleague_password) for text in answer.files.values()):
        found.append("a password is in clear in a file")
    return tuple(found)


def _fix(answer: Answer, drawn: Round, lab: Lab, plan: Plan, cheats: tuple[str, ...], *, known: bool) -> Part:
    broken = list(failing(lab, plan, drawn.plan))
    if broken:  # what the drawn stack would not give when it is sound is nobody's wish: a user that it does not have
        never = _unmet(drawn)
        broken = [e for e in broken if e.name not in never]
    opened = [e for e in broken if e.shortcut and not _OPEN_DOORS & set(drawn.faults)]
    if opened:
        return Part("fix", "keep going", "the door is open now: that is no fix, it is a shortcut", 0, FIX)
    if cheats:
        return Part("fix", "keep going", f"a forbidden shortcut: {'; '.join(cheats)}", 0, FIX)
    if broken:
        told = broken[0].complaint.format(user=plan.user, colleague=plan.colleague)
        reply: Reply = "still missing" if answer.attempts == 0 else "keep going"
        return Part("fix", reply, f"still true: {told}", 0, FIX)
    if not known:
        return Part(
            "fix", "almost", "everything works; say why, and the fix counts", _LUCK if answer.attempts else 0, FIX
        )
    if not drawn.faults and answer.attempts:
        return Part("fix", "correct", "everything works, as it did before you changed it", FIX // 2, FIX)
    return Part("fix", "correct", "everything works from outside, and the door is shut", FIX, FIX)


def _unmet(drawn: Round) -> set[str]:
    """What the stack does not give even when every fault is fixed: images kept, where a decoy stores them elsewhere."""
    with Lab(backend="embedded", plan=drawn.fixed()) as lab:
        return {e.name for e in failing(lab, lab.plan)}


def _cause(answer: Answer, drawn: Round) -> Part:
    truth = drawn.truth
    if not answer.named:
        return Part("cause", "still missing", "no cause is named yet", 0, CAUSE)
    wrong = [cause for cause in answer.named if cause not in truth]
    right = [cause for cause in answer.named if cause in truth]
    points = max(0, CAUSE * len(right) // len(truth) - _WRONG * len(answer.wrong | set(wrong)))
    if not right:
        steps = {load()[c].step for c in truth if c != HEALTHY} & {load()[c].step for c in wrong if c != HEALTHY}
        near = " (you look in the right place)" if steps else ""
        return Part("cause", "keep going", f"{_list(wrong)} is not what happens here{near}", 0, CAUSE)
    if not any(answer.named[cause] for cause in right):
        return Part(
            "cause", "almost", f"{_list(right)}: you cite nothing that shows it, so it is a guess", points // 2, CAUSE
        )
    if right == [HEALTHY] and _not_shown(answer.cited(answer.named[HEALTHY])):
        why = "nothing broken is right, and what you cite would be the same with something broken"
        return Part("cause", "almost", why, points // 2, CAUSE)
    open_ends = ["there is something else, too"] if len(right) < len(truth) else []
    open_ends += [f"{_list(wrong)} is not what happens here"] if wrong else []
    if open_ends:
        return Part("cause", "almost", f"{_list(right)} is right; {'; '.join(open_ends)}", points, CAUSE)
    return Part("cause", "correct", f"{_list(right)} is right", points, CAUSE)


def _evidence(answer: Answer, drawn: Round, right: list[str]) -> Part:
    points, said = 0, []
    for cause in right:
        got, why = _shown(cause, answer.cited(answer.named[cause]), drawn)
        points += got // len(drawn.truth)
        said += [why] if why else []
    if said:
        return Part("evidence", "almost" if points else "keep going", "; ".join(said), points, EVIDENCE)
    return Part("evidence", "correct", "it shows the cause, and nothing in it is too much", points, EVIDENCE)


def _shown(cause: str, cited: list[Observation], drawn: Round) -> tuple[int, str]:
    """Points for what is cited for one cause, and what is wrong with it."""
    if not cited:
        return 0, "you cite nothing that shows it"
    if cause == HEALTHY:
        return _shown_healthy(cited)
    if len(cited) > _CITED:
        return 0, f"{len(cited)} citations are a pile: choose those without which the answer would be another"
    if doubt := separates(cause, cited, drawn):
        return EVIDENCE // 4, doubt
    felt = symptoms(cited, drawn)
    points, said = EVIDENCE, []
    if not felt:
        points -= _PADDING
        said.append("no request in it shows what people feel")
    if spare := _spare(cause, cited, felt, drawn):
        points -= _PADDING * len(spare)
        said.append(f"{', '.join(f'({o.number})' for o in spare)} could be left out")
    return max(0, points), "; ".join(said)


def _shown_healthy(cited: list[Observation]) -> tuple[int, str]:
    missing = _not_shown(cited)
    extra = [o for o in cited if o.asked not in FULL_SET]
    points = max(0, EVIDENCE - 3 * len(missing) - _PADDING * len(extra))
    said = [f"not shown: {'; '.join(missing)}"] if missing else []
    said += [f"{', '.join(f'({o.number})' for o in extra)} could be left out"] if extra else []
    return points, "; ".join(said)


def _not_shown(cited: list[Observation]) -> list[str]:
    """What of the full set is missing."""
    asked = {o.asked for o in cited if o.asked and o.before_change}
    return sorted(a.words() for a in FULL_SET - asked)


def _spare(cause: str, cited: list[Observation], felt: list[Observation], drawn: Round) -> list[Observation]:
    """What can be left out, one after the other, while the rest still shows the cause and one symptom."""
    kept, spare = list(cited), []
    for item in reversed(cited):
        rest = [o for o in kept if o is not item]
        last_symptom = item in felt and not [o for o in rest if o in felt]
        if rest and not last_symptom and not separates(cause, rest, drawn):
            kept = rest
            spare.append(item)
    return spare[::-1]


def separates(cause: str, cited: list[Observation], drawn: Round) -> str:
    """Why the cited evidence does not show this cause; "" when it does."""
    with tempfile.TemporaryDirectory(prefix="runbook-cited-") as folder:
        for name, text in _as_files(cited).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        request = Request(paths=(folder,), user=drawn.plan.user, password=drawn.plan.password)
        diagnosis = diagnose(collect(request, Vault())).diagnosis
    found = [finding.cause for finding in diagnosis.causes]
    if cause in found[: len(drawn.faults)]:
        return ""
    if found:
        return f"what you cite would fit {found[0]} better"
    return "what you cite would be the same with other causes"


def symptoms(cited: list[Observation], drawn: Round) -> list[Observation]:
    """The requests among them that a sound stack answers otherwise."""
    asked = [o for o in cited if o.asked]
    if not asked:
        return []
    plan, answers = otherwise(drawn.fixed(), [o.asked for o in asked if o.asked])
    return [o for o in asked if o.asked and telling(o.text, drawn.plan) != telling(answers[o.asked], plan)]


def otherwise(plan: Plan, asked: list[Asked]) -> tuple[Plan, dict[Asked, str]]:
    """What another stack answers to these requests."""
    from runbook.training.practice import send

    with Lab(backend="embedded", plan=plan) as lab:
        return lab.plan, {each: send(each, lab.plan)[0] for each in asked}


def _as_files(cited: list[Observation]) -> Mapping[str, bytes]:
    """The observations as somebody would hand them over."""
    found: dict[str, str] = {}
    for observation in cited:
        name = {"request": "curl.txt", "log": f"{observation.source}.log", "file": observation.source}[observation.kind]
        joined = name in found and observation.kind != "file"
        found[name] = f"{found[name]}\n{observation.text}" if joined else observation.text
    return {name: text.encode("utf-8", "surrogateescape") for name, text in found.items()}


def _rival(answer: Answer, drawn: Round, broken: Expectation | None) -> Part:
    """One look-alike, ruled out by one observation."""
    rival, cited = answer.rival, answer.cited(answer.against)
    if not rival:
        return Part(
            "rival",
            "still missing",
            "no look-alike is ruled out: what else would people complain about in the same way?",
            0,
            RIVAL,
        )
    if rival in drawn.truth:
        return Part("rival", "keep going", f"{rival} is no look-alike", 0, RIVAL)
    if len(cited) != 1:
        return Part(
            "rival", "keep going", "one observation must be cited: the one that would have been another", 0, RIVAL
        )
    if not rules_out(rival, cited[0], drawn):
        return Part("rival", "keep going", f"({cited[0].number}) would be the same if it were {rival}", 0, RIVAL)
    if HEALTHY not in drawn.truth and broken and broken.name not in felt_as(rival, drawn):
        listed = [c for c in drawn.choices if c not in (*drawn.truth, HEALTHY, rival)]
        if any(broken.name in felt_as(c, drawn) for c in listed):
            return Part(
                "rival",
                "almost",
                f"with {rival} nobody would have complained about this; choose one that looks alike",
                RIVAL // 2,
                RIVAL,
            )
    return Part("rival", "correct", f"({cited[0].number}) would have been another if it were {rival}", RIVAL, RIVAL)


def felt_as(rival: str, drawn: Round) -> set[str]:
    """What people would miss first if that were the cause."""
    if rival == HEALTHY:
        return set()
    with Lab(backend="embedded", plan=drawn.instead(rival)) as lab:
        return {e.name for e in failing(lab, lab.plan)}


def rules_out(rival: str, observation: Observation, drawn: Round) -> bool:
    """Whether the observation would have been another if the rival were the cause."""
    if not observation.before_change:
        return False
    if observation.asked:
        plan, answers = otherwise(drawn.instead(rival), [observation.asked])
        return telling(observation.text, drawn.plan) != telling(answers[observation.asked], plan)
    if observation.kind == "file":
        return _file_rules_out(rival, observation, drawn)
    return False


def _file_rules_out(rival: str, observation: Observation, drawn: Round) -> bool:
    """Whether the rival would stand in that file, and does not."""
    plans = drawn.instead(HEALTHY, here=True), drawn.instead(rival, here=True)
    sound, broken = (project.files(plan).get(observation.source, b"") for plan in plans)
    here, before, after = (set(t.splitlines()) for t in (observation.text, _text(sound), _text(broken)))
    return bool((after - before) - here or ((before - after) & here and before != after))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _method(answer: Answer) -> Part:
    points, notes = METHOD, []
    if answer.hints:
        cost = sum(HINT_COST[: answer.hints])
        points -= cost
        notes.append(f"{answer.hints} hint{'s' if answer.hints > 1 else ''} (−{cost})")
    if answer.wrong:
        points -= _WRONG * len(answer.wrong)
        notes.append(
            f"{len(answer.wrong)} wrong cause{'s' if len(answer.wrong) > 1 else ''} checked (−{_WRONG * len(answer.wrong)})"
        )
    if answer.attempts > 2:
        points -= 2 * (answer.attempts - 2)
        notes.append(f"{answer.attempts} attempts to fix it (−{2 * (answer.attempts - 2)})")
    if not any(o.before_change for o in answer.seen):
        points -= 5
        notes.append("changed before anything was looked at (−5)")
    predicted = len([o for o in answer.seen if o.predicted])
    if predicted < _PREDICTED:
        points -= 5
        notes.append(f"{predicted} of at least {_PREDICTED} answers predicted (−5)")
    why = "; ".join(notes) or "looked, predicted, changed one thing"
    return Part("method", "almost" if notes else "correct", why, max(0, points), METHOD)


def _list(causes: list[str]) -> str:
    return " and ".join(causes)
