"""Fixes for faults as they lie about in real life: in another file, an include, a Define, a Location. The real `patch` takes
them, and the files then show the fault no more. All ran on real programs."""

import subprocess
from pathlib import Path

import pytest

from runbook.parse.apache import parse_apache_files
from runbook.parse.caddy import parse_caddy_files
from runbook.redact import Vault
from tests.case_files import Case, judge
from tests.real.programs import need
from tests.test_spared_sites import DIRECT, REFUSED, REGISTRY, SERVED, UPLOAD, Stack, found

OPEN_PING = (
    f"$ curl -sSi http://registry.example.com/v2/\n{SERVED}"
    f"$ curl -sSi http://registry.example.com/v2/_catalog\n{REFUSED}"
)
NOT_FOUND = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 404 Not Found\nContent-Type: text/plain; charset=utf-8\n"
    "X-Content-Type-Options: nosniff\nServer: nginx/1.22.1\n\n404 page not found\n" + DIRECT
)
DOWN = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 503 Service Unavailable\nServer: Apache/2.4.71 (Debian)\n"
    "Content-Type: text/html; charset=iso-8859-1\n\n<html><address>Apache/2.4.71 (Debian) Server at registry.example.com Port 80</address></html>\n"
    + DIRECT
)
BARRED = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 401 Unauthorized\nServer: Apache/2.4.71 (Debian)\n"
    'WWW-Authenticate: Basic realm="Intranet"\nContent-Type: text/html; charset=iso-8859-1\n\n<html></html>\n' + DIRECT
)
PING = "location = /v2/ {\n\tadd_header Docker-Distribution-Api-Version registry/2.0 always;\n\treturn 200 '{}';\n}\n"
MACRO = (
    "<Macro Site $name $target>\n<VirtualHost *:80>\n    ServerName $name\n    ProxyPreserveHost On\n    ProxyPass / http://$target/\n"
    "</VirtualHost>\n</Macro>\nUse Site registry.example.com ${BACKEND}:${REGPORT}\nUse Site wiki.example.com ${BACKEND}:8081\n"
)
DEFINES = "Define BACKEND 127.0.0.1\nDefine REGPORT 5500\nServerTokens Prod\n<IfModule mod_ssl.c>\n</IfModule>\n"
STACKS = {
    "an upstream block in another file": Stack(
        "upstream-wrong-port",
        {
            "etc/docker/registry/config.yml": REGISTRY["etc/docker/registry/config.yml"].replace(
                "127.0.0.1:5000", "127.0.0.1:5000, debug: {addr: 127.0.0.1:5001}"
            ),
            "etc/nginx/conf.d/upstreams.conf": "upstream wiki { server 127.0.0.1:8081; }\nupstream registry { server 127.0.0.1:5001; }\n",
            "etc/nginx/sites-enabled/registry": "server {\n\tlisten 80;\n\tserver_name registry.example.com;\n\tclient_max_body_size 0;\n"
            "\tlocation / { proxy_set_header Host $http_host; proxy_pass http://registry; }\n}\n",
            "etc/nginx/nginx.conf": "events {}\nhttp {\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n}\n",
        },
        {"etc/nginx/conf.d/upstreams.conf": "upstream wiki { server 127.0.0.1:8081; }\nupstream registry { server 127.0.0.1:5000; }\n"},
        transcript=NOT_FOUND,
    ),
    "a location in a file of its own": Stack(
        "ping-not-challenged",
        {
            "etc/nginx/snippets/ping.conf": PING,
            "etc/nginx/sites-enabled/registry": "server {\n\tlisten 80;\n\tserver_name registry.example.com;\n\tinclude snippets/ping.conf;\n"
            "\tlocation /v2/ {\n\t\tproxy_set_header Host $http_host;\n\t\tproxy_pass http://127.0.0.1:5000;\n\t}\n}\n",
        },
        {"etc/nginx/snippets/ping.conf": ""},
        transcript=OPEN_PING,
    ),
    "Apache's ProxyPass in a Location": Stack(
        "proxy-pass-uri-rewrite",
        {"etc/apache2/sites-enabled/registry.conf": "<VirtualHost *:80>\n    ServerName registry.example.com\n    ProxyPreserveHost On\n"
         "    <Location /v2/>\n        ProxyPass http://127.0.0.1:5000/\n        ProxyPassReverse http://127.0.0.1:5000/\n    </Location>\n"
         "    <Location /wiki/>\n        ProxyPass http://127.0.0.1:8081/\n    </Location>\n</VirtualHost>\n"},
        {"etc/apache2/sites-enabled/registry.conf": "    <Location /v2/>\n        ProxyPass http://127.0.0.1:5000/v2/\n"
         "        ProxyPassReverse http://127.0.0.1:5000/v2/\n    </Location>\n    <Location /wiki/>\n        ProxyPass http://127.0.0.1:8081/\n"},
        transcript=NOT_FOUND.replace("nginx/1.22.1", "Apache/2.4.71"),
    ),
    "Apache's login in a Location that several include": Stack(
        "double-auth-one-header",
        {
            "etc/apache2/intranet.inc": '<Location />\n    AuthType Basic\n    AuthName "Intranet"\n    AuthUserFile /etc/apache2/users\n    Require valid-user\n</Location>\n',
            "etc/apache2/sites-enabled/all.conf": "<VirtualHost *:80>\n    ServerName registry.example.com\n    Include /etc/apache2/intranet.inc\n"
            "    ProxyPreserveHost On\n    ProxyPass / http://127.0.0.1:5000/\n</VirtualHost>\n<VirtualHost *:80>\n    ServerName wiki.example.com\n"
            "    Include /etc/apache2/intranet.inc\n    ProxyPass / http://127.0.0.1:8081/\n</VirtualHost>\n",
        },
        {"etc/apache2/sites-enabled/all.conf": "    ServerName registry.example.com\n    ProxyPreserveHost On\n"},
        kept=("etc/apache2/intranet.inc",),
        transcript=BARRED,
    ),
}  # fmt: skip


