"""Mails as files: .eml, .mbox and web archives (.mhtml). Their texts and attachments become parts. Pure.

A reader of its own: the standard library's takes time and stack in proportion to what a stranger writes.
"""

import base64
import binascii
import codecs
from collections.abc import Iterator
from dataclasses import replace
from email.header import decode_header
from urllib.parse import unquote_to_bytes

from runbook.collect.unpack.part import Budget, Part, safe_path
from runbook.collect.unpack.threads import seconds, sent_at
from runbook.lazy import re

_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}:(?: |\t|\r?\n|$)")
_TELLING = re.compile(
    rb"^(?:Received|Return-Path|Message-ID|MIME-Version|DKIM-Signature|Delivered-To|From|To|Subject|Date|X-[\w-]{1,40}|"
    rb"Content-[A-Za-z-]{1,30}|Snapshot-Content-Location):", re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_ENCODED = rb"^content-transfer-encoding:[ \t]*(?:quoted-printable|base64)|^content-type:[ \t]*(?:multipart/|message/|text/html)"
_CHARSET = re.compile(
    r"(?i)(?:utf-?(?:8|16|32)|us-ascii|ascii|latin-?1|iso-?8859-?\d\d?|windows-12\d\d|cp\d{3,4}|koi8-[ru]|gb\w+|big5|shift_jis|euc-\w{2})"
)
_DEPTH = 4
_MOST_HEADER = 64 * 1024
_PARAMETER = re.compile(r";\s{0,80}([A-Za-z*0-9-]{1,40})\s{0,8}=\s{0,8}(?:\"([^\"]{0,1000})\"|([^;\s]{0,1000}))")
_TYPES = {
    "text/plain": "txt",
    "text/html": "html",
    "application/json": "json",
    "text/csv": "csv",
    "application/zip": "zip",
}


def is_mail(head: bytes) -> bool:
    """Whether the file is a mail (or an mbox, a web archive) whose text cannot be read as it stands: encoded or of
    several parts. A plain one is a text like any other."""
    start = head.lstrip(b"\xef\xbb\xbf\r\n")
    if start.startswith(b"From ") and b"\n" in start[:500]:
        start = start.split(b"\n", 1)[1]
    if not _HEADER.match(start):
        return False
    block = re.split(rb"\r?\n\r?\n", start[:_MOST_HEADER], maxsplit=1)[0]
    rows = block.split(b"\n")
    fits = sum(1 for row in rows if _HEADER.match(row) or row[:1] in (b" ", b"\t"))
    names = {found.lower() for found in _TELLING.findall(block)}
    return (
        fits >= len(rows) - 1
        and len(names) >= 2
        and re.search(_ENCODED, block, re.IGNORECASE | re.MULTILINE) is not None
    )


def parts_of(data: bytes, budget: Budget) -> Iterator[Part]:
    """The texts of a mail (text.txt, text-2.txt, …) and its attachments under their names."""
    counter = _Names()
    for message in _messages(data):
        yield from _mail(message, 0, counter, budget)


def _mail(data: bytes, depth: int, names: "_Names", budget: Budget) -> Iterator[Part]:
    """The parts of one mail, that know when it was sent, as a mail in it tells it of its own."""
    told = seconds([sent_at(_split(data)[0].get("date", "")[:200])])[0]
    for part in _part(data, depth, names, budget):
        yield replace(part, sent=told) if part.sent is None else part


class _Names:
    """Gives a name to each part that has none."""

    def __init__(self) -> None:
        self._texts = 0

    def of(self, kind: str) -> str:
        self._texts += 1
        stem = "text" if self._texts == 1 else f"text-{self._texts}"
        return f"{stem}.{_TYPES.get(kind, 'txt')}"


def _messages(data: bytes) -> Iterator[bytes]:
    """The mails of an mbox; of any other file the one that it is."""
    if data.startswith(b"From ") and (found := re.split(rb"(?:^|\r?\n\r?\n)From [^\n]{1,200}\n", data, maxsplit=500)):
        yield from (mail for mail in found if mail.strip())
    else:
        yield data.lstrip(b"\xef\xbb\xbf\r\n")


def _split(data: bytes) -> tuple[dict[str, str], bytes]:
    """Headers (lower case, unfolded, the first of each name) and body."""
    found = re.search(rb"\r?\n\r?\n", data[:_MOST_HEADER])
    head, body = (data[: found.start()], data[found.end() :]) if found else (data[:_MOST_HEADER], b"")
    if data.startswith((b"\n", b"\r\n")):
        head, body = b"", data.lstrip(b"\r\n")
    headers: dict[str, str] = {}
    for row in re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\n"):
        name, colon, value = row.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers, body


def _part(data: bytes, depth: int, names: _Names, budget: Budget) -> Iterator[Part]:
    headers, body = _split(data)
    kind, parameters = _content_type(headers.get("content-type", "text/plain"))
    if kind.startswith("multipart/") and parameters.get("boundary"):
        if depth < _DEPTH:
            yield from _multipart(kind, body, parameters["boundary"], depth, names, budget)
        return
    body = _decoded(body, headers.get("content-transfer-encoding", "").lower())
    name = safe_path(_file_name(headers, parameters))
    if kind == "message/rfc822" and depth < _DEPTH:
        yield from _mail(body, depth + 1, names, budget)
        return
    if name is None and not kind.startswith("text/") and kind not in _TYPES:
        return  # a picture in a signature, a certificate
    if kind.startswith("text/") and body:
        body = body.decode(_codec(parameters.get("charset", "utf-8")), "replace").encode() if name is None else body
    budget.take(len(body))
    if name is None:
        body = body.replace(b"\r\n", b"\n")
    yield Part(name or names.of(kind), body)


def _multipart(kind: str, body: bytes, boundary: str, depth: int, names: _Names, budget: Budget) -> Iterator[Part]:
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(boundary.encode("utf-8", "replace")), body, maxsplit=1000)[1:]
    inner = [p.partition(b"\n")[2] for p in pieces if not p.startswith(b"--")]
    if kind == "multipart/alternative":
        plain = [p for p in inner if _content_type(_split(p)[0].get("content-type", "text/plain"))[0] == "text/plain"]
        inner = plain[:1] or inner[-1:]  # the same text several times: one of them is read
    for piece in inner:
        yield from _part(piece, depth + 1, names, budget)


