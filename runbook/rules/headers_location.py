"""Where uploads are sent: the host and port of Location."""

from collections.abc import Callable, Iterator
from urllib.parse import SplitResult

from runbook.model import Edit, Finding, HeaderEdit, Message, ProxyRoute, Refutation, Subject, Symptom
from runbook.observe.words import upload_sent_on
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said
from runbook.rules.hop_edits import add_header, beside, drop_header, swap
from runbook.rules.hops import (
    first_route,
    hop,
    site,
    upload_check,
)
from runbook.rules.location_math import (
    base_of,
    destinations,
    dialled_elsewhere,
    fixed_direct,
    host_differs,
    is_fixed,
    is_known_address,
    last_edit,
    port_differs,
    sent_to,
    upload_routes,
    uploads,
    written_by_registry,
)
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstream_tls import scheme_kept
from runbook.urls import urlsplit

S = Symptom
Differs = Callable[[SplitResult, SplitResult], bool]
_HOST_ADVICE = "Forward the client's Host as it came"


@rule(
    "location-header-port-lost",
    by_absence=True,
    needs_any=("routes", "exchanges", "messages"),
    step="headers",
    title="the forwarded Host has lost its port",
    explains=(S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN),
    fix="Forward the client's Host with its port: proxy_set_header Host $http_host;",
    source="run: nginx 1.22 with `Host $host` on a published port before registry 2.8.2 (tests/real)",
)
def location_header_port_lost(facts: Facts) -> Iterator[Finding]:
    """`$host` has no port. The registry builds Location from it, so an upload begun on :8080 goes on at :80.

    nginx's own rewriting of Location has the same fault: it writes the port that it listens on in the container.
    """
    refused = next((m for m in facts.traffic.said("refused", "timeout") if dialled_elsewhere(m)), None)
    more = (S.UNREACHABLE,) if refused else ()
    found = list(_misrouted(facts, port_differs, said(refused), more))
    yield from found or _dialled(facts, refused, more)


def _dialled(facts: Facts, refused: Message | None, more: tuple[Symptom, ...]) -> Iterator[Finding]:
    """An upload that a client sent on to another port than the one that it was given, as it says itself."""
    scheme = upload_sent_on(refused) if refused else ""
    if refused is None or refused.host is None or not scheme or is_fixed(facts):
        return
    here = urlsplit(f"{scheme}://{refused.host}")
    port = refused.detail.rpartition(":")[2]
    there = urlsplit(f"{here.scheme}://{here.hostname}:{port}")
    route = next((r for r in upload_routes(facts) if r.host != "client"), None)
    if route is not None:
        yield _sent_elsewhere(facts, route, here, there, said(refused), more=more)
        return
    first = first_route(facts)
    yield finding(
        f"The client was given {here.netloc}, and its upload is sent on to port {port}: a response named that.",
        said(refused),
        explains=_EXPLAINS + more,
        hop=hop(first),
        about=Subject(address=refused.host),
        fix=proxy_fix(facts, first, f"{_HOST_ADVICE}, with its port", upload_check(facts, base_of(here.geturl()))),
    )


@rule(
    "location-header-wrong-host",
    by_absence=True,
    needs_any=("routes", "exchanges", "messages"),
    step="headers",
    title="the forwarded Host is a name that clients cannot reach",
    explains=(S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN),
    fix="Forward the client's Host: proxy_set_header Host $http_host;",
    source="run: nginx 1.22 with a variable in proxy_pass, so Location is not rewritten (tests/real)",
)
def location_header_wrong_host(facts: Facts) -> Iterator[Finding]:
    """Without `proxy_set_header Host` nginx sends the upstream's name, and the registry sends uploads there.

    nginx rewrites Location by itself only while proxy_pass has no variable and proxy_redirect is not off, which is
    why the same file works at one place and not at the other.
    """
    if not fixed_direct(facts.traffic):
        found = list(_misrouted(facts, host_differs))
        yield from found or _named_by_proxy(facts)


