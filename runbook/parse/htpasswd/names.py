"""User names as they stand in an htpasswd file, and what is odd about them."""

from runbook.lazy import re
from runbook.redact import mask_patterns, visible

LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PLAIN = re.compile(r"[A-Za-z0-9][\w.@+-]{0,63}", re.ASCII)
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad"
_ECHO = re.compile(r"-(?:n|e|ne|en) +")
"""`echo -n` in a shell whose echo knows no options."""
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"


def shown_name(name: bytes) -> str:
    """The name as text that two different names never share: odd bytes and control characters are spelled out."""
    text = name.decode("utf-8", "backslashreplace")
    if _PLAIN.fullmatch(text):
        return text
    return visible(mask_patterns(_CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text[: LONGEST * 8])), LONGEST)


def plain_name(name: str) -> str:
    """What was probably meant: the name without byte order mark, blanks, quotes, NULs and invisible characters."""
    for escape in ("\\xff\\xfe", "\\xfe\\xff", "\\x00", "\\x09", "\\x0d", "\\xef\\xbb\\xbf"):
        name = name.replace(escape, "")
    visible_part = "".join(c for c in name if c not in _INVISIBLE).strip()
    return _ECHO.sub("", visible_part, count=1).strip(_QUOTES + "\\").strip()


def odd_name(name: str) -> str | None:
    """What makes a name unlikely to be the one typed, in words; None for an ordinary one."""
    if "\\x00" in name:
        return "UTF-16 text: a zero byte beside every character"
    if name.startswith("\ufeff"):
        return "a byte order mark (BOM) before it"
    if any(c in _INVISIBLE for c in name):
        return "an invisible character in it"
    if _ECHO.match(name):
        return "the option of an echo command before it"
    if name != name.strip():
        return "a blank before the colon" if name != name.rstrip() else "a blank before it"
    if name[:1] in _QUOTES and name:
        return "a quote before it" if name[-1] not in _QUOTES else "quotes around it"
    if plain_name(name) != name:
        return "a character in it that nobody types"
    return None
