"""Conditions of rules that take Authorization away: where real proxies do it, and where the analysis says that they do.

Each condition is asked with the same requests. Where the answer is not known from a request alone (an address, a
variable), the analysis must not say yes; everywhere else it must say what the real program does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook.model import HeaderEdit, ProxyRoute
from runbook.parse.apache import parse_apache
from runbook.parse.caddy import parse_caddy
from runbook.parse.conditions import Asked, holds_for
from runbook.parse.haproxy import parse_haproxy
from runbook.redact import Vault
from runbook.stack.choose import choose
from runbook.stack.foretell import Request
from tests.real.hops import Backend, backend, free_port, running, send
from tests.real.programs import need

pytestmark = pytest.mark.timeout(240)
HOST = "reg.example:8080"
ASKED = (
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("HEAD", "/v2/app/manifests/1"),
    ("POST", "/v2/app/blobs/uploads/"),
    ("DELETE", "/v2/app/manifests/1"),
)


@dataclass(frozen=True)
class Case:
    """A condition, and for how many of the requests the real program drops the header (None: it is not to be known)."""

    rule: str
    drops: int | None


NONE, ALL = 0, len(ASKED)
DEL = "http-request del-header Authorization"
HAPROXY = (
    Case(f"{DEL} if {{ path_beg /api }}", NONE),
    Case(f"{DEL} if {{ path_beg /api /v2 }}", ALL),
    Case(f"{DEL} if {{ path_beg -i /V2 }}", ALL),
    Case(f"{DEL} if {{ path_beg /V2 }}", NONE),
    Case(f"{DEL} if {{ path -m beg /api/ }}", NONE),
    Case(f"{DEL} if {{ path -i -m beg /V2/ }}", ALL),
    Case(f"{DEL} if {{ path /login }}", NONE),
    Case(f"{DEL} if {{ path /v2/ }}", 1),
    Case(f"{DEL} if {{ path_reg ^/wiki }}", NONE),
    Case(f"{DEL} if {{ path -m reg ^/(v1|v2)/ }}", ALL),
    Case(f"{DEL} if {{ path_end /uploads/ }}", 1),
    Case(f"{DEL} if {{ path -m end .html .css }}", NONE),
    Case(f"{DEL} if {{ path_sub manifests }}", 2),
    Case(f"{DEL} if {{ path_dir v2 }}", ALL),
    Case(f"{DEL} if {{ path_dir /v2/app/ }}", 3),
    Case(f"{DEL} if {{ path_dir ap }}", NONE),
    Case(f"{DEL} if {{ path,lower -m beg /api }}", NONE),
    Case(f"{DEL} if {{ url_beg /api }}", NONE),
    Case(f"{DEL} if {{ hdr(host) -i wiki.example }}", NONE),
    Case(f"{DEL} if {{ hdr(host) -i REG.example:8080 }}", ALL),
    Case(f"{DEL} if {{ hdr(host) -i reg.example }}", NONE),
    Case(f"{DEL} if {{ req.hdr(Host),field(1,:) -i reg.example }}", ALL),
    Case(f"{DEL} if {{ hdr_beg(host) -i wiki. }}", NONE),
    Case(f"{DEL} if {{ hdr_beg(host) -i reg. }}", ALL),
    Case(f"{DEL} if {{ hdr_dom(host) -i example }}", ALL),
    Case(f"{DEL} if {{ hdr_dom(host) -i wiki.example }}", NONE),
    Case(f"{DEL} if {{ hdr_end(host) -i .example:8080 }}", ALL),
    Case(f"{DEL} if {{ hdr_sub(host) wiki }}", NONE),
    Case(f"{DEL} if {{ hdr_reg(host) -i ^(wiki|www)\\. }}", NONE),
    Case(f"{DEL} if {{ ssl_fc_sni wiki.example }}", NONE),
    Case(f"{DEL} if {{ ssl_fc }}", NONE),
    Case(f"{DEL} if !{{ ssl_fc }}", ALL),
    Case(f"{DEL} if METH_OPTIONS", NONE),
    Case(f"{DEL} if METH_GET", 3),
    Case(f"{DEL} if {{ method GET }}", 2),
    Case(f"{DEL} if {{ method POST PUT }}", 1),
    Case(f"{DEL} unless METH_GET", 2),
    Case(f"{DEL} if {{ hdr(authorization) -m found }}", ALL),
    Case(f"{DEL} if {{ hdr(authorization) -m beg Bearer }}", NONE),
    Case(f"{DEL} if TRUE", ALL),
    Case(f"{DEL} if FALSE", NONE),
    Case(f"acl api path_beg /api\n  {DEL} if api", NONE),
    Case(f"acl api path_beg /api\n  {DEL} if !api", ALL),
    Case(f"acl api path_beg /api\n  {DEL} if ! api", ALL),
    Case(f"acl api path_beg /api\n  {DEL} unless api", ALL),
    Case(f"acl reg path_beg /v1\n  acl reg path_beg /v2\n  {DEL} if reg", ALL),
    Case(f"acl reg path_beg /v1\n  acl reg path_beg /v2\n  {DEL} if !reg", NONE),
    Case(f"acl reg path_beg /v2\n  acl post method POST\n  {DEL} if reg post", 1),
    Case(f"acl reg path_beg /v2\n  acl post method POST\n  {DEL} if !reg or post", 1),
    Case(f"acl reg path_beg /v2\n  acl post method POST\n  {DEL} unless !reg || post", 4),
    Case(f"acl reg path_beg /v2\n  {DEL} if reg !{{ path /v2/ }}", 4),
    Case(f"acl a path_beg /v2\n  acl b src 192.0.2.0/24\n  {DEL} if !a b", NONE),
    Case(f"acl a path_beg /v2\n  acl b src 192.0.2.0/24\n  {DEL} if a || b", ALL),
    Case(f"{DEL} if {{ src 192.0.2.0/24 }}", None),
    Case(f"{DEL} if !{{ src 192.0.2.0/24 }}", None),
    Case(f"{DEL} if {{ var(txn.x) -m found }}", None),
    Case(f"{DEL} if {{ hdr(X-Debug) -m found }}", None),
    Case(f"{DEL} if {{ hdr(user-agent) -m sub curl }}", None),
    Case(f"{DEL} if {{ path,url_dec -m beg /api }}", None),
    Case(f"acl a src 192.0.2.0/24\n  {DEL} unless a", None),
)  # fmt: skip
STRIP = "request_header @x -Authorization"


def at(matcher: str, drops: int | None) -> Case:
    """A named matcher of Caddy on one line, or as a block where it has several."""
    body = f"{{\n{matcher}\n}}" if "\n" in matcher else matcher
    return Case(f"@x {body}\n{STRIP}", drops)


CADDY = (
    Case("request_header /api/* -Authorization", NONE),
    Case("request_header /v2/* -Authorization", ALL),
    Case("request_header /V2/* -Authorization", ALL),
    Case("request_header /v2/ -Authorization", 1),
    Case("request_header /v2 -Authorization", NONE),
    Case("request_header * -Authorization", ALL),
    at("path /api/*", NONE),
    at("path /api/* /v2/*", ALL),
    at("path /v*", ALL),
    at("path */uploads/", 1),
    at("path *manifests*", 2),
    at("path /v2/*/manifests/1", 2),
    at("path /*/manifests/1", NONE),
    at("path_regexp ^/wiki", NONE),
    at("path_regexp api ^/v2/.+", 4),
    at("method POST", 1),
    at("method GET HEAD", 3),
    at("host wiki.example", NONE),
    at("host reg.example", ALL),
    at("host *.example", ALL),
    at("host *.example.com", NONE),
    at("protocol https", NONE),
    at("protocol http", ALL),
    at("header Authorization *", ALL),
    at("header Authorization Bearer*", NONE),
    at("header !Authorization", NONE),
    at("header_regexp Authorization ^Basic", ALL),
    at("not path /v2/*", NONE),
    at("not path /api/*", ALL),
    at("not method GET HEAD", 2),
    at("path /v2/*\nmethod POST", 1),
    at("path /v2/*\nnot method POST", 4),
    at("path /api/*\npath /v2/*", ALL),
    at("not {\npath /v2/*\nmethod POST\n}", 4),
    at("not path /v1/*\nnot path /v2/*", NONE),
    at("path /v2/*\nnot path /v2/", 4),
    at("path /api/*\nremote_ip 192.0.2.0/24", NONE),
    at("not {\npath /v2/*\n}\nheader X-Debug *", NONE),
    at("expression path('/api/*')", NONE),
    at("expression !path('/api/*')", ALL),
    at("`path('/v2/*')`", ALL),
    at("`{path}.startsWith('/api')`", None),
    at("remote_ip 192.0.2.0/24", None),
    at("not remote_ip 192.0.2.0/24", None),
    at("header X-Debug *", None),
    at("header User-Agent *curl*", None),
    at("query debug=*", None),
)
UNSET = "RequestHeader unset Authorization"


def expr(text: str, drops: int | None) -> Case:
    """Apache's expression behind an edit."""
    return Case(f'{UNSET} "expr={text}"', drops)


