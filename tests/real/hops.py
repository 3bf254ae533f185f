"""A real registry behind a recorder, and real proxies in front of it: what the differential tests share.

Everything runs on loopback and free ports, in a temporary folder, and ends with the test.
"""

import base64
import contextlib
import http.client
import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt

from runbook.model import ProxyRoute
from runbook.stack.foretell import Foretold, Login, Request, foretell
from tests.real.programs import need

USER, PASSWORD, OTHER = "kai", "Torte&Tee-7", "wrong-on-purpose"
VALID = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
INVALID = base64.b64encode(f"{USER}:{OTHER}".encode()).decode()
HOST = "reg.example:8080"
NAMES = ("host", "x-forwarded-proto", "x-forwarded-host", "forwarded")


def free_port() -> int:
    """A port that nobody listens on, of those that the system gives to no outgoing connection meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            return port


@contextlib.contextmanager
def running(args: Sequence[str], port: int, folder: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    """A program that listens on the port; it is ended with all its children whatever happens."""
    with (folder / "output.txt").open("ab") as output:
        process = subprocess.Popen(args, stdout=output, stderr=output, cwd=folder, env=env, start_new_session=True)
    try:
        deadline = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{args[0]} did not start: {(folder / 'output.txt').read_text()[-1500:]}")
            time.sleep(0.01)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL if process.poll() is not None else signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


@dataclass
class Arrived:
    """A request as it reached the registry's side."""

    method: str
    path: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        return next((v for k, v in self.headers if k.lower() == name), "")


@dataclass
class Backend:
    """The registry with its recorder."""

    port: int
    arrived: list[Arrived] = field(default_factory=list)


@contextlib.contextmanager
def backend(folder: Path, program: str = "registry2") -> Iterator[Backend]:
    """Start the real registry (2.8, or as `program` says) with htpasswd, and a recorder in front that changes nothing."""
    port = free_port()
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: s}}\n"
        f"auth: {{htpasswd: {{realm: Tests, path: {folder}/htpasswd}}}}\n"
    )
    env = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    with running([need(program), "serve", str(folder / "config.yml")], port, folder, env):
        here = Backend(port=0)

        class Recorder(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.requestline.split()[1]  # self.path has leading slashes collapsed
                here.arrived.append(Arrived(self.command, path, list(self.headers.items())))
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                link.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding", "expect"):
                        link.putheader(name, value)
                link.endheaders()
                reply = link.getresponse()
                body = reply.read()
                self.send_response_only(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                link.close()

            do_GET = do_POST = do_OPTIONS = do_HEAD = do_DELETE = answer

            def log_message(self, *args: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        server.daemon_threads = True
        here.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            server.server_close()


@dataclass(frozen=True)
class Answer:
    """What came back from the hop."""

    status: int
    location: str
    challenge: str


def send(port: int, request: Request) -> Answer:
    """Send the request to the hop as written."""
    if request.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        link: http.client.HTTPConnection = http.client.HTTPSConnection("127.0.0.1", port)
        link.sock = context.wrap_socket(plain, server_hostname=request.host.split(":")[0])
    else:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    link.putheader("Host", request.host)
    if request.login in ("valid", "invalid"):
        link.putheader("Authorization", f"Basic {VALID if request.login == 'valid' else INVALID}")
    for name, value in request.headers.items():
        link.putheader(name, value)
    if request.method == "POST":
        link.putheader("Content-Length", str(request.size))
    link.endheaders()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        link.send(b"x" * request.size)
    reply = link.getresponse()
    reply.read()
    answer = Answer(reply.status, reply.getheader("Location") or "", reply.getheader("WWW-Authenticate") or "")
    link.close()
    return answer


REQUESTS = (
    ("GET", "/v2/", 0),
    ("GET", "/v2/_catalog", 0),
    ("POST", "/v2/a/blobs/uploads/", 0),
    ("POST", "/v2/a/blobs/uploads/", 1_500_000),
)


def disagreements(
    routes: Sequence[ProxyRoute],
    port: int,
    here: Backend,
    *,
    injected: Login,
    own_login: bool,
    tls: bool = False,
    host: str = HOST,
    requests: Sequence[tuple[str, str, int]] = REQUESTS,
    logins: Sequence[Login] = ("none", "valid"),
    known: bool = True,
) -> tuple[int, list[str]]:
    """Compare what is foretold with what happens for every request and login: (number compared, misses).

    `known` False: the files do not tell what comes back, and no status may be foretold."""
    misses: list[str] = []
    compared = 0
    for method, path, length in requests:
        for login in logins:
            request = Request(
                method=method, path=path, host=host, port=port, tls=tls, login=login, size=length,
                own_login=own_login and login == "valid",
            )  # fmt: skip
            said = foretell(routes, request, injected=injected)
            here.arrived.clear()
            answer = send(port, request)
            compared += 1
            if not known:
                misses += [f"{method} {path} login={login}: foretold {said.status}"] if said.status is not None else []
                continue
            for what, foretold, real in _compare(said, answer, here):
                if foretold != real:
                    misses.append(
                        f"{method} {path} {length} login={login}: {what}: foretold {foretold!r}, real {real!r}"
                    )
    return compared, misses


def _compare(said: Foretold, answer: Answer, here: Backend) -> Iterator[tuple[str, object, object]]:
    yield "status", said.status, answer.status
    yield "reaches the registry", said.reaches, bool(here.arrived)
    if said.status == 401:
        yield "challenge", said.challenge, bool(answer.challenge)
    if said.status == 202:
        yield "Location", said.location, answer.location.partition("/v2/")[0]
    if here.arrived and said.reaches:
        last = here.arrived[-1]
        yield "path", said.path, last.path
        scheme, _, carried = last.get("authorization").partition(" ")
        carried = carried if scheme.lower() == "basic" else ""
        yield "login", said.login, {VALID: "valid", INVALID: "invalid"}.get(carried, "none")
