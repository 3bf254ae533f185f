"""Token authentication with URLs and nothing else: a real registry and a small token service, in several states."""

import base64
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.real.hops import PASSWORD, USER, VALID, free_port, running
from tests.real.programs import need
from tests.real.test_live_alone import live, named, told

SERVICE = "Registry of the tests"


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """A key with its certificate, which signs tokens."""

    def __init__(self, folder: Path, name: str) -> None:
        self.key, self.certificate = folder / f"{name}.key", folder / f"{name}.crt"
        subprocess.run(
            [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", "-subj", "/CN=tokens",
             "-keyout", str(self.key), "-out", str(self.certificate)], check=True, capture_output=True, timeout=30,
        )  # fmt: skip

    def token(self, **claims: object) -> str:
        body = "".join(self.certificate.read_text().split("-----")[2].split())
        now = int(time.time())
        whole = {"iss": "us", "aud": SERVICE, "sub": USER, "nbf": now - 5, "iat": now, "exp": now + 300, "jti": "1"}
        header = {"typ": "JWT", "alg": "RS256", "x5c": [body]}
        signed = f"{part(json.dumps(header).encode())}.{part(json.dumps({**whole, 'access': [], **claims}).encode())}"
        command = [need("openssl"), "dgst", "-sha256", "-sign", str(self.key)]
        done = subprocess.run(command, input=signed.encode(), capture_output=True, check=True, timeout=30)
        return f"{signed}.{part(done.stdout)}"


@contextlib.contextmanager
def service(token: str) -> Iterator[tuple[int, list[str]]]:
    """A token service that gives this token to the right login. Yields its port, and the Authorization headers it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.headers.get("Authorization", "")
            got.append(sent)
            right = sent == f"Basic {VALID}"
            body = json.dumps({"token": token} if right else {"details": "no"}).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def registry(folder: Path, realm: str, key: Key, program: str = "registry3") -> Iterator[int]:
    port = free_port()
    (folder / "token.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: s}}\n"
        f"auth: {{token: {{realm: '{realm}', service: '{SERVICE}', issuer: us, rootcertbundle: {key.certificate}}}}}\n"
    )
    with running([need(program), "serve", str(folder / "token.yml")], port, folder):
        yield port


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return Key(tmp_path_factory.mktemp("key"), "own")


@pytest.mark.parametrize("program", ["registry2", "registry3"])
def test_a_sound_token_service_is_healthy(tmp_path: Path, key: Key, program: str) -> None:
    token = key.token()
    with (
        service(token) as (realm, got),
        registry(tmp_path, f"http://127.0.0.1:{realm}/auth", key, program) as port,
    ):
        run, _ = live(port)
    assert (run.diagnosis.verdict, run.diagnosis.seen) == ("healthy", ())
    assert f"Basic {VALID}" in got
    assert token not in repr(run.evidence)
    assert [e.status for e in run.evidence.live if e.credential and e.credential.scheme == "Bearer"] == [200]
    to_registry = [e for e in run.evidence.live if e.is_api and e.credential and e.credential.scheme == "Basic"]
    assert not to_registry, "the password belongs to the token service"


def test_a_wrong_password_is_refused_by_the_token_service(tmp_path: Path, key: Key) -> None:
    with service(key.token()) as (realm, _), registry(tmp_path, f"http://127.0.0.1:{realm}/auth", key) as port:
        run, _ = live(port, password="not-this-one")
        anonymous, _ = live(port, user=None, password=None)
    assert (run.diagnosis.verdict, named(run)) == ("inconclusive", [])
    assert [str(s) for s in run.diagnosis.seen] == ["a login is refused (401)"]
    assert (anonymous.diagnosis.verdict, anonymous.diagnosis.next and anonymous.diagnosis.next.gives) == (
        "inconclusive",
        "login",
    )


def test_a_realm_that_nobody_serves(tmp_path: Path, key: Key) -> None:
    for realm in (f"http://127.0.0.1:{free_port()}/auth", "https://tokens.invalid/auth"):
        (folder := tmp_path / realm[:5].strip(":")).mkdir()
        with registry(folder, realm, key) as port:
            run, seconds = live(port)
        assert named(run) == ["token-realm-unreachable"], realm
        assert run.diagnosis.verdict == "fault"
        assert seconds < 5


@pytest.mark.parametrize("claims", [{"iss": "them"}, {"aud": "another"}, {"exp": 1, "nbf": 0}])
def test_a_token_that_the_registry_refuses(tmp_path: Path, key: Key, claims: dict[str, object]) -> None:
    """Why is in its log only: that is the next step, with the engine that has it."""
    with (
        service(key.token(**claims)) as (realm, _),
        registry(tmp_path, f"http://127.0.0.1:{realm}/auth", key) as port,
    ):
        run, _ = live(port)
    assert run.diagnosis.verdict == "inconclusive"
    assert "a token is refused" in [str(s) for s in run.diagnosis.seen]
    assert run.diagnosis.next is not None
    assert "--collect" in str(run.diagnosis.next.command)


def test_no_login_goes_in_clear_to_another_machine(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(key.token()) as (realm, got), registry(tmp_path, f"http://127.0.0.1:{realm}/auth", key) as port:
        monkeypatch.setattr("runbook.collect.tokens.is_readable_by_others", lambda url: f":{realm}" in url)
        run, _ = live(port)
        assert got == [""]
        assert run.diagnosis.verdict == "inconclusive"
        assert "was not sent to the token service" in told(run)
        run, _ = live(port, insecure_http=True)
    assert run.diagnosis.verdict == "healthy"
    assert PASSWORD not in repr(run.evidence)
