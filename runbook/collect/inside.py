"""Files as a container shows them, held against what is on the disk and mounted there. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from runbook.model import Call, Compose, Message, Mount, Place


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

    `texts`, `passwords`: path in the bundle → text of the files that were handed over, and of the password files, of
    which only names are told; where names alone were shown, names are compared.
    """
    texts = {**texts, **passwords}
    for file in shown:
        for mount in (m for s in (compose.services if compose else ()) for m in s.mounts if m.kind == "bind"):
            name = _on_disk(mount, file.path, texts)
            if name is None:
                continue
            disk, there = _lines(texts[name]), _lines(file.text)
            if name in passwords and not any(":" in line for line in there):
                disk = [line.partition(":")[0] for line in disk]
            if disk == there:
                continue
            odd = "" if name in passwords else next((a for a in there if a not in disk), "")
            told = f"{file.path} inside the container differs from {name}" + (f": {odd.strip()[:120]}" if odd else "")
            yield _sum(texts[name], file.path, Place(name), f"{name} on the disk", None)
            yield _sum(file.text, file.path, Place(file.shown_in, file.line), told, Call(tool="docker", inside=True))


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
