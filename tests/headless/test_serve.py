"""`runbook serve`: the case as a page, on loopback only."""

import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from runbook.cli import main
from runbook.headless.limits import MOST
from tests.real.hops import free_port


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, int]]:
    """The base address and the token of a page that is served."""
    if find_spec("voila") is None:
        pytest.skip("Voilà is not installed")
    yield from serving(f"--folder={tmp_path_factory.mktemp('nothing')}")


@pytest.fixture(scope="module")
def served_case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, int]]:
    """The same of an incident's page."""
    if find_spec("voila") is None:
        pytest.skip("Voilà is not installed")
    folder = tmp_path_factory.mktemp("incident")
    (folder / "nginx.conf").write_text(
        'server { location /v2/ { proxy_pass http://registry:5000; proxy_set_header Authorization ""; } }\n'
    )
    yield from serving(str(folder), f"--folder={tmp_path_factory.mktemp('case')}", "--theme=dark")


def serving(*arguments: str) -> Iterator[tuple[str, str, int]]:
    command = [sys.executable, "-m", "runbook", "serve", *arguments, "--no-browser", f"--port={free_port()}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout
        address = next(
            m for line in process.stdout if (m := re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\w{32,})", line))
        )
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield address[1], address[2], process.pid
    finally:
        process.terminate()
        process.wait(20)


def asked(url: str, **headers: str) -> tuple[int, str]:
    """Status and text of a page, redirects not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def kernels(server: int) -> int:
    """Kernels that run below the server."""
    found = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0] == str(server) and "ipykernel_launcher" in line for line in found.splitlines())


def test_without_an_incident_it_is_the_form(served: tuple[str, str, int]) -> None:
    base, token, _ = served
    status, page = asked(f"{base}/?token={token}")
    assert status == 200
    assert '<p class="rb-lead">Nothing to diagnose' in page
    assert "application/vnd.jupyter.widget-view+json" in page, "the form"
    assert "Case.open" not in page


def test_a_case_is_served_without_lessons_and_dead_links(served_case: tuple[str, str, int]) -> None:
    base, token, _ = served_case
    status, page = asked(f"{base}/?token={token}")
    assert status == 200
    assert '<div class="rb-verdict fault"' in page, "as HTML, which needs no script to be seen"
    assert re.findall(r"""(?:src|href)=["']?((?:https?:)?//[^"'> ]+)""", page) == [], (
        "nothing is fetched from elsewhere"
    )
    assert "Case.open" not in page
    assert re.search(r"<title>\s*(?:DEMO: )?Fault: authorization-stripped · ", page), "what, and where"
    assert 'data-jp-theme-light="false"' in page
    assert "Shift+Enter" not in page
    assert re.findall(r'href="([^"]*\.ipynb)"', page) == []


@pytest.mark.parametrize(
    "path", ["/", "/?token=", "/?token=0123456789abcdef", "/api/kernels", "/voila/files/case-page.ipynb"]
)
def test_nobody_else_comes_in(path: str, served: tuple[str, str, int]) -> None:
    base, _, server = served
    before = kernels(server)
    status, page = asked(base + path)
    assert status in (302, 403, 404)
    assert "rb-verdict" not in page
    assert kernels(server) == before, "and no kernel is started for it"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8866", "127.0.0.1.evil.example"])
def test_another_name_that_leads_here_is_refused(host: str, served: tuple[str, str, int]) -> None:
    """A page of somebody else's, whose name has got the address 127.0.0.1 meanwhile."""
    base, token, _ = served
    assert asked(f"{base}/?token={token}", Host=host)[0] == 403
    path = "/api/kernels/00000000-0000-0000-0000-000000000000/channels"
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec_WebSocket_Version": "13",
    }
    assert asked(f"{base}{path}?token={token}", Host=host, Origin=f"http://{host}", **upgrade)[0] == 403
    assert asked(f"{base}{path}?token={token}", Origin="http://evil.example", **upgrade)[0] in (403, 404)


def test_kernels_are_few(served: tuple[str, str, int]) -> None:
    base, token, server = served
    for _ in range(7):
        assert asked(f"{base}/?token={token}")[0] in (200, 503)
    assert kernels(server) <= MOST


def test_without_voila_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runbook.headless.commands.find_spec", lambda _: None)
    assert main(["serve"]) == 2
    assert "registry-runbook[serve]" in capsys.readouterr().err
