"""The request path arrow by arrow: the same picture as in the report."""

from typing import Any

import ipywidgets

from runbook.report.picture import Picture


class Stepper:
    """A number and two buttons over a picture. (A slider of ipywidgets has no name for a screen reader.)"""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.shown = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        most = max(1, picture.steps)
        self.arrow = ipywidgets.BoundedIntText(
            value=most, min=1, max=most, description="Arrow", layout=ipywidgets.Layout(width="10rem")
        )
        self.arrow.observe(self._draw, "value")
        self.back, self.on = self._button("Back", -1), self._button("Next", 1)
        row = ipywidgets.HBox([self.back, self.arrow, self.on], layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.box = ipywidgets.VBox([row, self.shown])
        self._draw()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Stepper({self.arrow.value} of {self.picture.steps})"

    def _button(self, title: str, by: int) -> Any:
        button = ipywidgets.Button(description=title, layout=ipywidgets.Layout(width="auto"))

        def pressed(_button: object) -> None:
            self.arrow.value = min(self.arrow.max, max(self.arrow.min, self.arrow.value + by))

        button.on_click(pressed)
        return button

    def _draw(self, _change: object = None) -> None:
        self.shown.value = self.picture.block(self.arrow.value)._repr_html_()
