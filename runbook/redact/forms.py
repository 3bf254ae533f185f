"""The forms in which a known secret travels: what is searched for, and how a text is decoded to find it.

`spellings` are what can be replaced in place. `hides` undoes the encodings that servers and programs use, one
after the other, and says whether the secret is in a text at all: then nothing of that text is shown.
"""

import base64
import binascii
import codecs
import html
import json
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

from runbook.lazy import re

_SHORTEST = 4
"""Below that a secret is looked for as a whole word only: replacing every "a" would destroy the text."""
_SHORTEST_HIDDEN = 6
"""Shorter secrets are found in longer words by chance when encodings are undone."""
_STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_UU = "".join(chr(32 + n) for n in range(64))
_LETTERS = re.compile(r"[^\W_]+")


def spellings(secret: str, raw: bytes, user: str | None) -> set[str]:
    """Texts that give the secret away and can be replaced as they stand."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), quote(secret, safe="/"), json.dumps(secret)[1:-1]}
    found |= {html.escape(secret), html.escape(secret, quote=False), secret.replace("\\", "\\\\").replace('"', '\\"')}
    found |= {
        secret.replace("'", "''"),
        secret.replace("'", "'\\''"),
        secret.replace('"', '""'),
        raw.hex(),
        raw.hex().upper(),
    }
    found |= {json.dumps(secret, ensure_ascii=False)[1:-1], secret.replace("$", "$$")}
    if user is not None:
        pair = user.encode("utf-8", "surrogatepass") + b":" + raw
        for code in (base64.b64encode(pair).decode(), base64.urlsafe_b64encode(pair).decode()):
            found |= {code, code.rstrip("="), quote(code, safe="")}
    found |= {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {form for form in found if len(form) >= _SHORTEST}


def cores(raw: bytes) -> set[str]:
    """The base64 of a secret wherever it begins in what was encoded, without the letters that it shares."""
    found = set()
    for lead in range(3):
        code = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        core = code[(lead * 8 + 5) // 6 : (lead + len(raw)) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return {core for core in found if len(core) >= 7}


class Needles:
    """All known secrets, ready to be searched for in decoded text."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        kept = [raw.strip(b"\r\n") for raw in secrets]
        kept = [raw for raw in kept if len(raw) >= _SHORTEST_HIDDEN]
        texts = {t for raw in kept for t in (raw.decode("utf-8", "replace"), raw.decode("latin-1"))}
        self._plain = (
            {_folded(t) for t in texts}
            | {_folded(t[::-1]) for t in texts}
            | {_folded(codecs.encode(t, "rot13")) for t in texts}
        )
        self._plain |= {self.letters(t) for t in texts}
        self._plain = {p for p in self._plain if len(p) >= _SHORTEST_HIDDEN}
        self._codes: set[str] = set()
        for raw in kept:
            wide = raw.decode("utf-8", "replace")
            for form in {
                raw,
                wide.encode("utf-16-le", "replace"),
                wide.encode("utf-16-be", "replace"),
                wide.encode("latin-1", "replace"),
            }:
                inner = cores(form)
                self._codes |= inner | _base32(form) | _base85(form) | {_uu(c) for c in inner}
                self._codes |= {outer for core in inner for outer in cores(core.encode())}
            self._codes |= {
                raw.hex(),
                "".join(format(byte, "08b") for byte in raw),
                "".join(format(byte, "03o") for byte in raw),
            }
        self._codes = {c for c in self._codes if len(c) >= 7}
        self._in_plain, self._in_codes = _Words(self._plain), _Words(self._codes)

    def __bool__(self) -> bool:
        return bool(self._plain)

    @staticmethod
    def letters(text: str) -> str:
        """Letters and digits alone, small and without accents: quotes, escapes, blanks and dashes between them are gone."""
        return "".join(_LETTERS.findall(_folded(text)))

    def hides(self, text: str) -> bool:
        """Whether any of the secrets is in the text, in whatever encoding."""
        if not self._plain or len(text) < _SHORTEST_HIDDEN:
            return False
        return any(self._has(view) for view in _views(text))

    def _has(self, text: str) -> bool:
        folded = _folded(text)
        if self._in_plain.are_in(folded) or self._in_plain.are_in("".join(_LETTERS.findall(folded))):
            return True
        compact = "".join(text.split())
        if "`" in compact and self._in_codes.are_in(compact.replace("`", "")):
            return True
        return self._in_codes.are_in(compact) or self._in_codes.are_in(_BETWEEN.sub("", compact.lower()))


