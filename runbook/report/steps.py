"""What each of the four steps showed: one state, one sentence, and a row of bricks to see them all at once."""

from dataclasses import dataclass
from typing import Literal

from runbook.judge import Run
from runbook.judge.rank import explained
from runbook.model import STEPS, Step, Symptom
from runbook.report.block import Block, part
from runbook.report.blocks import STEP_TITLES

State = Literal["not run", "ok", "warning", "failed", "skipped"]
ICONS: dict[State, str] = {"not run": "○", "ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}

_SHOWS: dict[Step, str] = {
    "simplify": "whether the fault is in the registry itself or on the path to it",
    "htpasswd": "whether the registry can accept this login at all",
    "headers": "what each hop makes of the login",
    "align": "whether names, ports, mounts, realm and origins fit together",
}
_WHERE: tuple[tuple[Symptom, str], ...] = (
    (Symptom.NOT_STARTED, "The registry does not start, so nothing else can be judged yet. Its log says why."),
    (Symptom.UNREACHABLE, "Nothing answers at the registry's address: this is no question of logins yet."),
    (Symptom.LOGIN_401_DIRECT, "The registry itself refuses the login, so no proxy is to blame."),
    (Symptom.LOGIN_401_VIA, "The login is refused through the proxy, and how the registry itself answers it was not seen."),
    (Symptom.LOGIN_400, "The registry answers 400 to a login: it cannot use its htpasswd file."),
    (Symptom.BAD_GATEWAY, "The proxy cannot reach the registry (502)."),
    (Symptom.OPEN_DIRECT, "The registry answers without a login: it is open to everybody."),
    (Symptom.OPEN_VIA, "The proxy lets everybody in although the registry wants a login."),
)  # fmt: skip
_ON_THE_WAY = (
    "The registry itself accepts the login, and it is refused through the proxy: the fault is between the two."
)

NEEDS: dict[Step, str] = {
    "simplify": "a curl -v transcript or the registry's address",
    "htpasswd": "the htpasswd file",
    "headers": "the same request direct and through the proxy, or the proxy's configuration",
    "align": "the compose file or the registry's config.yml",
}
"""What a step has to be given before it can look."""


def looked_at(run: Run, name: Step) -> bool:
    """Whether there was anything for that step to look at."""
    evidence, traffic = run.evidence, run.traffic
    return {
        "simplify": any(e.status is not None for e in traffic.exchanges),
        "htpasswd": bool(evidence.htpasswd or evidence.checks),
        "headers": bool(run.stack.routes or any(e.route == "via" and e.status for e in traffic.exchanges)),
        "align": bool(evidence.compose or evidence.registry_files),
    }[name]


@dataclass(frozen=True, slots=True)
class Brick:
    """One step: its state and the sentence that says why."""

    step: Step
    title: str
    state: State
    reason: str

    @property
    def label(self) -> str:
        """The brick in one line: the sign and the word say the state, so no colour is needed."""
        return f"{ICONS[self.state]} {self.title}: {self.state}"


def bricks(run: Run | None) -> tuple[Brick, ...]:
    """The four steps; all "not run" without a run."""
    return tuple(_brick(run, name) for name in STEPS)


def brick_row(run: Run | None) -> Block:
    """The four steps as a picture."""
    row = bricks(run)
    return Block(part("bricks", row, ICONS), "\n".join(b.label for b in row))


def conclusion(run: Run, name: Step) -> str:
    """What a step showed, in one or two sentences."""
    return f"This step shows {_SHOWS[name]}. {_brick(run, name).reason}"


def _brick(run: Run | None, name: Step) -> Brick:
    if run is None:
        return Brick(name, STEP_TITLES[name], "not run", "It has not been run.")
    return Brick(name, STEP_TITLES[name], *_judged(run, name))


def _judged(run: Run, name: Step) -> tuple[State, str]:
    checks = [c for c in run.diagnosis.checks if c.step == name]
    failed = [c for c in checks if c.outcome == "fail"]
    rules = [f.cause for f in run.diagnosis.causes]
    if found := sorted((c for c in failed if c.rule in rules), key=lambda c: rules.index(c.rule)):
        return "failed", f"It found the fault: {found[0].reason}"
    if broken := [c for c in checks if c.outcome == "error"]:
        return "failed", f"One of its checks broke, which is a fault of this program: {broken[0].reason}"
    if checks and all(c.outcome == "skipped" for c in checks):
        return "skipped", f"It could not look: {checks[0].reason}"
    if not failed and not looked_at(run, name):
        judged = sum(c.outcome == "pass" for c in checks)
        few = f"Only {judged} of its {len(checks)} checks had something to judge" if judged else "It could not look"
        return "skipped", f"{few}: it needs {NEEDS[name]}."
    where = _where(run) if name == "simplify" else ""
    if failed:
        here = "The reason is not here" if rules else "Nothing fails because of it"
        return "warning", where or f"{here}, but this should be fixed: {failed[0].reason}"
    return "ok", where or "It found nothing wrong."


def _where(run: Run) -> str:
    """Where the fault is, as far as what was seen tells it: of a fault, only by what its cause explains."""
    d = run.diagnosis
    seen = tuple(o.symptom for o in d.symptoms)
    told = explained(d.causes[0], seen) if d.verdict == "fault" else seen
    symptom, text = next(((s, t) for s, t in _WHERE if s in told), (None, ""))
    accepted = run.traffic.works("direct") is not None
    if symptom is Symptom.LOGIN_401_VIA and accepted:
        return _ON_THE_WAY
    return "" if symptom is Symptom.LOGIN_401_DIRECT and accepted else text
