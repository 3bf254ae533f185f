"""Password files of other programs that lie in folders of their own beside the registry's. Pure."""

from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from runbook.lazy import re

_ANYBODYS = re.compile(
    r"(?:regist|htpasswd|docker|depot|hub)|^(?:auth\w*|secrets?|conf(?:ig)?s?|data|etc|srv|opt|home|root|var|usr|local|mnt|tmp|"
    r"users?|passw(?:or)?ds?|security|credentials?|files?|bundle|stack|hosts?|server\d*|volumes?|reg[-_.]?\w{0,12}|old|bak|backup)$",
    re.IGNORECASE,
)
"""Names of folders that say nothing of whose a password file is, or that it is the registry's."""


def neighbours(passwords: Iterable[str], everything: Collection[str], texts: Iterable[str]) -> frozenset[str]:
    """Of the password files those that nothing ties to the registry: in a folder named after something else, without
    any other file of the incident, and named by no configuration, while the incident's own files lie elsewhere.

    `everything`: the paths of all files; `texts`: those of configurations.
    """
    texts = tuple(texts)
    return frozenset(p for p in passwords if _is_anothers(PurePosixPath(p), everything) and not _is_named(p, texts))


def _is_anothers(path: PurePosixPath, everything: Collection[str]) -> bool:
    folders = path.parts[:-1]
    if not folders or any(_ANYBODYS.search(part.lstrip(".")) for part in folders):
        return False
    home = f"{path.parent}/"
    beside = [other for other in everything if other != str(path)]
    return bool(beside) and not any(other.startswith(home) for other in beside)


def _is_named(path: str, texts: Iterable[str]) -> bool:
    tail = "/".join(PurePosixPath(path).parts[-2:])
    return any(tail in text or f"{PurePosixPath(path).parent}:" in text for text in texts)
