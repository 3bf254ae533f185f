"""Where uploads are sent on to: the scheme, host and port of Location, by what was seen and by what the files foretell."""

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from runbook.model import (
    Certainty,
    Edit,
    Evidence,
    Exchange,
    Finding,
    HeaderEdit,
    ProxyRoute,
    Refutation,
    Stack,
    Symptom,
)
from runbook.rules.base import rule
from runbook.rules.hops import api_routes, fronts, hop, insert, item, name, repair, seen, swap
from runbook.rules.wire import Wire
from runbook.stack.foretell import Request, location, seen_address

S, C = Symptom, Certainty
_EXPLAINS = (S.LOCATION_WRONG, S.UPLOAD_FAILS)
_USUAL = {"http": 80, "https": 443}


@rule(
    "x-forwarded-proto-missing",
    sees=("routes", "exchanges"),
    step="headers",
    title="TLS ends at the hop and the registry is not told",
    fix="Send X-Forwarded-Proto with the scheme that the client used.",
    source="run: nginx 1.22 with TLS before registry 2.8.2: Location http:// without the header, https:// with it",
)
def x_forwarded_proto_missing(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """The registry builds Location from what it sees. Behind a hop that ends TLS it sees http, so an upload begun on
    https is sent on to http://. Pulling works, so it looks like a fault of pushing or of the login.

    A `Forwarded` header that says proto=http wins over a right X-Forwarded-Proto.
    """
    if _is_fixed(stack):
        return
    strayed = next((e for e, here, there in _uploads(wire) if here.scheme == "https" and there.scheme == "http"), None)
    fine = any(here.scheme == "https" and there.scheme == "https" for _, here, there in _uploads(wire))
    if fine and not strayed:
        return
    routes = [r for r in _upload_routes(evidence, stack) if r.forwards_proto != "right"]
    guilty = [r for r in routes if r.tls and _foretold(r, None)[0] == "http"] or (routes if strayed else [])
    for route in guilty[:1]:
        yield _untold(route, strayed, evidence)
    if strayed and not guilty:
        told = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="x-forwarded-proto-missing",
            summary="The request came over https, the upload is sent on to http://: the registry does not know of the TLS.",
            certainty=C.SEEN,
            explains=_EXPLAINS,
            evidence=(seen(strayed, f", Location {_short(strayed)}"),),
            hop=hop(told) if told else "proxy -> registry",
            refuted=(Refutation(cause="location-header-wrong-host", because="only the scheme differs"),),
            fix=repair(
                told or ProxyRoute(software="nginx", place=strayed.source),
                "Let the hop that ends TLS send X-Forwarded-Proto: https.",
            ),
        )


def _untold(route: ProxyRoute, strayed: Exchange | None, evidence: Evidence) -> Finding:
    edit = _last(route, "x-forwarded-proto") or _last(route, "forwarded")
    odd = next(
        (e for e in route.request_headers if "forwarded-proto" in e.name.lower() or e.name.lower() == "forwarded"), None
    )
    what = "it sends no X-Forwarded-Proto" if edit is None else f"it sends {edit.name}: {edit.value or '(nothing)'}"
    if edit is None and odd is not None:
        what = f"it sends {odd.name}, which the registry does not read"
    line = {
        "nginx": "proxy_set_header X-Forwarded-Proto $scheme;",
        "haproxy": "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
        "apache": 'RequestHeader set X-Forwarded-Proto "https"',
    }.get(route.software, "X-Forwarded-Proto: https")
    return Finding(
        cause="x-forwarded-proto-missing",
        summary=f"{name(route)} ends TLS and does not tell the registry, so uploads are sent on to http://.",
        certainty=C.PROVEN if strayed else C.READ,
        explains=_EXPLAINS,
        evidence=(
            item(f"TLS ends here and {what}", (odd or edit).place if (odd or edit) else route.place),  # type: ignore[union-attr]
            *([seen(strayed, f", Location {_short(strayed)}")] if strayed else []),
        ),
        hop=hop(route),
        fix=repair(
            route,
            f"Add: {line}",
            "curl -sSi -X POST -u NAME https://HOST/v2/NAME/blobs/uploads/ | grep -i '^location: https'",
        ),
        edits=_mend(evidence, route, odd, line),
        proves=route.complete and route.tls,
    )


