"""YAML and JSON: every scalar by the keys that lead to it, as it is spelled in the text."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from runbook.lazy import re
from runbook.redact.harmless import (
    is_odd,
)
from runbook.redact.lines.arguments import Span
from runbook.redact.lines.comments import comment
from runbook.redact.text import MASK

Path = tuple[str, ...]
Shows = Callable[[Path, str], bool]

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_KEY = re.compile(r"[\w./:*@$~ -]{1,120}|<<")
_MOST = 100_000
_HELD = "masked-already"


def hidden(text: str, shows: Shows) -> Iterator[Span]:
    """Spans of values that are not shown, and of comments. ValueError for what is no YAML."""
    bom = 1 if text.startswith("\ufeff") else 0
    scalars: list[Span] = []
    try:
        documents = list(yaml.compose_all(text[bom:], _LOADER))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    seen: set[int] = set()
    for document in documents:
        for path, node, is_key in _scalars(document, (), seen):
            start, end = node.start_mark.index + bom, node.end_mark.index + bom
            end = start + len(text[start:end].rstrip())
            scalars.append((start, end))
            if is_key:
                if not _KEY.fullmatch(node.value) or is_odd(node.value):
                    yield start, end
            elif node.style == "|" and "\n" in text[start:end]:
                yield from _literal(text, start, end, path, shows)
            elif not shows(path, node.value) or "\n" in text[start:end]:
                yield start, end
            if len(scalars) > _MOST:
                raise ValueError("too many values")
    yield from _around(text, sorted(scalars))


def _literal(text: str, start: int, end: int, path: Path, shows: Shows) -> Iterator[Span]:
    """A block of lines that stand as they are: each is shown by itself."""
    at = text.index("\n", start) + 1
    for line in text[at:end].split("\n"):
        if line.strip() and not shows(path, line.strip()):
            yield at, at + len(line)
        at += len(line) + 1


def _scalars(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, Any, bool]]:
    """Every scalar once, with the keys that lead to it; whether it is a key itself. Lists count as "*"."""
    if id(node) in seen or len(path) > 64:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        named = next((v.value for k, v in node.value if _text(k) == "name" and isinstance(v, yaml.ScalarNode)), "")
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield path, key, True
            else:
                yield from _scalars(key, (*path, "?"), seen)
            name = _text(key)
            # `- name: X` and `value: …` beside it is a variable, too.
            yield from _scalars(value, (*path, f"={named}" if name == "value" and named else name), seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, (*path, "*"), seen)
    elif isinstance(node, yaml.ScalarNode):
        yield path, node, False


def _text(node: Any) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "?"


def _around(text: str, scalars: list[Span]) -> Iterator[Span]:
    """Comments, and whatever else stands between the scalars and is no sign of YAML: anchors, tags, directives."""
    at = 0
    for start, end in [*scalars, (len(text), len(text))]:
        gap = text[at:start]
        offset = 0
        for line in gap.split("\n"):
            found = re.search(r"(?:^|(?<=\s))#", line)
            mark = found.start() if found else -1
            before = line if mark < 0 else line[:mark]
            for token in re.finditer(r"[^\s\[\]{},:?>|'\"+-]{2,}[^\s]*", before):
                if not re.fullmatch(r"[*&!][\w./!:-]{0,40}[,\]}:]*|%YAML.*|\d{1,2}", token[0]):
                    yield at + offset + token.start(), at + offset + token.end()
            if mark >= 0:
                yield from comment(text, at + offset + mark, at + offset + len(line))
            offset += len(line) + 1
        at = max(at, end)


def masked_yaml(value: str, shows: Shows) -> str:
    """A value that is YAML itself, with its own values masked; the mask where it cannot be read."""
    held = value.replace(MASK, _HELD)
    try:
        spans = sorted(hidden(held, lambda path, text: text == _HELD or shows(path, text)), reverse=True)
    except (ValueError, RecursionError):
        return MASK
    for start, end in spans:
        held = held[:start] + MASK + held[end:]
    return held.replace(_HELD, MASK)
