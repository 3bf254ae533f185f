"""Configurations for the differential test: every way we know to bend a request in nginx.

@LISTEN@ and @UP@ stand for the addresses of the run, @VALID@ and @INVALID@ for logins in base64.
"""

from dataclasses import dataclass

from runbook.stack.foretell import Login


@dataclass(frozen=True)
class Config:
    """One configuration: what stands inside `http { }`."""

    name: str
    text: str
    injected: Login = "unknown"
    own_login: bool = True
    tls: bool = False
    host: str = "reg.example:8080"


def server(inside: str, name: str, **more: object) -> Config:
    """A server with this inside."""
    return Config(name, f"server {{ listen @LISTEN@; {inside} }}", **more)  # type: ignore[arg-type]


def v2(inside: str, name: str, **more: object) -> Config:
    """A server with `location /v2/` that proxies, with this beside the proxy_pass."""
    return server(f"location /v2/ {{ proxy_pass http://@UP@; {inside} }}", name, **more)


SET = "proxy_set_header "
HOSTED = SET + "Host $http_host; "


def mapped(
    rows: str, name: str, *, key: str = "$http_authorization", header: str = "Authorization", **more: object
) -> Config:
    """A map and a location that sends its value on."""
    location = f"location /v2/ {{ proxy_pass http://@UP@; {HOSTED}{SET}{header} $mapped; }}"
    text = f"map {key} $mapped {{ {rows} }} server {{ listen @LISTEN@; {location} }}"
    return Config(name, text, **more)  # type: ignore[arg-type]


HEADERS = [
    v2("", "plain"),
    mapped('default ""; "~*^bearer" $http_authorization;', "map that keeps bearer only", injected="none"),
    mapped('default $http_authorization; "~*^bearer" "";', "map that drops bearer only"),
    mapped('default ""; "~*^BASIC" $http_authorization;', "map that keeps basic, whatever its case"),
    mapped('default ""; websocket $http_authorization;', "map on upgrade", key="$http_upgrade", injected="none"),
    mapped('default ""; "" $http_authorization;', "map on a cookie that is not there", key="$cookie_sid"),
    mapped(
        'default $http_x_forwarded_proto; "" $scheme;',
        "map of the scheme",
        key="$http_x_forwarded_proto",
        header="X-Forwarded-Proto",
    ),
    v2(HOSTED, "host of the client"),
    v2(HOSTED + SET + 'Authorization "";', "authorization emptied", injected="none"),
    v2(SET + "Authorization '';", "authorization emptied, single quotes"),
    v2(SET + 'authorization "";', "authorization emptied, lower case"),
    v2(SET + "Authorization $http_authorization;", "authorization handed on"),
    v2(SET + 'Authorization "$http_authorization";', "authorization handed on, quoted"),
    v2(SET + "Authorization ${http_authorization};", "authorization handed on, braces"),
    v2(SET + 'Authorization "Basic @VALID@";', "valid login injected", injected="valid"),
    v2(SET + 'Authorization "Basic @INVALID@";', "invalid login injected", injected="invalid"),
    v2(SET + 'Authorization "Bearer abcdefgh";', "bearer injected"),
    v2(SET + 'Authorization "Basic a-b";', "not base64 injected"),
    v2(SET + 'Authorization "Basic YWJjZGVm";', "no colon injected"),
    v2(SET + "X-Other 1;", "another header only"),
    v2("proxy_pass_request_headers off;", "no request headers at all", host="reg.example:8080"),
    v2("proxy_pass_header Authorization;", "proxy_pass_header is for answers"),
    v2("proxy_hide_header WWW-Authenticate;", "challenge hidden"),
    v2("proxy_hide_header Www-Authenticate; " + HOSTED, "challenge hidden, other case"),
    v2("add_header X-A b;", "add_header"),
    v2("proxy_intercept_errors on;", "intercept without error_page"),
    server('set $a ""; location /v2/ { proxy_pass http://@UP@; proxy_set_header Authorization $a; }', "emptied by set"),
    server(
        'location /v2/ { set $a ""; proxy_pass http://@UP@; proxy_set_header Authorization $a; }',
        "emptied by set inside",
    ),
    server(
        "set $a $http_authorization; location /v2/ { proxy_pass http://@UP@; proxy_set_header Authorization $a; }",
        "handed on by set",
    ),
    Config(
        "emptied by map",
        'map $http_x $a { default ""; } server { listen @LISTEN@; location /v2/ {'
        " proxy_pass http://@UP@; proxy_set_header Authorization $a; } }",
    ),
]

INHERITED = [
    server(SET + 'Authorization ""; location /v2/ { proxy_pass http://@UP@; }', "emptied by the server"),
    server(
        SET + 'Authorization ""; location /v2/ { proxy_pass http://@UP@; proxy_set_header Host $http_host; }',
        "server's headers are not inherited beside own ones",
    ),
    server(
        HOSTED + "location /v2/ { proxy_pass http://@UP@; proxy_set_header X-A b; }",
        "server's Host is lost the same way",
    ),
    server(HOSTED + "location /v2/ { proxy_pass http://@UP@; }", "server's Host is inherited"),
    Config(
        "emptied by http",
        SET + 'Authorization ""; server { listen @LISTEN@; location /v2/ { proxy_pass http://@UP@; } }',
    ),
    Config(
        "http's headers are lost in the server",
        SET + 'Authorization ""; server { listen @LISTEN@; proxy_set_header Host $http_host; '
        "location /v2/ { proxy_pass http://@UP@; } }",
    ),
    Config(
        "body size of http",
        "client_max_body_size 3m; server { listen @LISTEN@; location /v2/ { proxy_pass http://@UP@; } }",
    ),
    server(
        'location / { proxy_set_header Authorization ""; location /v2/ { proxy_pass http://@UP@; } }',
        "nested, inherited",
    ),
    server(
        "location / { root @DIR@/www; location /v2/ { proxy_pass http://@UP@; proxy_set_header Host $host; } }",
        "nested",
    ),
    server(
        "proxy_hide_header WWW-Authenticate; location /v2/ { proxy_pass http://@UP@; }", "hidden challenge is inherited"
    ),
    server(
        "proxy_hide_header WWW-Authenticate; location /v2/ { proxy_pass http://@UP@; proxy_hide_header X-A; }",
        "hidden challenge is not inherited beside another",
    ),
    server(
        "auth_basic A; auth_basic_user_file @DIR@/users; location /v2/ { proxy_pass http://@UP@; auth_basic off; }",
        "auth off",
    ),
]

HOSTS = [
    v2(SET + "Host $host;", "host without port"),
    v2(SET + "Host $host:$server_port;", "host with the container's port"),
    v2(SET + "Host $host:8080;", "host with a fixed port"),
    v2(SET + "Host $proxy_host;", "host of the upstream, said aloud"),
    v2(SET + "Host registry.internal;", "fixed host"),
    v2(SET + 'Host "registry.internal:5000";', "fixed host and port"),
    server("server_name name.example; location /v2/ { proxy_pass http://@UP@; proxy_set_header Host $server_name; }", "host from server_name"),
    v2("proxy_redirect off;", "no redirect mending"),
    v2("proxy_redirect default;", "redirect mending said aloud"),
    v2("proxy_redirect off; " + HOSTED, "no mending needed"),
    v2("absolute_redirect on;", "absolute redirect"),
    v2(HOSTED + SET + "X-Forwarded-Proto https;", "proto https"),
    v2(HOSTED + SET + "X-Forwarded-Proto $scheme;", "proto of the hop"),
    v2(HOSTED + SET + 'Forwarded "proto=https;host=other.example";', "forwarded header"),
    v2(SET + "X-Forwarded-Host $http_host;", "forwarded host of the client"),
    v2(SET + "X-Forwarded-Host other.example; " + HOSTED, "forwarded host, another"),
    v2(HOSTED + SET + "X-Forwarded-Protocol https;", "misspelled proto"),
    v2(HOSTED + SET + 'Forwarded "proto=http"; ' + SET + "X-Forwarded-Proto https;", "forwarded beats proto"),
    server(
        "set $up http://@UP@; location /v2/ { proxy_pass $up; }", "variable upstream leaves Location alone"
    ),
    server("set $up @UP@; location /v2/ { proxy_pass http://$up; proxy_set_header Host $host; }", "variable and host"),
    Config("tls without proto", "server { listen @LISTEN@ ssl; @CERT@ location /v2/ { proxy_pass http://@UP@; " + HOSTED + "} }", tls=True),
    Config(
        "tls with proto",
        "server { listen @LISTEN@ ssl; @CERT@ location /v2/ { proxy_pass http://@UP@; "
        + HOSTED + SET + "X-Forwarded-Proto $scheme; } }",
        tls=True,
    ),
    Config("tls, nothing set", "server { listen @LISTEN@ ssl; @CERT@ location /v2/ { proxy_pass http://@UP@; } }", tls=True),
    Config(
        "tls, mending off",
        "server { listen @LISTEN@ ssl; @CERT@ location /v2/ { proxy_pass http://@UP@; proxy_redirect off; } }",
        tls=True,
    ),
    Config(
        "upstream block",
        "upstream reg { server @UP@; } server { listen @LISTEN@; location /v2/ { proxy_pass http://reg; } }",
    ),
    Config(
        "upstream block and a host",
        "upstream reg { server @UP@; keepalive 4; } server { listen @LISTEN@; location /v2/ { proxy_pass http://reg;"
        ' proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; } }',
    ),
    Config(
        "upstream block, mending off",
        "upstream reg { server @UP@; } server { listen @LISTEN@; location /v2/ { proxy_pass http://reg; proxy_redirect off; } }",
    ),
]  # fmt: skip

PATHS = [
    server("location /v2 { proxy_pass http://@UP@/; }", "slash under /v2"),
    server("location /v2/ { proxy_pass http://@UP@/; }", "slash under /v2/"),
    server("location /v2/ { proxy_pass http://@UP@/v2/; }", "same path"),
    server("location /v2 { proxy_pass http://@UP@/v2; }", "same path without slashes"),
    server("location /v2/ { proxy_pass http://@UP@/v2; }", "slash lost"),
    server("location / { proxy_pass http://@UP@/; }", "root to root"),
    server("location / { proxy_pass http://@UP@; }", "root"),
    server("location / { proxy_pass http://@UP@/v2/; }", "doubled v2"),
    server("set $u @UP@; location /v2/ { proxy_pass http://$u/; }", "variable and slash: everything is /"),
    server("set $u @UP@; location /v2/ { proxy_pass http://$u/v2/; }", "variable and path: everything is /v2/"),
    server("set $u @UP@; location /v2/ { proxy_pass http://$u$request_uri; }", "variable and request_uri"),
    server("set $u @UP@; location /v2/ { proxy_pass http://$u; }", "variable alone"),
    server("location ~ ^/v2/(.*)$ { set $u @UP@; proxy_pass http://$u/v2/$1; }", "regex with capture"),
    server("location /v2/ { rewrite ^/v2/(.*)$ /v2/$1 break; proxy_pass http://@UP@; }", "rewrite to the same"),
    server("location /v2/ { rewrite ^/v2/(.*)$ /$1 break; proxy_pass http://@UP@; }", "rewrite cuts v2"),
]