def _mend(evidence: Evidence, route: ProxyRoute, odd: HeaderEdit | None, line: str) -> tuple[Edit, ...]:
    if route.software != "nginx":
        return insert(evidence, route.upstream_place, line) if route.software == "apache" else ()
    if odd is not None and odd.name.lower() != "forwarded":
        return swap(evidence, odd.place, r"X-Forwarded-Proto\w*(\s+)[^;]+;", r"X-Forwarded-Proto\1$scheme;")
    return insert(evidence, route.upstream_place, line)


@rule(
    "location-header-port-lost",
    sees=("routes", "exchanges"),
    step="headers",
    title="the port is lost on the way to the registry",
    fix="Hand the client's Host on with its port: proxy_set_header Host $http_host;",
    source="run: nginx 1.22 with `Host $host` on a published port before registry 2.8.2 (tests/real)",
)
def location_header_port_lost(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """`$host` has no port. The registry builds Location from it, so an upload begun on :8080 goes on at :80.

    nginx's own mending of Location has the same fault: it writes the port that it listens on in the container.
    """
    yield from _misled("location-header-port-lost", evidence, stack, wire, _port_differs)


@rule(
    "location-header-wrong-host",
    sees=("routes", "exchanges", "messages"),
    step="headers",
    title="the registry is told a name that clients cannot reach",
    fix="Hand the client's Host on: proxy_set_header Host $http_host;",
    source="run: nginx 1.22 with a variable in proxy_pass, so Location is not mended (tests/real)",
)
def location_header_wrong_host(evidence: Evidence, stack: Stack, wire: Wire) -> Iterator[Finding]:
    """Without `proxy_set_header Host` nginx sends the upstream's name, and the registry sends uploads there.

    nginx mends Location by itself only while proxy_pass has no variable and proxy_redirect is not off, which is why
    the same file works at one place and not at the other.
    """
    if _fixed_direct(wire):
        return
    yield from _misled("location-header-wrong-host", evidence, stack, wire, _host_differs)


def _misled(cause, evidence, stack, wire, differs):  # type: ignore[no-untyped-def]
    if _is_fixed(stack):
        return
    strayed = next((e for e, here, there in _uploads(wire) if differs(here, there)), None)
    sound = any(not differs(here, there) for e, here, there in _uploads(wire) if e.route != "direct")
    if sound and not strayed:
        return
    for route, here, there in _foreseen(evidence, stack, wire, strayed):
        if differs(here, there):
            yield _sent_elsewhere(cause, route, here, there, strayed, evidence, wire)
            return
    if strayed:
        told = next(api_routes(stack, evidence.compose), None)
        here, there = urlsplit(strayed.url), urlsplit(strayed.header("Location") or "")
        yield Finding(
            cause=cause,
            summary=f"The request went to {here.netloc}, the upload is sent on to {there.netloc}.",
            certainty=C.SEEN,
            explains=(*_EXPLAINS, S.NAME_UNKNOWN),
            evidence=(seen(strayed, f", Location {_short(strayed)}"),),
            hop=hop(told) if told else "proxy -> registry",
            fix=repair(
                told or ProxyRoute(software="nginx", place=strayed.source), "Hand the client's Host on, with its port."
            ),
        )


def _sent_elsewhere(cause, route, here, there, strayed, evidence, wire):  # type: ignore[no-untyped-def]
    edit = _last(route, "host")
    line = {"nginx": "proxy_set_header Host $http_host;", "apache": "ProxyPreserveHost On"}.get(route.software, "")
    what = f"the registry is told Host {route.host_value or here.hostname}" + (
        ", and Location is not mended" if not route.rewrites_location else ""
    )
    edits = ()
    if route.software == "nginx" and edit is not None:
        edits = swap(evidence, edit.place, r"(proxy_set_header\s+Host\s+)[^;]+;", r"\1$http_host;")
    elif line:
        edits = insert(evidence, route.upstream_place, line)
    elif edit is not None:
        edits = ()
    return Finding(
        cause=cause,
        summary=f"Uploads that begin at {here.scheme}://{here.netloc} are sent on to {there.scheme}://{there.netloc}.",
        certainty=C.PROVEN if strayed else C.READ,
        explains=(*_EXPLAINS, S.NAME_UNKNOWN),
        evidence=(
            item(what, edit.place if edit else route.place),
            *([seen(strayed, f", Location {_short(strayed)}")] if strayed else []),
        ),
        hop=hop(route),
        refuted=(Refutation(cause="http-host-wrong", because="http.host is not set; the address comes from the hop"),),
        fix=repair(
            route,
            f"Hand the client's Host on as it came: {line or 'delete the line that changes Host'}",
            f"curl -sSi -X POST -u NAME {here.scheme}://{here.netloc}/v2/NAME/blobs/uploads/ | grep -i ^location",
        ),
        edits=edits,
        proves=route.complete and _is_known_address(evidence, route),
    )


# ---- arithmetic --------------------------------------------------------------------------------------


def _uploads(wire: Wire) -> Iterator[tuple[Exchange, SplitResult, SplitResult]]:
    """Answers to uploads with an absolute Location: the exchange, the address used, the address sent on to."""
    for exchange in wire.exchanges:
        target = exchange.header("Location") or ""
        if exchange.is_api and exchange.method in ("POST", "PATCH", "PUT") and "://" in target:
            if (exchange.status or 500) < 300 and exchange.route != "direct":
                yield exchange, urlsplit(exchange.url), urlsplit(target)


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or _USUAL.get(parts.scheme)
    except ValueError:
        return None


def _port_differs(here: SplitResult, there: SplitResult) -> bool:
    """Another port of the same name. A changed scheme brings its own port along and is another cause."""
    if here.hostname != there.hostname:
        return False
    if here.scheme != there.scheme and there.netloc == here.netloc:
        return False
    if here.scheme != there.scheme and here.netloc.partition(":")[2] == there.netloc.partition(":")[2]:
        return False
    return here.netloc != there.netloc and (_port(here) != _port(there))


def _host_differs(here: SplitResult, there: SplitResult) -> bool:
    return (here.hostname or "") != (there.hostname or "")


def _is_fixed(stack: Stack) -> bool:
    """http.host overrides all that hops say, and relative URLs have no address: both are not about headers."""
    registry = stack.registry
    return registry is not None and bool(registry.value("http.host") or registry.value("http.relativeurls"))


def _fixed_direct(wire: Wire) -> bool:
    """Direct uploads are sent elsewhere, too: then the registry itself writes that name (http.host)."""
    direct = (
        e for e in wire.on("direct") if e.method in ("POST", "PATCH", "PUT") and "://" in (e.header("Location") or "")
    )
    return any(_host_differs(urlsplit(e.url), urlsplit(e.header("Location") or "")) for e in direct)


def _upload_routes(evidence: Evidence, stack: Stack) -> list[ProxyRoute]:
    """The routes that uploads take; what stands before the registry UI is no matter here."""
    found = (f.upload for f in fronts(stack, evidence.compose) if f.upload in f.api)
    return [r for r in found if r is not None]


def _foretold(route: ProxyRoute, used: str | None) -> tuple[str, str]:
    """Scheme and address of Location for a request to this address."""
    parts = urlsplit(used) if used else None
    host = parts.netloc if parts else (route.server_names or ("registry.example",))[0]
    tls = parts.scheme == "https" if parts else route.tls
    port = route.listen[0] if route.listen else (443 if tls else 80)
    request = Request(method="POST", path="/v2/a/blobs/uploads/", host=host, port=port, tls=tls)
    built = location(route, request, *seen_address(route, request))
    return urlsplit(built).scheme, urlsplit(built).netloc


def _foreseen(
    evidence: Evidence, stack: Stack, wire: Wire, strayed: Exchange | None
) -> Iterator[tuple[ProxyRoute, SplitResult, SplitResult]]:
    """Each upload route with the address it is used by and the one that its uploads are sent on to."""
    for route in _upload_routes(evidence, stack):
        if not route.complete and strayed is None:
            continue
        address = strayed.url if strayed else _address(evidence, route)
        if address is None:
            continue
        here = urlsplit(address)
        if strayed:
            yield route, here, urlsplit(strayed.header("Location") or "")
            continue
        scheme, netloc = _foretold(route, address)
        if "$" in netloc or "{" in netloc or "%" in netloc or not netloc:
            continue
        yield route, here, urlsplit(f"{here.scheme}://{netloc}" if scheme != here.scheme else f"{scheme}://{netloc}")


def _address(evidence: Evidence, route: ProxyRoute) -> str | None:
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


def _is_known_address(evidence: Evidence, route: ProxyRoute) -> bool:
    return route.software != "joxit-ui" and _address(evidence, route) is not None


def _last(route: ProxyRoute, header: str) -> HeaderEdit | None:
    return next((e for e in reversed(route.request_headers) if e.name.lower() == header), None)


def _short(exchange: Exchange) -> str:
    parts = urlsplit(exchange.header("Location") or "")
    return f"{parts.scheme}://{parts.netloc}/…"
