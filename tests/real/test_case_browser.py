"""The case in real JupyterLab and Chromium: there before anything is run, in its own styles, and no dollar is mathematics."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooLate

from runbook.lab import Lab
from tests.real.hops import free_port
from tests.real.test_accessible import axe
from tests.real.test_jupyterlab import PICTURES

__all__ = ["axe"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("case")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """What `runbook open INCIDENT --no-browser` prints."""
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
def page(address: str, browser: Browser) -> Iterator[Page]:
    shown = browser.new_page(viewport={"width": 1280, "height": 5000})
    shown.set_default_timeout(90_000)
    shown.goto(address)
    shown.wait_for_selector(".jp-Notebook .rb-verdict")
    yield shown
    shown.close()


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


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of another incident, as a person would choose them: from anywhere, without their folders."""
    folder = tmp_path_factory.mktemp("dropped")
    with Lab("authorization-stripped", backend="embedded", seed=4) as lab:
        lab.exercise()
        for file in Path(lab.bundle).rglob("*"):
            if file.is_file():
                shutil.copy(file, folder)
    return sorted(folder.iterdir())


PASTED = """$ curl -v -u ann http://r.example:5000/v2/
> GET /v2/ HTTP/1.1
> Host: r.example:5000
> Authorization: Basic YW5uOng=
>
< HTTP/1.1 401 Unauthorized
< Docker-Distribution-Api-Version: registry/2.0
< Server: nginx
<
"""


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (800, "dark")])
def test_from_dropped_files_to_a_proven_fix_and_from_a_pasted_transcript(
    width: int, theme: str, address: str, home: Path, dropped: list[Path], browser: Browser
) -> None:
    page = _opened(browser, address, home, width, theme)
    assert page.locator(":text('get notified about official Jupyter news')").count() == 0
    PICTURES.mkdir(parents=True, exist_ok=True)
    _run_all(page)

    if theme == "light":
        with page.expect_file_chooser() as chooser:
            _press(page, ".rb-console button:has-text('Add files')")
        chooser.value.set_files(dropped)
    else:
        _drop(page, dropped[0].parent)
    page.wait_for_selector(".rb-console .rb-given:has-text('docker-compose.yml')")
    _press(page, ".rb-console button:has-text('Run')")
    page.wait_for_selector(".rb-console .rb-verdict :text('removes the Authorization header')")
    page.screenshot(path=str(PICTURES / f"case-dropped-{width}-{theme}.png"))

    _run_all(page)  # the case is the dropped one now, and so is its fix
    page.wait_for_selector(".jp-OutputArea-executeResult .rb-verdict :text('removes the Authorization header')")
    _press(page, "button:has-text('Try the fix in a copy of the stack')")
    page.wait_for_selector(":text('Run in a copy of the stack')")
    page.screenshot(path=str(PICTURES / f"case-proven-{width}-{theme}.png"))

    page.locator(".rb-console textarea").first.fill(PASTED)
    page.keyboard.press("Tab")
    page.wait_for_selector(".rb-console .rb-given:has-text('pasted text, 9 lines')")
    _press(page, ".rb-console button:has-text('Run')")
    page.wait_for_selector(".rb-console .rb-verdict :text('WWW-Authenticate')")
    assert page.evaluate("document.querySelectorAll('.rb mjx-container').length") == 0
    wide = "() => [...document.querySelectorAll('.jp-OutputArea-output .rb')].filter(e => e.scrollWidth > e.clientWidth + 2).length"
    assert page.evaluate(wide) == 0
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_the_form(
    theme: str, address: str, home: Path, browser: Browser, axe: Path
) -> None:
    page = _opened(browser, address, home, 1280, theme)
    _run_all(page)
    for text in (
        "incident\nhttp://localhost:5000\nhttps://a-very-long-name.of-a-registry.example.org:8443",
        PASTED,
        "no/such",
    ):
        page.locator(".rb-console textarea").first.fill(text)
        page.keyboard.press("Tab")
        page.wait_for_timeout(500)
    assert page.locator(".rb-console .rb-given").count() == 4
    assert "there is no file or folder called no/such" in page.locator(".rb-console").inner_text()
    page.add_script_tag(path=axe)
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 1400})
        page.locator(".rb-console").scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        page.screenshot(path=str(PICTURES / f"form-{width}-{theme}.png"))
        found = page.evaluate(
            "async () => (await axe.run('.rb-console')).violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 300)).join('; '))"
        )
        assert found == []
        wide = page.evaluate(
            "() => { const e = document.querySelector('.rb-console'); return e.scrollWidth - e.clientWidth; }"
        )
        assert wide <= 2
    page.context.close()


def _opened(browser: Browser, address: str, home: Path, width: int, theme: str) -> Page:
    themes = home / "s" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    themes.parent.mkdir(parents=True, exist_ok=True)
    themes.write_text(json.dumps({"theme": f"JupyterLab {theme.title()}"}))
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = browser.new_context(viewport={"width": width, "height": 1400}).new_page()
    page.set_default_timeout(90_000)
    # On a busy machine JupyterLab asks which kernel to take when it has not heard of one in time: the first.
    asked = page.locator(".jp-Dialog")
    page.add_locator_handler(asked, lambda: page.click(".jp-Dialog button.jp-mod-accept"), no_wait_after=True)
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .rb-verdict")
    return page


def _drop(page: Page, folder: Path) -> None:
    """Drag a folder onto the form, as from a file manager."""
    form = page.locator(".rb-console.rb-drops").first
    form.scroll_into_view_if_needed()
    box = form.bounding_box()
    assert box
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 60}
        devtools.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
        page.wait_for_timeout(300)


def _press(page: Page, button: str) -> None:
    found = page.locator(button).first
    found.scroll_into_view_if_needed()
    found.click()


def _run_all(page: Page) -> None:
    """Run every cell, and wait until the last one has shown its form."""
    page.evaluate("() => document.querySelectorAll('.rb-console').forEach(e => e.remove())")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    for _ in range(4):  # a menu that is opened while the page still settles does nothing
        page.click(".lm-MenuBar-item:has-text('Run')")
        page.click("[data-command='runmenu:run-all']")
        try:
            page.wait_for_selector(".rb-console button:has-text('Add files')", timeout=45_000)
            break
        except TooLate:
            page.screenshot(path=str(PICTURES / "case-waits.png"))
            page.keyboard.press("Escape")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