CHOICE = [
    server("location = /v2/ { return 200 '{}'; } location /v2/ { proxy_pass http://@UP@; }", "ping answered by hand"),
    server(
        "location = /v2/ { add_header Docker-Distribution-Api-Version registry/2.0 always; return 200; }"
        " location / { proxy_pass http://@UP@; }",
        "ping answered by hand, root proxied",
    ),
    server("location ~ ^/v2/_ { return 404; } location /v2/ { proxy_pass http://@UP@; }", "regex before prefix"),
    server("location ^~ /v2/ { proxy_pass http://@UP@; } location ~ ^/v2/_ { return 404; }", "no regex after ^~"),
    server("location ~ ^/v2/ { proxy_pass http://@UP@; } location /v2/ { return 404; }", "regex beats prefix"),
    server("location ~* ^/V2/ { proxy_pass http://@UP@; }", "regex without case"),
    server("location /v1/ { proxy_pass http://@UP@; }", "no v2 route"),
    server("location / { root @DIR@/www; }", "static only"),
    server("location /v2/a/ { return 403; } location /v2/ { proxy_pass http://@UP@; }", "longest prefix"),
    server("location /v2/_catalog { deny all; } location /v2/ { proxy_pass http://@UP@; }", "catalog denied"),
    server("return 301 https://reg.example$request_uri;", "redirected by the server"),
    server("location / { return 301 /v2/; } location /v2/ { proxy_pass http://@UP@; }", "root redirected"),
    server("location /v2/ { return 302 https://other.example$request_uri; }", "v2 redirected"),
    server("location /v2/ { try_files $uri @r; } location @r { proxy_pass http://@UP@; }", "named location"),
    Config(
        "another name's server",
        "server { listen @LISTEN@; server_name www.example; root @DIR@/www; }"
        " server { listen @LISTEN@; server_name registri.example; location /v2/ { proxy_pass http://@UP@; } }",
    ),
    Config(
        "the right name's server",
        "server { listen @LISTEN@; server_name www.example; root @DIR@/www; }"
        " server { listen @LISTEN@; server_name reg.example; location /v2/ { proxy_pass http://@UP@; } }",
    ),
    Config(
        "a wildcard's server",
        "server { listen @LISTEN@; root @DIR@/www; }"
        " server { listen @LISTEN@; server_name *.example; location /v2/ { proxy_pass http://@UP@; } }",
    ),
    Config(
        "default_server",
        "server { listen @LISTEN@; server_name a.example; root @DIR@/www; }"
        " server { listen @LISTEN@ default_server; server_name b.example; location /v2/ { proxy_pass http://@UP@; } }",
    ),
]

LOGINS = [
    v2("auth_basic Proxy; auth_basic_user_file @DIR@/users;", "own login, the same users"),
    v2("auth_basic Proxy; auth_basic_user_file @DIR@/users; " + SET + 'Authorization "";', "own login, then stripped"),
    v2(
        "auth_basic Proxy; auth_basic_user_file @DIR@/users; " + SET + 'Authorization "Basic @VALID@";',
        "own login, then a valid one",
        injected="valid",
    ),
    v2("limit_except GET { auth_basic P; auth_basic_user_file @DIR@/users; }", "own login for writes only"),
    v2("limit_except GET HEAD { deny all; }", "writes denied"),
    v2('if ($http_authorization = "") { return 401; }', "401 by hand without a challenge"),
    v2("if ($request_method = POST) { return 405; }", "POST refused"),
    v2("if ($request_method !~ ^(GET|HEAD)$) { return 405; }", "only GET"),
    v2("if ($request_method = OPTIONS) { return 204; }", "OPTIONS answered"),
    v2(
        'if ($http_user_agent ~ "^(docker\\/1\\.(3|4|5(?!\\.[0-9]-dev))|Go ).*$") { return 404; }',
        "old clients refused",
    ),
    server("if ($host != other.example) { return 421; } location /v2/ { proxy_pass http://@UP@; }", "name checked"),
    v2("if ($request_method = GET) { return 200 '{}'; }", "all GETs answered"),
]

SIZES = [
    v2("client_max_body_size 0;", "no limit"),
    v2("client_max_body_size 10m;", "10 MB"),
    v2("client_max_body_size 1k;", "1 KB"),
    server("client_max_body_size 1g; location /v2/ { proxy_pass http://@UP@; }", "1 GB of the server"),
    server(
        "client_max_body_size 0; location /v2/ { proxy_pass http://@UP@; client_max_body_size 1m; }", "limit inside"
    ),
    v2("client_max_body_size 1464K;", "not quite enough"),
]

CONFIGS = [*HEADERS, *INHERITED, *HOSTS, *PATHS, *CHOICE, *LOGINS, *SIZES]
