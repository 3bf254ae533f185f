"""What a hop cuts short: bodies that are too large, answers that take too long, headers that miss on a 401."""

import re
from collections.abc import Iterator

from runbook.model import Certainty, Edit, Evidence, Exchange, Finding, Place, ProxyRoute, Refutation, Stack, Symptom
from runbook.observe.routes import signed_by_proxy
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hop_edits import insert, line_of, swap
from runbook.rules.hops import api_routes, front_url, fronts, hop, item, name, repair, seen, takes_pushes
from runbook.rules.upstreams import reaches

S, C = Symptom, Certainty
_CUT = (S.BAD_GATEWAY, S.EMPTY_REPLY)
"""How a refused body shows besides 413: Caddy ends its own request to the registry (502), others close the connection."""
_SMALL = 100 * (1 << 20)
"""Layers under that are common enough that a smaller limit is no fault by itself above it."""


@rule(
    "client-max-body-size",
    sees=("routes", "logs", "exchanges", "messages"),
    step="align",
    title="a hop refuses large bodies",
    fix="Set client_max_body_size 0; in the server or location that uploads take.",
    source="run: nginx 1.22 without client_max_body_size: 413 HTML for a PATCH over 1 MB (tests/real)",
)
def client_max_body_size(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """nginx takes 1 MB unless it is told otherwise, so small images can be pushed and real ones cannot. The answer is
    the proxy's own page: the registry has no limit."""
    logged = traffic.logged("body-too-large")
    limits = [r for r in stack.routes if r.software == "caddy" and r.max_body]
    refused = next((e for e in traffic.exchanges if e.status == 413 or (limits and _cut_by_caddy(e, traffic))), None)
    access = [r for r in traffic.requests if r.status == 413]
    said = traffic.said("too-large")
    seen_it = bool(refused or logged or access or said)
    limited = [
        f.upload for f in fronts(stack, evidence.compose) if f.upload in f.api and f.upload and f.upload.max_body
    ]
    pushed = [r for r in limited if seen_it or takes_pushes(r, evidence.compose)]
    small = [r for r in pushed if r.max_body is not None and (r.max_body < _SMALL or seen_it)]
    shown = [seen(refused)] if refused else []
    shown += [item(e.text, e.place) for e in logged[:1]]
    shown += [item(f"{r.method} {r.uri[:80]} -> 413", r.place) for r in access[:1] if not shown]
    shown += [item(m.text, m.place) for m in said[:1] if not shown]
    for route in small[:1]:
        what = f"the limit is {_human(route.max_body)}" + (
            "" if route.max_body_place else ", nginx's default: none is written"
        )
        yield Finding(
            cause="client-max-body-size",
            summary=f"{name(route)} takes bodies of at most {_human(route.max_body)}; layers of images are larger.",
            certainty=C.PROVEN if seen_it else C.READ,
            explains=(S.TOO_LARGE, S.UPLOAD_FAILS, *_CUT),
            evidence=(*shown, item(what, route.max_body_place or route.place)),
            hop=hop(route),
            refuted=_signed(refused),
            fix=repair(
                route,
                _no_limit(route),
                f"docker push {front_url(traffic, stack, route, evidence.compose).split('//')[1]}/NAME   # no 413",
            ),
            edits=_lift(evidence, route),
            proves=not traffic.seen() and not traffic.works("via"),
        )
    if seen_it and not small:
        told = next(api_routes(stack, evidence.compose), None)
        yield Finding(
            cause="client-max-body-size",
            summary="A proxy refuses the upload as too large (413); the registry itself has no such limit.",
            certainty=C.SEEN if refused else C.LOGGED,
            explains=(S.TOO_LARGE, S.UPLOAD_FAILS, *_CUT),
            evidence=tuple(shown),
            hop=hop(told) if told else "proxy -> registry",
            refuted=_signed(refused),
            fix=repair(
                told or ProxyRoute(software="nginx", place=_shown_place(refused, traffic)),
                "Raise the body limit of every hop on the way; in nginx: client_max_body_size 0;",
                before=("grep -rn client_max_body_size .",),
            ),
        )


def _cut_by_caddy(exchange: Exchange, traffic: Traffic) -> bool:
    """Caddy 2.6 answers 502 when a body is over its limit, while everything else still gets through."""
    return exchange.status == 502 and exchange.method in ("PATCH", "PUT", "POST") and reaches(traffic)


def _shown_place(refused: Exchange | None, traffic: Traffic) -> Place:
    places = [
        *(e.place for e in traffic.logged("body-too-large")),
        *(r.place for r in traffic.requests if r.status == 413),
    ]
    return refused.source if refused else (*places, *(m.place for m in traffic.said("too-large")))[0]


def _human(size: int | None) -> str:
    value = float(size or 0)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}"
        value /= 1024
    return ""


def _signed(refused: Exchange | None) -> tuple[Refutation, ...]:
    if refused is None or not signed_by_proxy(refused):
        return ()
    return (
        Refutation(cause="http-secret-not-shared", because="the answer is the proxy's own page, not the registry's"),
    )


def _no_limit(route: ProxyRoute) -> str:
    return {
        "caddy": "Raise or delete request_body max_size.",
        "traefik": "Raise or delete buffering.maxRequestBodyBytes.",
    }.get(route.software, "Set client_max_body_size 0; (no limit) for the registry's location.")


