"""The only part that does I/O on the user's stack: files are read, URLs are asked, secrets are masked."""

from typing import TYPE_CHECKING, Any

from runbook.collect.request import Request, UsageError

if TYPE_CHECKING:
    from runbook.collect.collector import collect


def __getattr__(name: str) -> Any:
    """`collect` brings the parsers along; whoever only checks a request need not wait for them."""
    if name != "collect":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runbook.collect.collector import collect

    return collect


__all__ = ["Request", "UsageError", "collect"]
