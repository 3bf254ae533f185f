"""Lines that hold for several sites: the registry is freed of them, and the others keep what they have."""

from pathlib import Path

import pytest

from runbook.model import Finding
from runbook.rules.hop_edits import blocks
from tests.rules.test_edits_on_the_way import APACHE_LOGIN, CONFIG, TOO_LARGE, TWICE
from tests.rules.test_printed_fixes import MOVED, changed, found

REFUSED = TWICE.replace("Builders", "Depot")
HAPROXY = """\
defaults base
  mode http
defaults web from base
  http-request del-header Authorization{when}
frontend wiki from {wiki}
  bind :8081
  default_backend wiki
frontend docker from web
  bind :8080
  default_backend hub
backend wiki from base
  server a 127.0.0.1:3000
backend hub from base
  server a 127.0.0.1:5077
"""
APACHE = """\
<VirtualHost *:8081>
  {wiki}
  ProxyPass / http://127.0.0.1:3000/
</VirtualHost>
<VirtualHost *:8080>
  ServerName hub.example
  Include /etc/apache2/conf/common.conf
  ProxyPass /v2 http://127.0.0.1:5077/v2
</VirtualHost>
"""
INCLUDE = "Include /etc/apache2/conf/common.conf"
NGINX = """\
server {{
  listen 8081;
  location / {{ {wiki} proxy_pass http://127.0.0.1:3000; }}
}}
server {{
  listen 8080;
  server_name hub.example;
  location /v2/ {{
    include conf/common.conf;
    proxy_pass http://127.0.0.1:5077;
  }}
}}
"""
UNSET = "ProxyPreserveHost On\nRequestHeader unset Authorization\n"
EMPTY = 'proxy_set_header Host $http_host;\nproxy_set_header Authorization "";\n'
SPARED = 'RequestHeader unset Authorization "expr=%{REQUEST_URI} !~ m#^/v2/#"'


@pytest.mark.parametrize(
    ("files", "rows"),
    [
        ({"haproxy.cfg": HAPROXY.format(when="", wiki="base")}, ["-  http-request del-header Authorization"]),
        ({"haproxy.cfg": HAPROXY.format(when="", wiki="web")},
         ["-  http-request del-header Authorization",
          "+  http-request del-header Authorization unless { path_beg /v2/ }"]),
        ({"httpd.conf": APACHE.format(wiki=""), "conf/common.conf": UNSET}, ["-RequestHeader unset Authorization"]),
        ({"httpd.conf": APACHE.format(wiki=INCLUDE), "conf/common.conf": UNSET},
         ["-RequestHeader unset Authorization", f"+{SPARED}"]),
        ({"nginx.conf": NGINX.format(wiki=""), "conf/common.conf": EMPTY}, ['-proxy_set_header Authorization "";']),
        ({"nginx.conf": NGINX.format(wiki="include conf/common.conf;"), "conf/common.conf": EMPTY},
         ["+    proxy_set_header Authorization $http_authorization;"]),
        ({"nginx.conf": "http {\n  proxy_set_header Host $http_host;  # as it came\n  proxy_set_header Authorization '';\n"
          + NGINX.format(wiki="").replace("    include conf/common.conf;\n", "") + "}\n"},
         ["+    proxy_set_header Host $http_host;", "+    proxy_set_header Authorization $http_authorization;"]),
    ],
)  # fmt: skip
def test_a_shared_line_goes_on_holding_for_the_others(files: dict[str, str], rows: list[str], tmp_path: Path) -> None:
    """Run with nginx 1.22, HAProxy 2.6 and Apache 2.4: the registry gets the login, the other program does not."""
    finding = found(tmp_path, "authorization-stripped", {**files, "config.yml": CONFIG, "curl.txt": REFUSED})
    assert changed(finding) == rows
    assert finding.fix.proof.kind != "none"


@pytest.mark.parametrize("when", [" unless { path_beg /v2/ }", " if !{ path_beg /v2/ }"])
def test_a_line_that_spares_the_registry_strips_nothing(when: str, tmp_path: Path) -> None:
    files = {"config.yml": CONFIG, "curl.txt": REFUSED}
    text = HAPROXY.format(when=when, wiki="web")
    with pytest.raises(pytest.fail.Exception):
        found(tmp_path / "a", "authorization-stripped", {**files, "haproxy.cfg": text})
    text = HAPROXY.format(when=" unless { path_beg /api/ }", wiki="web")
    assert found(tmp_path / "b", "authorization-stripped", {**files, "haproxy.cfg": text})


def test_a_header_that_a_define_names_goes_by_its_line(tmp_path: Path) -> None:
    text = "Define SECRET_HDR Authorization\n" + APACHE.format(wiki="").replace(
        INCLUDE, "RequestHeader unset ${SECRET_HDR}"
    )
    finding = found(tmp_path, "authorization-stripped", {"httpd.conf": text, "config.yml": CONFIG, "curl.txt": REFUSED})
    assert finding.evidence[0].where == "httpd.conf:8"
    assert changed(finding) or "$. == 8" in str(finding.fix.commands[0])


