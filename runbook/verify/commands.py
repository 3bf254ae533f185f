"""`runbook verify REPORT.json`: runs the printed checks again, and says whether each prints what it should."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from runbook import door
from runbook.cli.target import add_password, password_given
from runbook.collect import UsageError
from runbook.collect.notes import is_loopback, is_readable_by_others
from runbook.lazy import re
from runbook.redact import Vault, visible
from runbook.verify.allowed import plan
from runbook.verify.expect import as_expected

_LIMIT, _MOST = 32 << 20, 50
_SECONDS = 30
_SHOWN = 400
_ANSWERS = {"grep": (1,), "diff": (1,), "htpasswd": (3,)}
"""Exit codes with which a program says no; with any other it could not look."""
_UNASKED = (5, 6, 7, 28)
"""curl's exit codes when it reached nobody: perhaps from here alone."""


@dataclass(frozen=True, slots=True)
class Check:
    """A printed check of a cause."""

    cause: str
    command: str
    expect: str


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended."""

    check: Check
    outcome: Literal["as expected", "not as expected", "not run", "undecided", "look yourself"]
    told: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """The password that was given, and whose it is; "" for whoever is asked for."""

    user: str
    password: str
    in_clear: bool = False
    hosts: tuple[str, ...] | None = None
    """Who may get it besides this machine; None when the person was asked. A report is foreign text."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("report", metavar="REPORT.json", help="what `runbook diagnose --format json` wrote")
    parser.add_argument("--yes", action="store_true", help="run the checks without asking")
    parser.add_argument("--user", metavar="NAME", help="whose password it is (default: the report's user)")
    add_password(parser)
    parser.add_argument("--to", metavar="HOST", action="append", help="with --yes: a machine that may get the password")
    parser.add_argument("--insecure-http", action="store_true", help="send it over plain http to other machines, too")


def run(options: argparse.Namespace) -> int:
    """Run the checks of the report's causes: 0 all as expected, 3 one is not, 5 one says neither."""
    vault: Vault = options.vault
    login = _login(options)
    checks = tuple(checks_of(options.report))
    if not checks:
        door.out("The report has no cause with a check, so nothing was run.", vault)
        return 5
    for check in checks:
        why = plan(check.command).refused
        door.say(f"  {check.command}" + (f"   (not run: {why})" if why else ""), vault)
    wanted = [c for c in checks if not plan(c.command).refused]
    if wanted and not options.yes and not _agreed(len(wanted)):
        door.say("runbook: nothing was run.", vault)
        return 5
    results = [ran(check, login) for check in checks]
    door.out("\n".join(_told(r, vault) for r in results), vault)
    outcomes = {r.outcome for r in results}
    return 3 if "not as expected" in outcomes else 0 if outcomes == {"as expected"} else 5


def _login(options: argparse.Namespace) -> Login | None:
    password = password_given(options)
    if password is None:
        return None
    focus = _report(options.report).get("focus")
    user = options.user or (str(focus.get("user") or "") if isinstance(focus, dict) else "")
    options.vault.password(password, user or None)
    return Login(user, password, options.insecure_http, tuple(options.to or ()) if options.yes else None)


def _report(file: str) -> dict[str, Any]:
    """The object of a report. What stands there is foreign text."""
    path = Path(file)
    try:
        if path.stat().st_size > _LIMIT:
            raise UsageError(f"{path}: this is larger than any report.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: this is no JSON; a report of `runbook diagnose --format json` is needed.") from None
    if not isinstance(data, dict) or data.get("schema") != 1 or not isinstance(data.get("causes"), list):
        raise UsageError(f"{path}: this is no report of runbook (schema 1).")
    return data