def test_apaches_define_and_macro_are_followed_from_one_file_to_the_next(tmp_path: Path) -> None:
    files = {"etc/apache2/sites-enabled/sites.conf": MACRO, "etc/apache2/conf-enabled/defines.conf": DEFINES}
    routes = [r for r in parse_apache_files(files, Vault()) if r.kind == "proxy"]
    assert [(r.server_names, r.upstream_hosts) for r in routes] == [
        (("registry.example.com",), (("127.0.0.1", 5500),)),
        (("wiki.example.com",), (("127.0.0.1", 8081),)),
    ]
    assert [str(r.upstream_place) for r in routes] == [f"etc/apache2/sites-enabled/sites.conf:{n}" for n in (8, 9)]
    stack = Stack("upstream-wrong-port", files, {})
    assert found(stack, REGISTRY | files | {"transcript.txt": DOWN}, tmp_path / "case") is not None


@pytest.mark.parametrize("name", STACKS)
def test_the_diff_mends_it(name: str, tmp_path: Path) -> None:
    stack = STACKS[name]
    files = REGISTRY | stack.files
    first = found(stack, files | {"transcript.txt": stack.transcript}, tmp_path / "case")
    assert first is not None
    assert first.fix.patch, first.fix
    program = need("patch")
    done = subprocess.run(
        [program, "-p1", "-F0"], input=first.fix.patch.encode(), cwd=tmp_path / "case", capture_output=True
    )
    assert done.returncode == 0, done.stdout.decode()
    left = {path: tmp_path / "case" / path for path in files}
    after = {path: file.read_text() if file.exists() else "" for path, file in left.items()}
    for path, text in stack.wanted.items():
        assert text in after[path], after[path]
    for path in stack.kept:
        assert after[path] == files[path]
    assert found(stack, after, tmp_path / "again") is None


