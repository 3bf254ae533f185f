"""How a change in a proxy's configuration reaches the process, for each way in which the process gets its files."""

import subprocess
from pathlib import Path

import pytest

from runbook.rules.base import Facts
from runbook.rules.hop_edits import delete_command
from runbook.rules.reloads import proxy_fix, reload
from tests.case_files import Case, judge
from tests.real.programs import need

NGINX = "server {\n  listen 80;\n  location /v2/ {\n    proxy_pass http://store:5000;\n  }\n}\n"
CADDY = ":80 {\n\treverse_proxy store:5000\n}\n"
HAPROXY = "frontend f\n  bind :80\n  default_backend b\nbackend b\n  server s store:5000\n"
APACHE = "<VirtualHost *:80>\n  ProxyPass /v2/ http://store:5000/v2/\n</VirtualHost>\n"
DYNAMIC = """http:
  routers: {r: {rule: "PathPrefix(`/v2`)", service: s}}
  services: {s: {loadBalancer: {servers: [{url: "http://store:5000"}]}}}
"""
LABELS = "    labels: ['traefik.http.routers.r.rule=PathPrefix(`/v2`)']\n"


def facts_of(folder: Path, files: dict[str, str]) -> Facts:
    run = judge(Case(folder / "case.yaml", "", (), {}, files, {}, {}), folder)
    return Facts(run.evidence, run.stack, run.traffic)


def compose(image: str, mount: str = "", labels: str = "") -> str:
    mounts = f"    volumes: ['{mount}']\n" if mount else ""
    return f"services:\n  edge:\n    image: {image}\n{mounts}  store:\n    image: registry:3\n{labels}"


ONE = [
    ("nginx:1.27", "./edge/site.conf:/etc/nginx/conf.d/default.conf:ro", "edge/site.conf", NGINX),
    ("caddy:2", "./Caddyfile:/etc/caddy/Caddyfile", "Caddyfile", CADDY),
    ("haproxy:3", "./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg", "haproxy.cfg", HAPROXY),
    ("httpd:2.4", "./apache.conf:/usr/local/apache2/conf/extra/apache.conf", "apache.conf", APACHE),
    ("traefik:v3.1", "./dynamic.yml:/etc/traefik/dynamic.yml", "dynamic.yml", DYNAMIC),
]
FOLDER = [
    ("nginx:1.27", "./conf.d:/etc/nginx/conf.d", "conf.d/site.conf", NGINX, "exec edge nginx -s reload"),
    ("caddy:2", "./caddy:/etc/caddy", "caddy/Caddyfile", CADDY, "exec edge caddy reload --config /etc/caddy/Caddyfile"),
    ("haproxy:3", "./conf:/usr/local/etc/haproxy", "conf/haproxy.cfg", HAPROXY, "kill -s HUP edge"),
    ("httpd:2.4", "./conf:/usr/local/apache2/conf/extra", "conf/apache.conf", APACHE, "exec edge httpd -k graceful"),
]


@pytest.mark.parametrize(("image", "mount", "path", "text"), ONE, ids=[o[0] for o in ONE])
def test_a_file_mounted_by_itself_needs_a_new_container(
    image: str, mount: str, path: str, text: str, tmp_path: Path
) -> None:
    facts = facts_of(tmp_path, {"docker-compose.yml": compose(image, mount), path: text})
    done = reload(facts, facts.stack.routes[0])
    assert list(map(str, done.commands)) == ["docker compose up -d --force-recreate edge"]
    assert "single file" in done.applies


@pytest.mark.parametrize(("image", "mount", "path", "text", "expected"), FOLDER, ids=[f[0] for f in FOLDER])
def test_a_mounted_folder_needs_a_reload(
    image: str, mount: str, path: str, text: str, expected: str, tmp_path: Path
) -> None:
    facts = facts_of(tmp_path, {"docker-compose.yml": compose(image, mount), path: text})
    done = reload(facts, facts.stack.routes[0])
    assert list(map(str, done.commands)) == [f"docker compose {expected}"]
    assert "folder" in done.applies


def test_traefik_watches_a_mounted_folder(tmp_path: Path) -> None:
    files = {"docker-compose.yml": compose("traefik:v3.1", "./dynamic:/etc/traefik/dynamic"), "dynamic/d.yml": DYNAMIC}
    facts = facts_of(tmp_path, files)
    done = reload(facts, facts.stack.routes[0])
    assert done.commands == ()
    assert "watches" in done.applies


def test_labels_belong_to_the_service_that_carries_them(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"docker-compose.yml": compose("traefik:v3.1", labels=LABELS)})
    route = facts.stack.routes[0]
    assert route.service == "edge"
    assert list(map(str, reload(facts, route).commands)) == ["docker compose up -d store"]


def test_the_environment_of_the_ui_is_that_of_its_service(tmp_path: Path) -> None:
    text = """services:
  panel:
    image: joxit/docker-registry-ui:2.6.0
    environment: [NGINX_PROXY_PASS_URL=http://store:5000]
  store: {image: "registry:3"}
"""
    facts = facts_of(tmp_path, {"docker-compose.yml": text})
    assert list(map(str, reload(facts, facts.stack.routes[0]).commands)) == ["docker compose up -d panel"]


def test_a_file_that_no_mount_shows_may_be_in_the_image(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"docker-compose.yml": compose("nginx:1.27"), "site.conf": NGINX})
    done = reload(facts, facts.stack.routes[0])
    assert list(map(str, done.commands)) == ["docker compose exec edge nginx -s reload"]
    assert "build the image again" in done.applies


def test_without_compose_the_program_runs_on_the_host(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"site.conf": NGINX})
    assert list(map(str, reload(facts, facts.stack.routes[0]).commands)) == ["sudo nginx -s reload"]


def test_without_a_route_nothing_is_reloaded(tmp_path: Path) -> None:
    fix = proxy_fix(facts_of(tmp_path, {"site.conf": NGINX}), None, "Search")
    assert (fix.commands, fix.applies) == ((), "")


def test_the_command_that_deletes_a_secret_leaves_no_copy_and_can_be_repeated(tmp_path: Path) -> None:
    need("perl")
    line = '    proxy_set_header Authorization "Basic bWFhdDpOZWJlbCFob3JuLTQ=";\n'
    text = NGINX.replace("    proxy_pass", f"{line}    proxy_pass")
    facts = facts_of(tmp_path, {"site.conf": text})
    edit = facts.stack.routes[0].edit("Authorization")
    assert edit is not None
    (command,) = delete_command(facts.evidence, edit)
    for _ in range(2):
        subprocess.run(["sh", "-c", str(command)], cwd=tmp_path, check=True)
        assert (tmp_path / "site.conf").read_text() == NGINX
    assert [p.name for p in tmp_path.iterdir()] == ["site.conf"]
