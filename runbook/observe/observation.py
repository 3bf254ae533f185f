"""Everything that was seen happening, in one form: who saw it, which request, what came of it, when, and who says so.

Requests of transcripts, browsers and our own probes, lines of logs, messages of clients and what a tap recorded
differ in what they can tell; here each says what it knows and leaves open what it does not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from runbook.lazy import re
from runbook.model import (
    PROBE_AGENT,
    PROBE_USER,
    Exchange,
    LogEvent,
    LoggedRequest,
    Message,
    Place,
    Route,
    Voice,
)
from runbook.numbers import whole_number
from runbook.observe.address import Address, address_of
from runbook.parse.log_meanings import UNKNOWN

Witness = Literal["client", "proxy", "registry", "browser", "engine"]
Login = Literal["sent", "none", "unknown"]
Record = Exchange | LoggedRequest | LogEvent | Message

_HOST = re.compile(r'\bhost"?: ?"([^"\s]{1,255})"')
"""How nginx tells in its error log, and Caddy in its own, which Host was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing that was seen happening. What the witness could not see is None, "" or "unknown"."""

    witness: Witness
    record: Record
    """Where it comes from, with everything that the source tells."""
    source: Place
    address: Address | None = None
    """The address that was asked."""
    route: Route = "unknown"
    method: str = ""
    path: str = ""
    user: str | None = None
    login: Login = "unknown"
    """Whether credentials were sent with the request, as far as the witness saw."""
    status: int | None = None
    error: str = ""
    """Why there was no response: a word of `FAILURES`."""
    when: float | None = None
    """Seconds since the epoch."""
    since: float | None = None
    """Where only that is known: a time before it, that of what stands above it in the same record."""
    service: str = ""
    voice: Voice = "program"
    own: bool = False
    """Made by this program, now or in an earlier run."""

    @property
    def agent(self) -> str:
        """How the client signed, where that was seen."""
        if isinstance(self.record, LoggedRequest | LogEvent):
            return self.record.agent
        return (self.record.sent("User-Agent") or "") if isinstance(self.record, Exchange) else ""

    @property
    def client(self) -> str:
        """The address from which the client asked, as far as a log tells."""
        if isinstance(self.record, LoggedRequest):
            return self.record.client or self.record.remote
        return self.record.client if isinstance(self.record, LogEvent) else ""

    @property
    def ok(self) -> bool:
        """Whether the request was served as asked (2xx by the API, or a client's own word of success)."""
        if isinstance(self.record, Message):
            return self.record.kind in ("login-ok", "transfer-ok")
        if isinstance(self.record, LogEvent):
            return False
        return self.status is not None and 200 <= self.status < 300


def of_exchange(exchange: Exchange) -> Observation:
    """A request of a transcript, a HAR, a probe or a tap."""
    sent = exchange.credential
    login: Login = "sent" if sent else "none" if exchange.login_known and exchange.page is None else "unknown"
    return Observation(
        witness="registry" if exchange.at == "registry" else "browser" if exchange.page else "client",
        record=exchange,
        source=exchange.source,
        address=address_of(exchange.url),
        route=exchange.route,
        method=exchange.method,
        path=exchange.path,
        user=sent.user if sent else None,
        login=login,
        status=exchange.status,
        error=exchange.error or "",
        when=exchange.made,
        voice=exchange.voice,
        own=exchange.source.file == "probe"
        or PROBE_AGENT in (exchange.sent("User-Agent") or "")
        or _is_probe(sent.user if sent else None),
    )


def of_logged(request: LoggedRequest) -> Observation:
    """A request as the access log of the registry or of a proxy tells it."""
    sent = request.user is not None or request.meaning in (
        "authentication-failure",
        "bcrypt-mismatch",
        "bcrypt-malformed",
    )
    none = request.logger == "registry" and request.meaning in ("no-usable-credential", "token-required")
    return Observation(
        witness="registry" if request.logger == "registry" else "proxy",
        record=request,
        source=request.place,
        address=address_of(request.host),
        method=request.method,
        path=request.uri.split("?", 1)[0],
        user=request.user,
        login="sent" if sent else "none" if none else "unknown",
        status=request.status,
        when=request.when,
        service=request.service or "",
        own=PROBE_AGENT in request.agent or _is_probe(request.user),
    )


def of_event(event: LogEvent) -> Observation:
    """A line of a log that tells of more, or of less, than one request."""
    host = _HOST.search(event.text) or _HOST.search(event.detail)
    proxy = event.meaning.startswith(
        ("upstream-", "proxy-", "body-too-large", "entrypoint-", "access-forbidden", "rate-limited")
    ) or is_nginxs(event)
    engine = event.meaning == "compose-unset-variable"
    return Observation(
        witness="engine" if engine else "proxy" if proxy else "registry",
        record=event,
        source=event.place,
        address=address_of(event.host or (host[1] if host else None)),
        route="via" if proxy else "unknown",
        path=event.uri,
        user=event.user,
        when=event.when,
        service=event.service or "",
        own=event.probed or _is_probe(event.user),
    )


def is_nginxs(event: LogEvent) -> bool:
    """Whether a line without a known meaning is nginx's: its level stands before its words."""
    return event.meaning == "other" and event.detail.partition(": ")[0] in UNKNOWN


_WITH_A_LOGIN = (
    "login-ok",
    "login-begun",
    "login-status",
    "unauthorized",
    "upload-refused",
    "invalid-username-password",
)


def of_message(message: Message, route: Route = "unknown") -> Observation:
    """Something that a client, a browser, Compose or the engine printed."""
    engine = message.kind in ("compose-unset", "compose-refused", "container-exited", "tool-missing", "daemon-proxy")
    sent = message.kind in _WITH_A_LOGIN
    status = whole_number(message.detail) if message.kind == "login-status" else None
    return Observation(
        witness="engine" if engine else "browser" if message.page else "client",
        record=message,
        source=message.place,
        address=address_of(message.host),
        route=route,
        user=message.user,
        login="none" if message.kind == "no-basic-auth" else "sent" if sent else "unknown",
        status=status,
        voice=message.voice,
    )


OVER = -1e12
"""The era of a text that says itself that what it tells is over."""
STORES_LOGINS = ("docker/", "containerd/", "buildkit", "podman/", "containers/")
"""Programs that log in by themselves when they are asked to: one that does not come back could not."""
LONG_AGO = 30 * 24 * 3600.0
"""Seconds after which something tells of another incident."""


def is_later(one: Observation, other: Observation) -> bool:
    """Whether the one is known to have happened after the other: by time, by order in the same record, or because it
    is our own question of now. What cannot be told is not later."""
    ordered = one.source.file == other.source.file and bool(one.source.line and other.source.line)
    if one.when is None and one.since is not None and other.when is not None and not ordered:
        return one.since > other.when
    # An access line tells whole seconds, the message of the same request their fractions.
    if (
        one.when is not None
        and other.when is not None
        and one.when != other.when
        and not (ordered and int(one.when) == int(other.when))
    ):
        return one.when > other.when
    eras = one.source.era, other.source.era
    if ordered and one.source.loose and not other.source.loose:
        return False
    if eras[0] != eras[1] and (ordered or min(eras) > 0 or OVER in eras):
        return eras[0] > eras[1]
    if ordered:
        return (one.source.line or 0) > (other.source.line or 0)
    days = _day(one.source.file), _day(other.source.file)
    if all(days) and days[0] != days[1]:
        return days[0] > days[1]
    return one.source.file == "probe" and other.source.file != "probe"


@lru_cache(maxsize=1024)
def _day(file: str) -> str:
    """The day in a file's name ("2026-11-19-push.txt"), as digits; "" where none stands there."""
    found = _DAY.search(file.rpartition("/")[2])
    return "".join(found.groups()) if found else ""


_DAY = re.compile(r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?!\d)")


def _is_probe(user: str | None) -> bool:
    return user == PROBE_USER
