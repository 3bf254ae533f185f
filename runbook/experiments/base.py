"""How an experiment is declared, and the few things that all of them do."""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from runbook.inside import transport
from runbook.lab import Lab
from runbook.lab.plan import Plan

TIMEOUT = 10.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The lab speaks plain http. Without this, every client would read all certificate authorities first (34 ms)."""
_LAST_WORDS = ("panic: ", "configuration error")


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of an experiment: what was done, what came back, and whether one would be glad of it."""

    what: str
    answer: str
    good: bool


@dataclass(frozen=True, slots=True)
class Experiment:
    """A belief, what is true, and the way to try it."""

    name: str
    claim: str
    truth: str
    run: Callable[[Lab], Iterable[Trial]]


def status(url: str, login: tuple[str, str] | None, *, method: str = "GET", **headers: str) -> int:
    """Ask /v2/ once and give the status that came back."""
    with client(login) as asking:
        return asking.request(method, f"{url}/v2/", headers=headers).status_code


def client(login: tuple[str, str] | None, url: str = "") -> httpx.Client:
    """A client for the lab's own addresses."""
    return httpx.Client(base_url=url, auth=login, trust_env=False, timeout=TIMEOUT, verify=PLAIN, transport=transport())


def direct(lab: Lab) -> int:
    """The right login, straight at the registry."""
    return status(lab.registry_url, (lab.user, lab.password))


def via(lab: Lab) -> int:
    """The right login, through the UI."""
    return status(lab.ui_url, (lab.user, lab.password))


def changed(lab: Lab, edit: Callable[[Plan], None], ask: Callable[[Lab], int] = direct) -> int:
    """Change the stack, make its containers anew, and ask."""
    lab.change(edit)
    return ask(lab)


def answered(what: str, code: int) -> Trial:
    """A status as a row."""
    return Trial(what, str(code), code < 400)


def started(what: str, lab: Lab) -> Trial:
    """Whether the registry is up, and if not, its last words."""
    if lab.wait_ready()[0]:
        return Trial(what, "starts", good=True)
    lines = lab.logs()["registry"].splitlines()
    said = next((line.strip() for line in lines if any(word in line for word in _LAST_WORDS)), "")
    return Trial(what, f"does not start: {said[:200]}" if said else "does not start", good=False)
