"""How a fault is declared: the cause's id, what it looks like, how to break a plan and how to mend it."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from runbook.lab.errors import LabError
from runbook.lab.plan import Plan

Change = Callable[[Plan], None]


@dataclass(frozen=True)
class Fault:
    """A change to the description of the stack, and its undoing: the fix that the cause's rule names."""

    cause: str
    title: str
    inject: Change
    solve: Change


FAULTS: dict[str, Fault] = {}


def fault(cause: str, title: str, *, solve: Change) -> Callable[[Change], Change]:
    """Declare the function below as the way to break a plan with that cause."""

    def declare(inject: Change) -> Change:
        if cause in FAULTS:
            raise ValueError(f"two faults are called {cause}")
        FAULTS[cause] = Fault(cause, title, inject, solve)
        return inject

    return declare


def named(cause: str, proxy: str = "nginx") -> Fault:
    """The fault of that name, or a sentence with the nearest right one, or why that proxy does not have it."""
    from runbook.lab.faults.missing import NO_FAULT, not_behind

    if cause in FAULTS and (reason := not_behind(cause, proxy)):
        raise LabError(f'there is no "{cause}" behind {proxy}: {reason}')
    if cause in FAULTS:
        return FAULTS[cause]
    if cause in NO_FAULT:
        raise LabError(f'the lab cannot show "{cause}": {NO_FAULT[cause]}')
    near = difflib.get_close_matches(cause, FAULTS, n=1, cutoff=0.4)
    hint = f'; did you mean "{near[0]}"?' if near else "; `runbook lab list` shows all"
    raise LabError(f'there is no fault called "{cause}"{hint}')
