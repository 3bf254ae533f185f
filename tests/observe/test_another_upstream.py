"""A proxy's trouble with a server to which no request of the registry leads; and a service that Compose does not start."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

LOGIN = b"$ docker login hub.o.example -u ar\nPassword:\nLogin Succeeded\n"
APACHE = """<VirtualHost *:443>
    ServerName hub.o.example
    ProxyPreserveHost On
    RequestHeader set X-Forwarded-Proto "https"
    <Location /wiki>
        ProxyPass http://172.18.0.6:8080/wiki
    </Location>
    <Location /v2/>
        ProxyPass http://172.18.0.2:5000/v2/
        ProxyPassReverse http://172.18.0.2:5000/v2/
    </Location>
</VirtualHost>
"""
ERROR = (
    "[Sat Nov 28 02:00:55.916499 2026] [proxy:error] [pid 11675:tid 11682] (111)Connection refused: AH00957: http: attempt to "
    "connect to {host}:{port} ({host}:{port}) failed\n[Sat Nov 28 02:00:55.916576 2026] [proxy_http:error] [pid 11675:tid 11682] "
    "[client 10.20.0.31:42296] AH01114: HTTP: failed to make connection to backend: {host}\n"
)


@pytest.mark.parametrize(
    ("host", "port", "verdict"), [("172.18.0.6", 8080, "healthy"), ("172.18.0.2", 5000, "inconclusive")]
)
def test_only_what_leads_to_the_registry_counts(host: str, port: int, verdict: str, tmp_path: Path) -> None:
    files = {
        "client.txt": LOGIN,
        "hub.conf": APACHE.encode(),
        "apache-error.log": ERROR.format(host=host, port=port).encode(),
    }
    answer = ask_files(tmp_path, files)
    assert (answer.verdict == "healthy") == (verdict == "healthy"), answer.printed[:800]


COMPOSE = """services:
  registry:
    image: registry:2
    environment: {{REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: Dev, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}}
    ports: ["5000:5000"]
    volumes: ["./htpasswd:/auth/htpasswd:ro", "./data:/var/lib/registry"]
  seed:
    image: registry:2
    {profile}
    environment: {{REGISTRY_AUTH: htpasswd}}
"""
HTPASSWD = b"anna:$2y$05$m69BmdoYLMmsd4sqoQMTv.6kd81oMWvXNvMbMiepaFQ4rn1X5rQjO\n"


@pytest.mark.parametrize(("profile", "verdict"), [("profiles: [never]", "healthy"), ("restart: always", "fault")])
def test_a_service_behind_a_profile_is_not_judged_as_running(profile: str, verdict: str, tmp_path: Path) -> None:
    files = {"docker-compose.yml": COMPOSE.format(profile=profile).encode(), "htpasswd": HTPASSWD}
    assert ask_files(tmp_path, files).verdict == verdict
