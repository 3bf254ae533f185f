"""What was found, for people and for programs."""

import json
from typing import TYPE_CHECKING

from runbook import __version__
from runbook.advice.check import Judgement, check
from runbook.redact import Vault
from runbook.redact.text import one_line
from runbook.report.block import Block, para, part, table, tag

if TYPE_CHECKING:
    from runbook.widgets.advice import AdviceBox

_SIGNS = {"true": "✓ true", "wrong": "✗ wrong", "depends": "! depends"}
_KINDS = {"true": "kept", "wrong": "dropped", "depends": ""}
NOTHING = "No sentence makes a claim that there is an experiment for. That says nothing about the text."
_QUOTE = 240


def advice(text: str = "") -> Block:
    """A post, a ticket's advice or an assistant's answer, held against the experiments."""
    if not text.strip():
        return Block.of("Nothing to check: paste the advice.")
    vault = Vault()
    judged = check(text)
    if not judged:
        return Block.of(NOTHING)
    rows = [
        (
            tag(_SIGNS[j.verdict], _KINDS[j.verdict]),
            f"line {j.line}: “{quote(j, vault)}”",
            j.claim.truth,
            part("code", experiment_call(j)),
        )
        for j in judged
    ]
    html = para(summary(judged)) + table("Claims", ("Verdict", "What it says", "What is true", "See it"), rows)
    return Block(html, as_text(judged, vault))


def box(text: str = "", interactive: bool = True) -> "Block | AdviceBox":
    """A box to paste advice into; with interactive=False what is to be said of the text."""
    if not interactive:
        return advice(text)
    from runbook.widgets.advice import AdviceBox

    return AdviceBox(text)


def summary(judged: list[Judgement]) -> str:
    """How many claims of each kind."""
    counts = [f"{sum(j.verdict == v for j in judged)} {v}" for v in ("wrong", "depends", "true")]
    return f"{len(judged)} claim{'s' if len(judged) != 1 else ''} that can be tried: {', '.join(counts)}."


def quote(judgement: Judgement, vault: Vault) -> str:
    """The sentence, without secrets, on one line."""
    return one_line(vault.mask(judgement.quote, _QUOTE), _QUOTE)


def experiment_call(judgement: Judgement) -> str:
    """How the experiment is run."""
    return f"runbook check-advice --run {judgement.claim.experiment}"


def as_text(judged: list[Judgement], vault: Vault) -> str:
    """For the terminal."""
    if not judged:
        return NOTHING
    parts = [summary(judged)]
    for j in judged:
        parts.append(
            "\n".join(
                [
                    f"{_SIGNS[j.verdict]}  [{j.claim.id}]  line {j.line}: “{quote(j, vault)}”",
                    f"    {j.claim.truth}",
                    f"    Shown by: {j.claim.source}",
                    f"    Run it:   {experiment_call(j)}",
                ]
            )
        )
    return "\n\n".join(parts)


def as_json(judged: list[Judgement], vault: Vault) -> str:
    """For a program."""
    rows = [
        {
            "claim": j.claim.id,
            "verdict": j.verdict,
            "line": j.line,
            "quote": quote(j, vault),
            "says": j.claim.claim,
            "truth": j.claim.truth,
            "experiment": j.claim.experiment,
            "source": j.claim.source,
        }
        for j in judged
    ]
    counts = {v: sum(j.verdict == v for j in judged) for v in ("wrong", "depends", "true")}
    return json.dumps({"schema": 1, "tool": f"runbook {__version__}", "counts": counts, "claims": rows}, indent=2)