def _lift(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    if route.software != "nginx":
        return ()
    if route.max_body_place:
        return swap(evidence, route.max_body_place, r"(client_max_body_size\s+)[^;]+;", r"\g<1>0;")
    return insert(evidence, route.upstream_place, "client_max_body_size 0;")


@rule(
    "proxy-timeout",
    sees=("routes", "logs", "exchanges", "messages"),
    step="headers",
    tier=2,
    title="a hop gives up before the registry has answered",
    fix="Raise the read time-out of the hop: proxy_read_timeout 900;",
    source="nginx documentation: proxy_read_timeout is 60 s; 504 and `upstream timed out (110` in its log",
)
def proxy_timeout(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A large layer takes the registry minutes to store. A hop that waits 60 seconds ends it with 504 at a round number."""
    late = next((e for e in traffic.exchanges if e.status == 504), None)
    logged = [
        e
        for e in traffic.logged("upstream-timeout")
        if not re.search(r"while connecting to upstream", e.text + e.detail)
    ]
    access = [r for r in traffic.requests if r.status == 504 and r.logger != "registry"]
    said = [m for m in traffic.said("gateway") if m.detail == "504"]
    if not (late or logged or access or said):
        return
    route = next((f.upload or f.ping for f in fronts(stack, evidence.compose) if f.api), None)
    wait = f" after {route.read_timeout:.0f} s" if route and route.read_timeout else ""
    shown = [seen(late, f" after {late.elapsed:.0f} s" if late.elapsed else "")] if late else []
    shown += [item(e.text, e.place) for e in logged[:1]]
    shown += [item(f"{r.method} {r.uri[:80]} -> 504", r.place) for r in access[:1]]
    shown += [item(m.text, m.place) for m in said[:1]]
    places = [*(e.place for e in logged), *(r.place for r in access), *(m.place for m in said)]
    place = route.place if route else late.source if late else places[0]
    yield Finding(
        cause="proxy-timeout",
        summary=f"{name(route) if route else 'A proxy'} gives up{wait} while the registry is still at work.",
        certainty=C.PROVEN if route and (late or logged) else C.SEEN if late or logged else C.LOGGED,
        explains=(S.GATEWAY_TIMEOUT, S.UPLOAD_FAILS),
        evidence=tuple(shown),
        hop=hop(route) if route else "proxy -> registry",
        refuted=(Refutation(cause="client-max-body-size", because="it is 504 after a wait, not 413 at once"),),
        fix=repair(
            route or ProxyRoute(software="nginx", place=place),
            "Raise the hop's read time-out; in nginx: proxy_read_timeout 900; proxy_request_buffering off;",
        ),
        edits=_wait_longer(evidence, route) if route else (),
    )


def _wait_longer(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    if route.software != "nginx" or route.upstream_place is None:
        return ()
    file = next((f for f in evidence.files if f.path == route.place.file), None)
    for number, line in enumerate(file.lines if file else (), 1):
        if re.match(r"\s*proxy_read_timeout\s", line) and number not in (file.masked if file else ()):
            new = re.sub(r"(proxy_read_timeout\s+)[^;]+;", r"\g<1>900;", line)
            return (Edit(file=route.place.file, line=number, old=line, new=new),) if new != line else ()
    return insert(evidence, route.upstream_place, "proxy_read_timeout 900;")


@rule(
    "add-header-without-always",
    sees=("routes",),
    step="headers",
    tier=2,
    title="headers that the hop adds are missing on a 401",
    fix="Write `always` at the end of the add_header lines.",
    source="nginx documentation of add_header: only on 200, 201, 204, 206, 301, 302, 303, 304, 307, 308",
)
def add_header_without_always(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """nginx adds headers to good answers only. A browser that gets the 401 without Access-Control-Allow-Origin may not
    show it to the page, so the login box never comes and it looks like CORS."""
    for route in api_routes(stack, evidence.compose):
        quiet = [
            e
            for e in route.response_headers
            if e.action == "add" and not e.always and e.name.lower().startswith("access-control-")
        ]
        if route.software != "nginx" or not quiet or _elsewhere(stack):
            continue
        bare = next((e for e in traffic.on("via", status=401) if e.header(quiet[0].name) is None), None)
        good = next((e for e in traffic.on("via") if e.status == 200 and e.header(quiet[0].name)), None)
        if any(e.header(quiet[0].name) for e in traffic.on("via", status=401)):
            continue
        yield Finding(
            cause="add-header-without-always",
            summary=f"{name(route)} adds {quiet[0].name} to good answers only: on a 401 it is missing.",
            certainty=C.PROVEN if bare and good else C.READ,
            explains=(S.BROWSER_BLOCKED,),
            evidence=(
                item(f"add_header {quiet[0].name} without always", quiet[0].place),
                *(seen(e) for e in (good, bare) if e),
            ),
            hop=hop(route),
            fix=repair(route, "Write `always` before the semicolon of these add_header lines."),
            edits=tuple(e for h in quiet for e in _always(evidence, h.place)),
        )
        return


def _elsewhere(stack: Stack) -> bool:
    """With the UI as proxy page and API have one origin, and CORS is not used."""
    return stack.ui is not None and stack.ui.mode == "proxy"


def _always(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    old = line_of(evidence, place)
    return swap(evidence, place, r"(add_header\s[^;]*?)\s*;", r"\1 always;") if old and old.count(";") == 1 else ()
