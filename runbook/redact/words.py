"""Free text by allow-list: words that anybody may know stay, and so do numbers, names and addresses of the incident.

The first list is English and the field's own words: those of this package, of the programs' messages and of technical
prose. The second has what tickets about logins are made of in other languages, and no names of things. A password that
is such a word is masked by the vault once it is known; nothing here can tell it from prose.
"""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from runbook.lazy import re
from runbook.redact.text import MASK

_TOKEN = re.compile(r"[^\s\"'`,;()<>\[\]{}|=“”‘’]+")
_EDGES = ".:!?*#…-_/\\&%@^~"
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PART = re.compile(r"[^\W_]+")
_NUMBER = re.compile(
    r"[+-]?\d{1,12}(?:[.,:/T-]\d{1,9}){0,8}(?:Z|[+-]\d\d:?\d\d)?(?:ms|us|µs|ns|[smhdkKMGTB%]|[kKMGT]i?B|px|rem)?|0x[0-9a-fA-F]{1,8}|\d{1,10}#\d{1,10}|v?\d{1,4}(?:\.\d{1,6}){1,3}(?:[-+][a-z0-9.]{1,12}|\.v\d{8})?"
)
_HOST = re.compile(
    r"(?=[^:.]{0,5}[:.])\[?[0-9a-fA-F:.]{2,45}\]?(?::\d{1,5})?|(?=[^:A-Z]{1,120}(?::|$))(?:\w[\w-]{0,30}\.){1,8}[^\W\d_]{2,18}\.?(?::\d{1,5})?"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{1,64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IN_PATH = re.compile(r"(?<=[/@])sha256:[0-9a-f]{1,64}(?=$|/)")
_API = re.compile(r"(https?://[^/?#@\s]{1,260}/v2/)([^?#\s]{1,400})(.{0,4000})", re.DOTALL)
"""An address of the registry's API: host, the path of repository and blob, the rest."""
_VARIABLE = re.compile(
    r"\$?\{?(?:REGISTRY|NGINX|DOCKER|COMPOSE|TRAEFIK|SSL|HTTPS?|NO|OTEL|SINGLE|DELETE)(?:_[A-Z0-9]+){1,10}\}?"
)
_MAIL = re.compile(r"[\w.+-]{1,64}@(?:[a-z0-9_-]{1,30}\.){1,8}[a-z]{2,18}")
_OPENSSL = re.compile(r"error:[0-9A-F]{8}:[A-Za-z]{0,12}")
_SHORT = 3
"""Shorter pieces tell nothing."""


@cache
def vocabulary() -> frozenset[str]:
    """The words that are shown wherever they stand, in small letters."""
    lists = (files("runbook.redact").joinpath(name) for name in ("words.txt", "words-other.txt"))
    return frozenset(word for each in lists for word in each.read_text(encoding="utf-8").split())


def known(token: str) -> bool:
    """Whether a token is made of words that anybody may know: `Unauthorized`, `hashedPassword`, `no-basic-auth`."""
    words = vocabulary()
    if token.lower() in words:
        return True
    parts = _PART.findall(token)
    if len(parts) > 8 or len(token) > 100 or len("".join(parts)) * 2 < len(token):
        return False
    return bool(parts) and all(_is_word(part, words) for part in parts)


_ENDINGS = ((("ies", "ied"), "y"), (("s", "es", "ed", "ing", "er", "ers"), ""), (("es", "ed", "ing", "er", "ers"), "e"))


def _is_inflected(word: str, words: frozenset[str]) -> bool:
    """Whether it is a word of the list with an English ending: `pinging`, `retries`, `stopped`."""
    for endings, left in _ENDINGS:
        for ending in endings:
            stem = word.removesuffix(ending)
            if stem == word or len(stem) < 3:
                continue
            doubled = stem[-1] == stem[-2] and ending[0] in "ei" and len(stem) > 3
            if stem + left in words or (not left and doubled and stem[:-1] in words):
                return True
    return False


def _is_word(part: str, words: frozenset[str]) -> bool:
    if part.lower() in words or (part.isdigit() and len(part) <= 4):
        return True
    if part.isalpha() and (part.islower() or part.istitle()) and _is_inflected(part.lower(), words):
        return True
    pieces = _CAMEL.findall(part)
    return (
        1 < len(pieces) <= 5 and "".join(pieces) == part and all(p.lower() in words and not p.isdigit() for p in pieces)
    )


def shows(token: str, names: Collection[str] = ()) -> bool:
    """Whether a token of free text is shown: a word, a number, a name of the incident, an address."""
    bare = _IN_PATH.sub("", token.strip(_EDGES)).strip(_EDGES)
    if len(bare) <= _SHORT or bare in names or token in names or known(bare):
        return True
    if any(pattern.fullmatch(bare) for pattern in (_NUMBER, _HOST, _DIGEST, _VARIABLE, _MAIL, _OPENSSL)):
        return not _is_secret_like(bare)
    path, asked, query = bare.partition("?")
    if asked:
        return (not path or shows(path, names)) and all(len(k) <= _SHORT or known(k) for k in re.split("[&;]", query))
    scheme, mark, rest = bare.partition("://")
    if mark and scheme.isalpha() and len(scheme) <= 12:
        return "@" not in rest and _path(rest, names)
    return ("/" in bare or ":" in bare) and _path(bare, names)


def _path(text: str, names: Collection[str]) -> bool:
    """Whether every piece of a path, an image or a pair is shown by itself."""
    pieces = [piece for piece in re.split(r"[/:@]", text) if piece]
    return len(pieces) <= 24 and all(
        len(p) <= _SHORT or p in names or known(p.strip(_EDGES)) or _NUMBER.fullmatch(p) or _plain_host(p)
        for p in pieces
    )


def _plain_host(piece: str) -> bool:
    return _HOST.fullmatch(piece) is not None and not _is_secret_like(piece)


def _is_secret_like(text: str) -> bool:
    """Letters and digits that hang together as in no name: a version or a host has few of them in a row."""
    return any(len(run) >= 24 for run in re.findall(r"[A-Za-z0-9]+", text)) and not text.startswith("sha256:")


def only_known(text: str, names: Collection[str] = ()) -> str:
    """Free text with every other token masked; neighbours share a mask. The same again for text that went through."""
    held = text.replace(MASK, "\x00").replace(_IN_ADDRESS, "\x01")
    shown = _TOKEN.sub(lambda m: m[0] if _HELD.search(m[0]) or shows(m[0], names) else _masked(m[0], names), held)
    return _MANY.sub("\x00", shown).replace("\x00", MASK).replace("\x01", _IN_ADDRESS)


_HELD = re.compile(r"[\x00\x01]")
_IN_ADDRESS = f":{MASK.strip('[]')}@"
_MANY = re.compile(r"\x00(?:[\s,;]{0,4}\x00)+")


_FOLDER = re.compile(
    r"(/(?:etc|var|usr|opt|srv|tmp|run|home|root)/)([a-z][a-z0-9._-]{1,40}(?:/[a-z0-9][a-z0-9._-]{1,40}){0,6})/(?=[^/])"
)
"""The folders of a file on a machine; what the file is called may be anything."""


def _masked(token: str, names: Collection[str]) -> str:
    """A mask for the token; a sign at its edge and a host in front of an address stay."""
    end = token[len(token.rstrip(_EDGES)) :]
    if (api := _API.fullmatch(token.rstrip(_EDGES))) and shows(api[1], names):
        pieces = (p if not p or shows(f"/{p}", names) else "\x00" for p in api[2].split("/"))
        return f"{api[1]}{'/'.join(pieces)}{'?' + chr(0) if api[3].startswith('?') else api[3] and chr(0)}{end}"
    path, asked, _ = token.partition("?")
    if asked and path and shows(path, names):
        return f"{path}?\x00"
    if folder := _FOLDER.match(token):
        pieces = (p if shows(p, names) and not _is_secret_like(p) else "\x00" for p in folder[2].split("/"))
        return f"{folder[1]}{'/'.join(pieces)}/\x00{end}"
    return f"\x00{end}"
