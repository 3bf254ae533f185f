"""What the practice page calls: one round at a time, in this tab. Answers are JSON."""

import json
import tempfile
from pathlib import Path

from runbook.lab import LabError
from runbook.training import views
from runbook.training.assessed import acted
from runbook.training.catalogue import CATALOGUE
from runbook.training.practice import Practice

_round: list[Practice] = []


def begin(link: str) -> str:
    """Begin the round of a link such as headers.17.1, in place of the one before; headers.17 is of today's catalogue."""
    while _round:
        _round.pop().close()
    try:
        _round.append(Practice.again(link if link.count(".") > 1 else f"{link}.{CATALOGUE}"))
    except LabError as error:
        return json.dumps({"html": views.said(str(error)).html, "text": str(error)})
    return json.dumps({**acted(_round[0], "story", {}), "link": _round[0].link})


def act(do: str, given: str) -> str:
    """Do one thing in it."""
    return json.dumps(acted(_round[0], do, json.loads(given)))


def log() -> str:
    """The log of the round, which `runbook grade` replays."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "round.jsonl")
        _round[0].save(str(path))
        return path.read_text(encoding="utf-8")
