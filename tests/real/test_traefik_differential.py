"""Traefik does what the analysis of its files foretells, before both registries: parts that work together."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import pytest
import yaml

from runbook.parse.traefik import parse_traefik_files
from runbook.redact import Vault
from runbook.stack.foretell import Request
from tests.real.hops import (
    HOST,
    INVALID,
    PASSWORD,
    REQUESTS,
    USER,
    VALID,
    Backend,
    backend,
    disagreements,
    free_port,
    running,
    send,
)
from tests.real.programs import need
from tests.real.traefik_configs import CONFIGS, Config

pytestmark = pytest.mark.timeout(240)
READY = """
http:
  routers:
    ready: {rule: "Path(`/@READY@`)", service: ping@internal, priority: 900000}
    ready-tls: {rule: "Path(`/@READY@`)", service: ping@internal, priority: 900000, tls: {}}
"""


@pytest.fixture(scope="module", params=["registry2", "registry3"])
def here(request, tmp_path_factory) -> Iterator[Backend]:
    with backend(tmp_path_factory.mktemp("registry"), request.param) as running_backend:
        yield running_backend


@pytest.fixture(scope="module")
def asked() -> Iterator[int]:
    """A server for forwardAuth, which answers as its path says."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response({"/401": 401, "/302": 302}.get(self.path, 200))
            if self.path == "/302":
                self.send_header("Location", "https://login.example/")
            if self.path == "/login":
                self.send_header("Authorization", f"Basic {VALID}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def traefik(config: Config, upstream: int, asked: int, folder: Path) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Traefik with that configuration: its port, and its files as the analysis gets them."""
    port, hashed = free_port(), bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "users").write_text(f"{USER}:{hashed}\n")
    (folder / "others").write_text(f"someone:{hashed}\n")
    (folder / "dynamic").mkdir()

    def filled(text: str) -> str:
        for name, value in (
            ("UP", f"127.0.0.1:{upstream}"), ("ASK", f"127.0.0.1:{asked}"), ("DIR", str(folder)), ("VALID", VALID),
            ("INVALID", INVALID), ("USER", f"{USER}:{hashed}"), ("OTHER", str(free_port())),
        ):  # fmt: skip
            text = text.replace(f"@{name}@", value)
        return text

    dynamic, file = filled(config.dynamic), "dynamic/dynamic.yml"
    if config.toml:
        dynamic, file = as_toml(yaml.safe_load(dynamic)), "dynamic/dynamic.toml"
    static = filled(
        f"entryPoints:\n  web:\n    address: '127.0.0.1:{port}'\n"
        + (f"    {config.web}\n" if config.web else "")
        + (f"{config.static}\n" if config.static else "")
        + f"providers:\n  file:\n    directory: {folder}/dynamic\n"
        "accessLog:\n  filePath: access.log\nlog:\n  level: DEBUG\n  filePath: traefik.log\n"
    )
    (folder / file).write_text(dynamic)
    (folder / "traefik.yml").write_text(static + "ping:\n  manualRouting: true\n")
    (folder / "dynamic" / "ready.yml").write_text(READY.replace("@READY@", folder.name))
    with running([need("traefik"), f"--configFile={folder}/traefik.yml"], port, folder):
        _wait(port, f"/{folder.name}", tls=config.tls)
        yield port, [("traefik.yml", static), (file, dynamic)]


def _wait(port: int, path: str, *, tls: bool) -> None:
    """Until the routers are there: the port is open before."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            request = Request(path=path, host=HOST, port=port, tls=tls)
            if send(port, request).status != 404:
                return
        time.sleep(0.02)
    raise AssertionError("Traefik has no routers.")


def as_toml(tree: object, name: str = "") -> str:
    """A tree as TOML."""
    if not isinstance(tree, dict):
        raise TypeError(name)
    lines = [f"{k} = {_value(v)}\n" for k, v in tree.items() if not isinstance(v, dict)]
    text = (f"[{name}]\n" if name else "") + "".join(lines)
    return text + "".join(as_toml(v, f"{name}.{k}".lstrip(".")) for k, v in tree.items() if isinstance(v, dict))


def _value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


@pytest.mark.parametrize("config", CONFIGS, ids=[c.name for c in CONFIGS])
def test_traefik(config: Config, here: Backend, asked: int, tmp_path: Path) -> None:
    requests = config.requests or REQUESTS
    with traefik(config, here.port, asked, tmp_path) as (port, files):
        routes = parse_traefik_files(files, Vault())
        if config.unserved:
            assert {kind for route in routes for kind, _, _ in route.unknown} == {config.unserved}
            assert send(port, Request(host=HOST, port=port, login="valid")).status == 404
            return
        compared, misses = disagreements(
            routes, port, here, injected=config.injected, own_login=config.own_login, tls=config.tls,
            host=config.host or HOST, requests=requests, logins=("none", "valid", "invalid"), known=config.foretold,
        )  # fmt: skip
    assert compared == 3 * len(requests)
    assert not misses, "\n".join(misses)
