"""Folklore put to the test, live in the lab: what was changed, what came back, what that proves."""

from runbook.experiments import htpasswd, settings, wire
from runbook.experiments.base import Experiment, Trial
from runbook.lab import Lab
from runbook.lab.lab import Backend
from runbook.report.block import Block, esc, para, table, tag

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
    rows = ([esc(t.what), _answer(t)] for t in trials)
    html = para(f"Folklore: “{chosen.claim}”") + table("What came back", ("what was done", "answer"), rows)
    html += para(f"What is true: {chosen.truth}")
    lines = [f"Folklore: {chosen.claim}", *(f"  {t.answer}  {t.what}" for t in trials), f"True: {chosen.truth}"]
    return Block(html, "\n".join(lines))


def stage(backend: Backend = "auto") -> Block:
    """On what the experiments run here: starts a stack and says what it is made of. `LabError` with a sentence
    when the backend asked for is not ready on this machine."""
    with Lab(backend=backend, seed=5) as lab:
        kinds = {
            "embedded": "the lab's own registry and proxy, written in Python",
            "native": "the real registry and nginx, as programs of this machine",
            "compose": "containers, by Docker Compose",
        }
        text = f"{lab.backend}: {kinds[lab.backend]}; registry {lab.major}."
    return Block(para(text), text)


def _answer(trial: Trial) -> str:
    """The answer as a label, which must stay short; what a log said stands below it."""
    word, _, said = trial.answer.partition(": ")
    return tag(word, "kept" if trial.good else "dropped") + (f"<br><code>{esc(said)}</code>" if said else "")


__all__ = ["EXPERIMENTS", "Experiment", "Trial", "experiment", "play", "stage"]
