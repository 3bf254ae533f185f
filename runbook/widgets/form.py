"""The fields: what is to be examined, and with which login. The password is kept for one run and stored nowhere."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import ipywidgets

from runbook.collect import Request
from runbook.report.block import Block, part
from runbook.widgets.choices import DEMO, faults, folders
from runbook.widgets.given import Part, recognised, uploaded
from runbook.widgets.job import Job

LAB, OWN = "a practice incident in the lab", "my own incident"
_LABELS = {"description_width": "9rem"}
_EMPTY = "typed here, used for one run, stored nowhere"
_PASTE = "curl -v output, an error message, lines of a log; used for one run, stored nowhere"
_ANYTHING = "paths, addresses (the registry first, then the UI), or paste a transcript, an error, a log; several times if you like"
_TAKEN = "taken for the next run"


class Form:
    """Reads as a `Job`."""

    def __init__(
        self, bundle: str, registry_url: str, ui_url: str, user: str, password_env: str, lab_fault: str
    ) -> None:
        self._password: str | None = None
        self.password_env = password_env
        own = not lab_fault or bool(bundle or registry_url or ui_url)
        self.source = ipywidgets.RadioButtons(
            options=[LAB, OWN], value=OWN if own else LAB, description="Look at", style=_LABELS, layout=_wide()
        )
        self.fault = self._field(ipywidgets.Dropdown, "Incident", options=faults(), value=lab_fault or DEMO)
        self._make_drop()
        self.bundle = self._field(
            ipywidgets.Combobox,
            "Folder or file",
            value=bundle,
            options=folders(Path.cwd()),
            placeholder="compose file, htpasswd, proxy configuration, logs, curl output…",
        )
        self.registry_url = self._field(
            ipywidgets.Text,
            "Registry address",
            value=registry_url,
            placeholder="http://localhost:5000",
            continuous_update=False,
        )
        self.ui_url = self._field(
            ipywidgets.Text,
            "UI or proxy",
            value=ui_url,
            placeholder="http://localhost:8080 (if there is one)",
            continuous_update=False,
        )
        self.pasted = self._field(ipywidgets.Textarea, "Or paste", placeholder=_PASTE, rows=3, continuous_update=False)
        self.pasted.observe(self._take_paste, "value")
        self._paste = self._refused = ""
        self.user = self._field(ipywidgets.Text, "User", value=user, continuous_update=False)
        self.user.observe(self._refuse_login(":", "a name has no colon, and nothing of that was kept"), "value")
        for address in (self.registry_url, self.ui_url):
            address.observe(self._refuse_login("@", "use User and Password; nothing of that was kept"), "value")
        self.password = self._field(ipywidgets.Password, "Password", placeholder=_EMPTY, continuous_update=False)
        self.password.observe(self._take_password, "value")
        self.plain = self._field(
            ipywidgets.Checkbox,
            "Send the login over plain http to other machines, too",
            value=False,
            indent=True,
        )
        self.source.observe(self._show_source, "value")
        self._panel = ipywidgets.VBox(layout=_wide())
        self._show_source()
        self.box = ipywidgets.VBox([self.source, self._panel], layout=_wide())

    def _make_drop(self) -> None:
        """The box that takes anything, and the files that were added."""
        self._given: list[Part] = []
        self.anything = self._field(
            ipywidgets.Textarea, "Give anything", placeholder=_ANYTHING, rows=3, continuous_update=False
        )
        self.anything.observe(self._take_anything, "value")
        self.upload = ipywidgets.FileUpload(
            multiple=True, description="Add files", layout=ipywidgets.Layout(width="auto")
        )
        self.upload.observe(self._take_files, "value")
        self.forget = ipywidgets.Button(description="Forget them", layout=ipywidgets.Layout(width="auto"))
        self.forget.on_click(self._forget)
        self.taken = ipywidgets.HTML(layout=_wide())

    @staticmethod
    def _field(kind: Any, label: str, **given: Any) -> Any:
        return kind(description=label, style=_LABELS, layout=_wide(), **given)

    def _show_source(self, _change: object = None) -> None:
        files = ipywidgets.HBox([self.upload, self.forget], layout=_wide())
        own = (
            self.anything,
            files,
            self.taken,
            self.bundle,
            self.pasted,
            self.registry_url,
            self.ui_url,
            self.user,
            self.password,
            self.plain,
        )
        self._panel.children = own if self.source.value == OWN else (self.fault,)

    def _take_anything(self, change: dict[str, Any]) -> None:
        """Empty the box and keep what was in it, in this process alone: a `curl -v` has the login in it."""
        if change["new"].strip():
            self.anything.value = ""
            self._add(recognised(change["new"]))

    def _take_files(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.upload.value = ()
            self._add(uploaded(change["new"]))

    def _add(self, parts: Iterable[Part]) -> None:
        self._given += parts
        rows = [one.said for one in self._given]
        self.taken.value = Block(part("bullets", rows, "what was recognised"))._repr_html_()
        self._given = [part for part in self._given if part.kind != "refused"]

    def _forget(self, _button: object) -> None:
        self._given = []
        self._add(())

    def _take_password(self, change: dict[str, Any]) -> None:
        """Empty the field as soon as it was read: JupyterLab saves the state of widgets into the notebook."""
        if change["new"]:
            self._password = change["new"]
            self.password.value = ""
            self.password.placeholder = _TAKEN

    def _refuse_login(self, sign: str, why: str) -> Callable[[dict[str, Any]], None]:
        """Empty a field in which a password was typed: JupyterLab saves the state of widgets into the notebook."""

        def refuse(change: dict[str, Any]) -> None:
            if sign in change["new"]:
                self._refused = f"{change['owner'].description}: leave the login out; {why}."
                change["owner"].value = ""
                change["owner"].placeholder = why

        return refuse

    def _take_paste(self, change: dict[str, Any]) -> None:
        """The same for pasted text: a `curl -v` has the login in it."""
        if change["new"].strip():
            self._paste = change["new"]
            self.pasted.value = ""
            self.pasted.placeholder = f"{len(self._paste.splitlines())} lines {_TAKEN}"

    def job(self) -> Job:
        """What is asked for now. The password and the pasted text leave with it and are forgotten here."""
        if self.source.value == LAB:
            return Job(None, self.fault.value)
        password, self._password = self._password, None
        self.password.placeholder = _EMPTY
        pasted, self._paste = self._paste, ""
        self.pasted.placeholder = _PASTE
        user = self.user.value.strip() or None
        addresses = [p.name for p in self._given if p.kind == "address"]
        paths = [p.name for p in self._given if p.kind == "path"]
        request = Request(
            paths=(*([self.bundle.value.strip()] if self.bundle.value.strip() else []), *paths),
            registry_url=self.registry_url.value.strip() or next(iter(addresses), None),
            ui_url=self.ui_url.value.strip() or next(iter(addresses[1:]), None),
            user=user,
            password=password or (os.environ.get(self.password_env) if user else None),
            insecure_http=self.plain.value,
        )
        refused, self._refused = self._refused, ""
        parts = tuple(p for p in self._given if p.kind in ("paste", "file"))
        return Job(request, pasted=pasted, parts=parts, refused=refused)


def _wide() -> Any:
    return ipywidgets.Layout(width="auto", max_width="46rem")
