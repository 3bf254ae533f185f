"""A box to paste advice into."""

from typing import Any

import ipywidgets

from runbook.advice.views import advice


class AdviceBox:
    """A text, a button, and below them what is to be said of the text."""

    def __init__(self, text: str = "") -> None:
        wide = ipywidgets.Layout(width="auto", max_width="60rem")
        self.text = ipywidgets.Textarea(
            value=text,
            placeholder="Paste a post, a ticket or an answer",
            layout=ipywidgets.Layout(width="auto", height="12rem"),
        )
        self.button = ipywidgets.Button(description="Check", layout=ipywidgets.Layout(width="auto"))
        self.answer = ipywidgets.HTML(layout=wide)
        self.button.on_click(self._pressed)
        self.box = ipywidgets.VBox([self.text, self.button, self.answer], layout=wide)
        if text:
            self._pressed()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return "AdviceBox()"

    def _pressed(self, _button: object = None) -> None:
        self.answer.value = advice(self.text.value)._repr_html_()
