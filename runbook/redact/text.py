"""Text from outside made harmless to show, whatever is in it."""

from runbook.lazy import re

MASK = "[redacted]"

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_END = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")


def visible(text: str, limit: int = 2000) -> str:
    """Make text from a server or a file harmless to show: no escape sequences, no control characters, no
    bidirectional overrides, nothing that is no Unicode, at most `limit` characters."""
    clean = _CONTROL.sub("\ufffd", _ANSI.sub("", printable(text[: limit * 4])))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def printable(text: str) -> str:
    """Text that every encoding of Unicode can write: undecodable bytes of file names and lone surrogates are
    shown as `\\xff` and `\\ud800`."""
    return _SURROGATE.sub(_shown, text) if _SURROGATE.search(text) else text


def one_line(text: str, limit: int = 2000) -> str:
    """The same on one line: nothing from outside begins a line of its own, as CI systems read commands from."""
    return visible(_LINE_END.sub(" ", text[: limit * 4]), limit)


_CI = re.compile(
    r"(?m)^([+ -]?[ \t]{0,200}):(?=:(?:error|warning|notice|debug|group|endgroup|add-mask|set-output|save-state|stop-commands"
    r"|add-matcher|remove-matcher|echo|set-env|add-path)\b)|#(?=#(?:\[|vso\[|teamcity\[))"
)


def without_commands(text: str, *, as_json: bool = False) -> str:
    """Text in which no CI system finds a command for itself: `::error`, `##[group]`, `##vso[…]`."""
    if "::" not in text and "##" not in text:
        return text
    return _CI.sub(lambda m: f"{m[1]}: " if m[1] is not None else "\\u0023" if as_json else "# ", text)


def as_bytes(value: str | bytes) -> bytes:
    """The bytes behind a text as files and JSON give it: undecodable bytes as they were, lone surrogates somehow."""
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


_STANDS_THERE = re.compile(
    r"\*{2,}|•+|█+|…|\.{3,}|x{4,}|redacted|[\[<(](?:redacted|hidden|masked|removed|snip|filtered|secret|…|\.{3})[\]>)]",
    re.IGNORECASE,
)


def is_mask(text: str) -> bool:
    """Whether a whole value is a mask that somebody, or we, put in a secret's place: stars, blocks, "[redacted]"."""
    return _STANDS_THERE.fullmatch(text.strip()) is not None
