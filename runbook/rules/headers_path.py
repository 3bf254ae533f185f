"""Whether API requests reach the registry with the path that they were sent with."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import (
    Edit,
    Exchange,
    Finding,
    LoggedRequest,
    ProxyRoute,
    Refutation,
    Symptom,
)
from runbook.observe.signature import is_go_404, is_registrys
from runbook.observe.traffic import Traffic
from runbook.rules.align import prefix_of
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import detach, drop, drop_lines, on_way, places, same_block, swap
from runbook.rules.hops import (
    api_routes,
    challenge_check,
    first_route,
    hop,
    name,
    site,
)
from runbook.rules.reloads import proxy_fix
from runbook.stack.foretell import Request, upstream_path

S = Symptom


@rule(
    "proxy-pass-uri-rewrite",
    needs_any=("routes", "exchanges", "logs"),
    step="headers",
    title="the proxy changes the request path",
    explains=(S.REDIRECTED, S.NOT_THE_API, S.OPEN_VIA),
    fix="Write proxy_pass without anything after the port: http://registry:5000",
    source="run: proxy_pass http://registry:5000/ under location /v2: // and 301; with a variable: always /, 200 (tests/real)",
)
def proxy_pass_uri_rewrite(facts: Facts) -> Iterator[Finding]:
    """Anything after the port in proxy_pass, a lone slash too, replaces the location's own path. Under
    `location /v2` a slash makes // of /v2/, and with a variable every request becomes that path: then the registry
    answers 200 to everybody, since / is no API."""
    odd = next(iter(_odd_requests(facts.traffic)), None)
    answer = next(iter(_odd_answers(facts.traffic)), None)
    shown = (said(odd, f"the registry was asked for {odd.uri[:80]}") if odd else None, seen(answer))
    for route in api_routes(facts):
        bent = _bent(route)
        if not bent or facts.traffic.works("via"):
            continue
        sent, arrives = bent
        if arrives == f"/{prefix_of(facts)}{sent}":
            continue  # just where the registry serves it
        edits = _without_path(facts, route)
        yield finding(
            f"{name(route)} turns {sent} into {arrives}, which is not the registry's API.",
            read(_how(route), route.upstream_place or route.place),
            *shown,
            explains=(S.REDIRECTED, S.NOT_THE_API, S.OPEN_VIA, S.PING_OPEN),
            hop=hop(route),
            refuted=(Refutation(cause="no-v2-route", because="the route is there, it only changes the path"),),
            fix=proxy_fix(
                facts, route, _advice(route), challenge_check(facts, route), edits=edits, at=route.upstream_place
            ),
            edits=edits,
            proves=True,
            supersedes=("redirect-drops-authorization", "ping-not-challenged", "proxy-bypasses-auth", "no-v2-route"),
            about=site(facts, route),
        )
        return
    if pair := _two_paths(facts.traffic):
        first = first_route(facts)
        yield finding(
            "The registry serves /v2/, and through the proxy it answers its own 404: the proxy asks it for another path.",
            map(seen, pair),
            hop=hop(first),
            fix=proxy_fix(
                facts,
                first,
                "Write the upstream without anything after the port, and delete what rewrites the path",
                challenge_check(facts, first),
            ),
        )
    elif odd and (answer or facts.traffic.seen(S.REDIRECTED)):
        first = first_route(facts)
        yield finding(
            f"The registry is asked for {odd.uri[:60]}: a proxy changes the path of API requests.",
            *shown,
            hop=hop(first),
            fix=proxy_fix(
                facts,
                first,
                "Search the proxy's configuration for what changes the path",
                challenge_check(facts, first),
            ),
        )


def _two_paths(traffic: Traffic) -> tuple[Exchange, Exchange] | None:
    """The ping as the registry serves it, and its own 404 to the same ping through a proxy."""
    served = (e for e in traffic.on("direct") if e.status in (200, 401) and e.path.endswith("/v2/") and is_registrys(e))
    direct, via = next(served, None), next((e for e in traffic.on("via") if is_go_404(e)), None)
    return (direct, via) if direct and via else None


def _bent(route: ProxyRoute) -> tuple[str, str] | None:
    """A path of the API, and what the upstream gets instead."""
    paths = [p for p in ("/v2/_catalog", "/v2/") if route.covers(p) or route.match == "regex"]
    bent = ((p, upstream_path(route, Request(path=p))) for p in paths)
    return next(((sent, arrives) for sent, arrives in bent if sent != arrives and "$" not in arrives), None)


def _how(route: ProxyRoute) -> str:
    if route.strips_prefix:
        return f"the prefix {route.strips_prefix} is cut off"
    if route.rewrite:
        return f"the path is rewritten: {route.rewrite[0]} -> {route.rewrite[1]}"
    return f"upstream {route.upstream}: the part after the port replaces {route.path}"


def _advice(route: ProxyRoute) -> str:
    if route.strips_prefix or route.rewrite:
        return "Delete what rewrites the path: the registry expects /v2/ as it was sent"
    if route.software == "apache":
        return "Write after the port the path that the route is for (/v2/): Apache puts what is there in its place"
    return "Write the upstream without anything after the port, not even a slash"


def _without_path(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    uri = route.upstream_uri
    if route.software == "traefik" and route.strips_prefix:
        prefix = re.escape(route.strips_prefix)
        cuts = places(facts.evidence, route.place.file, rf"\.stripprefix\.prefixes\b.*{prefix}(?![\w-])")
        return next((edits for cut in cuts if (edits := detach(facts.evidence, cut))), ())
    if route.software == "caddy":
        cut = next(on_way(facts.evidence, route, r"^\s*handle_path\s+/v2"), None)
        stripped = r"^\s*uri\s+(?:\S+\s+)?(?:strip_prefix\s+/?v2\b|replace\s+/?v2\b)"
        return swap(facts.evidence, cut, r"\bhandle_path\b", "handle") or drop_lines(facts.evidence, route, stripped)
    if route.software == "haproxy":
        return drop_lines(facts.evidence, route, r"^\s*http-request\s+(?:replace-path|set-path)\s.*/v2")
    if route.software == "apache":
        lines = on_way(facts.evidence, route, r"^\s*ProxyPass(?:Reverse)?\s+/v2/?\s")
        pattern = r"^(\s*ProxyPass(?:Reverse)?\s+(/v2/?)\s+[\"']?https?://[^/\s\"']+)/?(?=[\s\"']|$)"
        if found := tuple(e for line in lines for e in swap(facts.evidence, line, pattern, r"\1\2")):
            return found
        head, near = same_block(facts.evidence, route.upstream_place) if route.upstream_place else ("", [])
        inside = re.match(r"\s*<Location\s+\"?(/v2/?)\"?\s*>", head, re.IGNORECASE)
        pattern = r"^(\s*ProxyPass(?:Reverse)?\s+[\"']?https?://[^/\s\"']+)/?(?=[\s\"']|$)"
        return (
            tuple(e for line in near for e in swap(facts.evidence, line, pattern, rf"\1{inside[1]}")) if inside else ()
        )
    if route.software == "nginx" and route.rewrite:
        pattern, made = map(re.escape, route.rewrite)
        line = rf"\brewrite\s+[\"']?{pattern}[\"']?\s+[\"']?{made}[\"']?\s+break\s*;"
        cuts = on_way(facts.evidence, route, line)
        dropped = tuple(e for cut in cuts for e in drop(facts.evidence, cut, line))
        if uri or not dropped:  # without the rewrite the path of proxy_pass would count
            return ()
        return dropped
    if not uri or route.software not in ("nginx", "joxit-ui"):
        return ()
    return swap(facts.evidence, route.upstream_place, rf"(://[^\s;\"']*?){re.escape(uri)}(?=[\s;\"']|$)", r"\1")


def _odd_requests(traffic: Traffic) -> Iterator[LoggedRequest]:
    """Requests in the registry's log whose path lost or doubled its /v2."""
    odd = re.compile(r"//|/v2/v2(?:/|$)|/_catalog|/v2_catalog|/[^/]+/(?:manifests|tags|blobs)/")
    return (r for r in traffic.requests if r.logger == "registry" and odd.match(r.uri))


def _odd_answers(traffic: Traffic) -> Iterator[Exchange]:
    """Responses that only a changed path gets: the registry's redirect of //, its 404 in plain text, its empty 200 of /."""
    for e in traffic.on("via"):
        plain_404 = e.status == 404 and "404 page not found" in e.body
        empty_200 = e.status == 200 and not e.body.strip() and not is_registrys(e)
        cut = e.status in (301, 307, 308) and re.match(
            r"(?:https?://[^/]+)?/(?:_catalog)?$", e.header("Location") or ""
        )
        if plain_404 or (empty_200 and e.method == "GET" and e.response_headers) or cut:
            yield e
