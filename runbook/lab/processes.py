"""Child processes that cannot outlive the lab: not on exit, not on a signal, not when it is killed.

A child gets a session of its own (so that all of it can be killed) and, on Linux, asks the kernel to
die with the thread that made it. Therefore all children are made by one thread that lives as long
as the program.
"""

import atexit
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from runbook.lab.errors import LabError
from runbook.wire import reachable

SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", str(Path.home() / "go" / "bin"))
_LAUNCHER = """
import ctypes, os, sys
parent, uid, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
binary = os.open(program, os.O_RDONLY | os.O_CLOEXEC)
if uid >= 0:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
os.getppid() == parent or os._exit(1)
os.execve(binary, sys.argv[3:], os.environ)
"""
"""Runs before the program: gives rights up, then asks to die with the parent (giving rights up
would cancel that). The program is opened first, for it may lie where the other user cannot look."""
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="runbook-lab")
_alive: set["Child"] = set()


def find(*names: str) -> str | None:
    """A program by its names; `sbin` folders are searched too, which Debian keeps off users' PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


class Child:
    """One program that runs in the background with its output in a file."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], output: Path, uid: int | None = None) -> None:
        self.output = output
        self._process = _spawner.submit(self._spawn, list(command), dict(env), uid).result()
        _alive.add(self)

    def _spawn(self, command: list[str], env: dict[str, str], uid: int | None) -> "subprocess.Popen[bytes]":
        if sys.platform == "linux":
            before = [str(os.getpid()), str(-1 if uid is None else uid)]
            command, uid = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *before, *command], None
        with self.output.open("ab") as sink:
            return subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, user=uid
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the whole session of the child, kindly first."""
        _alive.discard(self)
        for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
            if not self.running:
                return
            try:
                os.killpg(self.pid, number)
                self._process.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def wait_listening(self, port: int, seconds: float = 10.0) -> bool:
        """Wait until the child accepts connections on the port (True) or has ended (False).

        `OSError` when somebody else has the port: the lab of another person with the same seed, for example.
        """
        wait_until(lambda: not self.running or (reachable(port) and self._holds(port)), seconds)
        if not self.running and reachable(port):
            raise OSError(errno.EADDRINUSE, f"somebody else listens on port {port}")
        return self.running

    def _holds(self, port: int) -> bool:
        """Whether it is this child that listens there. Only Linux tells; elsewhere it is believed."""
        try:
            sockets = _listening(port)
        except OSError:
            return True
        try:
            descriptors = list(Path(f"/proc/{self.pid}/fd").iterdir())
        except OSError:
            return False  # it is about to end: the port was somebody else's
        return any(_target(descriptor) in sockets for descriptor in descriptors)


def _listening(port: int) -> set[str]:
    """The sockets that listen on a port, as /proc/PID/fd names them."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


@contextmanager
def roomy() -> Iterator[None]:
    """Let what is started meanwhile have the address space that the hard limit allows, where this process has less itself."""
    try:
        import resource
    except ImportError:  # no such limits on this system
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@atexit.register
def _stop_all() -> None:
    for child in list(_alive):
        child.stop()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask every few milliseconds; raises `LabError` when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"the lab did not get ready within {seconds:.0f} seconds")
        time.sleep(0.005)
    return True
