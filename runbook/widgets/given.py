"""What a person gives, in one box: paths, addresses, pasted text, dropped files. Recognised line by line."""

import os
import shlex
import sys
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
_LOGIN = re.compile(r"[^\s/@:]+:[^\s/@]+@[\w.-]+(?::\d{1,5})?(?:/\S*)?")
_BLANK = re.compile(r"\n[ \t\r]*\n")
_LONGEST_LINE = 4000
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was given. Content of files and pasted text stays in this process; it may hold a login."""

    kind: str
    """path, address, paste or file."""
    name: str
    content: bytes = field(default=b"", repr=False)
    role: str = ""
    """Of an address: registry or ui."""

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


WITH_LOGIN = Part("refused", "leave the login out of the address: use User and Password; nothing of that was kept")


def recognised(text: str) -> tuple[Part, ...]:
    """Paths and addresses, one or several in a line; the rest is one piece of pasted text.

    A block of lines that names paths or addresses and nothing else may stand before the text, with an empty line between.
    """
    blocks = [block for block in _BLANK.split(text) if block.strip()]
    found: list[Part] = []
    for number, block in enumerate(blocks):
        named = _named(block)
        if named is None:
            rest = text if not number else "\n\n".join(blocks[number:])
            return (*found, Part("paste", "pasted.txt", rest.encode("utf-8", errors="replace")))
        found += named
    return tuple(found)


def _named(block: str) -> list[Part] | None:
    """The paths and addresses of these lines, with those that cannot be taken; None where anything else is there."""
    found: list[Part] = []
    lines = list(filter(None, map(str.strip, block.splitlines())))
    if any(len(line) > _LONGEST_LINE for line in lines):
        return None
    for line in lines:
        whole = _one(line)
        parts = [whole] if whole else [_one(word) or _refused(word) for word in _words(line)]
        if not parts or None in parts:
            return None
        found += [part for part in parts if part]
    taken = any(part.kind != "refused" for part in found)
    return found if taken or (len(lines) == 1 and " " not in lines[0]) else None


def _refused(word: str) -> Part | None:
    """Why a word that is meant as an address or a path is not taken; None where it is neither."""
    if word.startswith(("http:", "https:")) or _LOGIN.fullmatch(word):
        return WITH_LOGIN
    if re.match(r"[\w.~-]*/|~", word):
        where = " A browser sees no disk: add the files." if sys.platform == "emscripten" else ""
        return Part("refused", f"there is no file or folder called {word[:200]}.{where}")
    return None


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
    path = Path(os.environ.get(FROM) or ".") / Path(bare).expanduser() if bare and len(bare) < _LONGEST_LINE else None
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
