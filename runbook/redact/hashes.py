"""The one grammar of password hashes. Dollars may be doubled, as compose files need them; pieces count as hashes."""

from collections.abc import Iterator

from runbook.lazy import re

_D = r"\$\$?"
_C = r"[./A-Za-z0-9]"
BEGINNING = rf"{_D}(?:2[abcxy]?|apr1|1|5|6|7|y|gy|argon2(?:id|i|d)?|scrypt|sha1|pbkdf2[a-z0-9-]{{0,12}}){_D}"
"""How a hash begins whose scheme is named between dollars."""
_HASH = re.compile(
    rf"{_D}2[abcxy]?{_D}\d{{1,2}}{_D}{_C}{{3,64}}"
    rf"|{_D}(?:apr1|sha1){_D}(?:{_C}|\$){{6,64}}"
    rf"|{_D}[1567]{_D}(?:rounds=\d{{1,9}}{_D})?{_C}{{0,16}}{_D}{_C}{{10,100}}"
    rf"|{_D}(?:g?y|scrypt|argon2(?:id|i|d)?|pbkdf2[a-z0-9-]{{0,12}}){_D}[./A-Za-z0-9+=,$-]{{8,300}}"
    rf"|\{{(?i:S?SHA|S?SHA(?:256|384|512)|S?MD5|CRYPT|PBKDF2)\}}[A-Za-z0-9+/=$.]{{10,200}}"
)
_KEPT = re.compile(rf"{_D}2[abcxy]?{_D}\d{{1,2}}{_D}|{_D}[a-z0-9-]{{1,16}}{_D}|\{{[A-Za-z0-9]{{1,10}}\}}")
_STARTS = re.compile(rf"{BEGINNING}|\{{(?i:S?SHA(?:256|384|512)?|S?MD5|CRYPT)\}}")


def starts_hash(text: str) -> bool:
    """Whether a value begins as a hash does."""
    return _STARTS.match(text) is not None


def names_hash(text: str) -> bool:
    """Whether the beginning of a hash stands anywhere in a text."""
    return _STARTS.search(text) is not None


def hashes(text: str) -> Iterator[str]:
    """Every hash in a text, as written."""
    return (match[0] for match in _HASH.finditer(text))


def mask_hashes(text: str, mask: str) -> str:
    """The text with all hashes masked; what tells scheme and cost stays, salt and digest go."""
    if "$" not in text and "{" not in text:
        return text
    return _HASH.sub(lambda m: f"{kept[0] if (kept := _KEPT.match(m[0])) else ''}{mask}", text)
