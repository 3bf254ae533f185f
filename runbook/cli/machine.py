"""What other programs ask for: `runbook schema`, `runbook completion`, `runbook man`."""

import argparse
import json

from runbook import door
from runbook.redact import Vault

SHELLS = ("bash", "zsh", "fish")


def add_schema(parser: argparse.ArgumentParser) -> None:
    """Which command's output."""
    parser.add_argument(
        "of", metavar="COMMAND", nargs="?", choices=("diagnose", "explain", "doctor"), default="diagnose",
        help="diagnose (default), explain or doctor",
    )  # fmt: skip


def run_schema(options: argparse.Namespace) -> int:
    """Print the schema."""
    from runbook.report.schema import schema

    door.out(json.dumps(schema(options.of), indent=1), Vault())
    return 0


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run_completion(options: argparse.Namespace) -> int:
    """Print what the shell is to read: `eval "$(runbook completion bash)"`."""
    from runbook.cli.completion import script

    print(script(options.shell), end="")
    return 0


def run_man(options: argparse.Namespace) -> int:
    """Print the manual page: `runbook man | man -l -`."""
    from runbook.cli.completion import manual

    print(manual(), end="")
    return 0
