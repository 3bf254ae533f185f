"""The printed checks, run again: which may run, what they should print, whether they did."""

from runbook.verify.expect import as_expected

__all__ = ["as_expected"]
