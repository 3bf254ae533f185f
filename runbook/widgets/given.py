"""What a person gives, in one box: paths, addresses, pasted text, dropped files. Recognised line by line."""

import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from runbook.lazy import re

FROM = "RUNBOOK_FROM"
"""Environment variable with the folder in which `runbook open` was typed: paths are relative to it."""
_ADDRESS = re.compile(
    r"https?://[^\s@]+|localhost(?::\d{1,5})?|[\w-]+(?:\.[\w-]+)+(?::\d{1,5})?|[\w.-]+:\d{1,5}", re.IGNORECASE
)
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was given. Content of files and pasted text stays in this process; it may hold a login."""

    kind: str
    """path, address, paste or file."""
    name: str
    content: bytes = field(default=b"", repr=False)

    @property
    def said(self) -> str:
        """What was recognised."""
        if self.kind == "path":
            return f"✓ {'folder' if Path(self.name).is_dir() else 'file'} {self.name}"
        if self.kind == "address":
            return f"✓ address {self.name}"
        if self.kind == "refused":
            return f"✗ {self.name}"
        lines = self.content.count(b"\n") + (not self.content.endswith(b"\n"))
        size = f"{lines} {'line' if lines == 1 else 'lines'}"
        return f"✓ {'pasted text' if self.kind == 'paste' else self.name}, {size}"


def recognised(text: str) -> tuple[Part, ...]:
    """Paths and addresses when every word is one; everything else is one piece of pasted text."""
    found: list[Part] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        whole = _one(line)
        parts = [whole] if whole else [_one(word) for word in _words(line)]
        if not parts or None in parts:
            lone = "\n" not in text.strip() and " " not in line
            if lone and ("/" in line or line.startswith("~")) and not line.startswith(("http:", "https:")):
                return (Part("refused", f"there is no file or folder called {line[:200]}"),)
            if lone and line.startswith(("http:", "https:")):
                return (Part("refused", "leave the login out of the address"),)
            return (Part("paste", "pasted.txt", text.encode("utf-8", errors="replace")),)
        found += [part for part in parts if part]
    return tuple(found)


def uploaded(files: Iterable[dict[str, Any]]) -> Iterator[Part]:
    """Files that were chosen or dropped, as a FileUpload holds them."""
    for file in files:
        content = bytes(file["content"])
        name = re.sub(r"[^\w.-]", "_", Path(str(file["name"])).name)[-100:].lstrip(".") or "file"
        if len(content) > _MOST_BYTES:
            yield Part("refused", f"{name} is larger than {_MOST_BYTES >> 20} MB")
        else:
            yield Part("file", name, content)


def _one(text: str) -> Part | None:
    """A path or an address; None for anything else."""
    bare = text.strip("'\"")
    if bare.startswith("file://"):
        bare = unquote(bare.removeprefix("file://").removeprefix("localhost"))
    path = Path(os.environ.get(FROM) or ".") / Path(bare).expanduser() if bare and len(bare) < 4000 else None
    try:
        if path is not None and path.exists():
            return Part("path", str(path))
    except (OSError, ValueError):
        return None
    if _ADDRESS.fullmatch(bare):
        return Part("address", bare if "://" in bare else f"http://{bare}")
    return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []
