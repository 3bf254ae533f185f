"""Servers that misbehave: each one is judged within the time limit, with a word for what it did."""

import gzip
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.model import Evidence, Exchange
from runbook.redact import Vault
from tests.servers import raw_server, registry

LIMIT = 2.0


def ask(url: str, limit: float = LIMIT) -> tuple[Evidence, Exchange]:
    """Probe a server and check that it could not hold us up."""
    begun = time.monotonic()
    request = Request(registry_url=url, user="anna", password="right-password", timeout=limit)
    evidence = collect(request, Vault())
    assert time.monotonic() - begun < limit + 3
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
    assert (answer.status, answer.error) == (None, "no-response")


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


def redirecting(to: str) -> Callable[[socket.socket], None]:
    """A server that sends everybody elsewhere and writes down what it was sent."""

    def behave(connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        path = request.split()[1].decode()
        location = to.replace("{path}", path)
        connection.sendall(
            f"HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )

    return behave


def test_a_redirect_is_followed_without_the_login() -> None:
    with registry() as (there, seen), raw_server(redirecting(there + "{path}")) as url:
        evidence, answer = ask(url)
    assert (answer.status, answer.header("Location")) == (307, f"{there}/v2/")
    (followed,) = [e for e in evidence.exchanges if e.url.startswith(there)]
    assert (followed.status, followed.credential) == (401, None)
    assert [user for _, _, user, _ in seen.requests] == [None], "no login to another port"
    (note,) = [p.message for p in evidence.problems]
    assert f"redirects to {there}" in note


@pytest.mark.parametrize("path", ["/latest/meta-data/iam/security-credentials/role", "/admin"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_does_not_choose_what_is_asked(path: str, host: str) -> None:
    """The way to an inner address: a redirect with a path of its own, or to another name of this machine."""
    asked = []

    def inner(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"SecretAccessKey": "Kanarie77"}')

    with raw_server(inner) as there:
        port = there.rpartition(":")[2]
        with raw_server(redirecting(f"http://{host}:{port}{path}")) as url:
            evidence, answer = ask(url)
    assert answer.status == 307
    assert asked == []
    assert "Kanarie77" not in repr(evidence)
    (note,) = [p.message for p in evidence.problems if "redirects to" in p.message]
    assert "not followed" in note


def test_nothing_but_the_head_of_another_ports_answer_is_kept() -> None:
    def inner(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"Token": "Kanarie"}')

    with raw_server(inner) as there, raw_server(redirecting(there + "/v2/")) as url:
        evidence, _ = ask(url)
    (followed,) = [e for e in evidence.exchanges if e.url.startswith(there)]
    assert (followed.status, followed.body) == (200, "")


@pytest.mark.parametrize(
    ("to", "requests"),
    [("{path}", 1), ("/v2/", 1), ("{path}a", 6), ("http://[", 1), ("ftp://elsewhere.example/v2/", 1), ("http://a:b@127.0.0.1/", 1)],
    ids=["itself", "loop", "endless", "malformed", "scheme", "login"],
)  # fmt: skip
def test_redirects_end(to: str, requests: int) -> None:
    with raw_server(redirecting(to)) as url:
        evidence, answer = ask(url)
    assert answer.status == 307
    asked = [e for e in evidence.exchanges if e.credential is None and e.method == "GET" and "_catalog" not in e.path]
    assert len(asked) == requests
    assert all(e.url.startswith(url) for e in evidence.exchanges)


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
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % length + b"not found " * 5)

    with raw_server(behave) as url:
        _, answer = ask(url)
    assert answer.status == 401
    assert answer.body == ("not found " * 5)[: min(length, 50)]


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
    assert answer.error == "no-response"
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


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server that shows the certificate of that folder and answers nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65536)

    with raw_server(behave) as url:
        yield url


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[str]:
    with serving(certificate) as url:
        yield url


def test_https_with_an_expired_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, request, certificate = tmp_path / "key.pem", tmp_path / "request.pem", tmp_path / "cert.pem"
    names = tmp_path / "names"
    names.write_text("subjectAltName=IP:127.0.0.1")
    for command in (
        ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", request],
        ["x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-extfile", names, "-out", certificate],
    ):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(tmp_path) as url:
        evidence, answer = ask(url.replace("http:", "https:"))
    assert answer.error == "tls-expired", answer.detail
    assert answer.certificate is not None
    assert (answer.certificate.subject, answer.certificate.names) == ("x", ("127.0.0.1",))
    causes = [f.cause for f in diagnose(evidence).diagnosis.causes]
    assert "tls-ca-not-trusted" not in causes, "a new date is needed, not another authority"


def test_https_to_an_unknown_authority(tls_server: str) -> None:
    _, answer = ask(tls_server.replace("http:", "https:"))
    assert answer.error == "tls-untrusted"
    assert "self-signed" in answer.detail.replace("self signed", "self-signed")
    shown = answer.certificate
    assert shown is not None
    assert (shown.is_self_signed, shown.names) == (True, ("other.example",))
    assert shown.begins < shown.expires


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
    assert answer.error == "tls-to-http"


def test_a_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(4) or [])
    _, answer = ask("http://registry.example:5000")
    assert answer.error == "dns"
    assert "did not answer" in answer.detail
