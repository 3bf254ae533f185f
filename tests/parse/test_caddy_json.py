"""Caddy's JSON says what the Caddyfile says that it was made from."""

import json
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from runbook.model import HeaderEdit, Place, ProxyRoute
from runbook.parse import ParseError
from runbook.parse.caddy import parse_caddy
from runbook.parse.caddy_json import parse_caddy_json
from runbook.redact import Vault
from tests.case_files import all_cases

SITES = """hub.example {
 tls internal
 handle /v2/* {
  reverse_proxy registry:5000 {
   header_up -Authorization
   header_up Host {upstream_hostport}
   header_up X-A "b"
   header_down -Server
   transport http {
    response_header_timeout 30s
    tls_insecure_skip_verify
   }
  }
 }
 handle_path /ui/* {
  reverse_proxy ui:8080
 }
 header Access-Control-Allow-Origin x
 header -X-B
 request_body {
  max_size 10MB
 }
 respond /health 200
 redir /x https://a.example/y permanent
 route /r/* {
  reverse_proxy a:1 b:2
 }
 @opt method OPTIONS
 respond @opt 204
}
http://b.example {
 basicauth /v2/* {
  anna $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
 }
 reverse_proxy y:2
}
hub.example:9443 {
 tls internal
 forward_auth auth:9091 {
  uri /verify
 }
 reverse_proxy z:3
}
:8080 {
 request_header X-C d
 reverse_proxy w:4
}
"""
FILES = {"sites": SITES} | {
    f"{c.cause}/{c.path.stem}": t for c in all_cases() for n, t in c.files.items() if n == "Caddyfile"
}
_PLACES = ("place", "upstream_place", "max_body_place", "host_place")


def told(route: ProxyRoute) -> dict[str, Any]:
    """What a route says, its places and the two spellings of placeholders left out."""
    here = Place("x")
    row = {f.name: getattr(route, f.name) for f in fields(route) if f.name not in _PLACES}

    def plain(edit: HeaderEdit) -> HeaderEdit:
        value = edit.value.replace("{http.reverse_proxy.upstream.hostport}", "{upstream_hostport}")
        for name in ("host", "scheme", "remote.host", "hostport", "uri", "method"):
            value = value.replace(f"{{http.request.{name}}}", f"{{{name.replace('remote.host', 'remote_host')}}}")
        return replace(edit, place=here, value=value)

    for name in ("request_headers", "response_headers"):
        row[name] = tuple(sorted((plain(e) for e in row[name]), key=str))
    row["auth"] = replace(route.auth, place=here) if route.auth else None
    row["upstream"] = route.upstream.removeprefix("http://").removeprefix("https://")
    row["host_value"] = row["host_value"].replace("http.request.", "")
    return row


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not here")
@pytest.mark.parametrize("name", list(FILES))
def test_what_caddy_makes_of_a_file_gives_the_same_routes(name: str, tmp_path: Path) -> None:
    (tmp_path / "Caddyfile").write_text(FILES[name])
    words = ["caddy", "adapt", "--pretty", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    adapted = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ours = [told(r) for r in parse_caddy(FILES[name], "Caddyfile", Vault())]
    theirs = [told(r) for r in parse_caddy_json(adapted, "caddy.json", Vault())]
    assert sorted(map(repr, theirs)) == sorted(map(repr, ours))


def test_places_are_lines_of_the_json() -> None:
    route = {
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": "r:5000"}],
                "headers": {"request": {"delete": ["Authorization"]}},
            }
        ]
    }
    text = json.dumps({"apps": {"http": {"servers": {"a": {"listen": [":80"], "routes": [route]}}}}}, indent="\t")
    (found,) = parse_caddy_json(text, "c.json", Vault())
    (edit,) = found.request_headers
    assert text.split("\n")[(edit.place.line or 0) - 1].strip() == '"Authorization"'
    assert (found.upstream, found.listen, found.tls) == ("r:5000", (80,), False)


@pytest.mark.parametrize("text", ["{}", '{"apps": {"http": {"servers": []}}}', '{"apps": 1}', "[1]", "{"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_caddy_json(text, "c.json", Vault())


def test_routes_within_routes_end() -> None:
    inner: dict[str, Any] = {"handle": [{"handler": "file_server"}]}
    for _ in range(25):
        inner = {"handle": [{"handler": "subroute", "routes": [inner]}]}
    with pytest.raises(ParseError):
        parse_caddy_json(json.dumps({"apps": {"http": {"servers": {"a": {"routes": [inner]}}}}}), "c.json", Vault())
