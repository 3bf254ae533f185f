"""What a proxy's file says of the header, and what the registry's log and the rest of the file say against it."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

HTPASSWD = b"ma:$2y$05$m69BmdoYLMmsd4sqoQMTv.6kd81oMWvXNvMbMiepaFQ4rn1X5rQjO\n"
ASKED = (
    "$ curl -i -u ma:Ocker-3 https://cr.o.example/v2/\nHTTP/2 {status}\ndate: Sat, 28 Nov 2026 0{hour}:05:22 GMT\nserver: {server}\n"
    'docker-distribution-api-version: registry/2.0\nwww-authenticate: Basic realm="r"\n\n{{}}\n'
)
LOG = (
    'time="2026-11-28T02:05:22.8Z" level=info msg="user failed to authenticate" error="crypto/bcrypt: hashedPassword is not the '
    'hash of the given password" go.version=go1.26.8 http.request.host=cr.o.example http.request.id=01a http.request.method=GET '
    "http.request.remoteaddr=10.20.0.31 http.request.uri=/v2/ http.request.useragent=curl/7.88.1 username={user} version=v3.1.1\n"
)
CADDY = b"cr.o.example {\n\trequest_header -Authorization\n\treverse_proxy registry:5000\n}\n"


def refused(hour: int = 2) -> bytes:
    return ASKED.format(status="401 Unauthorized", hour=hour, server="Caddy").encode()


def test_a_password_that_was_compared_has_arrived(tmp_path: Path) -> None:
    files = {
        "htpasswd": HTPASSWD,
        "Caddyfile": CADDY,
        "s.txt": refused(),
        "registry.log": LOG.format(user="ma").encode(),
    }
    assert ask_files(tmp_path, files).head == ("fault", "htpasswd-wrong-password")


@pytest.mark.parametrize(("hour", "user"), [(5, "ma"), (2, "otto")])
def test_that_of_another_time_or_user_is_another_request(hour: int, user: str, tmp_path: Path) -> None:
    log = LOG.format(user=user).encode()
    files = {"htpasswd": HTPASSWD, "Caddyfile": CADDY, "s.txt": refused(hour), "registry.log": log}
    assert ask_files(tmp_path, files).first == "authorization-stripped"


NGINX = """server {{
    listen 443 ssl;
    server_name cr.o.example;
    client_max_body_size 0;
    {more}
    location / {{
        proxy_pass http://registry:5000;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
        {header}
    }}
}}
"""
SERVED = (
    ASKED.format(status="200 OK", hour=2, server="nginx").replace('www-authenticate: Basic realm="r"\n', "").encode()
)


def nginx(folder: Path, more: str, header: str = "") -> list[str]:
    """Causes and warnings beside a login that works."""
    conf = NGINX.format(more=more, header=header).encode()
    answer = ask_files(folder, {"hub.conf": conf, "s.txt": SERVED})
    return answer.causes("causes", "warnings")


@pytest.mark.parametrize(
    "agents", ["(nikto|zgrab)", "(MJ12bot|AhrefsBot|SemrushBot)", "Qwertzbot", "(sqlmap|xyzzy-spy)"]
)
def test_a_rule_against_bots_turns_no_client_away(agents: str, tmp_path: Path) -> None:
    assert nginx(tmp_path, f"if ($http_user_agent ~* {agents}) {{ return 403; }}") == []


def test_one_that_fits_docker_does(tmp_path: Path) -> None:
    conf = NGINX.format(more="if ($http_user_agent ~* (docker|zgrab)) { return 403; }", header="").encode()
    assert ask_files(tmp_path, {"hub.conf": conf}).first == "user-agent-filter"


SET = 'set $auth $http_authorization; if ($uri ~ {path}) {{ set $auth ""; }}'


@pytest.mark.parametrize(("path", "said"), [("^/track", []), ("^/v2", ["authorization-stripped"])])
def test_a_variable_that_only_another_path_empties_is_the_clients_own(
    path: str, said: list[str], tmp_path: Path
) -> None:
    assert nginx(tmp_path, SET.format(path=path), "proxy_set_header Authorization $auth;") == said
