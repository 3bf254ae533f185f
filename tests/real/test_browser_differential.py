"""What `runbook.stack.browser` foretells, put before real Chromium: may the page read the answer?"""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from runbook.model import Headers
from runbook.stack.browser import refusal

ALLOW, CONSENT = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"


@dataclass
class Case:
    """A simple call of a page, and what the server answers to it. {page} is the page's origin."""

    credentials: bool = False
    answer: Headers = ()
    status: int = 200
    asked: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{'with' if self.credentials else 'without'} login: {self.status} {self.answer}"


def _cases() -> Iterator[Case]:
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


CASES = list(_cases())


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
        self._send(case.status, case.answer, b"{}")

    do_GET = do_DELETE = do_OPTIONS = _answer

    def _send(self, status: int, rows: Headers, body: bytes) -> None:
        self.send_response(status)
        for name, value in filled(rows, self.server.page):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def filled(rows: Headers, page: str) -> Headers:
    return tuple((n, v.replace("{page}", page).replace("{PAGE}", page.upper())) for n, v in rows)


_RUN = """async ([base, cases]) => Promise.all(cases.map(async ([number, method, sent, credentials]) => {
  try {
    const answer = await fetch(`${base}/v2/?case=${number}`,
      {method, headers: sent, credentials: credentials ? "include" : "omit", redirect: "manual", cache: "no-store"});
    return answer.type !== "opaque" && answer.type !== "error";
  } catch { return false; }
}))"""


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    made = _Server(("127.0.0.1", 0), _Handler)
    made.page = f"http://localhost:{made.server_address[1]}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def _ran(page: Page, base: str, cases: list[Case]) -> list[bool]:
    rows = [[n, "GET", {}, c.credentials] for n, c in enumerate(cases)]
    found: list[bool] = page.evaluate(_RUN, [base, rows])
    return found


def test_chromium_does_what_is_foretold(browser: Browser, server: _Server) -> None:
    page = browser.new_page()
    page.goto(server.page)
    readable = _ran(page, f"http://127.0.0.1:{server.server_address[1]}", CASES)
    wrong = []
    for case, read in zip(CASES, readable, strict=True):
        reads = refusal(server.page, filled(case.answer, server.page), credentials=case.credentials) is None
        if read != reads or case.asked["OPTIONS"]:
            wrong.append(f"{case}: foretold {reads}, was {read}")
    assert len(CASES) >= 30
    assert not wrong, "\n".join(wrong)


def test_a_page_reads_its_own_origin_without_any_header(browser: Browser, server: _Server) -> None:
    page = browser.new_page()
    page.goto(server.page)
    number = next(n for n, c in enumerate(CASES) if not c.answer)
    before = CASES[number].asked.copy()
    assert page.evaluate(_RUN, [server.page, [[number, "DELETE", {"X-Custom": "1"}, True]]]) == [True]
    assert CASES[number].asked - before == Counter(DELETE=1)
