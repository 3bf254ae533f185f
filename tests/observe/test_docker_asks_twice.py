"""docker asks without a login first: of a refused login through a sound nginx both requests arrive, each as it was."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

AGENT = "docker/26.1.4 go/go1.21.11"
NGINX = '10.20.0.31 - {user} [28/Nov/2026:03:22:13 +0000] "GET /v2/ HTTP/1.1" 401 87 "-" "' + AGENT + '"\n'
ROW = '172.18.0.3 - - [28/Nov/2026:03:22:13 +0000] "GET /v2/ HTTP/1.0" 401 87 "" "' + AGENT + '"\n'
FIELDS = (
    "go.version=go1.19.8 http.request.host=cr.o.example http.request.id={id} http.request.method=GET http.request.remoteaddr="
    '"172.18.0.3:58334" http.request.uri=/v2/ http.request.useragent="' + AGENT + '"\n'
)
ANONYMOUS = (
    'time="2026-11-28T03:22:13.1{id}Z" level=warning msg="error authorizing context: basic authentication challenge for realm '
    '\\"r\\": invalid authorization credential" ' + FIELDS + ROW
)
KIM = (
    'time="2026-11-28T03:22:13.1{id}Z" level=error msg="error authenticating user \\"kim\\": authentication failure" '
    + FIELDS
    + ROW
)
SESSION = (
    b"$ docker login cr.o.example -u kim\nPassword:\nError response from daemon: login attempt to https://cr.o.example/v2/ failed "
    b"with status: 401 Unauthorized\n"
)


def causes(folder: Path, registry: str) -> list[str]:
    access = NGINX.format(user="-") + NGINX.format(user="kim")
    files = {"s.txt": SESSION, "access.log": access.encode(), "registry.log": registry.encode()}
    return ask_files(folder, files).causes("causes", "warnings")


@pytest.mark.parametrize("first", [ANONYMOUS, KIM], ids=["in order", "the other way"])
def test_each_line_has_its_own_pair(first: str, tmp_path: Path) -> None:
    second = KIM if first is ANONYMOUS else ANONYMOUS
    assert "authorization-stripped" not in causes(tmp_path, first.format(id=1) + second.format(id=2))


def test_a_login_that_never_arrives_is_lost(tmp_path: Path) -> None:
    assert causes(tmp_path, ANONYMOUS.format(id=1) + ANONYMOUS.format(id=2))[0] == "authorization-stripped"


CODE = "$ curl -sS -o /dev/null -w '%{{http_code}}\\n' -u kim https://cr.o.example{path}\n{code}\n"


@pytest.mark.parametrize(("path", "verdict"), [("/v2/", "healthy"), ("/v2/_catalog", "inconclusive")])
def test_our_own_check_shows_that_a_login_works_where_it_was_refused(path: str, verdict: str, tmp_path: Path) -> None:
    session = CODE.format(path=path, code=401) + CODE.format(path="/v2/", code=200)
    assert ask_files(tmp_path, {"s.txt": session.encode()}).verdict == verdict
