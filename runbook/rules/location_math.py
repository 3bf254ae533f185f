"""Where uploads are sent on to: addresses as they were seen, and as the files foretell them."""

from collections.abc import Iterator
from urllib.parse import SplitResult

from runbook.model import (
    Evidence,
    Exchange,
    HeaderEdit,
    Message,
    ProxyRoute,
    Stack,
)
from runbook.observe.traffic import Traffic
from runbook.rules.hops import fronts, takes_pushes
from runbook.stack.foretell import Request, location, seen_address
from runbook.urls import urlsplit

_USUAL = {"http": 80, "https": 443}


def uploads(traffic: Traffic) -> Iterator[tuple[Exchange, SplitResult, SplitResult]]:
    """Answers to uploads with an absolute Location: the exchange, the address used, the address sent on to."""
    for exchange in traffic.exchanges:
        target = exchange.header("Location") or ""
        upload = exchange.is_api and exchange.method in ("POST", "PATCH", "PUT") and "://" in target
        if upload and (exchange.status or 500) < 300 and exchange.route != "direct":
            yield exchange, urlsplit(exchange.url), urlsplit(target)


def port_of(parts: SplitResult) -> int | None:
    """The port of an address, the scheme's own where none is written."""
    try:
        return parts.port or _USUAL.get(parts.scheme)
    except ValueError:
        return None


def port_differs(here: SplitResult, there: SplitResult) -> bool:
    """Another port of the same name. A changed scheme brings its own port along and is another cause."""
    if here.hostname != there.hostname:
        return False
    if here.scheme != there.scheme and there.netloc == here.netloc:
        return False
    if here.scheme != there.scheme and here.netloc.partition(":")[2] == there.netloc.partition(":")[2]:
        return False
    return here.netloc != there.netloc and (port_of(here) != port_of(there))


def host_differs(here: SplitResult, there: SplitResult) -> bool:
    """Whether two addresses name different hosts."""
    return (here.hostname or "") != (there.hostname or "")


def is_fixed(stack: Stack) -> bool:
    """http.host overrides all that hops say, and relative URLs have no address: both are not about headers."""
    registry = stack.registry
    return registry is not None and bool(registry.value("http.host") or registry.value("http.relativeurls"))


def fixed_direct(traffic: Traffic) -> bool:
    """Direct uploads are sent elsewhere, too: then the registry itself writes that name (http.host)."""
    direct = (
        e
        for e in traffic.on("direct")
        if e.method in ("POST", "PATCH", "PUT") and "://" in (e.header("Location") or "")
    )
    return any(host_differs(urlsplit(e.url), urlsplit(e.header("Location") or "")) for e in direct)


def upload_routes(evidence: Evidence, stack: Stack) -> list[ProxyRoute]:
    """The routes that uploads take; what stands before the registry UI is no matter here."""
    found = (f.upload for f in fronts(stack, evidence.compose) if f.upload in f.api)
    return [r for r in found if r is not None and takes_pushes(r, evidence.compose)]


def foretold(route: ProxyRoute, used: str | None) -> tuple[str, str]:
    """Scheme and address of Location for a request to this address."""
    parts = urlsplit(used) if used else None
    host = parts.netloc if parts else (route.server_names or ("registry.example",))[0]
    tls = parts.scheme == "https" if parts else route.tls
    port = route.listen[0] if route.listen else (443 if tls else 80)
    request = Request(method="POST", path="/v2/a/blobs/uploads/", host=host, port=port, tls=tls)
    built = location(route, request, *seen_address(route, request))
    return urlsplit(built).scheme, urlsplit(built).netloc


def foreseen(
    evidence: Evidence, stack: Stack, traffic: Traffic, strayed: Exchange | None
) -> Iterator[tuple[ProxyRoute, SplitResult, SplitResult]]:
    """Each upload route with the address it is used by and the one that its uploads are sent on to."""
    for route in upload_routes(evidence, stack):
        if not route.complete and strayed is None:
            continue
        address = strayed.url if strayed else published_address(evidence, route)
        if address is None:
            continue
        here = urlsplit(address)
        if strayed:
            yield route, here, urlsplit(strayed.header("Location") or "")
            continue
        scheme, netloc = foretold(route, address)
        if "$" in netloc or "{" in netloc or "%" in netloc or not netloc:
            continue
        yield route, here, urlsplit(f"{here.scheme}://{netloc}" if scheme != here.scheme else f"{scheme}://{netloc}")


def published_address(evidence: Evidence, route: ProxyRoute) -> str | None:
    """The address that clients use for the hop, where compose or the user tell; a name is enough without a port."""
    compose = evidence.compose
    service = compose.service(route.service) if compose and route.service else None
    if service is None or not service.ports:
        return None
    port = next(
        (p.published for p in service.ports if p.published and (not route.listen or p.container in route.listen)), None
    )
    if port is None:
        return None
    named = next(
        (n for n in route.server_names if n not in ("_", "localhost") and "*" not in n and "~" not in n), "localhost"
    )
    scheme = "https" if route.tls else "http"
    return f"{scheme}://{named}" + ("" if port == _USUAL[scheme] else f":{port}")


def is_known_address(evidence: Evidence, route: ProxyRoute) -> bool:
    """Whether the compose file tells under which address this hop is published."""
    return route.software != "joxit-ui" and published_address(evidence, route) is not None


def last_edit(route: ProxyRoute, header: str) -> HeaderEdit | None:
    """The last edit of that request header on a route."""
    return next((e for e in reversed(route.request_headers) if e.name.lower() == header), None)


def short(exchange: Exchange) -> str:
    """Where a Location leads, without its path."""
    parts = urlsplit(exchange.header("Location") or "")
    return f"{parts.scheme}://{parts.netloc}/…"


def dialled_elsewhere(message: Message) -> bool:
    """Whether a client that was given one port dialled another: an answer in between must have told it so."""
    asked, dialled = (message.host or "").rpartition(":")[2], message.detail.rpartition(":")[2]
    return asked.isdecimal() and dialled.isdecimal() and asked != dialled
