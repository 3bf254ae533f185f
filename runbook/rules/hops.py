"""Which routes of the hops carry the registry's API, and what to show of them: shared by the rules about proxies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.model import (
    Compose,
    Evidence,
    EvidenceItem,
    Exchange,
    Fix,
    HeaderEdit,
    Place,
    ProxyRoute,
    Service,
    Stack,
)
from runbook.observe.notes import describe
from runbook.observe.routes import signed_by_proxy
from runbook.observe.traffic import Traffic
from runbook.stack.choose import choose
from runbook.stack.foretell import Request

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "ip6-localhost")  # noqa: S104  (names, nothing is bound)
_SAMPLES = (
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("GET", "/v2/app/manifests/1"),
    ("POST", "/v2/app/blobs/uploads/"),
    ("PATCH", "/v2/app/blobs/uploads/1"),
    ("PUT", "/v2/app/blobs/uploads/1"),
)


@dataclass(frozen=True, slots=True)
class Front:
    """One virtual host of a hop, with the route that each kind of API request takes there."""

    routes: tuple[ProxyRoute, ...]
    ping: ProxyRoute | None
    catalog: ProxyRoute | None
    upload: ProxyRoute | None
    api: tuple[ProxyRoute, ...]
    """The routes on which API requests are proxied."""

    @property
    def any(self) -> ProxyRoute:
        """A route to name the hop by."""
        return self.upload or self.ping or self.routes[0]


def fronts(stack: Stack, compose: Compose | None) -> tuple[Front, ...]:
    """The virtual hosts of all hops."""
    groups: dict[object, list[ProxyRoute]] = {}
    for route in stack.routes:
        key = (route.software, route.place.file, route.service, route.server_names, route.listen)
        groups.setdefault(key, []).append(route)
    return tuple(_front(tuple(group), compose) for group in groups.values())


def _front(routes: tuple[ProxyRoute, ...], compose: Compose | None) -> Front:
    first = routes[0]
    name = next((n for n in first.server_names if not n.startswith(("~", "*", "."))), "host.invalid")
    port = first.listen[0] if first.listen else 80
    taken = [choose(routes, Request(method=m, path=p, host=name, port=port, tls=first.tls)) for m, p in _SAMPLES]
    api = dict.fromkeys(r for r in taken if r is not None and r.kind == "proxy" and leads_to_registry(r, compose))
    return Front(routes, taken[0], taken[1], taken[3], tuple(api))


def api_routes(stack: Stack, compose: Compose | None) -> Iterator[ProxyRoute]:
    """The proxied routes of the API, of all hops."""
    for front in fronts(stack, compose):
        yield from front.api


def leads_to_registry(route: ProxyRoute, compose: Compose | None) -> bool:
    """Whether the upstream is a registry, or unknown: then the path says that it is meant to be one."""
    service = upstream_service(route, compose)
    if service is None:
        return True
    if service.role == "ui":
        return any(service.env(n) is not None for n in ("NGINX_PROXY_PASS_URL",))
    return service.role in ("registry", "proxy") or (service.role == "other" and _speaks_for_itself(route))


def _speaks_for_itself(route: ProxyRoute) -> bool:
    return "/v2" in route.path or any("registry" in host for host, _ in route.upstream_hosts)


def upstream_service(route: ProxyRoute, compose: Compose | None) -> Service | None:
    """The compose service behind the route, if its name is one."""
    if compose is None:
        return None
    return next((s for host, _ in route.upstream_hosts if (s := compose.service(host)) is not None), None)


def takes_pushes(route: ProxyRoute, compose: Compose | None) -> bool:
    """Whether images are pushed along this route: not where it only leads to the registry UI's pages."""
    service = upstream_service(route, compose)
    return service is None or service.role != "ui"


def hop(route: ProxyRoute) -> str:
    """The name of the hop in the picture."""
    return f"{name(route)} -> registry"


def name(route: ProxyRoute) -> str:
    """What to call the hop: the compose service's own name, else the software."""
    return route.service or ("ui" if route.software == "joxit-ui" else route.software)


def item(what: str, place: Place | None) -> EvidenceItem:
    """A piece of evidence at a place."""
    return EvidenceItem(what=what, where=str(place) if place else "")


