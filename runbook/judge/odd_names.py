"""Names that no command takes: what stands for them, and that they are odd, is a finding of its own."""

from collections.abc import Iterable

from runbook.model import Command, Diagnosis, EvidenceItem
from runbook.model.command import PLACEHOLDERS, Kind
from runbook.redact import visible

_MEANT: dict[Kind, str] = {
    "host": "the name of a host",
    "url": "an address",
    "user": "a user's name",
    "service": "the name of a service, a container or a workload",
    "file": "a file below the folder that was handed over",
    "image": "the name of an image",
    "name": "a name",
    "number": "a number",
}
_SHOWN = 120


def odd_names(diagnosis: Diagnosis) -> tuple[EvidenceItem, ...]:
    """Of every name that did not fit the grammar of its kind: which word stands in its place, and in which finding."""
    found: dict[tuple[Kind, str], str] = {}
    for finding in (*diagnosis.causes, *diagnosis.warnings, *diagnosis.also_seen):
        _note(found, (*finding.fix.commands, *finding.fix.verify), finding.cause)
    if diagnosis.next is not None:
        _note(found, (diagnosis.next.command,), "the next step")
    return tuple(
        EvidenceItem(
            what=f"{_MEANT[kind].capitalize()} is expected, and “{visible(text, _SHOWN)}” is none that a shell takes"
            f" as one plain word: it is in no command, {PLACEHOLDERS[kind]} stands there. Look where it comes from.",
            where=where,
        )
        for (kind, text), where in found.items()
    )


def _note(found: dict[tuple[Kind, str], str], commands: Iterable[Command], where: str) -> None:
    for command in commands:
        for odd in command.odd:
            found.setdefault(odd, where)
