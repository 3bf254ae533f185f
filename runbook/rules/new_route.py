"""A /v2/ route to the registry for a proxy that has none, written as its program wants it."""

import re

from runbook.model import Edit, Evidence, ProxyRoute, SourceFile

_NGINX = """\
    location /v2/ {{
        client_max_body_size 0;
        proxy_pass http://{target};
        proxy_set_header Host $http_host;
    }}"""
_APACHE = """\
    ProxyPreserveHost On
    ProxyPass /v2/ http://{target}/v2/
    ProxyPassReverse /v2/ http://{target}/v2/"""
_CADDY = "\thandle /v2/* {{\n\t\treverse_proxy {target}\n\t}}"
"""In a `handle`: a `respond` or a `file_server` of the site comes before any bare reverse_proxy."""
_OPENS = {"nginx": r"\s*server\s*\{\s*$", "apache": r"\s*<VirtualHost\b.*>\s*$"}


def new_route(evidence: Evidence, site: ProxyRoute, target: str) -> tuple[Edit, ...]:
    """The edits that lead /v2/ of that site to host:port; none where the file is not understood well enough."""
    file = next((f for f in evidence.files if f.path == site.place.file), None)
    if file is None or not file.lines or site.place.line is None or not re.fullmatch(r"[\w.-]+:\d+", target):
        return ()
    match site.software:
        case "nginx" | "apache":
            text = _NGINX if site.software == "nginx" else _APACHE
            if site.software == "nginx" and site.tls:
                text = text.replace("\n    }}", "\n        proxy_set_header X-Forwarded-Proto $scheme;\n    }}")
            line = _before(file, site.place.line, _OPENS[site.software])
            return (Edit(file=file.path, line=line, old=None, new=text.format(target=target)),) if line else ()
        case "caddy":
            line = _before(file, site.place.line, r"\S.*\{\s*$")
            return (Edit(file=file.path, line=line, old=None, new=_CADDY.format(target=target)),) if line else ()
        case "haproxy":
            return _haproxy(file, target)
    return ()


def _haproxy(file: SourceFile, target: str) -> tuple[Edit, ...]:
    """A rule in the one frontend, above its default, and a backend at the end."""
    default = [n for n, text in enumerate(file.lines, 1) if re.match(r"\s*default_backend\s", text)]
    taken = any(re.match(r"\s*(?:backend|listen)\s+registry\b", text) for text in file.lines)
    if len(default) != 1 or taken or default[0] < 2:
        return ()
    rule = Edit(file=file.path, line=default[0] - 1, old=None, new="    use_backend registry if { path_beg /v2/ }")
    backend = f"\nbackend registry\n    server registry {target}"
    return rule, Edit(file=file.path, line=len(file.lines), old=None, new=backend)


def _before(file: SourceFile, line: int, pattern: str) -> int | None:
    """The nearest line at or above that one which opens the site."""
    return next((n for n in range(min(line, len(file.lines)), 0, -1) if re.match(pattern, file.lines[n - 1])), None)
