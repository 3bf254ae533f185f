"""Where uploads are sent: the scheme of Location."""

from collections.abc import Iterator
from urllib.parse import SplitResult

from runbook.model import (
    Edit,
    EvidenceItem,
    Exchange,
    Finding,
    HeaderEdit,
    LoggedRequest,
    Message,
    Place,
    ProxyRoute,
    Refutation,
    Symptom,
)
from runbook.observe.words import upload_sent_on
from runbook.rules.apache_modules import module_enabled, module_loaded
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said
from runbook.rules.hop_edits import add_header, drop_header, swap
from runbook.rules.hops import (
    first_route,
    front_url,
    hop,
    name,
    published_address,
    site,
    upload_check,
    upstream_service,
)
from runbook.rules.location_math import (
    base_of,
    is_fixed,
    last_edit,
    predicted,
    sent_to,
    upload_routes,
    uploads,
)
from runbook.rules.reloads import proxy_fix

S = Symptom


@rule(
    "x-forwarded-proto-missing",
    by_absence=True,
    needs_any=("routes", "exchanges"),
    step="headers",
    title="the proxy ends TLS and does not forward the scheme",
    explains=(S.LOCATION_WRONG, S.UPLOAD_FAILS),
    fix="Send X-Forwarded-Proto with the scheme that the client used",
    source="run: nginx 1.22 with TLS before registry 2.8.2: Location http:// without the header, https:// with it",
)
def x_forwarded_proto_missing(facts: Facts) -> Iterator[Finding]:
    """The registry builds Location from what it sees. Behind a proxy that ends TLS it sees http, so an upload begun on
    https is sent to http://. Pulling works, so it looks like a fault of pushing or of the credentials.

    A `Forwarded` header that says proto=http wins over a right X-Forwarded-Proto.
    """
    if is_fixed(facts):
        return
    found = list(uploads(facts.traffic))
    misrouted = next((e for e, here, there in found if _lost_tls(here, there)), None)
    fine = any(here.scheme == "https" and there.scheme == "https" for _, here, there in found)
    if fine and not misrouted:
        return
    routes = [r for r in upload_routes(facts) if r.forwards_proto != "right"]
    guilty = [r for r in routes if r.tls and predicted(r, None)[0] == "http"] or (routes if misrouted else [])
    if guilty:
        yield _scheme_lost(facts, guilty[0], misrouted)
        return
    inner, outer = _scheme_overwritten(facts)
    if inner and (outer or misrouted or _ends_before(facts, inner)):
        yield _overwritten_by(facts, inner, outer, misrouted)
    elif misrouted and (caddy := next((r for r in upload_routes(facts) if _distrusts(facts, r)), None)):
        yield finding(
            f"{name(caddy)} writes X-Forwarded-Proto anew (http), because it does not trust the proxy before it: uploads are "
            "sent to http://.",
            sent_to(misrouted),
            context("TLS does not end here, and trusted_proxies is not set", caddy.place),
            hop=hop(caddy),
            fix=proxy_fix(
                facts,
                caddy,
                "Let it trust the proxy before it, inside reverse_proxy: trusted_proxies private_ranges (or its address)",
                upload_check(facts, base_of(misrouted.url)),
            ),
            about=site(facts, caddy),
        )
    elif misrouted:
        route = first_route(facts)
        yield finding(
            "The request came over https, the upload is sent to http://: the registry does not know of the TLS.",
            sent_to(misrouted),
            hop=hop(route),
            refuted=(Refutation(cause="location-header-wrong-host", because="only the scheme differs"),),
            fix=proxy_fix(
                facts,
                route,
                "Let the proxy that ends TLS send X-Forwarded-Proto: https",
                upload_check(facts, base_of(misrouted.url)),
            ),
        )


def _distrusts(facts: Facts, route: ProxyRoute) -> bool:
    """Whether it is a Caddy behind another proxy that does not believe what that one sends (its default)."""
    lines = next((f.lines for f in facts.evidence.files if f.path == route.place.file), ())
    return route.software == "caddy" and not route.tls and not any("trusted_proxies" in line for line in lines)


def _scheme_overwritten(facts: Facts) -> tuple[ProxyRoute | None, ProxyRoute | None]:
    """A proxy without TLS that sends its own scheme, and the one before it that ends TLS where its file is known."""
    routes = upload_routes(facts)
    own = [
        r for r in routes if not r.tls and (e := last_edit(r, "x-forwarded-proto")) and e.value in ("$scheme", "http")
    ]
    for inner in own:
        for outer in routes:
            behind = upstream_service(outer, facts.compose)
            leads_there = any(port in inner.listen for _, port in outer.upstream_hosts)
            if outer.tls and leads_there and (behind is None or behind.name == inner.service):
                return inner, outer
    return (own[0] if own else None), None


def _ends_before(facts: Facts, inner: ProxyRoute) -> bool:
    """Whether TLS must end before this proxy: clients ask for a name without a port (https), it listens on none of their
    ports, and of an upload that was begun with a login the next request came without one."""
    asked = [a for a in facts.focus.used if not a.is_loopback]
    usual = bool(asked) and all(a.port in (None, 443) for a in asked)
    return usual and bool(inner.listen) and not {80, 443} & set(inner.listen) and bool(_refused_on_the_way(facts))


