"""What was seen of the stack in action: requests, logs and messages, with routes named and symptoms drawn."""

from runbook.model import Evidence, Exchange, LogEvent, LoggedRequest, Meaning, Message, MessageKind, Observation
from runbook.model import Route, Stack, Symptom


class Wire:
    """A view over evidence and stack; derived, never saved."""

    exchanges: tuple[Exchange, ...]
    """Recorded and live, each with its route named where it can be told."""
    requests: tuple[LoggedRequest, ...]
    """Of all logs."""
    events: tuple[LogEvent, ...]
    observations: tuple[Observation, ...]
    """The symptoms that were seen, with where."""

    def __init__(self, evidence: Evidence, stack: Stack) -> None: ...

    def seen(self, *symptoms: Symptom) -> tuple[Symptom, ...]:
        """Those of the given symptoms that were seen."""
        raise NotImplementedError

    def on(self, route: Route, *, authenticated: bool | None = None, status: int | None = None) -> tuple[Exchange, ...]:
        """API exchanges of a route; `authenticated`: with a login that was not wrong on purpose / with none at all."""
        raise NotImplementedError

    def works(self, route: Route) -> Exchange | None:
        """A request with a login that was accepted (2xx) on that route, if any."""
        raise NotImplementedError

    def refused(self, route: Route) -> Exchange | None:
        """A request with a login (not wrong on purpose) that got 401 on that route, if any."""
        raise NotImplementedError

    def logged(self, *meanings: Meaning) -> tuple[LogEvent, ...]:
        """Log events of those meanings."""
        raise NotImplementedError

    def said(self, *kinds: MessageKind) -> tuple[Message, ...]:
        """Messages of those kinds."""
        raise NotImplementedError
