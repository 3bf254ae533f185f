"""Collecting symptoms with the places where they were seen."""

from runbook.model import EvidenceItem, Exchange, LoggedRequest, Route, Sighting, Symptom

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

    def add(self, symptom: Symptom, what: str, where: str) -> None:
        """Note a symptom; the same sight counts once."""
        items = self._seen.setdefault(symptom, [])
        if len(items) < _KEPT and all((i.what, i.where) != (what, where) for i in items):
            items.append(EvidenceItem(what=what, where=where))

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
