"""What a check should print, and whether it did. Pure.

An expectation begins with what is printed, and explains it after a comma, a semicolon or a bracket: a number (or two:
`401 (or 200)`), a whole line, `…` for the rest of a line or for its beginning, several lines joined by `and`, `nothing`, or
`no line with: ` and words. One that begins with a bracket only explains: a person has to look.
"""

from runbook.lazy import re

_WITHOUT = "no line with: "
_LIMIT = re.compile(r"(\d{3}) and less than ([\d.]{1,8}) seconds")
_LONGEST = 20_000


def as_expected(output: str, expect: str, slack: float = 1.0) -> bool | None:
    """Whether an output is what `expect` says; None where a person has to look. `slack` multiplies limits of time, for
    machines that are busy."""
    if not expect or expect.startswith("("):
        return None
    lines = [" ".join(line.lower().split()) for line in output[:_LONGEST].splitlines() if line.strip()]
    if expect.startswith("nothing"):
        return not lines
    if expect.startswith(_WITHOUT):
        return not any(expect.removeprefix(_WITHOUT).lower() in line for line in lines)
    if limit := _LIMIT.match(expect):
        words = lines[0].split() if lines else []
        return len(words) == 2 and words[0] == limit[1] and _number(words[1]) < float(limit[2]) * slack
    either = re.match(r"(\d+)(?:\s+\(?or\s+(\d+)\)?)?(?=\s*(?:$|[,;(]))", expect)
    if either:
        return any(line.split()[0] in either.groups() for line in lines)
    meant = re.split(r"[,;(]", expect)[0].strip().lower()
    return bool(meant) and all(any(_fits(line, part.strip()) for line in lines) for part in meant.split(" and "))


def _fits(line: str, part: str) -> bool:
    if part.startswith("…"):
        inner = part[1:].strip()
        return inner[:-1].strip() in line if inner.endswith("…") else line.endswith(inner)
    if part.startswith("http/") and line.startswith("http/"):  # HTTP/2 has no words after the number
        return line.split()[1:2] == part.split()[1:2]
    before, dots, _ = part.partition("…")
    return line.startswith(before.strip()) if dots else line == part


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")
