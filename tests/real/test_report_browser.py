"""The report in a real browser: everything visible with network and scripts off; hostile text harmless with scripts on."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.model import Exchange, Message, Place
from runbook.report import render_html
from tests.report.samples import collected, evidence_of

SECTIONS = ["Cause", "Fix", "What was seen", "The four steps", "Requests", "htpasswd", "Not tested"]
HOSTILE = '"><script>window.owned=1;fetch("http://127.0.0.1:9/leak")</script><img src=x onerror="window.owned=2">\x1b[31m\u202e'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    with Lab.demo() as lab:
        path.write_text(render_html(diagnose(collected(lab))), encoding="utf-8")
    return path


def opened(browser: Browser, path: Path, width: int, *, scripts: bool, scheme: str = "light") -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=scripts, offline=True, color_scheme=scheme
    )  # type: ignore[arg-type]
    page = context.new_page()
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: noise.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(path.as_uri())
    return page, noise


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_everything_is_visible_without_network_and_scripts(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, noise = opened(browser, report, width, scripts=False, scheme=scheme)
    for title in SECTIONS:
        heading = page.locator("h2", has_text=title).first
        assert heading.is_visible(), title
        box = heading.locator("xpath=..").bounding_box()
        assert box is not None
        assert box["height"] > 20
        assert box["x"] + box["width"] <= width
    for selector in (".rb-verdict", ".rb-way", "pre", "table"):
        assert page.locator(selector).first.is_visible(), selector
    assert page.locator(".rb-stop.bad").count() == 1
    assert noise == []
    page.context.close()


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_does_not_scroll_sideways(browser: Browser, report: Path, width: int) -> None:
    page, noise = opened(browser, report, width, scripts=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert noise == []
    page.context.close()


def test_the_report_is_small_and_prints(browser: Browser, report: Path) -> None:
    assert report.stat().st_size < 1_500_000
    page, _ = opened(browser, report, 1280, scripts=False)
    assert len(page.pdf()) > 10_000
    page.context.close()


def test_hostile_text_is_harmless(browser: Browser, tmp_path: Path) -> None:
    headers = (("WWW-Authenticate", f'Basic realm="{HOSTILE}"'), ("Server", HOSTILE), ("X-Big", "A" * 10_000_000))
    exchange = Exchange(
        source=Place(HOSTILE), method="GET", url="http://h:5000/v2/", status=401, response_headers=headers, body=HOSTILE
    )
    via = Exchange(
        source=Place("curl.txt", 1),
        method="GET",
        url="http://h:8080/v2/",
        status=401,
        response_headers=headers,
        route="via",
    )
    message = Message(kind="other-error", place=Place("ticket.txt", 1), text=HOSTILE, host=HOSTILE)
    page_file = tmp_path / "hostile.html"
    run = diagnose(evidence_of(exchange, via, messages=(message,)))
    page_file.write_text(render_html(run, title=HOSTILE), encoding="utf-8")
    assert page_file.stat().st_size < 1_500_000
    page, noise = opened(browser, page_file, 1280, scripts=True)
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true })")
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned === undefined")
    assert page.locator("script").count() == 0
    assert page.locator("img").count() == 0
    assert noise == []
    shown = page.inner_text("body")
    assert "<script>" in shown, "it is shown as text"
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    page.context.close()
