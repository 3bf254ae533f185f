"""Reads the files of a bundle: each one unpacked, recognised, bounded and given to its parser. What cannot be read or
understood, a file or a part of one, is evidence (a `Problem`), never an exception."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from runbook.collect import clients, cluster, read
from runbook.collect.carriers import Carrier, carried
from runbook.collect.compose_files import SET_ASIDE
from runbook.collect.copies import copies
from runbook.collect.dated import mail_time, of_another_time
from runbook.collect.harvest import OF_OLD, Harvest
from runbook.collect.inside import Inside, differences
from runbook.collect.kinds import HEAD, NEVER, is_dump, is_prose_name, is_report, recognise, tells
from runbook.collect.large_log import LARGE
from runbook.collect.neighbours import neighbours, other_sites
from runbook.collect.sentences import COMPLAINT, FAILING, OURS, UNCLEAR, UNTOLD
from runbook.collect.unpack import mail, packed
from runbook.collect.unpack.dress import unnumbered
from runbook.collect.unpack.envelope import line_reader
from runbook.collect.unpack.part import Budget, Part, RefusedError
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.texts import Paste, Pasted
from runbook.collect.unpack.voice import complaint, failure, is_example, is_over
from runbook.collect.walk import Found, unreadable, walk
from runbook.lazy import re
from runbook.model import ClientConfig, FileKind, ListedFile, Place, Problem, SourceFile, Voice
from runbook.parse import ParseError
from runbook.redact import Vault
from runbook.redact.lines import shown_lines

if TYPE_CHECKING:
    from runbook.collect.engine import Gathered

EDITABLE: frozenset[FileKind] = frozenset(
    {
        "compose", "dotenv", "registry-config", "nginx", "caddy", "haproxy", "apache", "traefik", "daemon-config",
        "kubernetes", "chart-values", "puller", "quadlet", "ci",
    }
)  # fmt: skip
"""Kinds whose lines are kept: a fix may be a diff against them."""
_ORDER: tuple[FileKind, ...] = ("htpasswd", "docker-config", "dotenv", "kubernetes", "chart-values", "compose")
"""Files full of secrets come first, so that the secrets are known when the others are masked."""
TEXTS: frozenset[FileKind] = frozenset({"text", "curl", "listing", "ps", "ci-log", "settings-text", "unknown"})
"""Kinds in which other files may stand."""
_COPIED: frozenset[FileKind] = EDITABLE - {"compose"} | {"htpasswd", "docker-config"}
"""Kinds of which a copy beside the original says nothing of now; which compose files count is decided for all of them."""
_MOST_LINES = 20_000
_DEPTH = 4
"""Containers within containers."""
Progress = Callable[[str], None]
UNOPENED = "Keys and certificates are not opened."
REPORT = (
    "This is a report of runbook and no evidence: hand over the files that it was made from. --compare takes its JSON."
)


def read_files(
    paths: tuple[str, ...],
    docker_config: str | None,
    vault: Vault,
    progress: Progress,
    gathered: "Gathered | None" = None,
) -> "Reading":
    """Find, unpack, recognise and parse all files, those that a running stack gave among them."""
    found = walk(paths, docker_config)
    reading = Reading(Harvest(vault, problems=found.problems))
    if docker_config:
        reading.login_file = next((f.name for f in found.files if f.path.samefile(docker_config)), None)
    for folder in found.folders:
        reading.harvest.listings.append(ListedFile(place=Place(folder), path=folder, kind="directory"))
    reading.names.update(file.name for file in found.files)
    for file in found.files:
        reading.open(Item.of(file))
    if gathered is not None:
        reading.take(gathered)
    reading.parse_all(progress)
    return reading


Kind = Literal["", "nothing-found", "complaint", "push-complaint", "log-complaint", "failing"]
"""Of a problem."""


def _is_unit(path: str, rows: Sequence[str]) -> bool:
    """Whether it is a unit of systemd: its words (Restart=on-failure) tell of no trouble."""
    first = next((row.strip() for row in rows if row.strip() and not row.lstrip().startswith(("#", ";"))), "")
    return path.endswith((".service", ".socket", ".timer", ".conf")) and first in (
        "[Unit]",
        "[Service]",
        "[Install]",
        "[Socket]",
    )


@dataclass(frozen=True, slots=True)
class Item:
    """A file on disk, or one that stood in a container."""

    name: str
    """Relative to the bundle: how rules know it. A part lies where its container lies."""
    size: int
    path: Path | None = None
    data: bytes = b""
    shown: str = ""
    """How people find it, where the name does not say: `thread.eml § docker-compose.yml`."""
    voice: Voice = "program"

    @classmethod
    def of(cls, found: Found) -> "Item":
        """A file that was found on disk."""
        return cls(found.name, found.size, found.path)

    @property
    def title(self) -> str:
        """How people find it."""
        return self.shown or self.name

    def open(self) -> BinaryIO:
        """Its bytes as a stream."""
        return self.path.open("rb") if self.path is not None else io.BytesIO(self.data)

    def read(self, size: int) -> bytes:
        """Its first bytes."""
        with self.open() as stream:
            return stream.read(size)


@dataclass(slots=True)
class Piece:
    """A file that was recognised and waits for its parser."""

    source: SourceFile
    parse: Callable[[], None]
    pasted: bool = False
    """Whether it only stood in a text: a file of its kind that was handed over itself says more."""


class Reading:
    """The files of one bundle on their way to evidence."""

    def __init__(self, harvest: Harvest) -> None:
        self.harvest = harvest
        self.sources: list[SourceFile] = []
        self.login_file: str | None = None
        self.names: set[str] = set()
        """Every name that is taken, of files and of parts."""
        self.shown: dict[str, str] = {}
        """Name → how people find it, for parts of containers."""
        self.looked_at = 0
        """How many files and parts could be read, whether or not they were understood."""
        self._texts: dict[str, str] = {}
        self._passwords: dict[str, str] = {}
        """Path → text of the password files: never kept as evidence."""
        self._encodings: dict[str, str] = {}
        self._mails: dict[str, float] = {}
        """Name → when it was sent, of mails and of what stood in them."""
        self._over: set[str] = set()
        self._complained: dict[
            int, str
        ] = {}  # the place of a complaint among the problems → its row, which is not kept
        """Texts that end with the word that it is over."""
        self._pieces: list[Piece] = []
        self._inside_containers: list[Inside] = []
        self._budget = Budget()

    @property
    def docker_config(self) -> ClientConfig | None:
        """The client's file that --docker-config names."""
        return next((c for c in self.harvest.clients if c.file == self.login_file), None)

    # ---- opening --------------------------------------------------------------------------------------------

    def open(self, item: Item, depth: int = 0) -> None:
        """Recognise a file and put it in line for its parser; what is packed in it likewise."""
        if item.name.lower().endswith(NEVER):
            self._note(item, "unknown")
            self._problem(item.name, UNOPENED, kind="nothing-found")
            return
        try:
            head = item.read(HEAD)
            self._open(item, head, depth)
        except OSError as error:
            self.harvest.problems.append(unreadable(item.name, error))

    def take(self, gathered: "Gathered") -> None:
        """What a running stack gave; a file that was handed over under the same name stays."""
        self.harvest.listings += gathered.listings
        self.harvest.messages += gathered.messages
        self.harvest.problems += gathered.problems
        for name, data, shown in gathered.files:
            if name not in self.names:
                self.names.add(name)
                if shown != name:
                    self.shown[name] = shown
                self.open(Item(name, len(data), data=data, shown=shown if shown != name else ""))

    def _open(self, item: Item, head: bytes, depth: int) -> None:
        if depth < _DEPTH and packed.is_packed(head):
            self._unpack(item, depth)
            return
        if depth < _DEPTH and mail.is_mail(head):
            self._unpack(item, depth)
            return
        if is_report(read.first_text(head)):
            self._note(item, "unknown")
            self._problem(item.name, REPORT, kind="nothing-found")
            return
        named = item.name == self.login_file
        kind = "docker-config" if named else recognise(item.name, read.first_text(head))
        # A log that was cut while it was written to begins with a hole of NULs.
        readable = read.encoding(head.replace(b"\0", b"") if kind == "log" else head) is not None
        if not readable and kind != "htpasswd":
            self._skip(item, "This file is binary and was not read.")
        elif kind in TEXTS or self._may_carry(item, kind, head):
            self._text(item, kind, depth)
        elif kind != "log" and item.size > read.limit(kind):
            self._skip(item, f"This file has {item.size >> 20} MB; only logs are read at that size.")
        else:
            self._whole(item, kind)

    def _whole(self, item: Item, kind: FileKind) -> None:
        self._line_up(self._source(item, kind, item.voice), lambda source: self._parse(source, item))

    @staticmethod
    def _may_carry(item: Item, kind: FileKind, head: bytes) -> bool:
        """Whether a file that was recognised by its content may hold others as well, or be an export."""
        if kind == "log" and not _is_plain_log(head):
            return True
        if kind in ("har", "evidence"):
            return False
        if kind == "log":
            return item.size <= read.limit("text") and (not tells(item.name) or b"\n==> " in b"\n" + head)
        return not tells(item.name) or is_dump(head.decode("utf-8", "replace"))

    def _unpack(self, item: Item, depth: int) -> None:
        """The files in an archive or a mail."""
        self._note(item, "unknown")
        if item.size > packed.MOST_PACKED:
            self._problem(
                item.name, f"This file has {item.size >> 20} MB; archives and mails of that size are not opened."
            )
            return
        data = item.read(packed.MOST_PACKED)
        self._sent(item, data[: read.limit("text")].decode("utf-8", "replace"))
        parts = (
            packed.unpacked(item.name, data, self._budget)
            if packed.is_packed(data)
            else mail.parts_of(data, self._budget)
        )
        try:
            for part in parts:
                self.open(self._inside(item, part), depth + 1)
        except RefusedError as refusal:
            self._problem(item.name, str(refusal))

    def _sent(self, item: Item, text: str) -> None:
        if (sent := mail_time(text)) is not None:
            self._mails[item.name] = sent

    def _inside(self, item: Item, part: Part) -> Item:
        name = self._free(item.name, part.path)
        self.shown[name] = shown = f"{item.title} § {part.path}"
        if (sent := self._mails.get(item.name) if part.sent is None else part.sent) is not None:
            self._mails[name] = sent
        return Item(name, len(part.data), data=part.data, shown=shown, voice=part.voice)

    def _free(self, container: str, path: str) -> str:
        """A name for a part: beside its container, or (where that is taken) below it."""
        folder = container.rpartition("/")[0]
        names = (f"{folder}/{path}" if folder else path, f"{container}/{path}")
        name = next((n for n in names if n not in self.names), None)
        count = 2
        while name is None:
            tried = f"{container}/{count}/{path}"
            name, count = (tried if tried not in self.names else None), count + 1
        self.names.add(name)
        return name

    def _text(self, item: Item, kind: FileKind, depth: int) -> None:
        """A text: what stands in it becomes parts, the rest is read as what people and programs said."""
        limit = (
            read.EXPORT_LIMIT if item.read(4).lstrip(b"\xef\xbb\xbf")[:1] in (b"{", b"[", b'"') else read.limit("text")
        )
        data = item.read(limit + 1)
        self._budget.bytes -= len(data)
        if len(data) > limit or self._budget.bytes < 0:
            message = f"This text is longer than {limit >> 20} MB; only its beginning was read."
            self._problem(item.name, message)
            data = data[: limit if self._budget.bytes >= 0 else 0]
        text = data.decode(read.encoding(data[:HEAD]) or "utf-8", "replace").lstrip("\ufeff")
        self._sent(item, text)
        carrier = carried(item.name, kind, text)
        source = self._source(item, carrier.kind, carrier.voice if item.voice == "program" else item.voice)
        if carrier.whole is not None and carrier.as_it_is:
            self._whole(item, carrier.kind)
            return
        if (whole := carrier.whole) is not None:
            self._line_up(source, lambda s: self._parse_text(s, whole))
            for file in carrier.paste.latest():
                self._pasted(item, source, file, depth)
            return
        if carrier.paste.counted:
            self.shown[item.name] = f"{item.title} § messages"
        self._line_up(source, lambda s: self._parse_prose(s, carrier))
        for path, message in carrier.paste.partial:
            self._problem(item.name, f"{path}: {message}")
        for file in carrier.paste.latest():
            self._pasted(item, source, file, depth)

    def _pasted(self, item: Item, source: SourceFile, file: Pasted, depth: int) -> None:
        """A file that stands in a text."""
        voice: Voice = "document" if "document" in (source.voice, file.voice) else "program"
        if file.path is None:
            if voice == "program":
                if file.inside:
                    self._inside_containers.append(Inside(file.inside, item.name, file.text))
                inner = SourceFile(path=item.name, kind=file.kind, size=len(file.text))
                self._line_up(inner, lambda s: self._parse_text(s, file.text, keep=False), pasted=True)
            return
        part = self._inside(item, Part(file.path, file.data, voice))
        if voice == "document":
            self._note(part, file.kind)
        elif file.kind in TEXTS or file.kind == "log":
            self.open(part, depth + 1) if depth < _DEPTH else self._note(part, "unknown")
        else:
            inner = self._source(part, file.kind)
            self._line_up(inner, lambda s: self._parse_text(s, file.text), pasted=True)

    def _line_up(self, source: SourceFile, parse: Callable[[SourceFile], None], *, pasted: bool = False) -> None:
        self.looked_at += 1
        self._pieces.append(Piece(source, lambda: parse(source), pasted))

    # ---- parsing --------------------------------------------------------------------------------------------

    def parse_all(self, progress: Progress) -> None:
        """Give every file to its parser, those with secrets first."""
        had = {p.source.kind for p in self._pieces if not p.pasted}
        self._set_examples_aside()
        for piece in sorted(self._pieces, key=lambda p: (_rank(p.source.kind), p.pasted)):
            source = piece.source
            if piece.pasted and source.kind in had:
                continue
            if source.path not in (s.path for s in self.sources[-1:]) or not piece.pasted:
                progress(f"reading {self.shown.get(source.path, source.path)} ({source.kind})")
            if not piece.pasted or source.path in self.shown:
                self.sources.append(source)
            self.guarded(source, piece.parse)
        self._name_who_complains()
        self._set_copies_aside()
        self._set_neighbours_aside()
        alone = {p for p in self._over if not any(title.startswith(f"{p} § ") for title in self.shown.values())}
        self.harvest.date(self._mails, alone)
        self.harvest.set_back(of_another_time(self._mails, self.harvest.times()), OF_OLD)
        manifests = SourceFile(path="Kubernetes manifests", kind="kubernetes")
        self.guarded(manifests, partial(cluster.join, self.harvest))
        self.guarded(SourceFile(path="nginx files", kind="nginx"), self.harvest.join_nginx)
        self.guarded(SourceFile(path="Apache files", kind="apache"), self.harvest.join_apache)
        self.guarded(SourceFile(path="Caddyfiles", kind="caddy"), self.harvest.join_caddy)
        self.guarded(SourceFile(path="traefik files", kind="traefik"), self.harvest.join_traefik)
        sites = self._set_other_sites_aside()
        self.harvest.set_back_what_is_over(alone)
        self.guarded(SourceFile(path="compose files", kind="compose"), self.harvest.join_compose)
        self._tell_of_other_sites(sites)
        self.harvest.messages.extend(
            differences(self._inside_containers, self.harvest.compose, self._texts, self._passwords)
        )
        self.guarded(manifests, partial(cluster.finish, self.harvest))
        self.guarded(SourceFile(path="quadlets", kind="quadlet"), partial(clients.finish, self.harvest))
        self.keep_lines()

    def _set_examples_aside(self) -> None:
        """Of files in a folder of documents or examples nothing is judged where the stack has files of its own."""
        own = {p.source.kind for p in self._pieces if not is_example(p.source.path)}
        for piece in self._pieces:
            if (
                piece.source.kind in EDITABLE | {"htpasswd"}
                and is_example(piece.source.path)
                and piece.source.kind in own
            ):
                piece.source = replace(piece.source, voice="document")
                piece.parse = lambda: None

    def _set_copies_aside(self) -> None:
        """Of a copy that was set aside beside its original nothing is judged; its secrets are known all the same."""
        kinds = {p.source.path: p.source.kind for p in self._pieces if not p.pasted and p.source.kind in _COPIED}
        old = copies(kinds, self._texts)
        if old:
            self.harvest.drop(old)
            self.sources = [replace(s, voice="document") if s.path in old else s for s in self.sources]

    def _set_other_sites_aside(self) -> frozenset[str]:
        """Of a site that nothing else speaks of, in a folder of its own, nothing is judged."""
        spoken = frozenset(self.harvest.spoken_of(self._over))
        found = other_sites(self.harvest.routes, self._given(), self._texts, spoken)
        self.harvest.drop(found)
        return found

    def _tell_of_other_sites(self, found: frozenset[str]) -> None:
        """Where nobody speaks of an address and no other site or UI is known, the one left out may be the one in
        question: then nothing is known to be sound."""
        harvest = self.harvest
        services = harvest.compose.services if harvest.compose else ()
        known = any(harvest.spoken_of(self._over)) or any(s.role in ("ui", "proxy") for s in services) or harvest.routes
        kind: Literal["", "other-project"] = "other-project" if known else ""
        message = "Nothing else that was handed over speaks of this site or of where it leads; it was not judged."
        harvest.problems.extend(Problem(place=Place(path), message=message, kind=kind) for path in sorted(found))

    def _given(self) -> list[str]:
        return [p.source.path for p in self._pieces if not p.pasted or p.source.path in self.shown]

    def _set_neighbours_aside(self) -> None:
        """Of another program's password file nothing is judged; its secrets are known all the same."""
        given = self._given()
        found = neighbours((h.file for h in self.harvest.htpasswd if h.file in given), given, self._texts.values())
        self.harvest.drop(found)
        for path in sorted(found):
            message = (
                "It lies in a folder of something else, and nothing says that the registry reads it; it was not judged."
            )
            self.harvest.problems.append(Problem(place=Place(path), message=message, kind="other-project"))

    def guarded(self, source: SourceFile, action: Callable[[], None]) -> None:
        """Run a parser. What it cannot understand is a problem of that file; its breaking must not hide the rest."""
        try:
            action()
        except ParseError as error:
            # What is in it was not understood, so its secrets are not known: none of its lines is kept.
            self._texts.pop(error.file, None)
            self._problem(error.file, error.message, error.line)
        except OSError as error:
            self.harvest.problems.append(unreadable(source.path, error))
        except Exception as error:
            if os.environ.get("RUNBOOK_DEBUG"):
                raise
            self._texts.pop(source.path, None)
            self._problem(source.path, f"runbook broke over this file ({type(error).__name__}); please report it.")

    def keep_lines(self) -> None:
        """Keep the lines of what a fix may edit, now that all secrets are known."""
        self.sources = [
            with_lines(s, self._texts[s.path], self.harvest.vault, self._encodings.get(s.path, "utf-8"))
            if s.path in self._texts
            else s
            for s in self.sources
        ]

    def place(self, place: Place) -> Place:
        """A place with the name by which people find it."""
        shown = self.shown.get(place.file)
        return replace(place, shown=shown) if shown else place

    def _parse(self, source: SourceFile, item: Item) -> None:
        """A whole file, read now."""
        if source.kind == "log":
            self._parse_log(source, item)
            return
        data = item.read(read.limit(source.kind) + 1)
        if source.kind == "htpasswd":
            self._passwords[source.path] = _without_numbers(data).decode("utf-8", "replace")
            self.harvest.add_htpasswd(source.path, _without_numbers(data))
        elif source.kind == "evidence":
            self.harvest.add_evidence(source.path, data)
        else:
            encoding = read.encoding(data[:HEAD]) or "utf-8"
            self._encodings[source.path] = encoding
            self._parse_text(source, _without_numbers(data).decode(encoding, "replace"))

    def _parse_log(self, source: SourceFile, item: Item) -> None:
        with item.open() as stream:
            head = stream.read(HEAD)
            stream.seek(0)
            name = read.encoding(head) or "utf-8"
            reader = line_reader(head.decode(name, "replace"))
            if source.size > LARGE and not name.startswith("utf-16"):
                self.harvest.add_large_log(source.path, stream, source.size, name, reader)
                return
            rows = read.lines(stream, name)
            if self.harvest.add_log(source.path, reader(rows) if reader else rows):
                return
            stream.seek(0)
            rows = read.lines(stream, name)
            said = Paste(Rows(list(reader(rows) if reader else rows)), program=True)
            if not self.harvest.add_prose(source.path, said, "text", "program"):
                self._untold(source, said)

    def _parse_text(self, source: SourceFile, text: str, *, keep: bool = True) -> None:
        """A text of a kind that has its own syntax."""
        if source.kind == "htpasswd":
            self.harvest.add_htpasswd(source.path, text.encode("utf-8", "surrogatepass"))
        elif source.kind == "evidence":
            self.harvest.add_evidence(source.path, text.encode("utf-8", "surrogatepass"))
        else:
            if keep and source.kind in EDITABLE:
                self._texts[source.path] = text
            had = self.harvest.told
            self.harvest.add_text(source.kind, source.path, text)
            if source.kind == "settings-text" and self.harvest.told == had:
                self._problem(source.path, UNTOLD, kind="nothing-found")

    def _parse_prose(self, source: SourceFile, carrier: Carrier) -> None:
        """What people and programs said."""
        told = self.harvest.add_prose(source.path, carrier.paste, source.kind, source.voice)
        known = told or carrier.paste.files or carrier.paste.partial or source.voice == "document"
        if source.voice == "person" and is_over(carrier.paste.rest(), carrier.paste.framed, carrier.paste.written):
            self._over.add(source.path)
        rows = carrier.paste.rest()
        speaks = source.voice == "person" and not SET_ASIDE.search(source.path) and not _is_unit(source.path, rows)
        line, kind = complaint(rows, carrier.paste.framed, carrier.paste.written) if speaks else (None, "")
        if line is not None:
            self._problem(source.path, COMPLAINT, line, kind)
            self._complained[len(self.harvest.problems) - 1] = rows[line - 1]
        if not known and (source.kind == "unknown" or not is_prose_name(source.path)):
            self._problem(source.path, UNCLEAR)
        elif not known and line is not None:
            self._problem(source.path, UNTOLD, kind="nothing-found")
        elif not known:
            self._untold(source, carrier.paste)

    def _name_who_complains(self) -> None:
        """Of each complaint the users whom it names, of those that anything else shows: no other word of it is kept."""
        for number, row in self._complained.items():
            words = set(re.findall(r"[\w@-]+(?:\.[\w@-]+)*", row.lower()))
            users = tuple(sorted(user for user in self.harvest.users() if user.lower() in words))
            self.harvest.problems[number] = replace(self.harvest.problems[number], users=users)

    def _untold(self, source: SourceFile, paste: Paste) -> None:
        """A text in which nothing was recognised; where it speaks of a failure, nobody is healthy who has not read it."""
        rows = paste.rest()
        row = failure(source.path, rows)
        if row is None or is_over(rows, written=paste.written):
            self._problem(source.path, UNTOLD, kind="nothing-found")
        else:
            self._problem(source.path, FAILING, row, kind="failing")

    # ---- notes ----------------------------------------------------------------------------------------------

    def _source(self, item: Item, kind: FileKind, voice: Voice = "program") -> SourceFile:
        return SourceFile(path=item.name, kind=kind, size=item.size, voice=voice, shown=item.shown)

    def _note(self, item: Item, kind: FileKind) -> None:
        self.sources.append(self._source(item, kind, item.voice))

    def _skip(self, item: Item, why: str) -> None:
        self._note(item, "unknown")
        self._problem(item.name, why)

    def _problem(
        self,
        file: str,
        message: str,
        line: int | None = None,
        kind: Kind = "",
    ) -> None:
        shown = message if message in OURS else self.harvest.vault.mask(message, 500)
        self.harvest.problems.append(Problem(place=self.place(Place(file, line)), message=shown, kind=kind))


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


def _is_plain_log(head: bytes) -> bool:
    """Whether a log can be read line by line, in whatever envelope; an export in one document cannot."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start not in (b"{", b"["):
        return True
    text = head.decode("utf-8", "replace")
    return start == b"{" and (line_reader(text) is not None or text.split("\n", 1)[0].rstrip().endswith("}"))


def _without_numbers(data: bytes) -> bytes:
    """The bytes of a file that was written with `cat -n` as they were before."""
    if data[:12].lstrip(b" ")[:2] not in (b"1\t", b"1:", b"1|"):
        return data
    rows = Rows([row.decode("utf-8", "surrogateescape") for row in data.split(b"\n")])
    return unnumbered(rows).text.encode("utf-8", "surrogateescape")
