"""Copies that somebody set aside: old states beside the file in use, which nothing reads any more. Pure."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from runbook.lazy import re
from runbook.model import FileKind

_ENDING = re.compile(
    r"(?:~|[._-](?:bak|backup|old|orig|original|save|saved|prev|previous|copy|disabled|rpmsave|rpmnew|dpkg-(?:old|dist|new|bak)|"
    r"pre[._-]?\w{1,20}|before[._-]?\w{0,20}|(?:19|20)\d\d(?:[._-]?\d\d){0,5}))\d{0,3}$",
    re.IGNORECASE,
)
_FOLDER = re.compile(
    r"(?:old|bak|backups?|archive[ds]?|before|previous|\.?save[ds]?)(?:[._-]?\d[\d._-]*)?$", re.IGNORECASE
)


def copies(kinds: Mapping[str, FileKind], texts: Mapping[str, str]) -> frozenset[str]:
    """Of the files those that are a copy of another one of their kind, and that no configuration names.

    `kinds`: path → what it is; `texts`: path → text of configuration, in which a copy that is in use is named.
    """
    found = {path for path in kinds if (original := _original(path, kinds)) and kinds[original] == kinds[path]}
    own = [text for path, text in texts.items() if path not in found]
    return frozenset(path for path in found if not any(_is_named(path, text) for text in own))


def _original(path: str, kinds: Mapping[str, FileKind]) -> str | None:
    """The file of which a path is the copy, by their names."""
    bare = _ENDING.sub("", path)
    if bare != path and bare in kinds:
        return bare
    at = PurePosixPath(path)
    if any(_FOLDER.match(part) for part in at.parts[:-1]):
        inner = "/".join(part for part in at.parts if not _FOLDER.match(part))
        base = _ENDING.sub("", at.name)
        beside = [p for p in kinds if PurePosixPath(p).name == base and not _in_copies(p)]
        return inner if inner in kinds else beside[0] if beside else None
    return None


def _in_copies(path: str) -> bool:
    return any(_FOLDER.match(part) for part in PurePosixPath(path).parts[:-1])


def _is_named(path: str, text: str) -> bool:
    """Whether a configuration names the copy itself, or the folder of copies that it lies in."""
    at = PurePosixPath(path)
    names = [at.name] if _ENDING.search(at.name) else [f"{part}/" for part in at.parts[:-1] if _FOLDER.match(part)]
    return any(
        re.search(
            rf"(?<![\w.-]){re.escape(name)}(?![\w.~-])"
            if name[-1] != "/"
            else re.escape(name[:-1]) + r"(?=[/:\s\"']|$)",
            text,
        )
        for name in names
    )
