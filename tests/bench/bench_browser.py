"""The browser edition on a warm cache: from the address to a page that is ready, and to the verdict of a pasted error.

In ratios of one run, in turns in one Chromium: against Pyodide alone, started by a page without a cache of its own; and a tab
that has been here before against a first one. Pyodide must be given: RUNBOOK_PYODIDE=node_modules/pyodide.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from runbook.cli import main as runbook
from tests.site.test_site import WRONG_SCHEME, serving

BOUND, ROUNDS = 1.0, 3
"""Ready in no more time than Python alone takes to start."""
ALONE = """async () => {
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  await loadPyodide({ indexURL: new URL("pyodide/", location.href).href });
}"""


def ready(page: Page, address: str) -> tuple[float, float]:
    """Seconds until the page can be used, and from the click to the verdict."""
    began = time.perf_counter()
    page.goto(f"{address}/diagnose.html")
    page.wait_for_selector("#go:not([disabled])", timeout=150_000)
    waited = time.perf_counter() - began
    page.wait_for_timeout(500)  # a person pastes
    page.fill("#paste", WRONG_SCHEME)
    began = time.perf_counter()
    page.click("#go")
    page.wait_for_selector("#answer:not([hidden])", timeout=150_000)
    return waited, time.perf_counter() - began


def first(browser: Browser, address: str) -> float:
    """A tab that was never here."""
    context = browser.new_context()
    seconds, _ = ready(context.new_page(), address)
    context.close()
    return seconds


def main() -> int:
    """Print the figures; 1 above the bound."""
    pyodide = os.environ.get("RUNBOOK_PYODIDE")
    if not pyodide:
        print("RUNBOOK_PYODIDE names no folder of Pyodide: nothing was measured")
        return 0
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name) / "site"
        runbook(["site", "build", str(folder), "--pyodide", pyodide])
        (folder / "alone.html").write_text("<!doctype html><title>Pyodide alone</title>")
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with serving(folder) as address:
            page = browser.new_context().new_page()
            ready(page, address)
            page.wait_for_timeout(6000)  # what is kept is kept now
            cold, alone, warm = [], [], []
            for _ in range(ROUNDS):
                cold.append(first(browser, address))
                page.goto(f"{address}/alone.html")
                began = time.perf_counter()
                page.evaluate(ALONE)
                alone.append(time.perf_counter() - began)
                warm.append(ready(page, address))
        browser.close()
    waited, judged = median(w for w, _ in warm), median(j for _, j in warm)
    ratio = waited / median(alone)
    print(
        f"diagnose.html ready {waited:.1f} s, verdict {judged:.1f} s after the click; a first tab {median(cold):.1f} s"
        f" ({waited / median(cold):.2f}); Pyodide alone {median(alone):.1f} s: ratio {ratio:.2f} (bound {BOUND})"
    )
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
