"""Folklore put to the test, live in the lab: what was changed, what came back, what that proves."""

from runbook.experiments import align, headers, htpasswd, simplify
from runbook.experiments.base import EXPERIMENTS, Experiment, Trial
from runbook.lab import Lab
from runbook.report.block import Block, esc, table, tag


def trials(name: str) -> list[Trial]:
    """Run one experiment in the embedded lab. KeyError for an unknown name."""
    chosen = EXPERIMENTS[name]
    with Lab(backend="embedded", seed=5) as lab:
        return list(chosen.run(lab))


def experiment(name: str) -> Block:
    """Run one experiment and show belief, answers and truth."""
    rows = trials(name)
    chosen = EXPERIMENTS[name]
    cells = ([esc(t.what), tag(t.answer, "kept" if t.good else "dropped")] for t in rows)
    html = f"<p><b>Some say:</b> “{esc(chosen.claim)}”</p>"
    html += table("Tried just now, in the lab", ("what was done", "what came back"), cells)
    html += f"<p><b>What is true:</b> {esc(chosen.truth)}</p>"
    lines = [f"Some say: {chosen.claim}", *(f"  {t.answer:<16} {t.what}" for t in rows), f"True: {chosen.truth}"]
    return Block(html, "\n".join(lines))


__all__ = ["EXPERIMENTS", "Experiment", "Trial", "align", "experiment", "headers", "htpasswd", "simplify", "trials"]
