"""Files that stand in a text without a frame: under a heading, behind "edge.conf:", or bare between sentences. Pure.

Where such a file ends is told by its own syntax; prose behind it is not part of it.
"""

from collections.abc import Callable, Iterator

from runbook.collect import marks
from runbook.collect.kinds import recognise
from runbook.collect.unpack.frames import Block
from runbook.collect.unpack.names import RULER, TAIL, between_rulers, heading, is_bold, is_intro, mentioned
from runbook.lazy import re
from runbook.model import FileKind
from runbook.parse.prompts import ends, prompted

_YAML_ROW = re.compile(r"\s|#|-(?: |$)|---|\.\.\.$|[}\])]|[\"']?[\w./$@{}*<&!~+-]{1,120}[\"']?\s{0,4}:(?: |\t|$)")
_BRACE_ROW = re.compile(r"\s|#|[{}]|(?>.*[;{}\\])\s{0,8}(?:#.*)?$")
_ENV_ROW = re.compile(r"#|(?:export )?[A-Za-z_][\w.-]{0,120}\s?=")
_HASH_ROW = re.compile(r"#|[^\s:]{1,255}:\S{0,400}$")
_INI_ROW = re.compile(r"\s|[#;\]]|\[.{0,400}\]\s{0,8}(?:#.*)?$|[\w.\"-]{1,120}\s{0,8}=")
_MIXED_ROW = re.compile(rf"{_INI_ROW.pattern}|{_YAML_ROW.pattern}")
"""Clients of clusters are configured in TOML by some and in YAML by others."""
_HAPROXY_ROW = re.compile(
    r"\s|#|(?:global|defaults|frontend|backend|listen|resolvers|userlist|peers|mailers|cache|program|http-errors)\b"
)
_APACHE_ROW = re.compile(r"\s|#|<|[A-Z][A-Za-z]{2,40}[ \t]|\}")
_ROWS: dict[FileKind, re.Pattern[str]] = {
    "compose": _YAML_ROW, "registry-config": _YAML_ROW, "traefik": _YAML_ROW, "nginx": _BRACE_ROW, "caddy": _BRACE_ROW,
    "kubernetes": _YAML_ROW, "chart-values": _YAML_ROW, "ci": _YAML_ROW, "puller": _MIXED_ROW, "quadlet": _INI_ROW,
    "dotenv": _ENV_ROW, "htpasswd": _HASH_ROW, "haproxy": _HAPROXY_ROW, "apache": _APACHE_ROW,
}  # fmt: skip
_BEGINS = re.compile(
    r"(?P<yaml>services:|version: ?[\"']?[0-9.]{1,5}[\"']?\s*$|http:\s*$|storage:\s*$|apiVersion:)|(?P<json>[{\[]\s*[{\"]?|\{)|(?P<apache><VirtualHost\b)"
    r"|(?P<brace>(?:server|http|upstream|location|events|map)\b[^;:]{0,200}\{\s*$)|(?P<haproxy>(?:frontend|backend|defaults|global|listen)\b[^:;{]{0,80}$)"
)
_WORD = re.compile(r"[^\W\d_]{1,40}(?:['’-][^\W\d_]{1,40})?[,:;.!?]?$")
_FEWEST = 3
_MOST_ROWS = 2000


def sectioned(rows: list[str], taken: Callable[[int], bool]) -> Iterator[Block]:
    """The files that stand in rows which no frame has taken."""
    free = _free(len(rows), taken)
    heads = _heads(rows, taken)
    number = 0
    for at, (start, begins, name, sure) in enumerate(heads):
        end = heads[at + 1][0] if at + 1 < len(heads) else len(rows)
        block = _under(rows, start, begins, min(end, free[begins]), name, sure)
        if block is None:
            continue
        yield from _bare(rows, number, start, free)
        yield block
        number = block.outer[1]
    yield from _bare(rows, number, len(rows), free)


def _free(count: int, taken: Callable[[int], bool]) -> list[int]:
    """For each row the first taken one from there on."""
    free = [count] * (count + 1)
    for number in range(count - 1, -1, -1):
        free[number] = number if taken(number) else free[number + 1]
    return free


Head = tuple[int, int, str, bool]
"""Row of the heading, first row behind it, name, and whether the row is a heading beyond doubt."""


def _heads(rows: list[str], taken: Callable[[int], bool]) -> list[Head]:
    """Every heading that names a file, with what follows it unframed."""
    found: list[Head] = []
    typed, by_tail = False, any(TAIL.match(row) for row in rows if row[:2] in ("==", "# "))
    for number, row in enumerate(rows):
        if taken(number):
            typed = False
            continue
        typed = (typed and bool(row.strip())) or prompted(row) is not None
        head = _head(rows, number, typed) if not by_tail or TAIL.match(row) else None
        if head is not None:
            begins = head[1]
            while begins < len(rows) and not rows[begins].strip() and begins < head[1] + 3:
                begins += 1
            repeated = begins < len(rows) and heading(rows[begins]) == head[2]
            if begins < len(rows) and not taken(begins) and not repeated:
                found.append((head[0], begins, head[2], head[3]))
                typed = False
    return found


def _head(rows: list[str], number: int, typed: bool) -> Head | None:
    row = rows[number]
    if 0 < number < len(rows) - 1 and (name := between_rulers(rows[number - 1], row, rows[number + 1])):
        return number - 1, number + 2, name, True
    name = heading(row)
    if name is not None and (is_bold(row) or TAIL.match(row) or not typed):
        ruled = number + 1 < len(rows) and RULER.match(rows[number + 1]) is not None
        apart = number == 0 or not rows[number - 1].strip() or ruled
        if row[:1] == "#" and not apart and not is_bold(row) and not TAIL.match(row):
            return None  # a setting that was commented out
        alone = apart or is_bold(row) or TAIL.match(row) is not None or row.rstrip()[-1:] == ":"
        return (number, number + 1 + ruled, name, True) if alone else None
    if not typed and is_intro(row) and (name := mentioned(row)) is not None and prompted(row) is None:
        return number, number + 1, name, False
    return None


