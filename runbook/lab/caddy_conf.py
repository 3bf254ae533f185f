"""A proxy description as a Caddyfile. Caddy hands Host on and tells it in X-Forwarded-Host as well, which
the registry believes; so whoever changes the one there has to change the other, too."""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab.plan import Plan, Surroundings


def text(plan: Plan, place: Surroundings) -> str:
    """The site as a user writes it."""
    proxy = plan.proxy
    lines = [f"bind {place.address}"] if place.address else []
    lines += ["log", f"root * {place.pages}"]
    if proxy.body_limit:
        lines += ["request_body {", f"\tmax_size {proxy.body_limit >> 20}MiB", "}"]
    if proxy.realm is not None:
        user, _, hashed = plan.files[".proxy-htpasswd"].decode().strip().partition(":")
        lines += [f'basicauth /v2/* bcrypt "{proxy.realm}" {{', f"\t{user} {hashed}", "}"]
    if proxy.open_ping:
        lines.append('respond /v2/ "{}" 200')
    lines += [f"header {name} {value}" for name, value, _ in proxy.added]
    if proxy.upstream:
        lines += _proxied(plan, place)
    return "\n".join([f"{'http://' if place.address else ''}:{place.port} {{", *_in(*lines, "file_server"), "}", ""])


def _in(*lines: str) -> list[str]:
    return [f"\t{line}" for line in lines]


def _proxied(plan: Plan, place: Surroundings) -> list[str]:
    proxy = plan.proxy
    upstream = place.upstream.removeprefix("http://")
    cut = bool(urlsplit(proxy.upstream or "").path)
    host = {"$http_host": None, "$host": "{host}", None: "{upstream_hostport}"}.get(proxy.host, proxy.host)
    options = [f"header_up Host {host}", "header_up -X-Forwarded-Host"] if host else []
    options += [f"header_up {n} {_quoted(v)}" if v else f"header_up -{n}" for n, v in proxy.request_headers.items()]
    options += [f"header_down -{name}" for name in proxy.hidden]
    way = f"reverse_proxy {'' if cut else '/v2/* '}{upstream}"
    lines = [f"{way} {{", *_in(*options), "}"] if options else [way]
    return ["handle_path /v2/* {", *_in(*lines), "}"] if cut else lines


def _quoted(value: str) -> str:
    return f'"{value}"'


def whole(text: str, folder: Path, plan: Plan) -> str:
    """With the options of a Caddy that must touch nothing beside its folder."""
    return f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}"
