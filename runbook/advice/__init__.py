"""Advice about a registry's 401 held against experiments: what of it is true, what is not, and how to see it."""

from runbook.advice.check import Judgement, check
from runbook.advice.claims import CLAIMS, Claim
from runbook.advice.views import advice, box

__all__ = ["CLAIMS", "Claim", "Judgement", "advice", "box", "check"]
