"""The fields: what is to be examined, and with which login. The password is kept for one run and stored nowhere."""

import os
from typing import Any

import ipywidgets

from runbook.collect import Request
from runbook.widgets.box import REGISTRY, UI, Box
from runbook.widgets.choices import DEMO, faults
from runbook.widgets.job import Job

LAB, OWN = "a practice incident in the lab", "my own incident"
_LABELS = {"description_width": "9rem"}
_EMPTY = "typed here, used for one run, stored nowhere"
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
        self.given = Box(_LABELS, _wide(), (bundle,), {REGISTRY: registry_url, UI: ui_url})
        self._refused = ""
        self.user = self._field(ipywidgets.Text, "User", value=user, continuous_update=False)
        self.user.observe(self._refuse_login, "value")
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

    @staticmethod
    def _field(kind: Any, label: str, **given: Any) -> Any:
        return kind(description=label, style=_LABELS, layout=_wide(), **given)

    def _show_source(self, _change: object = None) -> None:
        own = (*self.given.all, self.user, self.password, self.plain)
        self._panel.children = own if self.source.value == OWN else (self.fault,)

    def _take_password(self, change: dict[str, Any]) -> None:
        """Empty the field as soon as it was read: JupyterLab saves the state of widgets into the notebook."""
        if change["new"]:
            self._password = change["new"]
            self.password.value = ""
            self.password.placeholder = _TAKEN

    def _refuse_login(self, change: dict[str, Any]) -> None:
        """Empty a name in which a password was typed: JupyterLab saves the state of widgets into the notebook."""
        if ":" in change["new"]:
            why = "a name has no colon, and nothing of that was kept"
            self._refused = f"User: leave the login out; {why}."
            self.user.value = ""
            self.user.placeholder = why

    def job(self) -> Job:
        """What is asked for now. The password leaves with it and is forgotten here; what was given stays for the next run."""
        if self.source.value == LAB:
            return Job(None, self.fault.value)
        password, self._password = self._password, None
        self.password.placeholder = _EMPTY
        user = self.user.value.strip() or None
        request = Request(
            paths=tuple(self.given.named("path")),
            registry_url=next(iter(self.given.named("address", REGISTRY)), None),
            ui_url=next(iter(self.given.named("address", UI)), None),
            user=user,
            password=password or (os.environ.get(self.password_env) if user else None),
            insecure_http=self.plain.value,
        )
        refused, self._refused, self.given.refused = self._refused or self.given.refused, "", ""
        parts = tuple(one for one in self.given.given if one.kind in ("paste", "file"))
        return Job(request, parts=parts, refused=refused)


def _wide() -> Any:
    return ipywidgets.Layout(width="auto", max_width="46rem")
