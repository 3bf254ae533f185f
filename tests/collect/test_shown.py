"""Configurations that a program printed, where people paste them: a session, a mail, the end of `nginx -T`."""

import json
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.model import Evidence
from runbook.redact import Vault

_HANDLER = {
    "handler": "reverse_proxy",
    "headers": {"request": {"delete": ["Authorization"]}},
    "upstreams": [{"dial": "registry:5000"}],
}
_ROUTES = [{"match": [{"host": ["hub.example"]}], "handle": [_HANDLER]}]
CADDY = {"apps": {"http": {"servers": {"srv0": {"listen": [":443"], "routes": _ROUTES}}}}}
PRETTY = json.dumps(CADDY, indent="\t") + "\n"
LOGGED = '{"level":"info","ts":1795680662.1,"msg":"using adjacent Caddyfile"}\n'


def evidence(folder: Path, text: str) -> Evidence:
    (folder / "t.txt").write_text(text)
    return collect(Request(paths=(str(folder),)), Vault())


@pytest.mark.parametrize(
    "text",
    [
        f"$ caddy adapt --pretty\n{LOGGED}{PRETTY}$\n",
        f"root@box:~# curl -s http://localhost:2019/config/\n{json.dumps(CADDY)}\nroot@box:~# \n",
        f"Hi,\nthis is what caddy adapt prints:\n\n{PRETTY}\nAnna\n",
        "Hi,\nthis is what caddy adapt prints:\n\n" + "".join(f"> {row}\n" for row in PRETTY.splitlines()),
    ],
)
def test_caddys_own_json_is_read_where_it_stands(tmp_path: Path, text: str) -> None:
    (route,) = evidence(tmp_path, text).routes
    assert route.server_names == ("hub.example",)
    assert [e.name for e in route.request_headers] == ["Authorization"]


def test_other_json_in_a_text_is_no_configuration_of_caddys(tmp_path: Path) -> None:
    found = evidence(tmp_path, 'We have:\n\n{\n  "apps": {\n    "one": ["servers"]\n  }\n}\n')
    assert not found.routes


def test_the_last_file_of_a_dump_ends_before_the_prompt(tmp_path: Path) -> None:
    text = """root@box:~# nginx -T
nginx: configuration file /etc/nginx/nginx.conf test is successful
# configuration file /etc/nginx/nginx.conf:
http {
    include /etc/nginx/conf.d/*.conf;
}
# configuration file /etc/nginx/conf.d/hub.conf:
server {
    listen 80;
    location / {
        proxy_pass http://registry:5000;
        include /etc/nginx/proxy_params;
    }
}
# configuration file /etc/nginx/proxy_params:
client_max_body_size 0;
proxy_set_header X-Forwarded-Proto $scheme;

root@box:~#
"""
    found = evidence(tmp_path, text)
    assert not found.problems
    (route,) = found.routes
    assert (route.max_body, route.complete) == (None, True)
