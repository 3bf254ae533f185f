"""Podman's quadlets and other units of systemd: sections of keys with values."""

import re
from collections.abc import Iterator

from runbook.redact.harmless import is_odd, plain, shown_label, shown_variable, shown_word
from runbook.redact.lines.arguments import Span
from runbook.redact.lines.comments import comment
from runbook.redact.lines.rows import lines_of, words_of

_KEYS = frozenset(
    """image containername publishport volume network networkalias hostname user group autoupdate environmentfile pull notify exposehostport ip dns readonly
    description after wants requires restart wantedby timeoutstartsec timeoutstopsec type driver podname volumename networkname startwithpod userns workingdir tmpfs
    healthinterval healthretries healthtimeout healthstartperiod""".split()
)  # fmt: skip


def quadlet(text: str) -> Iterator[Span]:
    """Spans of what is hidden in a unit."""
    for line, start in lines_of(text, joins=True):
        bare = line.strip()
        found = re.match(r"[ \t]*([A-Za-z]\w{0,40})[ \t]*=", line)
        if bare.startswith(("#", ";")):
            yield from comment(text, start, start + len(line))
        elif found:
            yield from _value(found[1].lower(), line, start, start + found.end())
        elif bare and not re.fullmatch(r"\[[A-Za-z]{1,20}\]", bare):
            yield start, start + len(line)


def _value(key: str, line: str, start: int, at: int) -> Iterator[Span]:
    value = line[at - start :]
    words = words_of(value, at)
    if key in ("environment", "label", "annotation"):
        shown = shown_variable if key == "environment" else shown_label
        for word, first, last in words:
            name, _, rest = word.partition("=")
            if shown(name, rest) != rest or plain(name) != name:
                yield first, last
    elif key in ("exec", "podmanargs", "healthcmd", "entrypoint", "secret"):
        yield from ((first, last) for word, first, last in words if shown_word(word) != word)
    elif value.strip() and (key not in _KEYS or plain(value) != value or is_odd(value)):
        yield at, start + len(line)
