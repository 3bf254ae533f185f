"""The user's own stack, rebuilt on loopback from what its files say: a fix is shown there, before it is made."""

from runbook.twin.prove import prove

__all__ = ["prove"]