CADDY = """\
http://hub.example:8080 {{
	basicauth{all} {{
		farm {{$FARM}}
	}}
	handle /v2/* {{
		reverse_proxy 127.0.0.1:5077
	}}
{rest}}}
"""
PANEL = '\thandle {\n\t\trespond "panel"\n\t}\n'
SITE = """\
<VirtualHost *:8080>
  ServerName hub.example
  <Location {path}>
{login}
  </Location>
  ProxyPass {prefix} http://127.0.0.1:5077{prefix}
</VirtualHost>
"""
OPEN = ["+  <Location /v2>", "+      AuthType None", "+      Require all granted", "+  </Location>"]


def asked_twice(folder: Path, name: str, text: str) -> Finding:
    return found(folder, "double-auth-one-header", {name: text, "config.yml": CONFIG, "curl.txt": TWICE})


@pytest.mark.parametrize("everything", ["", " *", " /*"])
def test_caddys_login_spares_the_registry_and_guards_the_rest(everything: str, tmp_path: Path) -> None:
    """Run with Caddy 2.6: without the block the panel was open."""
    rows = changed(asked_twice(tmp_path / "a", "Caddyfile", CADDY.format(all=everything, rest=PANEL)))
    more = ["+\t@beyond_v2 not path /v2 /v2/*", "+\tbasicauth @beyond_v2 {"]
    assert rows == [f"-\tbasicauth{everything} {{", *more]
    alone = asked_twice(tmp_path / "b", "Caddyfile", CADDY.format(all=everything, rest=""))
    assert not changed(alone)
    assert "perl" in str(alone.fix.commands[0])


@pytest.mark.parametrize(("path", "prefix"), [("/", "/v2"), ("/", "/"), ("/v2", "/v2"), ('"/v2/"', "/v2")])
def test_apaches_login_spares_the_registry_and_guards_the_rest(path: str, prefix: str, tmp_path: Path) -> None:
    """Where all of the site is the registry, or the login is for its paths alone, nothing else would be open."""
    rows = changed(asked_twice(tmp_path, "httpd.conf", SITE.format(path=path, prefix=prefix, login=APACHE_LOGIN)))
    assert rows == (OPEN if (path, prefix) == ("/", "/v2") else [f"-{row}" for row in APACHE_LOGIN.splitlines()])


def test_a_limit_above_all_sites_is_lifted_for_the_registry_alone(tmp_path: Path) -> None:
    text = "http {\n  client_max_body_size 2m;\n  server {\n    listen 8080;\n    location /v2/ {\n      proxy_pass http://127.0.0.1:5077;\n    }\n  }\n}\n"
    files = {"nginx.conf": text, "config.yml": CONFIG, "curl.txt": TOO_LARGE}
    assert changed(found(tmp_path, "client-max-body-size", files)) == ["+      client_max_body_size 0;"]


SLOW = 'a.b.c.d - mia [27/Nov/2026:10:00:00 +0000] "PATCH /v2/app/blobs/uploads/1 HTTP/1.1" 408 0 "-" "docker/24"\n'


@pytest.mark.parametrize(("time", "rows"), [("2s", ["+      client_body_timeout 900;"]), ("2m", None)])
def test_a_body_that_pauses_too_long(time: str, rows: list[str] | None, tmp_path: Path) -> None:
    """Of a time beyond the usual one the line is to blame, and the file is right."""
    text = f"http {{\n  client_body_timeout {time};\n  server {{\n    listen 8080;\n    location /v2/ {{\n      proxy_pass http://127.0.0.1:5077;\n    }}\n  }}\n}}\n"
    files = {"nginx.conf": text, "config.yml": CONFIG, "access.log": SLOW.replace("a.b.c.d", "192.0.2.7")}
    if rows:
        assert changed(found(tmp_path, "proxy-timeout", files)) == rows
    else:
        with pytest.raises(pytest.fail.Exception):
            found(tmp_path, "proxy-timeout", files)


@pytest.mark.parametrize("own", ["", "\n  timeout server 20s"])
def test_a_backend_waits_longer_than_its_defaults(own: str, tmp_path: Path) -> None:
    text = f"defaults\n  mode http\n  timeout server 1000\nfrontend a\n  bind :8080\n  default_backend hub\nbackend hub{own}\n  server a 127.0.0.1:5077\n"
    late = "HTTP/1.1 504 Gateway Time-out\n\n<html><body><h1>504 Gateway Time-out</h1>\n"
    wire = f"$ curl -si -u mia:xxxxxx -X PUT http://hub.example:8080/v2/app/blobs/uploads/1\n{late}"
    finding = found(tmp_path, "proxy-timeout", {"haproxy.cfg": text, "config.yml": CONFIG, "curl.txt": wire})
    assert changed(finding) == (["-  timeout server 20s"] if own else []) + ["+  timeout server 15m"]
    assert ("after 20 s" if own else "after 1 s") in finding.summary


