"""The tap passes bytes on as they came, understands what passed, and keeps no secret of it."""

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections.abc import Callable

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.model import Exchange
from runbook.parse.har import parse_har
from runbook.redact import Vault
from runbook.tap.record import Recorder, line
from runbook.tap.relay import Address, Tap

PASSWORD = "Holunder-77-blau"
PAIR = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: a\r\nx-twice: b\r\n\r\n{}"
TALKS = {
    "plain": (b"GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n", OK, [("GET", "/v2/", 200)]),
    "odd case, duplicates and order": (
        b"GET /v2/ HTTP/1.1\r\nhOST: r\r\nX-b: 1\r\nAccept:  */*\r\nx-B: 2\r\nX-b: 1\r\n\r\n",
        OK,
        [("GET", "/v2/", 200)],
    ),
    "chunked upload": (
        b"PATCH /v2/a/blobs/uploads/1 HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        [("PATCH", "/v2/a/blobs/uploads/1", 202)],
    ),
    "two in a row": (
        b"GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\nHEAD /v2/x/manifests/1 HTTP/1.1\r\nHost: r\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n",
        [("GET", "/v2/", 401), ("HEAD", "/v2/x/manifests/1", 200)],
    ),
    "HTTP/1.0 of an nginx without proxy_http_version": (
        b"GET /v2/ HTTP/1.0\r\nHost: r\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        [("GET", "/v2/", 200)],
    ),
    "continue": (
        b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        [("PUT", "/v2/a/manifests/1", 201)],
    ),
    "refused before the body ends": (
        b"PATCH /v2/a/blobs/uploads/1 HTTP/1.1\r\nHost: r\r\nContent-Length: 100000\r\n\r\nabc",
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        [("PATCH", "/v2/a/blobs/uploads/1", 413)],
    ),
    "no HTTP at all": (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"HTTP/1.0 400 Bad Request\r\n\r\n",
        [],
    ),
    "an answer that is none": (b"GET / HTTP/1.1\r\nHost: r\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n", [("GET", "/", None)]),
}


class Upstream:
    """Answers with fixed bytes once it has the expected number, and keeps what came."""

    def __init__(self, wanted: int, answer: bytes) -> None:
        self.got, self._wanted, self._answer = b"", wanted, answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self._socket.accept()
            while len(self.got) < self._wanted and (data := peer.recv(65536)):
                self.got += data
            peer.sendall(self._answer)
            peer.close()
        self._socket.close()


def passed(said: bytes, answer: bytes, note: Callable[[object], None]) -> tuple[bytes, bytes]:
    """What arrived at the upstream, and what came back, through a tap."""

    async def talk(port: int) -> bytes:
        tap = Tap(Address("127.0.0.1", 0), Address("127.0.0.1", port), note)  # type: ignore[arg-type]
        bound = await tap.start()
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        writer.write(said)
        back = await asyncio.wait_for(reader.read(-1), 10)
        writer.close()
        await tap.stop()
        return back

    upstream = Upstream(len(said), answer)
    back = asyncio.run(talk(upstream.port))
    return upstream.got, back


@pytest.mark.parametrize("name", TALKS)
def test_every_byte_passes_and_is_understood(name: str) -> None:
    said, answer, wanted = TALKS[name]
    recorder = Recorder("http://r:5000", Vault())
    assert passed(said, answer, recorder.note) == (said, answer)  # type: ignore[arg-type]
    assert [(e.method, e.path, e.status) for e in recorder.exchanges] == wanted


def test_headers_keep_their_order_their_case_and_their_doubles() -> None:
    recorder = Recorder("http://r:5000", Vault())
    passed(*TALKS["odd case, duplicates and order"][:2], recorder.note)  # type: ignore[arg-type]
    (seen,) = recorder.exchanges
    assert [n for n, _ in seen.request_headers] == ["hOST", "X-b", "Accept", "x-B", "X-b"]
    assert list(seen.headers("X-Twice")) == ["a", "b"]


@pytest.fixture
def logged_in() -> Recorder:
    recorder = Recorder("http://r:5000", Vault())
    head = f"GET /v2/ HTTP/1.1\r\nHost: ui:8080\r\nAuthorization: Basic {PAIR}\r\nCookie: session=abc\r\nX-Echo: {PASSWORD}\r\n\r\n"
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: t=abc\r\nContent-Length: {len(PASSWORD)}\r\n\r\n{PASSWORD}"
    passed(head.encode(), answer.encode(), recorder.note)  # type: ignore[arg-type]
    return recorder


def test_nothing_that_is_kept_or_shown_holds_a_secret(logged_in: Recorder) -> None:
    (seen,) = logged_in.exchanges
    for text in (logged_in.har(), repr(seen), line(seen), repr(logged_in)):
        assert PASSWORD not in text
        assert PAIR not in text
        assert "session=abc" not in text
        assert "t=abc" not in text
    assert "Authorization: Basic ann" in line(seen)


def test_its_har_is_read_back_as_what_arrived_at_the_registry(logged_in: Recorder) -> None:
    json.loads(logged_in.har())
    (read,) = parse_har(logged_in.har(), "tap.har", Vault())
    assert (read.at, read.status, read.path) == ("registry", 200, "/v2/")
    assert read.credential
    assert (read.credential.scheme, read.credential.user, read.credential.password) == ("Basic", "ann", None)
    assert read.when
    assert abs(read.when - (logged_in.exchanges[0].when or 0)) < 0.01


def test_an_upstream_that_is_not_there_is_told() -> None:
    kept: list[Exchange] = []
    recorder = Recorder("http://r:5000", Vault())

    async def talk() -> bytes:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        tap = Tap(Address("127.0.0.1", 0), Address("127.0.0.1", port), lambda s: kept.append(recorder.note(s)))
        bound = await tap.start()
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        writer.write(TALKS["plain"][0])
        back = await asyncio.wait_for(reader.read(-1), 10)
        writer.close()
        await tap.stop()
        return back

    assert asyncio.run(talk()) == b""
    assert kept[0].status is None
    assert "cannot reach" in kept[0].detail


def test_what_arrived_decides_where_a_login_was_lost(tmp_path) -> None:
    """The client sent a login and got 401; at the registry none arrived: some hop took it out."""
    recorder = Recorder("http://registry:5000", Vault())
    refused = b'HTTP/1.1 401 Unauthorized\r\nDocker-Distribution-Api-Version: registry/2.0\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'
    passed(b"GET /v2/_catalog HTTP/1.1\r\nHost: ui\r\n\r\n", refused, recorder.note)  # type: ignore[arg-type]
    (tmp_path / "tap.har").write_text(recorder.har())
    (tmp_path / "curl.txt").write_text(
        f"> GET /v2/_catalog HTTP/1.1\n> Host: localhost:8080\n> Authorization: Basic {PAIR}\n>\n"
        '< HTTP/1.1 401 Unauthorized\n< Server: nginx\n< Docker-Distribution-Api-Version: registry/2.0\n< WWW-Authenticate: Basic realm="r"\n<\n'
    )
    found = diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis
    assert [f.cause for f in found.causes][:1] == ["authorization-stripped"]
    assert any(item.where.startswith("tap.har") for item in found.causes[0].evidence)