def test_a_definition_of_another_server_is_not_taken() -> None:
    files = {"a/conf-enabled/x.conf": "RequestHeader unset Authorization\n", "b/sites-enabled/s.conf": "<VirtualHost *:80>\nProxyPass / http://r:5000/\n</VirtualHost>\n"}  # fmt: skip
    (route,) = (r for r in parse_apache_files(files, Vault()) if r.kind == "proxy")
    assert route.request_headers == ()
    near = {"b/" + name[2:]: text for name, text in files.items()}
    (route,) = (r for r in parse_apache_files(near, Vault()) if r.kind == "proxy")
    assert [e.name for e in route.request_headers] == ["Authorization"]


def test_apaches_macros_that_use_each_other_end() -> None:
    text = "<Macro A $x>\nUse B $x\n</Macro>\n<Macro B $x>\nUse A $x\n</Macro>\nUse A 1\n"
    with pytest.raises(ValueError, match="use each other"):
        parse_apache_files({"httpd.conf": text}, Vault())


def test_caddys_files_that_import_each_other_end() -> None:
    files = {"Caddyfile": "import a.caddy\n", "a.caddy": "import Caddyfile\n:80 {\nreverse_proxy r:5000\n}\n"}
    routes = parse_caddy_files(files, Vault())
    assert {r.upstream_hosts for r in routes} <= {(("r", 5000),)}


def test_a_snippet_of_another_file_is_followed() -> None:
    files = {
        "caddy/Caddyfile": "import snippets/*\nimport sites/*\n",
        "caddy/snippets/up": "(up) {\nreverse_proxy {args[0]} {\nheader_up -Authorization\n}\n}\n",
        "caddy/sites/registry": "registry.example.com {\nimport up r:5000\n}\n",
        "other/sites/wiki": "wiki.example.com {\nreverse_proxy w:80\n}\n",
    }
    first, second = parse_caddy_files(files, Vault())
    assert (first.server_names, first.upstream_hosts) == (("registry.example.com",), (("r", 5000),))
    assert [str(e.place) for e in first.request_headers] == ["caddy/snippets/up:3"]
    assert second.server_names == ("wiki.example.com",)


PUSHED = (
    "$ docker login hub.oven.example\nUsername: kai\nPassword:\nLogin Succeeded\n$ docker push {}\n"
    "The push refers to repository [docker.io/library/rye]\n9a1c5e2f0b77: Preparing\ndenied: requested access to the resource is denied\n"
)


@pytest.mark.parametrize(
    ("typed", "commands"),
    [
        ("rye:4", ("docker tag rye:4 hub.oven.example/rye:4", "docker push hub.oven.example/rye:4")),
        ("rye", ("docker tag rye hub.oven.example/rye", "docker push hub.oven.example/rye")),
        # The password of the login beside it, typed as a tag by mistake: it is in no command.
        ("rye:Holunder-77", ("docker tag rye hub.oven.example/rye", "docker push hub.oven.example/rye")),
    ],
)
def test_the_tag_that_was_pushed_is_tagged(typed: str, commands: tuple[str, ...], tmp_path: Path) -> None:
    terminal = f"$ curl -sSi -u kai:Holunder-77 https://hub.oven.example/v2/\n{SERVED}" + PUSHED.format(typed)
    first = found(Stack("image-name-without-registry", {}, {}), {"terminal.txt": terminal}, tmp_path / "case")
    assert first is not None
    assert first.fix.command_lines == commands


AGENTS = (
    "$ curl -sSi -A docker/24.0 http://registry.example.com/v2/\nHTTP/1.1 404 Not Found\nServer: nginx/1.22.1\nContent-Type: text/html\n\n"
    f"<html><center>nginx/1.22.1</center></html>\n$ curl -sSi http://registry.example.com/v2/\n{REFUSED}"
)
SITE = "server {\n\tlisten 80;\n\tserver_name registry.example.com;\n\tinclude snippets/bots.conf;\n\tlocation / {\n\t\tproxy_set_header Host $http_host;\n\t\tproxy_pass http://127.0.0.1:5000;\n\t}\n}\n"
SPARED = (
    "set $agent_outside_v2 $http_user_agent;\nif ($uri ~ ^/v2/) { set $agent_outside_v2 \"\"; }\nif ($agent_outside_v2 ~* {0}"
)  # fmt: skip


