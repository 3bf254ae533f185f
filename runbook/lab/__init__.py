"""A stack on loopback that can be broken and mended: embedded (pure Python), native (real programs) or compose (Docker)."""

from runbook.lab.errors import LabError
from runbook.lab.faults import FAULTS, NO_FAULT
from runbook.lab.lab import Lab

__all__ = ["FAULTS", "NO_FAULT", "Lab", "LabError"]
