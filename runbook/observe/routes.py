"""Which way a recorded request took: straight to the registry, or through a proxy."""

from collections.abc import Iterable

from runbook.model import EnvVar, Evidence, Exchange, ProxyRoute, Route, Stack, Ui
from runbook.numbers import whole_number
from runbook.observe.address import Address, address_of
from runbook.observe.signature import from_registry, is_go_404, is_registrys
from runbook.observe.signature import signed_by_proxy as signed_by_proxy
from runbook.stack.browser import same_origin
from runbook.urls import urlsplit


class Routing:
    """Names routes from what is known of addresses and ports."""

    def __init__(self, evidence: Evidence, stack: Stack) -> None:
        target = evidence.target
        self._direct_url = _netloc(target.registry_url)
        self._via_url = _netloc(target.ui_url)
        compose = evidence.compose
        roles = {"registry": set[int](), "front": set[int]()}
        for service in compose.services if compose else ():
            role = "registry" if service.role == "registry" else "front" if service.role in ("ui", "proxy") else None
            if role:
                roles[role] |= {p.published for p in service.ports if p.published}
        self._registry_ports = roles["registry"] - roles["front"]
        self._front_ports = roles["front"] - roles["registry"]
        self._listening = {port for route in stack.routes for port in route.listen} - self._registry_ports
        self._proxied = bool(stack.routes or stack.uis or roles["front"])
        self._listens = {r.listens for r in stack.registries if r.listens} or {5000}

    def of(self, exchange: Exchange) -> Route:
        """The route of one request; what the source already says stays."""
        if exchange.route != "unknown":
            return exchange.route
        if signed_by_proxy(exchange):
            return "via"
        named = self.of_url(exchange.url)
        if named == "unknown" and (_is_a_proxys_refusal(exchange) or _lost_tls(exchange)):
            return "via"
        if named == "unknown" and not self._proxied and from_registry(exchange) is not False:
            return "direct"
        return named

    def of_url(self, url: str) -> Route:
        """The route by address alone."""
        netloc = _netloc(url)
        if netloc and netloc == self._direct_url:
            return "direct"
        if netloc and netloc == self._via_url:
            return "via"
        port = whole_number(netloc.rsplit(":", 1)[1]) if netloc else None
        if port in self._registry_ports:
            return "direct"
        if port in self._front_ports or port in self._listening:
            return "via"
        if port in self._listens and self._proxied:
            return "direct"
        return "unknown"

    def of_address(self, address: Address) -> Route:
        """The route by an address."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        named = self.of_url(f"http://{host}:{address.port or 443}")
        return "direct" if named == "unknown" and not self._proxied else named

    def of_host(self, host: str | None) -> Route:
        """The route by the host[:port] that a client was given (443 unless it says otherwise)."""
        if not host:
            return "unknown"
        named = self.of_url(f"https://{host}")
        return "direct" if named == "unknown" and not self._proxied else named


def _is_a_proxys_refusal(exchange: Exchange) -> bool:
    """A 401 in plain text: the registry's is JSON. Traefik and Caddy write such a one, and sign with nothing else."""
    plain = (exchange.header("Content-Type") or "").lower().startswith("text/")
    return exchange.status == 401 and exchange.is_api and plain and from_registry(exchange) is False


def _lost_tls(exchange: Exchange) -> bool:
    """Whether a request over https was answered with an http:// address of the same host: TLS ended before the registry."""
    here, there = urlsplit(exchange.url), urlsplit(exchange.header("Location") or "")
    return (here.scheme, there.scheme) == ("https", "http") and here.hostname == there.hostname and exchange.is_api


def only_pages(exchange: Exchange, stack: Stack) -> bool:
    """Whether we asked a UI for the API that it never promised: its page calls the registry across origins."""
    return asks_across_origins(stack, exchange.url) and exchange.source.file == "probe" and exchange.route == "via"


def is_beside_a_page(exchange: Exchange, others: Iterable[Exchange], stack: Stack) -> bool:
    """Whether the address of a UI, of which nothing but the address is known, serves its page and has no /v2/: its
    page may well call the registry itself, so that this is no fault yet."""
    if exchange.source.file != "probe" or exchange.route != "via" or stack.ui or stack.routes:
        return False
    if exchange.status not in (404, 405) or not exchange.is_api or is_registrys(exchange) or is_go_404(exchange):
        return False
    return any(
        e.source.file == "probe"
        and e.path == "/"
        and e.status == 200
        and e.is_html
        and same_origin(e.url, exchange.url)
        for e in others
    )


def asks_across_origins(stack: Stack, address: str) -> bool:
    """Whether the UI's page, opened under that address, calls a registry on another origin."""
    ui = stack.ui
    if ui is None or ui.mode != "browser" or ui.registry_url is None or not ui.registry_url.value:
        return False
    return not same_origin(address, ui.registry_url.value)


def calls_itself(stack: Stack) -> tuple[Ui, EnvVar] | None:
    """A UI whose page calls the UI's own address, where nothing hands /v2/ on; with the variable that says so."""
    ui = stack.ui
    if ui is None or ui.mode != "browser" or ui.registry_url is None or not ui.registry_url.value:
        return None
    if any(r.kind == "proxy" and r.service == ui.service.name for r in stack.routes):
        return None
    called = urlsplit(ui.registry_url.value)
    ports = {p.published for p in ui.ports}
    local = called.hostname in ("localhost", "127.0.0.1", "::1")
    port = called.port or (443 if called.scheme == "https" else 80)
    return (ui, ui.registry_url) if local and port in ports and not called.path.strip("/") else None


def only_a_page(stack: Stack) -> bool:
    """Whether the UI serves its page and no more: the page calls a registry elsewhere, and /v2/ at the UI is nobody's."""
    return stack.ui is not None and stack.ui.mode == "browser" and calls_itself(stack) is None


def _netloc(url: str | None) -> str | None:
    """host:port with the scheme's default port filled in."""
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').lower()}:{port}"


def ways_home(stack: Stack) -> tuple[ProxyRoute, ...]:
    """The routes by which proxies lead the API to the registry."""
    return tuple(r for r in homeward(stack) if r.covers("/v2/") or "/v2/" in r.path)


def homeward(stack: Stack) -> tuple[ProxyRoute, ...]:
    """The proxies' routes of any path to the registry, as told by its port or its name on the containers' network."""
    registry = stack.registry
    if registry is None:
        return ()
    one, ports = registry.service, {p.published for p in registry.ports if p.published}
    known = {registry.listens, *ports} - {None} if one is None or ports else set[int | None]()
    names = {one.name, one.container_name} - {None} if one else set[str | None]()
    proxied = (r for r in stack.routes if r.kind == "proxy")
    return tuple(r for r in proxied if any(h in names or port in known for h, port in r.upstream_hosts))


def is_guarded(stack: Stack) -> bool:
    """Whether nobody reaches the registry from outside but through proxies that ask for credentials on each way to it: that it
    is open itself is then how it is meant."""
    registry = stack.registry
    if registry is None:
        return False
    bound = address_of(str(registry.value("http.addr") or ""))
    ports = [p for p in registry.ports if p.published]
    inside = registry.service is not None or bool(ports) or (bound is not None and bound.is_within)
    if not inside or any(p.host_ip not in ("127.0.0.1", "::1", "localhost") for p in ports):
        return False
    ways = ways_home(stack)
    return bool(ways) and all(route.auth is not None for route in ways)
