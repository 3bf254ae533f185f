"""Run as it is, without sockets, and under WebAssembly: every fault of the embedded lab, and what is said of its files.

`python verdicts.py [FAULT …]`; prints fault → [verdict, causes, warnings].
"""

import json
import sys

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import FAULTS, Lab
from runbook.redact import Vault


def verdicts(faults: list[str]) -> dict[str, list[object]]:
    """What the engine says of each."""
    return {fault: verdict(fault) for fault in faults or sorted(FAULTS)}


def verdict(fault: str) -> list[object]:
    """Of one: verdict, ranked causes, warnings."""
    with Lab(fault, backend="embedded", seed=11) as lab:
        said = diagnose(collect(Request(paths=(str(lab.bundle),), user=lab.user), Vault())).diagnosis
    return [said.verdict, [f.cause for f in said.causes], [f.cause for f in said.warnings]]


if __name__ == "__main__":
    print(json.dumps(verdicts(sys.argv[1:])))
