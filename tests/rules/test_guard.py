"""nginx or Apache asks for the login in the registry's place: what they say of a user is the cause, by their own file."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

CONF = b"""server {
    listen 443 ssl;
    server_name cr.o.example;
    client_max_body_size 0;
    auth_basic "Registry";
    auth_basic_user_file /etc/nginx/cr.htpasswd;
    location / {
        proxy_pass http://172.18.0.2:5000;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto https;
    }
}
"""
FILE = b"kim:$apr1$k2s9Qd1x$M0YV3yqk0B7lqJr0wDkXm1\n"
NGINX = (
    '2026/11/28 03:24:13 [error] 14584#14584: *2 user "{user}"{said}, client: 10.20.0.31, server: cr.o.example, request: '
    '"GET {path} HTTP/1.1", host: "cr.o.example"\n'
)
MISSING, MISMATCH = ' was not found in "/etc/nginx/cr.htpasswd"', ": password mismatch"
SESSION = (
    b"$ docker login -u lea cr.o.example\nPassword: \nError response from daemon: login attempt to https://cr.o.example/v2/ failed "
    b"with status: 401 Unauthorized\n"
)


def files(said: str, user: str = "lea", path: str = "/v2/", session: bytes = SESSION) -> dict[str, bytes]:
    log = NGINX.format(user=user, said=said, path=path).encode()
    return {"cr.conf": CONF, "cr.htpasswd": FILE, "error.log": log, "s.txt": session}


@pytest.mark.parametrize(("said", "cause"), [(MISSING, "htpasswd-user-missing"), (MISMATCH, "htpasswd-wrong-password")])
def test_what_the_guard_says_of_the_user_is_the_cause(said: str, cause: str, tmp_path: Path) -> None:
    answer = ask_files(tmp_path, files(said))
    assert answer.report is not None
    assert answer.head == ("fault", cause)
    assert answer.report["causes"][0]["fix"]["commands"] == ["htpasswd /etc/nginx/cr.htpasswd lea"]
    assert "htpasswd-not-bcrypt" not in answer.causes("causes", "warnings", "also_seen")


LOGIN = b"$ docker login -u kim cr.o.example\nPassword: \nLogin Succeeded\n"


@pytest.mark.parametrize(
    "more",
    [
        files(MISSING, "admin", session=LOGIN),
        files(MISMATCH, "kim", path="/wiki/", session=LOGIN),
        {**files(MISSING, session=LOGIN), "docker-compose.yml": b"services: {registry: {image: 'registry:2', environment: "
         b"{REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /a/h}}}\n"},
    ],
    ids=["a name that scanners try", "another path", "the registry asks, too"],
)  # fmt: skip
def test_of_somebody_else_it_is_none(more: dict[str, bytes], tmp_path: Path) -> None:
    first = ask_files(tmp_path, more).first
    assert first not in ("htpasswd-user-missing", "htpasswd-wrong-password")
