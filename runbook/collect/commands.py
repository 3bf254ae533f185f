"""`runbook collect`: a running stack as a folder that `diagnose` reads, without its secrets."""

import argparse
from pathlib import Path

from runbook import __version__, door
from runbook.cli.target import add_running, running_from
from runbook.collect.collector import evidence_of
from runbook.collect.engine import EngineError, gather
from runbook.collect.request import Running, UsageError
from runbook.redact import Vault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `collect`."""
    parser.add_argument(
        "containers", metavar="CONTAINER", nargs="*", help="these containers (default: those of a registry)"
    )
    add_running(parser)
    parser.add_argument("--output", metavar="DIR", required=True, help="the folder to write")
    parser.set_defaults(collect=True)


def run(options: argparse.Namespace) -> int:
    """Read the stack, write what was read: evidence.json for `diagnose`, collected.txt for people."""
    vault: Vault = options.vault
    folder = Path(options.output)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output needs a folder, and {folder} is none.")
    running = running_from(options) or Running()
    try:
        gathered = gather(running, (), lambda _: None)
    except EngineError as error:
        raise UsageError(str(error)) from None
    from runbook.collect.evidence_file import dump_evidence

    evidence = evidence_of(gathered, vault)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise door.LeaveError(f"{folder} cannot be made: {error.strerror or error}.") from error
    told = [*gathered.read, *(f"not read: {p.message}" for p in evidence.problems)]
    door.write(folder / "evidence.json", dump_evidence(evidence, __version__).decode(), vault)
    door.write(folder / "collected.txt", "\n".join(told), vault)
    door.out("\n".join([*told, f"Written to {folder}, without secrets. Now: runbook diagnose {folder}"]), vault)
    return 0
