"""Is it mended, is the cause right, does the evidence tell it from its look-alikes, and by which way?

The evidence that a learner cites is put before the same judge as any incident. If that judge, shown
nothing else, comes to the learner's cause, then the evidence was enough.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.redact import Vault
from runbook.rules import load
from runbook.training.draw import HEALTHY, Round
from runbook.training.record import Observation, Record
from runbook.training.veil import CLEAR, bring_back
from runbook.training.wishes import failing

Reply = Literal["still missing", "almost", "keep going", "correct"]
FIX, DIAGNOSIS, METHOD, TIME = 40, 30, 20, 10
HINT_COST = (3, 5, 8)
"""Points of method that each level of hint costs."""
PAR, LATE = 15 * 60, 45 * 60
"""Seconds: up to the first the time counts whole, from the second on not at all."""
_WRONG = 5
_OPEN_DOORS = {"auth-not-enforced", "proxy-bypasses-auth"}
"""Faults of which an open door is the symptom, not a shortcut."""
_OPEN_HEADERS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")


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
        """The worst of what the round is about: the fix and the diagnosis."""
        order: tuple[Reply, ...] = ("still missing", "keep going", "almost", "correct")
        return min((part.reply for part in self.parts[:2]), key=order.index)


def judge(record: Record, drawn: Round, lab: Lab, plan: Plan) -> Verdict:
    """Judge a round as it stands; `plan` is what runs in the lab now."""
    if record.gave_up:
        names = (("fix", FIX), ("diagnosis", DIAGNOSIS), ("method", METHOD), ("time", TIME))
        return Verdict(tuple(Part(name, "still missing", "given up", 0, of) for name, of in names), ())
    cheats = shortcuts(record, plan)
    fix = _fix(record, drawn, lab, plan, cheats)
    diagnosis = _diagnosis(record, drawn)
    mended = fix.reply == "correct" and diagnosis.reply in ("correct", "almost")
    return Verdict((fix, diagnosis, _method(record, mended), _time(record, mended)), cheats)


def shortcuts(record: Record, plan: Plan) -> tuple[str, ...]:
    """What silences the symptom and must not be done."""
    found = []
    values = {name.removeprefix("REGISTRY_HTTP_HEADERS_"): value for name, value in plan.environment.items()}
    origin, credentials = (values.get(name, "") for name in _OPEN_HEADERS)
    if "*" in origin and "true" in credentials:
        found.append("every origin is allowed together with credentials")
    if any(mode & 0o002 for name, mode in record.modes.items() if "htpasswd" in name):
        found.append("everybody on the machine may write the password file")
    if any(CLEAR.search(text) for text in record.files.values()):
        found.append("a password stands in clear in a file")
    return tuple(found)


def _fix(record: Record, drawn: Round, lab: Lab, plan: Plan, cheats: tuple[str, ...]) -> Part:
    broken = [e for e in failing(lab, plan) if not (drawn.decoy and e.name == "the images")]
    opened = [e for e in broken if e.shortcut and not _OPEN_DOORS & set(drawn.faults)]
    if opened:
        return Part("fix", "keep going", "the door stands open now: that is no fix, it is a shortcut", 0, FIX)
    if cheats:
        return Part("fix", "keep going", f"a forbidden shortcut: {'; '.join(cheats)}", 0, FIX)
    if broken:
        told = broken[0].complaint.format(user=plan.user, colleague=plan.colleague)
        if record.attempts == 0:
            return Part("fix", "still missing", f"still true: {told}", 0, FIX)
        before = len(drawn.faults)
        near = before == 2 and len(record.named) > 0
        return Part("fix", "almost" if near else "keep going", f"still true: {told}", 0, FIX)
    return Part("fix", "correct", "everything works from outside, and the door is shut", FIX, FIX)


def _diagnosis(record: Record, drawn: Round) -> Part:
    truth = drawn.faults or (HEALTHY,)
    if not record.named:
        return Part("diagnosis", "still missing", "no cause is named yet", 0, DIAGNOSIS)
    wrong = [cause for cause in record.named if cause not in truth]
    right = [cause for cause in record.named if cause in truth]
    if wrong and not right:
        family = {load()[c].step for c in truth if c != HEALTHY} & {load()[c].step for c in wrong if c != HEALTHY}
        near = " (you look in the right place)" if family else ""
        return Part("diagnosis", "keep going", f"{_list(wrong)} is not what happens here{near}", 0, DIAGNOSIS)
    each = DIAGNOSIS // len(truth)
    points, open_ends = 0, []
    for cause in right:
        doubt = separates(cause, _cited(record, cause), drawn)
        points += each if not doubt else each * 2 // 3 if record.named[cause] else each // 3
        open_ends += [doubt] if doubt else []
    if len(right) < len(truth):
        open_ends.append("there is something else, too")
    if wrong:
        open_ends.append(f"{_list(wrong)} is not what happens here")
    points = max(0, points - _WRONG * len(wrong))
    if open_ends:
        return Part("diagnosis", "almost", f"{_list(right)} is right; {'; '.join(open_ends)}", points, DIAGNOSIS)
    return Part("diagnosis", "correct", f"{_list(right)}, and your evidence shows it", points, DIAGNOSIS)


def separates(cause: str, cited: list[Observation], drawn: Round) -> str:
    """Why the cited evidence does not tell this cause from others; "" when it does."""
    if not cited:
        return "you cite nothing that shows it"
    with tempfile.TemporaryDirectory(prefix="runbook-cited-") as folder:
        for name, text in _as_files(cited, drawn.plan).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        request = Request(paths=(folder,), user=drawn.plan.user, password=drawn.plan.password)
        diagnosis = diagnose(collect(request, Vault())).diagnosis
    if cause == HEALTHY:
        return "" if diagnosis.verdict == "healthy" else "what you cite does not show that all is well"
    found = [finding.cause for finding in diagnosis.causes]
    if cause in found[: len(drawn.faults)]:
        return ""
    if found:
        return f"what you cite would fit {found[0]} better"
    return "what you cite would be the same with other causes"


def _cited(record: Record, cause: str) -> list[Observation]:
    by_number = {observation.number: observation for observation in record.observations}
    return [by_number[n] for n in record.named[cause] if n in by_number]


def _as_files(cited: list[Observation], plan: Plan) -> Mapping[str, bytes]:
    """The observations as somebody would hand them over."""
    found: dict[str, str] = {}
    for observation in cited:
        name = {"request": "curl.txt", "log": f"{observation.source}.log", "file": observation.source}[observation.kind]
        found[name] = (
            f"{found[name]}\n{observation.text}" if name in found and observation.kind != "file" else observation.text
        )
    return {name: bring_back(text, plan) for name, text in found.items()}


def _method(record: Record, mended: bool) -> Part:
    name, of = "method", METHOD
    if not mended:
        return Part(name, "still missing", "counts when the round is solved", 0, of)
    points, notes = of, []
    if record.hints:
        cost = sum(HINT_COST[: record.hints])
        points -= cost
        notes.append(f"{record.hints} hint{'s' if record.hints > 1 else ''} (−{cost})")
    if record.wrong:
        points -= _WRONG * len(record.wrong)
        notes.append(
            f"{len(record.wrong)} wrong cause{'s' if len(record.wrong) > 1 else ''} named (−{_WRONG * len(record.wrong)})"
        )
    if record.attempts > 2:
        points -= 2 * (record.attempts - 2)
        notes.append(f"{record.attempts} attempts to mend it (−{2 * (record.attempts - 2)})")
    looked = [word for word in record.order if word in ("request", "file", "log")]
    if not looked or (record.order and record.order[0] == "apply"):
        points -= 6
        notes.append("changed before anything was looked at (−6)")
    if not any(o.predicted for o in record.observations):
        points -= 4
        notes.append("nothing was predicted (−4)")
    return Part(
        name,
        "correct" if not notes else "almost",
        "; ".join(notes) or "looked, predicted, changed one thing",
        max(0, points),
        of,
    )


def _time(record: Record, mended: bool) -> Part:
    if not mended:
        return Part("time", "still missing", "counts when the round is solved", 0, TIME)
    share = min(1.0, max(0.0, (LATE - record.seconds) / (LATE - PAR)))
    return Part("time", "correct", f"{record.seconds / 60:.0f} minutes", round(TIME * share), TIME)


def _list(causes: list[str]) -> str:
    return " and ".join(causes)