def env(sets: str, condition: str, drops: int | None) -> Case:
    """A variable that the request sets."""
    return Case(f"{sets}\n{UNSET} {condition}", drops)


APACHE = (
    Case(UNSET, ALL),
    expr("%{REQUEST_URI} =~ m#^/wiki#", NONE),
    expr("%{REQUEST_URI} =~ m#^/v2/#", ALL),
    expr("%{REQUEST_URI} !~ m#^/v2/#", NONE),
    expr("%{REQUEST_URI} !~ m|^/v2/.+|", 1),
    expr("%{REQUEST_URI} =~ /manifests/", 2),
    expr("%{REQUEST_URI} =~ m#^/V2/#i", ALL),
    expr("%{REQUEST_URI} == '/v2/'", 1),
    expr("%{REQUEST_URI} != '/v2/'", 4),
    expr("%{REQUEST_URI} -strmatch '/api/*'", NONE),
    expr("%{REQUEST_URI} -strmatch '/v2/*'", ALL),
    expr("%{REQUEST_METHOD} == 'OPTIONS'", NONE),
    expr("%{REQUEST_METHOD} in {'GET','HEAD'}", 3),
    expr("%{REQUEST_METHOD} in { 'POST', 'DELETE' }", 2),
    expr("%{HTTP_HOST} == 'wiki.example'", NONE),
    expr("%{HTTP_HOST} =~ /^reg\\.example/", ALL),
    expr("%{HTTP:Host} == 'reg.example:8080'", ALL),
    expr("%{HTTPS} == 'on'", NONE),
    expr("%{HTTPS} == 'off'", ALL),
    expr("%{REQUEST_SCHEME} == 'https'", NONE),
    expr("-n req('Authorization')", ALL),
    expr("-z %{HTTP:Authorization}", NONE),
    expr("req('Authorization') =~ /^Bearer/", NONE),
    expr("%{REQUEST_URI} =~ m#^/v2/# && %{REQUEST_METHOD} == 'POST'", 1),
    expr("%{REQUEST_URI} =~ m#^/api# || %{REQUEST_METHOD} == 'POST'", 1),
    expr("!(%{REQUEST_URI} =~ m#^/api# || %{REQUEST_METHOD} == 'POST')", 4),
    expr("! %{REQUEST_URI} =~ m#^/api#", ALL),
    expr("true", ALL),
    expr("false", NONE),
    expr("%{REQUEST_URI} =~ m#^/api# && -R '192.0.2.0/24'", NONE),
    expr("-R '192.0.2.0/24'", None),
    expr("%{REMOTE_ADDR} == '192.0.2.1'", None),
    expr("%{HTTP:X-Debug} == '1'", None),
    env("SetEnvIf Request_URI ^/api api", "env=api", NONE),
    env("SetEnvIf Request_URI ^/api api", "env=!api", ALL),
    env("SetEnvIf Request_URI ^/v2/ reg=1", "env=reg", ALL),
    env("SetEnvIf Request_URI ^/v2/ reg=1", "env=!reg", NONE),
    env("SetEnvIf Request_Method POST post", "env=post", 1),
    env("SetEnvIfNoCase Host ^REG\\. reg", "env=reg", ALL),
    env("SetEnvIf Request_URI . all\nSetEnvIf Request_URI ^/v2/ !all", "env=all", NONE),
    env("SetEnv always 1", "env=always", ALL),
    env("SetEnvIf User-Agent curl curl", "env=curl", None),
    env("SetEnvIf Remote_Addr ^192\\.0\\.2\\. far", "env=far", None),
    env("", "env=nobody", None),
    Case(f'<If "%{{REQUEST_URI}} =~ m#^/wiki#">\n{UNSET}\n</If>', NONE),
    Case(f'<If "%{{REQUEST_URI}} =~ m#^/v2/#">\n{UNSET}\n</If>', ALL),
    Case(f"<If \"%{{REQUEST_METHOD}} == 'POST'\">\n{UNSET}\n</If>", 1),
    Case(f"<If \"%{{REQUEST_METHOD}} == 'POST'\">\n</If>\n<Else>\n{UNSET}\n</Else>", 4),
    Case(f'<If "%{{REQUEST_METHOD}} == \'POST\'">\n</If>\n<ElseIf "true">\n{UNSET}\n</ElseIf>', 4),
    Case(f"<If \"-R '192.0.2.0/24'\">\n{UNSET}\n</If>", None),
    Case(f'<LocationMatch "^/api/">\n{UNSET}\n</LocationMatch>', NONE),
    Case(f'<LocationMatch "^/v2/">\n{UNSET}\n</LocationMatch>', ALL),
    Case(f"<Location /wiki>\n{UNSET}\n</Location>", NONE),
)
MODULES = "mpm_event authz_core authz_host alias headers proxy proxy_http setenvif env unixd rewrite"
FRAME = (
    "global\n  maxconn 50\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n"
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with backend(tmp_path_factory.mktemp("registry")) as running_backend:
        yield running_backend


def compare(routes: Sequence[ProxyRoute], port: int, here: Backend, case: Case) -> None:
    """Put what is said of each request beside what arrives."""
    dropped = 0
    for method, path in ASKED:
        request = Request(method=method, path=path, host=HOST, port=port, login="valid")
        route = choose(routes, request)
        assert route is not None
        here.arrived.clear()
        send(port, request)
        gone = not here.arrived[-1].get("authorization")
        dropped += gone
        said = drops(route, Asked(method=method, path=path, host=HOST, scheme="http"))
        assert said is (None if case.drops is None else gone), f"{case.rule}: {method} {path}: {said}, real: {gone}"
    assert case.drops in (None, dropped), f"{case.rule}: dropped {dropped} times"


def drops(route: ProxyRoute, asked: Asked) -> bool | None:
    """Whether a route drops the login of that request."""

    def one(edit: HeaderEdit) -> bool | None:
        return holds_for(edit.when, asked) if edit.when else None if edit.condition else True

    said = [one(e) for e in route.request_headers if e.name.lower() == "authorization" and not e.value]
    return True if True in said else None if None in said else False


def read_and_compare(parse: Callable[[str, str, Vault], tuple[ProxyRoute, ...]], text: str, file: str, run, case, here, folder):  # fmt: skip
    port = free_port()
    text = text.replace("@PORT@", str(port)).replace("@UP@", f"127.0.0.1:{here.port}")
    (folder / file).write_text(text)
    with running(run(folder / file), port, folder, {"HOME": str(folder), "PATH": "/usr/bin"}):
        compare(parse(text, file, Vault()), port, here, case)


@pytest.mark.parametrize("case", HAPROXY, ids=[c.rule for c in HAPROXY])
def test_haproxy(case: Case, here: Backend, tmp_path: Path) -> None:
    program = need("haproxy")
    text = (
        f"{FRAME}frontend f\n  bind 127.0.0.1:@PORT@\n  {case.rule}\n  default_backend b\nbackend b\n  server s @UP@\n"
    )
    read_and_compare(parse_haproxy, text, "haproxy.cfg", lambda f: [program, "-db", "-f", str(f)], case, here, tmp_path)


@pytest.mark.parametrize("case", CADDY, ids=[c.rule for c in CADDY])
def test_caddy(case: Case, here: Backend, tmp_path: Path) -> None:
    program = need("caddy")
    text = f"{{\nadmin off\n}}\nhttp://:@PORT@ {{\n{case.rule}\nreverse_proxy @UP@\n}}\n"
    read_and_compare(
        parse_caddy,
        text,
        "Caddyfile",
        lambda f: [program, "run", "--config", str(f), "--adapter", "caddyfile"],
        case,
        here,
        tmp_path,
    )


@pytest.mark.parametrize("case", APACHE, ids=[c.rule for c in APACHE])
def test_apache(case: Case, here: Backend, tmp_path: Path) -> None:
    program, modules = need("apache2"), Path("/usr/lib/apache2/modules")
    (tmp_path / "www").mkdir()
    loads = "".join(
        f"LoadModule {m}_module {modules}/mod_{m}.so\n" for m in MODULES.split() if (modules / f"mod_{m}.so").exists()
    )
    frame = f"ServerRoot {tmp_path}\nPidFile {tmp_path}/pid\nErrorLog {tmp_path}/error.log\nServerName t\n{loads}"
    frame += f"DocumentRoot {tmp_path}/www\nListen 127.0.0.1:@PORT@\n"
    text = f"{frame}<VirtualHost *:@PORT@>\nProxyPass / http://@UP@/\n{case.rule}\n</VirtualHost>\n"
    read_and_compare(
        parse_apache, text, "site.conf", lambda f: [program, "-DFOREGROUND", "-f", str(f)], case, here, tmp_path
    )
