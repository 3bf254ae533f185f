"""The engine that papermill executes our notebooks with: an IPython shell in this very process, without a kernel.

A kernel costs more than everything that a notebook of ours does; and this interpreter is surely there, whatever the
environment's kernelspecs are called.
"""

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_output
from papermill.engines import Engine
from traitlets.config import Config

_CONFIG = Config({"HistoryManager": {"enabled": False}})


class Results(DisplayHook):  # type: ignore[misc]
    """Takes the value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """A notebook shows the number beside it."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep it."""
        count = self.prompt_count
        self.shell.shown.append(
            new_output("execute_result", format_dict, metadata=md_dict or {}, execution_count=count)
        )


class Displays(DisplayPublisher):  # type: ignore[misc]
    """Takes what a cell displays, and displays anew under the same id."""

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **options: Any) -> None:
        """Keep it, or put it in the place of what has its id."""
        made = new_output("display_data", data, metadata=metadata or {})
        same = self.shell.named.setdefault((options.get("transient") or {}).get("display_id"), [])
        if options.get("update"):
            for before in same:
                before.update(made)
        else:
            same.append(made)
            self.shell.shown.append(made)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has shown."""
        self.shell.shown.clear()


class Shell(InteractiveShell):  # type: ignore[misc]
    """Keeps what a cell shows as the outputs of a notebook, in their order."""

    def init_instance_attrs(self) -> None:
        """Before anything can be shown."""
        super().init_instance_attrs()
        self.displayhook_class, self.display_pub_class = Results, Displays
        self.shown: list[Any] = []
        self.named: dict[str | None, list[Any]] = {}

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.shown.append(new_output("error", ename=etype.__name__, evalue=str(evalue), traceback=stb))


class Printed(io.TextIOBase):
    """A standard stream of a cell."""

    encoding = "utf-8"

    def __init__(self, name: str, shell: Shell) -> None:
        super().__init__()
        self.name, self.shell = name, shell

    def write(self, text: str) -> int:
        """Keep a text; `_run` puts together what was written in one go."""
        shown = self.shell.shown
        if text and (not shown or shown[-1].get("name") != self.name):
            shown.append(new_output("stream", name=self.name, text=[]))
        if text:
            shown[-1]["text"].append(text)
        return len(text)


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
                if error := _run(shell, cell, execution_timeout):
                    nb_man.cell_exception(cell, index, exception=error)
                    return
                nb_man.cell_complete(cell, index)
        finally:
            Shell.clear_instance()


def _run(shell: Shell, cell: Any, seconds: int) -> str:
    """Run one cell and keep what it shows; what failed in it, or ""."""
    shell.shown = []
    streams = redirect_stdout(Printed("stdout", shell)), redirect_stderr(Printed("stderr", shell))
    with streams[0], streams[1], _at_most(seconds):
        result = shell.run_cell(cell.source, store_history=True)
    failed = result.error_before_exec or result.error_in_exec
    if failed and not any(one.output_type == "error" for one in shell.shown):
        shell._showtraceback(type(failed), failed, [])
    for one in shell.shown:
        if one.output_type == "stream":
            one.text = "".join(one.text)
    cell.execution_count, cell.outputs = result.execution_count, shell.shown
    return next((f"{one.ename}: {one.evalue}" for one in shell.shown if one.output_type == "error"), "")


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
