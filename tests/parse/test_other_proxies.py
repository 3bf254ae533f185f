"""Caddy, HAProxy, Apache and Traefik: what the differential tests do not reach (Traefik), and broken files."""

import pytest

from runbook.model import Compose, EnvVar, Place, Port, ProxyRoute, Service
from runbook.parse import ParseError
from runbook.parse.apache import parse_apache, parse_apache_files
from runbook.parse.caddy import parse_caddy
from runbook.parse.haproxy import parse_haproxy
from runbook.parse.traefik import parse_traefik_file, traefik_labels
from runbook.redact import Vault


def service(*labels: tuple[str, str], name: str = "registry") -> Service:
    made = tuple(EnvVar(name=k, value=v, place=Place("c.yml", i + 1)) for i, (k, v) in enumerate(labels))
    ports = (Port(container=5000, published=5000, place=Place("c.yml", 9)),)
    return Service(name=name, place=Place("c.yml", 1), image="registry:2", labels=made, ports=ports)


def labels(*given: tuple[str, str]) -> ProxyRoute:
    """The one route that these labels make."""
    compose = Compose(
        files=("c.yml",), services=(service(*given), Service(name="edge", place=Place("c.yml", 20), image="traefik:v3"))
    )
    (route,) = traefik_labels(compose)
    return route


RULE = ("traefik.http.routers.r.rule", "Host(`reg.example`) && PathPrefix(`/v2`)")


def test_traefik_labels_make_a_route() -> None:
    route = labels(RULE, ("traefik.http.routers.r.tls", "true"))
    assert (route.service, route.server_names, route.path, route.tls) == ("edge", ("reg.example",), "/v2", True)
    assert route.upstream_hosts == (("registry", 5000),)
    assert (route.host, route.forwards_proto) == ("client", "right")


def test_traefik_empties_a_header_by_the_empty_value() -> None:
    header = ("traefik.http.middlewares.m.headers.customrequestheaders.authorization", "")
    edit = labels(RULE, ("traefik.http.routers.r.middlewares", "m@docker"), header).edit("Authorization")
    assert edit is not None
    assert edit.action == "remove"
    assert labels(RULE, header).edit("Authorization") is None, "a middleware that no router uses does nothing"


def test_traefik_remove_header_and_own_login() -> None:
    base = "traefik.http.middlewares.door.basicauth."
    given = (
        RULE,
        ("traefik.http.routers.r.middlewares", "all"),
        ("traefik.http.middlewares.all.chain.middlewares", "door"),
    )
    route = labels(*given, (f"{base}users", "kai:x"), (f"{base}removeheader", "true"), (f"{base}realm", "Door"))
    assert route.auth is not None
    assert route.auth.realm == "Door"
    edit = route.edit("Authorization")
    assert edit is not None
    assert edit.action == "remove"


def test_traefik_disabled_service_has_no_route() -> None:
    compose = Compose(files=("c.yml",), services=(service(RULE, ("traefik.enable", "false")),))
    assert traefik_labels(compose) == ()


DYNAMIC = """\
http:
  routers:
    reg:
      rule: Host(`reg.example`)
      middlewares: [strip, limit]
      service: reg
      tls: {}
  middlewares:
    strip:
      stripPrefix:
        prefixes: [/v2]
    limit:
      buffering:
        maxRequestBodyBytes: 2000000
  services:
    reg:
      loadBalancer:
        servers:
          - url: http://registry:5000
"""


def test_traefik_dynamic_file() -> None:
    (route,) = parse_traefik_file(DYNAMIC, "dynamic.yml", Vault())
    assert (route.strips_prefix, route.max_body, route.tls, route.upstream) == (
        "/v2",
        2_000_000,
        True,
        "http://registry:5000",
    )
    assert (route.place.line, route.max_body_place and route.max_body_place.line) == (4, 14)


def test_traefik_toml_says_the_same() -> None:
    text = '[http.routers.r]\nrule = "Host(`a`)"\nservice = "s"\n[[http.services.s.loadBalancer.servers]]\nurl = "https://r:5443"\n'
    (route,) = parse_traefik_file(text, "dynamic.toml", Vault())
    assert (route.upstream_scheme, route.upstream_hosts) == ("https", (("r", 5443),))


def test_a_static_traefik_file_has_no_routes() -> None:
    assert parse_traefik_file("entryPoints: {web: {address: ':80'}}\n", "traefik.yml", Vault()) == ()