def _content_type(value: str) -> tuple[str, dict[str, str]]:
    found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value[:4000])}
    return value.split(";", 1)[0].strip().lower(), found


def _file_name(headers: dict[str, str], parameters: dict[str, str]) -> str:
    """The name of an attachment, in any of the ways in which it is written."""
    given = _content_type(headers.get("content-disposition", ""))[1]
    for names in (given, parameters):
        for key in ("filename", "name"):
            if text := names.get(f"{key}*"):
                return unquote_to_bytes(text.rsplit("'", 1)[-1]).decode("utf-8", "replace")
            if continued := [names[k] for k in sorted(names) if k.startswith(f"{key}*")]:
                return unquote_to_bytes("".join(continued).rsplit("'", 1)[-1]).decode("utf-8", "replace")
            if text := names.get(key):
                return _words(text)
    location = headers.get("content-location", "")
    return "" if "://" in location else location


def _words(text: str) -> str:
    """A name with encoded words (=?utf-8?q?…?=) as text."""
    if "=?" not in text:
        return text
    try:
        return "".join(
            piece.decode(_codec(charset or "utf-8"), "replace") if isinstance(piece, bytes) else piece
            for piece, charset in decode_header(text[:1000])
        )
    except (ValueError, LookupError):
        return text


def _codec(name: str) -> str:
    """A character set that is one: some codecs of Python are none, and one of them takes for ever."""
    return name if _CHARSET.fullmatch(name) and _is_known(name) else "utf-8"


def _is_known(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        compact = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        compact = compact[: len(compact) - (1 if len(compact) % 4 == 1 else 0)]
        return base64.b64decode(compact + b"=" * (-len(compact) % 4))
    return body
