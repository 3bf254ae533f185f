"""A text that people hand over: its dress taken off, the files in it found, what is left told apart by who speaks. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from runbook.collect import marks
from runbook.collect.kinds import recognise
from runbook.collect.unpack import diffs
from runbook.collect.unpack.dress import (
    outdented,
    quoted_eras,
    rejoined,
    undated,
    unnumbered,
    unquoted,
    untimed,
    unwrapped,
)
from runbook.collect.unpack.fragments import completed
from runbook.collect.unpack.frames import Block, framed
from runbook.collect.unpack.listed import listed
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.sections import fits_so_far, looks_like, sectioned
from runbook.collect.unpack.terminal import shown as on_screen
from runbook.collect.unpack.tickets import unstamped
from runbook.collect.unpack.typed import prose_shown
from runbook.collect.unpack.typed import shown as shown_by_commands
from runbook.collect.unpack.voice import EXAMPLE
from runbook.model import FileKind, Voice

CONFIGURED: tuple[FileKind, ...] = (
    "compose", "dotenv", "registry-config", "htpasswd", "nginx", "caddy", "caddy-json", "haproxy", "apache", "traefik", "docker-config",
    "daemon-config", "inspect", "har", "kubernetes", "chart-values", "puller", "quadlet", "ci",
)  # fmt: skip
"""Kinds that are files in their own right, also without a name."""
_LANGUAGES = {
    "yaml": "block.yml", "yml": "block.yml", "nginx": "block.conf", "conf": "block.conf", "apache": "block.conf", "haproxy": "block.cfg",
    "caddy": "Caddyfile", "caddyfile": "Caddyfile", "toml": "block.toml", "json": "block.json",
}  # fmt: skip
_MOST = 200


@dataclass(frozen=True, slots=True)
class Pasted:
    """A file that stands in a text."""

    kind: FileKind
    text: str
    """Without a path: with empty lines before it, so that its line numbers are those of the text."""
    path: str | None = None
    """The file's own name where the text tells it; its lines are then its own, and a fix can be a diff."""
    voice: Voice = "program"
    inside: str = ""
    """The path in a container under which a command showed it."""
    era: float = 0.0
    loose: bool = False
    """As in `Place`."""

    @property
    def data(self) -> bytes:
        """As bytes, for what is read so."""
        return self.text.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Paste:
    """A text taken apart."""

    rows: Rows
    files: list[Pasted] = field(default_factory=list)
    framed: set[int] = field(default_factory=set)
    """Rows (from 0) that somebody framed: what a program wrote."""
    claimed: set[int] = field(default_factory=set)
    """Rows that belong to the files."""
    partial: list[tuple[str, str]] = field(default_factory=list)
    """Files of which only a part stands here: name and why they were not judged."""
    program: bool = False
    """Whether all of it was written by programs: the export of a log."""

    def rest(self) -> list[str]:
        """The rows that belong to no file; the others are empty."""
        return ["" if number in self.claimed else row for number, row in enumerate(self.rows.rows)]

    def written(self, row: int) -> tuple[float, bool]:
        """`Place.era` and `Place.loose` of what stands in a row (from 0)."""
        return self.rows.eras.get(self.rows.numbers[min(row, len(self.rows.numbers) - 1)], (0.0, False))

    @property
    def counted(self) -> bool:
        """Whether its rows are messages that are counted, because the lines of the file tell nothing of their order and
        distance: the export of a log in one document."""
        return self.rows.moved and (self.program or not self.rows.rises)

    def padded(self) -> str:
        """The same as a text in which each row has the number of its line in the file, where that can be."""
        numbers = self.rows.numbers
        if not self.rows.moved or not self.rows.rises:
            return "\n".join(self.rest())
        return Rows(self.rest(), numbers).padded(0, len(numbers))

    def latest(self) -> list[Pasted]:
        """The files, of several versions of one the latest: the last one that is not known to be quoted from before."""
        chosen: dict[str, Pasted] = {}
        unnamed = []
        for file in self.files:
            if file.path is None:
                unnamed.append(file)
            elif (had := chosen.get(file.path)) is None or not (file.era < had.era or (file.loose and not had.loose)):
                chosen[file.path] = file
        return [*chosen.values(), *unnamed]


def files_in(text: str) -> Iterator[Pasted]:
    """The files that a text shows."""
    yield from taken_apart(undressed(Rows.of(text))).files


def undressed(found: Rows) -> Rows:
    """Rows without what terminals, mails, chats and pagers put around them."""
    found = Rows(on_screen(found.rows), found.numbers)
    eras = quoted_eras(found)
    made = outdented(rejoined(unwrapped(unnumbered(unstamped(undated(untimed(listed(unquoted(found)))))))))
    return Rows(made.rows, made.numbers, eras)


