"""A lab that stays up when the command has ended: a supervised background process and its state file.

The password is never on a command line or in the state file: the state names a file that only
its owner can read.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runbook.lab.errors import LabError
from runbook.lab.faults import named
from runbook.lab.processes import wait_until

_START = 30.0
_END = 10.0
_started: dict[int, "subprocess.Popen[bytes]"] = {}
"""Supervisors that this very program started, so that it can see them end."""


@dataclass(frozen=True)
class State:
    """What is known about the running lab."""

    pid: int
    backend: str
    seed: int
    faults: tuple[str, ...]
    registry_url: str
    ui_url: str
    user: str
    password_file: str
    bundle: str


def folder() -> Path:
    """Where the state is kept: the user's state folder, or a private one among temporary files."""
    base = os.environ.get("XDG_STATE_HOME") or (Path.home() / ".local" / "state")
    path = Path(base) / "runbook" / "lab"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        path = Path(tempfile.gettempdir()) / f"runbook-lab-{os.getuid()}"
        path.mkdir(exist_ok=True, mode=0o700)
        if path.stat().st_uid != os.getuid():
            raise LabError(f"{path} belongs to somebody else") from None
    return path


def current() -> State | None:
    """The lab that is up, if one is."""
    try:
        known = json.loads((folder() / "state.json").read_text())
        state = State(**{**known, "faults": tuple(known["faults"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return state if _is_ours(state.pid) else None


def up(faults: Sequence[str] = (), backend: str = "auto", seed: int = 0, proxy: str = "nginx") -> State:
    """Start a lab in the background and wait until it is ready."""
    for fault in faults:
        named(fault, proxy)
    home = folder()
    with _alone(home):
        return _up(home, faults, backend, seed, proxy)


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One `up` at a time: two at once would make a lab that nobody can end."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(ImportError):  # Windows
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _up(home: Path, faults: Sequence[str], backend: str, seed: int, proxy: str) -> State:
    if running := current():
        raise LabError(f"a lab is up already at {running.registry_url}; `runbook lab down` stops it")
    (home / "state.json").unlink(missing_ok=True)
    asked = {"faults": list(faults), "backend": backend, "seed": seed, "proxy": proxy, "folder": str(home)}
    wanted = json.dumps(asked)
    with (home / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runbook.lab.supervisor", wanted],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},  # the one file is on no other
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started[process.pid] = process
    wait_until(lambda: current() is not None or process.poll() is not None, _START)
    state = current()
    if state is None:
        said = (home / "supervisor.log").read_text(errors="replace").strip().splitlines()
        raise LabError(said[-1] if said else "the lab did not start")
    return state


def down() -> State | None:
    """Stop the lab that is up; None when there was none."""
    state = current()
    if state is None:
        return None
    os.kill(state.pid, signal.SIGTERM)
    with contextlib.suppress(LabError):
        wait_until(lambda: not _is_ours(state.pid), _END)
    if _is_ours(state.pid):
        os.kill(state.pid, signal.SIGKILL)
    (folder() / "state.json").unlink(missing_ok=True)
    return state


def keep(state: State, home: Path) -> None:
    """Write the state in one go, so that nobody reads half of it."""
    draft = home / f"state.{os.getpid()}"
    draft.write_text(json.dumps(asdict(state), indent=2) + "\n")
    draft.replace(home / "state.json")


def _is_ours(pid: int) -> bool:
    """Whether that process lives and is a supervisor, not somebody who got its number later."""
    if pid in _started and _started[pid].poll() is not None:
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    words = Path(f"/proc/{pid}/cmdline")
    return not words.exists() or b"runbook.lab.supervisor" in words.read_bytes()
