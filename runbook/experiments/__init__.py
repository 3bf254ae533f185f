"""Folklore put to the test, live in the lab: what was changed, what came back, what that proves."""

from collections.abc import Iterator
from functools import partial

import httpx

from runbook.experiments import htpasswd, settings, wire
from runbook.experiments.base import Experiment, Trial, answered, direct, via
from runbook.lab import Lab
from runbook.lab.faults import FAULTS, NO_FAULT
from runbook.lab.lab import Backend
from runbook.report.block import Block, para, part, table

EXPERIMENTS: dict[str, Experiment] = {
    e.name: e for e in (*wire.EXPERIMENTS, *htpasswd.EXPERIMENTS, *settings.EXPERIMENTS)
}


def play(name: str, backend: Backend = "embedded", major: int | None = None) -> list[Trial]:
    """Run one experiment in a lab of its own. ValueError with the names that exist for an unknown one."""
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment called {name!r}; there are {', '.join(EXPERIMENTS)}")
    with Lab(backend=backend, seed=5, major=major) as lab:
        return list(EXPERIMENTS[name].run(lab))


def experiment(name: str, backend: Backend = "embedded") -> Block:
    """Run one experiment in the lab and show belief, answers and truth."""
    trials = play(name, backend)
    chosen = EXPERIMENTS[name]
    rows = [(t.what, _answer(t)) for t in trials]
    html = para(f"Folklore: “{chosen.claim}”") + table("What came back", ("what was done", "answer"), rows)
    html += para(f"What is true: {chosen.truth}")
    lines = [f"Folklore: {chosen.claim}", *(f"  {t.answer}  {t.what}" for t in trials), f"True: {chosen.truth}"]
    return Block(html, "\n".join(lines))


CALLED_FOR = {
    "authorization-stripped": "hop-by-hop",
    "preflight-options-401": "preflight",
    "cors-origin-mismatch": "cors-origin",
    "upstream-is-localhost": "upstream",
    "credentials-under-other-host": "scopes",
    "htpasswd-not-bcrypt": "hashes",
    "htpasswd-username-corrupted": "line-ends",
    "htpasswd-merged-lines": "merged-lines",
    "htpasswd-unreadable": "uid",
    "file-not-reloaded": "reload",
    "auth-option-missing": "realm",
    "env-header-value-not-yaml-list": "header-list",
    "storage-outside-volume": "storage",
}
"""Causes behind which a belief stands that an experiment tries."""


def called_for(cause: str) -> Experiment | None:
    """The one experiment that a verdict calls for: the belief behind its cause, else this fault in a sound stack."""
    if cause in CALLED_FOR:
        return EXPERIMENTS[CALLED_FOR[cause]]
    return Experiment(cause, "", "", partial(_planted, cause)) if cause in FAULTS else None


def tried(cause: str) -> Block:
    """That experiment, run in the embedded lab."""
    chosen = called_for(cause)
    if chosen is None:
        why = NO_FAULT.get(cause, "the lab has no such fault")
        return Block.of(f"The lab cannot show it: {why}.")
    if chosen.claim:
        return experiment(chosen.name)
    with Lab(backend="embedded", seed=5) as lab:
        trials = list(chosen.run(lab))
    rows = [(t.what, _answer(t)) for t in trials]
    html = table(f"{cause} in a stack of the lab, with the right login", ("what was done", "answer"), rows)
    if len({t.answer for t in trials}) == 1:
        none = "A login alone does not show it: it takes another client or request."
        return Block(html + para(none), none)
    return Block(html, "\n".join(f"{t.answer}  {t.what}" for t in trials))


def _planted(cause: str, lab: Lab) -> Iterator[Trial]:
    """A sound stack, the same with that fault, and after its fix."""
    for state, change in (("sound", None), (f"with {cause}", lab.inject), ("after its fix", lab.solve)):
        if change is not None:
            change(cause)
        for path, ask in (("direct", direct), ("through the UI", via)):
            try:
                yield answered(f"{state}, {path}", ask(lab))
            except httpx.HTTPError as error:
                yield Trial(f"{state}, {path}", f"no answer: {type(error).__name__}", good=False)


def stage(backend: Backend = "auto") -> Block:
    """On what the experiments run here: starts a stack and says what it is made of. `LabError` with a sentence
    when the backend asked for is not ready on this machine."""
    with Lab(backend=backend, seed=5) as lab:
        kinds = {
            "embedded": "the lab's own registry and proxy, written in Python",
            "native": "the real registry and nginx, as programs of this machine",
            "compose": "containers, by Docker Compose",
        }
        return Block.of(f"{lab.backend}: {kinds[lab.backend]}; registry {lab.major}.")


def _answer(trial: Trial) -> str:
    """The answer as a label, which must stay short; what a log said stands below it."""
    word, _, said = trial.answer.partition(": ")
    return part("trial", word, "kept" if trial.good else "dropped", said)


__all__ = ["EXPERIMENTS", "Experiment", "Trial", "called_for", "experiment", "play", "stage", "tried"]