def _named_by_proxy(facts: Facts) -> Iterator[Finding]:
    """A client that cannot resolve a name which it never was given, and which a proxy writes into Host."""
    if is_fixed(facts):
        return
    for message in facts.traffic.said("no-such-host"):
        asked = (message.host or "").split(":")[0].lower()
        for route in upload_routes(facts):
            there = urlsplit(f"{'https' if route.tls else 'http'}://{route.host_value}")
            if message.detail and there.hostname == message.detail.split(":")[0].lower() != asked:
                here = urlsplit(f"{there.scheme}://{message.host or (route.server_names or ('registry.example',))[0]}")
                yield _sent_elsewhere(facts, route, here, there, said(message))
                return


def _misrouted(facts: Facts, differs: Differs, heard: Item = None, more: tuple[Symptom, ...] = ()) -> Iterator[Finding]:
    """Uploads that are sent to another address: as the files predict it, or as it was only seen."""
    if is_fixed(facts):
        return
    found = list(uploads(facts.traffic))
    misrouted = next((e for e, here, there in found if differs(here, there)), None)
    if not misrouted and any(not differs(here, there) for e, here, there in found if e.route != "direct"):
        return
    if misrouted and written_by_registry(facts, misrouted):
        return
    for route, here, there in destinations(facts, misrouted):
        if differs(here, there):
            yield _sent_elsewhere(facts, route, here, there, heard, sent_to(misrouted), more=more)
            return
    if misrouted:
        first = first_route(facts)
        here, there = urlsplit(misrouted.url), urlsplit(misrouted.header("Location") or "")
        yield finding(
            f"The request went to {here.netloc}, the upload is sent to {there.netloc}.",
            heard,
            sent_to(misrouted),
            explains=_EXPLAINS + more,
            hop=hop(first),
            fix=proxy_fix(facts, first, f"{_HOST_ADVICE}, with its port", upload_check(facts, base_of(misrouted.url))),
        )


def _kept_host(facts: Facts, route: ProxyRoute, host: HeaderEdit) -> tuple[Edit, ...]:
    """The edits that let Host through as it came: its line goes, and the one that hides the client's name or puts a fixed
    one before it, for X-Forwarded-Host wins over Host."""
    dropped = drop_header(facts.evidence, host)
    hides = (e for e in route.request_headers if e.name.lower() == "x-forwarded-host")
    fixed = [e for e in hides if not any(c in e.value for c in "${%") and (e.value or route.software == "caddy")]
    return (*dropped, *(e for h in fixed for e in drop_header(facts.evidence, h))) if dropped else ()


_EXPLAINS = (S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN)


def _sent_elsewhere(
    facts: Facts,
    route: ProxyRoute,
    here: SplitResult,
    there: SplitResult,
    *shown: Item,
    more: tuple[Symptom, ...] = (),
) -> Finding:
    edit = last_edit(route, "host")
    line = {"nginx": "proxy_set_header Host $http_host;", "apache": "ProxyPreserveHost On"}.get(route.software, "")
    kept = "" if route.rewrites_location else ", and Location is not rewritten"
    edits: tuple[Edit, ...] = ()
    if route.software == "nginx" and edit is not None:
        edits = swap(facts.evidence, edit.place, r"(proxy_set_header\s+Host\s+)[^;]+;", r"\1$http_host;")
    elif edit is not None and edit.name:
        edits = _kept_host(facts, route, edit)
    elif line:
        edits = add_header(facts.evidence, route, line)
    if (
        edits and route.tls and route.forwards_proto == "missing"
    ):  # else the upload goes on at http://, at the right host
        edits = (*edits, *scheme_kept(facts.evidence, route))
    return finding(
        f"Uploads that begin at {here.scheme}://{here.netloc} are sent to {there.scheme}://{there.netloc}.",
        *shown,
        read(f"the registry gets Host {route.host_value or here.hostname}{kept}", edit.place if edit else route.place),
        explains=_EXPLAINS + more,
        hop=hop(route),
        refuted=(
            Refutation(cause="http-host-wrong", because="http.host is not set; the address comes from the proxy"),
        ),
        fix=proxy_fix(
            facts,
            route,
            f"{_HOST_ADVICE}: {line or 'delete the line that changes Host'}{beside(route) if not edits else ''}",
            upload_check(facts, base_of(here.geturl())),
            edits=edits,
            at=edit.place if edit else None,
        ),
        edits=edits,
        proves=route.complete and is_known_address(facts, route),
        about=site(facts, route),
    )