@pytest.mark.parametrize("programs", ["(bot|docker)", "(bot|crawl|docker)"])
def test_a_rule_on_the_agent_spares_v2_and_stays_elsewhere(programs: str, tmp_path: Path) -> None:
    """The second list has a word that is masked: no diff may quote it, so a command changes the line."""
    files = REGISTRY | {
        "etc/nginx/snippets/bots.conf": f"if ($http_user_agent ~* {programs}) {{\n    return 404;\n}}\n",
        "etc/nginx/sites-enabled/registry": SITE,
    }
    stack = Stack("user-agent-filter", {}, {})
    first = found(stack, files | {"transcript.txt": AGENTS}, tmp_path / "case")
    assert first is not None
    if first.fix.patch:
        subprocess.run([need("patch"), "-p1", "-F0"], input=first.fix.patch.encode(), cwd=tmp_path / "case", check=True)
    for command in [c for c in first.fix.command_lines if c.startswith("perl")] * 2:
        subprocess.run(command, shell=True, cwd=tmp_path / "case", check=True)
    assert (tmp_path / "case/etc/nginx/snippets/bots.conf").read_text() == (
        SPARED.replace("{0}", programs) + ") {\n    return 404;\n}\n"
    )


ACCESS = '127.0.0.1 - anna [28/Nov/2026:02:00:0{} +0000] "{} HTTP/1.1" {} 170 "-" "curl/7.88.1"\n'
PASSED = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 200 OK\nServer: nginx/1.22.1\nDate: Sat, 28 Nov 2026 02:10:00 GMT\n"
    "Content-Type: application/json; charset=utf-8\nDocker-Distribution-Api-Version: registry/2.0\nX-Content-Type-Options: nosniff\n\n{}\n"
)
TOO_LARGE = (
    "2026/11/28 02:00:05 [error] 119#119: *9 client intended to send too large body: 3001173 bytes, client: 127.0.0.1, "
    'server: registry.example.com, request: "PATCH /v2/app/blobs/uploads/1 HTTP/1.1", host: "registry.example.com"\n'
)
PUSH = "$ docker push registry.example.com/app:1\n9a1c5e2f0b77: Pushed\n1: digest: sha256:" + "a" * 64 + " size: 528\n"
PROXIED = SITE.replace("\tinclude snippets/bots.conf;\n", "\tclient_max_body_size 0;\n")


@pytest.mark.parametrize(
    ("log", "transcript"),
    [
        ({"access.log": ACCESS.format(1, "GET /v2/", 404)}, PASSED),
        ({"access.log": ACCESS.format(1, "GET /v2/", 401)}, PASSED),
        (
            {
                "access.log": ACCESS.format(1, "GET /v2/", 404)
                .replace("- anna", "- -")
                .replace("curl/7.88.1", "Docker-Client/28.2.2 (linux)")
            },
            PASSED + PUSH,
        ),
        ({"error.log": TOO_LARGE, "access.log": ACCESS.format(1, "PATCH /v2/app/blobs/uploads/1", 413)}, PASSED + PUSH),
    ],
    ids=["not-found", "refused", "by-docker", "too-large"],
)
def test_what_was_served_since_ends_the_proxys_old_log(log: dict[str, str], transcript: str, tmp_path: Path) -> None:
    def verdict(name: str, files: dict[str, str]) -> str:
        (tmp_path / name).mkdir()
        return judge(
            Case(Path("x/y.yaml"), "", ("--user", "anna"), {}, files, {}, {}), tmp_path / name
        ).diagnosis.verdict

    old = REGISTRY | {"etc/nginx/sites-enabled/registry": PROXIED} | log
    assert verdict("mended", old | {"now.txt": transcript}) == "healthy"
    # Near misses: served before the log's lines; another user; a second site of the same nginx, which may be the log's.
    before = transcript.replace("02:10:00 GMT", "01:10:00 GMT")
    assert verdict("before", old | {"now.txt": before}) != "healthy"
    other = {"etc/nginx/sites-enabled/second": PROXIED.replace("registry.example", "second.example")}
    assert verdict("second", old | other | {"now.txt": transcript}) != "healthy"
    if "Docker" in log["access.log"]:
        assert (
            verdict("curl", old | {"now.txt": PASSED}) != "healthy"
        )  # another program's success says nothing of docker
    elif "error.log" not in log:
        assert verdict("ben", old | {"now.txt": transcript.replace("-u anna", "-u ben")}) != "healthy"


