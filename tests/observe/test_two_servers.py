"""The same user at two registries: what works at one says nothing of the other, whatever the port."""

from pathlib import Path

import bcrypt
import pytest

from tests.bundles import ask_files

FILE = b"sud:$apr1$NpOwsZxu$zBBPy0Htr1LW0h5O8CbU//\n"
ASKED = (
    "$ curl -i -u sud:Kessel-2 http://{host}:5000/v2/\nHTTP/1.1 {status}\nDate: Sat, 28 Nov 2026 0{hour}:45:02 GMT\n"
)
LOG = (
    'time="2026-11-28T01:45:02.466Z" level=error msg="error authenticating user \\"sud\\": authentication failure" '
    'go.version=go1.19.8 http.request.host="reg-stg.o.example:5000" http.request.id=3381 http.request.method=GET '
    'http.request.remoteaddr="10.20.0.31:50070" http.request.uri=/v2/ http.request.useragent=curl/7.88.1\n'
)
API = "Docker-Distribution-Api-Version: registry/2.0\n"
REFUSED = (
    ASKED.format(host="reg-stg.o.example", status="401 Unauthorized", hour=1)
    + API
    + 'Www-Authenticate: Basic realm="s"\n\n'
)

STAGING = {"stg/htpasswd": FILE, "stg/registry.log": LOG.encode(), "stg.txt": REFUSED.encode()}


def served(host: str, hour: int = 2) -> str:
    return ASKED.format(host=host, status="200 OK", hour=hour) + API + "\n{}\n"


@pytest.mark.parametrize("hour", [0, 2])
def test_a_success_at_another_name_leaves_the_cause(hour: int, tmp_path: Path) -> None:
    files = {**STAGING, "prod.txt": served("reg.o.example", hour).encode()}
    assert ask_files(tmp_path, files).head == ("fault", "htpasswd-not-bcrypt")


@pytest.mark.parametrize("host", ["reg-stg.o.example", "10.0.0.7", "localhost", "registry"])
def test_a_success_at_what_may_be_the_same_server_ends_it(host: str, tmp_path: Path) -> None:
    files = {**STAGING, "prod.txt": served(host).encode()}
    assert ask_files(tmp_path, files).head[0] != "fault"


TWICE = (
    "$ curl -i -u fiete:{first} http://reg.o.example:5000/v2/\nHTTP/1.1 401 Unauthorized\n" + API + "\n"
    "$ curl -i -u fiete:{second} http://reg.o.example:5000/v2/\nHTTP/1.1 200 OK\n" + API + "\n{{}}\n"
)


def entry(password: str) -> str:
    return f"fiete:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n"


def test_the_older_password_of_a_user_with_two_entries_mends_nothing(tmp_path: Path) -> None:
    """The registry takes the last entry: what somebody added above it never works."""
    session = TWICE.format(first="Krabbe-neu", second="Krabbe-alt").encode()
    twice, once = entry("Krabbe-neu") + entry("Krabbe-alt"), entry("Krabbe-alt")
    files = {"htpasswd": twice.encode(), "s.txt": session}
    assert ask_files(tmp_path / "a", files).head == ("fault", "htpasswd-duplicate-user")
    assert ask_files(tmp_path / "b", {**files, "htpasswd": once.encode()}).head[0] != "fault"
