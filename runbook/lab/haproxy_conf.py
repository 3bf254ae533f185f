"""A proxy description as haproxy.cfg. HAProxy hands everything on and adds nothing by itself."""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab.plan import Plan, Surroundings

_FRAME = """\
global
    log stdout format raw local0

defaults
    mode http
    log global
    option httplog
    option dontlognull
    timeout connect 5s
    timeout client 300s
    timeout server 300s
"""
_PING = "http-request return status 200 content-type application/json string {} if { path /v2/ }"


def text(plan: Plan, place: Surroundings) -> str:
    """The configuration as a user writes it."""
    proxy = plan.proxy
    parts = [_FRAME]
    if proxy.realm is not None:
        user, _, hashed = plan.files[".proxy-htpasswd"].decode().strip().partition(":")
        parts.append(_section("userlist gate", [f"user {user} password {hashed}"]))
    front = [f"bind {place.address}:{place.port}"]
    if proxy.upstream:
        front.append("use_backend registry if { path_beg /v2/ }")
    parts.append(_section("frontend web", [*front, "default_backend page"]))
    if proxy.upstream:
        parts.append(_section("backend registry", _backend(plan, place)))
    page = f"http-request return status 200 content-type text/html file {place.pages}/index.html"
    parts.append(_section("backend page", [page]))
    return "\n".join(parts)


def _section(name: str, lines: list[str]) -> str:
    return "\n".join([name, *(f"    {line}" for line in lines), ""])


def _backend(plan: Plan, place: Surroundings) -> list[str]:
    proxy, parts = plan.proxy, urlsplit(place.upstream)
    host = {"$http_host": "", "$host": "%[req.hdr(host),field(1,:)]", None: parts.netloc}.get(proxy.host, proxy.host)
    lines = [_PING] if proxy.open_ping else []
    if proxy.realm is not None:
        lines.append(f'http-request auth realm "{proxy.realm}" unless {{ http_auth(gate) }}')
    if proxy.body_limit:
        lines.append(f"http-request deny deny_status 413 if {{ req.body_size gt {proxy.body_limit} }}")
    if host:
        lines.append(f"http-request set-header Host {host}")
    for name, value in proxy.request_headers.items():
        lines.append(f'http-request set-header {name} "{value}"' if value else f"http-request del-header {name}")
    if urlsplit(proxy.upstream or "").path:
        lines.append("http-request replace-path ^/v2/(.*) /\\1")
    lines += [f"http-response del-header {name}" for name in proxy.hidden]
    lines += [f"http-response add-header {name} {value}" for name, value, _ in proxy.added]
    port = parts.port or (443 if parts.scheme == "https" else 80)
    tls = " ssl verify none" if parts.scheme == "https" else ""
    return [*lines, f"server {plan.registry} {parts.hostname}:{port}{tls}"]


def whole(text: str, folder: Path, plan: Plan) -> str:
    """A user's file is complete; here a refused connection is told at once, not after three attempts a second apart."""
    return text.replace("defaults\n", "defaults\n    retries 0\n", 1)
