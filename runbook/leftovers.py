"""Temporary things carry the number of the process that made them: the next start removes what a killed one left."""

import contextlib
import os
import shutil
from pathlib import Path

from runbook.lazy import re


def named(prefix: str) -> str:
    """The prefix of a temporary name that `sweep` understands."""
    return f"{prefix}{os.getpid()}-"


def sweep(folder: Path, prefix: str) -> None:
    """Remove what processes that are no more left in a folder under this prefix; nobody else's, nothing unknown."""
    pattern = re.compile(rf"{re.escape(prefix)}(\d{{1,10}})-")
    try:
        found = [(entry, match) for entry in os.scandir(folder) if (match := pattern.match(entry.name))]
    except OSError:
        return
    for entry, match in found:
        with contextlib.suppress(OSError):
            if entry.stat(follow_symlinks=False).st_uid != _user() or lives(int(match[1])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def lives(pid: int) -> bool:
    """Whether a process of that number runs."""
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_dead(pid)


def _is_dead(pid: int) -> bool:
    """Whether only its entry is left, since the process that made it has not asked how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] == [b"Z"]
    except OSError:
        return False
