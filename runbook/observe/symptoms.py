"""Naming what is suffered from: every source of evidence is asked for the symptoms that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.model import Evidence, Observation, Stack, Symptom
from runbook.observe.from_logs import from_log, from_message
from runbook.observe.from_requests import from_exchanges
from runbook.observe.notes import Notes, describe
from runbook.observe.routes import Routing

if TYPE_CHECKING:
    from runbook.observe.traffic import Traffic

S = Symptom


def observe(traffic: Traffic, evidence: Evidence, stack: Stack, routing: Routing) -> tuple[Observation, ...]:
    """All symptoms that requests, logs, messages, credential checks and files show."""
    notes = Notes()
    from_exchanges(traffic, stack, notes)
    for message in traffic.messages:
        from_message(message, traffic, routing, notes)
    for log in evidence.logs:
        from_log(log, stack, notes)
    _from_checks(traffic, evidence, stack, notes)
    _from_files(evidence, stack, traffic, notes)
    return notes.result()


def _from_checks(traffic: Traffic, evidence: Evidence, stack: Stack, notes: Notes) -> None:
    """A login that bcrypt refuses against the registry's own file."""
    read = stack.registry.htpasswd.file if stack.registry and stack.registry.htpasswd else None
    works = {e.credential.password for e in traffic.exchanges if e.credential and e.status and e.status < 300}
    users = {e.credential.user for e in traffic.exchanges if e.credential and e.status and e.status < 300}
    for check in evidence.checks:
        if check.outcome == "accepted" or check.origin == "injected" or (read and check.file != read):
            continue
        if read is None and any(c.outcome == "accepted" and c.user == check.user for c in evidence.checks):
            continue
        if check.password in works or (check.origin == "transcript" and check.user in users):
            continue
        what = f"{check.user}'s password against {check.file}: {check.outcome.replace('-', ' ')}"
        notes.add(S.LOGIN_WOULD_FAIL, what, str(check.source))


def _from_files(evidence: Evidence, stack: Stack, traffic: Traffic, notes: Notes) -> None:
    for place, sentence in evidence.compose.refused if evidence.compose else ():
        notes.add(S.COMPOSE_REFUSED, sentence, str(place))
    started = any(e.meaning == "listening" for e in traffic.events) or any(
        e.header("Docker-Distribution-Api-Version") for e in traffic.exchanges
    )
    for registry in stack.registries:
        for error in registry.start_errors if not started else ():
            notes.add(S.NOT_STARTED, error.message, str(error.place or registry.name))


__all__ = ["describe", "observe"]
