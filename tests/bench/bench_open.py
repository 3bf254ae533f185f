"""From `runbook open INCIDENT` to the verdict on the screen, against JupyterLab with an empty notebook and one cell run.

Both from the start of the command, in the same JupyterLab and Chromium, in turns, in one run.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import nbformat
from playwright.sync_api import Browser, sync_playwright

from runbook.lab import Lab
from tests.real.hops import free_port

BOUND, ROUNDS = 1.3, 3


def opened(browser: Browser, command: list[str], home: Path, sign: str, *, run: bool) -> float:
    """Seconds until the sign stands on the screen; with `run` the notebook's first cell is run for it."""
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(home / "c"), "JUPYTER_DATA_DIR": str(home / "d")}
    log = home / "log.txt"
    words = [*command, "--no-browser", "--allow-root", f"--port={free_port()}"]
    began = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=environment, cwd=home)
    try:
        found: list[str] = []
        while not found and process.poll() is None:
            time.sleep(0.05)
            found = [w for w in log.read_text().split() if "token=" in w and "127.0.0.1" in w]
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(found[0])
        if run:
            page.click(".jp-CodeCell .cm-content")
            page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
            page.keyboard.press("Shift+Enter")
        page.wait_for_selector(sign)
        seconds = time.perf_counter() - began
        page.close()
        return seconds
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def main() -> int:
    """Print the figures; 1 above the bound."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home = Path(name)
        with Lab("authorization-stripped", backend="embedded", seed=4) as lab:
            shutil.copytree(lab.bundle, home / "incident")
        (home / "empty").mkdir()
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        (home / "empty" / "empty.ipynb").write_text(json.dumps(book))
        empty = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={home / 'empty'}"]
        empty += ["--LabApp.default_url=/lab/tree/empty.ipynb"]
        case = [sys.executable, "-m", "runbook", "open", "incident"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(ROUNDS):
            theirs.append(opened(browser, empty, home, ".jp-OutputArea-output:has-text('42')", run=True))
            ours.append(opened(browser, case, home, ".jp-Notebook .rb-verdict", run=False))
        browser.close()
    ratio = median(ours) / median(theirs)
    print(
        f"runbook open to the verdict {median(ours):.1f} s, an empty notebook with one cell {median(theirs):.1f} s: "
        f"ratio {ratio:.2f} (bound {BOUND})"
    )
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
