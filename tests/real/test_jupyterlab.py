"""Real JupyterLab in real Chromium: every notebook runs from top to bottom, and every widget does what it says.

Pictures go to RUNBOOK_PICTURES, or to a folder of the system's temporary one.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page
from playwright.sync_api import TimeoutError as TooLate

from runbook.headless.places import notebooks_folder
from tests.real.hops import free_port

NOTEBOOKS = sorted(str(p.relative_to(notebooks_folder())) for p in notebooks_folder().rglob("*.ipynb"))
PICTURES = Path(os.environ.get("RUNBOOK_PICTURES") or Path(tempfile.gettempdir()) / "runbook-pictures")
_HARMLESS = ("favicon", "/api/contents", "net::ERR_NAME_NOT_RESOLVED", "jupyterlab-lsp", "404 (Not Found)")
"""Complaints of JupyterLab about itself: files that it looks for and need not be there."""


@dataclass(frozen=True)
class Server:
    url: str
    folder: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "notebooks"
    shutil.copytree(notebooks_folder(), folder)
    case = folder / "case.ipynb"  # its inputs are shown, so that their numbers can be waited for
    case.write_text(case.read_text().replace('"source_hidden": true', '"source_hidden": false'))
    _a_night(home, folder / "runbook-fleet")
    for extension, setting in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false"},
    }.items():
        file = home / "settings" / "@jupyterlab" / f"{extension}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(setting))
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--allow-root",
               "--ServerApp.token=t", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"]  # fmt: skip
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
    }
    with (home / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/api/status?token=t")
        yield Server(url, folder)
    finally:
        process.terminate()
        process.wait(20)


def _a_night(home: Path, target: Path) -> None:
    """The run of a fleet that its notebook shows."""
    untidy = Path(__file__).parents[1] / "untidy"
    targets = [{"name": case.name, "evidence": [str(case / "bundle")]} for case in sorted(untidy.glob("f-*"))[:3]]
    inventory = home / "inventory.yaml"
    inventory.write_text(json.dumps({"version": 1, "targets": targets}))
    subprocess.run(
        [sys.executable, "-m", "runbook", "fleet", str(inventory), "--output-dir", str(target)],
        capture_output=True,
        check=False,
    )
    assert target.is_dir()


def _wait_for(url: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise AssertionError("JupyterLab did not start")


_BEGUN = (
    "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].some(e => /[*\\d]/.test(e.innerText))"
)


class Book:
    """A notebook that is open in JupyterLab."""

    def __init__(self, browser: Browser, server: Server, name: str, width: int = 1280) -> None:
        self.name, self.noise = name.removesuffix(".ipynb").replace("/", "-"), list[str]()
        self.page: Page = browser.new_context(viewport={"width": width, "height": 1400}).new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda m: self.noise.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.noise.append(str(e)))
        self.page.goto(f"{server.url}/lab/workspaces/{self.name}/tree/{name}?token=t")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=60_000)
        self.page.wait_for_selector(".jp-Toolbar-kernelName:has-text('Python 3')", timeout=60_000)
        self.page.keyboard.press("Control+b")

    def run_all(self) -> float:
        """Run every cell; returns the seconds until the first answer stood."""
        for _ in range(4):  # a menu that is opened while the page still settles does nothing
            self._choose_kernel()
            self.page.click(".lm-MenuBar-item:has-text('Run')")
            self.page.click("[data-command='runmenu:run-all']")
            began = time.monotonic()
            try:
                self.page.wait_for_function(_BEGUN, timeout=10_000)
                break
            except TooLate:
                self.page.keyboard.press("Escape")
        self.page.wait_for_selector(".jp-OutputArea-output", timeout=60_000)
        first = time.monotonic() - began
        self.page.wait_for_function(
            "() => { const p = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map(e => e.innerText.trim());"
            " return p.length && p.every(t => /^\\[\\d+\\]:$/.test(t)); }",
            timeout=120_000,
        )
        return first

    def _choose_kernel(self) -> None:
        """On a busy machine JupyterLab asks which kernel to take when it has not heard of one in time: the first."""
        try:
            self.page.wait_for_selector(".jp-Dialog", timeout=500)
        except TooLate:
            return
        self.page.click(".jp-Dialog button.jp-mod-accept")
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=60_000)

    def failures(self) -> list[str]:
        """Outputs that are errors."""
        return self.page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()

    def complaints(self) -> list[str]:
        """What the browser's console says against the page."""
        return [text for text in self.noise if not any(word in text for word in _HARMLESS)]

    def picture(self, what: str = "") -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{self.name}{'-' + what if what else ''}.png")

    def button(self, title: str) -> Locator:
        return self.page.locator(f".jp-OutputArea button:has-text('{title}')").first

    def press(self, title: str) -> None:
        found = self.button(title)
        found.scroll_into_view_if_needed()
        found.click()

    def field(self, label: str) -> Locator:
        """The input of a widget with that description."""
        box = self.page.locator(f".jupyter-widgets:has(> label:text-is('{label}'))").first
        return box.locator("input, select, textarea").first

    def says(self, text: str) -> None:
        self.page.wait_for_selector(f".jp-OutputArea :text('{text}'):visible", timeout=60_000)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name: str, browser: Browser, server: Server) -> None:
    book = Book(browser, server, name)
    first = book.run_all()
    book.picture()
    assert book.failures() == []
    assert book.complaints() == []
    assert first < 30  # a bound against hanging; tests/bench has the figures
    wide = book.page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output .rb')].filter(e => e.scrollWidth > e.clientWidth + 2).length"
    )
    assert wide == 0, "a view is wider than its place"
    book.page.context.close()


