"""A fleet's page in a real browser: it sorts and filters without network and without an error."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.fleet.test_fleet import bundles, run
from tests.real.programs import need


def test_it_sorts_filters_and_leads_to_the_single_report(tmp_path: Path) -> None:
    causes = ("htpasswd-not-bcrypt", "htpasswd-empty", "upstream-wrong-port", "no-v2-route")
    for _ in range(2):
        run(bundles(tmp_path / "all", *causes), "--output-dir", tmp_path / "out")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda r: asked.append(r.url))
        page.on("console", lambda m: said.append(m.text))
        page.on("pageerror", lambda e: said.append(str(e)))
        page.goto((tmp_path / "out" / "index.html").as_uri())
        names = "() => [...document.querySelectorAll('#all tbody tr:not([hidden]) th')].map(e => e.innerText)"
        assert sorted(page.evaluate(names)) == sorted(causes)
        page.fill("#filter", "htpasswd empty")
        assert page.evaluate(names) == ["htpasswd-empty"]
        assert page.inner_text("#shown") == "1 of 4"
        page.fill("#filter", "")
        page.click("#all th:first-child >> nth=0")
        assert page.evaluate(names) == sorted(causes)
        page.click("#all th:first-child >> nth=0")
        assert page.evaluate(names) == sorted(causes, reverse=True)
        assert page.locator(".rb-spark rect").count() == 8
        page.click("#all a:has-text('no-v2-route')")
        assert page.url.endswith("reports/no-v2-route.html")
        browser.close()
    assert all(url.startswith("file:") for url in asked)
    assert said == []
