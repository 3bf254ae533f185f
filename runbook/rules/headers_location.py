"""Where uploads are sent on to: the scheme, host and port of Location."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import SplitResult

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
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hop_edits import insert, swap
from runbook.rules.hops import api_routes, front_url, hop, item, name, repair, seen, user_of
from runbook.rules.location_math import (
    dialled_elsewhere,
    fixed_direct,
    foreseen,
    foretold,
    host_differs,
    is_fixed,
    is_known_address,
    last_edit,
    port_differs,
    short,
    upload_routes,
    uploads,
)
from runbook.urls import urlsplit

S, C = Symptom, Certainty
Differs = Callable[[SplitResult, SplitResult], bool]
_EXPLAINS = (S.LOCATION_WRONG, S.UPLOAD_FAILS)


@rule(
    "x-forwarded-proto-missing",
    sees=("routes", "exchanges"),
    step="headers",
    title="TLS ends at the hop and the registry is not told",
    fix="Send X-Forwarded-Proto with the scheme that the client used.",
    source="run: nginx 1.22 with TLS before registry 2.8.2: Location http:// without the header, https:// with it",
)
def x_forwarded_proto_missing(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry builds Location from what it sees. Behind a hop that ends TLS it sees http, so an upload begun on
    https is sent on to http://. Pulling works, so it looks like a fault of pushing or of the login.

    A `Forwarded` header that says proto=http wins over a right X-Forwarded-Proto.
    """
    if is_fixed(stack):
        return
    strayed = next((e for e, here, there in uploads(traffic) if _lost_tls(here, there)), None)
    fine = any(here.scheme == "https" and there.scheme == "https" for _, here, there in uploads(traffic))
    if fine and not strayed:
        return
    routes = [r for r in upload_routes(evidence, stack) if r.forwards_proto != "right"]
    guilty = [r for r in routes if r.tls and foretold(r, None)[0] == "http"] or (routes if strayed else [])
    for route in guilty[:1]:
        yield _untold(route, strayed, evidence, stack, traffic)
    if strayed and not guilty:
        told = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="x-forwarded-proto-missing",
            summary="The request came over https, the upload is sent on to http://: the registry does not know of the TLS.",
            certainty=C.SEEN,
            explains=_EXPLAINS,
            evidence=(seen(strayed, f", Location {short(strayed)}"),),
            hop=hop(told) if told else "proxy -> registry",
            refuted=(Refutation(cause="location-header-wrong-host", because="only the scheme differs"),),
            fix=repair(
                told or ProxyRoute(software="nginx", place=strayed.source),
                "Let the hop that ends TLS send X-Forwarded-Proto: https.",
            ),
        )


def _lost_tls(here: SplitResult, there: SplitResult) -> bool:
    """Only the scheme went wrong. Another name as well means that the hop's Host arrived, which is another fault."""
    return here.scheme == "https" and there.scheme == "http" and here.hostname == there.hostname


