"""nginx: inheritance, includes, variables, bare snippets and broken files."""

import pytest

from runbook.model import ProxyRoute
from runbook.parse import ParseError
from runbook.parse.nginx import parse_nginx, parse_nginx_files
from runbook.redact import Vault


def api(text: str, file: str = "site.conf") -> ProxyRoute:
    """The proxied route of a file that has one."""
    return next(r for r in parse_nginx(text, file, Vault()) if r.kind == "proxy")


def test_a_level_with_headers_of_its_own_inherits_none() -> None:
    outer = 'server { proxy_set_header Authorization ""; location /v2/ { proxy_pass http://r:5000; %s } }'
    assert api(outer % "").edit("Authorization") is not None
    assert api(outer % "proxy_set_header Host $host;").edit("Authorization") is None


def test_a_bare_location_is_not_complete_and_has_no_known_limit() -> None:
    route = api("location /v2/ {\n  proxy_pass http://r:5000;\n}\n")
    assert (route.complete, route.max_body, route.place.line) == (False, None, 1)


def test_the_inside_of_a_location_alone_is_read() -> None:
    route = api("proxy_pass http://registry:5000;\nproxy_set_header Host $http_host;\n")
    assert (route.host, route.upstream_hosts, route.complete) == ("client", (("registry", 5000),), False)


def test_a_missing_include_makes_it_incomplete_but_mime_types_does_not() -> None:
    text = "server { include %s; location /v2/ { proxy_pass http://r:5000; } }"
    assert not api(text % "/etc/nginx/proxy_params").complete
    assert api(text % "/etc/nginx/mime.types").complete


def test_includes_at_hand_are_followed_and_not_read_twice() -> None:
    files = {
        "nginx/nginx.conf": "http { client_max_body_size 0; include /etc/nginx/conf.d/*.conf; }",
        "nginx/conf.d/reg.conf": "server { location /v2/ { include snippets/up.conf; } }",
        "nginx/snippets/up.conf": "proxy_pass http://r:5000;\nproxy_set_header Host $http_host;",
    }
    routes = [r for r in parse_nginx_files(files, Vault()) if r.kind == "proxy"]
    assert len(routes) == 1
    assert (routes[0].max_body, routes[0].host) == (None, "client")
    assert str(routes[0].upstream_place) == "nginx/snippets/up.conf:1"


def test_files_that_include_each_other_end() -> None:
    files = {"a.conf": "include b.conf; include b.conf;", "b.conf": "include a.conf; include a.conf;"}
    assert parse_nginx_files(files, Vault()) == ()


def test_upstream_block_and_variables_are_followed() -> None:
    route = api("upstream hub { server a:5000; server b; } server { location / { proxy_pass http://hub; } }")
    assert route.upstream_hosts == (("a", 5000), ("b", 80))
    route = api("server { set $r registry:5000; location /v2/ { proxy_pass http://$r$request_uri; } }")
    assert (route.upstream_hosts, route.upstream_variable, route.upstream_uri) == (
        (("registry", 5000),),
        True,
        "$request_uri",
    )


@pytest.mark.parametrize(
    ("listen", "ports", "tls"),
    [
        ("443 ssl", (443,), True),
        ("[::]:8443 ssl http2", (8443,), True),
        ("127.0.0.1:8080", (8080,), False),
        ("80", (80,), False),
    ],
)
def test_listen(listen: str, ports: tuple[int, ...], tls: bool) -> None:
    route = api(f"server {{ listen {listen}; location /v2/ {{ proxy_pass http://r; }} }}")
    assert (route.listen, route.tls) == (ports, tls)


@pytest.mark.parametrize(
    ("size", "expected"), [("0", None), ("10m", 10 << 20), ("1G", 1 << 30), ("512k", 512 << 10), ("77", 77)]
)
def test_body_size(size: str, expected: int | None) -> None:
    assert api(f"server {{ client_max_body_size {size}; location / {{ proxy_pass http://r; }} }}").max_body == expected


