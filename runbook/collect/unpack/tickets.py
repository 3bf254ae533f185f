"""Chats and tickets that were exported as JSON, and the marks of chats copied as text. Pure.

Slack, Teams, GitHub, GitLab, Jira and the like all put what people wrote into members called text, body or description.
"""

import html
import json
from collections.abc import Iterator
from typing import Any

from runbook.collect.unpack.rows import Rows
from runbook.lazy import re

_SAID = (
    "text",
    "body",
    "bodyText",
    "description",
    "content",
    "comment",
    "message",
    "value",
    "note",
    "title",
    "summary",
    "plain_text",
)
_TELLING = (
    "user",
    "author",
    "username",
    "from",
    "ts",
    "created",
    "created_at",
    "createdAt",
    "fields",
    "comments",
    "messages",
    "renderedBody",
)
_DEPTH = 12
_MOST = 20_000
_LINK = re.compile(r"<(?P<url>https?://[^<>|\s]{1,1000})(?:\|[^<>\n]{0,1000})?>")
_LANGUAGE = re.compile(r"([a-z]{2,15})\n")
_STAMPED = re.compile(
    r"(?:\[(?:\w+ |\d{1,2}[./]\d{1,2}[./]\d{2,4},? )?\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?\]|\d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4},? \d{1,2}:\d\d(?::\d\d)?(?: ?[AaPp][Mm])? -) <?(?P<who>[\w .-]{1,40}?)>?: (?P<text>.*)$"
)


def conversation(text: str) -> Rows | None:
    """What people wrote in an exported conversation, one text behind the other; None where the JSON is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    said = list(_said(document, 0, is_talk(document)))[:_MOST]
    if not any("\n" in part or len(part) > 40 for part in said):
        return None
    return Rows.of("\n\n".join(_plain(part) for part in said))


def is_talk(document: Any) -> bool:
    """Whether a JSON object is a ticket or a comment of one: what it says in its body was written by people."""
    if isinstance(document, list):
        return bool(document) and all(is_talk(row) for row in document[:20])
    if not isinstance(document, dict) or not isinstance(document.get("body", document.get("description")), str):
        return False
    return (
        "title" in document
        or "comments" in document
        or any(
            isinstance(document.get(key), dict) and {"login", "username", "displayName", "name"} & set(document[key])
            for key in ("user", "author")
        )
    )


def _said(value: Any, depth: int, inside: bool) -> Iterator[str]:
    """The texts in document order; only below something that looks like a message or a comment."""
    if depth > _DEPTH:
        return
    if isinstance(value, list):
        for row in value[:_MOST]:
            yield from _said(row, depth + 1, inside)
    elif isinstance(value, dict):
        here = inside or any(key in value for key in _TELLING)
        if value.get("type") == "codeBlock":
            yield "```\n" + "".join(_said(value.get("content"), depth + 1, True)) + "\n```"
            return
        for key, inner in list(value.items())[:500]:
            if key == "text" and here and isinstance(inner, list):
                yield "".join(_entities(inner))
            elif isinstance(inner, str):
                if here and key in _SAID and inner.strip():
                    yield inner
            elif key not in ("blocks", "attachments", "reactions"):
                yield from _said(inner, depth + 1, here)


def _entities(parts: list[Any]) -> Iterator[str]:
    """A message of Telegram: plain pieces, and others with their kind."""
    for part in parts[:_MOST]:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            is_block = isinstance(part, dict) and part.get("type") == "pre"
            yield f"\n```\n{text}\n```\n" if is_block else text


def _plain(text: str) -> str:
    """Without the escapes and link marks of chats; a text in HTML is left to the reader of pages."""
    if "```" not in text and ("<p>" in text or "<pre" in text or "</" in text):
        from runbook.collect.unpack.page import page_text

        return page_text(text).text
    plain = html.unescape(_LINK.sub(lambda m: m["url"], text)) if "&" in text or "<http" in text else text
    return _fenced(plain) if "```" in plain else plain


def _fenced(text: str) -> str:
    """Each fence in a line of its own: Slack takes them anywhere, and keeps what is typed behind one."""
    pieces = text.split("```")
    if len(pieces) % 2 == 0 or "````" in text:
        return text
    for n in range(1, len(pieces), 2):
        language = _LANGUAGE.match(pieces[n])
        body = pieces[n][language.end() :] if language else pieces[n].removeprefix("\n")
        before = "" if pieces[n - 1][-1:] in ("", "\n") else "\n"
        pieces[n] = f"{before}```{language[1] if language else ''}\n{body.rstrip(chr(10))}\n```" + (
            "" if pieces[n + 1].startswith("\n") else "\n"
        )
    return "".join(pieces)


def unstamped(found: Rows) -> Rows:
    """Rows of a chat without "[10:32] anna: " or "27.11.26, 10:32 - anna: " before them, where at least two have it."""
    matches = [_STAMPED.match(row) if ":" in row[:20] else None for row in found.rows]
    if sum(match is not None for match in matches) < 2:
        return found
    return Rows([m["text"] if m else row for row, m in zip(found.rows, matches, strict=True)], found.numbers)
