"""Executing notebooks: two at a time, each in a process of its own, every one saved whatever happens to it."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

Parameters = Mapping[str, str | int | float | bool]
CELL_SECONDS = 120
_AT_ONCE = 2
ENGINE = "runbook"
"""`runbook.headless.engine`, as papermill knows it."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of one notebook."""

    name: str
    path: Path
    seconds: float
    error: str = ""
    """Empty when it ran through; else the last line of what went wrong."""


def execute_all(
    sources: Iterable[Path], folder: Path, parameters: Parameters, done: Callable[[Executed], None]
) -> list[Executed]:
    """Execute notebooks into a folder, in which they also run; `done` is told of each as it ends.

    papermill changes the working folder of its process and is no friend of threads, hence processes.
    """
    forked = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    sources = list(sources)
    _load_papermill()  # once, before the processes part
    results: dict[str, Executed] = {}
    with ProcessPoolExecutor(_AT_ONCE, mp_context=forked, initializer=die_with, initargs=(os.getpid(),)) as pool:
        waiting: dict[Future[Executed], Path] = {
            pool.submit(execute, source, folder, dict(parameters)): source for source in sources
        }
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    source = waiting.pop(future)
                    failure = future.exception()
                    result = future.result() if failure is None else _broken(source, folder, failure)
                    results[result.name] = result
                    done(result)
        except BaseException:
            # Ended from outside: nobody waits for the cells that still run.
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
    return [results[source.stem] for source in sources]


def die_with(parent: int) -> None:
    """A worker ends with the process that made it, even when that is killed; what a cell writes past its streams, as
    programs that it starts do, is no part of the answer on standard output."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == parent:
            return
        os._exit(1)
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _broken(source: Path, folder: Path, failure: BaseException) -> Executed:
    """The process itself died (killed, out of memory): no notebook could be saved."""
    return Executed(source.stem, folder / source.name, 0.0, f"its process ended: {type(failure).__name__}")


def execute(source: Path, folder: Path, parameters: dict[str, str | int | float | bool]) -> Executed:
    """Execute one notebook. A failing cell is told, and the notebook is saved up to there."""
    papermill = _load_papermill()
    target = folder / source.name
    began = time.monotonic()
    error = ""
    try:
        _check_parameters(papermill.inspect_notebook(str(source)), parameters)
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=parameters,
            engine_name=ENGINE,
            cwd=str(folder),
            progress_bar=False,
            log_output=False,
            execution_timeout=CELL_SECONDS,
        )
    except Exception as failure:
        # Whatever a notebook raises is its result; papermill has saved it with the error on top.
        error = f"{type(failure).__name__}: {_last_line(failure)}"
    return Executed(source.stem, target, time.monotonic() - began, error)


def _check_parameters(known: dict[str, Any], given: dict[str, str | int | float | bool]) -> None:
    """papermill puts unknown parameters on top, where the notebook's own values override them without a word."""
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"the notebook has no parameters {', '.join(unknown)}: is its parameters cell tagged?")


def _last_line(failure: Exception) -> str:
    name, value = getattr(failure, "ename", ""), getattr(failure, "evalue", "")
    if name:
        return f"{name}: {value}"[:300]
    lines = [line for line in str(failure).splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _load_papermill() -> Any:
    """papermill without the grammar that jsonschema would compile at import: most of its start-up time."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # "not installed", says None
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    import papermill
    from papermill.engines import papermill_engines

    from runbook.headless.engine import InProcess

    papermill_engines.register(ENGINE, InProcess)
    return papermill
