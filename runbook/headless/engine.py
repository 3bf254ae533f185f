"""The engine that papermill executes our notebooks with: an IPython shell in this very process, without a kernel.

A kernel costs more than everything that a notebook of ours does; and this interpreter is surely there, whatever the
environment's kernelspecs are called.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat.v4 import new_output
from papermill.engines import Engine
from traitlets.config import Config

_CONFIG = Config({"HistoryManager": {"enabled": False}})


class Shell(InteractiveShell):  # type: ignore[misc]
    """Keeps an error as the output that a notebook shows."""

    error: Any = None

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.error = new_output("error", ename=etype.__name__, evalue=str(evalue), traceback=stb)


class InProcess(Engine):  # type: ignore[misc]
    """Executes cell by cell; papermill saves after each."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, execution_timeout: int = 0, **_options: object
    ) -> None:
        """Run all code cells, up to the first that fails."""
        shell = Shell.instance(config=_CONFIG)
        try:
            for index, cell in enumerate(nb_man.nb.cells):
                if cell.cell_type != "code":
                    continue
                nb_man.cell_start(cell, index)
                _run(shell, cell, execution_timeout)
                if shell.error:
                    nb_man.cell_exception(cell, index, exception=shell.error.evalue)
                    return
                nb_man.cell_complete(cell, index)
        finally:
            Shell.clear_instance()


def _run(shell: Shell, cell: Any, seconds: int) -> None:
    """Run one cell and keep what it shows, in its order; text that was printed comes first."""
    shell.display_pub = CapturingDisplayPublisher(shell=shell)
    shown = shell.display_pub.outputs

    def last(value: object) -> None:
        if value is not None:
            data, metadata = shell.display_formatter.format(value)
            shown.append({"data": data, "metadata": metadata, "last": True})

    shell.display_trap.hook = last
    with capture_output(display=False) as printed, _at_most(seconds):
        count = shell.run_cell(cell.source, store_history=True).execution_count
    cell.execution_count = count
    told = (("stdout", printed.stdout), ("stderr", printed.stderr))
    cell.outputs = [new_output("stream", name=name, text=text) for name, text in told if text]
    for one in shown:
        kept = {"data": one["data"], "metadata": one["metadata"]}
        kind = (
            {"execution_count": count, "output_type": "execute_result"}
            if "last" in one
            else {"output_type": "display_data"}
        )
        cell.outputs.append(new_output(**kind, **kept))
    if shell.error:
        cell.outputs.append(shell.error)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """End the cell after that time, where signals can do so."""
    alarm = getattr(signal, "SIGALRM", None)
    if not seconds or alarm is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"the cell ran for more than {seconds} s")

    before = signal.signal(alarm, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(alarm, before)
