"""The lines of a configuration file with everything hidden that no table knows to be harmless.

Each format gives the spans of its text that are not shown. Structure, names of keys and directives and the known
values stay, comments keep the words that anybody may know. Of a format that nobody described nothing stays.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from runbook.redact.lines import yaml_keys, yaml_text
from runbook.redact.lines.apache import apache
from runbook.redact.lines.arguments import Span
from runbook.redact.lines.caddy import caddy
from runbook.redact.lines.dotenv import dotenv
from runbook.redact.lines.haproxy import haproxy
from runbook.redact.lines.nginx import nginx
from runbook.redact.lines.quadlet import quadlet
from runbook.redact.lines.toml import toml
from runbook.redact.lines.yaml_text import masked_yaml
from runbook.redact.text import MASK

Hide = Callable[[str, str], Iterable[Span]]

_FORMATS: dict[str, Hide] = {
    "compose": lambda text, path: yaml_text.hidden(text, yaml_keys.compose),
    "registry-config": lambda text, path: yaml_text.hidden(text, yaml_keys.registry),
    "traefik": lambda text, path: toml(text) if path.endswith(".toml") else yaml_text.hidden(text, yaml_keys.traefik),
    "daemon-config": lambda text, path: yaml_text.hidden(text, yaml_keys.daemon),
    "dotenv": lambda text, path: dotenv(text),
    "nginx": lambda text, path: nginx(text),
    "caddy": lambda text, path: caddy(text),
    "haproxy": lambda text, path: haproxy(text),
    "apache": lambda text, path: apache(text),
    "kubernetes": lambda text, path: yaml_text.hidden(text, yaml_keys.kubernetes),
    "chart-values": lambda text, path: yaml_text.hidden(text, yaml_keys.kubernetes),
    "ci": lambda text, path: yaml_text.hidden(text, yaml_keys.pipeline),
    "puller": lambda text, path: (
        yaml_text.hidden(text, yaml_keys.puller) if path.endswith((".yml", ".yaml")) else toml(text, yaml_keys.puller)
    ),
    "quadlet": lambda text, path: quadlet(text),
}


def shown_lines(kind: str, path: str, text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The lines of a file as they may be kept, and the numbers (from 1) of those in which something is hidden."""
    hide = _FORMATS.get(kind)
    if hide is None and path.endswith((".yml", ".yaml", ".json")):
        hide = _other_yaml
    try:
        spans = list(hide(text, path)) if hide else [(0, len(text))]
    except (ValueError, RecursionError):
        spans = [(0, len(text))]
    return _cut(text, spans)


def _other_yaml(text: str, path: str) -> Iterable[Span]:
    return yaml_text.hidden(text, yaml_keys.kubernetes)


def _cut(text: str, spans: list[Span]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    lines = text.removesuffix("\n").split("\n")
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    hidden: dict[int, list[Span]] = {}
    for first, last in _joined(spans):
        number = max(bisect_right(starts, first) - 1, 0)
        while number < len(lines) and starts[number] < last:
            line, begin = lines[number], starts[number]
            a, b = max(first - begin, 0), min(last - begin, len(line.rstrip("\r")))
            a += len(line[a:b]) - len(line[a:b].lstrip())
            b = a + len(line[a:b].rstrip())
            if a < b:
                hidden.setdefault(number, []).append((a, b))
            number += 1
    for number, pieces in hidden.items():
        line = lines[number]
        for a, b in reversed(pieces):
            line = f"{line[:a]}{MASK}{line[b:]}"
        lines[number] = line
    return tuple(lines), tuple(sorted(number + 1 for number in hidden))


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Spans in order; those that touch or overlap are one."""
    now: Span | None = None
    for first, last in sorted(spans):
        if now is not None and first <= now[1]:
            now = (now[0], max(now[1], last))
            continue
        if now is not None:
            yield now
        now = (first, last)
    if now is not None:
        yield now


__all__ = ["masked_yaml", "shown_lines"]
