"""Finds out why a Docker registry says 401, proves it, and teaches it.

The names are loaded when they are used, so that `import runbook` costs nothing. The functions behind the
command are `runbook.collect.collect` (files and URLs to evidence) and `runbook.judge.diagnose.diagnose` (evidence
to a verdict).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from runbook.case import Case
    from runbook.collect import Request, UsageError
    from runbook.incident import Incident
    from runbook.judge import Run
    from runbook.lab import Lab
    from runbook.redact import Vault

_HOMES = {
    "Case": "runbook.case",
    "Incident": "runbook.incident",
    "Lab": "runbook.lab",
    "Request": "runbook.collect",
    "Run": "runbook.judge.diagnose",
    "UsageError": "runbook.collect",
    "Vault": "runbook.redact",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'runbook' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = ["Case", "Incident", "Lab", "Request", "Run", "UsageError", "Vault", "__version__"]
