"""Commands are for what the reader was seen to have, and a check is made as a user who can pass it."""

from pathlib import Path

from runbook.model import Finding
from tests.case_files import Case, judge

TIMED_OUT = """$ docker login -u ana reg.lark.example
Password:
Error response from daemon: Get "https://reg.lark.example/v2/": net/http: request canceled while waiting for connection \
(Client.Timeout exceeded while awaiting headers)
"""
COMPOSE = "services:\n  registry:\n    image: registry:3\n    ports: ['5000:5000']\n"
TRAEFIK = """services:
  traefik:
    image: traefik:v3.1
    command: [--providers.docker=true, --providers.docker.exposedbydefault=false, --entrypoints.web.address=:80]
    ports: ['80:80']
  registry:
    image: registry:3
    labels:
      - traefik.http.routers.reg.rule=Host(`reg.lark.example`)
      - traefik.http.services.reg.loadbalancer.server.port=5000
"""
NOT_TAKEN = """$ curl -i http://reg.lark.example/v2/
HTTP/1.1 404 Not Found
Content-Type: text/plain; charset=utf-8
X-Content-Type-Options: nosniff
Content-Length: 19

404 page not found
"""
APACHE = """<VirtualHost *:80>
  ServerName reg.lark.example
  ProxyPreserveHost On
  <Location /v2/>
    AuthType Basic
    AuthName "Gate"
    AuthUserFile /etc/apache2/gate.htpasswd
    Require valid-user
    ProxyPass http://10.0.0.4:5000/v2/
  </Location>
</VirtualHost>
"""
PAST_THE_GATE = """$ curl -v -u gate:four-Small-Words http://reg.lark.example/v2/
> GET /v2/ HTTP/1.1
> Host: reg.lark.example
> Authorization: Basic Z2F0ZTpmb3VyLVNtYWxsLVdvcmRz
>
< HTTP/1.1 401 Unauthorized
< Server: Apache/2.4.57 (Debian)
< Content-Type: application/json
< Docker-Distribution-Api-Version: registry/2.0
< Www-Authenticate: Basic realm="Registry Realm"
<
"""
BCRYPT = "ana:$2y$05$mHLzggLtBBEzvSOQki19d.8yez/84InNA16RZtJATb13wtbf/uoDa\n"


def first(folder: Path, files: dict[str, str]) -> Finding:
    return judge(Case(folder / "case.yaml", "", (), {}, files, {}, {}), folder).diagnosis.causes[0]


def test_who_showed_no_compose_file_gets_no_compose_command(tmp_path: Path) -> None:
    found = first(tmp_path, {"session.txt": TIMED_OUT})
    assert found.cause == "registry-unreachable"
    assert found.fix.commands == ()
    assert "container" not in found.summary, "a timeout tells of no container"


def test_who_showed_one_does(tmp_path: Path) -> None:
    found = first(tmp_path, {"session.txt": TIMED_OUT.replace(".example/", ".example:5000/"), "compose.yml": COMPOSE})
    assert [str(c).split()[:3] for c in found.fix.commands] == [
        ["docker", "compose", "ps"],
        ["docker", "compose", "logs"],
    ]


def test_a_router_that_traefik_leaves_out_needs_no_further_route(tmp_path: Path) -> None:
    found = first(tmp_path, {"docker-compose.yml": TRAEFIK, "curl.txt": NOT_TAKEN})
    assert found.cause == "no-v2-route"
    assert "traefik.enable=true" in found.fix.summary
    assert "Add a /v2/ route" not in found.fix.summary
    assert found.edits == ()


def test_a_router_for_another_name_is_still_renamed(tmp_path: Path) -> None:
    found = first(tmp_path, {"docker-compose.yml": TRAEFIK.replace("reg.lark", "rge.lark"), "curl.txt": NOT_TAKEN})
    assert "instead of rge.lark.example" in found.fix.summary


def test_a_login_is_checked_as_a_user_of_the_registry(tmp_path: Path) -> None:
    found = first(tmp_path, {"registry.conf": APACHE, "curl.txt": PAST_THE_GATE, "htpasswd": BCRYPT})
    assert found.cause == "double-auth-one-header"
    assert "-u ana " in str(found.fix.verify[0])


def test_a_certificate_is_put_under_the_name_of_the_complaint(tmp_path: Path) -> None:
    text = 'Error response from daemon: Get "https://reg.lark.example:5000/v2/": x509: certificate signed by unknown authority\n'
    found = first(tmp_path, {"daemon.txt": text})
    assert found.cause == "tls-ca-not-trusted"
    assert "/etc/docker/certs.d/reg.lark.example:5000" in str(found.fix.commands[0])
    assert "https://reg.lark.example:5000/v2/" in str(found.fix.verify[0])