def test_caddy_addresses_tell_tls_and_port() -> None:
    sites = "a.example {\nreverse_proxy r:5000\n}\nhttp://b.example:8080, http://c.example {\nreverse_proxy r:5000\n}\n"
    first, second = parse_caddy(sites, "Caddyfile", Vault())
    assert (first.tls, first.listen, first.server_names) == (True, (443,), ("a.example",))
    assert (second.tls, second.listen, second.server_names) == (False, (8080, 80), ("b.example", "c.example"))


def test_caddy_snippet_arguments_and_limits() -> None:
    text = "(up) {\nreverse_proxy {args[0]}\n}\n:80 {\nrequest_body {\nmax_size 10MB\n}\nimport up r:5000\n}\n"
    (route,) = parse_caddy(text, "Caddyfile", Vault())
    assert (route.upstream_hosts, route.max_body) == ((("r", 5000),), 10_000_000)


def test_haproxy_backends_by_host_and_tls() -> None:
    text = (
        "frontend f\n  bind *:443 ssl crt /c.pem\n  acl reg hdr(host) -i reg.example\n  use_backend b if reg\n"
        "backend b\n  server s r:5443 ssl verify none\n  http-request set-header X-Forwarded-Proto https\n"
    )
    (route,) = parse_haproxy(text, "haproxy.cfg", Vault())
    assert (route.server_names, route.tls, route.upstream_scheme) == (("reg.example",), True, "https")
    assert route.forwards_proto == "right"


def test_apache_balancer_and_location() -> None:
    text = (
        "<Proxy balancer://regs>\nBalancerMember http://a:5000\nBalancerMember http://b:5000\n</Proxy>\n"
        "<VirtualHost *:443>\nServerName reg.example:443\nSSLEngine on\nProxyPass / balancer://regs/\n</VirtualHost>\n"
    )
    (route,) = parse_apache(text, "site.conf", Vault())
    assert (route.upstream_hosts, route.tls, route.server_names) == ((("a", 5000), ("b", 5000)), True, ("reg.example",))
    assert route.forwards_proto == "missing"


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (parse_caddy, ":80 {\nreverse_proxy r"),
        (parse_caddy, ':80 {\nrespond "open\n}'),
        (parse_caddy, "(a) {\nimport a\n}\n:80 {\nimport a\n}"),
        (parse_haproxy, 'frontend f\n  http-request set-header A "open\n'),
        (parse_apache, "<VirtualHost *:80>\nServerName a\n"),
        (parse_apache, "</Location>\n"),
        (parse_traefik_file, "http: [unclosed"),
    ],
)
def test_broken_files_raise_only_our_own_error(parser: object, text: str) -> None:
    with pytest.raises(ParseError):
        parser(text, "f", Vault())  # type: ignore[operator]


@pytest.mark.parametrize(
    ("site", "ports"),
    [(":{$PORT}", ()), ("hub.lan:{$PORT:8080}", ()), ("{$SITE}", ()), ("{$HOST}:8080", (8080,)), (":8080", (8080,))],
)
def test_the_port_that_caddys_environment_gives_is_not_known(site: str, ports: tuple[int, ...]) -> None:
    text = f"{site} {{\n\treverse_proxy registry:5000\n}}\n"
    assert [r.listen for r in parse_caddy(text, "Caddyfile", Vault())] == [ports]


def test_files_of_apache_that_include_each_other_come_to_an_end() -> None:
    files = {f"conf/{n}.conf": "Include conf/*.conf\n" for n in range(120)}
    with pytest.raises(ParseError, match="too often"):
        parse_apache_files(files, Vault())


def test_an_include_of_apache_is_told_by_its_last_parts() -> None:
    """A star takes no file of another folder; a file that is included is no site of its own."""
    site = "<VirtualHost *:80>\n Include /etc/apache2/conf/*.conf\n ProxyPass /v2 http://127.0.0.1:5000/v2\n</VirtualHost>\n"
    unset = "RequestHeader unset Authorization\n"
    near = parse_apache_files({"httpd.conf": site, "conf/a.conf": unset}, Vault())
    assert [e.place.file for r in near if r.kind == "proxy" for e in r.request_headers] == ["conf/a.conf"]
    assert {r.place.file for r in near} == {"httpd.conf"}
    far = parse_apache_files({"httpd.conf": site, "other/a.conf": unset}, Vault())
    assert not [e for r in far if r.kind == "proxy" for e in r.request_headers]
