"""Collecting symptoms with the places where they were seen."""

from runbook.model import (
    Cited,
    CredentialCheck,
    EvidenceItem,
    Exchange,
    LogEvent,
    LoggedRequest,
    Message,
    Place,
    Route,
    Sighting,
    Subject,
    Symptom,
)
from runbook.urls import netloc

Source = Exchange | Message | LogEvent | LoggedRequest | CredentialCheck | Place
"""What can show a symptom. A place is a line of a file that says so."""

S = Symptom
_KEPT = 4
"""Places shown per symptom: more would not convince anybody further."""

LOGIN_401: dict[Route, Symptom] = {
    "direct": S.LOGIN_401_DIRECT,
    "via": S.LOGIN_401_VIA,
    "unknown": S.LOGIN_401,
}

STATUSES: dict[int, Symptom] = {
    413: S.TOO_LARGE,
    500: S.PROXY_500,
    502: S.BAD_GATEWAY,
    503: S.BAD_GATEWAY,
    504: S.GATEWAY_TIMEOUT,
}
"""Statuses that mean the same wherever they are seen."""


class Notes:
    """Symptoms with the places where they were seen, in the order of their first sight."""

    def __init__(self) -> None:
        self._seen: dict[Symptom, list[EvidenceItem]] = {}

    def add(self, symptom: Symptom, what: str, source: Source) -> None:
        """Note a symptom with what shows it; the same sight counts once."""
        items = self._seen.setdefault(symptom, [])
        item = cite(source, what)
        if len(items) < _KEPT and item not in items:
            items.append(item)

    def result(self) -> tuple[Sighting, ...]:
        """All symptoms noted."""
        return tuple(Sighting(symptom=s, evidence=tuple(items)) for s, items in self._seen.items())


def describe(exchange: Exchange) -> str:
    """A request and its answer in a line: "GET http://…/v2/ as kai -> 401"."""
    who = ""
    if exchange.credential is not None:
        who = f" as {exchange.credential.user}" if exchange.credential.user else f" with {exchange.credential.scheme}"
        who += " (wrong on purpose)" if exchange.credential.intent == "wrong" else ""
    return f"{exchange.method} {exchange.url}{who} -> {exchange.status or exchange.error or 'no answer'}"


def describe_logged(request: LoggedRequest) -> str:
    """A logged request in a line."""
    who = f" as {request.user}" if request.user else ""
    return f"{request.method} {request.uri[:120]}{who} -> {request.status} ({request.logger}'s log)"


def cite(source: Source, what: str) -> EvidenceItem:
    """What a source shows, as evidence: how we know it, where it is found and what it is about.

    What a person or a document says explains and proves nothing.
    """
    if isinstance(source, Exchange):
        user = source.credential.user if source.credential and source.credential.intent != "wrong" else None
        about = Subject(address=netloc(source.url), user=user or "")
        shown: Cited = "seen" if source.voice == "program" else "context"
        return EvidenceItem(what=what, where=f"{source.source} {source.route}", cited=shown, about=about)
    if isinstance(source, Message):
        about = Subject(address=source.host or "", user=source.user or "")
        told: Cited = "said" if source.voice == "program" else "context"
        return EvidenceItem(what=what, where=str(source.place), cited=told, about=about)
    if isinstance(source, LoggedRequest):
        about = Subject(address=source.host, user=source.user or "")
        return EvidenceItem(what=what, where=str(source.place), cited="said", about=about)
    if isinstance(source, LogEvent):
        about = Subject(user=source.user or "", service=source.service or "")
        return EvidenceItem(what=what, where=str(source.place), cited="said", about=about)
    if isinstance(source, CredentialCheck):
        about = Subject(user=source.user)
        return EvidenceItem(what=what, where=str(source.source), cited="computed", about=about)
    return EvidenceItem(what=what, where=str(source), cited="read")
