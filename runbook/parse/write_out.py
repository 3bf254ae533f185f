"""What `curl -w FORMAT` wrote, read by the format that was typed. Pure."""

from runbook.lazy import re

_VARIABLE = re.compile(r"%header\{([\w-]{1,80})\}|%\{([\w.-]{1,60})\}|\\[nrt]|%%")
_GROUPS = {
    "http_code": r"(?P<status>[1-5]\d\d)",
    "response_code": r"(?P<status>[1-5]\d\d)",
    "url_effective": r"(?P<url>https?://\S{1,2000})",
    "url": r"(?P<url>https?://\S{1,2000})",
    "redirect_url": r"(?P<location>\S{0,2000})",
    "method": r"(?P<method>[A-Z]{3,8})",
}
_MOST = 20
_LONGEST = 500


def line_patterns(template: str) -> tuple[re.Pattern[str], ...]:
    """A pattern for each line that the format writes a variable to."""
    lines = template[:_LONGEST].replace("\\r", "").replace("\n", "\\n").split("\\n")
    return tuple(re.compile(made) for line in lines[:_MOST] if (made := _pattern(line)))


def _pattern(line: str) -> str:
    made, at, used = "", 0, set[str]()
    for found in _VARIABLE.finditer(line):
        made += re.escape(line[at : found.start()])
        at = found.end()
        name = "redirect_url" if (found[1] or "").lower() == "location" else found[2] or ""
        group = _GROUPS.get(name, "")
        if found[0] in ("%%", "\\t"):
            made += "%" if found[0] == "%%" else r"\s{1,8}"
        elif group and group not in used:
            used.add(group)
            made += group
        else:
            made += r".{0,200}?"
    return made + re.escape(line[at:]) if used else ""


def written_by(patterns: tuple[re.Pattern[str], ...], line: str) -> dict[str, str]:
    """The variables in a line: it may stand behind a body that has no end of line."""
    for pattern in patterns:
        found = next((m for m in pattern.finditer(line, 0, 4000) if not line[m.end() :].strip("% \r")), None)
        if found and line[: found.start()].rstrip()[-1:] in ("", "}", ">", "]"):
            return {name: value for name, value in found.groupdict().items() if value}
    return {}
