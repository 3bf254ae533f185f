"""Marks that mail programs, pagers and terminals put before or into lines: quoting, line numbers, hard wraps. Pure.

Each function takes rows and gives rows; a row that carries no mark stays as it is, and nothing is guessed from one
row alone where the neighbours can tell.
"""

from collections.abc import Iterator
from itertools import pairwise

from runbook.collect import marks
from runbook.collect.unpack.rows import Rows, joined
from runbook.collect.unpack.threads import eras_of
from runbook.lazy import re

_DEPTH = 12
_REQUEST = re.compile(r"> (?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT) \S{1,4000} HTTP/\d")
_SENT = re.compile(r"> ?(?:[A-Za-z0-9-]{1,80}: ?.*|)$")
_REPL = re.compile(r">>> ?(?:import |from |print\(|[A-Za-z_][\w.]{0,60}(?: ?[=(.\[]|$))")
_MARK = re.compile(r"[>│▌] ?")

_NUMBERED = re.compile(r" {0,8}(\d{1,7})(\t| ?[|│:] ?| {1,4}|$)(.*)$")
_TIMED = re.compile(r"\d\d:\d\d:\d\d\.\d{6} (?=[*<>{}] |[<>]$|== Info: |[<=]= ?(?:Send|Recv) |=> Send |<= Recv )")
_SURE = ("\t",)
_FEWEST_SURE, _FEWEST = 2, 5

_NARROWEST, _WIDEST = 70, 400
_USUAL = (
    72,
    76,
    78,
    79,
    119,
    132,
    143,
    158,
    159,
    168,
    172,
    173,
    177,
    179,
    186,
    189,
    191,
    199,
    204,
    209,
    211,
    213,
    236,
    237,
    238,
    239,
)
"""Widths that windows often have, besides the round ones."""
_BEGINS = re.compile(
    r"[<>*{}\[#|] |[\w.-]{1,80}[ \t]{0,40}\| |\d{4}[-/]\d\d[-/]\d\d[ T]|\[?\w{3} [ \d]\d \d\d:|time=|\{\"|[\w.:-]{3,60} \S{1,60} \S{1,60} \["
    r"|[\w.@~-]{1,64}[@:][^\n]{0,80}[$#>%] |[$%❯➜+] |HTTP/\d|curl: \(|==> |```|[0-9a-fA-F]{4,8}:? "
)
"""How a line begins that is none that goes on: a log line, a prompt, a mark of curl."""
_FRESH = re.compile(r"\s\s|\t|[A-Za-z_][\w.-]{0,60}:(?: |$)|-{1,3} |[\w.-]{1,60}:\$|[A-Z_]{3,60}=")
"""Keys, entries, list items: a log line may go on so, the line of a file does not."""


def unquoted(found: Rows) -> Rows:
    """Rows without the marks of quoting, at any depth. curl's own `> GET …` stays, as does Python's `>>> `."""
    rows = list(found.rows)
    for _ in range(_DEPTH):
        changed = False
        for start, end in _runs(rows):
            if not _is_sent(rows[start:end]):
                rows[start:end] = [_MARK.sub("", row, count=1) if row[:1] in ">│▌" else row for row in rows[start:end]]
                changed = True
        if not changed:
            break
    return Rows(rows, found.numbers)


def quoted_eras(found: Rows) -> dict[int, tuple[float, bool]]:
    """Line → its era and whether nobody's words introduce the quotation that it stands in (`Place.era`, `Place.loose`).
    Empty for a text of one time. A box that a program draws is no quotation."""
    runs = [run for run in _runs(found.rows) if not _is_sent(found.rows[slice(*run)])]
    eras = eras_of(found.rows, {n for run in runs for n in range(*run) if found.rows[n][:1] == ">"})
    return dict(zip(found.numbers, eras, strict=True)) if eras else {}


def _runs(rows: list[str]) -> Iterator[tuple[int, int]]:
    """Where rows that begin with a mark stand together."""
    start = None
    for number, row in enumerate([*rows, ""]):
        if row[:1] in (">", "│", "▌") and not _REPL.match(row):
            start = number if start is None else start
        elif start is not None:
            yield start, number
            start = None


def _is_sent(rows: list[str]) -> bool:
    """Whether curl shows here what it sent: a request line, then headers only."""
    return _REQUEST.match(rows[0]) is not None and all(_SENT.match(row) for row in rows[1:])


def unnumbered(found: Rows) -> Rows:
    """Rows without the line numbers of `cat -n`, `nl`, `bat`, `grep -n` or an editor: several in a row, counting up."""
    rows = list(found.rows)
    run: list[tuple[int, re.Match[str]]] = []
    for number, row in enumerate([*rows, None]):
        match = _NUMBERED.match(row) if row is not None and row[:9].strip()[:1].isdigit() else None
        goes_on = match and run and int(match[1]) == int(run[-1][1][1]) + 1 and _alike(match[2], run[0][1][2])
        if goes_on and match:
            run.append((number, match))
            continue
        _take_off(run, rows)
        run = [(number, match)] if match else []
    return Rows(rows, found.numbers)


def untimed(found: Rows) -> Rows:
    """Rows of `curl --trace-time` without the time before curl's own marks."""
    if not any(_TIMED.match(row) for row in found.rows):
        return found
    return Rows([_TIMED.sub("", row) for row in found.rows], found.numbers)


