"""Sites that nginx-proxy writes from the variables of other containers: VIRTUAL_HOST, VIRTUAL_PORT, VIRTUAL_PROTO.

Source: nginx.tmpl of nginx-proxy/nginx-proxy: Host, Authorization and X-Forwarded-Proto go on as they came, there is no
body limit but nginx's own, and what else holds is in files that are mounted into the proxy.
"""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Compose, ProxyRoute, Service
from runbook.model.proxy import NGINX_BODY
from runbook.numbers import whole_number

_IMAGE = re.compile(r"(?:^|/)(?:jwilder|nginxproxy)/nginx-proxy\b|/nginx-proxy/nginx-proxy\b")
_OWN_FILES = ("/etc/nginx/conf.d", "/etc/nginx/vhost.d", "/etc/nginx/htpasswd", "/etc/nginx/proxy.conf")
"""What may change any of the above once it is mounted."""


def virtual_hosts(compose: Compose | None) -> tuple[ProxyRoute, ...]:
    """The routes of a compose project's nginx-proxy, if it has one."""
    services = compose.services if compose else ()
    proxy = next((s for s in services if _IMAGE.search((s.image or "").lower())), None)
    return tuple(route for s in services for route in _routes(s, proxy)) if proxy else ()


def _routes(service: Service, proxy: Service) -> Iterator[ProxyRoute]:
    hosts = service.env("VIRTUAL_HOST")
    for name in re.split(r"[,\s]+", (hosts.value or "") if hosts else ""):
        if hosts is None or not name or service is proxy:
            continue
        port, proto, path = (service.env(f"VIRTUAL_{what}") for what in ("PORT", "PROTO", "PATH"))
        scheme = ((proto.value or "") if proto else "") or "http"
        method = service.env("HTTPS_METHOD")
        tls = any(p.container == 443 for p in proxy.ports) and (method is None or method.value != "nohttps")
        exposed = service.expose[0] if len(service.expose) == 1 else service.image_port or 80
        number = whole_number((port.value or "") if port else "") or (443 if scheme == "https" else exposed)
        own_files = any(m.target.startswith(_OWN_FILES) for m in proxy.mounts)
        yield ProxyRoute(
            software="nginx-proxy",
            place=hosts.place,
            service=proxy.name,
            server_names=(name,),
            listen=(443 if tls else 80,),
            tls=tls,
            path=((path.value or "") if path else "") or "/",
            upstream=f"{scheme}://{service.name}:{number}",
            upstream_scheme=scheme,
            upstream_hosts=((service.name, number),),
            upstream_variable=True,  # written anew whenever a container starts
            upstream_place=port.place if port else hosts.place,
            host="client",
            host_value="$http_host",
            forwards_proto="right",
            max_body=None if own_files else NGINX_BODY,
            read_timeout=60.0,
            complete=not own_files,
        )
