"""How an experiment is declared: a belief, the way to try it in the lab, and what is true."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.model import Step

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of an experiment: what was done and what came back."""

    what: str
    answer: str
    good: bool
    """Whether the person at the keyboard would be glad of it."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A belief, the way to try it, and what is true."""

    name: str
    step: Step
    claim: str
    truth: str
    run: Callable[[Lab], Iterator[Trial]]


EXPERIMENTS: dict[str, Experiment] = {}


def folklore(
    name: str, step: Step, *, claim: str, truth: str
) -> Callable[[Callable[[Lab], Iterator[Trial]]], Callable[[Lab], Iterator[Trial]]]:
    """Declare the function below as the experiment that tests a claim."""

    def declare(run: Callable[[Lab], Iterator[Trial]]) -> Callable[[Lab], Iterator[Trial]]:
        if name in EXPERIMENTS:
            raise ValueError(f"two experiments are called {name}")
        EXPERIMENTS[name] = Experiment(name, step, claim, truth, run)
        return run

    return declare


def ask(
    url: str,
    lab: Lab,
    *,
    method: str = "GET",
    path: str = "/v2/",
    password: str | None = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> httpx.Response:
    """One request with the lab's login; `password` replaces it, None sends no login at all."""
    auth = None if password is None else (lab.user, password or lab.password)
    with httpx.Client(trust_env=False, timeout=_TIMEOUT, base_url=url) as client:
        return client.request(method, path, auth=auth, headers=headers, content=body)


def tried(what: str, response: httpx.Response) -> Trial:
    """An answer as a row."""
    return Trial(what, str(response.status_code), response.status_code < 400)


def login(what: str, lab: Lab, *, via: bool = False) -> Trial:
    """Log in straight at the registry, or through the UI, or say why the registry did not start."""
    if not lab.wait_ready()[0]:
        return Trial(what, "does not start", good=False)
    return tried(what, ask(lab.ui_url if via else lab.registry_url, lab))


def after(what: str, lab: Lab, edit: Callable[[Plan], None], *, via: bool = False) -> Trial:
    """Change the stack, make its containers anew, and log in."""
    lab.change(edit)
    return login(what, lab, via=via)


def variable(name: str, value: str | None) -> Callable[[Plan], None]:
    """The change that sets a variable of the registry, or with None takes it away."""

    def edit(plan: Plan) -> None:
        if value is None:
            plan.environment.pop(name, None)
        else:
            plan.environment[name] = value

    return edit
