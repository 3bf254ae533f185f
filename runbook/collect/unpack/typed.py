"""Files that a command showed in a terminal: `cat docker-compose.yml`, `docker compose config`, `docker inspect`. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runbook.collect.unpack.part import safe_path
from runbook.lazy import re
from runbook.parse.prompts import ends, prompted

_SHOW = re.compile(
    r"(?:^|[\s;&])(?:cat|type|less|more|bat|batcat|nl|gc|Get-Content|head|tail)(?:\s+(?:-{1,2}[\w=+:-]{1,30}|\+\d+|\d+))*\s+(?P<name>\"[^\"\n]{1,300}\"|'[^'\n]{1,300}'|(?!-)[^\s\"'|<>;&*?]{1,300})['\"]?\s*(?:2>\S+\s*)?(?:(?:;|&&)\s*echo(?:\s[^|;&]{0,60})?)?$"
)
_PART = re.compile(
    r"(?:^|[\s;&|])(?:cut|awk|sed|head\s+-c)\s[^|]{1,200}?\s(?P<name>[^\s|'\"]{0,200}htpasswd[^\s|'\"]{0,60})\s*$"
    r"|\s(?P<piped>[^\s|'\"]{0,200}htpasswd[^\s|'\"]{0,60})\s*\|\s*(?:cut|awk|sed|head\s+-c)\s[^|]{1,200}$"
)
"""A part of each line of a password file: `cut -c1-12 htpasswd`, `cat htpasswd | sed 's/:.*/:***/'`."""
_NAME = re.compile(r"[^\s:]{1,255}")
_IN_CONTAINER = re.compile(r"\b(?:exec|run|kubectl|ssh)\b")
_DOCKER = re.compile(r"\b(?:docker-compose|docker|podman|nerdctl|podman-compose)(?:\.exe)?\s")
_CADDY = "caddy.json"
_CADDYS = re.compile(r"\bcaddy(?:\.exe)? adapt\b|\bcurl\s[^|;&\n]{0,200}:2019/config/?(?=[\s\"']|$)")
"""Caddy's own JSON: from its Caddyfile, or from its API."""
_MANIFESTS = re.compile(
    r"\b(?:kubectl|oc|k3s kubectl)\s(?:[^|;&\n]{0,300}\s)?(?:get|create|apply)\s[^|;&\n]{0,300}-o[= ]?(?:yaml|json)\b|\bkubectl kustomize\b|\bkustomize build\b"
    r"|\bhelm\s(?:template|get (?:manifest|all))\b"
)
_PROSE = (".md", ".markdown", ".rst", ".adoc", ".txt")
_MANIFEST = re.compile(
    r"\b(?:kubectl|oc|k3s kubectl)\s.{0,300}(?:-o ?|--output[= ])(?:yaml|json)\b|\bhelm (?:template|get manifest)\b|\bkustomize build\b"
)
_FAILED = (
    "cat: ",
    "type: ",
    "less: ",
    "bat: ",
    "tail: ",
    "head: ",
    "Get-Content :",
    "Get-Content:",
    "The system cannot find",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command showed."""

    start: int
    end: int
    name: str
    """How the file is called there: what it is recognised by."""
    path: str | None
    """Its path among the files of the incident; None for one inside a container, or a command's own output."""
    inside: bool = False
    """Whether `name` is the path of a file inside a container."""
    in_part: bool = False
    """Whether only a part of each line was shown."""
    lines: int | None = None
    """How many lines the command shows at most (`head -3`); None for all."""

    def content(self, rows: list[str]) -> list[str]:
        """What was shown; of a password file with parts of lines each line says that there was more, and where other
        lines may be missing the last one says that."""
        shown = [_with_more(row) if row.strip() else row for row in rows] if self.in_part else rows
        return [*shown, "…"] if self.is_piece(rows) and "htpasswd" in self.name else shown

    def is_piece(self, rows: list[str]) -> bool:
        """Whether the file may have more lines than these."""
        return self.lines is not None and len(rows) >= self.lines


def shown(rows: list[str], taken: Callable[[int], bool]) -> Iterator[Shown]:
    """What commands showed, from the row behind the command up to the next prompt."""
    number = 0
    prompts: set[str] = set()
    while number < len(rows):
        typed = None if taken(number) else prompted(rows[number])
        if typed is None:
            number += 1
            continue
        prompts.update(typed[:1] if typed[0] else ())
        end = number + 1
        while end < len(rows) and not taken(end) and not ends(rows[end], prompts):
            end += 1
        found = _of_command(typed[1][:2000])
        last = end
        while last > number + 1 and not rows[last - 1].strip():
            last -= 1
        if found and last > number + 1 and not rows[number + 1].startswith(_FAILED):
            line = typed[1][:2000]
            first = _first(rows, number + 1, last) if found[0] == _CADDY else number + 1
            yield Shown(first, last, *found, in_part=_PART.search(line) is not None, lines=_at_most(line))
        number = end


def _first(rows: list[str], start: int, end: int) -> int:
    """Where the configuration begins: Caddy may log before it."""
    return next((n for n in range(start, end) if rows[n].strip() == "{" or rows[n].startswith('{"apps"')), start)


def _at_most(typed: str) -> int | None:
    """How many lines of a file the command shows at most; None for all of them."""
    if re.search(r"\bsed\s+-n\b|\bawk\b[^|]{0,40}\bNR\b", typed):
        return 0
    if re.search(r"\b(?:head|tail)\b", typed) is None or "+1" in typed or re.search(r"\bhead\s+-c", typed):
        return None
    count = re.search(r"\b(?:head|tail)\b[^|]{0,40}?\s(?:-n ?|--lines[= ]|-)(\d{1,6})\b", typed)
    return int(count[1]) if count else 10


def _with_more(row: str) -> str:
    """A line of which the rest was not shown: what there is, and a sign that there is more."""
    name, colon, value = row.strip().partition(":")
    if not _NAME.fullmatch(name):
        return "…"
    return f"{name}:{value}{'' if value.endswith('$') or not colon else '$'}…"


def prose_shown(rows: list[str]) -> set[int]:
    """The rows of texts that commands showed, up to the prompt behind them: their fences are their own."""
    found: set[int] = set()
    if not any(row.rstrip("\"' ").lower().endswith(_PROSE) for row in rows):
        return found
    for item in shown(rows, lambda _: False):
        if item.name.lower().endswith(_PROSE) and item.end < len(rows):
            found.update(range(item.start, item.end))
    return found


def _of_command(typed: str) -> tuple[str, str | None, bool] | None:
    """The name and the path of what a command shows, and whether that is inside a container; None where it shows no file."""
    if (
        typed.count("tail") + typed.count("head")
        and re.search(r"\s-[fF]\b|\b(?:-n ?|-)[1-9]\d?\b(?!\d)", typed)
        and "+1" not in typed
    ):
        return None  # a piece of it
    if found := _SHOW.search(typed) or _PART.search(typed):
        at = "name" if found["name"] else "piped"
        name = found[at].strip("\"'")
        inside = _IN_CONTAINER.search(typed[: found.start(at)]) is not None
        return name, None if inside else safe_path(name), inside and name.startswith("/")
    if _MANIFESTS.search(typed):
        return "manifests.yaml", None, False
    if _CADDYS.search(typed) and "|" not in typed:
        return _CADDY, None, False
    if _DOCKER.search(typed):
        words = typed.split()
        if words[-1:] == ["config"] and any(w in ("compose", "docker-compose", "podman-compose") for w in words):
            return "docker-compose.yml", None, False
        if "inspect" in words and "--format" not in typed and " -f" not in typed:
            return "inspect.json", None, False
    if _MANIFEST.search(typed) and "|" not in typed:
        return "manifest.yml", None, False
    return None
