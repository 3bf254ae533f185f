"""A proxy description as nginx configuration: for the bundle with the containers' names, for the
native backend with the loopback ports that stand behind them."""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab.plan import Plan, Proxy, Surroundings


def text(plan: Plan, place: Surroundings) -> str:
    """The `server` block. On loopback the upstream to connect to is not the one that is written;
    what nginx derives from the written one (Host, Location) is then spelled out."""
    proxy = plan.proxy
    listen = f"{place.address}:{place.port}" if place.address else place.port
    lines = ["server {", f"    listen {listen};", "    server_name localhost;", f"    root {place.pages};"]
    if proxy.software == "ui" or proxy.body_limit != 1 << 20:
        lines.append(f"    client_max_body_size {_size(proxy.body_limit)};")
    if proxy.software == "ui":
        lines += ["    error_page 500 502 503 504 /50x.html;"]
    lines += ["", "    location / {", "        index index.html;", "    }"]
    if proxy.open_ping:
        lines += ["", "    location = /v2/ {", "        default_type application/json;"]
        lines += ["        return 200 '{}';", "    }"]
    if proxy.upstream:
        lines += ["", f"    location {location(proxy)} {{", *_proxied(proxy, place), "    }"]
    return "\n".join([*lines, "}", ""])


def location(proxy: Proxy) -> str:
    """The location that holds the route: the UI's is /v2, hand-made ones usually /v2/."""
    return "/v2" if proxy.software == "ui" else "/v2/"


def _proxied(proxy: Proxy, place: Surroundings) -> list[str]:
    written = urlsplit(proxy.upstream or "")
    base, host = f"{written.scheme}://{written.netloc}", proxy.host
    lines = []
    if proxy.turned_away:
        lines += [f'if ($http_user_agent ~* "{proxy.turned_away}") {{', "    return 403;", "}"]
    if proxy.allowed:
        lines += [f"allow {proxy.allowed};", "deny all;"]
    if proxy.realm is not None:
        lines += [f'auth_basic "{proxy.realm}";', f"auth_basic_user_file {place.passwords};"]
    lines += [f"proxy_pass {place.upstream}{written.path};", "proxy_http_version 1.1;"]
    if place.upstream != base:
        host = host or written.netloc
        replacement = location(proxy) if written.path else "/"
        lines.append(f"proxy_redirect {base}{written.path or '/'} {replacement};")
    if host is not None:
        lines.append(f'proxy_set_header Host "{host}";')
    lines += [f'proxy_set_header {name} "{value}";' for name, value in proxy.request_headers.items()]
    lines += [f"proxy_hide_header {name};" for name in proxy.hidden]
    lines += [f'add_header {n} "{v}"{" always" if always else ""};' for n, v, always in proxy.added]
    return [f"        {line}" for line in lines]


def _size(limit: int) -> str:
    return f"{limit >> 20}m" if limit and limit % (1 << 20) == 0 else str(limit)


def whole(text: str, folder: Path, plan: Plan) -> str:
    """A complete nginx.conf for an unprivileged nginx."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {folder / kind};" for kind in kinds)
    return (
        f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\n"
        "events { worker_connections 256; }\n"
        f"http {{\n{temporary}\n  types {{ text/html html; }}\n  default_type application/octet-stream;\n"
        f"  access_log {folder / 'access.log'};\n{_indent(text)}}}\n"
    )


def _indent(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())
