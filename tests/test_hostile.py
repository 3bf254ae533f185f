"""Servers that misbehave: each one is judged within the time limit, with a word for what it did."""

import gzip
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.model import Evidence, Exchange
from runbook.redact import Vault
from tests.servers import raw_server

LIMIT = 2.0


def ask(url: str, limit: float = LIMIT) -> tuple[Evidence, Exchange]:
    """Probe a server and check that it could not hold us up."""
    begun = time.monotonic()
    request = Request(registry_url=url, user="anna", password="right-password", timeout=limit)
    evidence = collect(request, Vault())
    assert time.monotonic() - begun < limit + 1.5
    return evidence, next(e for e in evidence.exchanges if e.path == "/v2/" and e.credential is None)


def read_request(connection: socket.socket) -> None:
    while b"\r\n\r\n" not in connection.recv(65536):
        pass


def test_headers_that_drip_end_with_the_time() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert (answer.status, answer.error) == (None, "timeout")


def test_a_body_without_end_is_cut() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            connection.sendall(b"a" * 65536)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.status == 200
    assert len(answer.body) <= 8000


def test_a_body_that_drips_keeps_its_status() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"a")
            time.sleep(0.1)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.status == 401


def test_redirects_are_recorded_and_never_followed() -> None:
    asked = []

    def behave(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 307 x\r\nLocation: http://evil.example/v2/\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.05)

    with raw_server(behave) as url:
        evidence, answer = ask(url)
    assert (answer.status, answer.header("Location")) == (307, "http://evil.example/v2/")
    assert all(e.url.startswith(url) for e in evidence.exchanges)
    assert all(b"Host: 127.0.0.1" in request for request in asked if request)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "empty-reply"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "empty-reply"),
        (b"HTTP/9.9 banana\r\n\r\n", "other"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "http-on-https"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * (10 << 20) + b"\r\n\r\n", "other"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * (1 << 20) + b"\r\n\r\n", "other"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "empty-reply"),
    ],
    ids=["nothing", "ssh", "status-line", "tls-alert", "10-mb-header", "1-mb-header", "cut-header"],
)
def test_answers_that_are_none(answer: bytes, error: str) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with raw_server(behave) as url:
        _, exchange = ask(url)
    assert (exchange.status, exchange.error) == (None, error), exchange.detail
    assert len(exchange.detail) <= 300


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_wrong_content_length_does_not_hide_the_answer(length: int) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % length + b"b" * 50)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.status == 401
    assert answer.body == "b" * min(length, 50)


def test_a_gzip_bomb_stays_small() -> None:
    bomb = gzip.compress(b"\0" * (50 << 20))

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        connection.sendall(head + bomb)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.status == 200
    assert len(answer.body) <= 8000


def test_a_reset_in_the_middle_of_the_head() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert (answer.status, answer.error) == (None, "reset")


def test_a_server_that_never_answers() -> None:
    with raw_server(lambda connection: time.sleep(4)) as url:
        evidence, answer = ask(url)
    assert answer.error == "timeout"
    assert len(evidence.exchanges) == 1, "nobody needs to be asked twice whether he is there"


def test_a_thousand_headers_are_bounded() -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n")

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert len(answer.response_headers) <= 100


def test_a_sign_on_page_is_kept_as_what_it_is() -> None:
    page = b"<!doctype html><form action=/sso>\x1b[31mlog in</form>"

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: sid=topsecretcookie; Path=/\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(page) + page)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.is_html
    assert "\x1b" not in answer.body
    assert "topsecretcookie" not in str(answer)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for a name that nobody asks for."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other.example",
         "-addext", "subjectAltName=DNS:other.example", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65536)

    with raw_server(behave) as url:
        yield url


def test_https_to_an_unknown_authority(tls_server: str) -> None:
    _, answer = ask(tls_server.replace("http:", "https:"))
    assert answer.error == "tls-untrusted"
    assert "self-signed" in answer.detail.replace("self signed", "self-signed")


def test_https_to_another_name(tls_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    _, answer = ask(tls_server.replace("http:", "https:"))
    assert answer.error == "tls-name", answer.detail


def test_http_to_a_tls_server(tls_server: str) -> None:
    _, answer = ask(tls_server)
    assert answer.error in ("http-on-https", "empty-reply", "reset")


def test_https_to_a_plain_server() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with raw_server(behave) as url:
        _, answer = ask(url.replace("http:", "https:"))
    assert answer.error == "tls-protocol"


def test_a_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(4))
    _, answer = ask("http://registry.example:5000")
    assert answer.error == "dns"
    assert "did not answer" in answer.detail
