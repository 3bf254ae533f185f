"""What a person must know about the value of an htpasswd line: scheme, cost, and what is wrong with it."""

from dataclasses import dataclass

from runbook.lazy import re
from runbook.parse.htpasswd.registry import Hash, digest_can_match, read_hash
from runbook.parse.left_out import is_blacked_out

_SCHEMES = (
    (re.compile(rb"\$apr1\$"), "apr1"),
    (re.compile(rb"\{SHA\}", re.IGNORECASE), "sha1"),
    (re.compile(rb"\{SSHA\}", re.IGNORECASE), "ssha"),
    (re.compile(rb"\$1\$"), "md5-crypt"),
    (re.compile(rb"\$5\$"), "sha256"),
    (re.compile(rb"\$6\$"), "sha512"),
    (re.compile(rb"\$(?:y|gy|7)\$"), "yescrypt"),
    (re.compile(rb"\$argon2(?:id|i|d)\$"), "argon2"),
    (re.compile(rb"\$(?:scrypt|pbkdf2[a-z0-9-]*)\$"), "other"),
)
_DES = re.compile(rb"[./A-Za-z0-9]{13}")
_LIKE_BCRYPT = re.compile(rb"(?P<lead>[\s\"'`\\]*|\xc2\xa0)(?P<dollars>\$\$?|\\\$)2(?P<minor>[a-z]?)\$")
_EATEN = re.compile(rb"[abxy]-?[\w/.-]{0,20}?sh5|[abxy]5[./A-Za-z0-9]|[abxy]\$(?:0[4-9]|1\d)\$")
"""What a shell leaves of `$2y$05$…` in double quotes: $2 is empty, $0 is the shell's name."""

_AFTER_COST = re.compile(rb"^\d\d\$")
_WHOLE = re.compile(
    rb"\$2[a-z]?\$\d\d\$[./A-Za-z0-9]{53}|\$apr1\$[^$\s:]{1,8}\$[./A-Za-z0-9]{22}|\{SHA\}[A-Za-z0-9+/]{27}="
    rb"|\$1\$[^$\s:]{1,8}\$[./A-Za-z0-9]{22}|\$6\$(?:rounds=\d+\$)?[^$\s:]{1,16}\$[./A-Za-z0-9]{86}"
    rb"|\$5\$(?:rounds=\d+\$)?[^$\s:]{1,16}\$[./A-Za-z0-9]{43}"
)
_NEXT = re.compile(rb"(?:\\r|\\n|[\s,;])*([^:\s]{1,64}):(?=\$|\{SHA\})")
MOST_MERGED = 50
DOUBLED = "doubled dollar"
"""The defect of a hash that was escaped as in a compose file."""


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """The facts of one value; `model.Entry` explains the fields."""

    scheme: str
    prefix: str = ""
    cost: int | None = None
    usable: bool = False
    defect: str | None = None
    hidden: bool = False


def value_facts(value: bytes) -> ValueFacts:
    """Name the scheme of a value and, where it was meant to be bcrypt, what keeps the registry from accepting it."""
    parts = read_hash(value)
    like = _LIKE_BCRYPT.match(value)
    usable = isinstance(parts, Hash) and digest_can_match(parts.digest)
    doubled = like is not None and like["dollars"] == b"$$"
    if like and not usable and not doubled and _is_blacked_out(_AFTER_COST.sub(b"", value[like.end() :])):
        return ValueFacts("bcrypt", f"$2{like['minor'].decode()}$", _written_cost(value), hidden=True)
    if isinstance(parts, Hash) and (usable or like):
        prefix = value[: 3 if value[2:3] == b"$" else 4].decode("latin-1")
        return ValueFacts("bcrypt", prefix, parts.cost, usable, None if usable else _digest_defect(value, parts.digest))
    if like:
        prefix = f"$2{like['minor'].decode()}$"
        return ValueFacts("bcrypt", prefix, _written_cost(value), False, _defect(value, like, parts))
    if not value:
        return ValueFacts("empty")
    for pattern, scheme in _SCHEMES:
        if found := pattern.match(value):
            return ValueFacts(scheme, found[0].decode("latin-1"))
    if _is_blacked_out(value):
        return ValueFacts("hidden", hidden=True)
    if _EATEN.match(value) and len(value) < 100:
        return ValueFacts("bcrypt", defect="the beginning $2y$05$ was replaced by the shell")
    return ValueFacts("des-crypt" if _DES.fullmatch(value) else "plain")


def _is_blacked_out(value: bytes) -> bool:
    return is_blacked_out(value.decode("utf-8", "replace"))


def merged_names(value: bytes) -> tuple[str, ...]:
    """Names of the entries that this value swallows because a newline is missing before them."""
    names: list[str] = []
    rest = value
    while len(names) < MOST_MERGED and (whole := _WHOLE.match(rest)) and (following := _NEXT.match(rest, whole.end())):
        names.append(following[1].decode("utf-8", "backslashreplace"))
        rest = rest[following.end() :]
    return tuple(names)


def _defect(value: bytes, like: re.Match[bytes], reading: Hash | str) -> str:
    if like["dollars"] == b"$$":
        return DOUBLED
    if like["dollars"] == b"\\$":
        return "a backslash before the dollar"
    if like["lead"].strip(b" \t\xc2\xa0\v\f\r"):
        return "quotes around the hash"
    if like["lead"]:
        return "a blank before the hash"
    whole = 60 if like["minor"] else 59
    cost = re.match(rb"[^$]*", value[like.end() :])
    if cost and not re.fullmatch(rb"\d\d", cost[0]) and len(cost[0]) <= 3:
        return "the cost is not two digits"
    if len(value) < whole:
        return f"{len(value)} of {whole} characters"
    if isinstance(reading, str) and reading.startswith("cost"):
        return reading
    return "a character outside bcrypt's alphabet"


def _digest_defect(value: bytes, digest: bytes) -> str:
    whole = 59 if value[2:3] == b"$" else 60
    if len(value) < whole:
        return f"{len(value)} of {whole} characters"
    if re.fullmatch(rb"[./A-Za-z0-9]{31}", digest):
        return "its last character never ends a bcrypt hash"
    if found := re.search(rb"[^./A-Za-z0-9]", digest):
        kept = len(value) - len(digest) - len(value[whole:]) + found.start()
        if found[0] in b" \t:,;#\"'":
            return f"{kept} of {whole} characters"
    return "a character outside bcrypt's alphabet"


def _written_cost(value: bytes) -> int | None:
    found = re.search(rb"2[a-z]?\${1,2}(\d{1,2})\$", value[:16])
    return int(found[1]) if found else None
