"""`runbook verify REPORT.json`: runs the printed checks again, and says whether each prints what it should."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runbook import door
from runbook.collect import UsageError
from runbook.redact import Vault, visible
from runbook.verify.allowed import plan
from runbook.verify.expect import as_expected

_LIMIT, _MOST = 32 << 20, 50
_SECONDS = 30
_SHOWN = 400


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
    outcome: Literal["as expected", "not as expected", "not run", "no expectation"]
    told: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `verify`."""
    parser.add_argument("report", metavar="REPORT.json", help="what `runbook diagnose --format json` wrote")
    parser.add_argument("--yes", action="store_true", help="run the checks without asking")


def run(options: argparse.Namespace) -> int:
    """Run the checks of the report's causes: 0 all as expected, 3 one is not, 5 one did not run or states nothing."""
    vault: Vault = options.vault
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
    results = [ran(check) for check in checks]
    door.out("\n".join(_told(r, vault) for r in results), vault)
    outcomes = {r.outcome for r in results}
    return 3 if "not as expected" in outcomes else 0 if outcomes == {"as expected"} else 5


def checks_of(file: str) -> Iterator[Check]:
    """The checks of a report's causes, each once. What stands there is foreign text."""
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


def ran(check: Check) -> Result:
    """Run one check, if it only looks. curl and htpasswd ask for a password themselves."""
    planned = plan(check.command)
    if planned.refused:
        return Result(check, "not run", planned.refused)
    try:
        output = _output(planned.pipeline)
    except FileNotFoundError as error:
        return Result(check, "not run", f"{error.filename} is not installed here")
    except subprocess.TimeoutExpired:
        return Result(check, "not run", f"it was not done after {_SECONDS} seconds")
    except OSError as error:
        return Result(check, "not run", error.strerror or "it could not be started")
    if not check.expect:
        return Result(check, "no expectation", output)
    return Result(check, "as expected" if as_expected(output, check.expect) else "not as expected", output)


def _output(pipeline: tuple[tuple[str, ...], ...]) -> str:
    """What the last program of the pipeline prints."""
    given: bytes | None = None
    for words in pipeline:
        done = subprocess.run(
            list(words),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if words is pipeline[-1] else subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
        given = done.stdout
    return (given or b"")[: 1 << 20].decode("utf-8", "replace")


def _told(result: Result, vault: Vault) -> str:
    check = result.check
    head = f"{result.outcome}: {check.command}  [{check.cause}]"
    if result.outcome == "not run":
        return f"{head}\n    {result.told}"
    shown = vault.mask(result.told.strip(), _SHOWN) or "(nothing)"
    wanted = f"\n    expected: {check.expect}" if check.expect else ""
    return head if result.outcome == "as expected" else f"{head}{wanted}\n    printed:  {shown}"
