"""A trial on loopback at the press of a button: the fix in a copy of the stack, the cause in a stack of the lab."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import ipywidgets

from runbook.report.block import Block
from runbook.wire import aside

IDLE = "The stack is built again on this machine from its files, with drawn credentials. Yours is not touched."


class Proving:
    """A button, and what became of the trial: `prove` makes it and gives what is shown afterwards.
    `also`: another one below it."""

    def __init__(
        self,
        prove: Callable[[], Block],
        title: str = "Try the fix in a copy of the stack",
        idle: str = IDLE,
        also: "Proving | None" = None,
    ) -> None:
        self._prove = prove
        self.button = ipywidgets.Button(description=title, layout=ipywidgets.Layout(width="auto"))
        self.button.on_click(self._pressed)
        self.shown = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self.also = also
        self.box: Any = ipywidgets.VBox([self.button, self.shown, *([also.box] if also else [])])
        self._thread: Thread | None = None
        self._say(Block.soft(idle))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return "Proving()"

    def wait(self, seconds: float | None = None) -> None:
        """Until the trial that is under way has ended."""
        if self._thread:
            self._thread.join(seconds)

    def _say(self, block: Block) -> None:
        self.shown.value = block._repr_html_()

    def _pressed(self, _button: object) -> None:
        self.button.disabled = True
        text = "Building the stack, asking it, changing it, asking again…"
        self._say(Block.of(text))
        self._thread = aside(self._run)

    def _run(self) -> None:
        try:
            self._say(self._prove())
        except Exception as error:
            # Nobody else hears an exception of a thread.
            text = f"✗ It could not be tried: {type(error).__name__}."
            self._say(Block.of(text))
        finally:
            self.button.disabled = False
