"""A tap on the way between a proxy and its registry: passes every byte on as it came, and writes down what it saw."""

from runbook.tap.record import Recorder
from runbook.tap.relay import Tap
from runbook.tap.watch import Seen, Watch

__all__ = ["Recorder", "Seen", "Tap", "Watch"]
