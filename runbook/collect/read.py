"""Bytes to text, bounded: what a file's encoding is, whether it is text at all, and its lines one by one."""

import codecs
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from runbook.model import FileKind

_MB = 1 << 20
LIMITS: dict[FileKind, int] = {
    "har": 64 * _MB,
    "htpasswd": 64 * _MB,
    "evidence": 64 * _MB,
    "curl": 16 * _MB,
    "text": 4 * _MB,
}
DEFAULT_LIMIT = 8 * _MB
"""Only logs may be of any size, since they are streamed."""
_LONGEST_LINE = 64 * 1024
_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


EXPORT_LIMIT = 64 * _MB
"""Exports in one document (JSON, CSV) cannot be read in pieces."""


def whole(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes; `OSError` with the cause for a device, a pipe and anything larger."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MB")
    return data


def limit(kind: FileKind) -> int:
    """The largest file of that kind that is read whole."""
    return LIMITS.get(kind, DEFAULT_LIMIT)


def encoding(head: bytes) -> str | None:
    """The encoding of a text that begins like this; None when it is no text."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    if b"\0" in head:
        # PowerShell's > writes UTF-16, and some tools drop the mark in front of it.
        odd, even = head[1::2].count(0), head[0::2].count(0)
        if max(odd, even) > len(head) // 5 and min(odd, even) <= len(head) // 50:
            return "utf-16-le" if odd > even else "utf-16-be"
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        control = sum(byte < 9 or 13 < byte < 27 for byte in head)
        return "cp1252" if control <= len(head) // 50 else None
    return "utf-8"


def first_text(head: bytes) -> str:
    """The head as text, whatever it is."""
    return head.decode(encoding(head) or "utf-8", "replace")


def lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a log of any size, each cut after 64 KiB, with little memory."""
    decoder = codecs.getincrementaldecoder(name)("replace")
    rest = ""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from whole
        rest = rest[:_LONGEST_LINE]
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
