"""The one door through which anything leaves: documents, files, lines for people.

The last pass is here: secrets that are known by now, text that is no Unicode, control characters, and lines that a
CI system would take for commands. Nothing else in this package writes to the user's files or to standard error.
"""

import errno
import os
import sys
import tempfile
from pathlib import Path

from runbook.lazy import re
from runbook.leftovers import named, sweep
from runbook.redact import Vault, printable
from runbook.redact.text import one_line, without_commands

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\[[0-9;]{0,20}m)")
"""Everything but line ends, tabs and our own colours."""


class LeaveError(ValueError):
    """What was to be written could not be: a sentence with the cause."""


def published(text: str, vault: Vault) -> str:
    """A finished document as it may leave."""
    from runbook.rules import RULES

    whole = _CONTROL.sub("\ufffd", printable(vault.publish(text, RULES)))
    return without_commands(whole, as_json=whole.startswith("{"))


def write(file: str | Path, text: str, vault: Vault, *, tidy: bool = True) -> None:
    """Write a document whole or not at all, for this user alone (0600). `LeaveError` says why it could not be.

    What a killed process left of the same document is removed first, unless `tidy` is false: whoever writes thousands
    into one folder looks through it once, not each time.
    """
    path, whole = Path(file), published(text if text.endswith("\n") else text + "\n", vault)
    try:
        _write(path, whole, tidy)
    except OSError as error:
        raise LeaveError(f"{path} could not be written: {error.strerror or error}.") from error


def _write(path: Path, text: str, tidy: bool) -> None:
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")  # /dev/stderr, a pipe: nothing to move into place
        return
    prefix = f".{path.name[:100]}."
    if tidy:
        sweep(path.parent, prefix)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=named(prefix))  # made with 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)  # it is not there where the end came after the move
        raise


def out(text: str, vault: Vault) -> None:
    """A document on standard output. Whoever stops reading (`| head`) is no error; a full disk is one."""
    if sys.stdout is None:
        say("runbook: standard output is closed, so the answer went nowhere; --output FILE writes it into a file.")
        return
    try:
        sys.stdout.write(published(text if text.endswith("\n") else text + "\n", vault))
        sys.stdout.flush()
    except OSError as error:
        give_up(sys.stdout.fileno())
        if error.errno not in (errno.EPIPE, errno.ESHUTDOWN):
            raise LeaveError(f"Standard output could not be written: {error.strerror or error}.") from error


def say(text: str, vault: Vault | None = None) -> None:
    """A line for people on standard error, where anything may stand in it; whether anybody reads it does not matter."""
    if sys.stderr is None:
        return
    line = one_line(vault.scrub(text) if vault else text, 4000)
    try:
        print(without_commands(line), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        give_up(2)


def give_up(descriptor: int) -> None:
    """Let the stream lead nowhere, so that Python does not complain while it exits."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    except OSError:
        return


def hold_standard_streams() -> None:
    """Where standard input, output or error is closed, the next file that is opened would take its place."""
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
