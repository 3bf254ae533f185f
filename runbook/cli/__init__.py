"""The command `runbook`. Each subcommand loads what it needs when it runs: `diagnose` must start fast."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from runbook.redact import Vault

INTERNAL, WRONG_USE, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Nobody ever sees a traceback without asking for one."""
    from runbook.cli.arguments import parser

    _tolerate_any_terminal()
    vault = Vault()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser(words).parse_args(words)
        code = _run(options, vault)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nrunbook: interrupted; nothing was changed.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`runbook … | head`); Python must not complain while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        return _failed(error, vault)
    return code


def _run(options: Namespace, vault: Vault) -> int:
    code: int = options.run(options, vault)
    return code


def _failed(error: Exception, vault: Vault) -> int:
    """The sentence for what went wrong: the user's to mend (2) or ours (1)."""
    from runbook.collect import UsageError
    from runbook.parse import ParseError

    if isinstance(error, UsageError | ParseError) or type(error).__name__ == "LabError":
        print(f"runbook: {vault.mask(str(error))}", file=sys.stderr)
        return WRONG_USE
    if isinstance(error, ModuleNotFoundError) and not (error.name or "runbook").startswith("runbook"):
        print(f"runbook: the package {error.name} is missing here; install registry-runbook again.", file=sys.stderr)
        return INTERNAL
    print(
        f"runbook: something broke inside ({type(error).__name__}: {vault.mask(str(error), 300)}).\n"
        "This is a fault of runbook, not of your stack. RUNBOOK_DEBUG=1 shows where; please report it.",
        file=sys.stderr,
    )
    if os.environ.get("RUNBOOK_DEBUG"):
        import traceback

        for part in traceback.format_exception(error):
            print(vault.mask(part, 20_000), file=sys.stderr)
    return INTERNAL


def _tolerate_any_terminal() -> None:
    """A terminal that cannot show a character gets a question mark instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


__all__ = ["main"]
