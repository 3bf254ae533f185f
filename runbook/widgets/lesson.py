"""A round of practice with buttons: ask, look, fix, name, check. What it does is done by the round's own methods."""

from collections.abc import Callable
from typing import Any

import ipywidgets

from runbook.report.block import Block
from runbook.training import views
from runbook.training.assessed import Assessed
from runbook.training.practice import METHODS, Practice

_LABELS = {"description_width": "7rem"}
_OVER = "This round is over and its stack is stopped. Run the cell that made the round again to begin again."
_WAYS = [("directly", "direct"), ("through the UI", "ui")]
_LOGINS = [("the right login", "right"), ("no login", "none"), ("a wrong login", "wrong"), ("a colleague", "colleague")]


class Lesson:
    """The panel of one round. Its answers stand below the buttons, the last one on top."""

    def __init__(self, practice: Practice | Assessed) -> None:
        self.practice = practice
        self.answer = ipywidgets.HTML(layout=_wide())
        self.tabs = ipywidgets.Tab([self._ask(), self._read(), self._fix(), self._name()], layout=_wide())
        for number, title in enumerate(("1 Ask", "2 Read", "3 Fix", "4 Name and check")):
            self.tabs.set_title(number, title)
        self.tabs.observe(self._turned, "selected_index")
        self.box = ipywidgets.VBox([self.tabs, self.answer], layout=_wide())
        self.box.add_class("rb-lesson")
        self._show(practice.story())

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.box._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Lesson({self.practice!r})"

    def _client(self) -> list[tuple[str, str]]:
        return [("docker push", "docker")] if "config.json" in self.practice.names() else []

    # the four tabs

    def _ask(self) -> Any:
        self.expected = self._field(
            ipywidgets.Text, "I expect", placeholder="a status such as 200 or 401 (may stay empty)"
        )
        self.way = self._field(ipywidgets.Dropdown, "Path", options=[*_WAYS, *self._client()])
        self.login = self._field(ipywidgets.Dropdown, "With", options=_LOGINS)
        self.method = self._field(ipywidgets.Dropdown, "Method", options=METHODS)
        self.path = self._field(ipywidgets.Combobox, "URL path", value="/v2/", options=["/v2/", "/v2/_catalog"])
        return _column(self.expected, self.way, self.login, self.method, self.path, self._button("Ask", self._asked))

    def _read(self) -> Any:
        self.file = self._field(ipywidgets.Dropdown, "File", options=self.practice.names())
        logs = [self._button(f"Log of the {name}", _call(self.practice.logs, name)) for name in ("registry", "ui")]
        seen = self._button("What I have seen", self.practice.seen)
        return _column(
            self.file, _row(self._button("Read the file", lambda: self.practice.look(self.file.value)), *logs, seen)
        )

    def _fix(self) -> Any:
        self.text = ipywidgets.Textarea(layout=ipywidgets.Layout(width="auto", height="18rem"))
        self.text.add_class("rb-mono")
        self.target = self._field(ipywidgets.Dropdown, "File", options=self.practice.names())
        self.target.observe(self._opened, "value")
        self._opened()
        self.command = self._field(ipywidgets.Text, "Command", placeholder="htpasswd [-cBsmbD] FILE USER, or rm FILE")
        buttons = (("Write the file", self._written), ("Run the command", self._run), ("Apply", self._applied))
        return _column(self.target, self.text, self.command, _row(*(self._button(title, do) for title, do in buttons)))

    def _name(self) -> Any:
        self.cause = self._field(ipywidgets.Dropdown, "Cause", options=["", *self.practice.causes()])
        self.cited = ipywidgets.SelectMultiple(description="Shown by", rows=8, style=_LABELS, layout=_wide())
        self.rival = self._field(ipywidgets.Dropdown, "It is not", options=["", *self.practice.causes()])
        self.against = self._field(ipywidgets.Dropdown, "because of", options=[])
        note = ipywidgets.HTML("<small>Several citations: hold Ctrl (on a Mac Cmd) while clicking.</small>")
        buttons = (
            ("Name this cause", self._named),
            ("Rule this one out", self._ruled_out),
            ("Check", self.practice.check),
            ("Show the list", self.practice.choices),
            ("Hint (costs points)", self.practice.hint),
            ("Give up", self.practice.give_up),
            ("Next round", self._next),
        )
        return _column(
            self.cause,
            self.cited,
            note,
            self.rival,
            self.against,
            _row(*(self._button(title, do) for title, do in buttons)),
        )

    # what the buttons do

    def _asked(self) -> Block:
        expected, self.expected.value = self.expected.value, ""
        return self.practice.ask(self.way.value, self.login.value, self.path.value, self.method.value, expected)

    def _opened(self, _change: object = None) -> None:
        self.text.value = self.practice.text(self.target.value) if self.target.value else ""

    def _written(self) -> Block:
        return self.practice.write(self.target.value, self.text.value)

    def _run(self) -> Block:
        said = self.practice.run(self.command.value)
        self._opened()
        return said

    def _applied(self) -> Block:
        """What stands in the box is written first: nobody edits in order to have it ignored."""
        if self.target.value and self.text.value and self.text.value != self.practice.text(self.target.value):
            self._written()
        return self.practice.apply()

    def _ruled_out(self) -> Block:
        return self.practice.rule_out(self.rival.value, self.against.value)

    def _named(self) -> Block:
        return self.practice.name(self.cause.value, list(self.cited.value))

    def _turned(self, _change: object = None) -> None:
        """The lists follow what was done meanwhile."""
        seen = [(f"({o.number}) {o.what}", o.number) for o in self.practice.observations()]
        self.cited.options, against = seen, self.against.value
        self.against.options = seen
        self.against.value = against if against in [number for _, number in seen] else None
        if not self.text.value:
            self._opened()
        for field in (self.file, self.target):
            chosen, field.options = field.value, self.practice.names()
            field.value = chosen if chosen in field.options else (field.options[0] if field.options else None)

    def _next(self) -> Block:
        """The same panel, another round."""
        story = self.practice.next()
        if self.practice.observations():  # the round is not over
            return story
        self.text.value = self.command.value = ""
        for field in (self.cause, self.rival):
            field.options, field.value = ["", *self.practice.causes()], ""
        return story

    def _button(self, title: str, do: Callable[[], Block]) -> Any:
        button = ipywidgets.Button(description=title, layout=ipywidgets.Layout(width="auto"))

        def pressed(_button: object) -> None:
            button.disabled = True
            try:
                self._show(views.said(_OVER) if self.practice.closed else do())
                self._turned()
            finally:
                button.disabled = False

        button.on_click(pressed)
        return button

    def _show(self, block: Block) -> None:
        self.answer.value = block._repr_html_()

    @staticmethod
    def _field(kind: Any, label: str, **given: Any) -> Any:
        return kind(description=label, style=_LABELS, layout=_wide(), **given)


def _call(do: Callable[..., Block], *given: str) -> Callable[[], Block]:
    return lambda: do(*given)


def _wide() -> Any:
    return ipywidgets.Layout(width="auto", max_width="60rem")


def _column(*children: Any) -> Any:
    return ipywidgets.VBox(children, layout=_wide())


def _row(*children: Any) -> Any:
    return ipywidgets.HBox(children, layout=ipywidgets.Layout(flex_flow="row wrap", width="auto"))
