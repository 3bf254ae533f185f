"""What a proxy cuts short: bodies that are too large, responses that take too long, headers missing from a 401."""

from collections.abc import Iterator
from dataclasses import replace

from runbook.lazy import re
from runbook.model import Edit, Exchange, Finding, Message, Place, ProxyRoute, Refutation, Stack, Symptom
from runbook.model.command import PIPE, WRITE_TO, Command, number, sh, url
from runbook.model.proxy import NGINX_BODY
from runbook.observe.signature import signed_by_proxy
from runbook.observe.traffic import Traffic
from runbook.parse.hops import seconds
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said, seen
from runbook.rules.hop_edits import by_command, drop_line, drop_lines, in_location, insert, line_of, on_way, swap
from runbook.rules.hops import (
    api_routes,
    aside,
    first_route,
    front_url,
    fronts,
    header_check,
    hop,
    login_check,
    name,
    search_files,
    site,
    takes_pushes,
)
from runbook.rules.platform import body_limit_lifted, inside, runs
from runbook.rules.reloads import by_labels, proxy_fix
from runbook.rules.upstreams import reaches

S = Symptom
_SMALL = 100 * NGINX_BODY
"""Layers below that are common: a smaller limit is a fault by itself, a larger one only where a body was refused."""
_SHOWS = (S.TOO_LARGE, S.UPLOAD_FAILS, S.BAD_GATEWAY, S.EMPTY_REPLY)
"""How a refused body shows besides 413: Caddy ends its own request to the registry (502), others the connection."""


@rule(
    "client-max-body-size",
    by_absence=True,
    needs_any=("routes", "logs", "exchanges", "messages"),
    step="align",
    title="the proxy limits the size of request bodies",
    explains=_SHOWS,
    fix="Set client_max_body_size 0; in the server or location that uploads take",
    source="run: nginx 1.22 without client_max_body_size: 413 HTML for a PATCH over 1 MB (tests/real)",
)
def client_max_body_size(facts: Facts) -> Iterator[Finding]:
    """nginx takes 1 MB by default, so small images can be pushed and real ones cannot. The response
    is the proxy's own page: the registry has no limit."""
    traffic = facts.traffic
    caddy = any(r.software == "caddy" and r.max_body for r in facts.stack.routes)
    refused = next((e for e in traffic.exchanges if e.status == 413 or (caddy and _cut_by_caddy(e, traffic))), None)
    shown = _too_large(traffic, refused)
    uploads = [f.upload for f in fronts(facts) if f.upload in f.api and f.upload and f.upload.max_body]
    pushed = [r for r in uploads if shown or takes_pushes(r, facts.compose)]
    if logged := [int(m[1]) for e in traffic.logged("body-too-large") if (m := _BYTES.search(e.text + e.detail))]:
        pushed = [r for r in pushed if r.software in _LIKE_NGINX and (r.max_body or 0) < max(logged)]  # its own words
    route = next((r for r in pushed if r.max_body is not None and (r.max_body < _SMALL or shown)), None)
    signed = refused is not None and signed_by_proxy(refused)
    refuted = (Refutation(cause="http-secret-not-shared", because="the response is the proxy's own page"),) * signed
    if route:
        manifest = body_limit_lifted(facts.evidence, route)
        advice, edits = manifest or (_no_limit(route), _lift(facts, route))
        unwritten = "" if route.max_body_place else ", nginx's default: none is written"
        yield finding(
            f"{name(route)} takes bodies of at most {_human(route.max_body)}; layers of images are larger.",
            shown,
            read(f"the limit is {_human(route.max_body)}{unwritten}", route.max_body_place or route.place),
            hop=hop(route),
            explains=_explained(route),
            refuted=refuted,
            fix=proxy_fix(
                facts,
                route,
                advice,
                *_larger_body(facts, route),
                edits=edits,
                before=_body_file(route) if edits else _lift_masked(facts, route),
            ),
            edits=edits,
            proves=not traffic.seen() and not traffic.works("via") and not (unwritten and _is_piece(facts, route)),
            warning=not shown and bool(unwritten) and _is_piece(facts, route),
            about=site(facts, route),
        )
    elif shown:
        known = _cloudflares_limit(facts, shown, refuted) if _of_cloudflare(traffic) else _lifted_since(facts, shown)
        if known:
            yield known
            return
        route = first_route(facts)
        edits = _lift(facts, route) if route and route.software == "haproxy" else ()
        yield finding(
            "A proxy refuses the upload as too large (413); the registry itself has no such limit.",
            shown,
            hop=hop(route),
            refuted=refuted,
            fix=proxy_fix(
                facts,
                route,
                "Raise the body limit of every proxy on the request path; in nginx: client_max_body_size 0;",
                before=() if edits else (search_files("client_max_body_size"),),
                edits=edits,
            ),
            edits=edits,
        )


