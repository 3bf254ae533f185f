"""Where uploads are sent: addresses as they were seen, and as the files predict them."""

from collections.abc import Iterator
from urllib.parse import SplitResult

from runbook.model import Exchange, HeaderEdit, Message, ProxyRoute
from runbook.observe.traffic import Traffic
from runbook.rules.base import Facts
from runbook.rules.evidence import Item, seen
from runbook.rules.hops import USUAL_PORTS, fronts, published_address, takes_pushes, told_door
from runbook.stack.foretell import Request, location, seen_address
from runbook.urls import urlsplit


def uploads(traffic: Traffic) -> Iterator[tuple[Exchange, SplitResult, SplitResult]]:
    """Responses to uploads with an absolute Location: the exchange, the address used, the address sent to."""
    for exchange in traffic.exchanges:
        target = exchange.header("Location") or ""
        upload = exchange.is_api and exchange.method in ("POST", "PATCH", "PUT") and "://" in target
        if upload and (exchange.status or 500) < 300 and exchange.route != "direct":
            yield exchange, urlsplit(exchange.url), urlsplit(target)


def port_of(parts: SplitResult) -> int | None:
    """The port of an address, the scheme's own where none is written."""
    return parts.port or USUAL_PORTS.get(parts.scheme)


def port_differs(here: SplitResult, there: SplitResult) -> bool:
    """Another port of the same name. A changed scheme brings its own port along and is another cause."""
    if here.hostname != there.hostname:
        return False
    if here.scheme != there.scheme and there.netloc == here.netloc:
        return False
    if here.scheme != there.scheme and _odd_port(here) == _odd_port(there):
        return False
    return here.netloc != there.netloc and (port_of(here) != port_of(there))


def _odd_port(parts: SplitResult) -> int | None:
    """The port of an address, where it is another than the scheme's own."""
    return None if parts.port == USUAL_PORTS.get(parts.scheme) else parts.port


def host_differs(here: SplitResult, there: SplitResult) -> bool:
    """Whether two addresses name different hosts."""
    return (here.hostname or "") != (there.hostname or "")


def is_fixed(facts: Facts) -> bool:
    """http.host overrides all that proxies say, and relative URLs have no address: both are not about headers."""
    registry = facts.stack.registry
    return registry is not None and bool(registry.value("http.host") or registry.value("http.relativeurls"))


def fixed_direct(traffic: Traffic) -> bool:
    """Direct uploads are sent elsewhere, too: then the registry itself writes that name (http.host)."""
    direct = (
        e
        for e in traffic.on("direct")
        if e.method in ("POST", "PATCH", "PUT") and "://" in (e.header("Location") or "")
    )
    return any(host_differs(urlsplit(e.url), urlsplit(e.header("Location") or "")) for e in direct)


def upload_routes(facts: Facts) -> list[ProxyRoute]:
    """The routes that uploads take; a proxy before the registry UI does not matter here."""
    found = (f.upload for f in fronts(facts) if f.upload in f.api)
    return [r for r in found if r is not None and takes_pushes(r, facts.compose)]


def predicted(route: ProxyRoute, used: str | None) -> tuple[str, str]:
    """Scheme and address of Location for a request to this address."""
    parts = urlsplit(used) if used else None
    host = parts.netloc if parts else (route.server_names or ("registry.example",))[0]
    tls = parts.scheme == "https" if parts else route.tls
    port = route.listen[0] if route.listen else (443 if tls else 80)
    request = Request(method="POST", path="/v2/a/blobs/uploads/", host=host, port=port, tls=tls)
    built = location(route, request, *seen_address(route, request))
    return urlsplit(built).scheme, urlsplit(built).netloc


def destinations(facts: Facts, misrouted: Exchange | None) -> Iterator[tuple[ProxyRoute, SplitResult, SplitResult]]:
    """Each upload route with the address it is used by and the one that its uploads are sent to."""
    for route in upload_routes(facts):
        if not route.complete and misrouted is None:
            continue
        address = misrouted.url if misrouted else known_address(facts, route)
        if address is None:
            continue
        here = urlsplit(address)
        if misrouted:
            yield route, here, urlsplit(misrouted.header("Location") or "")
            continue
        _, there = predicted(route, address)
        if there and not any(c in there for c in "${%"):
            yield route, here, urlsplit(f"{here.scheme}://{there}")


def written_by_registry(facts: Facts, exchange: Exchange) -> bool:
    """Whether a Location names a host that no Host on the way can have been: neither the client's nor one that a proxy
    whose file is known sends. Then the registry writes it itself (http.host)."""
    there = (urlsplit(exchange.header("Location") or "").hostname or "").lower()
    routes = [r for r in upload_routes(facts) if r.complete and r.place.file not in facts.evidence.shortened]
    known = {(urlsplit(exchange.url).hostname or "").lower(), (exchange.sent("Host") or "").split(":")[0].lower()}
    for route in routes:
        sent = route.host_value.split(":")[0].lower()
        known |= {sent, *(h.lower() for h, _ in route.upstream_hosts), *(n.lower() for n in route.server_names)}
        if any(c in sent for c in "${%") and route.host not in ("client", "client-without-port", "upstream"):
            return False
        named = ("forwarded", "x-forwarded-host", "host")
        told = (e for e in route.request_headers if e.name.lower() in named and e.action != "remove")
        if any(e.value not in _CLIENTS_HOST for e in told):
            return False
    return bool(there and routes) and there not in known and "." in there


_CLIENTS_HOST = ("$http_host", "$host", "$host:$server_port", "%[req.hdr(host)]", "%[hdr(host)]", "{host}", "{http.request.host}",
                 "{hostport}", "{http.request.hostport}", "expr=%{HTTP_HOST}")  # fmt: skip
"""Values that are the client's own Host, so no other name than its."""


def known_address(facts: Facts, route: ProxyRoute) -> str | None:
    """The address of this proxy, as the compose file publishes it or clients say that they used it."""
    return published_address(facts, route) or told_door(facts, route) or None


def is_known_address(facts: Facts, route: ProxyRoute) -> bool:
    """Whether that is known."""
    return route.software != "joxit-ui" and known_address(facts, route) is not None


def last_edit(route: ProxyRoute, header: str) -> HeaderEdit | None:
    """The last edit of that request header on a route."""
    return next((e for e in reversed(route.request_headers) if e.name.lower() == header), None)


def short(exchange: Exchange) -> str:
    """Where a Location leads, without its path."""
    parts = urlsplit(exchange.header("Location") or "")
    return f"{parts.scheme}://{parts.netloc}/…"


def sent_to(exchange: Exchange | None) -> Item:
    """An upload with its Location as a citation; None when there is none."""
    return seen(exchange, f", Location {short(exchange)}") if exchange else None


def base_of(url: str) -> str:
    """Scheme and host[:port] of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def dialled_elsewhere(message: Message) -> bool:
    """Whether a client that was given one port dialled another: a response in between must have named it."""
    asked, dialled = (message.host or "").rpartition(":")[2], message.detail.rpartition(":")[2]
    return asked.isdecimal() and dialled.isdecimal() and asked != dialled
