"""Files that were shown in a terminal and pasted: `cat docker-compose.yml`, `docker compose exec registry cat …`. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.collect.kinds import recognise
from runbook.model import FileKind

SHOWN: tuple[FileKind, ...] = (
    "compose", "dotenv", "registry-config", "htpasswd", "nginx", "caddy", "haproxy", "apache", "traefik",
    "docker-config", "daemon-config",
)  # fmt: skip
"""Kinds that people show so."""
_PROMPT = re.compile(r"^(?:[\w.-]{1,64}@[\w.-]{1,64}:?[^\n$#>]{0,80}[$#] ?|PS [A-Z]:[^\n>]{0,200}> ?|[$#%>❯] )")
_SHOW = re.compile(r"(?:^|\s)(?:cat|type|less|more|bat)\s+(?:-\w+\s+)*[\"']?([^\s\"'|<>;&*?]+)[\"']?\s*$")
_RESOLVED = re.compile(r"\bdocker(?:-compose| compose)\b(?:\s+-\S+(?:\s+[\w./-]+)?)*\s+config\s*$")
_CUT = re.compile(r"\*{3}|…|\.{3}|[xX]{6}|<[^>]*>|\[redacted\]", re.IGNORECASE)
"""How people black out what nobody should read: such a hash is no evidence."""
_LOGINS = re.compile(r"^\s{0,8}\{\s{0,8}\"auths\"\s{0,8}:")
_MOST = 20


@dataclass(frozen=True, slots=True)
class Pasted:
    """A file that stands in another one."""

    kind: FileKind
    text: str
    """With empty lines before it, so that its line numbers are those of the paste."""

    @property
    def data(self) -> bytes:
        """As bytes, for what is read so."""
        return self.text.encode("utf-8", "surrogatepass")


def files_in(text: str) -> Iterator[Pasted]:
    """The files that a session shows, each up to the next prompt or the end of its block."""
    lines = text.replace("\r\n", "\n").split("\n")
    found = 0
    for number, line in enumerate(lines):
        if found < _MOST and _LOGINS.match(line) and (logins := _whole_object(lines, number)):
            found += 1
            yield Pasted("docker-config", "\n" * number + logins + "\n")
            continue
        prompt = _PROMPT.match(line)
        if prompt is None or found == _MOST:
            continue
        command = line[prompt.end() : prompt.end() + 1000]
        shown = _SHOW.search(command)
        name = shown[1] if shown else "docker-compose.yml" if _RESOLVED.search(command) else None
        if name is None:
            continue
        content = "\n".join(_until_prompt(lines, number + 1))
        kind = recognise(name.replace("\\", "/"), content)
        if kind in SHOWN and content.strip() and not content.startswith(("cat: ", "type: ")):
            if kind == "htpasswd" and _CUT.search(content):
                continue
            found += 1
            yield Pasted(kind, "\n" * (number + 1) + content + "\n")


def _whole_object(lines: list[str], start: int) -> str | None:
    """The JSON object that begins on this line, as `kubectl get secret … | base64 -d` shows it."""
    for end in range(start + 1, min(len(lines), start + 60) + 1):
        text = "\n".join(lines[start:end])
        try:
            if isinstance(json.loads(text), dict):
                return text
        except (ValueError, RecursionError):
            continue
    return None


def _until_prompt(lines: list[str], start: int) -> list[str]:
    """A `#` at the beginning of a line is a comment in most files, and a prompt only before a command."""
    shown = []
    for line in lines[start:]:
        if line.startswith("```") or (_PROMPT.match(line) and not re.match(r"#(?! ?(?:docker|curl|cat|ls)\b)", line)):
            break
        shown.append(line)
    while shown and not shown[-1].strip():
        shown.pop()
    return shown
