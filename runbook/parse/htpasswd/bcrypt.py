"""bcrypt by whatever computes it here: the package, the system's own crypt(3), or Python alone.

All three give the same bytes (tests/parse/test_bcrypt.py). Only the speed differs: Python alone takes 2^cost × 7 ms.
"""

import struct
from collections.abc import Callable
from functools import cache
from threading import Lock

from runbook.lazy import re

LETTERS = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SETTING = re.compile(rb"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$([./A-Za-z0-9]{21}[.Oeu])")
_PROBE = b"$2b$04$abcdefghijklmnopqrstuu", b"$2b$04$abcdefghijklmnopqrstuuvECSRpvNtT4ce7tJaBLZ4/mG2moXt2O"
_BYTES = 72
"""More of a password counts for nothing."""

Hasher = Callable[[bytes, bytes], bytes]


def hashpw(password: bytes, setting: bytes) -> bytes:
    """The 60 characters for a password and `$2b$COST$SALT`. ValueError where that is no setting."""
    match = _SETTING.match(setting)
    if not match:
        raise ValueError("Invalid salt")
    return hasher()(password[:_BYTES], match[0])


@cache
def hasher() -> Hasher:
    """The quickest way that is here."""
    try:
        import bcrypt
    except ImportError:
        return by_system() or by_python
    return bcrypt.hashpw


def by_system() -> Hasher | None:
    """crypt(3) of the C library, where it knows bcrypt: Linux, with glibc and musl."""
    try:
        import ctypes
    except ImportError:
        return None
    for name in ("libcrypt.so.1", "libcrypt.so.2", None):
        try:
            crypt = ctypes.CDLL(name).crypt
        except (OSError, AttributeError, TypeError):
            continue
        crypt.restype, crypt.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p)
        if crypt(b"probe", _PROBE[0]) == _PROBE[1]:
            return _guarded(crypt)
    return None


def _guarded(crypt: Hasher) -> Hasher:
    lock = Lock()  # crypt(3) answers in one buffer for all threads

    def hashed(password: bytes, setting: bytes) -> bytes:
        if b"\0" in password:  # where C's text would end
            return by_python(password, setting)
        with lock:
            return bytes(crypt(password, setting))

    return hashed


def by_python(password: bytes, setting: bytes) -> bytes:
    """bcrypt as Provos and Mazières wrote it down (USENIX 1999), for a setting that is known to be one."""
    cost, salt = int(setting[4:6]), _bytes(setting[7:29])
    p, s = list(_pi()[:18]), list(_pi()[18:])
    key, salted = _words((password + b"\0")[:_BYTES]), _words(salt)
    _expand(p, s, key, salted[:4])
    for _ in range(1 << cost):
        _expand(p, s, key, None)
        _expand(p, s, salted, None)
    text = list(struct.unpack(">6I", b"OrpheanBeholderScryDoubt"))
    for at in range(0, 6, 2):
        left, right = text[at : at + 2]
        for _ in range(64):
            left, right = _encipher(p, s, left, right)
        text[at : at + 2] = left, right
    return setting[:29] + _letters(struct.pack(">6I", *text)[:23])


def _expand(p: list[int], s: list[int], key: list[int], salt: list[int] | None) -> None:
    for n in range(18):
        p[n] ^= key[n]
    left = right = at = 0
    for box in (p, s):
        for n in range(0, len(box), 2):
            if salt:
                left, right, at = left ^ salt[at], right ^ salt[at + 1], at ^ 2
            left, right = _encipher(p, s, left, right)
            box[n], box[n + 1] = left, right


def _encipher(p: list[int], s: list[int], left: int, right: int) -> tuple[int, int]:
    left ^= p[0]
    for n in range(1, 17, 2):
        right ^= (
            (((s[left >> 24] + s[256 + (left >> 16 & 255)]) ^ s[512 + (left >> 8 & 255)]) + s[768 + (left & 255)])
            & 0xFFFFFFFF
        ) ^ p[n]
        left ^= (
            (((s[right >> 24] + s[256 + (right >> 16 & 255)]) ^ s[512 + (right >> 8 & 255)]) + s[768 + (right & 255)])
            & 0xFFFFFFFF
        ) ^ p[n + 1]
    return right ^ p[17], left


def _words(data: bytes) -> list[int]:
    """Eighteen words of 32 bits, the data over and over."""
    return list(struct.unpack(">18I", (data * (72 // len(data) + 1))[:72]))


@cache
def _pi() -> tuple[int, ...]:
    """The 1042 words that Blowfish begins with: the digits of pi after the point, by Machin's formula."""
    bits = 1042 * 32
    one = 1 << bits + 64

    def arctan(inverse: int) -> int:
        total = term = one // inverse
        odd, sign = 1, 1
        while term:
            term //= inverse * inverse
            odd, sign = odd + 2, -sign
            total += sign * (term // odd)
        return total

    digits = (4 * (4 * arctan(5) - arctan(239)) - 3 * one) >> 64
    return struct.unpack(">1042I", digits.to_bytes(bits // 8, "big"))


def _bytes(letters: bytes) -> bytes:
    number = 0
    for letter in letters:
        number = number << 6 | LETTERS.index(letter)
    return (number >> 4).to_bytes(16, "big")


def _letters(data: bytes) -> bytes:
    number = int.from_bytes(data + b"\0", "big")
    return bytes(LETTERS[number >> shift & 63] for shift in range(186, 0, -6))
