"""Servers for tests: a small registry that counts, and raw sockets that misbehave."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Raw = Callable[[socket.socket], None]


@contextmanager
def raw_server(behave: Raw) -> Iterator[str]:
    """A server that does to each connection what `behave` does; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(5)
                behave(connection)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        listener.close()


@dataclass
class Seen:
    """What a counting registry saw."""

    requests: list[tuple[str, str, str | None, dict[str, str]]] = field(default_factory=list)
    """Method, path, user (None: anonymous), headers."""
    refused_at_once: int = 0
    """The most requests in flight with a password that had been refused before."""
    at_once: int = 0


@contextmanager
def registry(user: str = "anna", password: str = "right-password", *, pause: float = 0.0) -> Iterator[tuple[str, Seen]]:
    """A registry with one login that watches how it is asked."""
    seen, lock = Seen(), threading.Lock()
    refused: set[str] = set()
    flying: dict[str, int] = {}
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            given = self.headers.get("Authorization")
            name = base64.b64decode(given.split()[1]).decode().split(":")[0] if given else None
            with lock:
                seen.requests.append((self.command, self.path, name, dict(self.headers)))
                flying[given or ""] = flying.get(given or "", 0) + 1
                seen.at_once = max(seen.at_once, sum(flying.values()))
                if given in refused:
                    seen.refused_at_once = max(seen.refused_at_once, flying[given])
            time.sleep(pause)
            with lock:
                flying[given or ""] -= 1
                if given and given != expected:
                    refused.add(given)
            self.reply(given)

        def reply(self, given: str | None) -> None:
            if self.command == "OPTIONS" or given != expected:
                body = json.dumps({"errors": [{"code": "UNAUTHORIZED"}]}).encode()
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="Test"')
            else:
                body = b"{}"
                self.send_response(202 if self.command == "POST" else 204 if self.command == "DELETE" else 200)
                if self.command == "POST":
                    self.send_header("Location", f"http://elsewhere.example{self.path}abc?_state=x")
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_DELETE = do_OPTIONS = answer

        def log_message(self, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
