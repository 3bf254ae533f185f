"""Files as people hand them over: with secrets blacked out by hand, and with lines left out.

Each function returns the changed files, or None when there was nothing to change.
"""

import random
import re
from collections.abc import Callable, Mapping

from tests.withhold import Files, is_compose, is_proxy_file

_BCRYPT = re.compile(r"(\$2[aby]?\$\d\d\$)[./A-Za-z0-9]{20,}")
_OTHER_HASH = re.compile(r"(\$(?:apr1|1|5|6|y)\$)[^\s'\"]{8,}|(\{SHA\})\S{8,}")
_BASIC = re.compile(r"(?i)(authorization[\"']?[:\s=]+[\"']?basic )[A-Za-z0-9+/]{6,}={0,2}")
_STORED = re.compile(r'("auth"\s*:\s*")[A-Za-z0-9+/]{6,}={0,2}(")')
_ON_THE_LINE = re.compile(
    r"((?:-u|--user|--creds)[ =]['\"]?[\w.@-]+:)(?!\$)[^\s'\":@/]{3,}(['\"]?(?=\s|$))", re.MULTILINE
)
_LEFT_OUT = ("...", "[...]", "…", "<snip>", "--- snip ---", "# ...", "(...)", "[12 lines omitted]")


def _texts(files: Mapping[str, bytes], change: Callable[[str, str], str]) -> Files | None:
    found: Files = {}
    for name, data in files.items():
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        found[name] = change(name, text).encode()
    return found if found != dict(files) else None


def blacked_out(mask: str) -> Callable[[Mapping[str, bytes]], Files | None]:
    """Every hash, stored login, Basic header and password on a command line behind such a mask."""

    def change(_: str, text: str) -> str:
        text = _BCRYPT.sub(lambda m: m[1] + mask, text)
        text = _OTHER_HASH.sub(lambda m: (m[1] or m[2]) + mask, text)
        text = _BASIC.sub(lambda m: m[1] + mask, text)
        text = _STORED.sub(lambda m: m[1] + mask + m[2], text)
        return _ON_THE_LINE.sub(lambda m: m[1] + mask + m[2], text)

    return lambda files: _texts(files, change)


def left_out(seed: int) -> Callable[[Mapping[str, bytes]], Files | None]:
    """One to three statements of each configuration file replaced by a row that says so; which ones the seed decides.

    Whole ones, as people do it: no bracket is left open, and nothing is left below a key that is gone.
    """

    def change(name: str, text: str) -> str:
        if not (is_compose(name, b"") or is_proxy_file(name, b"")) or text.count("\n") < 6:
            return text
        draw = random.Random(f"{seed} {name} {len(text)}")
        rows = text.split("\n")
        spans = [span for at in range(1, len(rows)) for n in (1, 2, 3) if _is_whole(rows, span := (at, at + n))]
        if not spans:
            return text
        start, end = draw.choice(spans)
        return "\n".join([*rows[:start], " " * _indent(rows[start]) + draw.choice(_LEFT_OUT), *rows[end:]])

    return lambda files: _texts(files, change)


def _is_whole(rows: list[str], span: tuple[int, int]) -> bool:
    start, end = span
    inner, after = rows[start:end], next((row for row in rows[end:] if row.strip()), "")
    if end > len(rows) or not all(row.strip() for row in inner) or any(c in row for row in inner for c in "{}<>"):
        return False
    least = _indent(inner[0])
    return least > 0 and all(_indent(row) >= least for row in inner) and _indent(after) <= least


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())


FORMS: dict[str, Callable[[Mapping[str, bytes]], Files | None]] = {
    "stars": blacked_out("***"),
    "dots": blacked_out("..."),
    "a word": blacked_out("[redacted]"),
    "x": blacked_out("xxxxxxxxxxxx"),
    **{f"lines left out, draw {seed}": left_out(seed) for seed in range(4)},
}
