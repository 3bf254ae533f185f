"""Caddy, HAProxy and Apache do what the analysis of their files foretells, before a real registry."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.parse.apache import parse_apache
from runbook.parse.caddy import parse_caddy
from runbook.parse.haproxy import parse_haproxy
from runbook.redact import Vault
from runbook.stack.foretell import Login
from tests.real.hops import INVALID, PASSWORD, USER, VALID, backend, disagreements, free_port, running
from tests.real.programs import need

pytestmark = pytest.mark.timeout(240)
CADDY_HASH = "$2a$04$Zn8QtJtZxdH0nYEMQe0vxOZ7MG3KM0HhLqIVGuVYvr8P2yEo3pc7e"


@dataclass(frozen=True)
class Config:
    name: str
    text: str
    injected: Login = "unknown"


def proxy(inside: str, name: str, injected: Login = "unknown") -> Config:
    return Config(name, f"http://:@PORT@ {{\n{inside}\n}}", injected)


def up(inside: str, name: str, injected: Login = "unknown") -> Config:
    return proxy(f"reverse_proxy @UP@ {{\n{inside}\n}}", name, injected)


CADDY = [
    proxy("reverse_proxy @UP@", "plain"),
    Config("no braces", "http://:@PORT@\nreverse_proxy @UP@\n"),
    up("header_up -Authorization", "authorization removed"),
    up('header_up Authorization ""', "authorization emptied"),
    up('header_up Authorization "Basic @VALID@"', "valid injected", "valid"),
    up('header_up Authorization "Basic @INVALID@"', "invalid injected", "invalid"),
    up("header_up Authorization {http.request.header.Authorization}", "handed on"),
    up('header_up Authorization "Basic (.*)" "Bearer $1"', "a login of another kind"),
    up('header_up Authorization "^Digest" "Basic"', "a pattern that fits no login"),
    up('header_up Authorization "Basic .*" ""', "emptied by a pattern"),
    up("header_up Host {upstream_hostport}", "host of the upstream"),
    up("header_up Host registry.internal", "fixed host"),
    up("header_up X-Forwarded-Proto https", "proto https"),
    up("header_up -X-Forwarded-Host\nheader_up Host registry:5000", "no forwarded host"),
    up("header_down -Www-Authenticate", "challenge removed on the way down"),
    proxy("header -Www-Authenticate\nreverse_proxy @UP@", "challenge removed by header"),
    proxy("request_header -Authorization\nreverse_proxy @UP@", "removed by request_header"),
    proxy("request_body {\nmax_size 3MB\n}\nreverse_proxy @UP@", "bodies up to 3 MB"),
    proxy("handle /v2/* {\nreverse_proxy @UP@\n}\nhandle {\nrespond 404\n}", "handle"),
    proxy("handle_path /v2/* {\nreverse_proxy @UP@\n}", "handle_path cuts v2"),
    proxy('respond /v2/ "{}" 200\nreverse_proxy @UP@', "ping by hand"),
    proxy('@ping {\npath /v2/\nmethod GET\n}\nrespond @ping "{}" 200\nreverse_proxy @UP@', "ping by hand, matcher"),
    proxy("reverse_proxy /v2/* @UP@\nrespond 404", "respond comes first"),
    proxy("redir /v2/* https://other.example{uri} permanent\nreverse_proxy @UP@", "redirect"),
    proxy("basicauth {\n" + USER + " @BASE64HASH@\n}\nreverse_proxy @UP@", "own login"),
    proxy("basicauth /* {\n" + USER + " @BASE64HASH@\n}\nreverse_proxy @UP@", "own login for everything"),
    proxy(
        "@beyond_v2 not path /v2 /v2/*\nbasicauth @beyond_v2 {\n" + USER + " @BASE64HASH@\n}\nreverse_proxy @UP@",
        "own login elsewhere",
    ),
    Config(
        "snippet", "(strip) {\nheader_up -Authorization\n}\nhttp://:@PORT@ {\nreverse_proxy @UP@ {\nimport strip\n}\n}"
    ),
]

FRAME = (
    "global\n  maxconn 50\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n"
)


def frontend(front: str, name: str, back: str = "", injected: Login = "unknown") -> Config:
    text = f"{FRAME}frontend f\n  bind 127.0.0.1:@PORT@\n{front}\n  default_backend b\nbackend b\n{back}\n  server s @UP@\n"
    return Config(name, text, injected)


def named(rule: str, name: str) -> Config:
    text = f"{FRAME}defaults d from e\n{rule}\nfrontend f from d\n  bind 127.0.0.1:@PORT@\n  default_backend b\nbackend b from e\n  server s @UP@\n"
    return Config(name, text.replace("defaults\n", "defaults e\n"))


HAPROXY = [
    frontend("", "plain"),
    Config("listen", f"{FRAME}listen f\n  bind 127.0.0.1:@PORT@\n  server s @UP@\n"),
    frontend("  http-request del-header Authorization", "authorization removed"),
    frontend("", "removed in the backend", "  http-request del-header authorization"),
    frontend("  http-request del-header auth -m beg", "removed by its beginning"),
    frontend("  http-request del-header ZATION -m end", "removed by its end"),
    frontend("  http-request del-header ^auth -m reg", "removed by a pattern"),
    frontend("  http-request del-header ^Auth -m reg", "not removed: patterns see lower case"),
    frontend("  http-request del-header Authorization unless { path_beg /v2/ }", "removed elsewhere only"),
    named("  http-request del-header Authorization", "removed in the defaults"),
    named("  http-request del-header Authorization if !{ path_beg /v2/ }", "removed elsewhere in the defaults"),
    named("  http-request deny if { method POST }", "writes denied in the defaults"),
    frontend("", "valid injected", '  http-request set-header Authorization "Basic @VALID@"', "valid"),
    frontend("", "invalid injected", "  http-request set-header Authorization Basic\\ @INVALID@", "invalid"),
    frontend("", "handed on", "  http-request set-header Authorization %[req.hdr(Authorization)]"),
    frontend("  http-request replace-header Authorization ^Basic\\ (.*) Bearer\\ \\1", "a login of another kind"),
    frontend("  http-request replace-header Authorization ^Digest Basic", "a pattern that fits no login"),
    frontend("", "fixed host", "  http-request set-header Host registry.internal:5000"),
    frontend("  http-request set-header X-Forwarded-Proto https", "proto https"),
    frontend("  http-request set-header X-Forwarded-Proto https if { ssl_fc }", "proto only with tls"),
    frontend("  http-request set-header X-Forwarded-Host %[req.hdr(host)]\n  option forwardfor", "forwarded host"),
    frontend("", "challenge removed", "  http-response del-header WWW-Authenticate"),
    frontend(
        "  http-request return status 200 content-type application/json string {} if { path /v2/ }", "ping by hand"
    ),
    frontend("  http-request deny if { method POST }", "writes denied"),
    frontend("  acl ping path /v2/\n  http-request deny deny_status 404 if ping", "ping denied by acl"),
    frontend("  http-request redirect code 301 location https://other.example/ if { path_beg /v2/ }", "redirect"),
    frontend("", "path cut", "  http-request replace-path ^/v2/(.*) /\\1"),
    Config(
        "use_backend",
        f"{FRAME}frontend f\n  bind 127.0.0.1:@PORT@\n  acl v2 path_beg /v2/\n  use_backend b if v2\n"
        "backend b\n  server s @UP@\n",
    ),
    Config(
        "own login",
        f"{FRAME}userlist u\n  user {USER} insecure-password {PASSWORD}\nfrontend f\n  bind 127.0.0.1:@PORT@\n"
        "  http-request auth realm P unless { http_auth(u) }\n  default_backend b\nbackend b\n  server s @UP@\n",
    ),
]


def vhost(inside: str, name: str, injected: Login = "unknown") -> Config:
    return Config(name, f"<VirtualHost *:@PORT@>\n{inside}\n</VirtualHost>", injected)


def pass_v2(inside: str, name: str, injected: Login = "unknown") -> Config:
    return vhost(f"ProxyPass /v2/ http://@UP@/v2/\n{inside}", name, injected)


APACHE = [
    pass_v2("", "plain"),
    vhost("ProxyPass / http://@UP@/\nProxyPassReverse / http://@UP@/", "root with reverse"),
    vhost("ProxyPass /v2 http://@UP@/v2", "without slashes"),
    vhost("ProxyPass /v2 http://@UP@/", "path cut"),
    vhost("ProxyPass /v2/ http://@UP@/", "path cut, slash"),
    vhost("ProxyPass /v1/ http://@UP@/v2/", "no v2 route"),
    vhost("ProxyPass / http://@UP@/v1/\nProxyPass /v2/ http://@UP@/v2/", "everything before v2: the first that fits"),
    vhost("ProxyPass /v2/ http://@UP@/v2/\nProxyPass / http://@UP@/v1/", "everything after v2"),
    pass_v2("ProxyPreserveHost On", "host kept"),
    pass_v2("RequestHeader unset Authorization", "authorization removed"),
    pass_v2('RequestHeader set Authorization ""', "authorization emptied"),
    pass_v2('RequestHeader set Authorization "Basic @VALID@"', "valid injected", "valid"),
    pass_v2('RequestHeader set Authorization "Basic @INVALID@"', "invalid injected", "invalid"),
    pass_v2('RequestHeader edit Authorization "^Basic" "Bearer"', "a login of another kind"),
    pass_v2('RequestHeader edit Authorization "^Digest" "Basic"', "a pattern that fits no login"),
    pass_v2('RequestHeader edit Authorization "^.*$" ""', "emptied by a pattern"),
    pass_v2('RequestHeader edit* Authorization "Basic +(.*)" "$1"', "the scheme cut off"),
    pass_v2('Header edit WWW-Authenticate "^Basic" "Bearer"', "a challenge of another kind"),
    pass_v2('RequestHeader set X-Forwarded-Proto "https"', "proto https"),
    pass_v2("Header unset WWW-Authenticate", "challenge removed"),
    pass_v2("Header always unset WWW-Authenticate", "always unset misses what the upstream sent"),
    pass_v2("LimitRequestBody 1000000", "LimitRequestBody is not for proxied requests"),
    pass_v2("<Location /v2/>\nRequestHeader unset Authorization\n</Location>", "removed in a Location"),
    pass_v2("<Location /other/>\nRequestHeader unset Authorization\n</Location>", "removed elsewhere"),
    pass_v2("Define WHAT Authorization\nRequestHeader unset ${WHAT}", "removed by a defined name"),
    pass_v2('RequestHeader unset Authorization "expr=%{REQUEST_URI} !~ m#^/v2/#"', "removed elsewhere only"),
    pass_v2(
        "<Location />\nAuthType Basic\nAuthName P\nAuthUserFile @DIR@/users\nRequire valid-user\n</Location>\n"
        "<Location /v2>\nAuthType None\nRequire all granted\n</Location>",
        "own login elsewhere",
    ),
    vhost(
        "<Location /v2/>\nProxyPass http://@UP@/v2/\nProxyPassReverse http://@UP@/v2/\n</Location>",
        "pass in a Location",
    ),
    vhost("ProxyPassMatch ^/v2/(.*)$ http://@UP@/v2/$1", "regular expression"),
    vhost(
        "Redirect permanent /v2/ https://other.example/v2/\nProxyPass / http://@UP@/", "ProxyPass comes before Redirect"
    ),
    vhost("Redirect permanent /v2/ https://other.example/v2/\nProxyPass /x http://@UP@/", "redirect"),
    pass_v2("ProxyPass /other !\nProxyAddHeaders On", "exception"),
    pass_v2(
        "<Location />\nAuthType Basic\nAuthName P\nAuthUserFile @DIR@/users\nRequire valid-user\n</Location>",
        "own login",
    ),
]

MODULES = "mpm_event authz_core authz_user authn_core authn_file auth_basic alias headers proxy proxy_http setenvif unixd rewrite"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with backend(tmp_path_factory.mktemp("registry")) as running_backend:
        yield running_backend


def filled(text: str, port: int, upstream: int, folder: Path) -> str:
    text = text.replace("@PORT@", str(port)).replace("@UP@", f"127.0.0.1:{upstream}").replace("@DIR@", str(folder))
    return text.replace("@VALID@", VALID).replace("@INVALID@", INVALID).replace("@BASE64HASH@", _caddy_hash())


def _caddy_hash() -> str:
    import bcrypt

    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize("config", CADDY, ids=[c.name for c in CADDY])
def test_caddy(config: Config, here, tmp_path: Path) -> None:
    port, program = free_port(), need("caddy")
    text = filled(config.text, port, here.port, tmp_path)
    (tmp_path / "Caddyfile").write_text("{\nadmin off\n}\n" + text)
    routes = parse_caddy((tmp_path / "Caddyfile").read_text(), "Caddyfile", Vault())
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PATH": "/usr/bin"}
    with running(
        [program, "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"], port, tmp_path, env
    ):
        compared, misses = disagreements(routes, port, here, injected=config.injected, own_login=True)
    assert compared == 8
    assert not misses, "\n".join(misses)


@pytest.mark.parametrize("config", HAPROXY, ids=[c.name for c in HAPROXY])
def test_haproxy(config: Config, here, tmp_path: Path) -> None:
    port, program = free_port(), need("haproxy")
    text = filled(config.text, port, here.port, tmp_path)
    (tmp_path / "haproxy.cfg").write_text(text)
    routes = parse_haproxy(text, "haproxy.cfg", Vault())
    with running([program, "-db", "-f", str(tmp_path / "haproxy.cfg")], port, tmp_path):
        compared, misses = disagreements(routes, port, here, injected=config.injected, own_login=True)
    assert compared == 8
    assert not misses, "\n".join(misses)


@pytest.mark.parametrize("config", APACHE, ids=[c.name for c in APACHE])
def test_apache(config: Config, here, tmp_path: Path) -> None:
    port, program = free_port(), need("apache2")
    (tmp_path / "users").write_text(f"{USER}:{_caddy_hash()}\n")
    (tmp_path / "www").mkdir()
    site = filled(config.text, port, here.port, tmp_path)
    folder = Path("/usr/lib/apache2/modules")
    loads = "".join(
        f"LoadModule {m}_module {folder}/mod_{m}.so\n" for m in MODULES.split() if (folder / f"mod_{m}.so").exists()
    )
    frame = f"ServerRoot {tmp_path}\nPidFile {tmp_path}/pid\nErrorLog {tmp_path}/error.log\nServerName t\n{loads}"
    frame += f"DocumentRoot {tmp_path}/www\nListen 127.0.0.1:{port}\n"
    (tmp_path / "site.conf").write_text(frame + site)
    routes = parse_apache(frame + site, "site.conf", Vault())
    with running([program, "-DFOREGROUND", "-f", str(tmp_path / "site.conf")], port, tmp_path):
        compared, misses = disagreements(routes, port, here, injected=config.injected, own_login=True)
    assert compared == 8
    assert not misses, "\n".join(misses)