def _is_piece(facts: Facts, route: ProxyRoute) -> bool:
    """Whether a site of nginx was handed over without the http block around it, and no image tells what that block is:
    a limit may stand there."""
    files = (f for f in facts.evidence.files if f.kind == "nginx")
    return (
        route.software == "nginx"
        and route.service is None
        and not any(_HTTP.match(row) for f in files for row in f.lines)
    )


_HTTP = re.compile(r"[ \t]*http[ \t]*\{")
_BYTES = re.compile(r"too large body: (\d{1,15}) bytes")
_LIKE_NGINX = ("nginx", "nginx-proxy", "joxit-ui")


def _explained(route: ProxyRoute) -> tuple[Symptom, ...]:
    """Without the 502, where the proxy is not one that says it of a body: nginx and the others answer 413."""
    return tuple(s for s in _SHOWS if s is not S.BAD_GATEWAY or route.software == "caddy")


def _lifted_since(facts: Facts, shown: list[Item]) -> Finding | None:
    """Where only the log of a proxy says so, and that proxy's file lifts the limit: it is over, or the file is not in
    force. Which of the two, the log alone cannot tell."""
    logged = facts.traffic.logged("body-too-large")
    routes = [f.upload for f in fronts(facts) if f.upload and f.upload.software == "nginx"]
    own = [
        r for r in routes if r.complete and r.max_body is None and all(e.service in (None, r.service) for e in logged)
    ]
    if not own or len(own) < len(routes) or not logged or facts.traffic.said("too-large"):
        return None
    if any(e.status == 413 for e in facts.traffic.exchanges):
        return None
    place = own[0].max_body_place or own[0].place
    return finding(
        f"{name(own[0])} refused bodies as too large, and its file sets no limit: it was changed since, or is not in force.",
        [replace(item, cited="context") for item in shown if item],
        context("no limit is set here", place),
        hop=hop(own[0]),
        about=site(facts, own[0]),
        fix=proxy_fix(
            facts, own[0], "Load the file, if that was not done yet", _sent(facts, own[0], NGINX_BODY + 1), at=place
        ),
    )


def _sent(facts: Facts, route: ProxyRoute, size: int) -> Command:
    target = url(front_url(facts, route), "/v2/test/blobs/uploads/")
    return sh("head", "-c", number(size), "/dev/zero", PIPE, "curl", "-sS", "-o", "/dev/null", "-w",
              "%{http_code}\\n", "-X", "POST", "--data-binary", "@-", target, expect="401, not 413")  # fmt: skip


def _of_cloudflare(traffic: Traffic) -> bool:
    """Whether the page of the 413 is Cloudflare's: its name stands in it. The header alone is on every response."""
    pages = (*(e.body for e in traffic.exchanges if e.status == 413), *(m.text for m in traffic.said("too-large")))
    return any("<center>cloudflare</center>" in page for page in pages)


def _cloudflares_limit(facts: Facts, shown: list[Item], refuted: tuple[Refutation, ...]) -> Finding:
    """Its plans take 100 to 500 MB a request (developers.cloudflare.com), and no setting of the registry changes that."""
    return finding(
        "Cloudflare refuses the upload as too large (413): it takes at most 100 MB in one request, 500 MB on its largest "
        "plan.",
        shown,
        hop="Cloudflare -> registry",
        refuted=refuted,
        fix=proxy_fix(
            facts,
            None,
            "Publish the registry's name as DNS only (no proxying by Cloudflare), or push under another name that leads to "
            "the server itself",
        ),
    )


def _too_large(traffic: Traffic, refused: Exchange | None) -> list[Item]:
    """What shows that a body was refused: the request and the error log; else the access log, or a client."""
    logged = traffic.logged("body-too-large")
    shown = [seen(refused)] if refused else []
    shown += [said(e) for e in logged[:1]]
    access = next((r for r in traffic.requests if r.status == 413), None)
    if not shown and access:
        shown = [said(access, f"{access.method} {access.uri[:80]} -> 413")]
    return shown or [said(m) for m in traffic.said("too-large")[:1]]


