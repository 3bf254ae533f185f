"""Traefik does what the analysis of its files foretells, before a real registry."""

import contextlib
import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from runbook.model import ProxyRoute
from runbook.parse.traefik import parse_traefik_files
from runbook.redact import Vault
from runbook.stack.foretell import Login, Request
from tests.real.hops import (
    HOST,
    INVALID,
    PASSWORD,
    USER,
    VALID,
    Backend,
    backend,
    disagreements,
    free_port,
    running,
    send,
)
from tests.real.programs import need

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Config:
    """The middlewares of a router, or a whole dynamic file."""

    name: str
    middlewares: str = ""
    rule: str = "PathPrefix(`/`)"
    whole: str = ""
    injected: Login = "unknown"
    point: str = ""
    """What the entry point has besides its address."""


STRIP = "headers: {customRequestHeaders: {Authorization: ''}}"
ASKS = "basicAuth: {users: ['@USER@:@HASH@']}"
DYNAMIC = """http:
  routers:
    read: {{rule: "Path(`/read`)", service: ping@internal, priority: 1000}}
    r:
      rule: "{rule}"
      service: s
{uses}{middlewares}  services:
    s: {{loadBalancer: {{servers: [{{url: "http://@UP@"}}]}}}}
"""
CONFIGS = [
    Config("plain"),
    Config("by v2", rule="PathPrefix(`/v2`)"),
    Config("by v2 with a slash", rule="PathPrefix(`/v2/`)"),
    Config("the ping alone", rule="Path(`/v2/`)"),
    Config("another path", rule="PathPrefix(`/v1/`)"),
    Config("its host", rule="Host(`reg.example`)"),
    Config("another host", rule="Host(`other.example`)"),
    Config("its host and path", rule="Host(`reg.example`) && PathPrefix(`/v2/`)"),
    Config("a pattern of hosts", rule="HostRegexp(`^[a-z]+\\\\\\\\.example$`)"),
    Config("no other path", rule="PathPrefix(`/`) && !PathPrefix(`/v2/a/`)"),
    Config("reads alone", rule="PathPrefix(`/v2/`) && Method(`GET`)"),
    Config("authorization emptied", STRIP),
    Config("authorization set", "headers: {customRequestHeaders: {Authorization: 'Basic @VALID@'}}", injected="valid"),
    Config(
        "a wrong one set", "headers: {customRequestHeaders: {authorization: 'Basic @INVALID@'}}", injected="invalid"
    ),
    Config("a bearer set", "headers: {customRequestHeaders: {Authorization: 'Bearer x.y.z'}}"),
    Config("challenge emptied", "headers: {customResponseHeaders: {Www-Authenticate: ''}}"),
    Config("proto by hand", "headers: {customRequestHeaders: {X-Forwarded-Proto: https}}"),
    Config("host by hand", "headers: {customRequestHeaders: {Host: registry.internal}}"),
    Config("own login", ASKS),
    Config("own login, taken away", "basicAuth: {removeHeader: true, users: ['@USER@:@HASH@']}"),
    Config("own login by a file", "basicAuth: {usersFile: '@DIR@/users'}"),
    Config("own login, named on", "basicAuth: {headerField: X-User, users: ['@USER@:@HASH@']}"),
    Config("path stripped", "stripPrefix: {prefixes: [/v2]}"),
    Config("path stripped by a pattern", "stripPrefixRegex: {regex: ['^/v[0-9]']}"),
    Config("another path stripped", "stripPrefix: {prefixes: [/hub]}"),
    Config("path added", "addPrefix: {prefix: /hub}"),
    Config("path replaced", "replacePath: {path: /v2/}"),
    Config("path replaced by a pattern", "replacePathRegex: {regex: '^/v2/(.*)', replacement: '/v2/x/$1'}"),
    Config("bodies up to 1 MB", "buffering: {maxRequestBodyBytes: 1000000}"),
    Config("to https", "redirectScheme: {scheme: https, permanent: true}"),
    Config("elsewhere", "redirectRegex: {regex: '^http://[^/]+/(.*)', replacement: 'https://other.example/$1'}"),
    Config("a chain", "chain: {middlewares: [b]}", whole="chain"),
    Config("a longer rule first", whole="longer"),
    Config("a priority first", whole="priority"),
    Config("host of the upstream", whole="passhost"),
    Config("a middleware of the entry point", whole="point", point="middlewares: [m@file]"),
]
_BASE = DYNAMIC.format(rule="PathPrefix(`/`)", uses="", middlewares="")
_M = "  middlewares:\n    m: {" + STRIP + "}\n"
WHOLE = {
    "missing": _BASE.replace("service: s\n", "service: s\n      middlewares: [gone]\n"),
    "chain": DYNAMIC.format(
        rule="PathPrefix(`/`)",
        uses="      middlewares: [m]\n",
        middlewares="  middlewares:\n    m: {chain: {middlewares: [b]}}\n    b: {" + STRIP + "}\n",
    ),
    "unserved": _BASE.replace("service: s\n", "service: gone\n"),
    "elsewhere": _BASE.replace("service: s\n", "service: s\n      entryPoints: [other]\n"),
    "longer": _BASE.replace(
        "  routers:\n", "  routers:\n    long: {rule: 'PathPrefix(`/v2/`)', service: s, middlewares: [m]}\n"
    ).replace("  services:\n", _M + "  services:\n"),
    "priority": _BASE.replace(
        "  routers:\n",
        "  routers:\n    short: {rule: 'PathPrefix(`/v`)', priority: 900, service: s, middlewares: [m]}\n",
    )
    .replace("  services:\n", _M + "  services:\n")
    .replace("PathPrefix(`/`)", "PathPrefix(`/v2/`)"),
    "passhost": _BASE.replace("{servers:", "{passHostHeader: false, servers:"),
    "point": _BASE.replace("  services:\n", _M + "  services:\n"),
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with backend(tmp_path_factory.mktemp("registry")) as running_backend:
        yield running_backend


def _until_read(port: int) -> None:
    """Traefik listens before it has read its dynamic file."""
    deadline = time.monotonic() + 45
    while time.monotonic() < deadline:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        link.request("GET", "/read", headers={"Host": HOST})
        if link.getresponse().status != 404:
            return
        time.sleep(0.02)
    raise AssertionError("Traefik did not read its file")


@pytest.mark.parametrize("config", CONFIGS, ids=[c.name for c in CONFIGS])
def test_traefik(config: Config, here, tmp_path: Path) -> None:
    with _served(config, here, tmp_path) as (routes, port):
        compared, misses = disagreements(routes, port, here, injected=config.injected, own_login=True)
    assert compared == 8
    assert not misses, "\n".join(misses)


@pytest.mark.parametrize(
    ("whole", "kind"), [("missing", "middleware"), ("unserved", "service"), ("elsewhere", "entry point")]
)
def test_traefik_leaves_out_a_router_that_names_what_nobody_defines(
    whole: str, kind: str, here, tmp_path: Path
) -> None:
    with _served(Config("", whole=whole), here, tmp_path) as (routes, port):
        assert send(port, Request(path="/v2/", host=HOST, port=port)).status == 404
    (route,) = (r for r in routes if r.path == "/")
    assert [what for what, _, _ in route.unknown] == [kind]


@contextlib.contextmanager
def _served(config: Config, here: Backend, tmp_path: Path) -> Iterator[tuple[tuple[ProxyRoute, ...], int]]:
    """The routes that were read, and the port at which Traefik serves them."""
    port, program = free_port(), need("traefik")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "users").write_text(f"{USER}:{hashed}\n")
    uses, made = "", ""
    if config.middlewares:
        uses, made = "      middlewares: [m]\n", f"  middlewares:\n    m: {{{config.middlewares}}}\n"
    text = WHOLE.get(config.whole) or DYNAMIC.format(rule=config.rule, uses=uses, middlewares=made)
    filled = {"@UP@": f"127.0.0.1:{here.port}", "@DIR@": str(tmp_path), "@VALID@": VALID, "@INVALID@": INVALID}
    for name, value in (filled | {"@USER@": USER, "@HASH@": hashed}).items():
        text = text.replace(name, value)
    point = f", http: {{{config.point}}}" if config.point else ""
    static = (
        f"entryPoints: {{web: {{address: '127.0.0.1:{port}'{point}}}}}\n"
        f"providers: {{file: {{filename: {tmp_path}/dynamic.yml}}}}\n"
        "ping: {manualRouting: true}\nlog: {level: ERROR}\n"
        "global: {checkNewVersion: false, sendAnonymousUsage: false}\n"
    )
    (tmp_path / "dynamic.yml").write_text(text)
    (tmp_path / "traefik.yml").write_text(static)
    routes = parse_traefik_files((("traefik.yml", static), ("dynamic.yml", text)), Vault())
    with running([program, f"--configFile={tmp_path}/traefik.yml"], port, tmp_path):
        _until_read(port)
        yield routes, port
