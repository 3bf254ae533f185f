"""What a seed decides about a round: which faults, how many, and which look-alikes stand in the list."""

import random
from dataclasses import dataclass
from typing import get_args

from runbook.lab import FAULTS, LabError
from runbook.lab.draw import draw as draw_plan
from runbook.lab.faults.client import log_in
from runbook.lab.frontends import put_in_front
from runbook.lab.plan import Plan, Software
from runbook.lazy import re
from runbook.model import Step
from runbook.rules import load
from runbook.training.catalogue import ALSO_BEHIND_NGINX, BEHIND, CATALOGUE, DOCKER, KUBERNETES, POOLS, TWO, pool

FINAL = "final"
HEALTHY = "healthy"
ROUNDS = (*get_args(Step), FINAL)
NOT_HERE = {
    "bcrypt-cost-too-high": "slow is not broken",
    "add-header-without-always": "never the reason for a refused login",
    "client-max-body-size": "the requests of a round have no bodies",
    "cors-duplicate-headers": "nobody notices it while the page is on one origin",
    "user-agent-filter": "the requests of a round come from one program",
    "storage-outside-volume": "a decoy of other rounds",
    "htpasswd-unreadable": "its cure is a file's mode, and a hand-in keeps texts",
    **dict.fromkeys(
        (
            "base64-trailing-newline",
            "credential-helper-broken",
            "credentials-under-other-host",
            "stale-stored-credentials",
        ),
        "it lies in a client's own files: its rounds are those with a docker client (proxy `docker`)",
    ),
}
"""Faults that make no round, and why."""
_LIST = 8
"""Causes that a learner chooses from."""
_LINK = re.compile(r"([a-z]{1,20})\.(\d{1,12})\.(\d{1,4})(?:\.([a-z]{1,20}))?")


@dataclass(frozen=True, slots=True)
class Round:
    """A drawn round. What is broken stays out of sight."""

    name: str
    seed: int
    plan: Plan
    faults: tuple[str, ...]
    decoy: bool
    """Whether the images are stored outside every volume: true, worth fixing, and not the reason."""
    choices: tuple[str, ...]
    """What the learner chooses from, in the order of the alphabet; "healthy" is always among them."""
    catalogue: int
    front: Software = "ui"
    """What stands in front of the registry before anything is broken."""
    proxy: str = ""
    """The same, where somebody asked for it; "" where the seed decided."""

    @property
    def truth(self) -> tuple[str, ...]:
        """What is to be named."""
        return self.faults or (HEALTHY,)

    @property
    def link(self) -> str:
        """The round as a word to share."""
        return link(self.name, self.seed, self.catalogue, self.proxy)

    def broken(self, *, here: bool = False) -> Plan:
        """The stack once more; `here`: on the ports of this round, for its texts, else on free ones, to run it."""
        plan = self._sound(here, self.front)
        for cause in (*self.faults, *(["storage-outside-volume"] if self.decoy else [])):
            FAULTS[cause].inject(plan)
        return plan

    def fixed(self, *, here: bool = False) -> Plan:
        """The stack as it should be: every fault fixed as its rule says, every wish of the drawn one kept."""
        plan = self.broken(here=here)
        for cause in reversed(self.faults):
            FAULTS[cause].solve(plan)
        return plan

    def instead(self, cause: str, *, here: bool = False) -> Plan:
        """The stack as it would be if another cause were the fault."""
        fits = cause == HEALTHY or cause in ALSO_BEHIND_NGINX[self.catalogue] or bool(self.proxy)
        plan = self._sound(here, self.front if fits else "ui")
        if cause != HEALTHY:
            FAULTS[cause].inject(plan)
        return plan

    def _sound(self, here: bool, front: Software) -> Plan:
        plan = _sound(self.seed, front)
        if here:
            plan.registry_port, plan.ui_port = self.plan.registry_port, self.plan.ui_port
        return _placed(plan, self.proxy)


def link(name: str, seed: int, catalogue: int = CATALOGUE, proxy: str = "") -> str:
    """A round as a word to share: step, seed and catalogue, and the proxy that somebody asked for."""
    return ".".join([name, str(seed), str(catalogue), *([proxy] if proxy else [])])


