"""An htpasswd file read and judged byte for byte as the registry does it (distribution 2.8 and 3.1).

Follows `registry/auth/htpasswd/htpasswd.go` of distribution, Go's `bufio.Scanner`, `strings.TrimSpace`
and `golang.org/x/crypto/bcrypt`. tests/real/test_htpasswd_differential.py puts thousands of files
before the real programs.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from runbook.lazy import re
from runbook.parse.htpasswd.bcrypt import LETTERS as ALPHABET
from runbook.parse.htpasswd.bcrypt import hashpw

LONGEST_LINE = 64 * 1024
"""`bufio.MaxScanTokenSize`: a line and its newline must fit in this many bytes."""

TOO_LONG = "bufio.Scanner: token too long"
"""What its log says of a longer one."""

_ASCII_SPACE = b"\t\n\v\f\r "
_WIDE_SPACE = tuple(
    chr(c).encode() for c in (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
)
_SALT = re.compile(rb"[./A-Za-z0-9]{22}")
_TWO_DIGITS = re.compile(rb"\d\d|[+-]\d")

Why = Literal["accepted", "mismatch", "no-such-user", "unusable-hash", "file-refused"]


class Line(NamedTuple):
    """A line that the registry loads: its number, and what stands before and after the first colon."""

    number: int
    name: bytes
    value: bytes


class Refusal(NamedTuple):
    """The line that makes the registry refuse the whole file, and what its log says of it."""

    number: int
    message: str


class Answer(NamedTuple):
    """The status with which the registry answers GET /v2/, and why."""

    status: Literal[200, 400, 401]
    why: Why


@dataclass(frozen=True, slots=True)
class Hash:
    """The parts of a value that bcrypt compares."""

    cost: int
    salt: bytes
    digest: bytes


def trim(line: bytes) -> bytes:
    """Go's `strings.TrimSpace`: Unicode's white space goes, a byte order mark and a NUL stay."""
    line = line.strip(_ASCII_SPACE)
    while line.startswith(_WIDE_SPACE) or line.endswith(_WIDE_SPACE):
        for space in _WIDE_SPACE:
            line = line.removeprefix(space).removesuffix(space)
        line = line.strip(_ASCII_SPACE)
    return line


def read_line(number: int, piece: bytes) -> Line | Refusal | None:
    """What the registry makes of one line: an entry, a reason to refuse the file, or nothing (blank, comment)."""
    if len(piece) >= LONGEST_LINE:
        return Refusal(number, TOO_LONG)
    line = trim(piece)
    if not line or line.startswith(b"#"):
        return None
    name, colon, value = line.partition(b":")
    return Line(number, name, value) if colon else Refusal(number, f"htpasswd: invalid entry at line {number}")


def load(data: bytes) -> dict[bytes, bytes] | Refusal:
    """The registry's table of users (the last line of a name wins), or why it refuses the file."""
    table = {}
    for number, piece in enumerate(data.split(b"\n"), 1):
        line = read_line(number, piece)
        if isinstance(line, Refusal):
            return line
        if line:
            table[line.name] = line.value
    return table


def read_hash(value: bytes) -> Hash | str:
    """Take a value apart as Go's bcrypt does, or say with its own words why it cannot.

    Everything after the digest is ignored, any letter or none may follow the version, and the
    version may be anything up to "2". The character after the cost is skipped unread.
    """
    if len(value) < 59:
        return "hashedSecret too short to be a bcrypted password"
    if value[:1] != b"$":
        return "bcrypt hashes must start with '$'"
    if value[1:2] > b"2":
        return f"bcrypt algorithm version '{chr(value[1])}' requested is newer than current version '2'"
    start = 3 if value[2:3] == b"$" else 4
    written = value[start : start + 2]
    if not _TWO_DIGITS.fullmatch(written):
        return "the cost is not two digits"
    cost = int(written)
    if not 4 <= cost <= 31:
        return f"cost {cost} is outside allowed range (4,31)"
    rest = value[start + 3 :]
    # Go takes 22 characters of salt and then 31 of digest; without a letter 59 characters are a whole hash.
    if not _SALT.fullmatch(rest[:22]):
        return "illegal base64 data"
    return Hash(cost, rest[:22], rest[22:53])


def registry_accepts(value: bytes, password: bytes) -> bool:
    """Whether the registry lets a password in that is compared with this value of an htpasswd line.

    One bcrypt call at most, and as slow as the value's cost says: look at `read_hash` first.
    """
    parts = read_hash(value)
    if isinstance(parts, str) or not digest_can_match(parts.digest):
        return False
    # The last character of a salt carries two bits that count and four that do not; Python insists on zeros.
    salt = parts.salt[:21] + ALPHABET[ALPHABET.index(parts.salt[21]) & 0x30 :][:1]
    return hashpw(password[:72], b"$2b$%02d$%s" % (parts.cost, salt))[-31:] == parts.digest


def digest_can_match(digest: bytes) -> bool:
    """Whether bcrypt ever makes this digest: 31 characters of its alphabet, the last one with its two low bits zero."""
    return len(digest) == 31 and all(c in ALPHABET for c in digest) and ALPHABET.index(digest[30]) % 4 == 0


def registry_answer(data: bytes, user: bytes, password: bytes) -> Answer:
    """What the registry answers to this login when the file holds these bytes, and why.

    It is the answer to the first login after the file was changed. After a refusal a registry that had
    loaded an earlier state of the file goes on with that one until the file changes again.
    """
    table = load(data)
    if isinstance(table, Refusal):
        return Answer(400, "file-refused")
    value = table.get(user)
    if value is None:
        return Answer(401, "no-such-user")
    if not can_match(value):
        return Answer(401, "unusable-hash")
    return Answer(200, "accepted") if registry_accepts(value, password) else Answer(401, "mismatch")


def can_match(value: bytes) -> bool:
    """Whether any password at all is accepted with this value."""
    parts = read_hash(value)
    return not isinstance(parts, str) and digest_can_match(parts.digest)
