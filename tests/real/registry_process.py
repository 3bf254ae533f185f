"""A real registry as a process with a given configuration and environment, and what it does."""

import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

USER, PASSWORD = "mia", "Correct.Horse.9"
HASH = "$2b$04$Bj.fg5MKovY635iMp71eK.Mt9f0dXFHejmKlt1fpBsnyWcdkCO5PW"
DIGEST = "sha256:" + "0" * 64


@dataclass
class Seen:
    """What a registry did."""

    started: bool
    output: str
    status: int | None = None
    challenge: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    deletes: bool | None = None
    root: str | None = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(program: str, config: Path, variables: dict[str, str], port: int, roots: list[Path]) -> Seen:
    """Start it, look at it, stop it. `roots`: folders in which the images may turn up."""
    environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none", **variables}
    with config.with_suffix(".out").open("w+b") as output:
        process = subprocess.Popen(
            [program, "serve", str(config)], env=environment, stdout=output, stderr=output, cwd=config.parent
        )
        try:
            started = _listens(process, port)
            seen = _look(port, roots) if started else Seen(started=False, output="")
        finally:
            process.terminate()
            process.wait(timeout=10)
        output.seek(0)
        seen.output = output.read().decode("utf-8", "replace")
    return seen


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process.poll() is None
        time.sleep(0.005)
    return False


def _look(port: int, roots: list[Path]) -> Seen:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        ping = client.get("/v2/")
        login = (USER, PASSWORD)
        delete = client.delete(f"/v2/probe/manifests/{DIGEST}", auth=login)
        client.post("/v2/probe/blobs/uploads/", auth=login)
    found = next((r for r in roots if (r / "docker" / "registry").exists()), None)
    return Seen(
        started=True,
        output="",
        status=ping.status_code,
        challenge=ping.headers.get("WWW-Authenticate"),
        headers=[(k.lower(), v) for k, v in ping.headers.multi_items()],
        deletes=None if delete.status_code == 401 else delete.status_code != 405,
        root=str(found) if found else None,
    )
