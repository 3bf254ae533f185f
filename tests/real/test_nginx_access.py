"""Whom nginx refuses by an `if` on who asks: what is read of the file is what real nginx does."""

import http.client
from pathlib import Path

import pytest

from runbook.model import Guard
from runbook.parse.nginx import parse_nginx
from runbook.parse.nginx_access import refuses
from runbook.redact import Vault
from tests.real.hops import free_port, running
from tests.real.programs import need
from tests.real.test_nginx_differential import FRAME

pytestmark = pytest.mark.timeout(120)

CLIENTS = ("127.0.0.1", "127.0.0.7", "127.0.1.1", "127.0.1.9", "127.9.0.1")
GEO = "geo $inside { default 0; 127.0.0.0/16 1; 127.0.1.0/24 0; 127.0.1.9 1; }"
RULES = {
    "geo": (GEO, "if ($inside = 0) { return 403; }"),
    "geo, bare": (GEO, "if ($inside) { return 403; }"),
    "geo without a default": ("geo $away { 127.0.1.0/24 yes; }", "if ($away) { return 403; }"),
    "geo of a named address": ("geo $remote_addr $n { default out; 127.0.0.7 in; }", "if ($n != in) { return 403; }"),
    "map": ("map $remote_addr $ok { ~^127\\.0\\.1 1; 127.0.1.9 0; default 0; }", "if ($ok = 0) { return 403; }"),
    "map without a default": ("map $remote_addr $ok { 127.0.0.1 1; }", 'if ($ok = "") { return 403; }'),
    "regular expression": ("", "if ($remote_addr !~ ^127\\.0\\.[01]\\.) { return 403; }"),
    "one address": ("", "if ($remote_addr = 127.0.0.7) { return 403; }"),
}


def asked(port: int, client: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(client, 0))
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("place", ["server", "location"])
@pytest.mark.parametrize("rule", RULES)
def test_who_is_refused(rule: str, place: str, tmp_path: Path) -> None:
    need("nginx")
    table, refusal = RULES[rule]
    port, here = free_port(), {"server": "", "location": ""} | {place: refusal}
    server = f"server {{ listen 127.0.0.1:{port}; {here['server']} location /v2/ {{ {here['location']} proxy_pass http://127.0.0.1:9; }} }}"
    text = FRAME.format(folder=tmp_path, body=f"{table}\n{server}")
    (tmp_path / "nginx.conf").write_text(text)
    (guard,) = next(r for r in parse_nginx(text, "nginx.conf", Vault()) if r.kind == "proxy").guards
    with running(["nginx", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")], port, tmp_path):
        answers = {client: asked(port, client) for client in CLIENTS}
    assert set(answers.values()) == {403, 502}
    assert {client: refuses(guard, client) for client in CLIENTS} == {c: s == 403 for c, s in answers.items()}


def test_what_a_table_does_not_tell_is_unknown() -> None:
    guard = Guard(kind="address", text="", place=parse_nginx("location / {}", "x", Vault())[0].place)
    assert refuses(guard, "127.0.0.1") is None
