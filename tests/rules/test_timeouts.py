"""Nothing comes back: that says nothing of the container, and less where the registry serves others meanwhile."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

ASKED = "$ curl -v -m 5 http://cr.o.example:5000/v2/\n*   Trying 10.20.0.5:5000...\n{said}\n"
TIMEOUT = "* Connection timed out after 5002 milliseconds\ncurl: (28) Connection timed out after 5002 milliseconds"
REFUSED = "curl: (7) Failed to connect to cr.o.example port 5000: Connection refused"
SERVED = (
    'time="2026-11-28T02:38:00.8Z" level=info msg="response completed" auth.user.name=kies go.version=go1.26.8 '
    'http.request.host="cr.o.example:5000" http.request.id=01a http.request.method=GET http.request.remoteaddr=10.20.0.32 '
    'http.request.uri=/v2/ http.response.status=200 version=v3.1.1\n10.20.0.32 - - [28/Nov/2026:02:38:00 +0000] "GET /v2/ HTTP/1.1" '
    '200 2 "" "docker/27.3.1"\n'
)


@pytest.mark.parametrize(("said", "word"), [(TIMEOUT, "packets are dropped"), (REFUSED, "its container is down")])
def test_a_timeout_blames_no_container(said: str, word: str, tmp_path: Path) -> None:
    answer = ask_files(tmp_path, {"c.txt": ASKED.format(said=said).encode()})
    assert answer.report is not None
    assert answer.head == ("fault", "registry-unreachable")
    assert word in answer.report["causes"][0]["summary"]


@pytest.mark.parametrize(("said", "verdict"), [(TIMEOUT, "inconclusive"), (REFUSED, "fault")])
def test_others_who_are_served_meanwhile_make_it_this_clients(said: str, verdict: str, tmp_path: Path) -> None:
    files = {"c.txt": ASKED.format(said=said).encode(), "registry.log": SERVED.encode()}
    assert ask_files(tmp_path, files).verdict == verdict
