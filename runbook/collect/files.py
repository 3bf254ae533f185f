"""Reads the files of a bundle: each one recognised, bounded and given to its parser. A file that cannot be
read or understood is evidence (a `Problem`), never an exception."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from runbook.collect import clients, cluster, read
from runbook.collect.harvest import Harvest
from runbook.collect.kinds import HEAD, NEVER, recognise
from runbook.collect.large_log import LARGE
from runbook.collect.walk import Found, unreadable, walk
from runbook.model import ClientConfig, FileKind, ListedFile, Place, Problem, SourceFile
from runbook.parse import ParseError
from runbook.redact import Vault
from runbook.redact.lines import shown_lines

EDITABLE: frozenset[FileKind] = frozenset(
    {
        "compose", "dotenv", "registry-config", "nginx", "caddy", "haproxy", "apache", "traefik", "daemon-config",
        "kubernetes", "chart-values", "puller", "quadlet", "ci",
    }
)  # fmt: skip
"""Kinds whose lines are kept: a fix may be a diff against them."""
_ORDER: tuple[FileKind, ...] = ("htpasswd", "docker-config", "dotenv", "kubernetes", "chart-values", "compose")
"""Files full of secrets come first, so that the secrets are known when the others are masked."""
_MOST_LINES = 20_000
Progress = Callable[[str], None]


def read_files(paths: tuple[str, ...], docker_config: str | None, vault: Vault, progress: Progress) -> "Reading":
    """Find, recognise and parse all files."""
    found = walk(paths, docker_config)
    reading = Reading(Harvest(vault, problems=found.problems))
    if docker_config:
        reading.login_file = next((f.name for f in found.files if f.path.samefile(docker_config)), None)
    for folder in found.folders:
        reading.harvest.listings.append(ListedFile(place=Place(folder), path=folder, kind="directory"))
    opened = [reading.open(file) for file in found.files]
    for source, file in sorted((o for o in opened if o), key=lambda o: _rank(o[0].kind)):
        progress(f"reading {source.path} ({source.kind})")
        reading.parse(source, file)
    reading.parse_pasted()
    manifests = SourceFile(path="Kubernetes manifests", kind="kubernetes")
    reading.guarded(manifests, partial(cluster.join, reading.harvest))
    reading.guarded(SourceFile(path="nginx files", kind="nginx"), reading.harvest.join_nginx)
    reading.guarded(SourceFile(path="compose files", kind="compose"), reading.harvest.join_compose)
    reading.guarded(manifests, partial(cluster.finish, reading.harvest))
    reading.guarded(SourceFile(path="quadlets", kind="quadlet"), partial(clients.finish, reading.harvest))
    reading.keep_lines()
    return reading


class Reading:
    """The files of one bundle on their way to evidence."""

    def __init__(self, harvest: Harvest) -> None:
        self.harvest = harvest
        self.sources: list[SourceFile] = []
        self.login_file: str | None = None
        self._texts: dict[str, str] = {}
        self._encodings: dict[str, str] = {}

    @property
    def docker_config(self) -> ClientConfig | None:
        """The client's file that --docker-config names."""
        return next((c for c in self.harvest.clients if c.file == self.login_file), None)

    def open(self, found: Found) -> tuple[SourceFile, Found] | None:
        """Recognise a file; None when there is nothing to parse in it."""
        if found.path.suffix.lower() in NEVER:
            self.sources.append(SourceFile(path=found.name, kind="unknown", size=found.size))
            return None
        try:
            with found.path.open("rb") as stream:
                head = stream.read(HEAD)
        except OSError as error:
            self.harvest.problems.append(unreadable(found.name, error))
            return None
        named = found.name == self.login_file
        kind = "docker-config" if named else recognise(found.name, read.first_text(head))
        # A log that was cut while it was written to begins with a hole of NULs.
        readable = read.encoding(head.replace(b"\0", b"") if kind == "log" else head) is not None
        if not readable and kind != "htpasswd":
            self._skip(found, _binary(head))
            return None
        if kind != "log" and found.size > read.limit(kind):
            self._skip(found, f"This file has {found.size >> 20} MB; only logs are read at that size.")
            return None
        source = SourceFile(path=found.name, kind=kind, size=found.size)
        return source, found

    def parse(self, source: SourceFile, found: Found) -> None:
        """Give a file to its parser."""
        self.sources.append(source)
        if source.kind == "unknown":
            self._problem(Place(source.path), "It is not clear what this file is; it was not judged.")
        else:
            self.guarded(source, lambda: self._parse(source, found))

    def parse_pasted(self) -> None:
        """Files that stand in other texts; one of that kind that was handed over itself says more."""
        had, taken = {source.kind for source in self.sources}, {source.path for source in self.sources}
        for paste, file in sorted(self.harvest.pasted(), key=lambda found: _rank(found[1].kind)):
            if file.kind in had:
                continue
            name = paste if file.path is None else str(PurePosixPath(paste).parent / file.path)
            if file.path is not None:
                if name in taken:
                    continue
                taken.add(name)
            source = SourceFile(path=name, kind=file.kind, size=len(file.data))
            if file.path is not None:
                self.sources.append(source)
                if file.kind in EDITABLE:
                    self._texts[name] = file.text
            if file.kind == "htpasswd":
                self.guarded(source, partial(self.harvest.add_htpasswd, name, file.data))
            else:
                self.guarded(source, partial(self.harvest.add_text, file.kind, name, file.text))

    def guarded(self, source: SourceFile, action: Callable[[], None]) -> None:
        """Run a parser. What it cannot understand is a problem of that file; its breaking must not hide the rest."""
        try:
            action()
        except ParseError as error:
            # What is in it was not understood, so its secrets are not known: none of its lines is kept.
            self._texts.pop(error.file, None)
            self._problem(Place(error.file, error.line), error.message)
        except OSError as error:
            self.harvest.problems.append(unreadable(source.path, error))
        except Exception as error:
            if os.environ.get("RUNBOOK_DEBUG"):
                raise
            self._texts.pop(source.path, None)
            self._problem(
                Place(source.path), f"runbook broke over this file ({type(error).__name__}); please report it."
            )

    def keep_lines(self) -> None:
        """Keep the lines of what a fix may edit, now that all secrets are known."""
        self.sources = [
            with_lines(s, self._texts[s.path], self.harvest.vault, self._encodings.get(s.path, "utf-8"))
            if s.path in self._texts
            else s
            for s in self.sources
        ]

    def _parse(self, source: SourceFile, found: Found) -> None:
        if source.kind == "log":
            with found.path.open("rb") as stream:
                name = read.encoding(stream.read(HEAD)) or "utf-8"
                stream.seek(0)
                if source.size > LARGE and not name.startswith("utf-16"):
                    self.harvest.add_large_log(source.path, stream, source.size, name)
                    return
                self.harvest.add_log(source.path, read.lines(stream, name))
            return
        with found.path.open("rb") as stream:
            data = stream.read(read.limit(source.kind) + 1)
        if source.kind == "htpasswd":
            self.harvest.add_htpasswd(source.path, data)
        elif source.kind == "evidence":
            self.harvest.add_evidence(source.path, data)
        else:
            encoding = read.encoding(data[:HEAD]) or "utf-8"
            text = data.decode(encoding, "replace")
            if source.kind in EDITABLE:
                self._texts[source.path], self._encodings[source.path] = text, encoding
            self.harvest.add_text(source.kind, source.path, text)

    def _skip(self, found: Found, why: str) -> None:
        self.sources.append(SourceFile(path=found.name, kind="unknown", size=found.size))
        self._problem(Place(found.name), why)

    def _problem(self, place: Place, message: str) -> None:
        self.harvest.problems.append(Problem(place=place, message=self.harvest.vault.mask(message, 500)))


def with_lines(source: SourceFile, text: str, vault: Vault, encoding: str = "utf-8") -> SourceFile:
    """The source with its lines as they may be kept; without any when there are too many.

    A line that is not spelled so in the file's own bytes (another encoding, a byte order mark) counts as masked:
    a patch with it would not apply.
    """
    rows = text.removesuffix("\n").split("\n")
    if len(rows) > _MOST_LINES:
        return source
    allowed, _ = shown_lines(source.kind, source.path, text)
    shown = tuple(vault.mask(row) for row in allowed)
    changed = {n for n, (row, mask) in enumerate(zip(rows, shown, strict=True), 1) if row != mask or "\ufffd" in row}
    if encoding.startswith("utf-16"):
        changed.update(range(1, len(rows) + 1))
    elif encoding != "utf-8":
        changed.update(n for n, row in enumerate(rows, 1) if not row.isascii() or (n == 1 and encoding == "utf-8-sig"))
    return replace(source, lines=shown, masked=tuple(sorted(changed)), final_newline=text.endswith("\n"))


def _rank(kind: FileKind) -> int:
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER) + (kind == "log")


def _binary(head: bytes) -> str:
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return "This file is compressed and was not read; unpack it first."
    return "This file is binary and was not read."
