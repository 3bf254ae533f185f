"""Naming what is suffered from: every source of evidence is asked for the symptoms that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.model import Evidence, Observation, Stack, Symptom
from runbook.rules.routing import Routing
from runbook.rules.symptoms.answers import from_exchanges
from runbook.rules.symptoms.notes import Notes, describe
from runbook.rules.symptoms.traces import from_log, from_message

if TYPE_CHECKING:
    from runbook.rules.wire import Wire

S = Symptom


def observe(wire: Wire, evidence: Evidence, stack: Stack, routing: Routing) -> tuple[Observation, ...]:
    """All symptoms that requests, logs, messages, credential checks and files show."""
    notes = Notes()
    from_exchanges(wire, stack, notes)
    for message in evidence.messages:
        from_message(message, wire, routing, notes)
    for log in evidence.logs:
        from_log(log, stack, notes)
    _from_checks(wire, evidence, stack, notes)
    _from_files(evidence, stack, wire, notes)
    return notes.result()


def _from_checks(wire: Wire, evidence: Evidence, stack: Stack, notes: Notes) -> None:
    """A login that bcrypt refuses against the registry's own file."""
    read = stack.registry.htpasswd.file if stack.registry and stack.registry.htpasswd else None
    works = {e.credential.password for e in wire.exchanges if e.credential and e.status and e.status < 300}
    users = {e.credential.user for e in wire.exchanges if e.credential and e.status and e.status < 300}
    for check in evidence.checks:
        if check.outcome == "accepted" or check.origin == "injected" or (read and check.file != read):
            continue
        if read is None and any(c.outcome == "accepted" and c.user == check.user for c in evidence.checks):
            continue
        if check.password in works or (check.origin == "transcript" and check.user in users):
            continue
        what = f"{check.user}'s password against {check.file}: {check.outcome.replace('-', ' ')}"
        notes.add(S.LOGIN_WOULD_FAIL, what, str(check.source))


def _from_files(evidence: Evidence, stack: Stack, wire: Wire, notes: Notes) -> None:
    for place, sentence in evidence.compose.refused if evidence.compose else ():
        notes.add(S.COMPOSE_REFUSED, sentence, str(place))
    started = any(e.meaning == "listening" for e in wire.events) or any(
        e.header("Docker-Distribution-Api-Version") for e in wire.exchanges
    )
    for registry in stack.registries:
        for error in registry.start_errors if not started else ():
            notes.add(S.NOT_STARTED, error.message, str(error.place or registry.name))


__all__ = ["describe", "observe"]
