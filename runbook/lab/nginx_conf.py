"""A proxy description as nginx configuration: for the bundle with the containers' names, for the
native backend with the loopback ports that stand behind them."""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab.plan import NOWHERE, Plan, Proxy


def server_block(proxy: Proxy, *, listen: str, root: str, passwords: str, real: str | None = None) -> str:
    """The `server` block. `real` is the upstream to connect to when it is not the one that is written;
    what nginx derives from the written one (Host, Location) is then spelled out."""
    lines = ["server {", f"    listen {listen};", "    server_name localhost;", f"    root {root};"]
    if proxy.software == "ui" or proxy.body_limit != 1 << 20:
        lines.append(f"    client_max_body_size {_size(proxy.body_limit)};")
    if proxy.software == "ui":
        lines += ["    error_page 500 502 503 504 /50x.html;"]
    lines += ["", "    location / {", "        index index.html;", "    }"]
    if proxy.open_ping:
        lines += ["", "    location = /v2/ {", "        default_type application/json;"]
        lines += ["        return 200 '{}';", "    }"]
    if proxy.upstream:
        lines += ["", f"    location {location(proxy)} {{", *_proxied(proxy, passwords, real), "    }"]
    return "\n".join([*lines, "}", ""])


def location(proxy: Proxy) -> str:
    """The location that holds the route: the UI's is /v2, hand-made ones usually /v2/."""
    return "/v2" if proxy.software == "ui" else "/v2/"


def _proxied(proxy: Proxy, passwords: str, real: str | None) -> list[str]:
    written = proxy.upstream or ""
    lines = []
    if proxy.realm is not None:
        lines += [f'auth_basic "{proxy.realm}";', f"auth_basic_user_file {passwords};"]
    lines += [f"proxy_pass {real or written};", "proxy_http_version 1.1;"]
    host = proxy.host
    if real:
        parts = urlsplit(written)
        host = host or parts.netloc
        replacement = location(proxy) if parts.path else "/"
        lines.append(f"proxy_redirect {written if parts.path else written + '/'} {replacement};")
    if host is not None:
        lines.append(f'proxy_set_header Host "{host}";')
    lines += [f'proxy_set_header {name} "{value}";' for name, value in proxy.request_headers.items()]
    lines += [f"proxy_hide_header {name};" for name in proxy.hidden]
    lines += [f'add_header {n} "{v}"{" always" if always else ""};' for n, v, always in proxy.added]
    return [f"        {line}" for line in lines]


def _size(limit: int) -> str:
    return f"{limit >> 20}m" if limit and limit % (1 << 20) == 0 else str(limit)


def whole(plan: Plan, home: Path) -> str:
    """A complete nginx.conf for an unprivileged nginx that serves the plan on loopback."""
    proxy = plan.proxy
    real = None
    port = plan.upstream_port() if proxy.upstream else NOWHERE
    if proxy.upstream and port is not None:
        parts = urlsplit(proxy.upstream)
        real = f"{parts.scheme}://127.0.0.1:{port}{parts.path}"
    block = server_block(
        proxy,
        listen=f"127.0.0.1:{plan.ui_port}",
        root=str(home / "www"),
        passwords=str(home / "project" / ".proxy-htpasswd"),
        real=real,
    )
    temporary = "\n".join(
        f"  {kind}_temp_path {home / 'nginx' / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\nmaster_process off;\npid {home / 'nginx' / 'pid'};\n"
        "events { worker_connections 256; }\n"
        f"http {{\n{temporary}\n  types {{ text/html html; }}\n  default_type application/octet-stream;\n"
        f"  access_log {home / 'nginx' / 'access.log'};\n{_indent(block)}}}\n"
    )


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())