GATEWAY = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 502 Bad Gateway\nServer: nginx/1.22.1\nContent-Type: text/html\n\n"
    "<html><center>nginx/1.22.1</center></html>\n"
)
NOT_UP = (
    "2026/11/28 02:00:05 [error] 119#119: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, "
    'server: registry.example.com, request: "GET /v2/ HTTP/1.1", upstream: "http://127.0.0.1:5000/v2/", host: "registry.example.com"\n'
)


@pytest.mark.parametrize(("bound", "blamed"), [("127.0.0.1:5000", False), ("127.0.0.1:5001", True)])
def test_a_registry_bound_to_loopback_is_not_sought_by_name(bound: str, blamed: bool, tmp_path: Path) -> None:
    """It was down; the printed diff named a host that nobody knows, and nginx would not have started again. Bound to
    another port it is no witness for this upstream."""
    (config,) = REGISTRY
    files = {config: REGISTRY[config].replace("127.0.0.1:5000", bound)}
    files |= {"etc/nginx/sites-enabled/registry": PROXIED, "error.log": NOT_UP, "transcript.txt": GATEWAY}
    (tmp_path / "case").mkdir()
    run = judge(Case(Path("x/y.yaml"), "", ("--user", "anna"), {}, files, {}, {}), tmp_path / "case")
    named = {c.cause for c in run.diagnosis.causes} & {"upstream-is-localhost", "upstream-wrong-port"}
    assert bool(named) == blamed
    assert blamed or not any(c.fix.patch for c in run.diagnosis.causes)


PAGE = (
    "$ curl -sSi -u anna http://registry.example.com/v2/\nHTTP/1.1 200 OK\nServer: nginx/1.22.1\nContent-Type: text/html\n\n<html>UI</html>\n"
    + DIRECT
)
HUB = "server {\n\tlisten 80;\n\tserver_name hub.example.com;\n\tlocation /v2/ {\n\t\tproxy_set_header Host $http_host;\n\t\tproxy_pass http://127.0.0.1:5000;\n\t}\n}\n"


@pytest.mark.parametrize(
    ("listen", "proto"), [("80", ""), ("443 ssl", "        proxy_set_header X-Forwarded-Proto $scheme;\n")]
)
def test_the_site_that_has_the_name_gets_the_route(listen: str, proto: str, tmp_path: Path) -> None:
    """Another site of the same nginx has it already; the registry is no container, and answered on loopback."""
    files = REGISTRY | {
        "etc/nginx/sites-enabled/00-ui": f"server {{\n\tlisten {listen};\n\tserver_name registry.example.com;\n\troot /var/www/html;\n}}\n",
        "etc/nginx/sites-enabled/10-hub": HUB,
    }
    page = PAGE.replace("http://registry", "https://registry") if proto else PAGE
    first = found(Stack("no-v2-route", {}, {}), files | {"transcript.txt": page}, tmp_path / "case")
    assert first is not None
    assert first.fix.patch
    subprocess.run([need("patch"), "-p1", "-F0"], input=first.fix.patch.encode(), cwd=tmp_path / "case", check=True)
    after = (tmp_path / "case/etc/nginx/sites-enabled/00-ui").read_text()
    assert (
        f"        proxy_pass http://127.0.0.1:5000;\n        proxy_set_header Host $http_host;\n{proto}    }}\n"
        in after
    )
    assert (tmp_path / "case/etc/nginx/sites-enabled/10-hub").read_text() == HUB


