"""Files that stand in other texts: `cat docker-compose.yml` in a terminal, a fenced block in a ticket. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from runbook.collect import marks
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
_IN_CONTAINER = re.compile(r"\b(?:exec|run|kubectl|ssh)\b")
_FENCE = re.compile(r"[ \t]{0,3}(```+|~~~+)[ \t]*([^\n`]{0,200})$")
_YAML = ("yaml", "yml")
_FILE_NAME = re.compile(
    r"(?<![\w/.~-])(?:~?/|\./)?((?:[\w.-]{1,80}/){0,8}"
    r"(?:[\w.-]{0,80}\.(?:ya?ml|conf|cfg|json|toml|env|htpasswd)|\.?htpasswd|\.env|Caddyfile))(?![\w/])"
)
_TITLE_LINES = 3
_MOST = 20
_BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Pasted:
    """A file that stands in another one."""

    kind: FileKind
    text: str
    """Without a path: with empty lines before it, so that its line numbers are those of the paste."""
    path: str | None = None
    """The file's own name where the paste tells it; its lines are then its own, and a fix can be a diff."""

    @property
    def data(self) -> bytes:
        """As bytes, for what is read so."""
        return self.text.encode("utf-8", "surrogatepass")


def files_in(text: str) -> Iterator[Pasted]:
    """The files that a text shows: in a session up to the next prompt, in a ticket up to the end of the block."""
    lines = text.replace("\r\n", "\n").split("\n")
    yield from islice(chain(_shown(lines), _fenced(lines)), _MOST)


def _shown(lines: list[str]) -> Iterator[Pasted]:
    """What a command printed: a file, the resolved project, a login."""
    for number, line in enumerate(lines):
        if _LOGINS.match(line) and (logins := _whole_object(lines, number)):
            yield Pasted("docker-config", "\n" * number + logins + "\n")
            continue
        prompt = _PROMPT.match(line)
        if prompt is None:
            continue
        command = line[prompt.end() : prompt.end() + 1000]
        shown = _SHOW.search(command)
        name = shown[1] if shown else "docker-compose.yml" if _RESOLVED.search(command) else None
        if name is None:
            continue
        rows = _until_prompt(lines, number + 1)
        if not rows or rows[0].startswith(("cat: ", "type: ")):
            continue
        path = _own_name(name) if shown and not _IN_CONTAINER.search(command) else None
        yield from _as_file(name, path, rows, number + 1)


def _fenced(lines: list[str]) -> Iterator[Pasted]:
    """Blocks of Markdown, named by what stands before or in them: tickets and issues are written so."""
    start, mark, info = None, "", ""
    blocks = 0
    for number, line in enumerate([*lines, ""]):
        if blocks == _BLOCKS:
            return
        fence = _FENCE.match(line)
        closes = fence is not None and fence[1].startswith(mark) and not fence[2].strip()
        if start is None and fence:
            start, mark, info = number + 1, fence[1], fence[2].strip()
        elif start is not None and (closes or number == len(lines)):  # what nobody closed goes to the end
            blocks += 1
            rows = lines[start:number]
            if not any(_PROMPT.match(row) and _SHOW.search(row) for row in rows):
                path = _own_name(_title(lines, start - 1, rows, info))
                default = "block.yml" if info.split(" ")[0].lower() in _YAML else ""
                if path or default or not _is_vague(rows):
                    yield from _as_file(path or default, path, rows, start)
            start = None


def _title(lines: list[str], fence: int, rows: list[str], info: str) -> str:
    """The name of a block's file: in its first comment, beside the fence, or in the text right before it."""
    first = rows[0] if rows and rows[0].lstrip().startswith(("#", "//", ";")) else ""
    for text in (info.replace("=", " ").replace(":", " ").replace('"', " "), first):
        if found := _FILE_NAME.findall(text):
            return str(found[-1])
    for line in reversed(lines[max(0, fence - _TITLE_LINES) : fence]):
        if _FENCE.match(line):
            break
        if line.strip():
            found = _FILE_NAME.findall(line)
            return str(found[-1]) if found else ""
    return ""


def _own_name(name: str) -> str | None:
    """A path as a file of the bundle would have it; None for one that leads elsewhere or says nothing."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "~")]
    return "/".join(parts) if parts and ".." not in parts else None


def _is_vague(rows: list[str]) -> bool:
    """Whether a block without a name could be anything: NAME=value lines are typed in many places."""
    return marks.is_dotenv("\n".join(rows))


def _as_file(name: str, path: str | None, rows: list[str], start: int) -> Iterator[Pasted]:
    content = "\n".join(rows)
    kind = recognise(name.replace("\\", "/"), content)
    if kind not in SHOWN or not content.strip() or (kind == "htpasswd" and _CUT.search(content)):
        return
    if path is None:
        yield Pasted(kind, "\n" * start + content + "\n")
    else:
        yield Pasted(kind, content + "\n", path)


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
