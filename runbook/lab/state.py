"""A lab that stays up when the command has ended: a supervised background process and its state file.

The password is never on a command line or in the state file: the state names a file that only
its owner can read.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runbook.lab import composed, layout
from runbook.lab.errors import LabError
from runbook.lab.faults import named
from runbook.lab.processes import wait_until
from runbook.lazy import re

_START = 30.0
_END = 10.0
_SUFFIX = ".lab.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_started: dict[int, "subprocess.Popen[bytes]"] = {}
"""Supervisors that this very program started, so that it can see them end."""


@dataclass(frozen=True)
class State:
    """What is known about a lab that was started in the background."""

    pid: int
    backend: str
    seed: int
    faults: tuple[str, ...]
    registry_url: str
    ui_url: str
    user: str
    password_file: str
    bundle: str
    name: str = "lab"
    home: str = ""
    """Its temporary folder, after which its compose project is called."""

    @property
    def lives(self) -> bool:
        """Whether its process still runs; one that was killed left its folder and containers behind."""
        return _is_ours(self.pid)


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


def known() -> tuple[State, ...]:
    """All labs that were started and not ended, those whose process was killed included."""
    found = (_read(path) for path in sorted(folder().glob(f"*{_SUFFIX}")))
    return tuple(state for state in found if state is not None)


def current(name: str = "lab") -> State | None:
    """The lab of that name that is up, if it is."""
    state = _read(_file(name))
    return state if state is not None and state.lives else None


def _read(path: Path) -> State | None:
    try:
        read = json.loads(path.read_text())
        return State(**{**read, "faults": tuple(read["faults"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _file(name: str) -> Path:
    return folder() / f"{name}{_SUFFIX}"


def up(
    faults: Sequence[str] = (), backend: str = "auto", seed: int = 0, proxy: str = "nginx", name: str = "lab"
) -> State:
    """Start a lab in the background and wait until it is ready."""
    if not _NAME.fullmatch(name):
        raise LabError("a lab's name is made of letters, digits, - and _, at most 40 of them")
    for fault in faults:
        named(fault, proxy)
    home = folder()
    with _alone(home):
        return _up(home, faults, backend, seed, proxy, name)


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


def _up(home: Path, faults: Sequence[str], backend: str, seed: int, proxy: str, name: str) -> State:
    if running := current(name):
        raise LabError(f"{name} is up already at {running.registry_url}; `runbook lab down {name}` stops it")
    down(name)
    asked = {
        "faults": list(faults),
        "backend": backend,
        "seed": seed,
        "proxy": proxy,
        "folder": str(home),
        "name": name,
    }
    wanted = json.dumps(asked)
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runbook.lab.supervisor", wanted],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},  # the one file is on no other
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started[process.pid] = process
    wait_until(lambda: current(name) is not None or process.poll() is not None, _START)
    state = current(name)
    if state is None:
        said = (home / f"{name}.log").read_text(errors="replace").strip().splitlines()
        raise LabError(said[-1] if said else "the lab did not start")
    return state


def down(name: str = "lab") -> State | None:
    """Stop the lab of that name and remove what it made, also where its process was killed; None when there is none."""
    state = _read(_file(name))
    if state is None:
        return None
    if state.lives:
        os.kill(state.pid, signal.SIGTERM)
        with contextlib.suppress(LabError):
            wait_until(lambda: not state.lives, _END)
    if state.lives:
        os.kill(state.pid, signal.SIGKILL)
    _clear(state)
    _file(name).unlink(missing_ok=True)
    return state


def _clear(state: State) -> None:
    """Containers and folder of a lab whose process could not remove them."""
    home = Path(state.home)
    if not layout.is_home(home, state.pid):
        return
    if state.backend == "compose":
        composed.remove(home.name.lower())
    shutil.rmtree(home, ignore_errors=True)


def keep(state: State, home: Path) -> None:
    """Write the state in one go, so that nobody reads half of it."""
    draft = home / f"{state.name}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(state), indent=2) + "\n")
    draft.replace(home / f"{state.name}{_SUFFIX}")


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