def test_the_scheme_of_a_variable_is_written_at_the_registry_alone(tmp_path: Path) -> None:
    text = "map $request_method $how {\n  default https;\n}\nserver {\n  listen 8080;\n  location /v2/ {\n    proxy_pass $how://127.0.0.1:5077;\n  }\n}\n"
    finding = found(tmp_path, "scheme-mismatch-upstream", {"nginx.conf": text, "config.yml": CONFIG})
    assert changed(finding) == ["-    proxy_pass $how://127.0.0.1:5077;", "+    proxy_pass http://127.0.0.1:5077;"]


@pytest.mark.parametrize("ssl", [" ssl", ""])
def test_a_lost_host_behind_tls_brings_the_scheme_as_well(ssl: str, tmp_path: Path) -> None:
    """With the Host alone uploads went on at http:// of the right name."""
    text = f"upstream up {{\n  server 127.0.0.1:5077;\n}}\nserver {{\n  listen 8080{ssl};\n  location /v2/ {{\n    proxy_redirect off;\n    proxy_pass http://up;\n  }}\n}}\n"
    there = f"http{'s' if ssl else ''}://hub.example:8080"
    wire = MOVED.format(option="-k", there=there, location="http://up")
    rows = changed(found(tmp_path, "location-header-wrong-host", {"nginx.conf": text, "curl.txt": wire}))
    scheme = ["+    proxy_set_header X-Forwarded-Proto $scheme;"] if ssl else []
    assert rows == ["+    proxy_set_header Host $http_host;", *scheme]


def test_the_address_of_another_upstream_block_stays(tmp_path: Path) -> None:
    text = "upstream wiki { server registry:5001; }\nupstream hub {\n  server registry:5001;\n}\nserver {\n  listen 80;\n  location /v2/ { proxy_pass http://hub; }\n}\n"
    compose = "services:\n  registry:\n    image: registry:2\n  web:\n    image: nginx:1.27\n    ports: ['80:80']\n    volumes: ['./nginx.conf:/etc/nginx/conf.d/default.conf']\n"
    finding = found(tmp_path, "upstream-wrong-port", {"nginx.conf": text, "compose.yaml": compose})
    assert [e.line for e in finding.edits] == [3]


def test_braces_that_share_a_row_close_their_blocks() -> None:
    rows = "http {\nserver {\nlocation / {\nreturn 200; } }\nserver { location / { return 204; } }\n# a {\nmap $a $b { default '{'; }\n}\nend"
    assert blocks(rows.split("\n")) == [0, 1, 2, 3, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(("wiki", "kept"), [("base", False), ("web", True)])
def test_credentials_that_another_program_needs_stay(wiki: str, kept: bool, tmp_path: Path) -> None:
    given = 'http-request set-header Authorization "Basic bWlhOnh4eHh4eHh4"'
    text = HAPROXY.format(when="", wiki=wiki).replace("http-request del-header Authorization", given)
    files = {"haproxy.cfg": text, "config.yml": CONFIG, "curl.txt": REFUSED}
    fix = found(tmp_path, "proxy-overwrites-authorization", files).fix
    assert ("registry's site only" in fix.summary) is kept
    assert ("perl" in str(fix.commands)) is not kept


@pytest.mark.parametrize(("more", "rows"), [("", ["-    Include conf/login.conf"]), ("Header unset X\n", [])])
def test_a_shared_login_of_apache_goes_with_its_include(more: str, rows: list[str], tmp_path: Path) -> None:
    panel = "<Location /panel>\n    Include conf/login.conf\n  </Location>"
    hub = "<Location /v2>\n    Include conf/login.conf\n    ProxyPass http://127.0.0.1:5077/v2\n  </Location>"
    text = f"<VirtualHost *:8080>\n  ServerName hub.example\n  {panel}\n  {hub}\n</VirtualHost>\n"
    files = {"httpd.conf": text, "conf/login.conf": f"{APACHE_LOGIN}\n{more}", "config.yml": CONFIG, "curl.txt": TWICE}
    assert changed(found(tmp_path, "double-auth-one-header", files)) == rows


@pytest.mark.parametrize(("more", "rows"), [("", ["-    include conf/common.conf;"]), ("gzip off;\n", [])])
def test_a_shared_login_of_nginx_is_not_written_twice(more: str, rows: list[str], tmp_path: Path) -> None:
    """nginx takes one auth_basic in a block: `off` beside the include would keep the file from being loaded."""
    login = f'auth_basic "Builders";\nauth_basic_user_file /srv/farm;\n{more}'
    text = NGINX.format(wiki="include conf/common.conf;")
    files = {"nginx.conf": text, "conf/common.conf": login, "config.yml": CONFIG, "curl.txt": TWICE}
    assert changed(found(tmp_path, "double-auth-one-header", files)) == rows
