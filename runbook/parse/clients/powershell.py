"""PowerShell: Invoke-WebRequest and Invoke-RestMethod, what they print and how they fail."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import MASKED, Region, command, got
from runbook.parse.prompts import prompted

MARKS = ("Invoke-WebRequest", "Invoke-RestMethod", "StatusCode", "iwr ", "irm ", "-UseBasicParsing")
_TOOL = re.compile(
    r"(?:\$\w{1,40} ?= ?)?\(?(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm|(?:curl|wget)(?= .{0,400}-(?:Uri|UseBasicParsing|Headers|Credential)\b))\b(.*)$",
    re.IGNORECASE,
)
_URI = re.compile(
    r"(?:-Uri\s+|^\s*)[\"']?(https?://[^\s\"']{1,1000})|[\"'](https?://[^\s\"']{1,1000})[\"']|\s(https?://[^\s\"']{1,1000})",
    re.IGNORECASE,
)
_METHOD = re.compile(r"-Method\s+[\"']?(\w{3,8})", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"[\"']?Authorization[\"']?\s*=\s*(?:\"([^\"]{0,2000})\"|'([^']{0,2000})'|([^;}\s]{1,200}))", re.IGNORECASE
)
_CREDENTIAL = re.compile(r"-(?:Credential|Token)\b", re.IGNORECASE)
_UNKNOWN = re.compile(r"-Headers\s+\$|-WebSession|-UseDefaultCredentials|-Session|\s@\w", re.IGNORECASE)
_STATUS = re.compile(r"StatusCode\s{0,20}: (\d{3})\s*$")
_FIELD = re.compile(r"[A-Za-z]{3,30}\s{0,20}: ")
_RAW = re.compile(r"RawContent\s{0,20}: (HTTP/\d(?:\.\d)? \d{3}.*)$")
_INDENT = re.compile(r" {16,24}(\S.*|)$")
_REFUSED = re.compile(
    r"(?:Invoke-(?:WebRequest|RestMethod)|iwr|irm|curl|wget)? ?: ?.{0,200}?(?:returned an error: \((\d{3})\) ?(.{0,80}?)\.?|"
    r"does not indicate success: (\d{3}) \(([^)]{1,80})\)\.?)\s*$", re.IGNORECASE,
)  # fmt: skip
_FAILED = (
    ("actively refused", "curl: (7) Connection refused"),
    ("Unable to connect to the remote server", "curl: (7) Failed to connect"),
    ("Connection refused", "curl: (7) Connection refused"),
    ("could not be resolved", "curl: (6) Could not resolve host"),
    ("No such host is known", "curl: (6) Could not resolve host"),
    ("trust relationship", "curl: (60) unable to get local issuer certificate"),
    ("remote certificate is invalid", "curl: (60) unable to get local issuer certificate"),
    ("PartialChain", "curl: (60) unable to get local issuer certificate"),
    ("RemoteCertificateNameMismatch", "curl: (60) SSL: no alternative certificate subject name matches"),
    ("timed out", "curl: (28) Connection timed out"),
    ("SSL connection could not be established", "curl: (35) wrong version number"),
    ("underlying connection was closed", "curl: (52) Empty reply from server"),
)
_ASSIGNED = re.compile(r"\$(\w{1,40}) ?= ?")
_TABLE = re.compile(r"Headers\s{0,20}: \{(.*)$")
_PAIR = re.compile(r"\[([A-Za-z][\w-]{0,80}), ([^\]]{0,2000})\]")
_BODY = re.compile(r"(?:Invoke-(?:WebRequest|RestMethod)|iwr|irm) ?: ?(\{.*)?$", re.IGNORECASE)
_COLUMNS = re.compile(r"([A-Za-z][\w-]{0,80}) {1,80}(\S.*)$")
_MOST = 400


def regions(rows: list[str]) -> Iterator[Region]:
    """Each command with what it printed."""
    number = 0
    while number < len(rows):
        typed = prompted(rows[number])
        tool = _TOOL.match(typed[1]) if typed else None
        if tool is None:
            if _RAW.match(rows[number]) or _STATUS.match(rows[number]):
                region = Region(number, number)
                number = _printed(rows, number, region)
                region.end = number
                if any(row.startswith("<") for _, row in region.rows):
                    yield region
                continue
            number += 1
            continue
        text, after = _whole(rows, number, tool[1])
        region = Region(number, after)
        asked = _command(text)
        if asked:
            region.add(number, asked)
            number = region.end = _printed(rows, after, region)
            if kept := _ASSIGNED.match(tool[0]):
                number = region.end = _looked_at(rows, number, region, kept[1])
            yield region
        else:
            number = after


def _looked_at(rows: list[str], number: int, region: Region, name: str) -> int:
    """What was printed of an answer that was kept in a variable: `$r`, `$r.StatusCode`, `$r.Headers`, `$r.Headers.Location`."""
    own = re.compile(
        rf"\${re.escape(name)}(?:\.(\w{{1,40}}))?(?:\.(\w[\w-]{{0,80}})|\[[\"']([\w-]{{1,80}})[\"']\])?\s*(?:\|.*)?$",
        re.I,
    )
    heads: list[tuple[int, str]] = []
    while number < len(rows) and (typed := prompted(rows[number])) is not None and (asked := own.match(typed[1])):
        begun, number = number + 1, number + 1
        if asked[1] is None:
            number = _printed(rows, begun, region)
            continue
        while number < len(rows) and prompted(rows[number]) is None:
            row = rows[number].strip()
            if asked[1].lower() == "statuscode" and re.fullmatch(r"\d{3}", row):
                region.add(number, got(f"HTTP/1.1 {row}"))
            elif asked[1].lower() == "headers" and (header := asked[2] or asked[3]) and row:
                heads.append((number, got(f"{header}: {row}")))
            elif asked[1].lower() == "headers" and (pair := _COLUMNS.match(row)) and pair[1] not in ("Key", "Value"):
                heads.append((number, got(f"{pair[1]}: {pair[2].strip().strip('{}')}")))
            number += 1
    _put_heads(region, heads)
    return number


def _put_heads(region: Region, heads: list[tuple[int, str]]) -> None:
    """Headers that were printed apart, into the head that was printed: those that it names already count once."""
    status = next((n for n, (_, row) in enumerate(region.rows) if row.startswith("< HTTP/")), None)
    if status is None or not heads:
        return
    known = {row.split(":")[0].lower() for _, row in region.rows if row.startswith("< ")}
    region.rows[status + 1 : status + 1] = [
        (n, row) for n, row in heads if row.split(":")[0].lower() not in known and "System.String[]" not in row
    ]


def _whole(rows: list[str], number: int, text: str) -> tuple[str, int]:
    """A command that goes on behind a backtick, a pipe or an open brace."""
    after = number + 1
    while (
        after < len(rows)
        and after < number + 30
        and (text.rstrip().endswith(("`", "{", ",", ";")) or text.count("{") > text.count("}"))
    ):
        text = text.rstrip().removesuffix("`") + " " + rows[after].removeprefix(">> ").strip()
        after += 1
    return text, after


def _command(text: str) -> str | None:
    found = _URI.search(text)
    if found is None:
        return None
    url = (found[1] or found[2] or found[3]).rstrip("),;")
    method = _METHOD.search(text)
    header = _AUTHORIZATION.search(text)
    headers = []
    if header:
        headers.append(("Authorization", header[1] or header[2] or header[3] or MASKED))
    elif _CREDENTIAL.search(text):
        headers.append(("Authorization", MASKED))
    known = bool(header) or _UNKNOWN.search(text) is None
    return command(url, method=method[1].upper() if method else "", headers=headers, known=known)


def _printed(rows: list[str], number: int, region: Region) -> int:
    """What a command printed, up to the next prompt; gives the row behind it."""
    status: tuple[int, str] | None = None
    raw = False
    end = min(len(rows), number + _MOST)
    while number < end and prompted(rows[number]) is None:
        row = rows[number]
        if found := _STATUS.match(row):
            status = (number, found[1])
        elif found := _RAW.match(row):
            raw = True
            region.add(number, got(found[1]))
            number = _raw(rows, number + 1, region)
            continue
        elif found := _TABLE.match(row):
            _put_heads(region, _table(rows, number))
        elif not raw and status is None and (found := _BODY.match(row.strip())):
            region.rows += _error_body(rows, number, found[1] or "")
            raw = True
        elif found := _REFUSED.match(row.strip()):
            region.add(number, got(f"HTTP/1.1 {found[1] or found[3]} {found[2] or found[4] or ''}"), "<")
            raw = True
        elif not raw and status is None and (told := _failure(row)):
            region.add(number, told)
            raw = True
        number += 1
    if status and not raw:
        region.add(status[0], got(f"HTTP/1.1 {status[1]}"), "<")
    return number


def _table(rows: list[str], number: int) -> list[tuple[int, str]]:
    """The pairs of `Headers : {[Server, nginx], [Location, …]…}`, which goes on in further rows."""
    text = rows[number]
    for row in rows[number + 1 : number + 20]:
        if text.rstrip().endswith("}") or _FIELD.match(row):
            break
        text = f"{text} {row.strip()}"
    return [(number, got(f"{name}: {value}")) for name, value in _PAIR.findall(text) if not value.endswith("…")]


def _error_body(rows: list[str], number: int, text: str) -> list[tuple[int, str]]:
    """The body of a refusal, which both print instead of a status; newer ones print it over several rows."""
    at = number + 1
    while not text.count("{") or text.count("{") > text.count("}"):
        if at >= len(rows) or at > number + 40 or prompted(rows[at]) is not None:
            return []
        text, at = text + rows[at].strip(), at + 1
    return [(number, text)]


def _failure(row: str) -> str:
    if not re.match(r"\s{0,4}(?:Invoke-|iwr|irm|curl|wget|[\w.]{0,40}Exception|\+ )", row):
        return ""
    return next((told for word, told in _FAILED if word.lower() in row.lower()), "")


def _raw(rows: list[str], number: int, region: Region) -> int:
    """The head and the body below `RawContent`, indented by the width of the names."""
    head = True
    while number < len(rows) and not _FIELD.match(rows[number]) and prompted(rows[number]) is None:
        inner = _INDENT.match(rows[number])
        text = inner[1] if inner else rows[number].strip()
        if inner is None and text:
            break
        if head and not text:
            head = False
            region.add(number, "<")
        else:
            region.add(number, got(text) if head else text)
        number += 1
    if head:
        region.add(number - 1, "<")
    return number
