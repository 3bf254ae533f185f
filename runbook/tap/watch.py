"""Understands a conversation from copies of its bytes, without taking part in it.

Two of h11's state machines are kept in step: one reads as the server what the client says, the other as
the client what the server says; what one has read, the other is told to have sent. What they would write
is thrown away. When the conversation is no HTTP/1 (or is upgraded), watching ends and the bytes go on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import h11

from runbook.model import Headers

_HEAD = 1 << 20
"""The longest head that is understood; a longer one is passed on all the same."""
_BODY = 4000
"""Bytes of an answer's body that are kept, where it is text."""


@dataclass(slots=True)
class Seen:
    """One request and its answer, as they passed. Secrets are still in it: only `record` may keep it."""

    peer: str
    method: str
    target: str
    request_headers: Headers
    began: float
    """Seconds since the epoch."""
    clock: float = 0.0
    status: int | None = None
    response_headers: Headers = ()
    body: bytearray = field(default_factory=bytearray)
    sent: int = 0
    """Bytes of the request's body."""
    received: int = 0
    """Bytes of the answer's body."""
    first: float | None = None
    """Seconds until the answer's head was there."""
    elapsed: float | None = None
    """Seconds until the answer was whole."""
    broken: str = ""
    """Why there is no whole answer."""


class Watch:
    """The observer of one connection; `note` gets every exchange once, when it has ended."""

    def __init__(self, peer: str, note: Callable[[Seen], None]) -> None:
        self._peer, self._note = peer, note
        self._client = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        self._server = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
        self._open: Seen | None = None
        self._lost = False

    def from_client(self, data: bytes) -> None:
        """A copy of what the client sent."""
        self._follow(self._client, data)

    def from_server(self, data: bytes) -> None:
        """A copy of what the server sent."""
        self._follow(self._server, data)

    def ended(self, why: str) -> None:
        """The connection is over; an exchange without its end is told with the reason."""
        if self._open is not None:
            self._finish(why if self._open.status is None or self._framed() else "")

    def _framed(self) -> bool:
        """Whether an answer was still to come: one without a length ends with the connection."""
        names = {name.lower() for name, _ in self._open.response_headers} if self._open else set()
        return bool(names & {"content-length", "transfer-encoding"})

    def _follow(self, side: h11.Connection, data: bytes) -> None:
        if self._lost:
            return
        try:
            if data:
                side.receive_data(data)
            self._read(side)
        except (h11.ProtocolError, RuntimeError):
            self._lost = True
            if self._open is not None:
                self._finish("what followed was not understood as HTTP/1")

    def _read(self, side: h11.Connection) -> None:
        other = self._server if side is self._client else self._client
        while True:
            event = side.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Request):
                self._request(event)
            elif isinstance(event, h11.InformationalResponse | h11.Response):
                self._answer(event)
            elif isinstance(event, h11.Data):
                self._data(event, from_client=side is self._client)
                other.send_with_data_passthrough(event)
            elif isinstance(event, h11.EndOfMessage):
                other.send(h11.EndOfMessage())
                if side is self._server:
                    self._finish("")
                self._next()

    def _request(self, event: h11.Request) -> None:
        headers = event.headers.raw_items()
        self._open = Seen(
            peer=self._peer,
            method=event.method.decode("latin-1"),
            target=event.target.decode("latin-1"),
            request_headers=_text(headers),
            began=time.time(),
            clock=time.monotonic(),
        )
        if not any(name.lower() == b"host" for name, _ in headers):
            headers = [*headers, (b"Host", b"-")]
        self._server.send(h11.Request(method=event.method, target=event.target, headers=headers))

    def _answer(self, event: h11.InformationalResponse | h11.Response) -> None:
        headers = event.headers.raw_items()
        if isinstance(event, h11.Response) and self._open is not None:
            self._open.status = event.status_code
            self._open.response_headers = _text(headers)
            self._open.first = time.monotonic() - self._open.clock
        made = type(event)(status_code=event.status_code, headers=headers, reason=event.reason)
        self._client.send(made)

    def _data(self, event: h11.Data, *, from_client: bool) -> None:
        if self._open is None:
            return
        if from_client:
            self._open.sent += len(event.data)
            return
        self._open.received += len(event.data)
        room = _BODY - len(self._open.body)
        if room > 0:
            self._open.body += event.data[:room]

    def _finish(self, why: str) -> None:
        seen, self._open = self._open, None
        if seen is not None:
            seen.elapsed = time.monotonic() - seen.clock
            seen.broken = why
            self._note(seen)

    def _next(self) -> None:
        """On to the next request of the connection, once both sides have ended this one."""
        done = {h11.DONE}
        if (
            {self._client.our_state, self._client.their_state}
            == done
            == {
                self._server.our_state,
                self._server.their_state,
            }
        ):
            self._client.start_next_cycle()
            self._server.start_next_cycle()
            self._read(self._client)  # a request that was sent ahead


def _text(rows: list[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in rows)