def _refused_on_the_way(facts: Facts) -> tuple[EvidenceItem, ...]:
    """Log lines and messages of uploads that were begun and then refused."""
    open_ones = (c.observation for c in facts.traffic.complaints if c.symptom is S.UPLOAD_401 and c.settled is None)
    records = (o.record for o in open_ones if facts.focus.covers(o))
    items = [said(r) for r in records if isinstance(r, LoggedRequest | Message)]
    return tuple(i for i in items if i is not None)[:2]


def _overwritten_by(facts: Facts, inner: ProxyRoute, outer: ProxyRoute | None, misrouted: Exchange | None) -> Finding:
    edit = last_edit(inner, "x-forwarded-proto")
    where = edit.place if edit else inner.place
    line, edits = "X-Forwarded-Proto as it came", tuple[Edit, ...]()
    if inner.software == "nginx":
        line = "proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;"
        pattern = r"(proxy_set_header\s+X-Forwarded-Proto\s+)[^;]+;"
        edits = swap(facts.evidence, where, pattern, r"\1$http_x_forwarded_proto;")
    asked = next((a for a in facts.focus.used if not a.is_loopback), None) if outer is None else None
    base = base_of(misrouted.url) if misrouted else f"https://{asked}" if asked else front_url(facts, outer)
    return finding(
        f"{name(inner)} overwrites X-Forwarded-Proto by its own scheme (http), although TLS ends before it: uploads are "
        "sent to http://.",
        read("the scheme of the inner connection is sent here", where),
        read("TLS ends here", outer.place) if outer else None,
        sent_to(misrouted),
        _refused_on_the_way(facts) if not misrouted else None,
        hop=hop(inner),
        fix=proxy_fix(facts, inner, f"Forward what the proxy before it sends: {line}", upload_check(facts, base),
                      edits=edits, at=where),
        edits=edits,
        proves=outer is not None and inner.complete,
        about=site(facts, outer or inner),
    )  # fmt: skip


def _lost_tls(here: SplitResult, there: SplitResult) -> bool:
    """Only the scheme went wrong. Another name as well means that the proxy's Host arrived, which is another fault."""
    return here.scheme == "https" and there.scheme == "http" and here.hostname == there.hostname


def _scheme_lost(facts: Facts, route: ProxyRoute, misrouted: Exchange | None) -> Finding:
    what, where, advice, edits = _scheme_of(facts, route)
    base = base_of(misrouted.url) if misrouted else published_address(facts, route) or front_url(facts, route)
    return finding(
        f"{name(route)} ends TLS and does not tell the registry, so uploads are sent to http://.",
        read(f"TLS ends here and it sends {what}", where),
        sent_to(misrouted),
        _sent_to_http(facts) if not misrouted else None,
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            advice,
            upload_check(facts, base),
            edits=edits,
            at=where,
            before=module_enabled(facts, route, "headers"),
        ),
        edits=edits,
        proves=route.complete and route.tls,
        about=site(facts, route),
    )


def _sent_to_http(facts: Facts) -> Item:
    """A client that was sent to http:// with an upload, at the name where it begins on https."""
    refused = (m for m in facts.traffic.messages if m.kind == "refused")
    return next((said(m) for m in refused if upload_sent_on(m) == "http"), None)


def _scheme_of(facts: Facts, route: ProxyRoute) -> tuple[str, Place, str, tuple[Edit, ...]]:
    """What the route says of the scheme, in which line, what to do about it, and the edits that do it."""
    line = {
        "nginx": "proxy_set_header X-Forwarded-Proto $scheme;",
        "haproxy": f"http-request set-header {_PROTO}",
        "apache": 'RequestHeader set X-Forwarded-Proto "https"',
    }.get(route.software, "X-Forwarded-Proto: https")
    forwarded, plain = last_edit(route, "forwarded"), last_edit(route, "x-forwarded-proto")
    near = plain or next((e for e in route.request_headers if "forwarded-proto" in e.name.lower()), None)
    if forwarded and "proto=" in forwarded.value.lower():
        advice = f"Delete this line ({forwarded.place}), and send X-Forwarded-Proto: {line}"
        edits = drop_header(facts.evidence, forwarded) if plain else ()
        return f"{_shown(forwarded)}, which wins over X-Forwarded-Proto", forwarded.place, advice, edits
    if near is None:
        edits = add_header(facts.evidence, route, line) if route.software in _ADDED else ()
        if edits and route.software == "apache":
            edits = (*module_loaded(facts.evidence, route.place.file, "headers"), *edits)
        return "no X-Forwarded-Proto", route.place, f"Add: {line}", edits
    written = {
        "haproxy": (r"(http-request\s+set-header\s+)X-Forwarded-Proto\w*\s.*", rf"\1{_PROTO}"),
        "apache": (r"(RequestHeader\s+set\s+)\"?X-Forwarded-Proto\w*\"?\s+\S+", r'\1X-Forwarded-Proto "https"'),
        "nginx": (r"X-Forwarded-Proto\w*(\s+)[^;]+;", r"X-Forwarded-Proto\1$scheme;"),
    }.get(route.software)
    edits = swap(facts.evidence, near.place, *written) if written else ()
    unread = "" if near is plain else ", which the registry does not read"
    return f"{_shown(near)}{unread}", near.place, f"Write this line as {line}", edits


_PROTO = "X-Forwarded-Proto https if { ssl_fc }"
_ADDED = ("nginx", "apache", "haproxy")
"""Where the line stands in its own, beside the upstream."""


def _shown(edit: HeaderEdit) -> str:
    return f"{edit.name}: {edit.value or '(nothing)'}"
