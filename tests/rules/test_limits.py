"""What HAProxy itself blocks (termination state PR) never reaches the registry, also in the middle of a push."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

PUSH = (
    "$ skopeo copy --dest-creds zi:Lehm-77 oci:./x:v1 docker://cr.o.example/x:v1\nGetting image source signatures\n"
    'time="2026-11-28T02:01:02Z" level=fatal msg="writing blob: uploading layer chunked: StatusCode: 429, <html>"\n'
)
LOGIN = "$ docker login cr.o.example -u zi\nPassword:\nLogin Succeeded\n"
ROW = (
    '10.20.0.31:42364 [28/Nov/2026:02:01:02.606] fe~ fe/<NOSRV> 0/-1/-1/-1/0 {status} 225 - - PR-- 1/1/0/0/0 0/0 "{request} '
    'HTTP/1.1"\n'
)


def head(folder: Path, client: str, status: int, request: str) -> tuple[str, str | None]:
    log = ROW.format(status=status, request=request)
    return ask_files(folder, {"s.txt": client.encode(), "haproxy.log": log.encode()}).head


@pytest.mark.parametrize("status", [403, 429])
def test_what_it_blocks_is_a_rule_of_its_own(status: int, tmp_path: Path) -> None:
    told = PUSH.replace("429", str(status))
    assert head(tmp_path, told, status, "PATCH /v2/x/blobs/uploads/01a") == ("fault", "access-denied-by-rule")


def test_a_login_that_it_asks_for_is_no_such_rule(tmp_path: Path) -> None:
    assert head(tmp_path, LOGIN, 401, "GET /v2/")[1] != "access-denied-by-rule"


def test_neither_is_what_it_blocks_of_another_path(tmp_path: Path) -> None:
    assert head(tmp_path, LOGIN, 429, "GET /wiki/Start") == ("healthy", None)
