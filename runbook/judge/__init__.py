"""From evidence to a verdict: relevance, ranking, proof, what was not tested, what to ask next. Pure."""

from runbook.judge.diagnose import Run, diagnose, reconsidered

__all__ = ["Run", "diagnose", "reconsidered"]
