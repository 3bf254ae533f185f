"""htpasswd files: what the registry makes of them, and what a person must know about each line."""

import base64
from dataclasses import dataclass, field
from typing import Literal

from runbook.lazy import re
from runbook.model import Entry, Htpasswd, Place
from runbook.parse.htpasswd.facts import DOUBLED, merged_names, value_facts
from runbook.parse.htpasswd.names import odd_name, plain_name, shown_name
from runbook.parse.htpasswd.registry import (
    TOO_LONG,
    Answer,
    Line,
    Refusal,
    load,
    read_hash,
    read_line,
    registry_accepts,
    registry_answer,
)
from runbook.parse.left_out import is_left_out, stands_in
from runbook.redact import Vault

__all__ = [
    "DOUBLED",
    "TOO_LONG",
    "Answer",
    "load",
    "odd_name",
    "parse_htpasswd",
    "plain_name",
    "read_hash",
    "registry_accepts",
    "registry_answer",
]

LISTED = 300
"""So many entries are always told one by one; of further ones only those with something odd."""
MOST = 2000
"""No more entries than that are told one by one."""

LONGEST_HASH = 1000
"""Of a longer value the vault keeps only the beginning: it is for masking, the whole file is kept besides."""

_SOUND = re.compile(
    rb"^([A-Za-z0-9][\w.@+-]{0,63}):\$2[aby]\$(?:0[4-9]|1[0-2])\$[./A-Za-z0-9]{52}[.CGKOSWaeimquy26]\r?$", re.MULTILINE
)

Encoding = Literal["utf-8", "utf-8-bom", "utf-16-le", "utf-16-be", "base64", "other"]
LineEnds = Literal["lf", "crlf", "mixed", "cr", "none"]


def parse_htpasswd(data: bytes, file: str, vault: Vault) -> Htpasswd:
    """Read a file with all facts. The hashes go into the vault; of a very long file only what is odd is spelled out."""
    found = _sort(data)
    refusal = found.refusal
    told = sorted(found.told)
    kept = _emptied(data, found.left_out) if found.left_out else data
    entries = tuple(_entry(line, found.last[line.name] != line.number, vault) for line in told)
    return Htpasswd(
        file=file,
        entries=entries,
        refused=Place(file, refusal.number) if refusal else None,
        refusal=refusal.message if refusal else "",
        encoding=_encoding(data),
        line_ends=_line_ends(data),
        final_newline=not data or data.endswith(b"\n"),
        size=len(data),
        more={name.decode(): number for name, number in found.more.items()},
        omitted=found.omitted,
        left_out=tuple(found.left_out),
        content=vault.content(kept),
    )


def _sort(data: bytes) -> "_Sorted":
    """Part the lines into those told one by one and the sound ones of a long file, known by name and line only."""
    if quick := _sort_sound(data):
        return quick
    pieces = data.split(b"\n")
    found = _Sorted()
    told, more, last, sound = found.told, found.more, found.last, _SOUND.fullmatch
    for number, piece in enumerate(pieces, 1):
        if number > LISTED and (match := sound(piece)):
            name = match[1]
            if name not in last and name not in more:
                more[name] = number
                continue
        line = read_line(number, piece)
        if isinstance(line, Refusal) and is_left_out(piece.decode("utf-8", "replace")):
            found.left_out.append(number)
        elif isinstance(line, Refusal):
            found.refusal = found.refusal or line
        elif line and len(told) < MOST:
            if (earlier := more.pop(line.name, None)) and isinstance(
                first := read_line(earlier, pieces[earlier - 1]), Line
            ):
                told.append(first)
            told.append(line)
            last[line.name] = number
        elif line:
            found.omitted += 1
    return found


def _sort_sound(data: bytes) -> "_Sorted | None":
    """The same for a long file in which every line is sound and no name stands twice: the common one, so in one sweep."""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    if count <= LISTED:
        return None
    names = _SOUND.findall(data)
    found = _Sorted(more=dict(zip(names, range(1, count + 1), strict=False)))
    if len(names) != count or len(found.more) != count:
        return None
    for number, piece in enumerate(data.split(b"\n", LISTED)[:LISTED], 1):
        if isinstance(line := read_line(number, piece), Line):
            found.told.append(line)
            found.last[line.name] = found.more.pop(line.name)
    return found


@dataclass(slots=True)
class _Sorted:
    told: list[Line] = field(default_factory=list)
    more: dict[bytes, int] = field(default_factory=dict)
    last: dict[bytes, int] = field(default_factory=dict)
    omitted: int = 0
    refusal: Refusal | None = None
    left_out: list[int] = field(default_factory=list)


def _emptied(data: bytes, numbers: list[int]) -> bytes:
    """The file without the lines that only say that something was left out."""
    pieces = data.split(b"\n")
    for number in numbers:
        pieces[number - 1] = b""
    return b"\n".join(pieces)


def _entry(line: Line, shadowed: bool, vault: Vault) -> Entry:
    facts = value_facts(line.value)
    return Entry(
        line=line.number,
        name=shown_name(line.name),
        scheme=facts.scheme,
        prefix=facts.prefix,
        cost=facts.cost,
        length=len(line.value),
        usable=facts.usable,
        defect=facts.defect,
        name_hidden=_stands_in(line.name),
        hidden=facts.hidden,
        merged=merged_names(line.value),
        shadowed=shadowed,
        hash=vault.hash(line.value[:LONGEST_HASH]),
    )


def _stands_in(name: bytes) -> bool:
    text = name.decode("utf-8", "replace")
    return (not text.isalnum() or text.lower() == "redacted") and stands_in(text)


def _encoding(data: bytes) -> Encoding:
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-bom"
    if data.startswith(b"\xff\xfe") or data[1:8:2] == b"\0" * 4:
        return "utf-16-le"
    if data.startswith(b"\xfe\xff") or data[0:8:2] == b"\0" * 4:
        return "utf-16-be"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "other"
    return "base64" if _is_encoded(data) else "utf-8"


def _is_encoded(data: bytes) -> bool:
    """Whether the text is base64 of an htpasswd file, as when a Secret's value is encoded twice."""
    if b":" in data:
        return False
    try:
        inner = load(base64.b64decode(b"".join(data.split()), validate=True))
    except ValueError:
        return False
    return (
        bool(inner) and not isinstance(inner, Refusal) and all(v.startswith((b"$", b"{SHA}")) for v in inner.values())
    )


def _line_ends(data: bytes) -> LineEnds:
    plain, windows = data.count(b"\n"), data.count(b"\r\n")
    if not plain:
        return "cr" if b"\r" in data.rstrip() else "none"
    if not windows:
        return "lf"
    return "crlf" if windows == plain else "mixed"
