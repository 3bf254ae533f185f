"""From the name of a password to the password: done where the registry is asked, and nowhere else."""

import os
import subprocess
from pathlib import Path

from runbook.collect.read import whole
from runbook.collect.request import repeated
from runbook.fleet.inventory import Credentials

_LIMIT = 64 << 10
_PATIENCE = 30


class CredentialError(ValueError):
    """Why there is no password: a sentence that repeats nothing which may be one."""


def password(reference: Credentials) -> str | None:
    """The password behind a reference; None where docker's config file is named, which collect reads itself."""
    if reference.docker_config is not None:
        return None
    if reference.env is not None:
        named = f" {reference.env}" if repeated(reference.env) == reference.env else ""
        found, what = os.environ.get(reference.env, ""), f"the environment variable{named} of its credentials"
    elif reference.file is not None:
        found, what = _read(Path(reference.file)), "the file of its credentials"
    else:
        found, what = _run(reference.command or ()), "the command of its credentials"
    found = found.removesuffix("\n").removesuffix("\r")
    if not found:
        raise CredentialError(f"{what} is not set or empty")
    return found


def _read(path: Path) -> str:
    try:
        return whole(path, _LIMIT).decode("utf-8")
    except OSError as error:
        raise CredentialError(f"the file of its credentials cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CredentialError("the file of its credentials is no text") from None


def _run(command: tuple[str, ...]) -> str:
    """What the command prints. Its error output is not repeated: it may quote the secret."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, ValueError):
        raise CredentialError("the command of its credentials cannot be run") from None
    except subprocess.TimeoutExpired:
        raise CredentialError(f"the command of its credentials did not end within {_PATIENCE} s") from None
    if done.returncode != 0:
        raise CredentialError(f"the command of its credentials ended with {done.returncode}")
    return done.stdout[:_LIMIT].decode("utf-8", "replace")
