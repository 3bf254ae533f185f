"""Known logins put before the htpasswd files of the bundle: what would the registry answer?

The only place where a password meets a hash. Bounded: so many logins, so much bcrypt, and no hash whose
cost would take seconds.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from runbook.model import CredentialCheck, Evidence, Htpasswd, Place
from runbook.parse.htpasswd import load, odd_name, plain_name, read_hash, registry_accepts
from runbook.parse.htpasswd.names import shown_name
from runbook.parse.htpasswd.registry import Line, can_match, read_line
from runbook.redact import Vault, as_bytes

Origin = Literal["given", "transcript", "let-in", "stored", "injected", "compose"]
Outcome = Literal[
    "accepted", "mismatch", "no-such-user", "unusable-hash", "file-refused", "too-slow", "accepted-by-earlier-line"
]

HIGHEST_COST = 14
MOST_CHECKS = 60
MOST_BCRYPTS = 30
MOST_WORK = 1 << 15
"""Sum of 2^cost: about two seconds."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class _Login:
    source: Place
    user: str
    password: str
    origin: Origin


@dataclass(slots=True)
class _Budget:
    """Counts bcrypt calls; remembers what was asked before."""

    calls: int = MOST_BCRYPTS
    work: int = MOST_WORK
    known: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)

    def accepts(self, value: bytes, password: bytes) -> bool | None:
        """Whether the registry would accept; None when that would take too long."""
        parts = read_hash(value)
        if isinstance(parts, str) or not can_match(value):
            return False
        key = (value[:60], password[:72])
        if key in self.known:
            return self.known[key]
        if parts.cost > HIGHEST_COST or self.calls < 1 or self.work < 1 << parts.cost:
            return None
        self.calls -= 1
        self.work -= 1 << parts.cost
        self.known[key] = registry_accepts(value, password)
        return self.known[key]


def check_credentials(evidence: Evidence, vault: Vault) -> tuple[CredentialCheck, ...]:
    """Compare every login that is known with every htpasswd file that was handed over.

    Which of the files the registry reads is decided later, from the stack. Saved evidence of an earlier run
    brings labels whose secrets are gone, and the checks that were made with them.
    """
    logins = [login for login in _distinct(_logins(evidence)) if vault.knows(login.password)]
    files = [_File(h, vault.reveal(h.content)) for h in evidence.htpasswd if h.content and vault.knows(h.content)]
    budget = _Budget()
    pairs = [(login, file) for login in logins for file in files if file.facts.tells_of(login.user)][:MOST_CHECKS]
    outcomes = [_outcome(login, file, vault.reveal(login.password), budget) for login, file in pairs]
    # First every login once, then the guesses at what was meant, as far as the budget goes.
    return tuple(
        CredentialCheck(
            file=file.facts.file,
            source=login.source,
            user=login.user,
            password=login.password,
            origin=login.origin,
            outcome=outcome,
            near=_near(outcome, login.user, file, vault.reveal(login.password), budget),
        )
        for (login, file), outcome in zip(pairs, outcomes, strict=True)
    )


class _File:
    """A file with the registry's table of it, and with the lines that lost against a later one of the same name."""

    def __init__(self, facts: Htpasswd, data: bytes) -> None:
        self.facts = facts
        table = load(data)
        self.table = table if isinstance(table, dict) else None
        self._data = data

    def lines(self, user: bytes) -> Iterator[bytes]:
        """The values of all lines of that name, in order."""
        for number, piece in enumerate(self._data.split(b"\n"), 1):
            if user in piece and isinstance(line := read_line(number, piece), Line) and line.name == user:
                yield line.value


def _logins(evidence: Evidence) -> Iterator[_Login]:
    target = evidence.target
    if target.user is not None and target.password:
        yield _Login(Place("command line"), target.user, target.password, "given")
    for exchange in evidence.exchanges:
        sent = exchange.credential
        if sent and sent.user is not None and sent.password and sent.intent != "wrong":
            yield _Login(exchange.source, sent.user, sent.password, "transcript")
    let_in = {(m.host, m.user) for m in evidence.messages if m.kind == "login-ok"}
    for message in evidence.messages:
        since = let_in & {(message.host, message.user), (message.host, None)}
        if (
            message.user
            and message.password
            and message.voice == "program"
            and (message.kind == "login-ok" or not since)
        ):
            origin: Origin = "let-in" if message.kind == "login-ok" else "transcript"
            yield _Login(message.place, message.user, message.password, origin)
    for client in evidence.clients:
        for stored in client.logins:
            if stored.user is not None and stored.password:
                yield _Login(stored.place, stored.user, stored.password, "stored")
    for route in evidence.routes:
        for edit in route.request_headers:
            if edit.user is not None and edit.password:
                yield _Login(edit.place, edit.user, edit.password, "injected")
    for service in evidence.compose.services if evidence.compose else ():
        for variable in (*service.environment, *service.labels):  # of the UI and of Traefik
            if variable.injected and variable.user is not None and variable.password:
                yield _Login(variable.place, variable.user, variable.password, "injected")


