"""The command `runbook`. Each subcommand loads what it needs when it runs: `diagnose` must start fast."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from runbook import door
from runbook.redact import Vault

INTERNAL, WRONG_USE = 1, 2


class Ended(BaseException):
    """The system told us to end: everything on the way is cleaned up, as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Nobody ever sees a traceback without asking for one."""
    from runbook.cli.arguments import parser

    door.hold_standard_streams()
    _tolerate_any_terminal()
    vault = Vault()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        gc.set_threshold(50_000)  # a process of half a second: looking for cycles every 700 objects costs 6 % of it
        for number in _ENDS:
            signal.signal(number, _end)
    try:
        options = parser(words).parse_args(words)
        options.vault = vault
        code = int(options.run(options))
        if sys.stdout is not None:
            sys.stdout.flush()
    except (KeyboardInterrupt, Ended) as end:
        number = end.number if isinstance(end, Ended) else int(signal.SIGINT)
        what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        door.say(f"runbook: {what}; nothing was changed.")
        return 128 + number
    except BrokenPipeError:
        # Whoever read what a command printed has gone (`runbook explain … | head`).
        door.give_up(1)
        return 0
    except Exception as error:
        return _failed(error, vault)
    return code


_ENDS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _end(number: int, frame: FrameType | None) -> None:
    for each in _ENDS:
        signal.signal(each, signal.SIG_IGN)  # once is enough: cleaning up is not to be cut short
    raise Ended(number)


def _failed(error: Exception, vault: Vault) -> int:
    """The sentence for what went wrong: the user's to mend (2) or ours (1)."""
    from runbook.collect import UsageError
    from runbook.parse import ParseError

    if isinstance(error, UsageError | door.LeaveError) or type(error).__name__ == "LabError":
        door.say(f"runbook: {error}", vault)
        return WRONG_USE
    if isinstance(error, ParseError):
        door.say(f"runbook: {vault.mask(str(error))}")
        return WRONG_USE
    if isinstance(error, ModuleNotFoundError) and not (error.name or "runbook").startswith("runbook"):
        door.say(f"runbook: this part needs {error.name}, which is not here: pip install registry-runbook")
        return WRONG_USE
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        door.say(f"runbook: the system refused: {error.strerror}.", vault)
        return WRONG_USE
    door.say(f"runbook: something broke inside ({type(error).__name__}: {vault.mask(str(error), 300)}).")
    door.say("This is a fault of runbook, not of your stack. RUNBOOK_DEBUG=1 shows where; please report it.")
    if os.environ.get("RUNBOOK_DEBUG"):
        import traceback

        for part in traceback.format_exception(error):
            for line in vault.mask(part, 20_000).splitlines():
                door.say(line)
    return INTERNAL


def _tolerate_any_terminal() -> None:
    """A terminal that cannot show a character gets a question mark instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


__all__ = ["main"]
