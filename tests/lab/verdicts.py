"""Run as it is, without sockets, and under WebAssembly: every fault of the embedded lab, and what is said of its files.

Prints fault → [verdict, causes, warnings].
"""

import json

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import FAULTS, Lab
from runbook.redact import Vault


def verdict(fault: str) -> list[object]:
    """Of one: verdict, ranked causes, warnings."""
    with Lab(fault, backend="embedded", seed=11) as lab:
        said = diagnose(collect(Request(paths=(str(lab.bundle),), user=lab.user), Vault())).diagnosis
    return [said.verdict, [f.cause for f in said.causes], [f.cause for f in said.warnings]]


if __name__ == "__main__":
    print(json.dumps({fault: verdict(fault) for fault in sorted(FAULTS)}))
