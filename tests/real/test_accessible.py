"""axe-core finds nothing wrong with what people are given to read: report, executed notebooks, site; light and dark, wide and narrow."""

import os
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from runbook.cli import main
from runbook.site import browser as browser_edition
from runbook.site import gallery
from tests.real.programs import need

ROOT = Path(__file__).parents[2]
AXE = "4.14.1"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text("{}")
    words = [need("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", f"axe-core@{AXE}"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=200)
    if done.returncode:
        why = f"npm cannot get axe-core: {done.stderr[-300:]}"
        pytest.fail(why) if os.environ.get("RUNBOOK_REQUIRE_REAL") else pytest.skip(why)
    return folder / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one incident of its gallery."""
    folder = tmp_path_factory.mktemp("pages") / "site"
    cases = ROOT / "tests" / "cases"
    assert main(["site", "build", str(folder)]) == 0
    browser_edition.pages(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "INCIDENTS", gallery.INCIDENTS[:1])
        gallery.build(folder, cases, lambda line: None)
    return folder


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    browser: Browser, axe: Path, pages: Path, scheme: Literal["dark", "light"], width: int
) -> None:
    home = pages / "gallery" / "authorization-stripped-bad-site-of-another-name"
    shown = [*sorted(home.glob("*.html")), pages / "index.html", pages / "gallery" / "index.html"]
    shown.append(pages / "causes" / "authorization-stripped.html")
    shown += [pages / "diagnose.html", pages / "practice.html"]
    assert len(shown) > 10
    context = browser.new_context(
        viewport={"width": width, "height": 900}, offline=True, bypass_csp=True, color_scheme=scheme
    )
    wrong: dict[str, list[str]] = {}
    for path in shown:
        page = context.new_page()
        page.goto(path.as_uri())
        page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true })")
        page.locator("[hidden]").evaluate_all("all => all.forEach(e => { e.hidden = false })")
        page.add_script_tag(path=axe)
        found = page.evaluate(
            "async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 200))"
        )
        if found:
            wrong[path.name] = found
        page.close()
    context.close()
    assert wrong == {}
