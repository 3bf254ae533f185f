"""The case in real JupyterLab and Chromium: there before anything is run, in its own styles, and no dollar is mathematics."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from runbook.lab import Lab
from tests.real.hops import free_port
from tests.real.programs import need
from tests.real.test_jupyterlab import PICTURES


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `runbook open INCIDENT --no-browser` prints."""
    home = tmp_path_factory.mktemp("case")
    with Lab("htpasswd-not-bcrypt", backend="embedded", seed=4) as lab:
        shutil.copytree(lab.bundle, home / "incident")
    port = free_port()
    command = [sys.executable, "-m", "runbook", "open", "incident", "--no-browser", "--allow-root", f"--port={port}"]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(home / "c"), "JUPYTER_DATA_DIR": str(home / "d"),
                   "JUPYTERLAB_WORKSPACES_DIR": str(home / "w"), "JUPYTERLAB_SETTINGS_DIR": str(home / "s")}  # fmt: skip
    file = home / "s" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"windowingMode": "none"}))
    log = home / "log.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, cwd=home)
    try:
        deadline = time.monotonic() + 120
        while "token=" not in log.read_text() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        found = [word for word in log.read_text().split() if "token=" in word and "127.0.0.1" in word]
        assert found, log.read_text()
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1280, "height": 5000})
        shown.set_default_timeout(90_000)
        shown.goto(address)
        shown.wait_for_selector(".jp-Notebook .rb-verdict")
        yield shown
        browser.close()


def test_the_printed_address_is_the_case_s(address: str) -> None:
    assert "/lab/tree/case.ipynb" in address


def test_the_verdict_is_there_before_anything_is_run_and_its_styles_are_kept(page: Page) -> None:
    verdict = page.locator(".rb-verdict").first
    assert "bcrypt" in verdict.inner_text()
    assert verdict.evaluate("e => getComputedStyle(e).borderLeftWidth") != "0px"
    assert page.locator(".rb svg.rb-picture .arrow").count() >= 3


def test_no_dollar_became_mathematics(page: Page) -> None:
    page.wait_for_timeout(3000)
    shown = "".join(page.locator(".rb").all_inner_texts())
    assert shown.count("$") >= 2, "else there is nothing to typeset"
    assert page.evaluate("document.querySelectorAll('.rb mjx-container, .rb .MathJax, .rb .katex').length") == 0
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / "case-1280.png"))
