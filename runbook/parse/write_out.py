"""What `curl -w FORMAT` wrote, read by the format that was typed. Pure."""

from runbook.lazy import re

_PIECE = re.compile(r"%header\{([\w-]{1,80})\}|%\{([\w.-]{1,60})\}|(\\t)|%(%)|([^%\\]+|[%\\])")
_GROUPS = {
    "http_code": r"(?P<status>[1-5]\d\d)",
    "response_code": r"(?P<status>[1-5]\d\d)",
    "url_effective": r"(?P<url>https?://\S{1,2000}?)",
    "url": r"(?P<url>https?://\S{1,2000}?)",
    "redirect_url": r"(?P<location>\S{0,2000}?)",
    "method": r"(?P<method>[A-Z]{3,8}?)",
}
_OTHER = r".{0,200}?"
_LAST = r"[^\s<>]{0,200}(?:; ?[\w=-]{1,40})?"
_MOST = 20
_LONGEST = 500
_LINE = 4000


def line_patterns(template: str) -> tuple[re.Pattern[str], ...]:
    """A pattern for each line that the format writes a variable to."""
    lines = template[:_LONGEST].replace("\\r", "").replace("\n", "\\n").split("\\n")
    return tuple(re.compile(made) for line in lines[:_MOST] if (made := _pattern(line)))


def _pattern(line: str) -> str:
    """Each variable ends where what follows it begins for the first time, and none is tried twice: a format that somebody
    made up must not keep us busy. Two of unknown length side by side cannot be told apart."""
    made, now, used = r"\s*", "", set[str]()
    for header, variable, tab, percent, plain in _PIECE.findall(line):
        if header or variable:
            group = _GROUPS.get("redirect_url" if header.lower() == "location" else variable, _OTHER)
            group = _OTHER if group in used else group
            if "}?" in now and "}?" in group and group != now:
                return ""
            now = now if group == now else now + group
            used.add(group)
        else:
            text = r"\s{1,8}" if tab else re.escape(percent or plain)
            made, now = f"{made}(?>{now}{text})", ""
    return made + rf"(?>{_LAST if now == _OTHER else now}[%\s]*$)" if used - {_OTHER} else ""


def written_by(patterns: tuple[re.Pattern[str], ...], line: str) -> dict[str, str]:
    """The variables in a line: it may stand behind a body that has no end of line."""
    starts = [0, *[m.end() for m in re.finditer(r"[}>\]]", line[:_LINE])][-_MOST:]]
    tried = (pattern.match(line, start, _LINE) for pattern in patterns for start in starts)
    found = next((m for m in tried if m), None)
    return {name: value for name, value in found.groupdict().items() if value} if found else {}
