"""Runs to show: of the lab and made by hand."""

from runbook.collect import Request, collect
from runbook.lab import Lab
from runbook.model import Evidence, Exchange, Message
from runbook.redact import Vault


def collected(lab: Lab) -> Evidence:
    """The evidence of a lab as a user would collect it: folder and URLs."""
    request = Request(
        paths=(str(lab.bundle),),
        registry_url=lab.registry_url,
        ui_url=lab.ui_url,
        user=lab.user,
        password=lab.password,
    )
    return collect(request, Vault())


def evidence_of(*exchanges: Exchange, messages: tuple[Message, ...] = ()) -> Evidence:
    """Evidence made by hand."""
    return Evidence(exchanges=exchanges, messages=messages)
