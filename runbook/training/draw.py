"""What a seed decides about a round: which faults, how many, and which look-alikes stand in the list."""

import random
from dataclasses import dataclass
from typing import get_args

from runbook.lab import FAULTS, LabError
from runbook.lab.draw import draw as draw_plan
from runbook.lab.plan import Plan
from runbook.model import Step
from runbook.rules import load

FINAL = "final"
HEALTHY = "healthy"
ROUNDS = (*get_args(Step), FINAL)
NOT_HERE = {
    "bcrypt-cost-too-high": "slow is not broken",
    "add-header-without-always": "never the reason for a refused login",
    "storage-outside-volume": "a decoy of other rounds",
    "env-header-name-typo": "the same to a learner as an origin that is not allowed",
}
"""Faults that make no round, and why."""
_SIMPLIFY = (
    "auth-not-enforced",
    "no-v2-route",
    "port-mapping-mismatch",
    "proxy-pass-uri-rewrite",
    "scheme-mismatch-upstream",
    "upstream-is-localhost",
    "upstream-name-not-resolved",
    "upstream-wrong-port",
)
"""What asking the registry alone, and then the same through the UI, tells apart."""
_LIST = 8
"""Causes that a learner chooses from."""


@dataclass(frozen=True, slots=True)
class Round:
    """A drawn round. What is broken stays out of sight."""

    name: str
    seed: int
    plan: Plan
    faults: tuple[str, ...]
    decoy: bool
    """Whether the images are stored outside every volume: true, worth mending, and not the reason."""
    choices: tuple[str, ...]
    """What the learner chooses from, in the order of the alphabet; "healthy" is always among them."""


def rounds(step: str) -> tuple[str, ...]:
    """The faults that a round about that step can hold, of all steps for "final"."""
    if step == "simplify":
        return _SIMPLIFY
    rules = load()
    return tuple(cause for cause in sorted(FAULTS) if step in (FINAL, rules[cause].step) and _in_files(cause))


def draw(name: str, seed: int, faults: int | None = None) -> Round:
    """Draw a round. `faults` (0, 1 or 2) overrules the seed. `LabError` for a name that is none."""
    if name not in ROUNDS:
        raise LabError(f'there is no practice called "{name}"; there are {", ".join(ROUNDS)}')
    if faults not in (None, 0, 1, 2):
        raise LabError("a round has 0, 1 or 2 faults")
    rng = random.Random(f"runbook-training-{name}-{seed}")  # noqa: S311 a lesson that can be repeated
    count = faults if faults is not None else rng.choices((0, 1, 2), (1, 7, 2 if name == FINAL else 0))[0]
    pool = rounds(name)
    chosen = tuple(rng.sample(pool, 1)) if count == 1 else ()
    if count == 2:
        chosen = (rng.choice(rounds("htpasswd")), rng.choice([c for c in rounds("headers") if _only_proxy(c)]))
    plan = draw_plan(seed, None)
    for cause in chosen:
        FAULTS[cause].inject(plan)
    decoy = count > 0 and rng.random() < 0.25
    if decoy:
        FAULTS["storage-outside-volume"].inject(plan)
    others = [cause for cause in rounds(FINAL) if cause not in chosen]
    near = [c for c in others if chosen and load()[c].step == load()[chosen[0]].step]
    decoys = rng.sample(near, min(len(near), 3))
    rest = [cause for cause in others if cause not in decoys]
    decoys += rng.sample(rest, max(0, _LIST - len(decoys) - len(chosen)))
    return Round(name, seed, plan, chosen, decoy, (HEALTHY, *sorted((*chosen, *decoys))))


def _in_files(cause: str) -> bool:
    """Whether the fault lies in files that a learner can edit: the compose project with the UI as proxy."""
    if cause in NOT_HERE:
        return False
    plan = draw_plan(1, 2)
    FAULTS[cause].inject(plan)
    return (
        plan.proxy.software == "ui" and not (plan.handed.keys() - {"ls.txt"}) and not plan.stopped and not plan.locked
    )


def _only_proxy(cause: str) -> bool:
    """Whether the fault lies in what the proxy sends on, and nowhere else, so that another may stand behind it."""
    plan, healthy = draw_plan(1, 2), draw_plan(1, 2)
    FAULTS[cause].inject(plan)
    return bool(plan.proxy.request_headers) and plan.environment == healthy.environment