def _cut_by_caddy(exchange: Exchange, traffic: Traffic) -> bool:
    """Caddy 2.6 answers 502 when a body is over its limit, while everything else still gets through."""
    return exchange.status == 502 and exchange.method in ("PATCH", "PUT", "POST") and reaches(traffic)


def _human(size: int | None) -> str:
    value = float(size or 0)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}"
        value /= 1024
    return ""


def _no_limit(route: ProxyRoute) -> str:
    return {
        "caddy": "Raise or delete request_body max_size",
        "nginx-proxy": "Mount a file with client_max_body_size 0; in the proxy's /etc/nginx/conf.d",
        "traefik": "Set buffering.maxRequestBodyBytes to 0 (no limit)",
    }.get(route.software, "Set client_max_body_size 0; (no limit) for the registry's location")


_BODY_FILE = "body-size.conf"


def _body_file(route: ProxyRoute) -> tuple[Command, ...]:
    """The file that lifts nginx-proxy's limit, which has no variable for it."""
    if route.software != "nginx-proxy":
        return ()
    return (sh("echo", "client_max_body_size 0;", WRITE_TO, _BODY_FILE),)


def _body_file_mounted(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    proxy = facts.compose.service(route.service) if facts.compose and route.service else None
    last = max(proxy.mounts, key=lambda m: m.place.line or 0, default=None) if proxy else None
    old = line_of(facts.evidence, last.place) if last else None
    if last is None or old is None or not old.lstrip().startswith("- ") or last.target not in old:
        return ()
    return insert(facts.evidence, last.place, f"- ./{_BODY_FILE}:/etc/nginx/conf.d/{_BODY_FILE}:ro")


def _larger_body(facts: Facts, route: ProxyRoute) -> tuple[Command, ...]:
    """The command that sends one byte more than the limit, without credentials: the proxy refuses the size first, the
    registry asks for credentials. Not for a limit that nobody wants to send."""
    if not route.max_body or route.max_body > 2 * _SMALL:
        return ()
    return (_sent(facts, route, route.max_body + 1),)


_TOO_LARGE = (
    r"^\s*http-request\s+(?:deny|return)\b.*(?:\breq\.body_size\b|\bcontent-length\b|\b(?:deny_)?status\s+413\b)"
)
"""HAProxy's refusal of a large body, by its size, its header or the status it answers."""


def _lift(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    if by_labels(facts.compose, route):
        return drop_line(facts.evidence, route.max_body_place, r"max_size")
    if route.software == "caddy":
        size = route.max_body_place
        around = [drop_line(facts.evidence, replace(size, line=(size.line or 0) + step), pattern)
                  for step, pattern in ((-1, r"^\s*request_body\s*\{\s*$"), (0, "max_size"), (1, r"^\s*\}\s*$"))] if size else []  # fmt: skip
        return tuple(e for found in around for e in found) if all(around) else ()
    if route.software == "haproxy":
        others = {
            r.place
            for r in facts.stack.routes
            if r.kind == "return" and r.match != "regex" and not "/v2/".startswith(r.path[:4])
        }
        return tuple(e for e in drop_lines(facts.evidence, route, _TOO_LARGE) if Place(e.file, e.line) not in others)
    if route.software == "traefik":
        limit = r"(maxRequestBodyBytes[\"']?\s*[:=]\s*[\"']?)\d+"
        return swap(facts.evidence, route.max_body_place, limit, r"\g<1>0")
    if route.software == "nginx-proxy":
        return _body_file_mounted(facts, route)
    if route.software != "nginx":
        return ()
    if route.max_body_place:
        return in_location(facts.evidence, route, route.max_body_place, "client_max_body_size", "0")
    return () if route.unread else insert(facts.evidence, route.upstream_place, "client_max_body_size 0;")


def _lift_masked(facts: Facts, route: ProxyRoute) -> tuple[Command, ...]:
    if route.software != "nginx":
        return ()
    return by_command(facts.evidence, route.max_body_place, r"client_max_body_size\s[^;]*;", "client_max_body_size 0;")


@rule(
    "proxy-timeout",
    by_absence=True,
    needs_any=("routes", "logs", "exchanges", "messages"),
    step="headers",
    tier=2,
    title="the proxy times out before the registry responds",
    explains=(S.GATEWAY_TIMEOUT, S.UPLOAD_FAILS),
    refuted=(Refutation(cause="client-max-body-size", because="it ends after a wait, not with 413 at once"),),
    fix="Raise the read time-out of the proxy: proxy_read_timeout 900;",
    source="nginx documentation: proxy_read_timeout is 60 s; 504 and `upstream timed out (110` in its log",
)
def proxy_timeout(facts: Facts) -> Iterator[Finding]:
    """A large layer takes the registry minutes to store. A proxy that waits 60 seconds ends it with 504 at a round
    number."""
    shown = _timed_out(facts.traffic)
    route = next((f.upload or f.ping for f in fronts(facts) if f.api), None)
    if not shown:
        yield from _body_given_up(facts, route)
        return
    wait = f" after {route.read_timeout:.0f} s" if route and route.read_timeout else ""
    edits = _wait_longer(facts, route) if route else ()
    yield finding(
        f"{name(route) if route else 'A proxy'} times out{wait} while the registry is still at work.",
        shown,
        read(f"the proxy waits {route.read_timeout:.0f} s for a response", route.place) if route and wait else None,
        hop=hop(route),
        fix=proxy_fix(
            facts,
            route,
            _patience(route),
            *_waits(facts, route),
            edits=edits,
        ),
        edits=edits,
    )


def _body_given_up(facts: Facts, route: ProxyRoute | None) -> Iterator[Finding]:
    """nginx's own 408: the client paused in the middle of an upload for longer than the file allows. Of its usual time
    only a bad line takes longer, and that is nobody's setting."""
    sent = (r for r in facts.traffic.requests if r.status == 408 and r.logger == "nginx" and r.method in _UPLOADS)
    late, line = next(sent, None), r"^\s*client_body_timeout\s"
    place = next(on_way(facts.evidence, route, line), None) if route and route.software == "nginx" else None
    told = re.search(r"client_body_timeout\s+([\w ]{1,20});", line_of(facts.evidence, place) or "") if place else None
    if late is None or route is None or place is None or told is None or (seconds(told[1]) or 0) >= _USUAL:
        return
    edits = in_location(facts.evidence, route, place, "client_body_timeout", "900")
    yield finding(
        f"{name(route)} ends uploads with 408 when the client pauses for longer than {told[1]}.",
        said(late),
        read("the time that a body may pause is set here", place),
        explains=(S.UPLOAD_FAILS,),
        hop=hop(route),
        about=site(facts, route),
        edits=edits,
        fix=proxy_fix(facts, route, "Let bodies pause for longer: client_body_timeout 900;", edits=edits, at=place),
    )


_UPLOADS = ("PATCH", "PUT", "POST")
_USUAL = 60
"""nginx's client_body_timeout where none is set, in seconds."""


def _patience(route: ProxyRoute | None) -> str:
    """What makes this program wait longer for its upstream."""
    return {
        "apache": "Raise ProxyTimeout (or timeout= of this ProxyPass): ProxyTimeout 900",
        "haproxy": "Raise timeout server of this backend: timeout server 15m",
        "caddy": "Raise the response time-out inside reverse_proxy: transport http { response_header_timeout 15m }",
        "traefik": "Raise respondingTimeouts of the entry point: entryPoints.NAME.transport.respondingTimeouts.readTimeout=15m",
    }.get(
        route.software if route else "",
        "Raise the proxy's read time-out; in nginx: proxy_read_timeout 900; proxy_request_buffering off;",
    )


def _timed_out(traffic: Traffic) -> list[Item]:
    """What shows that a proxy waited in vain for a response: not for a connection, which is another fault."""
    late = next((e for e in traffic.exchanges if e.status == 504 and not _is_short(e)), None)
    connecting = re.compile("while connecting to upstream")
    logged = [e for e in traffic.logged("upstream-timeout") if not connecting.search(e.text + e.detail)]
    access = [r for r in traffic.requests if r.status == 504 and r.logger != "registry"]
    return [
        *([seen(late, f" after {late.elapsed:.0f} s" if late.elapsed else "")] if late else []),
        *(said(e) for e in logged[:1]),
        *(said(r, f"{r.method} {r.uri[:80]} -> 504") for r in access[:1]),
        *[said(m) for m in traffic.said("gateway") if m.detail == "504"][:1],
        *_cut_between(traffic),
    ]


def _cut_between(traffic: Traffic) -> list[Item]:
    """Client and registry both say that the other one ended an upload: it was neither of them, where something is between."""
    told = [
        o.record
        for o in traffic.observations
        if isinstance(o.record, Message) and o.record.kind == "upload-cut" and o.voice == "program"
        if o.address is None
        or o.address.port not in traffic.focus.ports  # the registry's own port has nothing before it
    ]
    logged = traffic.logged("upload-cut")
    return [said(told[0]), said(logged[0])] if told and logged else []


def _is_short(exchange: Exchange) -> bool:
    """A question that no registry at work takes long over: a 504 to it says that the upstream hangs or is cut off."""
    return exchange.method in ("GET", "HEAD", "OPTIONS") and exchange.path.rstrip("/") in ("/v2", "/v2/_catalog")


def _waits(facts: Facts, route: ProxyRoute | None) -> tuple[Command, ...]:
    """The command that shows that what ran out of time works now, or the time-out that the running nginx has read."""
    if route is not None and any(r.status == 504 and r.uri.rstrip("/") == "/v2" for r in facts.traffic.requests):
        return (login_check(facts, route),)
    if route is None or route.software != "nginx":
        return ()
    words, expect = ("nginx", "-T", PIPE, "grep", "proxy_read_timeout"), "proxy_read_timeout 900;"
    if route.service is None:
        return (sh("sudo", *words, expect=expect),)
    return (inside(runs(facts, route.service), *words, expect=expect),)


def _wait_longer(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    if route.software == "haproxy":  # the section's own line wins over that of its defaults
        own = next(on_way(facts.evidence, route, r"^\s*timeout\s+server\s"), None)
        longer = swap(facts.evidence, own, r"(timeout\s+server\s+)\S+", r"\g<1>15m")
        return longer or insert(facts.evidence, None if own else route.upstream_place, "timeout server 15m")
    if route.software == "apache":
        told = swap(facts.evidence, route.upstream_place, r"(\stimeout=)\d+\w*", r"\g<1>900")
        return told or swap(
            facts.evidence, route.upstream_place, r"^(\s*ProxyPass(?:Match)?\s.*\S)\s*$", r"\1 timeout=900"
        )
    if route.software != "nginx" or route.upstream_place is None:
        return ()
    if place := next(on_way(facts.evidence, route, r"^\s*proxy_read_timeout\s"), None):
        return swap(facts.evidence, place, r"(proxy_read_timeout\s+)[^;]+;", r"\g<1>900;")
    return () if route.unread else insert(facts.evidence, route.upstream_place, "proxy_read_timeout 900;")


@rule(
    "add-header-without-always",
    by_absence=True,
    needs_any=("routes",),
    step="headers",
    tier=2,
    title="headers that the proxy adds are missing from a 401",
    explains=(S.BROWSER_BLOCKED,),
    fix="Write `always` at the end of the add_header lines",
    source="nginx documentation of add_header: only on 200, 201, 204, 206, 301, 302, 303, 304, 307, 308",
)
def add_header_without_always(facts: Facts) -> Iterator[Finding]:
    """nginx adds headers to successful responses only. A browser that gets the 401 without Access-Control-Allow-Origin
    keeps it from the page, so the login box never comes and it looks like CORS."""
    for route in api_routes(facts):
        quiet = [
            e
            for e in route.response_headers
            if e.action == "add" and not e.always and e.name.lower().startswith("access-control-")
        ]
        if route.software != "nginx" or not quiet or _same_origin(facts.stack):
            continue
        header, refusals = quiet[0].name, facts.traffic.on("via", status=401)
        if any(e.header(header) for e in refusals):
            continue
        bare = next(iter(refusals), None)
        good = next((e for e in facts.traffic.on("via") if e.status == 200 and e.header(header)), None)
        edits = tuple(e for h in quiet for e in _always(facts, h.place))
        yield finding(
            f"{name(route)} adds {header} to successful responses only: on a 401 it is missing.",
            read(f"add_header {header} without always", quiet[0].place),
            seen(good) if bare else aside(seen(good)),
            seen(bare) if good else aside(seen(bare)),
            hop=hop(route),
            fix=proxy_fix(
                facts,
                route,
                "Write `always` before the semicolon of these add_header lines",
                header_check(front_url(facts, route), "access-control-", "Access-Control-…, on the 401"),
                edits=edits,
            ),
            edits=edits,
            about=site(facts, route),
        )
        return


def _same_origin(stack: Stack) -> bool:
    """With the UI as proxy page and API have one origin, and CORS is not used."""
    return stack.ui is not None and stack.ui.mode == "proxy"


def _always(facts: Facts, place: Place) -> tuple[Edit, ...]:
    old = line_of(facts.evidence, place)
    edits = swap(facts.evidence, place, r"(add_header\s[^;]*?)\s*;", r"\1 always;")
    return edits if old and old.count(";") == 1 else ()
