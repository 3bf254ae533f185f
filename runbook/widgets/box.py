"""The one box and the one place for files: what was given stands below as a list, from which each thing can be removed."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import ipywidgets

from runbook.report.block import Block, part
from runbook.widgets.choices import folders
from runbook.widgets.given import WITH_LOGIN, Part, recognised, uploaded

REGISTRY, UI = "registry", "ui"
_ROLES = [("the registry", REGISTRY), ("the UI or proxy before it", UI)]
_IN_BROWSER = sys.platform == "emscripten"
_HINT = (
    "paste an error, a log or the output of curl -v; any number, one after another"
    if _IN_BROWSER
    else "a folder, files, an address, or paste an error, a log, the output of curl -v; any number, one after another"
)
_OFFERED = 5


class Box:
    """What a person gives: paths and addresses, pasted texts, files."""

    def __init__(self, label_style: dict[str, str], wide: Any, paths: Iterable[str], addresses: dict[str, str]) -> None:
        self.given: list[Part] = []
        self.refused = ""
        """What was not taken of what came last: it is said once more instead of a run without it."""
        self.anything = ipywidgets.Textarea(
            description="What you have",
            placeholder=_HINT,
            rows=4,
            continuous_update=False,
            style=label_style,
            layout=wide,
        )
        self.anything.observe(self._take_text, "value")
        self.upload = ipywidgets.FileUpload(
            multiple=True, description="Add files", tooltip="any number of files or archives", layout=_layout()
        )
        self.upload.add_class("rb-upload")
        self.upload.observe(self._take_files, "value")
        self.forget = ipywidgets.Button(description="Remove all", layout=_layout())
        self.forget.on_click(self._forget)
        self.offers = [self._offer(name) for name in ([] if _IN_BROWSER else folders(Path.cwd())[:_OFFERED])]
        self.taken = ipywidgets.HTML(layout=wide)
        self.rows = ipywidgets.VBox(layout=wide)
        self._wrap = ipywidgets.Layout(display="flex", flex_flow="row wrap", width="auto")
        hint = ipywidgets.HTML(str(part("drop_hint")), layout=_layout())
        buttons = ipywidgets.HBox([self.upload, *self.offers, self.forget, hint], layout=self._wrap)
        self.all = (self.anything, buttons, self.taken, self.rows)
        asked = [Part("address", url, role=role) for role, url in addresses.items() if url]
        self.add([*(Part("path", path) for path in paths if path), *asked])

    def _offer(self, name: str) -> Any:
        """A folder nearby that looks like an incident."""
        button = ipywidgets.Button(description=f"Add {name}", tooltip=f"the folder {name}", layout=_layout())
        button.on_click(lambda _: self.add([Part("path", name)]))
        return button

    def _take_text(self, change: dict[str, Any]) -> None:
        """Empty the box and keep what was in it, in this process alone: a `curl -v` has the login in it."""
        if change["new"].strip():
            self.anything.value = ""
            self.add(recognised(change["new"]))

    def _take_files(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.upload.value = ()
            self.add(uploaded(change["new"]))

    def add(self, parts: Iterable[Part]) -> None:
        """Take these as well; a path or an address that is there already is not taken twice."""
        said: list[Part] = []
        for one in parts:
            if one.kind in ("path", "address") and one.name in [p.name for p in self.given]:
                continue
            said.append(self._with_role(one) if one.kind == "address" and not one.role else one)
            if one.kind == "address" and "@" in one.name:
                said[-1] = WITH_LOGIN
            if said[-1].kind != "refused":
                self.given.append(said[-1])
        self._show(said)

    def named(self, kind: str, role: str = "") -> list[str]:
        """The names of that kind."""
        return [one.name for one in self.given if one.kind == kind and role in ("", one.role)]

    def _with_role(self, address: Part) -> Part:
        """The first address is the registry's, the second that of the UI; a third has nobody to be asked for."""
        roles = {one.role for one in self.given}
        free = next((role for _, role in _ROLES if role not in roles), None)
        if free:
            return replace(address, role=free)
        return Part("refused", f"{address.name}: a registry and a UI are there already; remove one of them first")

    def _show(self, said: Iterable[Part] = ()) -> None:
        """List what is there; what came just now is read out, and what was not taken is shown."""
        said = list(said)
        self.refused = "; ".join(one.name for one in said if one.kind == "refused")
        refused = [one.said for one in said if one.kind == "refused"]
        added = [one.said for one in said if one.kind != "refused"]
        self.taken.value = Block(part("received", refused, added))._repr_html_()
        old, self.rows.children = self.rows.children, [self._row(one) for one in self.given]
        for row in old:
            row.close()
        self.forget.layout.display = None if self.given else "none"

    def _row(self, one: Part) -> Any:
        text = ipywidgets.HTML(str(part("given", one.said)), layout=_layout())
        remove = ipywidgets.Button(description="Remove", tooltip=f"remove {one.name}", layout=_layout())
        remove.on_click(partial(self._remove, one))
        if one.kind != "address":
            return ipywidgets.HBox([text, remove], layout=self._wrap)
        role = ipywidgets.Dropdown(
            options=_ROLES, value=one.role, description="is", style={"description_width": "auto"}, layout=_layout()
        )
        role.observe(partial(self._take_role, one), "value")
        return ipywidgets.HBox([text, role, remove], layout=self._wrap)

    def _take_role(self, one: Part, change: dict[str, Any]) -> None:
        """Two addresses are not the same: the other one takes the role that this one had."""
        swapped = {change["new"]: change["old"], change["old"]: change["new"]}
        self.given = [replace(p, role=swapped.get(p.role, "")) if p.kind == "address" else p for p in self.given]
        self._show()

    def _remove(self, one: Part, _button: object) -> None:
        self.given = [other for other in self.given if other is not one]
        self._show()

    def _forget(self, _button: object) -> None:
        self.given = []
        self._show()


def drops() -> Any:
    """Where scripts may run, files that are dropped anywhere on the form go the way of those that the button chooses."""
    script = files("runbook.widgets").joinpath("drop.js").read_text(encoding="utf-8")
    shown = {"output_type": "display_data", "data": {"application/javascript": script}, "metadata": {}}
    return ipywidgets.Output(outputs=(shown,))


def _layout() -> Any:
    return ipywidgets.Layout(width="auto", max_width="100%")
