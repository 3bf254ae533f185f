"""What the form offers: folders nearby that look like an incident, and the faults of the lab."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from runbook.lab import FAULTS

HEALTHY, DEMO = "healthy", "demo"
_MARKS = ("*compose*.y*ml", "compose.y*ml", "*htpasswd", "config.yml", "evidence*.json", "*.har", "*.log", "curl*.txt")
_ENOUGH = 200
"""Folders looked into and entries looked at: a form must not search a disk."""


def faults() -> list[tuple[str, str]]:
    """(what the list shows, name) for every incident that the lab can make."""
    known = [(f"{fault.title} ({name})", name) for name, fault in sorted(FAULTS.items())]
    return [("DEMO: a proxy drops the login", DEMO), ("nothing is broken (healthy)", HEALTHY), *known]


def folders(start: Path) -> list[str]:
    """Folders at most two levels below, which hold something that a registry incident is made of."""
    children = [child for child in _inside(start) if child.is_dir() and not child.name.startswith(".")]
    grandchildren = [g for child in children for g in _inside(child) if g.is_dir() and not g.name.startswith(".")]
    found = [f for f in (start, *children, *grandchildren)[:_ENOUGH] if _is_bundle(f)]
    return [str(f.relative_to(start)) for f in found]


def _inside(folder: Path) -> Iterable[Path]:
    try:
        return sorted(islice(folder.iterdir(), _ENOUGH))
    except OSError:  # a folder that may not be read offers nothing
        return []


def _is_bundle(folder: Path) -> bool:
    return any(entry.is_file() and any(entry.match(mark) for mark in _MARKS) for entry in _inside(folder))
