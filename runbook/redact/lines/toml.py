"""TOML, of Traefik and of programs that pull."""

import re
from collections.abc import Iterator

from runbook.redact.harmless import is_odd
from runbook.redact.lines.arguments import Span
from runbook.redact.lines.comments import comment
from runbook.redact.lines.rows import lines_of
from runbook.redact.lines.yaml_keys import traefik
from runbook.redact.lines.yaml_text import Shows


def toml(text: str, shows: Shows = traefik) -> Iterator[Span]:
    """Spans of what is hidden in a TOML file; a text of several lines is hidden whole."""
    section: tuple[str, ...] = ()
    inside = ""
    for line, start in lines_of(text):
        bare = line.strip()
        if inside:
            yield start, start + len(line)
            inside = "" if inside in line else inside
            continue
        if bare.startswith("#"):
            yield from comment(text, start, start + len(line))
        elif found := re.fullmatch(r"\[{1,2}([^\[\]]{1,300})\]{1,2}\s*(?:#.*)?", bare):
            section = tuple(part.strip("\"' ") for part in found[1].split("."))
            if is_odd(found[1]):
                yield start, start + len(line)
        elif pair := re.match(r"\s*([\w.\"'-]{1,120})\s*=\s*", line):
            value = line[pair.end() :]
            opened = next((q for q in ('"""', "'''") if value.count(q) % 2), "")
            inside = opened or ("]" if value.count("[") > value.count("]") else "")
            path = (*section, *(part.strip("\"'") for part in pair[1].split(".")))
            pieces = [p.strip("\"'") for p in re.findall(r"\"[^\"]*\"|'[^']*'|[\w.:/-]+", value)]
            if inside or "#" in value or "{" in value or not all(shows(path, piece) for piece in pieces):
                yield start + pair.end(), start + len(line)
        elif bare:
            yield start, start + len(line)
