"""Files as a container shows them, held against what is on the disk and mounted there. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from runbook.lazy import re
from runbook.model import Call, Compose, Message, Mount, Place
from runbook.redact import is_mask


@dataclass(frozen=True, slots=True)
class Inside:
    """A file that a command showed inside a container."""

    path: str
    shown_in: str
    """The file of the bundle in which the command and its output stand."""
    text: str
    """With empty lines before it, so that its line numbers are those of the file that shows it."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return len(self.text) - len(self.text.lstrip("\n")) + 1


def differences(
    shown: Iterable[Inside], compose: Compose | None, texts: Mapping[str, str], passwords: Mapping[str, str]
) -> Iterator[Message]:
    """Two checksums of each file that is another one inside the container than on the disk.

    `texts`, `passwords`: path in the bundle → text of the files that were handed over, and of the password files.
    """
    given = {**texts, **passwords}
    for file in shown:
        for mount in (m for s in (compose.services if compose else ()) for m in s.mounts if m.kind == "bind"):
            name = _on_disk(mount, file.path, given)
            if name is None:
                continue
            disk, there = _lines(given[name]), _lines(file.text)
            if _same_entries(disk, there) if name in passwords else disk == there:
                continue
            odd = "" if name in passwords else next((line for line in there if line not in disk), "")
            told = f"{file.path} inside the container differs from {name}" + (f": {odd.strip()[:120]}" if odd else "")
            yield _sum(given[name], file.path, Place(name), f"{name} on the disk", None)
            yield _sum(file.text, file.path, Place(file.shown_in, file.line), told, Call(tool="docker", inside=True))


def _same_entries(disk: list[str], there: list[str]) -> bool:
    """Whether two views of a password file may be of the same one. Of either the hashes may have been cut off or blacked
    out: then the names decide, and where a name is not whole, nothing does."""
    one, other = (
        [line.partition(":") for line in lines if line and not line.startswith("#")] for lines in (disk, there)
    )
    cut = any(not colon for _, colon, _ in other) and any(colon for _, colon, _ in other)
    if cut or any(is_mask(name) or not _NAME.fullmatch(name) for name, _, _ in (*one, *other)):
        return True
    hashes = {name: value for name, _, value in one}
    if hashes.keys() != {name for name, _, _ in other}:
        return False
    pairs = ((hashes[name], value) for name, _, value in other)
    return all(a == b or not (_WHOLE.fullmatch(a) and _WHOLE.fullmatch(b)) for a, b in pairs)


_NAME = re.compile(r"[\w.@+-]{1,128}")
_WHOLE = re.compile(
    r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|\$apr1\$[^$]{1,8}\$[./A-Za-z0-9]{22}|\{SHA\}[A-Za-z0-9+/]{27}="
)
"""Hashes of which nothing is missing."""


def _sum(text: str, path: str, place: Place, told: str, call: Call | None) -> Message:
    digest = sha256("\n".join(_lines(text)).encode()).hexdigest()
    return Message(kind="checksum", place=place, text=told, detail=f"{digest} {path}", call=call)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _on_disk(mount: Mount, path: str, texts: Mapping[str, str]) -> str | None:
    """The file of the bundle that a mount shows at a path in the container."""
    target, source = mount.target.rstrip("/"), (mount.source or "").removeprefix("./").rstrip("/")
    if not source or not (path == target or path.startswith(f"{target}/")):
        return None
    wanted = source + path[len(target) :]
    if wanted.startswith(("/", "~", "../")):
        wanted = "/".join(wanted.split("/")[-2:]) if path != target else wanted.rsplit("/", 1)[-1]
    return next((name for name in texts if name == wanted or name.endswith(f"/{wanted}")), None)
