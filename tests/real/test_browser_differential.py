"""What `runbook.stack.browser` foretells, put before real Chromium: is a preflight sent, and may the page read the answer?"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from runbook.model import Headers
from runbook.stack.browser import needs_preflight, preflight_refusal, refusal
from tests.real.programs import need

ALLOW, CONSENT = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
METHODS, NAMES = "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"


@dataclass
class Case:
    """A request of a page, and what the server answers to it and to its preflight. {page} is the page's origin."""

    method: str = "GET"
    sent: Headers = ()
    credentials: bool = False
    answer: Headers = ()
    status: int = 200
    preflight: Headers = ()
    preflight_status: int = 204
    asked: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.method} {dict(self.sent)} {'with' if self.credentials else 'without'} login: {self.answer} | {self.preflight_status} {self.preflight}"


def _simple() -> Iterator[Case]:
    origins: list[tuple[str, ...]] = [
        (), ("*",), ("{page}",), ("http://other.example:8080",), ("{page}/",), ("null",), ("https://localhost:8080",),
        ("{page}", "{page}"), ("{page}, http://other.example",), ("*", "{page}"), ("{PAGE}",), ("localhost",), ("",),
    ]  # fmt: skip
    for allowed, login in itertools.product(origins, (False, True)):
        rows = tuple((ALLOW, value) for value in allowed)
        yield Case(credentials=login, answer=(*rows, (CONSENT, "true")))
    for value in ("true", "True", "TRUE", "1", "false", " true "):
        yield Case(credentials=True, answer=((ALLOW, "{page}"), (CONSENT, value)))
    yield Case(credentials=True, answer=((ALLOW, "{page}"), (CONSENT, "true"), (CONSENT, "true")))
    yield Case(credentials=True, answer=((ALLOW, "{page}"),))
    for status in (401, 404, 500):
        yield Case(status=status, answer=((ALLOW, "{page}"),))
        yield Case(status=status)


def _preflighted() -> Iterator[Case]:
    good = ((ALLOW, "{page}"), (CONSENT, "true"))
    for login, methods in itertools.product((False, True), ("", "DELETE", "delete", "*", "GET, DELETE", "GET,HEAD")):
        rows = ((METHODS, methods),) if methods else ()
        yield Case("DELETE", credentials=login, answer=good, preflight=(*good, *rows))
    for status in (200, 202, 204, 301, 401, 403, 404, 405, 500):
        yield Case("DELETE", answer=good, preflight=(*good, (METHODS, "DELETE")), preflight_status=status)
    for origin in ("*", "{page}", "http://other.example"):
        for login in (False, True):
            yield Case(
                "PUT", credentials=login, answer=good, preflight=((ALLOW, origin), (CONSENT, "true"), (METHODS, "PUT"))
            )
    yield Case("PUT", credentials=True, answer=good, preflight=((ALLOW, "{page}"), (METHODS, "PUT")))
    yield Case("DELETE", answer=(), preflight=(*good, (METHODS, "DELETE")))
    yield Case("DELETE", answer=good, preflight=(*good, (METHODS, "GET"), (METHODS, "DELETE")))
    for method, methods in (("PATCH", "PATCH"), ("PATCH", "patch"), ("patch", "PATCH"), ("patch", "patch")):
        yield Case(method, answer=good, preflight=(*good, (METHODS, methods)))
    header_sets: list[Headers] = [
        (("Authorization", "Basic eA=="),),
        (("X-Custom", "1"),),
        (("Authorization", "Basic eA=="), ("X-Custom", "1")),
        (("Accept", "application/vnd.docker.distribution.manifest.v2+json"),),
        (("Accept", "a" * 129),),
        (("Accept", "text/html(x)"),),
        (("Content-Type", "application/json"),),
        (("Content-Type", "text/plain"),),
        (("Content-Type", "text/plain; charset=utf-8"),),
        (("Accept-Language", "de-DE, en;q=0.5"),),
        (("Accept-Language", "de@x"),),
        (("Range", "bytes=0-100"),),
        (("Range", "bytes=-100"),),
        (("Cache-Control", "no-cache"),),
    ]
    for sent, names, login in itertools.product(
        header_sets, ("", "*", "authorization", "AUTHORIZATION, x-custom"), (False, True)
    ):
        rows = ((NAMES, names),) if names else ()
        yield Case(sent=sent, credentials=login, answer=good, preflight=(*good, *rows))
    for kind in ("application/json", "text/plain"):
        yield Case("POST", sent=(("Content-Type", kind),), answer=good, preflight=good)
    yield Case("HEAD", answer=good)
    yield Case("HEAD", sent=(("X-Custom", "1"),), answer=good, preflight=(*good, (NAMES, "x-custom")))