def seen(exchange: Exchange, more: str = "") -> EvidenceItem:
    """A request as evidence."""
    return EvidenceItem(what=f"{describe(exchange)}{more}", where=f"{exchange.source} {exchange.route}".strip())


def front_url(traffic: Traffic, stack: Stack, route: ProxyRoute | None, compose: Compose | None) -> str:
    """The address under which the hop is used: as it was seen, else as compose publishes it."""
    for exchange in (*traffic.on("via"), *(e for e in traffic.exchanges if e.route == "unknown" and e.is_api)):
        found = re.match(r"https?://[^/]+", exchange.url)
        if found:
            return found[0]
    service = compose.service(route.service) if compose and route and route.service else None
    port = next((p.published for p in service.ports if p.published), None) if service else None
    scheme = "https" if route and route.tls else "http"
    named = next(
        (n for n in (route.server_names if route else ()) if re.fullmatch(r"[\w.-]+", n) and n != "_"), "localhost"
    )
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{named}" + (f":{port}" if port and port != usual else "")


def user_of(evidence: Evidence, traffic: Traffic) -> str:
    """The user in question, for commands."""
    if evidence.target.user:
        return evidence.target.user
    seen_users = (e.credential.user for e in traffic.exchanges if e.credential and e.credential.user)
    return next(seen_users, None) or next((c.user for c in evidence.checks), "NAME")


def login_check(traffic: Traffic, evidence: Evidence, stack: Stack, route: ProxyRoute | None) -> str:
    """The command that proves a login through the hop; curl asks for the password itself."""
    url = front_url(traffic, stack, route, evidence.compose)
    return f"curl -sS -o /dev/null -w '%{{http_code}}\\n' -u {user_of(evidence, traffic)} {url}/v2/   # 200"


def reload(route: ProxyRoute) -> str:
    """How the hop takes a changed file."""
    service = route.service
    commands = {
        "nginx": "nginx -t && nginx -s reload",
        "caddy": "caddy reload --config /etc/caddy/Caddyfile",
        "haproxy": "haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg && kill -USR2 1",
        "apache": "httpd -t && httpd -k graceful",
    }
    if route.software in ("joxit-ui", "traefik") or route.place.file.endswith((".yml", ".yaml")):
        return f"docker compose up -d {service or ''}".rstrip()
    inside = commands.get(route.software, "")
    return f"docker compose exec {service} sh -c '{inside}'" if service else f"sudo sh -c '{inside}'"


def repair(route: ProxyRoute, summary: str, *verify: str, before: tuple[str, ...] = ()) -> Fix:
    """The fix of an edit in a hop's file."""
    return Fix(summary=summary, commands=(*before, reload(route)), verify=verify)


def written(edit: HeaderEdit, route: ProxyRoute) -> str:
    """How an edit reads in the file of that software, masked."""
    if route.software == "joxit-ui":
        return f"NGINX_PROXY_HEADER_{edit.name}={edit.value}"
    if edit.action == "remove":
        removing = {
            "caddy": f"header_up -{edit.name}",
            "haproxy": f"http-request del-header {edit.name}",
            "apache": f"RequestHeader unset {edit.name}",
            "traefik": f"the empty custom request header {edit.name} (or removeHeader)",
        }
        return removing.get(route.software, f"{edit.name} is removed")
    return {
        "nginx": f'proxy_set_header {edit.name} "{edit.value}"',
        "caddy": f'header_up {edit.name} "{edit.value}"',
        "haproxy": f'http-request {edit.action}-header {edit.name} "{edit.value}"',
        "apache": f'RequestHeader {edit.action} {edit.name} "{edit.value}"',
    }.get(route.software, f"{edit.name}: {edit.value}")


def challenge_of(exchange: Exchange) -> str:
    """The challenge of a 401, for showing."""
    return exchange.header("WWW-Authenticate") or "no challenge"


def is_strange(exchange: Exchange) -> bool:
    """A web page or a 404/405 that no registry wrote."""
    if exchange.status is None or exchange.status >= 500 or exchange.header("Docker-Distribution-Api-Version"):
        return False
    if exchange.status in (401, 403, 407, 413) or 300 <= exchange.status < 400 or "/v2/" not in f"{exchange.path}/"[:5]:
        return False
    if "404 page not found" in exchange.body or "errors" in exchange.body[:40]:
        return False
    return exchange.is_html or (exchange.status in (404, 405) and signed_by_proxy(exchange))
