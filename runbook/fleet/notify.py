"""Tells another program what changed. The address comes from a variable: those of chats are secrets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx

from runbook.fleet.rollup import Rollup, Row
from runbook.fleet.views import as_object, headline
from runbook.redact import Vault

Form = Literal["json", "slack", "alertmanager"]
FORMS: tuple[Form, ...] = ("json", "slack", "alertmanager")
_PATIENCE = 10.0
_LISTED = 20
_HOLDS = timedelta(hours=25)
"""An alert that no later run repeats ends by itself after a night and a bit."""


def wanted(fleet: Rollup, form: Form) -> bool:
    """Whether there is anything to tell: a change. Alertmanager forgets what is not repeated, so it hears of all faults."""
    changed = bool(fleet.changed("new") or fleet.changed("mended")) or (not fleet.compared and bool(fleet.groups))
    return changed or (form == "alertmanager" and bool(fleet.groups))


def payload(fleet: Rollup, form: Form) -> Any:
    """What is sent."""
    if form == "alertmanager":
        return list(_alerts(fleet))
    if form == "slack":
        return {"text": _told(fleet)}
    whole = as_object(fleet)
    return {"text": _told(fleet), **{k: whole[k] for k in ("schema", "tool", "fleet", "started", "finished", "counts", "changes")},
            "causes": [{k: g[k] for k in ("cause", "title", "count", "new", "owners", "fix")} for g in whole["causes"]]}  # fmt: skip


def send(fleet: Rollup, form: Form, url: str, vault: Vault) -> str:
    """Send it once; "" or why it did not arrive. Nothing of the address is repeated."""
    vault.token(url)
    try:
        # The environment's proxy is honoured: this is the user's own outgoing call, not a probe.
        with httpx.Client(timeout=_PATIENCE, follow_redirects=False) as client:
            answer = client.post(url, json=payload(fleet, form))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        return f"the webhook could not be reached ({type(error).__name__})"
    return "" if answer.is_success else f"the webhook answered {answer.status_code}"


def _told(fleet: Rollup) -> str:
    lines = [f"{fleet.fleet}: {headline(fleet)}"]
    lines += [f"{len(g.rows)} × {g.cause}: {g.title}" for g in fleet.groups[:_LISTED]]
    for word, key in (("new", "new"), ("mended", "mended")):
        names = [f"{row.target.name} ({cause})" for row, cause in fleet.changed(key)]
        if names:
            lines.append(f"{word}: {', '.join(names[:_LISTED])}{' …' if len(names) > _LISTED else ''}")
    # Slack's three; a name in the text must not become a mention of everybody.
    return "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _alerts(fleet: Rollup) -> Iterator[dict[str, Any]]:
    ended = datetime.fromtimestamp(fleet.finished, UTC)
    for row in fleet.rows:
        for cause in sorted(row.found):
            summary = next((c.summary for c in row.causes if c.cause == cause), "")
            begun = datetime.fromtimestamp(row.since or fleet.started, UTC)
            yield _alert(fleet, row, cause, summary, begun, ended + _HOLDS)
        for cause in row.mended:
            begun = datetime.fromtimestamp(fleet.started, UTC)
            yield _alert(fleet, row, cause, "mended", begun, ended)


def _alert(fleet: Rollup, row: Row, cause: str, summary: str, begun: datetime, ends: datetime) -> dict[str, Any]:
    labels = {"alertname": "RegistryFault", "fleet": fleet.fleet, "registry": row.target.name, "cause": cause,
              "owner": row.target.owner or "nobody"}  # fmt: skip
    return {
        "labels": labels,
        "annotations": {"summary": summary},
        "startsAt": begun.isoformat(),
        "endsAt": ends.isoformat(),
    }
