"""What a text file is a carrier of: a page, a recording, a log export, a chat; or simply the file that it says. Pure."""

import json
from dataclasses import dataclass

from runbook.collect.kinds import is_dump, recognise, tells
from runbook.collect.unpack import diffs, envelope, page, papers, terminal, tickets
from runbook.collect.unpack.dress import respaced
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.sections import is_prose
from runbook.collect.unpack.texts import Paste, Pasted, taken_apart, undressed
from runbook.collect.unpack.voice import voice_of
from runbook.model import FileKind, Voice
from runbook.parse.ci import job_log

_PROSE: tuple[FileKind, ...] = ("text", "curl", "listing", "ps", "unknown")


@dataclass(slots=True)
class Carrier:
    """A text file on its way to its parser."""

    kind: FileKind
    paste: Paste
    voice: Voice = "program"
    whole: str | None = None
    """Where the file is, beneath its dress, of a kind with a syntax of its own: its text."""
    as_it_is: bool = False
    """Whether it wore no dress: then its bytes count."""


def carried(name: str, kind: FileKind, text: str) -> Carrier:
    """Take a text apart. `kind` is what it was recognised as."""
    head, start = text[:65536], text.lstrip("\ufeff \t\r\n")[:1]
    if kind == "ci-log":
        return _of_rows(name, kind, Rows.of(text))
    reader = envelope.line_reader(head)
    if reader is not None:
        rows = Rows.of(text)
        rows = Rows(list(reader(rows.rows)), rows.numbers)
        return _of_rows(name, recognise(name, rows.text[:65536]) if envelope.is_numbered(head) else "log", rows)
    first = head.split("\n", 1)[0]
    if start == "{" and (stack := _stack(text)) is not None:
        return Carrier("text", stack)
    if start in ("{", "[") or first.count(",") or first.count("\t"):
        export = envelope.exported(text)
        if export is not None:
            return Carrier("log", Paste(export, program=True))
    if terminal.is_recording(text):
        return _of_rows(name, "text", Rows.of(terminal.recorded(text)))
    if papers.is_rtf(text):
        return _of_rows(name, "text", Rows.of(papers.rtf_text(text)))
    if papers.is_jira(head):
        return _of_rows(name, "text", page.page_text(papers.jira_page(text)))
    if start == "{" and (cells := papers.notebook_text(text)) is not None:
        return _of_rows(name, "text", Rows.of(cells))
    if page.is_page(name, head):
        return _of_rows(name, "text", page.page_text(text))
    if start in ("{", "[") and kind in ("text", "unknown") and (talk := tickets.conversation(text)) is not None:
        return _of_rows(name, "text", talk)
    return _of_rows(name, kind, Rows.of(text))


def _of_rows(name: str, kind: FileKind, rows: Rows) -> Carrier:
    if kind == "ci-log":
        return Carrier(kind, taken_apart(undressed(Rows.of(job_log(rows.text)))), "person")
    plain = undressed(rows if tells(name) else respaced(rows))
    same = plain.rows == rows.rows
    if not same:
        beneath = recognise(name, plain.text[:65536])
        kind = beneath if beneath != "unknown" else kind
    text = plain.text
    if not tells(name) and diffs.is_diff(text):
        kind = "text"
    paste = taken_apart(plain)
    if kind in _PROSE:
        return Carrier(kind, paste, voice_of(name, plain.text))
    structured = (not tells(name) or is_dump(plain.text[:65536])) and (
        paste.framed or any(file.path for file in paste.files) or _is_among_sentences(paste)
    )
    if kind == "log" and not structured:
        return Carrier(kind, Paste(plain, program=True))
    if kind == "settings-text" and any(file.path for file in paste.files):
        return Carrier(kind, paste, whole="\n".join(paste.rest()))
    if not structured:
        return Carrier(kind, Paste(plain), whole=text, as_it_is=same)
    return Carrier("text", paste, voice_of(name, plain.text))


def _is_among_sentences(paste: Paste) -> bool:
    """Whether a file stands between a person's sentences."""
    return bool(paste.files) and any(is_prose(row) for row in paste.rest())


def _stack(text: str) -> Paste | None:
    """The file of a stack as Portainer's API and its exports give it; None for any other JSON."""
    if '"StackFileContent"' not in text[:4000]:
        return None
    try:
        content = json.loads(text)["StackFileContent"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    if not isinstance(content, str):
        return None
    return Paste(Rows([""]), [Pasted("compose", content, "docker-compose.yml")])