def test_the_words_of_a_unit_are_no_complaint(tmp_path: Path) -> None:
    unit = (
        "[Unit]\nDescription=Registry\n\n[Service]\nExecStart=/usr/bin/registry serve /etc/c.yml\nRestart=on-failure\n"
    )
    for name, text, told in (
        ("registry.service", unit, False),
        ("ticket.md", "Hello, our registry fails since Monday.\n", True),
        ("mail.conf", "Hello, our registry fails since Monday.\n", True),
    ):
        (tmp_path / name).mkdir()
        files = REGISTRY | {name: text}
        run = judge(Case(Path("x/y.yaml"), "", (), {}, files, {}, {}), tmp_path / name)
        assert any("tells of a trouble" in p.message for p in run.evidence.problems) == told, name


def test_a_program_that_was_served_since_is_not_kept_out(tmp_path: Path) -> None:
    line = '127.0.0.1 - {} [28/Nov/2026:02:00:0{} +0000] "GET /v2/ HTTP/1.1" {} 170 "-" "{}"\n'
    log = line.format("anna", 1, 200, "curl/7.88.1") + line.format("-", 2, 404, "skopeo/1.9.3")
    push = "$ skopeo copy docker://a/b:1 docker://registry.example.com/app:1\n{}Writing manifest to image destination\nStoring signatures\n"
    files = REGISTRY | {"etc/nginx/sites-enabled/registry": PROXIED, "access.log": log}
    stack = Stack("user-agent-filter", {}, {})
    assert found(stack, files | {"now.txt": PASSED}, tmp_path / "before") is not None
    assert found(stack, files | {"now.txt": PASSED + push.format("")}, tmp_path / "since") is None


ANCHORED = """\
x-auth: &auth
  - REGISTRY_AUTH=htpasswd
  - REGISTRY_AUTH_HTPASSWD_REALM=Registry
  - REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd
  - REGISTRY_HTTP_SECRET=Holunder-77-geheim
services:
  registry:
    image: registry:2.8.1
    ports: ["5000:5000"]
    environment: *auth
    volumes: ["./auth:/etc/auth", "data:/var/lib/registry"]
volumes: {data: {}}
"""


@pytest.mark.parametrize("as_map", [False, True])
def test_variables_of_a_fragment_can_be_changed_and_hide_their_secrets(as_map: bool, tmp_path: Path) -> None:
    compose = ANCHORED
    if as_map:
        head, rest = ANCHORED.split("services:")
        compose = head.replace("  - ", "  ").replace("=", ": ") + "services:" + rest
    files = {
        "docker-compose.yml": compose,
        "auth/htpasswd": "anna:$2y$05$pXsyKVrECLLQdGcAwF4h2uDrCpZkVGMV4ffu2MGVDCzT3vWn3Dnpi\n",
        "registry.log": 'registry  | time="2026-11-28T02:00:00Z" level=warning msg="htpasswd is missing, provisioning with default user" password=x user=docker\n',
        "transcript.txt": f"$ curl -sSi -u anna http://localhost:5000/v2/\n{REFUSED}",
    }
    first = found(Stack("htpasswd-path-mismatch", {}, {}), files, tmp_path / "case")
    assert first is not None
    assert first.fix.patch
    assert "Holunder" not in first.fix.patch
    subprocess.run([need("patch"), "-p1", "-F0"], input=first.fix.patch.encode(), cwd=tmp_path / "case", check=True)
    after = (tmp_path / "case/docker-compose.yml").read_text()
    assert after == compose.replace("/auth/htpasswd", "/etc/auth/htpasswd", 1)


@pytest.mark.parametrize(
    ("host", "cause"), [("$http_host", "http-host-wrong"), ("$upstream_name", "location-header-wrong-host")]
)
def test_a_name_that_no_hop_sent_is_the_registrys(host: str, cause: str, tmp_path: Path) -> None:
    """REGISTRY_HTTP_HOST stood in a drop-in of the unit; the proxy, which sends the client's Host, was blamed."""
    sent = UPLOAD.replace("https://registry.example.com:8443/", "http://registry.example.com/")
    sent = sent.replace("Location: https://registry.example.com/", "Location: https://old-hub.example.com/")
    files = REGISTRY | {"etc/nginx/sites-enabled/registry": PROXIED.replace("$http_host", host), "transcript.txt": sent}
    first = found(Stack(cause, {}, {}), files, tmp_path / "case")
    assert first is not None
