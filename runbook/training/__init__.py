"""Practice: a stack that somebody broke, and a learner who finds out where, fixes it, and says how it shows."""

from runbook.training.begin import begin
from runbook.training.difficulty import measured
from runbook.training.draw import ROUNDS
from runbook.training.path import course
from runbook.training.practice import Practice
from runbook.training.views import peek

__all__ = ["ROUNDS", "Practice", "begin", "course", "measured", "peek"]