def _untold(route: ProxyRoute, strayed: Exchange | None, evidence: Evidence, stack: Stack, traffic: Traffic) -> Finding:
    edit = last_edit(route, "x-forwarded-proto") or last_edit(route, "forwarded")
    odd = next(
        (e for e in route.request_headers if "forwarded-proto" in e.name.lower() or e.name.lower() == "forwarded"), None
    )
    what = "it sends no X-Forwarded-Proto" if edit is None else f"it sends {edit.name}: {edit.value or '(nothing)'}"
    if edit is None and odd is not None:
        what = f"it sends {odd.name}, which the registry does not read"
    where = odd.place if odd else edit.place if edit else route.place
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
            item(f"TLS ends here and {what}", where),
            *([seen(strayed, f", Location {short(strayed)}")] if strayed else []),
        ),
        hop=hop(route),
        fix=repair(
            route,
            f"Add: {line}",
            f"curl -sSi -X POST -u {user_of(evidence, traffic)} {front_url(traffic, stack, route, evidence.compose)}/v2/test/blobs/uploads/"
            " | grep -i '^location: https'",
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
def location_header_port_lost(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """`$host` has no port. The registry builds Location from it, so an upload begun on :8080 goes on at :80.

    nginx's own mending of Location has the same fault: it writes the port that it listens on in the container.
    """
    for finding in _misled("location-header-port-lost", evidence, stack, traffic, port_differs):
        dialled = [m for m in traffic.said("refused", "timeout") if dialled_elsewhere(m)]
        told = tuple(item(m.text, m.place) for m in dialled[:1])
        yield replace(
            finding,
            certainty=C.PROVEN if told else finding.certainty,
            explains=(*finding.explains, *((S.UNREACHABLE,) if told else ())),
            evidence=(*told, *finding.evidence),
        )


@rule(
    "location-header-wrong-host",
    sees=("routes", "exchanges", "messages"),
    step="headers",
    title="the registry is told a name that clients cannot reach",
    fix="Hand the client's Host on: proxy_set_header Host $http_host;",
    source="run: nginx 1.22 with a variable in proxy_pass, so Location is not mended (tests/real)",
)
def location_header_wrong_host(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Without `proxy_set_header Host` nginx sends the upstream's name, and the registry sends uploads there.

    nginx mends Location by itself only while proxy_pass has no variable and proxy_redirect is not off, which is why
    the same file works at one place and not at the other.
    """
    if fixed_direct(traffic):
        return
    found = list(_misled("location-header-wrong-host", evidence, stack, traffic, host_differs))
    yield from found or _named_by_hop(evidence, stack, traffic)


def _named_by_hop(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A client that cannot resolve a name which it never was given, and which a hop writes into Host."""
    if is_fixed(stack):
        return
    for message in traffic.said("no-such-host"):
        asked = (message.host or "").split(":")[0].lower()
        for route in upload_routes(evidence, stack):
            told = urlsplit(f"{'https' if route.tls else 'http'}://{route.host_value}")
            if message.detail and told.hostname == message.detail.split(":")[0].lower() != asked:
                here = urlsplit(f"{told.scheme}://{message.host or (route.server_names or ('registry.example',))[0]}")
                made = _sent_elsewhere(
                    "location-header-wrong-host", route, here, told, None, evidence, user_of(evidence, traffic)
                )
                proof = (item(message.text, message.place), *made.evidence)
                yield replace(made, certainty=C.PROVEN, evidence=proof)
                return


def _misled(cause: str, evidence: Evidence, stack: Stack, traffic: Traffic, differs: Differs) -> Iterator[Finding]:
    if is_fixed(stack):
        return
    strayed = next((e for e, here, there in uploads(traffic) if differs(here, there)), None)
    sound = any(not differs(here, there) for e, here, there in uploads(traffic) if e.route != "direct")
    if sound and not strayed:
        return
    for route, here, there in foreseen(evidence, stack, traffic, strayed):
        if differs(here, there):
            yield _sent_elsewhere(cause, route, here, there, strayed, evidence, user_of(evidence, traffic))
            return
    if strayed:
        told = next(api_routes(stack, evidence.compose), None)
        here, there = urlsplit(strayed.url), urlsplit(strayed.header("Location") or "")
        yield Finding(
            cause=cause,
            summary=f"The request went to {here.netloc}, the upload is sent on to {there.netloc}.",
            certainty=C.SEEN,
            explains=(*_EXPLAINS, S.NAME_UNKNOWN),
            evidence=(seen(strayed, f", Location {short(strayed)}"),),
            hop=hop(told) if told else "proxy -> registry",
            fix=repair(
                told or ProxyRoute(software="nginx", place=strayed.source), "Hand the client's Host on, with its port."
            ),
        )


def _sent_elsewhere(
    cause: str,
    route: ProxyRoute,
    here: SplitResult,
    there: SplitResult,
    strayed: Exchange | None,
    evidence: Evidence,
    user: str,
) -> Finding:
    edit = last_edit(route, "host")
    line = {"nginx": "proxy_set_header Host $http_host;", "apache": "ProxyPreserveHost On"}.get(route.software, "")
    what = f"the registry is told Host {route.host_value or here.hostname}" + (
        ", and Location is not mended" if not route.rewrites_location else ""
    )
    edits: tuple[Edit, ...] = ()
    if route.software == "nginx" and edit is not None:
        edits = swap(evidence, edit.place, r"(proxy_set_header\s+Host\s+)[^;]+;", r"\1$http_host;")
    elif line:
        edits = insert(evidence, route.upstream_place, line)
    return Finding(
        cause=cause,
        summary=f"Uploads that begin at {here.scheme}://{here.netloc} are sent on to {there.scheme}://{there.netloc}.",
        certainty=C.PROVEN if strayed else C.READ,
        explains=(*_EXPLAINS, S.NAME_UNKNOWN),
        evidence=(
            item(what, edit.place if edit else route.place),
            *([seen(strayed, f", Location {short(strayed)}")] if strayed else []),
        ),
        hop=hop(route),
        refuted=(Refutation(cause="http-host-wrong", because="http.host is not set; the address comes from the hop"),),
        fix=repair(
            route,
            f"Hand the client's Host on as it came: {line or 'delete the line that changes Host'}",
            f"curl -sSi -X POST -u {user} {here.scheme}://{here.netloc}/v2/test/blobs/uploads/ | grep -i ^location",
        ),
        edits=edits,
        proves=route.complete and is_known_address(evidence, route),
    )
