"""Configurations of Traefik's file provider whose parts work together, for the differential of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbook.stack.foretell import Login

V2 = "PathPrefix(`/v2/`)"
ONE = "reg: {loadBalancer: {servers: [{url: 'http://@UP@'}]}}"
Asked = tuple[str, str, int]


@dataclass(frozen=True)
class Config:
    """`dynamic`: the dynamic file; `static`: the static one, besides the entry point `web`."""

    name: str
    dynamic: str
    static: str = ""
    web: str = ""
    """What else the entry point `web` has."""
    injected: Login = "unknown"
    own_login: bool = True
    requests: tuple[Asked, ...] = ()
    tls: bool = False
    host: str = ""
    unserved: str = ""
    """What Traefik leaves the router out for."""
    foretold: bool = True
    """Whether the files alone tell what comes back."""
    toml: bool = False


def routers(routers: Sequence[str], middlewares: str = "", services: str = ONE) -> str:
    """A dynamic file of these routers, middlewares and services, one a line."""

    def block(name: str, lines: Sequence[str]) -> str:
        return f"  {name}:\n" + "".join(f"    {line.strip()}\n" for line in lines if line.strip())

    text = "http:\n" + block("routers", routers)
    text += block("middlewares", middlewares.splitlines()) if middlewares else ""
    return text + block("services", services.splitlines())


def behind(
    name: str,
    middlewares: str = "",
    *,
    rule: str = V2,
    used: str | None = None,
    router: str = "",
    services: str = ONE,
    service: str = "reg",
    **more: object,
) -> Config:
    """One router with these middlewares in the order of their lines, or as `used` says."""
    names = used if used is not None else ", ".join(m.split(":")[0].strip() for m in middlewares.splitlines())
    chain = f", middlewares: [{names}]" if names else ""
    line = f'r: {{rule: "{rule}", service: {service}{chain}{router}}}'
    return Config(name, routers([line], middlewares, services), **more)  # type: ignore[arg-type]


def headers(kind: str, name: str, value: str) -> str:
    """A headers middleware with one custom header."""
    return f'{name.lower()}-h: {{headers: {{{kind}: {{{name}: "{value}"}}}}}}'


def asks(prefix: str) -> tuple[Asked, ...]:
    """Requests below a prefix."""
    return (
        ("GET", f"{prefix}/v2/", 0),
        ("GET", f"{prefix}/v2/_catalog", 0),
        ("POST", f"{prefix}/v2/a/blobs/uploads/", 0),
    )


REQUEST, RESPONSE = "customRequestHeaders", "customResponseHeaders"
USERS = "auth: {basicAuth: {users: ['@USER@']@MORE@}}"
ELSEWHERE = "gone: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}"


def login(more: str = "") -> str:
    """A basicAuth middleware."""
    return USERS.replace("@MORE@", more)


SIMPLE = (
    behind("toml", toml=True),
    behind("authorization emptied in lower case", headers(REQUEST, "authorization", "")),
    behind("bearer injected", headers(REQUEST, "Authorization", "Bearer abc"), injected="invalid"),
    behind("challenge emptied, lower case", headers(RESPONSE, "www-authenticate", "")),
    behind("forwarded host", headers(REQUEST, "X-Forwarded-Host", "other.example")),
    behind("bodies without limit", "b: {buffering: {maxRequestBodyBytes: 0}}"),
    behind("tls", router=", tls: {}", tls=True, host="reg.example"),
    behind("plain router asked by tls", tls=True, host="reg.example", web="http: {tls: {}}"),
)
LOGINS = (
    behind("own login by file, not handed on", "auth: {basicAuth: {usersFile: '@DIR@/users', removeHeader: true}}"),
    behind("own login of others", "auth: {basicAuth: {usersFile: '@DIR@/others'}}", own_login=False),
    behind("own login, user in Authorization", login(", headerField: Authorization")),
    behind("digest", "auth: {digestAuth: {users: ['kai:traefik:a2688e031edb4be6a3797f3882655c05']}}"),
    behind("valid injected before the login", headers(REQUEST, "Authorization", "Basic @VALID@") + "\n" + login(), foretold=False),
    behind("emptied before the login", headers(REQUEST, "Authorization", "") + "\n" + login()),
    behind("emptied after the login", login() + "\n" + headers(REQUEST, "Authorization", "")),
    behind("valid injected after the login", login() + "\n" + headers(REQUEST, "Authorization", "Basic @VALID@"), injected="valid"),
    behind("set, then taken away by the login", headers(REQUEST, "Authorization", "Basic @VALID@") + "\n" + login(", removeHeader: true"), foretold=False),
    behind("taken away by the login, then set", login(", removeHeader: true") + "\n" + headers(REQUEST, "Authorization", "Basic @VALID@"), injected="valid"),
    behind("challenge emptied before the login", headers(RESPONSE, "WWW-Authenticate", "") + "\n" + login()),
    behind("challenge emptied after the login", login() + "\n" + headers(RESPONSE, "WWW-Authenticate", "")),
    behind("chain", login(", removeHeader: true") + "\nc: {chain: {middlewares: [auth]}}", used="c"),
    behind("chain with a name that nobody defines", login() + "\nc: {chain: {middlewares: [auth, nobody]}}", used="c", unserved="middleware"),
)  # fmt: skip
PATHS = (
    behind("stripPrefix", "s: {stripPrefix: {prefixes: [/reg]}}", rule="PathPrefix(`/reg/`)", requests=asks("/reg")),
    behind("stripPrefix of two", "s: {stripPrefix: {prefixes: [/hub, /reg]}}", rule="PathPrefix(`/reg`)", requests=asks("/reg")),
    behind("stripPrefix with a slash", "s: {stripPrefix: {prefixes: [/reg/]}}", rule="PathPrefix(`/reg/`)", requests=asks("/reg")),
    behind("stripPrefixRegex", "s: {stripPrefixRegex: {regex: ['^/re[a-z]+']}}", rule="PathPrefix(`/reg/`)", requests=asks("/reg")),
    behind("stripPrefixRegex of v2", "s: {stripPrefixRegex: {regex: ['/v[0-9]']}}"),
    behind("replacePathRegex", "s: {replacePathRegex: {regex: '^/reg/(.*)', replacement: '/$1'}}", rule="PathPrefix(`/reg/`)", requests=asks("/reg")),
    behind("replacePathRegex that does not fit", "s: {replacePathRegex: {regex: '^/other/(.*)', replacement: '/$1'}}"),
    behind("addPrefix of v2", "s: {addPrefix: {prefix: /v2}}", rule="PathPrefix(`/`)", requests=(("GET", "/", 0), ("GET", "/_catalog", 0))),
    behind("stripped, then added", "s: {stripPrefix: {prefixes: [/v2]}}\na: {addPrefix: {prefix: /v2}}"),
    behind("a path in the server's address", services=ONE.replace("@UP@", "@UP@/v2")),
    behind("redirectScheme, temporary", "s: {redirectScheme: {scheme: https}}"),
    behind("redirectScheme, already there", "s: {redirectScheme: {scheme: https}}", router=", tls: {}", tls=True, host="reg.example"),
    behind("redirectRegex that does not fit", "s: {redirectRegex: {regex: '^https://(.*)', replacement: 'https://other.example/$1'}}"),
    behind("login after the redirect", "s: {redirectScheme: {scheme: https}}\n" + login()),
)  # fmt: skip
RULES = (
    behind("PathRegexp", rule="PathRegexp(`^/v2/(_catalog)?$`)"),
    behind("Host in upper case", rule="Host(`REG.example`)"),
    behind("one of two hosts", rule="Host(`hub.example`) || Host(`reg.example`)"),
    behind("HostRegexp", rule=r"HostRegexp(`^[a-z]+\\.example$`)"),
    behind("HostRegexp of others", rule=r"HostRegexp(`^[a-z]+\\.other$`)"),
    behind("Method", rule="Method(`GET`)"),
    behind("two methods", rule="PathPrefix(`/v2/`) && (Method(`GET`) || Method(`POST`))"),
    behind("Header", rule="PathPrefix(`/v2/`) && Header(`X-Team`, `blue`)", foretold=False),
    behind("a client's address that may come", rule="PathPrefix(`/v2/`) && ClientIP(`127.0.0.1`)", foretold=False),
    behind("another client's address", rule="PathPrefix(`/v2/`) && ClientIP(`192.0.2.0/24`)", foretold=False),
    behind("Query", rule="PathPrefix(`/v2/`) && Query(`ns`, `a`)", foretold=False),
    behind("not that path", rule="!PathPrefix(`/v2/`)"),
    behind("not another path", rule="!PathPrefix(`/admin`)"),
    behind("not that method", rule="PathPrefix(`/v2/`) && !Method(`POST`)"),
    behind("not that host", rule="PathPrefix(`/v2/`) && !Host(`reg.example`)"),
    behind("either path", rule="Path(`/v2/`) || PathPrefix(`/v2/a`)"),
    behind("a rule of version 2", rule="PathPrefix(`/v1`, `/v2/`)", static="core: {defaultRuleSyntax: v2}"),
    behind("no rule at all", rule="Nonsense(`/v2/`)", foretold=False),
)  # fmt: skip
EMPTY = headers(REQUEST, "Authorization", "")


def two(name: str, first: str, second: str, middlewares: str = EMPTY, **more: object) -> Config:
    """Two routers: `a` empties Authorization, `b` is plain."""
    used = ", middlewares: [authorization-h]"
    lines = [f'a: {{rule: "{first}", service: reg{used}}}', f'b: {{rule: "{second}", service: reg}}']
    return Config(name, routers(lines, middlewares), **more)  # type: ignore[arg-type]


def with_priority(name: str, first: int, second: int) -> Config:
    """The same with priorities."""
    text = two(name, "PathPrefix(`/v2/`)", "PathPrefix(`/v2/`) && Method(`GET`)").dynamic
    text = text.replace("authorization-h]}", f"authorization-h], priority: {first}}}")
    return Config(name, text.replace("service: reg}", f"service: reg, priority: {second}}}"))


WEIGHTED = "w: {weighted: {services: [{name: reg, weight: 1}]}}\n" + ONE
WIRING = (
    two("the longer rule wins", "PathPrefix(`/`)", "PathPrefix(`/v2/`)"),
    two("the longer rule takes it away", "PathPrefix(`/v2/`)", "PathPrefix(`/`)"),
    two("a longer rule without the host wins", "PathPrefix(`/v2/`) || PathPrefix(`/v2/_catalog`)", "Host(`reg.example`)"),
    two("a router that nobody can use falls through", "PathPrefix(`/v2/`)", "PathPrefix(`/`)", "other: {addPrefix: {prefix: /x}}"),
    with_priority("priorities turn it round", 1000, 1),
    with_priority("priorities as lengths", 1, 1000),
    with_priority("priority nought is none", 0, 0),
    behind("a middleware with its provider", login(), used="auth@file"),
    behind("a middleware with two kinds", "m: {basicAuth: {users: ['@USER@']}, addPrefix: {prefix: /x}}", unserved="two in one"),
    behind("a service with its provider", service="reg@file"),
    behind("one of two entry points", router=", entryPoints: [websecure, web]"),
    behind("weighted", service="w", services=WEIGHTED),
    behind("weighted over a name that nobody defines", service="w", services=WEIGHTED.replace("name: reg", "name: nobody"), unserved="service"),
    behind("middlewares at the entry point", headers(REQUEST, "Authorization", ""), used="", web="http: {middlewares: [authorization-h@file]}"),
    behind("login at the entry point", login(), used="", web="http: {middlewares: [auth@file]}"),
    behind("login at the entry point, taken away", login(", removeHeader: true"), used="", web="http: {middlewares: [auth@file]}"),
)  # fmt: skip
OPEN = (
    behind("addresses that may come", "g: {ipAllowList: {sourceRange: ['127.0.0.1/32']}}", foretold=False),
    behind("addresses of others", "g: {ipAllowList: {sourceRange: ['192.0.2.0/24']}}", foretold=False),
    behind("a rate", "g: {rateLimit: {average: 1000, burst: 1000}}", foretold=False),
    behind("forwardAuth", "f: {forwardAuth: {address: 'http://@ASK@/200'}}", foretold=False),
    behind("forwardAuth refuses", "f: {forwardAuth: {address: 'http://@ASK@/401'}}", foretold=False),
    behind("forwardAuth redirects", "f: {forwardAuth: {address: 'http://@ASK@/302'}}", foretold=False),
    behind("forwardAuth gives a login", "f: {forwardAuth: {address: 'http://@ASK@/login', authResponseHeaders: [Authorization]}}", foretold=False),
    behind("errors on 401", "e: {errors: {status: ['401'], service: reg, query: '/'}}", foretold=False),
)  # fmt: skip
CONFIGS = (*SIMPLE, *LOGINS, *PATHS, *RULES, *WIRING, *OPEN)