CASES = [*_simple(), *_preflighted()]


class _Server(ThreadingHTTPServer):
    """Answers as the case of the query says."""

    daemon_threads = True
    page = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "case" not in query:
            self._send(200, (("Content-Type", "text/html"),), b"<!doctype html><title>page</title>")
            return
        case = CASES[int(query["case"][0])]
        case.asked[self.command] += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self.command == "OPTIONS"
        self._send(
            case.preflight_status if asked else case.status,
            (*(case.preflight if asked else case.answer), ("Location", "/elsewhere")),
            b"" if asked else b"{}",
        )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_patch = _answer

    def _send(self, status: int, rows: Headers, body: bytes) -> None:
        self.send_response(status)
        for name, value in filled(rows, self.server.page):
            self.send_header(name, value)
        self.send_header("Content-Length", str(0 if status == 204 else len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def filled(rows: Headers, page: str) -> Headers:
    return tuple((n, v.replace("{page}", page).replace("{PAGE}", page.upper())) for n, v in rows)


def foretold(case: Case, page: str) -> tuple[bool, bool]:
    """Whether a preflight is sent, and whether the page may read the answer."""
    asks = needs_preflight(case.method, case.sent)
    if asks:
        names = [n for n, v in case.sent if needs_preflight("GET", [(n, v)])]
        rows = filled(case.preflight, page)
        if preflight_refusal(page, case.method, names, case.preflight_status, rows, credentials=case.credentials):
            return True, False
    return asks, refusal(page, filled(case.answer, page), credentials=case.credentials) is None


_RUN = """async ([base, cases]) => Promise.all(cases.map(async ([number, method, sent, credentials]) => {
  try {
    const answer = await fetch(`${base}/v2/?case=${number}`,
      {method, headers: sent, credentials: credentials ? "include" : "omit", redirect: "manual", cache: "no-store"});
    return answer.type !== "opaque" && answer.type !== "error";
  } catch { return false; }
}))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    made.page = f"http://localhost:{made.server_address[1]}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def _ran(page: Page, base: str, cases: list[Case]) -> list[bool]:
    rows = [[n, c.method, dict(c.sent), c.credentials] for n, c in enumerate(cases)]
    found: list[bool] = page.evaluate(_RUN, [base, rows])
    return found


def test_chromium_does_what_is_foretold(browser: Browser, server: _Server) -> None:
    page = browser.new_page()
    page.goto(server.page)
    readable = _ran(page, f"http://127.0.0.1:{server.server_address[1]}", CASES)
    wrong = []
    for case, read in zip(CASES, readable, strict=True):
        asks, reads = foretold(case, server.page)
        happened = (case.asked["OPTIONS"] > 0, read)
        if happened != (asks, reads):
            wrong.append(f"{case}: foretold {(asks, reads)}, was {happened}")
    assert len(CASES) >= 60
    assert not wrong, "\n".join(wrong)


def test_a_page_reads_its_own_origin_without_any_header(browser: Browser, server: _Server) -> None:
    page = browser.new_page()
    page.goto(server.page)
    number = next(n for n, c in enumerate(CASES) if c.method == "DELETE" and not c.answer)
    before = CASES[number].asked.copy()
    assert page.evaluate(_RUN, [server.page, [[number, "DELETE", {"X-Custom": "1"}, True]]]) == [True]
    assert CASES[number].asked - before == Counter(DELETE=1)
