"""One file serves several sites: an edit touches what is on the registry's way, and no other site's lines."""

import subprocess
from pathlib import Path

import pytest

from runbook.model import Finding
from tests.rules.test_printed_fixes import HTPASSWD, REGISTRY, changed, found

CONFIG = REGISTRY + HTPASSWD
CHALLENGED = 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm="Builders"\n\n'
TWICE = f"$ curl -si -u mia:xxxxxx http://hub.example:8080/v2/\n{CHALLENGED}"
TOO_LARGE = """\
$ curl -si -X PATCH -u mia:xxxxxx --data-binary @layer http://hub.example:8080/v2/app/blobs/uploads/1
HTTP/1.1 413 Payload Too Large
content-type: text/html

<html><body><h1>413 Payload Too Large</h1>
The request entity exceeds the maximum allowed.
</body></html>
"""

CADDY = """\
{snippet}http://panel.example:8081 {{
	{panel}
	respond "panel"
}}
http://hub.example:8080 {{
	{hub}
	reverse_proxy 127.0.0.1:5077
}}
"""
LOGIN = "basicauth {\n\t\tfarm {$FARM}\n\t}"
HAPROXY = """\
frontend panel
  bind :8081
{panel}
  http-request return status 200
frontend docker
  bind :8080
{hub}
  use_backend hub if {{ path_beg /v2 }}
  default_backend other
backend other
{other}
  server a 127.0.0.1:3000
backend hub
{behind}
  server a 127.0.0.1:5077
"""
APACHE = """\
<VirtualHost *:8080>
  ServerName hub.example
  ProxyPreserveHost On
  <Location /admin>
{login}
  </Location>
  <Location /v2>
{login}
    ProxyPass http://127.0.0.1:5077/v2
  </Location>
</VirtualHost>
"""
APACHE_LOGIN = '    AuthType Basic\n    AuthName "Builders"\n    AuthUserFile /srv/farm\n    Require valid-user'


def twice(folder: Path, name: str, text: str) -> Finding:
    return found(folder, "double-auth-one-header", {name: text, "config.yml": CONFIG, "curl.txt": TWICE})


def haproxy(**lines: str) -> str:
    return HAPROXY.format(**{"panel": "", "hub": "", "other": "", "behind": ""} | lines)


def test_the_login_of_the_named_line_is_taken_out(tmp_path: Path) -> None:
    """The panel's block is the first of the file, and a placeholder's brace ends no block."""
    text = CADDY.format(snippet="", panel=LOGIN, hub=LOGIN)
    [command, *_] = twice(tmp_path, "Caddyfile", text).fix.commands
    (tmp_path / "Caddyfile").write_text(text)
    for _ in range(2):  # the second time it deletes nothing
        subprocess.run(["sh", "-c", str(command)], cwd=tmp_path, check=True)
        left = CADDY.format(snippet="", panel=LOGIN, hub="@").replace("\t@\n", "")
        assert (tmp_path / "Caddyfile").read_text() == left


@pytest.mark.parametrize(
    ("more", "gone"),
    [("", ["-\timport login"]), ("\tencode gzip\n", [])],
)
def test_a_shared_snippet_stays_and_its_import_goes(more: str, gone: list[str], tmp_path: Path) -> None:
    """Where the snippet has more in it than the login, no line can go."""
    snippet = f"(login) {{\n\t{LOGIN}\n{more}}}\n"
    finding = twice(tmp_path, "Caddyfile", CADDY.format(snippet=snippet, panel="import login", hub="import login"))
    assert changed(finding) == gone
    assert not any("perl" in str(c) for c in finding.fix.commands)
    assert "registry's site only" in finding.fix.summary


def test_the_login_of_another_frontend_or_path_stays(tmp_path: Path) -> None:
    ask = "  http-request auth realm {} {}unless {{ http_auth(farm) }}"
    admin = "  http-request auth realm Admin if { path_beg /admin } !{ http_auth(farm) }\n"
    text = haproxy(panel=ask.format("Admin", ""), hub=admin + ask.format("Builders", ""))
    ours = ask.format("Builders", "")
    text = text.replace("  use_backend hub if { path_beg /v2 }\n  default_backend other", "  default_backend hub")
    assert changed(twice(tmp_path, "haproxy.cfg", text)) == ["-" + ours]


def test_the_login_of_another_location_stays(tmp_path: Path) -> None:
    finding = twice(tmp_path, "httpd.conf", APACHE.format(login=APACHE_LOGIN))
    assert [e.line for e in finding.edits] == [11, 12, 13, 14]


def test_the_limit_of_another_frontend_stays(tmp_path: Path) -> None:
    limit = "  http-request deny deny_status 413 if {}{{ req.hdr(content-length),add(0) gt 65536 }}"
    form = limit.format("{ path_beg /form } ")
    text = haproxy(panel=limit.format(""), hub=f"{form}\n{limit.format('')}")
    files = {"haproxy.cfg": text, "config.yml": CONFIG, "curl.txt": TOO_LARGE}
    assert [e.line for e in found(tmp_path, "client-max-body-size", files).edits] == [8]


