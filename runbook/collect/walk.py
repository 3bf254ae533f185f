"""The files of a bundle, found without following links out of it and without opening what is no file."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.model import Place, Problem

MAX_DEPTH = 8
MAX_FILES = 2000
_SKIPPED_FOLDERS = {".git", "node_modules", "__pycache__", ".venv", ".terraform", "runbook-report"}
"""Never part of an incident, and large, or made by this program of an incident."""
_STORAGE = ("docker/registry/v2", "v2/repositories", "v2/blobs")
"""The registry's own storage: thousands of blobs, none of which tells anything."""


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file of the bundle."""

    path: Path
    name: str
    """Relative to the bundle, with forward slashes: how findings and diffs name it."""
    size: int


@dataclass(slots=True)
class Walk:
    """All files that were found, and what was left out."""

    files: list[Found]
    folders: list[str]
    """Folders called like a file that was meant (…/htpasswd): what an engine makes of a missing bind source."""
    problems: list[Problem]


def walk(paths: tuple[str, ...], extra: str | None = None) -> Walk:
    """Find the files behind the paths that the user gave, each file once; `extra` is one more file."""
    found = Walk([], [], [])
    seen: set[tuple[int, int]] = set()
    for given in (*paths, *([extra] if extra else ())):
        root = Path(given)
        try:
            if root.is_dir():
                _folder(root, "" if len(paths) == 1 else f"{root.resolve().name}/", found, seen)
            else:
                _file(root, root.name, os.stat(root), found, seen)
        except OSError as error:
            found.problems.append(unreadable(given, error))
    _tell_apart(found)
    return found


def unreadable(name: str, error: OSError) -> Problem:
    """An operating system's refusal as a sentence."""
    why = {PermissionError: "may not be read by this user", FileNotFoundError: "has vanished"}.get(type(error))
    message = f"{name} {why or f'cannot be read: {error.strerror}'}."
    return Problem(place=Place(name), message=message, kind="unreadable" if isinstance(error, PermissionError) else "")


def _folder(root: Path, prefix: str, found: Walk, seen: set[tuple[int, int]]) -> None:
    home = root.resolve()
    for name, entry in _entries(root, "", found):
        if len(found.files) >= MAX_FILES:
            message = f"There are more than {MAX_FILES} files here; the rest was not read. Hand over a smaller folder."
            found.problems.append(Problem(place=Place(prefix or str(root)), message=message))
            return
        try:
            target = Path(entry.path)
            if entry.is_symlink() and not target.resolve().is_relative_to(home):
                message = "This link leads out of the folder and was not followed."
                found.problems.append(Problem(place=Place(prefix + name), message=message))
                continue
            _file(target, prefix + name, entry.stat(), found, seen)
        except OSError as error:
            found.problems.append(unreadable(prefix + name, error))
        except RuntimeError:  # from `resolve`, before Python 3.13
            message = "This link leads to itself and was not followed."
            found.problems.append(Problem(place=Place(prefix + name), message=message))


def _entries(folder: Path, name: str, found: Walk) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All entries below a folder that are not folders; links to folders are not entered, so loops cannot be."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda e: e.name)
    except OSError as error:
        found.problems.append(unreadable(name.rstrip("/") or folder.name, error))
        return
    for entry in entries:
        path = f"{name}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            if not (entry.is_symlink() and os.path.isdir(entry.path)):  # links that lead to each other are no folder
                yield path, entry
        elif entry.name in _SKIPPED_FOLDERS or any(path.endswith(s) for s in _STORAGE):
            continue
        elif path.count("/") + 1 >= MAX_DEPTH:
            message = f"Folders deeper than {MAX_DEPTH} levels were not read."
            found.problems.append(Problem(place=Place(path), message=message))
        else:
            if "htpasswd" in entry.name.lower():
                found.folders.append(path)
            yield from _entries(Path(entry.path), f"{path}/", found)


def _file(path: Path, name: str, status: os.stat_result, found: Walk, seen: set[tuple[int, int]]) -> None:
    """Note a regular file. A FIFO or a device would block or never end, so it is never opened."""
    if not stat.S_ISREG(status.st_mode):
        message = "This is not a regular file (a pipe, socket or device) and was not opened."
        found.problems.append(Problem(place=Place(name), message=message))
        return
    key = (status.st_dev, status.st_ino)
    if key not in seen or not status.st_ino:
        seen.add(key)
        found.files.append(Found(path, name, status.st_size))


def _tell_apart(found: Walk) -> None:
    """When two files of different folders share a name, all are called by the path that was given."""
    names = [f.name for f in found.files]
    if len(set(names)) < len(names):
        found.files = [Found(f.path, f.path.as_posix().removeprefix("./"), f.size) for f in found.files]
