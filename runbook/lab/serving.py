"""The HTTP/1.1 server below the embedded registry and the embedded proxy: the standard library's,
on loopback, with answers written exactly as the handler says (no headers of Python's own)."""

import http.client
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from threading import Thread
from typing import Any, Protocol, runtime_checkable

from runbook import wire

CHUNK = 1 << 16
_PATIENCE = 30
_DRAINED = 256 << 10
_LINGERED = 64 << 20


@dataclass
class Request:
    """A request as it arrived; the body is read by whoever wants it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: "Body"
    client: str
    version: str = "HTTP/1.1"

    def get(self, name: str) -> str:
        """The first value of a header, "" when absent."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@runtime_checkable
class Closing(Protocol):
    """A body that is streamed and must be closed, read or not."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@dataclass
class Response:
    """An answer: headers in the order in which they go out; the body is bytes or an open file."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | BufferedIOBase | Closing = b""
    close: bool = False

    def get(self, name: str) -> str:
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")


class Body:
    """A request body: known length or chunked, streamed, read at most once."""

    def __init__(self, source: Any, length: int | None) -> None:
        self._source, self.length = source, length
        self._left = length or 0
        self.done = length == 0

    def __iter__(self) -> Iterator[bytes]:
        while not self.done:
            piece = self._chunk() if self.length is None else self._source.read(min(CHUNK, self._left))
            self._left -= len(piece)
            self.done = not piece or (self.length is not None and self._left <= 0)
            if piece:
                yield piece

    def _chunk(self) -> bytes:
        size = int(self._source.readline(1024).partition(b";")[0].strip() or b"0", 16)
        data: bytes = self._source.read(size)
        self._source.readline(1024)
        return data

    def drain(self, limit: int) -> None:
        """Read off a short rest, so that the connection can be used again."""
        if not self.done and self.length is not None and self._left <= limit:
            for _ in self:
                pass

    def read(self, limit: int) -> bytes:
        """All of it, up to the limit."""
        data = b""
        for piece in self:
            data += piece
            if len(data) > limit:
                break
        return data


Answerer = Callable[[Request], Response]
Logger = Callable[[Request, Response, int], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's news."""


class Server:
    """One listening port with its thread, or without one where nothing goes through sockets (`wire`)."""

    _server: _Server | None

    def __init__(self, port: int, answer: Answerer, log: Logger) -> None:
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "log": staticmethod(log)})
        self._port, self._server = port, None
        if wire.listens_inside(port, handler):
            return
        self._server = _Server((wire.HERE, port), handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server is None:
            wire.leaves(self._port)
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _PATIENCE
    answer: Answerer
    log: Logger

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        chunked = "chunked" in (self.headers.get("Transfer-Encoding") or "").lower()
        length = None if chunked else int(self.headers.get("Content-Length") or 0)
        body = Body(self.rfile, length)
        address = f"{self.client_address[0]}:{self.client_address[1]}"
        # Python shortens a leading "//" in `path`; nginx and the registry care about it.
        target = self.requestline.split(" ")[1]
        request = Request(self.command, target, list(self.headers.items()), body, address, self.request_version)
        response = type(self).answer(request)
        body.drain(_DRAINED)
        written = self._send(request, response)
        type(self).log(request, response, written)
        if not body.done:
            self._linger()

    def _linger(self) -> None:
        """The answer is out and the rest of the body unwanted: take some of it, so that the client
        reads the answer before it sees the connection close."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(0.5)
        left = _LINGERED
        while left > 0:
            try:
                piece = self.connection.recv(CHUNK)
            except OSError:
                return
            if not piece:
                return
            left -= len(piece)

    def _send(self, request: Request, response: Response) -> int:
        reason = http.client.responses.get(response.status, "")
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.close or not request.body.done:
            self.close_connection = True
            if not response.get("Connection"):
                lines.append("Connection: close")
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
        # Go's log counts what a handler wrote, whether or not it went out.
        written = len(response.body) if isinstance(response.body, bytes) else 0
        if request.method != "HEAD" and response.status not in (204, 304):
            written = self._send_body(response)
        self.wfile.flush()
        if isinstance(response.body, Closing):
            response.body.close()
        return written

    def _send_body(self, response: Response) -> int:
        if isinstance(response.body, bytes):
            self.wfile.write(response.body)
            return len(response.body)
        if isinstance(response.body, BufferedIOBase):
            shutil.copyfileobj(response.body, self.wfile, CHUNK)
            return int(response.get("Content-Length") or 0)
        chunked = response.get("Transfer-Encoding") == "chunked"
        written = 0
        for piece in response.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            written += len(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return written

    def log_message(self, format: str, *args: Any) -> None:
        """The lab's own log lines are written by `log`; Python's would mention neither service nor cause."""


def http_date(when: float | None = None) -> str:
    """The time now as the Date header writes it."""
    return formatdate(when, usegmt=True)