def _under(rows: list[str], start: int, begins: int, end: int, name: str, sure: bool) -> Block | None:
    """The file under a heading, as far as its syntax goes; None where no such file stands there."""
    text = "\n".join(rows[begins:end])
    kind = recognise(name, text)
    fits = kind in _ROWS and (sure or looks_like(kind, text))
    if TAIL.match(rows[start]):
        end = next((n for n in range(begins, end) if ends(rows[n], ())), end) if kind in _ROWS else end
        while end > begins and (not rows[end - 1].strip() or _is_empty_prompt(rows[end - 1])):
            end -= 1
        return Block(begins, end, "section", name, outer=(start, end))
    if kind in _ROWS:
        if not fits or is_prose(rows[begins]):
            return None
        end = _extent(kind, rows, begins, end)
    elif not sure and kind not in ("log", "docker-config", "daemon-config", "inspect", "har"):
        return None
    elif kind != "log" and rows[begins][:1] in ("{", "["):
        end = _json_end(rows, begins, end)
    while end > begins and not rows[end - 1].strip():
        end -= 1
    return Block(begins, end, "section", name, outer=(start, end)) if end > begins else None


def _is_empty_prompt(row: str) -> bool:
    typed = prompted(row)
    return typed is not None and not typed[1].strip()


def looks_like(kind: FileKind, text: str) -> bool:
    """Whether a text is of that kind by its content, whatever it is called."""
    return recognise("text", text) == kind or recognise("text.yml", text) == kind or recognise("x.conf", text) == kind


def _extent(kind: FileKind, rows: list[str], begins: int, end: int) -> int:
    """How far the rows fit the syntax; an empty row belongs to it when a fitting one follows."""
    fits, depth, last = _ROWS[kind], 0, begins
    if rows[begins][:1] == "{" and fits is _YAML_ROW:
        return _json_end(rows, begins, end)
    for number in range(begins, end):
        row = rows[number]
        if not row.strip():
            continue
        if number > begins and (ends(row, ()) or (kind == "htpasswd" and _LOG_ROW.match(row))):
            break
        # In a password file the odd line is often the fault, and a Caddyfile of one site needs no brackets.
        apart = kind not in ("htpasswd", "caddy") or number > last
        if depth <= 0 and number > begins and apart and not fits.match(row):
            break
        if fits is _YAML_ROW and number > last + 1 and is_prose(row):
            break
        if kind in ("nginx", "caddy"):
            depth += row.count("{") - row.count("}")
        last = number + 1
    return last


def fits_so_far(kind: FileKind, rows: list[str], begins: int, end: int) -> int:
    """The end of a file that was shown up to row `end`: prose behind it belongs to it no more."""
    last = _extent(kind, rows, begins, end) if kind in _ROWS else end
    rest = next((row for row in rows[last:end] if row.strip()), "")
    return last if is_prose(rest) or (kind == "htpasswd" and _LOG_ROW.match(rest)) else end


_LOG_ROW = re.compile(r"time=\"\d{4}-|\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\{\"(?:time|ts|level|msg)\"")
"""How a log line begins: it is no entry of a password file, however odd."""


def _json_end(rows: list[str], begins: int, end: int) -> int:
    """The row behind the brackets that open here; quotes are respected as far as one line tells."""
    depth = 0
    for number in range(begins, end):
        bare = re.sub(r'"(?:[^"\\]|\\.)*+"?', "", rows[number])  # to the row's end where it is left open: linear
        depth += bare.count("{") + bare.count("[") - bare.count("}") - bare.count("]")
        if depth <= 0:
            return number + 1
    return end


def _bare(rows: list[str], start: int, end: int, free: list[int]) -> Iterator[Block]:
    """Files without a heading: a server block, a compose file, a JSON object of docker in the middle of a text."""
    number = start
    while number < end:
        begins = _BEGINS.match(rows[number]) if free[number] > number else None
        if begins is None or prompted(rows[number]) is not None:
            number += 1
            continue
        stop = min(end, free[number], number + _MOST_ROWS)
        kind: FileKind = (
            "compose"
            if begins["yaml"]
            else "apache"
            if begins["apache"]
            else "haproxy"
            if begins["haproxy"]
            else "nginx"
        )
        last = _json_end(rows, number, stop) if begins["json"] else _extent(kind, rows, number, stop)
        enough = last - number >= _FEWEST or begins["json"]
        if enough and not (begins["json"] and not _telling_json(rows[number:last])):
            yield Block(number, last, "section", language="yaml" if begins["yaml"] else "", outer=(number, last))
            number = last
        else:
            number += 1


def _telling_json(rows: list[str]) -> bool:
    text = "\n".join(rows[:400])
    if '"apps"' in text and '"servers"' in text and '"handler"' in text:
        return True  # what `caddy adapt` prints
    return any(
        f'"{word}"' in text
        for word in ("auths", "credsStore", "credHelpers", "Mounts", "HostConfig", "insecure-registries")
    )


def is_prose(row: str) -> bool:
    """Whether a line is a person's sentence rather than a line of a file."""
    words = row.split()
    if len(words) < 4 or row[:1] in (" ", "\t", "#") or not _WORD.match(words[0]) or marks.log_start(row) is not None:
        return False
    plain = sum(word.strip("\"'`.,:;!?()").isalpha() for word in words)
    return plain * 3 >= len(words) * 2
