"""Where answers go: is it a terminal, can the file be written? The writing itself is the door's (`runbook.door`)."""

import os
import sys
from pathlib import Path

from runbook.collect import UsageError


def colour_wanted() -> bool:
    """Colour is for terminals, and for nobody who says no to it."""
    if sys.stdout is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


def check_writable(file: str) -> None:
    """Complain before any work is done when the file could not be written after it."""
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"{file} is a folder; a file name is needed.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} to write {path.name} into.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise UsageError(f"{file} may not be written by this user.")
