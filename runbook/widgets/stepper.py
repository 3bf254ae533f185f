"""The request path arrow by arrow, with a slider: the same picture as in the report."""

from typing import Any

import ipywidgets

from runbook.report.picture import Picture


class Stepper:
    """A slider and two buttons over a picture."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.shown = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self.slider = ipywidgets.IntSlider(
            value=picture.steps, min=1, max=max(1, picture.steps), description="Arrow", continuous_update=True
        )
        self.slider.observe(self._draw, "value")
        self.back, self.on = self._button("Back", -1), self._button("Next", 1)
        row = ipywidgets.HBox([self.back, self.slider, self.on], layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.box = ipywidgets.VBox([row, self.shown])
        self._draw()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Stepper({self.slider.value} of {self.picture.steps})"

    def _button(self, title: str, by: int) -> Any:
        button = ipywidgets.Button(description=title, layout=ipywidgets.Layout(width="auto"))

        def pressed(_button: object) -> None:
            self.slider.value = min(self.slider.max, max(self.slider.min, self.slider.value + by))

        button.on_click(pressed)
        return button

    def _draw(self, _change: object = None) -> None:
        self.shown.value = self.picture.block(self.slider.value)._repr_html_()
