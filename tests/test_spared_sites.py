"""A fix in lines that several sites share mends the registry's and leaves the others as they are.

The stacks stood behind real nginx 1.22, Caddy 2.6, HAProxy 2.6 and Apache 2.4 on a host: before, the diff (where there
was one) took the line away from the other site as well. `wiki` is the other site.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbook.model import Finding
from tests.case_files import Case, judge
from tests.real.programs import need

REGISTRY = {
    "etc/docker/registry/config.yml": "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\n"
    "http: {addr: 127.0.0.1:5000}\nauth: {htpasswd: {realm: Registry, path: /etc/docker/registry/htpasswd}}\n",
}
ANSWER = "Content-Type: application/json; charset=utf-8\nDocker-Distribution-Api-Version: registry/2.0\nX-Content-Type-Options: nosniff\n"
REFUSED = (
    f'HTTP/1.1 401 Unauthorized\n{ANSWER}Www-Authenticate: Basic realm="Registry"\n\n'
    '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}\n'
)
SERVED = f"HTTP/1.1 200 OK\n{ANSWER}\n{{}}\n"
DIRECT = f"$ curl -sSi -u anna http://127.0.0.1:5000/v2/\n{SERVED}"
LOST = f"$ curl -sSi -u anna http://registry.example.com/v2/\n{REFUSED}{DIRECT}"
UNASKED = REFUSED.replace('Www-Authenticate: Basic realm="Registry"\n', "")
SILENT = f"$ curl -sSi http://registry.example.com/v2/\n{UNASKED}{DIRECT}"


@dataclass
class Stack:
    cause: str
    files: dict[str, str]
    wanted: dict[str, str]
    """What a file is afterwards, but for the lines that a fix does not touch: lines that must be there."""
    kept: tuple[str, ...] = ()
    """Files that nobody touches."""
    transcript: str = LOST
    commands: tuple[str, ...] = field(default=())


def caddy(snippet: str, registry: str) -> dict[str, str]:
    return {
        "etc/caddy/Caddyfile": "{\n\tauto_https off\n}\n\n" + snippet + "\nhttp://registry.example.com {\n" + registry
        + "}\n\nhttp://wiki.example.com {\n\timport backend 127.0.0.1:8081\n}\n",
    }  # fmt: skip


SNIPPET = "(backend) {\n\treverse_proxy {args.0} {\n\t\theader_up -Authorization\n\t\theader_up X-Real-IP {remote_host}\n\t}\n}\n"
NGINX_SNIPPET = "proxy_http_version 1.1;\nproxy_set_header Host $host;\nproxy_set_header X-Forwarded-Proto $scheme;\n"
HAPROXY = (
    "defaults\n    mode http\n\nfrontend www\n    bind :80\n{}    acl is_wiki hdr(host) -i wiki.example.com\n"
    "    use_backend wiki if is_wiki\n    default_backend registry\n\nbackend wiki\n    server w1 127.0.0.1:8081\n\n"
    "backend registry\n    server r1 127.0.0.1:5000\n"
)
SITES = (
    "<VirtualHost *:80>\n    ServerName registry.example.com\n    ProxyPreserveHost On\n    ProxyPass / http://127.0.0.1:5000/\n"
    "</VirtualHost>\n<VirtualHost *:80>\n    ServerName wiki.example.com\n    ProxyPass / http://127.0.0.1:8081/\n</VirtualHost>\n"
)
UPLOAD = (
    "$ curl -sSi -X POST -u anna https://registry.example.com:8443/v2/app/blobs/uploads/\nHTTP/1.1 202 Accepted\n"
    f"{ANSWER}Location: https://registry.example.com/v2/app/blobs/uploads/1?_state=x\nServer: nginx\n\n"
)
STACKS = {
    "caddy-snippet": Stack(
        "authorization-stripped",
        caddy(SNIPPET, "\timport backend 127.0.0.1:5000\n"),
        {"etc/caddy/Caddyfile": SNIPPET + "\nhttp://registry.example.com {\n\treverse_proxy 127.0.0.1:5000 {\n"
                                "\t\theader_up X-Real-IP {remote_host}\n\t}\n}\n"},
    ),
    "caddy-header-block": Stack(
        "www-authenticate-missing",
        caddy("(backend) {\n\theader {\n\t\t-Server\n\t\t-WWW-Authenticate\n\t}\n\treverse_proxy {args[0]}\n}\n",
              "\timport backend 127.0.0.1:5000\n"),
        {"etc/caddy/Caddyfile": "http://registry.example.com {\n\theader {\n\t\t-Server\n\t}\n\treverse_proxy 127.0.0.1:5000\n}\n"},
        transcript=SILENT,
    ),
    "nginx-snippet": Stack(
        "location-header-port-lost",
        {
            "etc/nginx/snippets/proxy.conf": NGINX_SNIPPET,
            "etc/nginx/sites-enabled/registry.conf": "server {\n\tlisten 8443 ssl;\n\tserver_name registry.example.com;\n"
            "\tclient_max_body_size 0;\n\tlocation / {\n\t\tinclude snippets/proxy.conf;\n\t\tproxy_pass http://127.0.0.1:5000;\n\t}\n}\n",
            "etc/nginx/sites-enabled/wiki.conf": "server {\n\tlisten 8080;\n\tserver_name wiki.example.com;\n\tlocation / {\n"
            "\t\tinclude snippets/proxy.conf;\n\t\tproxy_pass http://127.0.0.1:8081;\n\t}\n}\n",
        },
        {"etc/nginx/sites-enabled/registry.conf": "\t\tproxy_set_header Host $http_host;\n\t\tproxy_set_header X-Forwarded-Proto $scheme;\n"},
        kept=("etc/nginx/snippets/proxy.conf", "etc/nginx/sites-enabled/wiki.conf"),
        transcript=UPLOAD,
    ),
    "apache-around-all-sites": Stack(
        "authorization-stripped",
        {"etc/apache2/conf-enabled/privacy.conf": "ServerTokens Prod\nRequestHeader unset Authorization\n", "etc/apache2/sites-enabled/all.conf": SITES},
        {"etc/apache2/conf-enabled/privacy.conf": 'RequestHeader unset Authorization "expr=%{REQUEST_URI} !~ m#^/v2/#"\n'},
        kept=("etc/apache2/sites-enabled/all.conf",),
    ),
    "haproxy-with-a-comment": Stack(
        "authorization-stripped",
        {"etc/haproxy/haproxy.cfg": HAPROXY.format("    http-request del-header Authorization   # privacy\n")},
        {"etc/haproxy/haproxy.cfg": "    http-request del-header Authorization unless { path_beg /v2/ }   # privacy\n"},
    ),
}  # fmt: skip
ALONE = {
    "caddy-snippet-of-one-site": Stack(
        "authorization-stripped",
        {"etc/caddy/Caddyfile": "(backend) {\n\treverse_proxy {args.0} {\n\t\theader_up -Authorization\n\t}\n}\n"
                                "http://registry.example.com {\n\timport backend 127.0.0.1:5000\n}\n"},
        {"etc/caddy/Caddyfile": "(backend) {\n\treverse_proxy {args.0} {\n\t}\n}\nhttp://registry.example.com {\n\timport backend"},
    ),
    "haproxy-of-one-backend": Stack(
        "authorization-stripped",
        {"etc/haproxy/haproxy.cfg": "frontend www\n    bind :80\n    http-request del-header Authorization\n    default_backend registry\n"
                                    "backend registry\n    server r1 127.0.0.1:5000\n"},
        {"etc/haproxy/haproxy.cfg": "frontend www\n    bind :80\n    default_backend registry\n"},
    ),
    "apache-of-another-folder": Stack(
        "authorization-stripped",
        {"elsewhere/conf-enabled/privacy.conf": "ServerTokens Prod\nRequestHeader unset X-Internal\n",
         "etc/apache2/sites-enabled/all.conf": SITES.replace("    ProxyPreserveHost On\n", "    ProxyPreserveHost On\n    RequestHeader unset Authorization\n")},
        {"etc/apache2/sites-enabled/all.conf": SITES},
        kept=("elsewhere/conf-enabled/privacy.conf",),
    ),
}  # fmt: skip


def found(stack: Stack, files: dict[str, str], folder: Path) -> Finding | None:
    folder.mkdir(parents=True)
    case = Case(Path("x/bad.yaml"), "", ("--user", "anna"), {}, files, {}, {})
    causes = judge(case, folder).diagnosis.causes
    return next((c for c in causes if c.cause == stack.cause), None)


@pytest.mark.parametrize("name", [*STACKS, *ALONE])
def test_the_registrys_site_alone_is_changed(name: str, tmp_path: Path) -> None:
    stack = {**STACKS, **ALONE}[name]
    files = REGISTRY | stack.files
    first = found(stack, files | {"transcript.txt": stack.transcript}, tmp_path / "case")
    assert first is not None
    if first.fix.patch:
        done = subprocess.run(
            [need("patch"), "-p1", "-F0"], input=first.fix.patch.encode(), cwd=tmp_path / "case", capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode()
    for command in (c for c in first.fix.command_lines if c.startswith("perl")):
        for _ in range(2):  # a second time it changes nothing
            subprocess.run(command, shell=True, cwd=tmp_path / "case", check=True)
    after = {path: (tmp_path / "case" / path).read_text() for path in files}
    for path, text in stack.wanted.items():
        assert text in after[path], after[path]
    for path in stack.kept:
        assert after[path] == files[path]
    assert found(stack, after, tmp_path / "again") is None


def test_caddys_reload_names_the_file_that_imports_the_others(tmp_path: Path) -> None:
    sites = "http://registry.example.com {\n\timport common\n\treverse_proxy 127.0.0.1:5000\n}\n"
    files = REGISTRY | {
        "etc/caddy/Caddyfile": "import snippets/*.caddy\nimport sites/*.caddy\n",
        "etc/caddy/snippets/common.caddy": "(common) {\n\trequest_header -Authorization\n}\n",
        "etc/caddy/sites/registry.caddy": sites,
        "etc/caddy/sites/wiki.caddy": sites.replace("registry", "wiki").replace("5000", "8081"),
        "transcript.txt": LOST,
    }
    first = found(STACKS["caddy-snippet"], files, tmp_path / "case")
    assert first is not None
    assert first.fix.command_lines == ("caddy reload --config etc/caddy/Caddyfile",)
    assert first.fix.patch
    assert "+++ b/etc/caddy/sites/registry.caddy" in first.fix.patch
