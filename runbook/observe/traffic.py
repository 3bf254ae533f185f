"""What was seen of the stack in action: requests, logs and messages, with routes named and symptoms drawn."""

from collections.abc import Iterable
from dataclasses import replace

from runbook.model import (
    Evidence,
    Exchange,
    LogEvent,
    LoggedRequest,
    Meaning,
    Message,
    MessageKind,
    Observation,
    Route,
    Stack,
    Symptom,
)
from runbook.observe.routes import Routing, foreign
from runbook.observe.symptoms import observe
from runbook.observe.tapped import events, requests


class Traffic:
    """A view over evidence and stack; derived, never saved."""

    def __init__(self, evidence: Evidence, stack: Stack) -> None:
        routing = Routing(evidence, stack)
        self.page_calls_out = stack.ui is not None and stack.ui.mode == "browser"
        """Whether the UI's page is known to call the registry itself, not through its own address."""
        self.exchanges: tuple[Exchange, ...] = tuple(
            replace(e, route=routing.of(e)) for e in evidence.exchanges if e.at == "client" and e.voice == "program"
        )
        """Recorded and live, each with its route named where it can be told."""
        self.arrived: tuple[Exchange, ...] = tuple(e for e in evidence.exchanges if e.at == "registry")
        """What a tap before the registry saw."""
        self.requests: tuple[LoggedRequest, ...] = (
            *(r for log in evidence.logs for r in log.requests),
            *requests(self.arrived),
        )
        """Of all logs, and what a tap saw: it is what the registry's log would say."""
        self.events: tuple[LogEvent, ...] = (*(e for log in evidence.logs for e in log.events), *events(self.arrived))
        self.messages: tuple[Message, ...] = tuple(m for m in evidence.messages if m.voice == "program")
        self.observations: tuple[Observation, ...] = observe(self, evidence, stack, routing)
        """The symptoms that were seen, with where."""

    def seen(self, *symptoms: Symptom) -> tuple[Symptom, ...]:
        """Those of the given symptoms that were seen; all seen ones when none is given."""
        return tuple(o.symptom for o in self.observations if not symptoms or o.symptom in symptoms)

    def on(self, route: Route, *, authenticated: bool | None = None, status: int | None = None) -> tuple[Exchange, ...]:
        """API exchanges of a route; `authenticated`: with a login that was not wrong on purpose / with none at all."""
        return tuple(
            e
            for e in self.exchanges
            if e.route == route
            and e.is_api
            and (status is None or e.status == status)
            and (authenticated is None or (is_authenticated(e) if authenticated else is_anonymous(e)))
        )

    def works(self, route: Route) -> Exchange | None:
        """A request with a login that was accepted (2xx by the registry's API) on that route, if any."""
        return next((e for e in self.on(route, authenticated=True) if succeeded(e)), None)

    def refused(self, route: Route) -> Exchange | None:
        """A request with a login (not wrong on purpose) that got 401 on that route, if any."""
        return next((e for e in self.on(route, authenticated=True) if e.status == 401), None)

    def logged(self, *meanings: Meaning) -> tuple[LogEvent, ...]:
        """Log events of those meanings."""
        return tuple(e for e in self.events if e.meaning in meanings)

    def said(self, *kinds: MessageKind) -> tuple[Message, ...]:
        """Messages of those kinds."""
        return tuple(m for m in self.messages if m.kind in kinds)

    @property
    def login_works(self) -> bool:
        """Whether a login was seen to work anywhere: on the wire, in a client's own words, in a log."""
        return bool(
            any(is_authenticated(e) and succeeded(e) for e in self.exchanges)
            or self.said("login-ok")
            or any(r.user and r.status and r.status < 300 for r in self.requests)
        )


def is_authenticated(exchange: Exchange) -> bool:
    """Whether the request carried a login that was meant to be right."""
    return exchange.credential is not None and exchange.credential.intent != "wrong"


def is_anonymous(exchange: Exchange) -> bool:
    """Whether it is known that the request carried no login: an answer without its request does not say."""
    return exchange.credential is None and exchange.login_known


def succeeded(exchange: Exchange) -> bool:
    """Whether the registry's API answered the request as asked: 2xx, no web page, nobody else's answer."""
    return (
        exchange.status is not None and 200 <= exchange.status < 300 and not exchange.is_html and not foreign(exchange)
    )


def first(items: Iterable[Exchange]) -> Exchange | None:
    """The first of some exchanges, or None."""
    return next(iter(items), None)
