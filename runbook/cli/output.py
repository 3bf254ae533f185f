"""Where answers go: a terminal, or a file that is written whole or not at all."""

import os
import sys
import tempfile
from pathlib import Path

from runbook.collect import UsageError


def colour_wanted() -> bool:
    """Colour is for terminals, and for nobody who says no to it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
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


def write(file: str, text: str) -> None:
    """Write beside the file and move it into place, so that nobody finds half of it."""
    try:
        _write(Path(file), text if text.endswith("\n") else text + "\n")
    except OSError as error:
        raise UsageError(f"{file} could not be written: {error.strerror}.") from error


def _write(path: Path, text: str) -> None:
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")  # /dev/stderr, a pipe: nothing to move into place
        return
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _umask() -> int:
    """mkstemp makes private files; a report is to be shared like any other file of the user."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
