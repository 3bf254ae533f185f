"""A form, a button and the answer, for those who work in JupyterLab. Headless, the same answer stands still."""

from typing import TYPE_CHECKING

from runbook.incident import Incident
from runbook.report.block import Block

if TYPE_CHECKING:
    from runbook.widgets.panel import Console


def console(
    bundle: str = "",
    registry_url: str = "",
    ui_url: str = "",
    user: str = "",
    password_env: str = "REGISTRY_PASSWORD",  # noqa: S107 (the name of a variable)
    lab_fault: str = "",
    interactive: bool = True,
) -> "Block | Console":
    """The console with its fields filled in; with interactive=False the steps and the verdict, and no widget at all."""
    if interactive:
        from runbook.widgets.form import Form
        from runbook.widgets.panel import Console

        return Console(Form(bundle, registry_url, ui_url, user, password_env, lab_fault))
    incident = Incident.open(bundle, registry_url, ui_url, user, password_env, lab_fault, interactive)
    return incident.steps() + incident.verdict()


__all__ = ["console"]