def test_a_login_put_in_is_described_and_never_shown() -> None:
    vault = Vault()
    text = 'server { location /v2/ { proxy_pass http://r; proxy_set_header Authorization "Basic a2FpOlRvcnRlLTc3"; } }'
    edit = parse_nginx(text, "n.conf", vault)[0].edit("Authorization")
    assert edit is not None
    assert (edit.injected, edit.user) == ("cleartext", "kai")
    assert "a2Fp" not in repr(edit)
    assert edit.password is not None
    assert vault.reveal(edit.password) == b"Torte-77"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("server {\n  location / {\n", 2),
        ("server {\n}\n}\n", 3),
        ("server {\n  listen 80\n}\n", 2),
        ("location / {\n  return 200 'open;\n}", 2),
    ],
)
def test_broken_files_say_where(text: str, line: int) -> None:
    with pytest.raises(ParseError) as error:
        parse_nginx(text, "x.conf", Vault())
    assert error.value.line == line


def test_nesting_is_bounded() -> None:
    with pytest.raises(ParseError):
        parse_nginx("a { " * 500 + "}" * 500, "x.conf", Vault())


def test_headers_of_answers_keep_always() -> None:
    route = api(
        "server { location /v2/ { proxy_pass http://r; add_header A b; add_header C d always; proxy_hide_header E; } }"
    )
    assert [(e.name, e.action, e.always) for e in route.response_headers] == [
        ("E", "remove", True),
        ("A", "add", False),
        ("C", "add", True),
    ]


def test_options_answered_by_hand() -> None:
    text = "server { location /v2/ { if ($request_method = OPTIONS) { return 204; } proxy_pass http://r; } }"
    assert api(text).answers_options


@pytest.mark.parametrize(
    ("listen", "ports"), [("${PORT}", ()), ("[::]:${PORT}", ()), ("${IP}:8080", (8080,)), ("unix:/run/n.sock", (80,))]
)
def test_the_port_of_a_template_is_not_known(listen: str, ports: tuple[int, ...]) -> None:
    text = f"server {{ listen {listen}; location / {{ proxy_pass http://registry:5000; }} }}"
    assert [r.listen for r in parse_nginx(text, "default.conf.template", Vault())] == [ports]


GEO = "geo $inside { default 0; 10.0.0.0/8 1; }\n"
REFUSAL = "if ($inside = 0) { return 403; }"


def guards(text: str) -> dict[str, list[str]]:
    """Path of each proxied location to the kinds of its guards."""
    return {
        r.path: [g.kind for g in r.guards] for r in parse_nginx(GEO + text, "site.conf", Vault()) if r.kind == "proxy"
    }


def test_an_if_of_the_server_guards_all_and_one_of_a_location_that_one_alone() -> None:
    inner = "location /v2/ { %s proxy_pass http://r:5000; location /v2/_catalog { proxy_pass http://r:5000; } }"
    assert guards(f"server {{ {REFUSAL} {inner % ''} }}") == {"/v2/": ["address"], "/v2/_catalog": ["address"]}
    assert guards(f"server {{ {inner % REFUSAL} }}") == {"/v2/": ["address"], "/v2/_catalog": []}


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        ("if ($inside = 0) { return 401; }", ["address"]),
        ("if ($inside = 0) { return 302 /x; }", []),
        ("if ($inside = 0) { set $a 1; } if ($a) { return 403; }", ["address"]),
        ("set $a $inside; if ($a = 0) { return 403; }", ["address"]),
        ("if ($geoip_country_code != DE) { return 403; }", ["address"]),
        ("if ($request_method !~ ^(GET|HEAD)$) { return 403; }", ["method"]),
        ("if ($http_user_agent ~ curl) { return 403; }", ["agent"]),
        ('if ($http_authorization = "") { return 403; }', []),
        ("if ($uri ~ ^/admin) { return 403; }", []),
        ("set $a $inside$uri; if ($a ~ ^0/admin) { return 403; }", []),
        ("if ($unknown) { return 403; }", []),
        ("set $a $b; set $b $a; if ($a) { return 403; }", []),
    ],
)
def test_which_if_is_a_rule_of_who_asks(written: str, kinds: list[str]) -> None:
    assert guards(f"server {{ {written} location / {{ proxy_pass http://r:5000; }} }}") == {"/": kinds}
