"""Password hashes of every kind that people put into an htpasswd file."""

import base64
import hashlib
import random

from runbook.parse.htpasswd.bcrypt import hashpw

_BCRYPT = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def bcrypt_hash(password: str, rng: random.Random | None = None, cost: int = 5) -> bytes:
    """A `$2y$` hash as `htpasswd -B` writes it. The lab can be repeated, so the salt follows from the
    password unless a generator is given."""
    rng = rng or random.Random(f"runbook-salt-{password}")  # noqa: S311
    letters = "".join(rng.choice(_BCRYPT) for _ in range(21)) + rng.choice(".Oeu")
    salt = f"$2b${cost:02d}${letters}".encode()
    return hashpw(password.encode(), salt).replace(b"$2b$", b"$2y$", 1)


def htpasswd_line(user: str, password: str, rng: random.Random | None = None, cost: int = 5) -> bytes:
    """One line of an htpasswd file with a bcrypt hash of the lowest cost."""
    return user.encode() + b":" + bcrypt_hash(password, rng, cost)


def sha_line(user: str, password: str) -> bytes:
    """`htpasswd -s`: SHA-1 without salt."""
    digest = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest())
    return f"{user}:{{SHA}}".encode() + digest


def apr1_line(user: str, password: str, salt: str = "q9zP1aXk") -> bytes:
    """`htpasswd` without -B: Apache's MD5."""
    return f"{user}:$apr1${salt}${_apr1(password.encode(), salt.encode())}".encode()


def _apr1(password: bytes, salt: bytes) -> str:
    """Apache's apr_md5_encode: MD5 a thousand times, in an order that nobody would guess."""
    inner = hashlib.md5(password + salt + password, usedforsecurity=False).digest()
    start = password + b"$apr1$" + salt
    start += b"".join(inner[: min(16, left)] for left in range(len(password), 0, -16))
    bits = len(password)
    while bits:
        start += b"\0" if bits & 1 else password[:1]
        bits >>= 1
    digest = hashlib.md5(start, usedforsecurity=False).digest()
    for turn in range(1000):
        text = password if turn & 1 else digest
        text += salt if turn % 3 else b""
        text += password if turn % 7 else b""
        text += digest if turn & 1 else password
        digest = hashlib.md5(text, usedforsecurity=False).digest()
    return _crypt64(digest)


def _crypt64(digest: bytes) -> str:
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    groups = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)]
    text = ""
    for a, b, c in groups:
        number = digest[a] << 16 | digest[b] << 8 | digest[c]
        for _ in range(4):
            text += letters[number & 63]
            number >>= 6
    number = digest[11]
    return text + letters[number & 63] + letters[number >> 6]