def respaced(found: Rows) -> Rows:
    """Rows with plain blanks where a web page or a word processor put such that break no line: in a text whose rows
    are indented by them. A lone one is what somebody typed, and may be the fault."""
    indented = [row for row in found.rows if row[:1] in (" ", _FIRM)]
    firm = sum(row[:1] == _FIRM for row in indented)
    if firm < _FEWEST_FIRM or firm * 2 < len(indented):
        return found
    return Rows([row.replace(_FIRM, " ") for row in found.rows], found.numbers)


_FIRM = "\N{NO-BREAK SPACE}"
_FEWEST_FIRM = 3


def rejoined(found: Rows) -> Rows:
    """Rows in which an error line of nginx, that a person broke at its commas to make it fit, is one line again."""
    groups: list[tuple[int, list[str]]] = []
    for number, row in zip(found.numbers, found.rows, strict=True):
        before = groups[-1][1] if groups else []
        if before and _PART_OF_ERROR.match(row) and before[-1].rstrip()[-1:] == "," and "[error]" in before[0]:
            before.append(f" {row.strip()}")
        else:
            groups.append((number, [row]))
    if len(groups) == len(found.rows):
        return found
    made = joined(groups)
    return Rows(made.rows, made.numbers)


_PART_OF_ERROR = re.compile(r"\s{0,12}(?:client|server|request|upstream|host|referrer): ")


def outdented(found: Rows) -> Rows:
    """Rows without the blanks that a mail puts before the lines of a log, and before a whole compose file."""
    rows = list(found.rows)
    depth = 0
    for number, row in enumerate(rows):
        bare = row.lstrip(" ")
        indent = len(row) - len(bare)
        if depth and bare and indent < depth:
            depth = 0
        if not depth and 0 < indent < 4 and _FIRST_KEY.match(bare) and (number == 0 or not rows[number - 1].strip()):
            depth = indent
        if depth:
            rows[number] = row[depth:]
        elif 0 < indent < 4 and marks.log_start(bare):
            rows[number] = bare
    return Rows(rows, found.numbers) if rows != found.rows else found


_FIRST_KEY = re.compile(r"(?:services|version): ?[^\s]{0,12}\s*$")
_STAMPED = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]? (?=\S)")


_OF_A_JOB = re.compile(
    r"[$#] ?(?:docker|podman|buildah|skopeo|crane|oras|helm|curl)\b|#\d{1,4} |\+ (?:docker|podman)\b"
)
"""A command with its prompt, or a step of BuildKit: what an application's log does not have."""


def undated(found: Rows) -> Rows:
    """Rows of a job's output without the time before each of them; a server's log line needs its own."""
    told = [row for row in found.rows if row.strip()]
    if len(told) < 3 or not all(_STAMPED.match(row) for row in told) or any(marks.log_start(row) for row in told):
        return found
    if not any(_OF_A_JOB.match(_STAMPED.sub("", row, count=1)) for row in told):
        return found
    return Rows([_STAMPED.sub("", row, count=1) for row in found.rows], found.numbers)


def _alike(separator: str, first: str) -> bool:
    return separator.strip(" ") == first.strip(" ") or not separator or not first


def _take_off(run: list[tuple[int, re.Match[str]]], rows: list[str]) -> None:
    if not run:
        return
    sure = any(match[2] in _SURE for _, match in run)
    if len(run) < (_FEWEST_SURE if sure else _FEWEST) and not (sure and run[0][1][1] == "1"):
        return
    for number, match in run:
        rows[number] = match[3]


def unwrapped(found: Rows) -> Rows:
    """Rows that a terminal broke at its right edge, put together again: many of exactly the greatest length, each
    followed by one that begins like no line of its own."""
    rows = found.rows
    width = max(map(len, rows), default=0)
    if not _NARROWEST <= width <= _WIDEST:
        return found
    goes_on: list[bool] = []
    in_log = False
    for row, after in pairwise(rows):
        if len(row) != width or not after or len(set(row)) <= 3:
            goes_on.append(False)
            continue
        in_log = marks.log_start(row) is not None or (in_log and goes_on[-1:] == [True])
        fresh = marks.log_start(after) or _BEGINS.match(after) or (not in_log and _FRESH.match(after))
        fresh = fresh or (not in_log and _STATUS.fullmatch(after))
        goes_on.append(not fresh)
    usual = width % 10 == 0 or width in _USUAL
    twice = any(a and b for a, b in pairwise(goes_on))
    if sum(goes_on) < (3 if usual or twice else 6):
        return found
    groups: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows):
        if number and goes_on[number - 1]:
            groups[-1][1].append(row)
        else:
            groups.append((found.numbers[number], [row]))
    return joined(groups)


_STATUS = re.compile(r"[1-5]\d\d")
"""All that `curl -w '%{http_code}\\n'` prints: a command of just that length, called again and again, is no broken row."""
_CODE = re.compile(r"`([^`\n]{20,4000})`")


def quoted_log_lines(text: str) -> list[tuple[int, str]]:
    """The log lines that stand between backticks inside sentences, each with the number of its row."""
    rows = text.split("\n") if "`" in text else []
    return [(n, m[1]) for n, row in enumerate(rows, 1) for m in _CODE.finditer(row) if marks.log_start(m[1])]