def parse_link(text: str) -> tuple[str, int, int, str]:
    """Step, seed, catalogue and proxy of a shared round. `LabError` with a sentence for what is none."""
    match = _LINK.fullmatch(text.strip())
    if not match or match[1] not in ROUNDS:
        raise LabError(f'"{text[:40]}" is no round; one looks like headers.17.{CATALOGUE}')
    return match[1], int(match[2]), int(match[3]), match[4] or ""


def draw(
    name: str, seed: int, faults: int | None = None, catalogue: int = CATALOGUE, only: str = "", proxy: str = ""
) -> Round:
    """Draw a round. `faults` (0, 1 or 2), `only` (one cause) and `proxy` overrule the seed. `LabError` for a name that is none."""
    if name not in ROUNDS:
        raise LabError(f'there is no practice called "{name}"; there are {", ".join(ROUNDS)}')
    if faults not in (None, 0, 1, 2):
        raise LabError("a round has 0, 1 or 2 faults")
    if catalogue not in POOLS:
        raise LabError(
            f"the round was drawn from catalogue {catalogue}; this version of runbook knows up to {CATALOGUE}"
        )
    if proxy and proxy not in BEHIND[catalogue]:
        raise LabError(f'no round has "{proxy}" in front; there are {", ".join(BEHIND[catalogue])}')
    if only and only not in pool(FINAL, catalogue, proxy):
        raise LabError(f'catalogue {catalogue} has no round about "{only}"{f" behind {proxy}" if proxy else ""}')
    rng = random.Random(f"runbook-training-{name}-{seed}")  # noqa: S311 a lesson that can be repeated
    chosen = _chosen(rng, name, faults, catalogue, proxy)
    chosen = (only,) if only else chosen
    behind = set(chosen) <= set(ALSO_BEHIND_NGINX[catalogue])
    front: Software = "nginx" if rng.random() < 1 / 3 and behind else "ui"
    front = "ui" if proxy == KUBERNETES else next((known for known in get_args(Software) if known == proxy), front)
    plan = _placed(_sound(seed, front), proxy)
    for cause in chosen:
        FAULTS[cause].inject(plan)
    decoy = bool(chosen) and rng.random() < 0.25
    if decoy:
        FAULTS["storage-outside-volume"].inject(plan)
    return Round(name, seed, plan, chosen, decoy, _choices(chosen, catalogue, rng, proxy), catalogue, front, proxy)


def _sound(seed: int, front: Software) -> Plan:
    plan = draw_plan(seed, None)
    if front != "ui":
        put_in_front(plan, front)
    return plan


def _placed(plan: Plan, proxy: str) -> Plan:
    if proxy == DOCKER:
        log_in(plan)
    if proxy == KUBERNETES:
        plan.platform = "kubernetes"
    return plan


def _chosen(rng: random.Random, name: str, faults: int | None, catalogue: int, proxy: str) -> tuple[str, ...]:
    count = faults if faults is not None else rng.choices((0, 1, 2), (1, 7, 2 if name == FINAL else 0))[0]
    if count == 2:
        return tuple(rng.choice(causes) for causes in TWO[catalogue])
    return tuple(rng.sample(pool(name, catalogue, proxy), count))


def faults_of(name: str, seed: int, proxy: str = "") -> tuple[str, ...]:
    """Only the faults of a round, without drawing its stack."""
    return _chosen(random.Random(f"runbook-training-{name}-{seed}"), name, None, CATALOGUE, proxy)  # noqa: S311


def _choices(chosen: tuple[str, ...], catalogue: int, rng: random.Random, proxy: str) -> tuple[str, ...]:
    """The list: what it is, look-alikes of the same step, others."""
    others = [cause for cause in pool(FINAL, catalogue, proxy) if cause not in chosen]
    near = [c for c in others if chosen and load()[c].step == load()[chosen[0]].step]
    listed = rng.sample(near, min(len(near), 3))
    rest = [cause for cause in others if cause not in listed]
    listed += rng.sample(rest, max(0, _LIST - len(listed) - len(chosen)))
    return (HEALTHY, *sorted((*chosen, *listed)))
