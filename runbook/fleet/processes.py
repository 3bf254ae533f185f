"""Several processes for one fleet: judging is processor time, of which Python gets one core's worth in one process."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from threading import Lock, Thread
from typing import Any

from runbook.headless.execute import die_with

_AT_MOST = 4
_WORTH_IT = 50
"""Targets from which on more processes win more than their start costs."""


def processes_for(targets: int) -> int:
    """How many processes are used for so many targets: one for each core, within bounds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _AT_MOST) if targets >= _WORTH_IT else 1


class _Worker:
    """A process with threads of its own, and what it has still to do. The work and its result can be pickled."""

    def __init__(self, threads: int) -> None:
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self.ours, theirs = context.Pipe()
        self.waiting: dict[int, tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = {}
        self.lock, self.count, self.gone = Lock(), 0, False
        self.process = context.Process(target=_serve, args=(theirs, threads, os.getpid()), daemon=True)
        self.process.start()
        theirs.close()

    def take(self, future: "Future[Any]", work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        with self.lock:
            self.count += 1
            self.waiting[self.count] = future, work, args
            if not self.gone:
                try:
                    self.ours.send((self.count, work, args))
                except OSError:
                    pass  # it ended: `listen` comes to know it, and does what is waiting
                return
            del self.waiting[self.count]
        _do(future, work, args)

    def listen(self) -> None:
        """Take the results as they come; what a process that ended left undone is done here."""
        try:
            while True:
                number, result, failure = self.ours.recv()
                with self.lock:
                    future, _, _ = self.waiting.pop(number)
                future.set_result(result) if failure is None else future.set_exception(RuntimeError(failure))
        except (EOFError, OSError):
            with self.lock:
                self.gone, left = True, [*self.waiting.values()]
            for future, work, args in left:
                _do(future, work, args)


def _do(future: "Future[Any]", work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        future.set_result(work(*args))
    except Exception as error:
        future.set_exception(error)


class Processes(Executor):
    """Each piece of work goes to the process that has least to do."""

    def __init__(self, processes: int, threads: int) -> None:
        self.workers = [_Worker(-(-threads // processes)) for _ in range(processes)]
        for worker in self.workers:  # threads begin once all processes have parted
            Thread(target=worker.listen, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> "Future[Any]":
        """Hand the work over."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        min(self.workers, key=lambda w: (w.gone, len(w.waiting))).take(future, fn, args)
        return future

    def end(self) -> None:
        """End the processes; what they have not done is left."""
        for worker in self.workers:
            worker.waiting.clear()
            worker.process.terminate()
            worker.process.join()


def _serve(asked: Connection, threads: int, parent: int) -> None:
    """What a process does: work through what comes, several at a time, until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is told, and ends this one
    die_with(parent)
    lock = Lock()

    def one(number: int, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            answer = ForkingPickler.dumps((number, work(*args), None))
        except Exception as error:
            answer = ForkingPickler.dumps(
                (number, None, type(error).__name__)
            )  # whoever waits for it must not wait for ever
        with lock:
            asked.send_bytes(answer)

    with ThreadPoolExecutor(threads, thread_name_prefix="fleet") as pool, suppress(EOFError):
        while True:
            pool.submit(one, *asked.recv())


@contextmanager
def several(processes: int, threads: int) -> Iterator[Processes]:
    """These processes, and their end."""
    pool = Processes(processes, threads)
    try:
        yield pool
    finally:
        pool.end()
