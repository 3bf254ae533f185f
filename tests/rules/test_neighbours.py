"""What stands beside the registry (other sites, other ports, other registries, containers of its pod) is not its fault."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.model import Diagnosis
from runbook.redact import Vault

USERS = "max:$2y$05$jCnlO8/iYGlL7KEQTToKreXBw1lftLmxIsfjbk1Z2eUPw71clKYj6\n"
REGISTRY = """\
services:
  registry:
    image: registry:2.8.3
    {ports}
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes: ["./auth:/auth", "data:/var/lib/registry"]
"""


def judged(folder: Path, files: dict[str, str]) -> Diagnosis:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault())).diagnosis


def cause(found: Diagnosis) -> str:
    return found.causes[0].cause if found.verdict == "fault" else found.verdict


PROXY = """\
  proxy:
    image: {image}
    ports: ["80:80", "443:443"]
    volumes: ["./{file}:{path}:ro"]
    networks: [default, shared]
volumes: {{data: {{}}}}
networks: {{shared: {{external: {external}}}}}
"""
NGINX = """\
server {
  listen 80;
  server_name depot.kiln.example;
  client_max_body_size 0;
  location /v2/ {
    proxy_pass http://registry:5000;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 900;
  }
}
server { listen 80; server_name charts.kiln.example; location / { proxy_pass http://charts:3000; } }
"""
CADDY = """\
depot.kiln.example {
  reverse_proxy registry:5000
}
charts.kiln.example {
  reverse_proxy charts:3000
}
"""
_NGINX = {"image": "nginx:1.27", "file": "nginx.conf", "path": "/etc/nginx/conf.d/default.conf"}
_CADDY = {"image": "caddy:2", "file": "Caddyfile", "path": "/etc/caddy/Caddyfile"}
UNKNOWN = "upstream-name-not-resolved"


@pytest.mark.parametrize(
    ("program", "conf", "external", "expected"),
    [
        (_NGINX, NGINX, "true", "healthy"),
        (_NGINX, NGINX, "false", UNKNOWN),  # nginx starts for no site while one name is unknown
        (_NGINX, NGINX.replace("charts:3000", "$charts:3000").replace("{ proxy_pass", "{ resolver 127.0.0.11; set $charts charts; proxy_pass"), "false", "healthy"),
        (_NGINX, NGINX.replace("registry:5000", "regsitry:5000"), "true", UNKNOWN),
        (_CADDY, CADDY, "true", "healthy"),
        (_CADDY, CADDY, "false", "healthy"),
        (_CADDY, CADDY.replace("registry:5000", "depot:5000"), "false", UNKNOWN),
    ],
)  # fmt: skip
def test_another_sites_name_is_no_cause_where_the_program_starts(
    program: dict[str, str], conf: str, external: str, expected: str, tmp_path: Path
) -> None:
    compose = REGISTRY.format(ports="expose: [5000]") + PROXY.format(**program, external=external)
    found = judged(tmp_path, {"compose.yml": compose, program["file"]: conf, "auth/htpasswd": USERS})
    assert cause(found) == expected
    if expected == UNKNOWN and "registry:5000" in conf:
        assert "charts" in found.causes[0].fix.summary
        assert "registry" not in found.causes[0].fix.summary


def test_a_proxy_that_does_not_carry_the_registry_is_a_warning(tmp_path: Path) -> None:
    compose = REGISTRY.format(ports='ports: ["5000:5000"]') + PROXY.format(**_NGINX, external="false")
    other = NGINX[NGINX.index("server { listen 80; server_name charts") :]
    found = judged(tmp_path, {"compose.yml": compose, "nginx.conf": other, "auth/htpasswd": USERS})
    assert found.verdict == "healthy"
    assert [w.cause for w in found.warnings] == [UNKNOWN]
