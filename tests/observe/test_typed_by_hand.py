"""A password typed for one request is left behind by a later login of that user in the same log; a stored one is not."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

ID = 'go.version=go1.26.8 http.request.host="cr.o.example:5000" http.request.id={id} http.request.method={method} http.request.remoteaddr="10.20.0.31:4{id}" http.request.uri={uri} http.request.useragent={agent}'


def row(second: int, message: str, **asked: object) -> str:
    return f'time="2026-11-28T01:53:{second}.000000000Z" level=info msg={message} {ID.format(**asked)} version=v3.1.1\n'


def log(agent: str, later: str) -> str:
    first = {"id": 101, "method": "GET", "uri": "/v2/", "agent": agent}
    second = {"id": 202, "method": "PUT", "uri": "/v2/k/manifests/1", "agent": "skopeo/1.9.3"}
    return (
        row(10, '"user failed to authenticate" error="crypto/bcrypt: hashedPassword is not the hash of the given password"', **first).rstrip() + " username=bot\n"
        + row(10, '"error authorizing context: basic authentication challenge for realm \\"R\\": authentication failure"', **first)
        + f'10.20.0.31 - - [28/Nov/2026:01:53:10 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "{agent}"\n'
        + row(20, f'"authorized request" auth.user.name={later}', **second)
        + row(20, f'"response completed" auth.user.name={later}', **second).rstrip() + " http.response.status=201\n"
        + '10.20.0.31 - - [28/Nov/2026:01:53:20 +0000] "PUT /v2/k/manifests/1 HTTP/1.1" 201 0 "" "skopeo/1.9.3"\n'
    )  # fmt: skip


PUSH = (
    "bot@ci:~$ skopeo copy --dest-creds bot:Kaffee-7 oci:./k:1 docker://cr.o.example:5000/k:1\n"
    "Writing manifest to image destination\nStoring signatures\n"
)


@pytest.mark.parametrize(
    ("agent", "later", "verdict"),
    [
        ("curl/7.88.1", "bot", "healthy"),
        ("docker/27.3.1", "bot", "inconclusive"),  # its stored login fails again
        ("curl/7.88.1", "otto", "inconclusive"),
    ],
)
def test_a_typed_password_is_left_behind(tmp_path: Path, agent: str, later: str, verdict: str) -> None:
    found = ask_files(tmp_path, {"registry.log": log(agent, later).encode(), "push.txt": PUSH.encode()})
    assert (found.verdict == "healthy") is (verdict == "healthy")