def taken_apart(found: Rows) -> Paste:
    """The files in an undressed text, and which of its rows are a program's output by their frame."""
    paste = Paste(found)
    rows = found.rows
    border: set[int] = set()
    if diffs.is_diff(found.text):
        _changed(paste)
    shown_prose = prose_shown(rows)
    free = (b for b in framed(rows) if b.outer[0] not in paste.claimed and b.outer[0] not in shown_prose)
    blocks = list(islice(free, _MOST))
    inner: set[int] = set()
    for block in blocks:
        border.update(n for n in range(*block.outer) if not block.start <= n < block.end)
        inner.update(range(*block.outer))
        paste.framed.update(range(*block.outer))
    typed = list(islice(shown_by_commands(rows, lambda n: n in border or n in paste.claimed), _MOST))
    sessions = {n for s in typed for n in range(s.start - 1, s.end)}
    for block in blocks:
        if not sessions.intersection(range(block.start, block.end)):
            _take(paste, block)
        _bare_rows(rows, block)
    for item in typed:
        end = fits_so_far(recognise(item.name, "\n".join(rows[item.start : item.end])), rows, item.start, item.end)
        content = item.content(rows[item.start : end])
        whole = not item.is_piece(rows[item.start : end])
        _add(paste, item.name, item.path, content, (item.start, end), "program", inside=item.inside and whole)
    for block in islice(sectioned(rows, lambda n: n in inner or n in sessions or n in paste.claimed), _MOST):
        _take(paste, block)
    return paste


def _bare_rows(rows: list[str], block: Block) -> None:
    """The rows of a block without its frame, for what reads them where they stand."""
    content = block.content(rows)
    for number in range(*block.outer):
        rows[number] = ""
    begins = block.start - (block.first is not None)
    rows[begins : begins + len(content)] = content[: len(rows) - begins]


def _changed(paste: Paste) -> None:
    """The files of a diff."""
    for file in diffs.changed_files(paste.rows.rows):
        paste.claimed.update(range(file.start, file.end))
        if file.whole and file.rows:
            text = "\n".join(file.rows) + "\n"
            paste.files.append(
                Pasted(recognise(file.path, text), text, file.path, "program", "", *paste.written(file.start))
            )
        else:
            paste.partial.append((file.path, "Only a part of this file stands in the diff; it was not judged."))


def _take(paste: Paste, block: Block) -> None:
    """A block as a file, if it is one."""
    rows = paste.rows.rows
    content = ["" if row.isspace() else row for row in block.content(rows)]  # a tab alone ends no YAML in a text
    text = "\n".join(content)
    if not text.strip():
        return
    name, named = block.name, block.name
    if name is not None and block.frame != "section":
        kind = recognise(name, text)
        if kind in CONFIGURED and not block.sure and not looks_like(kind, text):
            name = named = None  # a sentence that speaks of a file, and then of something else
        elif kind not in (*CONFIGURED, "log", "evidence") and not block.sure:
            name = named = None
    if name is None:
        name = _LANGUAGES.get(block.language, "")
        if not name and (marks.is_dotenv(text) or (block.frame == "indent" and not _is_telling(text))):
            return
    before = range(block.outer[0] - 1, max(-1, block.outer[0] - 5), -1)
    lead = next((rows[n] for n in before if rows[n].strip() and n not in paste.claimed), "")
    voice: Voice = "document" if EXAMPLE.search(lead) and block.frame != "section" else "program"
    if named is None or not block.sure:
        piece = completed(content)
        if piece and piece[0] < paste.rows.numbers[min(block.start, len(rows) - 1)]:  # the lines above leave room
            span = block.start, block.end
            _add(paste, "compose.yml", None, piece[1], span, voice, outer=block.outer, before=piece[0])
            return
    whole = content if block.first is not None or block.last is not None or block.indent else None
    _add(paste, name, named, content, (block.start, block.end), voice, outer=block.outer, apart=whole is not None)


def _is_telling(text: str) -> bool:
    """Whether indented rows are a file by their content and not an indented paragraph."""
    return recognise("text", text) in CONFIGURED or recognise("text.yml", text) in CONFIGURED


def _add(
    paste: Paste,
    name: str,
    path: str | None,
    content: list[str],
    span: tuple[int, int],
    voice: Voice,
    *,
    outer: tuple[int, int] | None = None,
    apart: bool = False,
    before: int | None = None,
    inside: bool = False,
) -> None:
    """Note a file and the rows that it takes."""
    text = "\n".join(content)
    kind = recognise(name.replace("\\", "/"), text)
    configured = kind in CONFIGURED
    if (not configured and path is None) or not text.strip():
        return
    if path is None:
        body = paste.rows.padded(*span)
        if apart or before is not None:
            first = paste.rows.numbers[min(span[0], len(paste.rows.numbers) - 1)] - (before or 0)
            body = "\n" * max(0, first - 1) + text + "\n"
        paste.files.append(Pasted(kind, body, voice=voice, inside=name if inside else ""))
    else:
        paste.files.append(Pasted(kind, text + "\n", path, voice, "", *paste.written(span[0])))
    paste.claimed.update(range(*(outer or span)))
