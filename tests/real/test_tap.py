"""`runbook tap` between a real nginx and a real registry, and with bodies as large as a layer."""

import base64
import hashlib
import http.client
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.redact import Vault
from runbook.report.tables import headers
from tests.real.hops import free_port, running
from tests.real.programs import need

_NGINX = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location /v2/ {{ proxy_pass http://127.0.0.1:{tap}; proxy_set_header X-Real-IP $remote_addr; {line} }} }}
}}
"""


@contextmanager
def tapped(upstream: str, *options: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "runbook", "tap", "--listen", "127.0.0.1:0", "--upstream", upstream, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        found = re.search(r"listens on 127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found
        yield int(found[1]), process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _judged(tmp_path: Path, line: str) -> tuple[list[str], str]:
    need("nginx")
    need("registry2")
    har, port = tmp_path / "tap.har", free_port()
    with Lab(backend="native", major=2, seed=6) as lab:
        with tapped(lab.registry_url, "--har", str(har), "--quiet") as (tap, _):
            config = tmp_path / "nginx.conf"
            config.write_text(_NGINX.format(folder=tmp_path, port=port, tap=tap, line=line))
            with running(["nginx", "-p", str(tmp_path), "-c", str(config), "-e", str(tmp_path / "e")], port, tmp_path):
                request = Request(ui_url=f"http://127.0.0.1:{port}", user=lab.user, password=lab.password)
                live = collect(request, Vault())
        assert lab.password not in har.read_text()
        assert base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode() not in har.read_text()
    seen = collect(Request(paths=(str(har),)), Vault())
    run = diagnose(replace(live, exchanges=(*live.exchanges, *seen.exchanges)))
    return [f.cause for f in run.diagnosis.causes], headers(run).text


def test_a_login_that_nginx_takes_out_is_seen_to_be_missing_at_the_registry(tmp_path: Path) -> None:
    causes, table = _judged(tmp_path, 'proxy_set_header Authorization "";')
    assert causes[0] == "authorization-stripped"
    assert "dropped Authorization" in table
    assert "added X-Real-IP" in table


def test_a_login_that_nginx_replaces_is_seen_to_be_another(tmp_path: Path) -> None:
    other = base64.b64encode(b"svc:nothing-good").decode()
    causes, _ = _judged(tmp_path, f'proxy_set_header Authorization "Basic {other}";')
    assert causes[0] == "proxy-overwrites-authorization"


def test_an_innocent_nginx_stays_innocent(tmp_path: Path) -> None:
    assert _judged(tmp_path, "")[0] == []


class _Sink:
    """Takes an upload of any size, then sends as much back; both by their hashes."""

    def __init__(self, size: int) -> None:
        self.size, self.digest = size, ""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        peer, _ = self._socket.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(65536)
        rest = head.split(b"\r\n\r\n", 1)[1]
        digest, left = hashlib.sha256(rest), self.size - len(rest)
        while left > 0:
            data = peer.recv(1 << 20)
            digest.update(data)
            left -= len(data)
        self.digest = digest.hexdigest()
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
        block = b"layer" * 52429
        for at in range(0, self.size, len(block)):
            peer.sendall(block[: self.size - at])
        peer.close()
        self._socket.close()


def test_a_gigabyte_passes_both_ways_byte_for_byte_in_little_memory() -> None:
    size = 1 << 30
    block = bytes(range(256)) * 1024
    wanted, back, received = hashlib.sha256(), hashlib.sha256(), 0
    sink = _Sink(size)
    with tapped(sink.url, "--quiet") as (port, process):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.putrequest("PATCH", "/v2/a/blobs/uploads/1")
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        for _ in range(size // len(block)):
            wanted.update(block)
            connection.send(block)
        answer = connection.getresponse()
        while data := answer.read(1 << 20):
            back.update(data)
            received += len(data)
        status = Path(f"/proc/{process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    expected = hashlib.sha256()
    layer = b"layer" * 52429
    for at in range(0, size, len(layer)):
        expected.update(layer[: size - at])
    assert (received, sink.digest, back.hexdigest()) == (size, wanted.hexdigest(), expected.hexdigest())
    assert peak
    assert int(peak[1]) < 100 * 1024
