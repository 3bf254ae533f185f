"""Where the embedded registry keeps blobs, manifests, tags and open uploads: plain files."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from runbook.lazy import re

_HEX = {"sha256": 64, "sha384": 96, "sha512": 128}


def valid_digest(text: str) -> bool:
    """Whether a digest has a known algorithm and its length."""
    algorithm, _, digits = text.partition(":")
    return bool(re.fullmatch(r"[a-f0-9]+", digits)) and _HEX.get(algorithm) == len(digits)


def digest_of(data: bytes) -> str:
    """The sha256 digest as the API writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Store:
    """A folder of repositories. Names and digests are checked by the router before they come here."""

    def __init__(self, root: Path, major: int) -> None:
        self.root, self.major = root, major
        for name in ("blobs", "repositories", "uploads"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def blob(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", "-")

    def _links(self, name: str, kind: str) -> Path:
        return self.root / "repositories" / name / f"_{kind}"

    def linked(self, name: str, kind: str, digest: str) -> bool:
        """Whether a repository has that layer or manifest."""
        return (self._links(name, kind) / digest.replace(":", "-")).exists()

    def link(self, name: str, kind: str, digest: str, note: str = "") -> None:
        folder = self._links(name, kind)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest.replace(":", "-")).write_text(note)

    def note(self, name: str, kind: str, digest: str) -> str:
        """What was kept with the link: a manifest's media type."""
        return (self._links(name, kind) / digest.replace(":", "-")).read_text()

    def unlink(self, name: str, kind: str, digest: str) -> None:
        (self._links(name, kind) / digest.replace(":", "-")).unlink()

    def put(self, digest: str, data: bytes) -> None:
        self.blob(digest).write_bytes(data)

    def repositories(self) -> list[str]:
        """2.8 lists all that anything was ever sent to, even a mere upload; 3.x those with manifests."""
        base, kind = self.root / "repositories", "_*" if self.major == 2 else "_manifests"
        return sorted({str(p.parent.relative_to(base)) for p in base.rglob(kind) if p.is_dir()})

    def open(self, name: str) -> None:
        """An upload makes a repository, before it holds anything."""
        self._links(name, "uploads").mkdir(parents=True, exist_ok=True)

    def tags(self, name: str) -> list[str] | None:
        """The tags of a repository; None when the repository is unknown."""
        if not self._links(name, "manifests").exists():
            return None
        folder = self._links(name, "tags")
        return sorted(p.name for p in folder.iterdir()) if folder.exists() else []

    def tagged(self, name: str, tag: str) -> str | None:
        path = self._links(name, "tags") / tag
        return path.read_text() if path.exists() else None

    def tag(self, name: str, tag: str, digest: str) -> None:
        folder = self._links(name, "tags")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / tag).write_text(digest)

    def untag(self, name: str, tags: Iterable[str]) -> None:
        for tag in tags:
            (self._links(name, "tags") / tag).unlink()

    def upload(self, uuid: str) -> Path:
        return self.root / "uploads" / uuid

    def commit(self, name: str, uuid: str, digest: str) -> bool:
        """Make a blob of an upload if its content has that digest."""
        path = self.upload(uuid)
        with path.open("rb") as source:
            found = hashlib.file_digest(source, digest.partition(":")[0]).hexdigest()
        if found != digest.partition(":")[2]:
            return False
        shutil.move(path, self.blob(digest))
        self.link(name, "layers", digest)
        return True