def test_the_path_of_another_backend_stays(tmp_path: Path) -> None:
    text = haproxy(
        other=r"  http-request replace-path /api/v2/(.*) /\1", behind=r"  http-request replace-path ^/v2/(.*) /\1"
    )
    finding = found(tmp_path, "proxy-pass-uri-rewrite", {"haproxy.cfg": text, "config.yml": CONFIG})
    assert [e.line for e in finding.edits] == [14]


def test_the_limit_of_another_site_of_caddy_stays(tmp_path: Path) -> None:
    limit = "request_body {\n\t\tmax_size 1MB\n\t}"
    files = {
        "Caddyfile": CADDY.format(snippet="", panel=limit, hub=limit),
        "config.yml": CONFIG,
        "curl.txt": TOO_LARGE,
    }
    assert [e.line for e in found(tmp_path, "client-max-body-size", files).edits] == [8, 9, 10]


SHOP = """\
http://localhost:8081 {
  reverse_proxy 127.0.0.1:3000 {
    header_up -Authorization
  }
}
http://localhost:8080 {
  request_header -Authorization
  reverse_proxy 127.0.0.1:5077
}
"""


@pytest.mark.parametrize("known", ["config.yml", "curl.txt"])
def test_the_line_of_another_application_stays(known: str, tmp_path: Path) -> None:
    """The registry's port tells which site is its own: from its file, or from an answer direct."""
    direct = "$ curl -si -u mia:xxxxxx http://127.0.0.1:5077/v2/\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n\n{}\n"
    refused = TWICE.replace("hub.example", "localhost").replace("Builders", "Depot")
    files = {"Caddyfile": SHOP, "refused.txt": refused, known: CONFIG if known == "config.yml" else direct}
    assert [e.line for e in found(tmp_path, "authorization-stripped", files).edits] == [7]


@pytest.mark.parametrize("asked", ["unless { http_auth(farm) }", "if !{ http_auth(farm) }"])
def test_a_login_before_other_paths_stays_there(asked: str, tmp_path: Path) -> None:
    """Without the line the other backend would be open."""
    hub = f"  http-request auth realm Builders {asked}"
    text = haproxy(other="  http-request return status 200", hub=hub).replace("frontend panel", "frontend form")
    more = " or { path_beg /v2/ }" if "unless" in asked else " !{ path_beg /v2/ }"
    assert changed(twice(tmp_path, "haproxy.cfg", text)) == [f"-{hub}", f"+{hub}{more}"]


def test_nginx_asks_elsewhere_only(tmp_path: Path) -> None:
    text = """\
server {
  listen 8080;
  server_name hub.example;
  auth_basic "Builders";
  auth_basic_user_file /srv/farm;
  location / { proxy_pass http://127.0.0.1:3000; }
  location /v2/ {
    proxy_pass http://127.0.0.1:5077;
  }
}
"""
    assert changed(twice(tmp_path, "nginx.conf", text)) == ["+    auth_basic off;"]


@pytest.mark.parametrize(
    ("cause", "name", "text", "after"),
    [
        ("client-max-body-size", "nginx.conf",
         "server {\n  listen 8080;\n  location /v2/ {\n    client_max_body_size 1m;  # TODO ask Sven\n"
         "    proxy_pass http://127.0.0.1:5077;\n  }\n}\n", "    client_max_body_size 0;  # TODO ask Sven"),
        ("www-authenticate-missing", "haproxy.cfg",
         haproxy(behind="  http-response del-header WWW-Authenticate  # TODO ask Sven"), None),
        ("double-auth-one-header", "haproxy.cfg",
         haproxy(hub="  http-request auth realm Builders unless { http_auth(farm) }  # TODO ask Sven"),
         "  http-request auth realm Builders unless { http_auth(farm) } or { path_beg /v2/ }  # TODO ask Sven"),
    ],
)  # fmt: skip
def test_a_masked_line_is_changed_by_its_number(
    cause: str, name: str, text: str, after: str | None, tmp_path: Path
) -> None:
    """A note that looks like a secret stands in no diff; the command leaves it, and changes nothing the second time."""
    wire = {"client-max-body-size": TOO_LARGE, "double-auth-one-header": TWICE}.get(cause, "")
    finding = found(tmp_path, cause, {name: text, "config.yml": CONFIG, "curl.txt": wire})
    command, left = finding.fix.commands[0], [row for row in text.splitlines() if "Sven" not in row]
    assert not finding.edits
    for _ in range(2):
        subprocess.run(["sh", "-c", str(command)], cwd=tmp_path, check=True)
        rows = (tmp_path / name).read_text().splitlines()
        assert [row for row in rows if row not in left] == ([after] if after else [])