def checks_of(file: str) -> Iterator[Check]:
    """The checks of a report's causes, each once."""
    data = _report(file)
    seen: dict[str, Check] = {}
    for row in data["causes"][:20]:
        fix = row.get("fix") if isinstance(row, dict) else None
        if isinstance(fix, dict) and row.get("role") != "rival":
            for command, expect in zip(_texts(fix.get("verify")), _texts(fix.get("expect")), strict=False):
                seen.setdefault(command, Check(visible(str(row.get("cause", "")), 80), command, visible(expect, 300)))
    yield from list(seen.values())[:_MOST]


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _agreed(count: int) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("verify asks before it runs anything, and there is nobody to ask; --yes runs the checks.")
    door.say(f"Run {'this check' if count == 1 else f'these {count} checks'}? They only look. [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ran(check: Check, login: Login | None = None) -> Result:
    """Run one check, if it only looks. Without a login curl and htpasswd ask for a password themselves, on the terminal."""
    planned = plan(check.command)
    first, *others = planned.pipeline or ((),)
    refused = planned.refused or _password_missing(first, login)
    if refused:
        return Result(check, "not run", refused)
    try:
        output, failure = _output((_logged_in(first, login), *others), _given(first, login))
    except FileNotFoundError as error:
        return Result(check, "undecided", f"{error.filename} is not installed here")
    except subprocess.TimeoutExpired:
        return Result(check, "undecided", f"it was not done after {_SECONDS} seconds")
    except OSError as error:
        return Result(check, "undecided", error.strerror or "it could not be started")
    if failure:
        return Result(check, "undecided", failure)
    fits = as_expected(output, check.expect)
    return Result(check, "look yourself" if fits is None else "as expected" if fits else "not as expected", output)


def _asked(words: Sequence[str]) -> str:
    """The user whose password a program asks for; "" when it asks for none."""
    if words[:1] == ("htpasswd",):
        return words[-1]
    return words[words.index("-u") + 1] if words[:1] == ("curl",) and "-u" in words else ""


def _password_missing(words: Sequence[str], login: Login | None) -> str:
    """Why a check cannot be run that asks for a password; "" when it can."""
    user = _asked(words)
    if not user:
        return ""
    if login is None:
        return "" if _has_terminal() else (
            f"it asks for the password of {user}, and there is nobody to ask: --password-env VAR or --password-stdin"
        )  # fmt: skip
    if login.user not in ("", user):
        return f"it asks for the password of {user}, and the one that was given is {login.user}'s"
    if login.hosts is not None and (host := next((h for w in words if (h := _other_host(w))), "")) not in (
        "",
        *login.hosts,
    ):
        return f"the password would go to {host}, which only the report names: --to {host} allows it"
    if not login.in_clear and any(is_readable_by_others(w) for w in words):
        return "the password would go over plain http to another machine: --insecure-http allows it"
    return ""


def _other_host(word: str) -> str:
    """The host of an address that is not this machine."""
    parts = urlsplit(word) if re.match(r"https?://", word) else None
    return "" if parts is None or is_loopback(parts.hostname or "") else parts.hostname or ""


def _has_terminal() -> bool:
    """Whether a program can ask for a password; it does so on the terminal, whatever its input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def _logged_in(words: tuple[str, ...], login: Login | None) -> tuple[str, ...]:
    """The program reading the password from its input, where one was given: arguments can be read by others."""
    if words[:3] == ("docker", "compose", "exec") and "-T" not in words:
        return (*words[:3], "-T", *words[3:])  # or it wants a terminal
    if login is None or not _asked(words):
        return words
    if words[0] == "htpasswd":
        return (words[0], "-i", *words[1:])
    at = words.index("-u")
    return (*words[:at], "-K", "-", *words[at + 2 :])


def _given(words: Sequence[str], login: Login | None) -> bytes | None:
    """What the first program reads."""
    if login is None or not _asked(words):
        return None
    if words[0] == "htpasswd":
        return login.password.encode()
    told = f"{_asked(words)}:{login.password}".replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'user = "{told}"\n'.encode()


def _output(pipeline: tuple[tuple[str, ...], ...], given: bytes | None) -> tuple[str, str]:
    """What the last program of the pipeline prints, and why one of them could not look."""
    told = b""
    for words in pipeline:
        done = subprocess.run(list(words), input=given, capture_output=True, timeout=_SECONDS, check=False)
        told = done.stderr[: 1 << 20]
        if _could_not_look(words, done.returncode, told):
            lines = told.decode("utf-8", "replace").split("\n")
            return (
                "",
                f"it could not look: {next((one.strip() for one in reversed(lines) if one.strip()), 'it failed')}",
            )
        given = done.stdout
    return ((given or b"")[: 1 << 20] + told).decode("utf-8", "replace"), ""


def _could_not_look(words: Sequence[str], code: int, told: bytes) -> bool:
    """Whether a program failed at looking, as without its file or engine, and not at what it saw."""
    if words[0] == "curl":
        return code in _UNASKED
    if code in (0, *_ANSWERS.get(words[0], ())) or words[:3] == ("docker", "compose", "config"):
        return False
    return bool(told.strip())


def _told(result: Result, vault: Vault) -> str:
    check = result.check
    head = f"{result.outcome}: {check.command}  [{check.cause}]"
    if result.outcome in ("not run", "undecided"):
        return f"{head}\n    {vault.mask(result.told, _SHOWN)}"
    shown = vault.mask(result.told.strip(), _SHOWN) or "(nothing)"
    wanted = f"\n    expected: {check.expect}" if check.expect else ""
    return head if result.outcome == "as expected" else f"{head}{wanted}\n    printed:  {shown}"
