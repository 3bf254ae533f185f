"""Fixes for faults as they lie about in real life: in another file, an include, a Define, a Location. The real `patch` takes
them, and the files then show the fault no more. All ran on real programs."""

import subprocess
from pathlib import Path

import pytest

from runbook.parse.apache import parse_apache_files
from runbook.parse.caddy import parse_caddy_files
from runbook.redact import Vault
from tests.real.programs import need
from tests.test_spared_sites import DIRECT, REFUSED, REGISTRY, SERVED, Stack, found

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
