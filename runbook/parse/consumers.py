"""Who else would accept an entry: the same file is often given to a proxy, which compares in its own way.

Each cell was run (tests/real/test_consumers.py does it again) or read in the program's source.
"""

from dataclasses import dataclass
from typing import Literal

from runbook.model import Entry
from runbook.parse.htpasswd.facts import DOUBLED

Consumer = Literal["registry", "nginx", "apache", "caddy", "traefik", "haproxy"]
CONSUMERS: tuple[Consumer, ...] = ("registry", "nginx", "apache", "caddy", "traefik", "haproxy")
TITLES: dict[Consumer, str] = {
    "registry": "registry",
    "nginx": "nginx",
    "apache": "Apache",
    "caddy": "Caddy",
    "traefik": "Traefik",
    "haproxy": "HAProxy",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether a consumer lets the right password in with a hash of this form, and how that is known."""

    accepts: Literal["yes", "no", "depends"]
    source: str
    note: str = ""


SOURCES: dict[Consumer, str] = {
    "registry": "run: 2.8.2 and 3.1.1",
    "nginx": "run: 1.22 with libxcrypt 4.4",
    "apache": "run: 2.4 with libxcrypt 4.4; read: apr-util crypto/apr_md5.c, which has a bcrypt of its own for $2a$ and $2y$",
    "caddy": "run: 2.6",
    "traefik": "read: go-http-auth basic.go, traefik pkg/middlewares/auth",
    "haproxy": "run: 2.6 with libxcrypt 4.4",
}
"""Where the cells of each column come from."""

READS: dict[Consumer, str] = {
    "registry": "an htpasswd file; the last line of a name wins",
    "nginx": "an htpasswd file; the first line of a name wins",
    "apache": "an htpasswd file; the first line of a name wins",
    "caddy": "user and hash in the Caddyfile, no htpasswd file",
    "traefik": "a usersFile, or users in a label, there with every $ doubled",
    "haproxy": "a userlist in haproxy.cfg, no htpasswd file",
}

_BCRYPT = "as the system's crypt() can: libxcrypt and musl do, glibc's own of old (Debian 10, CentOS 7) does not"
_OLD = "as the system's crypt() can: libxcrypt, glibc and musl do"
_CRYPT = {
    "$1$": _OLD,
    "$5$": _OLD,
    "$6$": _OLD,
    "crypt (13 characters)": _OLD,
    "$y$": "as the system's crypt() can: libxcrypt does, glibc's own and musl (Alpine images) do not",
}

_ROWS: dict[str, str] = {
    # one letter for each of CONSUMERS: y yes, n no, d depends on the system's crypt()
    "$2y$": "ydyyyd",
    "$2a$": "ydyyyd",
    "$2b$": "yddyyd",
    "$2x$": "yddyyd",
    "$2$": "ynnynn",
    "$2y$…:comment": "ydyynn",
    "$$2y$$": "nnnnnn",
    "$apr1$": "nyynyn",
    "{SHA}": "nyynyn",
    "{SSHA}": "nynnnn",
    "$1$": "nddnyd",
    "$5$": "nddnnd",
    "$6$": "nddnnd",
    "$y$": "nddnnd",
    "crypt (13 characters)": "nddnnd",
    "$argon2id$": "nnnnnn",
    "plain": "nnnnnn",
}
FORMS: tuple[str, ...] = tuple(_ROWS)
"""The forms of a value, as the table names them."""

_NOTES: dict[tuple[str, Consumer], str] = {
    ("$2x$", "nginx"): "only when password bytes are ASCII: $2x$ keeps an old fault for others",
    ("plain", "nginx"): "only with {PLAIN} before it",
    ("plain", "haproxy"): "only with `insecure-password`",
    ("$2y$…:comment", "traefik"): "a second colon is an error: the middleware is not loaded",
    ("$argon2id$", "caddy"): "newer Caddy has argon2id when it is named in basic_auth",
    ("$5$", "traefik"): "newer versions of go-http-auth's fork have it",
    ("$6$", "traefik"): "newer versions of go-http-auth's fork have it",
}

_BY_SCHEME = {
    "apr1": "$apr1$",
    "sha1": "{SHA}",
    "ssha": "{SSHA}",
    "md5-crypt": "$1$",
    "sha256": "$5$",
    "sha512": "$6$",
    "yescrypt": "$y$",
    "des-crypt": "crypt (13 characters)",
    "argon2": "$argon2id$",
    "plain": "plain",
}


def cell(form: str, consumer: Consumer) -> Cell:
    """The cell of the table."""
    letter = _ROWS[form][CONSUMERS.index(consumer)]
    accepts: Literal["yes", "no", "depends"] = "yes" if letter == "y" else "no" if letter == "n" else "depends"
    note = _NOTES.get((form, consumer), _CRYPT.get(form, _BCRYPT) if accepts == "depends" else "")
    return Cell(accepts, SOURCES[consumer], note)


def table() -> dict[str, dict[Consumer, Cell]]:
    """Form of the hash → consumer → cell, in the order to show them."""
    return {form: {consumer: cell(form, consumer) for consumer in CONSUMERS} for form in FORMS}


def form_of(entry: Entry) -> str | None:
    """The row of the table that an entry belongs to; None for one that nobody accepts (damaged, empty)."""
    if entry.scheme != "bcrypt":
        return _BY_SCHEME.get(entry.scheme)
    if entry.defect == DOUBLED:
        return "$$2y$$"
    if not entry.usable:
        return None
    whole = 59 if entry.prefix == "$2$" else 60
    if entry.length > whole:
        return "$2y$…:comment"
    return entry.prefix if entry.prefix in _ROWS else "$2$"


def accepted_by(entry: Entry) -> dict[Consumer, Cell]:
    """What each consumer makes of an entry when the right password is typed; nothing of one that was blacked out."""
    form = form_of(entry)
    if entry.hidden:
        return {}
    if form is None:
        return {consumer: Cell("no", SOURCES[consumer], entry.defect or "no hash") for consumer in CONSUMERS}
    return {consumer: cell(form, consumer) for consumer in CONSUMERS}
