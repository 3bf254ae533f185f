"""URLs and nothing else: what a real registry and a real nginx in several states are taken for, and how soon."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from tests.real.hops import PASSWORD, USER, free_port, running
from tests.real.programs import need

PAGE = (
    "<html><head><title>Docker Registry UI</title></head><body><docker-registry-ui></docker-registry-ui></body></html>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@contextlib.contextmanager
def real_registry(folder: Path, extra: str = "", program: str = "registry3") -> Iterator[int]:
    """A real registry with htpasswd; `extra` goes into its http section. Yields its port."""
    import bcrypt

    port = free_port()
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (folder / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: s{extra}}}\n"
        f"auth: {{htpasswd: {{realm: Tests, path: {folder}/htpasswd}}}}\n"
    )
    with running([need(program), "serve", str(folder / "registry.yml")], port, folder):
        yield port


@contextlib.contextmanager
def real_nginx(folder: Path, locations: str) -> Iterator[int]:
    """A real nginx that serves a UI's page at / and these locations. Yields its port."""
    port = free_port()
    (folder / "index.html").write_text(PAGE)
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {folder}; {locations} }} }}\n"
    )
    with running([need("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder):
        yield port


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Takes connections and never answers: a program that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        for connection in kept:
            connection.close()


def live(registry: int | None = None, ui: int | None = None, **more: object) -> tuple[Run, float]:
    """A live-only diagnosis with the right login, and how long it took."""
    begun = time.monotonic()
    request = Request(
        registry_url=f"http://127.0.0.1:{registry}" if registry else None,
        ui_url=f"http://127.0.0.1:{ui}" if ui else None,
        user=USER,
        password=PASSWORD,
        **more,  # type: ignore[arg-type]
    )
    run = diagnose(collect(request, Vault()))
    return run, time.monotonic() - begun


def named(run: Run) -> list[str]:
    return [f.cause for f in run.diagnosis.causes]