class _Words:
    """Words looked up by their beginning: to compile hundreds of them as one pattern takes longer than most texts."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_head: dict[str, list[str]] = {}
        for word in words:
            self._by_head.setdefault(word[:_SHORTEST_HIDDEN], []).append(word)

    def are_in(self, text: str) -> bool:
        """Whether one of them is in the text."""
        heads = self._by_head
        return any(
            text.startswith(word, at)
            for at in range(len(text) - _SHORTEST_HIDDEN + 1)
            if (words := heads.get(text[at : at + _SHORTEST_HIDDEN]))
            for word in words
        )


_BETWEEN = re.compile(r"0x|\\x|\\|[:,;_-]")
_ESCAPE = re.compile(
    r"%u([0-9a-fA-F]{4})|((?:%[0-9a-fA-F]{2})+)|\\u\{([0-9a-fA-F]{1,6})\}|\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})|((?:\\x[0-9a-fA-F]{2})+)|((?:\\[0-7]{3})+)"
    r"|(&#?[A-Za-z0-9]{1,10};)|((?:=[0-9A-F]{2})+)|(=\r?\n)|\\([\"'\\/`$ ;&|<>()#!*?~])"
)
_CSS = re.compile(r"\\([0-9a-fA-F]{1,6})\s?")
_UTF7 = re.compile(r"\+([A-Za-z0-9+/]{2,400})-?|\+-")
_NUMBERS = re.compile(r"(?<![\w.])\d{2,3}(?:[\s,;]{1,3}\d{2,3}){5,400}(?![\w.])")
_BITS = re.compile(r"[01]{8}(?:\s?[01]{8}){5,400}")
_OCTETS = re.compile(r"(?<!\d)[0-7]{3}(?:\s[0-7]{3}){5,400}(?!\d)")


def _views(text: str) -> Iterable[str]:
    """The text as it is, and with its escapes undone, up to three times."""
    yield text
    if "\0" in text:
        yield text.replace("\0", "")
    seen = text
    for _ in range(3):
        plain = _ESCAPE.sub(_unescaped, seen)
        if plain == seen:
            break
        yield plain
        if "+" in plain:
            yield plain.replace("+", " ")
        seen = plain
    if "\\" in text:
        yield _CSS.sub(lambda m: _character(int(m[1], 16)), text)
    if "+" in text and "-" in text:
        yield _UTF7.sub(_from_utf7, text)
    for pattern, radix in ((_NUMBERS, 10), (_BITS, 2), (_OCTETS, 8)):
        for run in pattern.finditer(text):
            yield _from_numbers(re.findall(r"[01]{8}" if radix == 2 else r"\d+", run[0]), radix)


def _unescaped(match: re.Match[str]) -> str:
    if match[1] or match[3] or match[4] or match[5]:
        return _character(int(match[1] or match[3] or match[4] or match[5], 16))
    if match[2] or match[6] or match[9]:
        return decoded(binascii.unhexlify(re.sub(r"[%=]|\\x", "", match[2] or match[6] or match[9])))
    if match[7]:
        return decoded(bytes(int(octet, 8) & 255 for octet in match[7].split("\\")[1:]))
    if match[8]:
        return html.unescape(match[8])
    return match[11] or ""


def decoded(raw: bytes) -> str:
    """Bytes as UTF-8, else as the characters of the same numbers."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 else ""


def _from_utf7(match: re.Match[str]) -> str:
    if match[1] is None:
        return "+"
    try:
        return base64.b64decode(match[1] + "=" * (-len(match[1]) % 4)).decode("utf-16-be", "replace")
    except binascii.Error:
        return match[0]


def _from_numbers(numbers: list[str], radix: int) -> str:
    return decoded(bytes(value for n in numbers if (value := int(n, radix)) < 256))


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """Small letters without accents, in the plain form of each character."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf").casefold()


def _uu(core: str) -> str:
    return core.translate(str.maketrans(_STANDARD, _UU)).replace(" ", "")


def _base32(raw: bytes) -> set[str]:
    found = set()
    for lead in range(5):
        code = base64.b32encode(b"\0" * lead + raw).decode().rstrip("=")
        found.add(code[(lead * 8 + 4) // 5 : (lead + len(raw)) * 8 // 5])
    return found | {f.lower() for f in found}


def _base85(raw: bytes) -> set[str]:
    found = set()
    for lead in range(4):
        whole = raw[(4 - lead) % 4 :]
        whole = whole[: len(whole) // 4 * 4]
        found |= {base64.a85encode(whole).decode(), base64.b85encode(whole).decode()}
    return found