def test_the_console_of_the_first_notebook(browser: Browser, server: Server) -> None:
    book = Book(browser, server, "00_start_here.ipynb")
    book.run_all()
    book.page.locator("label:has-text('a practice incident in the lab')").first.click()
    book.press("Run")
    book.says("Done in")
    book.says("removes the Authorization header")
    book.picture("answer")
    for brick in ("1 ·", "2 ·", "3 ·", "4 ·", "Verdict"):
        book.press(brick)
    book.page.locator("label:has-text('my own incident')").first.click()
    book.field("What you have").fill(
        "> GET /v2/ HTTP/1.1\n> Host: r\n> Authorization: Basic YW5uOng=\n>\n< HTTP/1.1 401 Unauthorized\n< Docker-Distribution-Api-Version: registry/2.0\n< Server: nginx\n<\n"
    )
    book.field("Password").fill("Holunder-77")
    book.field("User").fill("ann")
    book.page.keyboard.press("Tab")
    book.page.wait_for_function("() => document.querySelector(\"input[type=password]\").value === ''")
    book.press("Run")
    book.picture("own-incident-runs")
    book.says("www-authenticate-missing")
    book.picture("own-incident")
    book.press("Save log")
    book.says("The log is in")
    book.page.keyboard.press("Control+s")
    book.page.wait_for_timeout(1500)
    assert list(server.folder.glob("runbook-log-*.md"))
    saved = (server.folder / "00_start_here.ipynb").read_text()
    assert "Holunder-77" not in saved
    assert "YW5uOng=" not in saved
    assert book.failures() == []
    assert book.complaints() == []
    book.page.context.close()


_TABS = {
    "1 Ask": ("Ask",),
    "2 Read": ("Read the file", "Log of the registry", "Log of the ui", "What I have seen"),
    "3 Fix": ("Write the file", "Run the command", "Apply"),
    "4 Name and check": ("Show the list", "Hint", "Check", "Give up"),
}


def test_the_panel_of_a_practice_notebook(browser: Browser, server: Server) -> None:
    """Every button once; each changes what stands below the tabs."""
    whole = json.loads((server.folder / "lab" / "practice.ipynb").read_text())
    end = next(n for n, cell in enumerate(whole["cells"]) if "lesson.panel(" in "".join(cell["source"]))
    round_only = json.dumps(
        {**whole, "cells": whole["cells"][: end + 1]}
    )  # the rest names the cause and stops the stack
    (server.folder / "lab" / "round.ipynb").write_text(round_only)
    book = Book(browser, server, "lab/round.ipynb")
    book.run_all()
    answer = book.page.locator(".rb-lesson > .widget-html").first
    answer.scroll_into_view_if_needed()
    book.picture("story")
    for tab, titles in _TABS.items():
        book.page.locator(f".rb-lesson .lm-TabBar-tab:has-text('{tab}')").first.click()
        if tab == "2 Read":  # files and logs open after two requests with a prediction
            book.page.locator(".rb-lesson .lm-TabBar-tab:has-text('1 Ask')").first.click()
            for login in (1, 2):
                book.field("I expect").fill("401")
                book.field("With").select_option(index=login)
                before = answer.inner_text()
                book.page.locator(".rb-lesson button:has-text('Ask'):visible").first.click()
                book.page.wait_for_function(
                    "before => document.querySelector('.rb-lesson > .widget-html').innerText !== before", arg=before
                )
            book.page.locator(f".rb-lesson .lm-TabBar-tab:has-text('{tab}')").first.click()
        for title in titles:
            before = answer.inner_text()
            book.page.locator(f".rb-lesson button:has-text('{title}'):visible").first.click()
            try:
                book.page.wait_for_function(
                    "before => document.querySelector('.rb-lesson > .widget-html').innerText !== before", arg=before
                )
            except TooLate:
                raise AssertionError(f"{title} changed nothing: {before[:300]}") from None
        book.picture(tab.split()[1].lower())
    assert book.failures() == []
    assert book.complaints() == []
    book.page.context.close()
