"""`runbook serve`: the first notebook as a page, on loopback only."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec

import pytest

from runbook.cli import main
from tests.real.hops import free_port


@pytest.mark.skipif(find_spec("voila") is None, reason="Voilà is not installed")
def test_the_first_notebook_is_served_with_its_console() -> None:
    port = free_port()
    command = [sys.executable, "-m", "runbook", "serve", "--no-browser", f"--port={port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = _page(f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        process.wait(20)
    assert "Start here" in page
    assert "Folklore:" in page  # the cells were run
    assert "Incident.open" not in page  # and their code is not shown


def _page(url: str) -> str:
    for _ in range(120):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise AssertionError("nothing was served")


def test_without_voila_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runbook.headless.commands.find_spec", lambda _: None)
    assert main(["serve"]) == 2
    assert "registry-runbook[serve]" in capsys.readouterr().err