def _distinct(logins: Iterator[_Login]) -> Iterator[_Login]:
    """The same login of the same origin once; a probe that repeats the given one adds nothing."""
    seen: set[tuple[str, str, str]] = set()
    for login in logins:
        origin = "given" if login.origin == "transcript" else login.origin
        key = (login.user, login.password, origin)
        if key not in seen:
            seen.add(key)
            yield login


def _outcome(login: _Login, file: _File, password: bytes, budget: _Budget) -> Outcome:
    if file.table is None:
        return "file-refused"
    user = as_bytes(login.user)
    value = file.table.get(user)
    if value is None:
        return "no-such-user"
    if not can_match(value):
        return "unusable-hash"
    accepted = budget.accepts(value, password)
    if accepted is None:
        return "too-slow"
    if accepted:
        return "accepted"
    earlier = list(file.lines(user))[:-1][-3:]
    return "accepted-by-earlier-line" if any(budget.accepts(v, password) for v in earlier) else "mismatch"


def _near(outcome: Outcome, user: str, file: _File, password: bytes, budget: _Budget) -> str:
    """What would have been accepted instead, in words and without a secret."""
    table = file.table
    if table is None or outcome in ("accepted", "too-slow", "accepted-by-earlier-line"):
        return ""
    if outcome == "no-such-user":
        return _near_name(user, table, file.facts)
    value = table[as_bytes(user)]
    if outcome == "unusable-hash":
        bare = value.strip(b" \t\"'`\\").replace(b"$$", b"$").replace(b"\\$", b"$")
        return "the hash without what was put around it" if bare != value and budget.accepts(bare, password) else ""
    for words, guess in _guesses(password):
        if budget.accepts(value, guess):
            return words
    return ""


def _near_name(user: str, table: dict[bytes, bytes], facts: Htpasswd) -> str:
    """A name of the file that was probably meant: damaged, of another case, swallowed by the line before."""
    names = {shown_name(name) for name in list(table)[:20000]}
    for name in sorted(n for n in names if odd_name(n) and plain_name(n).casefold() == user.casefold()):
        return f"the name {plain_name(name)!r} stands there with {odd_name(name)}"
    swallowed = next((e for e in facts.entries if user in e.merged), None)
    if swallowed:
        return f"the entry of {user!r} is stuck to the end of line {swallowed.line}"
    for name in sorted(n for n in names if n != user and n.casefold() == user.casefold()):
        return f"the user {name!r}"
    for name in sorted(n for n in names if user.split("@")[0] == n or user == n.split("@")[0]):
        return f"the user {name!r}"
    return ""


def _guesses(password: bytes) -> Iterator[tuple[str, bytes]]:
    """How a right password is spoilt on its way: at most five tries, the most frequent first."""
    stripped = password.rstrip(b"\r\n")
    if stripped != password:
        yield "the same without the trailing newline", stripped
        return
    if len(password) > _LONGEST:
        return
    if password.strip() != password:
        yield "the same without the blank at its edge", password.strip()
    if len(password) > 2 and password[:1] == password[-1:] and password[:1] in b"\"'":
        yield "the same without the quotes around it", password[1:-1]
    if cut := re.search(rb"[$!&#;|<>`\\ ]", password):
        for guess in _as_a_shell_leaves_it(password, cut.start()):
            yield "what a shell leaves of it when it stands without single quotes", guess
    text = password.decode("utf-8", "replace")
    if not text.isascii():
        for form in ("NFC", "NFD"):
            if (other := as_bytes(unicodedata.normalize(form, text))) != password:
                yield f"the same letters in Unicode form {form}", other
    yield "the same with a newline at its end (made with echo)", password + b"\n"


def _as_a_shell_leaves_it(password: bytes, cut: int) -> Iterator[bytes]:
    """`$name` becomes empty; everything from a control operator or comment on is lost."""
    emptied = re.sub(rb"\$(?:[A-Za-z_]\w*|\d|[@*#?!-])", b"", password)
    yield from dict.fromkeys(g for g in (emptied, password[:cut], password.replace(b"\\", b"")) if g != password)
