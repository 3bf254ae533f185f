"""wget, with -S or without. It asks without a login first and sends it when it is asked for one."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.lazy import re
from runbook.parse.clients.canon import MASKED, Region, command, got
from runbook.parse.prompts import prompted

MARKS = ("awaiting response", "wget", "Connecting to ", "Resolving ")
_ASKS = re.compile(r"--\d{4}-\d\d-\d\d \d\d:\d\d:\d\d--\s+(https?://\S{1,1000})")
_AWAITS = re.compile(r"\s{0,4}HTTP request sent, awaiting response\.\.\. ?(?:(\d{3}) ?(.*))?$")
_HEAD = re.compile(r"\s{1,4}(HTTP/\d(?:\.\d)? \d{3}.*|[A-Za-z][A-Za-z0-9-]{0,80}:(?: .*|$))$")
_SELECTED = re.compile(r"Authentication selected: (\w+)")
_FAILED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Connecting to .{1,300}\.\.\. failed: Connection refused"), "curl: (7) Connection refused"),
    (re.compile(r"Connecting to .{1,300}\.\.\. failed: Connection timed out"), "curl: (28) Connection timed out"),
    (re.compile(r"Connecting to .{1,300}\.\.\. failed: (?:No route|Network)"), "curl: (7) No route to host"),
    (re.compile(r"(?:Resolving .{1,300}\.\.\. failed: |wget: unable to resolve host address)"), "curl: (6) Could not resolve host"),
    (re.compile(r"(?:ERROR: )?(?:no certificate subject alternative name|certificate common name .{1,200} doesn't match)"),
     "curl: (60) SSL: no alternative certificate subject name matches target host name"),
    (re.compile(r"(?:ERROR: )?(?:The certificate of .{1,200} has expired|.{0,80}certificate has expired)"), "curl: (60) certificate has expired"),
    (re.compile(r"ERROR: (?:cannot verify|The certificate of .{1,200} is not trusted)"), "curl: (60) unable to get local issuer certificate"),
    (re.compile(r"(?:OpenSSL: error:.{0,200}wrong version number|Unable to establish SSL connection)"), "curl: (35) wrong version number"),
    (re.compile(r"No data received|Read error .{0,80}\(Connection reset"), "curl: (52) Empty reply from server"),
)  # fmt: skip
_SAVES = re.compile(r"Saving to: .STDOUT.")


@dataclass(slots=True)
class _State:
    """What is known of the command and of the request that is under way."""

    login: tuple[str, str] | None = None
    at_once: bool = False
    typed: bool = False
    """Whether the command is known: else a login may have been sent at once."""
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    value: str = MASKED
    """The Authorization value of `--header`, or that there is one."""
    method: str = ""
    sends: bool = False
    answered: int = 0


def regions(rows: list[str]) -> Iterator[Region]:
    """Each run of wget, from its command or its first line on."""
    number = 0
    state = _State()
    while number < len(rows):
        typed = prompted(rows[number])
        if typed is not None:
            state = _command(typed[1])
        elif asks := _ASKS.match(rows[number]):
            region = Region(number, number)
            if asks[1] != state.url:
                state.sends, state.answered = state.at_once, 0
            state.url = asks[1]
            number = _run(rows, number + 1, region, state)
            region.end = number
            if region.rows:
                yield region
            continue
        number += 1


def _command(typed: str) -> _State:
    if not re.search(r"(?:^|\s)wget\s", typed):
        return _State()
    try:
        words = shlex.split(typed)
    except ValueError:
        words = typed.split()
    given: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in ("--user", "--http-user", "--password", "--http-password", "--method"):
            given.setdefault(name.replace("http-", ""), value if equals else after)
        if name == "--header":
            key, _, text = (value if equals else after).partition(":")
            headers.append((key.strip(), text.strip()))
    login = next((text for key, text in headers if key.lower() == "authorization"), None)
    others = tuple((key, text) for key, text in headers if key.lower() != "authorization")
    state = _State(typed=True, headers=others, at_once="--auth-no-challenge" in words)
    if "--user" in given and "--password" in given:
        state.login = (given["--user"], given["--password"])
    elif login is not None:
        state.at_once, state.value = True, login
    state.method = "HEAD" if "--spider" in words else given.get("--method", "")
    state.sends = state.at_once
    return state


def _run(rows: list[str], number: int, region: Region, state: _State) -> int:
    """The requests and answers up to the next prompt or command; gives the row behind them."""
    while number < len(rows):
        row = rows[number]
        if _ASKS.match(row) or prompted(row) is not None:
            return number
        if selected := _SELECTED.search(row):
            state.sends = selected[1].lower() in ("basic", "bearer")
        elif awaits := _AWAITS.match(row):
            region.add(number, _asked(state))
            state.answered += 1
            if awaits[1]:
                region.add(number, got(f"HTTP/1.1 {awaits[1]} {awaits[2] or ''}"))
            while number + 1 < len(rows) and (head := _HEAD.match(rows[number + 1])):
                number += 1
                region.add(number, got(head[1]))
            region.add(number, "<")
        elif _SAVES.match(row):
            number = _body(rows, number + 1, region)
            continue
        else:
            told = next((text for pattern, text in _FAILED if pattern.match(row.strip())), None)
            if told and not state.answered:
                region.add(number, _asked(state), told)
        number += 1
    return number


def _body(rows: list[str], number: int, region: Region) -> int:
    """The body that was written to the terminal; gives the row behind it."""
    number += number < len(rows) and not rows[number].strip()
    while (
        number < len(rows) and rows[number].strip() and prompted(rows[number]) is None and not _ASKS.match(rows[number])
    ):
        region.add(number, rows[number])
        number += 1
    return number


def _asked(state: _State) -> str:
    """The request that is sent next."""
    if not state.sends:
        known = state.typed or state.answered > 0
        return command(state.url, method=state.method, headers=state.headers, known=known)
    if state.login:
        return command(state.url, method=state.method, headers=state.headers, user=":".join(state.login))
    headers = [*state.headers, ("Authorization", state.value)]
    return command(state.url, method=state.method, headers=headers)
