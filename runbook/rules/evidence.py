"""Citing evidence: a rule says what it read, was told, saw or computed, and the certainty follows from that.

A file that says so *and* something that was observed: proven. What only a file says may not be in force; what only a
log or a client says may be about something else; what nothing shows is possible and no more.
"""

from collections.abc import Iterable

from runbook.model import (
    Certainty,
    Edit,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    LogEvent,
    LoggedRequest,
    Message,
    Place,
    Refutation,
    StartError,
    Subject,
    Symptom,
)
from runbook.observe.notes import cite, describe, describe_logged
from runbook.observe.observation import Observation

Item = EvidenceItem | None
Where = Place | str | None


def read(what: str, where: Where, about: Subject | None = None) -> EvidenceItem:
    """A file of the incident says so."""
    return EvidenceItem(what=what, where=str(where or ""), cited="read", about=about)


def computed(what: str, where: Where, about: Subject | None = None) -> EvidenceItem:
    """It follows from what was read by computation alone: bcrypt, base64, a comparison of two files."""
    return EvidenceItem(what=what, where=str(where or ""), cited="computed", about=about)


def foretold(error: StartError) -> EvidenceItem:
    """What the registry will say of its configuration when it starts; the place is where the reason stands."""
    return read(f"with this the registry stops: {error.message}", error.place)


def context(what: str, where: Where = None) -> EvidenceItem:
    """It helps to understand the others and proves nothing by itself."""
    return EvidenceItem(what=what, where=str(where or ""))


def said(source: Message | LogEvent | LoggedRequest | None, what: str = "") -> Item:
    """A log or a client says so; None when there is no such line. What a person or a document says proves nothing."""
    if source is None:
        return None
    return cite(source, what or (describe_logged(source) if isinstance(source, LoggedRequest) else source.text))


def seen(exchange: Exchange | None, more: str = "", *, what: str = "") -> Item:
    """A request and its response show it; `more` is added to the request's description, `what` replaces it."""
    return cite(exchange, what or f"{describe(exchange)}{more}") if exchange else None


def witnessed(observation: Observation, what: str) -> Item:
    """What was seen happening, whoever saw it: a request shows it, or a log says so."""
    record = observation.record
    if isinstance(record, Exchange):
        return seen(record, what=f"{describe(record)}: {what}")
    if isinstance(record, LoggedRequest):
        return said(record, f"{describe_logged(record)}: {what}")
    return said(record, what)


def certainty(items: Iterable[Item]) -> Certainty:
    """How surely a finding is true, from the evidence that it cites."""
    kinds = {item.cited for item in items if item is not None}
    observed = kinds & {"said", "seen"}
    if observed and kinds & {"read", "computed"}:
        return Certainty.PROVEN
    if kinds & {"seen", "computed"}:
        return Certainty.SEEN
    return Certainty.LOGGED if "said" in kinds else Certainty.READ if "read" in kinds else Certainty.POSSIBLE


def finding(
    summary: str,
    *cited: Item | Iterable[Item],
    cause: str = "",
    explains: tuple[Symptom, ...] = (),
    hop: str = "",
    refuted: tuple[Refutation, ...] = (),
    fix: Fix | None = None,
    edits: tuple[Edit, ...] = (),
    unseen: tuple[Edit, ...] = (),
    proves: bool = False,
    warning: bool = False,
    supersedes: tuple[str, ...] = (),
    about: Subject | None = None,
) -> Finding:
    """A finding with the certainty of its citations. What is constant for a cause stands in its `@rule(...)`:
    `explains`, `hop`, `supersedes` given here replace the declared ones, `refuted` is added to them."""
    items: list[EvidenceItem] = []
    for entry in cited:
        for item in (entry,) if isinstance(entry, EvidenceItem | None) else entry:
            if item is not None and item not in items:
                items.append(item)
    return Finding(
        cause=cause,
        summary=summary,
        certainty=certainty(items),
        explains=explains,
        evidence=tuple(items),
        hop=hop,
        refuted=refuted,
        fix=fix or Fix(),
        edits=edits or (fix.edits if fix else ()),
        unseen=unseen,
        proves=proves,
        warning=warning,
        supersedes=supersedes,
        about=about,
    )
