"""The site: whole, without foreign hosts; and the browser edition: the same verdicts, and nothing leaves the tab."""

import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runbook import rules
from runbook.cli import main
from runbook.collect import UsageError, collect
from runbook.judge import diagnose
from runbook.lab import FAULTS
from runbook.redact import Vault
from runbook.site import gallery
from runbook.site.browser import VERSION
from runbook.site.lite import check
from runbook.site.pages import incident
from runbook.training import Practice
from runbook.training.grade import replay
from runbook.training.seen import Asked
from runbook.wire import without_sockets
from tests.onefile.test_onefile import CASES, DRIVER, ROOT, rows
from tests.training import learners

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent


def cannot(why: str) -> None:
    if os.environ.get("RUNBOOK_REQUIRE_REAL"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text("{}")
    npm = shutil.which("npm")
    if not npm:
        cannot("npm is not here")
    words = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", f"pyodide@{VERSION}"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=200)
    if done.returncode:
        cannot(f"Pyodide cannot be had: {done.stderr[-200:]}")
    return folder / "node_modules/pyodide"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pyodide: Path) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    assert main(["site", "build", str(folder), "--cases", str(ROOT / "tests/cases"), "--pyodide", str(pyodide)]) == 0
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as found:
        yield found


@dataclass
class Tab:
    """A page in Chromium, loaded and then cut off from the network."""

    page: Any
    loaded: int
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def cut_off(url: str, ready: str) -> Iterator[Tab]:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if not chromium:
        cannot("Chromium is not here")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context()
        tab = Tab(context.new_page(), 0)
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.on("console", lambda message: tab.complaints.append(message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.goto(url)
        tab.page.wait_for_selector(f"{ready}:not([disabled])", timeout=150_000)
        assert all(asked.startswith(url.rpartition("/")[0]) for asked in tab.asked)
        tab.loaded = len(tab.asked)
        context.set_offline(True)
        yield tab
        browser.close()


def test_every_cause_has_a_page_and_every_link_leads_somewhere(site: Path) -> None:
    assert {p.stem for p in (site / "causes").iterdir()} == set(rules.load())
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert not re.match(r"[a-z]+:|//", link), (page, link)
            assert (page.parent / link).is_file(), (page, link)


def test_nearly_every_page_has_an_example_that_the_engine_judged(site: Path) -> None:
    without = [
        p.stem for p in (site / "causes").iterdir() if "as runbook judges it" not in p.read_text(encoding="utf-8")
    ]
    assert len(without) <= len(rules.load()) // 10, without
    page = (site / "causes/authorization-stripped.html").read_text(encoding="utf-8")
    assert 'aria-label="the fix as a diff"' in page
    assert "runbook lab up --fault authorization-stripped" in page


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["site", "build", str(tmp_path)]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    assert main(["site", "build", str(tmp_path / "new"), "--pyodide", str(tmp_path)]) == 2
    assert f"npm install pyodide@{VERSION}" in capsys.readouterr().err


@pytest.mark.timeout(1800)
def test_every_case_gets_the_same_answer_under_webassembly(site: Path, pyodide: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if not node:
        cannot("node is not here")
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(rows()))
    words = [str(node), str(HERE / "wasm.mjs"), str(pyodide), str(site / "runbook.zip"), str(DRIVER), str(cases)]
    told = []
    # Parallel test workers are told a width, which text keeps to.
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    for way in ([*words, str(CASES[0].parent)], [sys.executable, str(DRIVER), str(cases), "text,json"]):
        done = subprocess.run(way, capture_output=True, text=True, timeout=1500, env={**plain, "PYTHONPATH": str(ROOT)})
        assert done.returncode == 0, done.stderr[-1500:]
        told.append(json.loads(done.stdout))
    wasm, native = told
    assert len(wasm) >= 40
    assert [name for name in native if wasm[name] != native[name]] == []


def test_in_the_browser_nothing_leaves_the_tab(site: Path, address: str) -> None:
    case = next((c for c in CASES if c.name.startswith(("a03", "a0"))), CASES[0])
    with cut_off(f"{address}/diagnose.html", "#go") as tab:
        page = tab.page
        page.set_input_files("#folder", str(case / "bundle"))
        page.click("#go")
        for _ in range(600):
            if page.inner_text("#state") == "Done.":
                break
            time.sleep(0.2)
        body = json.loads(page.get_attribute("#answer", "data-json") or "{}")
        assert page.frame_locator("#report").locator(".rb-verdict").count() == 1
        asked = tab.asked[tab.loaded :]
        assert asked == ["about:srcdoc"][: len(asked)]
        assert tab.complaints == []
        # The policy holds: the page may not speak to another host.
        refused = page.evaluate("fetch('https://example.org/').then(() => false, () => true)")
        assert refused
        assert any("Content Security Policy" in text for text in tab.complaints)
    done = subprocess.run(
        [sys.executable, "-m", "runbook", "diagnose", "bundle", "--format", "json"],
        capture_output=True, text=True, cwd=case, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    native = json.loads(done.stdout)
    native.pop("next"), body.pop("next")
    assert body == native


def test_a_second_tab_begins_where_the_first_one_was(address: str) -> None:
    """The memory of a started Python is put back; what is broken there is done without; nothing of an incident is in it."""
    verdicts = []
    with cut_off(f"{address}/diagnose.html", "#go") as tab:
        tab.page.fill("#paste", "Kanarie77 was typed here")
        tab.page.click("#go")
        tab.page.wait_for_selector("#answer:not([hidden])")
        tab.page.wait_for_function(f"async () => ({KEPT}).length === 2", timeout=60_000)
        tab.page.context.set_offline(False)
        broken = "await (await caches.open('runbook')).put((await (await caches.open('runbook')).keys())[0], new Response('x'))"
        for before in ("", broken, broken):
            tab.page.evaluate(f"async () => {{ {before} }}")
            tab.page.reload()
            tab.page.wait_for_selector("#go:not([disabled])", timeout=150_000)
            tab.page.fill("#paste", WRONG_SCHEME)
            tab.page.click("#go")
            tab.page.wait_for_selector("#answer:not([hidden])")
            verdicts.append(tab.page.inner_text("#verdict"))
        kept = tab.page.evaluate(f"async () => ({KEPT})")
    assert all("insecure-registry-missing" in verdict for verdict in verdicts)
    assert len(kept) == 2
    assert not any("Kanarie77" in text for _, text in kept)


KEPT = """await Promise.all((await (await caches.open("runbook")).keys()).map(async (key) =>
  [key.url, new TextDecoder("latin1").decode(await (await (await caches.open("runbook")).match(key)).arrayBuffer())]))"""
WRONG_SCHEME = """$ docker login r.example:5000
Error response from daemon: Get "https://r.example:5000/v2/": http: server gave HTTP response to HTTPS client"""


@pytest.mark.timeout(600)
def test_every_fault_of_the_embedded_lab_gets_the_same_verdict_under_webassembly(
    site: Path, pyodide: Path, tmp_path: Path
) -> None:
    node = shutil.which("node")
    if not node:
        cannot("node is not here")
    none = tmp_path / "none.json"
    none.write_text("[]")
    driver = ROOT / "tests/lab/verdicts.py"
    words = [str(node), str(HERE / "wasm.mjs"), str(pyodide), str(site / "runbook.zip"), str(driver), str(none)]
    told = []
    for way in ([*words, str(tmp_path)], [sys.executable, str(driver)]):
        done = subprocess.run(
            way, capture_output=True, text=True, timeout=500, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == 0, done.stderr[-1500:]
        told.append(json.loads(done.stdout))
    wasm, native = told
    assert wasm == native
    assert set(native) == set(FAULTS)


ROUND = "headers.1.2"


def by_hand(page: "Page", press: Callable[[str], str], same: Practice) -> None:
    """What was done in a round without a browser, done with the buttons of the page."""
    for event in same._log.events:
        given = event.given
        if event.do == "ask":
            asking = Asked(**given)
            page.fill("#expect", next(o.predicted for o in same.observations() if o.asked == asking))
            for name, value in given.items():
                page.fill(f"#{name}", value) if name == "path" else page.select_option(f"#{name}", value)
            press("[data-do=ask]")
        elif event.do == "look":
            page.select_option("#file", given["name"])
            assert given["name"] in press("[data-do=look]")
        elif event.do == "logs":
            press(f"[data-service={given['service']}]")
        elif event.do == "files":
            ((file, text),) = given["written"].items()
            page.select_option("#target", file)
            page.fill("#text", text)
        elif event.do == "apply":
            assert "Applied." in press("[data-do=apply]")
        elif event.do == "name":
            page.select_option("#cause", given["cause"])
            page.select_option("#cite", [str(n) for n in given["cite"]])
            press("[data-do=name]")
        elif event.do == "rival":
            page.select_option("#rival", given["cause"])
            page.select_option("#against", str(given["cite"][0]))
            press("[data-do=rule_out]")


@pytest.mark.timeout(600)
def test_a_round_is_played_in_the_browser_with_the_network_cut_off(site: Path, address: str, tmp_path: Path) -> None:
    with cut_off(f"{address}/practice.html", "#begin") as tab:
        page = tab.page

        def press(selector: str) -> str:
            page.click(selector)
            page.wait_for_selector("#begin:not([disabled])", timeout=60_000)
            assert page.inner_text("#state") == "Done."
            return str(page.inner_text("#seen"))

        page.select_option("#step", ROUND.partition(".")[0])
        page.fill("#number", ROUND.split(".")[1])
        press("#begin")
        assert page.url.endswith(f"#{ROUND}")
        page.locator("details").evaluate_all("all => all.forEach(d => { d.name = ''; d.open = true })")
        with without_sockets():
            same = Practice.again(ROUND)
            learners.careful(same)
            by_hand(page, press, same)
            points = same.verdict().points
            same.close()
        said = press("[data-do=check]")
        assert f"correct · {points} of 100 points" in said
        assert "What a fix changes" in said
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(tmp_path / "round.jsonl")
        asked = tab.asked[tab.loaded :]
        assert asked == [u for u in asked if u.startswith("blob:")]
        assert tab.complaints == []
    # The log of the tab is replayed and judged as any other.
    assert points >= 90
    assert replay(tmp_path / "round.jsonl").points == points


def test_a_hostile_name_stays_inside() -> None:
    """The page lays files out by their names: none may climb out of the folder of the incident."""
    node = shutil.which("node")
    if not node:
        cannot("node is not here")
    text = (ROOT / "runbook/site/diagnose.js").read_text(encoding="utf-8")
    function = text[text.index("function below") : text.index("async function diagnose")]
    names = ["../../etc/passwd", "/etc/passwd", "a/./b/../c", "", "..", "x" * 3 + "/.env"]
    done = subprocess.run(
        [str(node), "-e", f"{function}; console.log(JSON.stringify({json.dumps(names)}.map(below)))"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == ["etc/passwd", "etc/passwd", "a/b/c", "file", "file", "xxx/.env"]


# ---- the gallery -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("message", "case"), gallery.INCIDENTS)
def test_the_message_stands_in_the_incident_and_the_cause_is_its_own(message: str, case: str) -> None:
    with incident(ROOT / "tests" / "cases" / f"{case}.yaml") as request:
        folder = Path(request.paths[0])
        assert any(message in file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file())
        run = diagnose(collect(request, Vault()))
    assert run.diagnosis.causes[0].cause == case.partition("/")[0]


def test_an_incident_of_the_gallery_is_a_report_with_its_notebooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "INCIDENTS", gallery.INCIDENTS[:1])
    assert gallery.build(tmp_path, ROOT / "tests" / "cases", lambda line: None) == 1
    page = (tmp_path / "gallery" / "index.html").read_text()
    for link in re.findall(r'href="([^".#]+/[^"#]+)"', page):
        assert (tmp_path / "gallery" / link).is_file(), link
    notebook = json.loads(
        (tmp_path / "gallery" / "authorization-stripped-bad-site-of-another-name" / "case.ipynb").read_text()
    )
    assert any(cell.get("outputs") for cell in notebook["cells"])
    assert (
        "failed:"
        not in (tmp_path / "gallery" / "authorization-stripped-bad-site-of-another-name" / "report.html").read_text()
    )


def test_a_gallery_needs_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "build", str(tmp_path / "site"), "--gallery"]) == 2
    assert "--cases tests/cases" in capsys.readouterr().err


# ---- the notebooks in a browser ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory, pyodide: Path) -> Path:
    """The site with JupyterLite; the case notebook shows the demo."""
    environment = tmp_path_factory.mktemp("lite") / "env"
    done = subprocess.run([str(ROOT / ".ci/lite/make"), str(environment)], capture_output=True, text=True, timeout=400)
    if done.returncode:
        cannot(f"JupyterLite cannot be had: {done.stderr[-200:]}")
    folder = tmp_path_factory.mktemp("site") / "site"
    words = ["site", "build", str(folder), "--pyodide", str(pyodide), "--jupyterlite", str(environment)]
    assert main(words) == 0
    case = folder / "lite/files/case.ipynb"
    text = case.read_text(encoding="utf-8")
    assert 'lab_fault: str = \\"\\"' in text
    case.write_text(text.replace('lab_fault: str = \\"\\"', 'lab_fault: str = \\"demo\\"'), encoding="utf-8")
    return folder


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("notebook", "said"),
    [("case.ipynb", "Fault: authorization-stripped"), ("lab/practice.ipynb", "Causes to choose from")],
)
def test_a_notebook_runs_in_jupyterlite_and_asks_no_other_host(lite: Path, notebook: str, said: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if not chromium:
        cannot("Chromium is not here")
    with serving(lite) as address, playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.goto(f"{address}/lite/lab/index.html?path={notebook}")
        page.wait_for_selector(".jp-Notebook", timeout=300_000)
        page.wait_for_selector('[data-status="idle"]', state="attached", timeout=300_000)
        shown = page.locator(f".jp-OutputArea-output:has-text('{said}')").first
        for _ in range(4):  # what is run while a cold kernel starts can get lost, although JupyterLite shows it idle
            page.click('.lm-MenuBar-itemLabel:text-is("Run")')
            page.click('.lm-Menu-itemLabel:text-is("Run All Cells")')
            with contextlib.suppress(playwright.TimeoutError):
                shown.wait_for(state="attached", timeout=90_000)
                break
        assert shown.count()
        if notebook == "case.ipynb":  # the form works without a thread, and says what it cannot do
            page.click('button:text-is("Run")')
            page.wait_for_selector(".rb-console:has-text('Nothing to diagnose')", timeout=300_000)
            page.click('label:has-text("a practice incident in the lab")')
            page.click('button:text-is("Run")')
            page.wait_for_selector(".rb-console:has-text('a form cannot ask the lab')", timeout=300_000)
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
        browser.close()


def test_jupyterlite_needs_its_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "build", str(tmp_path / "site"), "--jupyterlite", str(tmp_path)]) == 2
    assert "needs --pyodide" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"\.ci/lite/make"):
        check(tmp_path)
