"""The way to what the lab serves: sockets of loopback, or calls inside this process where there are none, as in a browser."""

import errno
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from threading import Thread
from typing import Any

HERE = "127.0.0.1"
Handler = type[BaseHTTPRequestHandler]
_inside: dict[int, Handler | None] | None = {} if sys.platform == "emscripten" else None
"""Who answers on which port, where nothing goes through sockets; `None` for a port that hangs up."""


def aside(work: Callable[..., None], *given: Any) -> Thread | None:
    """Work in a thread of its own; at once where there are no threads."""
    if sys.platform == "emscripten":
        work(*given)
        return None
    thread = Thread(target=work, args=given, daemon=True)
    thread.start()
    return thread


class NotTlsError(OSError):
    """The other side does not speak TLS."""


@contextmanager
def without_sockets() -> Iterator[None]:
    """Labs that live within this block are reached without sockets and threads, as they always are in a browser."""
    global _inside
    before, _inside = _inside, {}
    try:
        yield
    finally:
        _inside = before


def is_inside() -> bool:
    """Whether nothing goes through sockets."""
    return _inside is not None


def listens_inside(port: int, handler: Handler | None) -> bool:
    """Put a handler on a port, where nothing goes through sockets; False where everything does."""
    if _inside is None:
        return False
    if port in _inside:
        raise OSError(errno.EADDRINUSE, "Address already in use")
    if handler is not None:
        handler.wbufsize = 0  # what it writes goes to `_Served.sendall`
    _inside[port] = handler
    return True


def leaves(port: int) -> None:
    """Free a port again."""
    if _inside is not None:
        _inside.pop(port, None)


def is_free(port: int) -> bool:
    """Whether a server could listen on that port."""
    if _inside is not None:
        return port not in _inside
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return False
    return True


def reachable(port: int) -> bool:
    """Whether somebody accepts connections on that port."""
    if _inside is not None:
        return port in _inside
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HERE, port)) == 0


def connect(port: int, seconds: float, *, tls: bool = False) -> HTTPConnection:
    """A connection to a port, for one request; it is made when the request is sent."""
    if _inside is not None:
        return _Inside(port, tls)
    return _Tls(port, seconds) if tls else HTTPConnection(HERE, port, timeout=seconds)


class _Tls(HTTPSConnection):
    def __init__(self, port: int, seconds: float) -> None:
        context = ssl._create_unverified_context()  # noqa: S323 nginx does not verify upstreams by default
        super().__init__(HERE, port, timeout=seconds, context=context)

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLError as error:
            raise NotTlsError(*error.args) from None


class _Inside(HTTPConnection):
    """The client's end: the handler runs when the answer is read."""

    def __init__(self, port: int, tls: bool) -> None:
        super().__init__(HERE, port)
        self._through_tls = tls

    def connect(self) -> None:
        if _inside is None or self.port not in _inside:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        if self._through_tls:
            raise NotTlsError("wrong version number")
        self.sock: Any = _Pipe(_inside[self.port], self.port)


class _Pipe:
    """What the client takes for its socket."""

    def __init__(self, handler: Handler | None, port: int) -> None:
        self._handler, self._port, self._sent = handler, port, b""

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, *_: Any) -> BytesIO:
        served = _Served(self._sent)
        if self._handler is not None:
            self._handler(served, (HERE, self._port), None)  # type: ignore[arg-type]
        return BytesIO(served.answer)

    def close(self) -> None:
        """Nothing is open."""


class _Served:
    """What the handler takes for its socket: the whole request is there."""

    def __init__(self, sent: bytes) -> None:
        self._sent, self.answer = sent, b""

    def makefile(self, *_: Any) -> BytesIO:
        return BytesIO(self._sent)

    def sendall(self, data: bytes) -> None:
        self.answer += data

    def recv(self, _size: int) -> bytes:
        return b""

    def setsockopt(self, *_: object) -> None:
        """There is nothing to set."""

    settimeout = shutdown = setsockopt
