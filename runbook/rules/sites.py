"""Which site answers, and to whom: another site on 443, filters by program, lists of addresses and rates."""

from collections.abc import Iterator
from fnmatch import fnmatch
from ipaddress import ip_address

from runbook.lazy import re
from runbook.model import (
    Command,
    Edit,
    Exchange,
    Finding,
    Fix,
    Guard,
    LoggedRequest,
    Message,
    Place,
    ProxyRoute,
    Refutation,
    Subject,
    Symptom,
)
from runbook.model.command import glued, sh
from runbook.model.command import name as command_name
from runbook.observe.address import address_of
from runbook.observe.focus import is_noise
from runbook.observe.observation import Observation, is_later
from runbook.observe.signature import from_registry, signed_by_proxy
from runbook.parse.nginx_access import refuses
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hop_edits import around, blocks, by_command, drop, drop_block, drop_line, line_of, swap
from runbook.rules.hops import (
    api_check,
    elsewhere,
    front_url,
    fronts,
    hop,
    leads_to_registry,
    login_check,
    name,
    same_request,
    site,
    site_key,
    taken_by,
    takes_pushes,
    upload_check,
)
from runbook.rules.reloads import proxy_fix
from runbook.urls import netloc, urlsplit

S = Symptom
_AGENT = re.compile(
    r"http_user_agent|hdr(?:_\w{1,10})?\(user-agent\)|header\s{1,40}user-agent|header_regexp\s{1,40}(?:\S{1,80}\s{1,40})?user-agent|http_user-agent|user-agent",
    re.I,
)


# ---- another site on 443 -------------------------------------------------------------------------------------


@rule(
    "other-vhost-answers-https",
    needs_any=("routes", "logs", "exchanges"),
    step="headers",
    tier=2,
    title="another site answers for this name on 443",
    fix="Add a server for the registry's name that listens on 443 with a certificate of that name",
    source="nginx: the first server of a port is the default for names that none has; docker asks https first; goharbor/harbor#14593",
    explains=(S.NOT_THE_API, S.TLS_FAILED, S.REDIRECTED, S.FORBIDDEN),
    supersedes=("no-v2-route", "tls-san-missing"),
    refuted=(Refutation(cause="no-v2-route", because="the registry's own site has the route, on port 80"),),
)
def other_site(facts: Facts) -> Iterator[Finding]:
    """The registry's site listens on 80 only. Clients try https first, and on 443 nginx has but one other site, which it
    takes for every name: its certificate, its pages, its 404.
    """
    for route in facts.stack.routes:
        names = [n for n in route.server_names if re.fullmatch(r"[\w-][\w.-]+\.[\w.-]+", n)]
        if route.tls or not names or route.kind != "proxy" or not leads_to_registry(route, facts.compose):
            continue
        tls = [r for r in facts.stack.routes if r.tls and r.software == route.software]
        if not tls or any(set(r.server_names) & set(names) or not _named(r) for r in tls):
            continue
        other = tls[0]
        strange = next(
            (e for e in facts.traffic.exchanges if _is_on(e, names) and (e.error or from_registry(e) is False)), None
        )
        told = next((m for m in facts.traffic.said("x509-name") if (m.host or "").split(":")[0] in names), None)
        logged = next((e for e in facts.traffic.events if _is_served_by(e.text, other, names)), None)
        yield finding(
            f"{names[0]} is served on port 80 only; on 443 {other.server_names[0]} answers for it.",
            read(f"server_name {names[0]}, no TLS", route.place),
            read(f"the only site with TLS is {other.server_names[0]}", other.place),
            seen(strange),
            said(told),
            said(logged),
            hop=hop(route),
            about=Subject(address=names[0], service=route.service or "", sites=tuple(names)),
            fix=proxy_fix(
                facts,
                route,
                f"Add a server for {names[0]} with `listen 443 ssl` and a certificate of that name; redirect port 80 to it",
                api_check(f"https://{names[0]}"),
            ),
        )
        return


def _named(route: ProxyRoute) -> bool:
    """Whether a site is for names of its own: one that takes any name may be meant for this one."""
    return any(re.fullmatch(r"[\w-][\w.-]+\.[\w.-]+", n) for n in route.server_names)


def _is_on(exchange: Exchange, names: list[str]) -> bool:
    asked = address_of(exchange.url)
    return exchange.url.startswith("https://") and asked is not None and asked.host in names


def _is_served_by(text: str, other: ProxyRoute, names: list[str]) -> bool:
    """nginx's error log names the site that answered and the Host that was asked."""
    server = re.search(r"\bserver: ([^,\s]{1,255})", text)
    asked = re.search(r'\bhost: "([^"\s:]{1,255})', text)
    return bool(server and asked and server[1] in other.server_names and asked[1] in names)


# ---- by program ----------------------------------------------------------------------------------------------


@rule(
    "user-agent-filter",
    needs_any=("exchanges", "logs", "routes"),
    step="headers",
    tier=2,
    title="a proxy lets one program in and another not (User-Agent)",
    fix="Take the registry's paths out of the rule on User-Agent",
    source="two requests that differ in User-Agent alone (run with nginx 1.22); containers/skopeo#1553",
    explains=(S.FORBIDDEN, S.NOT_THE_API, S.REDIRECTED, S.EMPTY_REPLY, S.FAILURE),
    supersedes=("no-v2-route", "access-denied-by-rule", "http-proxy-env-hijack"),
    refuted=(
        Refutation(cause="htpasswd-wrong-password", because="the response depends on the program, not on the login"),
    ),
)
def agent_filter(facts: Facts) -> Iterator[Finding]:
    """A rule against bots and scripts, or one that shows browsers a page, decides by the User-Agent. docker works and skopeo
    does not, or the other way round, at the same address and at the same time.
    """
    pair = _differing(facts)
    rules = [r for r in facts.stack.routes if _AGENT.search(r.condition)]
    if pair is None:
        yield from _turned_away(facts)
        return
    refused, passed = pair
    if not rules and _served_since(facts, refused):
        return
    route = rules[0] if rules else next((r for r in facts.stack.routes if r.kind == "proxy"), None)
    yield finding(
        f"The same request is answered {_status(passed)} to {_agent(passed)} and {_status(refused)} to {_agent(refused)}.",
        _cited(refused),
        _cited(passed),
        [read(f"if {r.condition}", r.place) for r in rules[:1]],
        hop=f"client -> {name(route)}" if route else "client -> proxy",
        proves=bool(rules),
        about=site(facts, route) if route and rules else None,
        fix=_outside_v2(facts, rules[0], _program(refused))
        if rules
        else proxy_fix(
            facts,
            None,
            "Look for a rule on User-Agent in the proxy, firewall or CDN before the registry, and take /v2/ out of it",
            _asked_by(_program(refused), login_check(facts, route)),
        ),
    )


_DOCKER = "docker/28.0.4 go/go1.23.7 os/linux arch/amd64 UpstreamClient(Docker-Client/28.0.4 (linux))"


def _turned_away(facts: Facts) -> Iterator[Finding]:
    """A request of a client that was refused under a name for which the proxy's file has a rule; else docker's own, told by
    the files alone. Whom else the proxy's log tells to be turned away (robots) is no trouble of anybody's."""
    sites = fronts(facts)
    for one, agent in (*dict.fromkeys(_refused_agents(facts)), (None, _DOCKER)):
        method, path = (one.method, one.path) if one else ("GET", "/v2/")
        for front in sites:
            route = taken_by(front.routes, method, path, {"User-Agent": agent})
            if route is None or route.kind == "proxy" or not _AGENT.search(route.condition):
                continue
            if not front.api if one is None else route.status != one.status or not _is_site(facts, one.url, route):
                continue
            yield finding(
                f"{name(route)} answers {agent if one else 'docker'} {route.status or 404} by a rule on User-Agent.",
                seen(one),
                read(f"if {route.condition}", route.place),
                hop=f"client -> {name(route)}",
                proves=True,
                about=site(facts, route),
                fix=_outside_v2(facts, route, agent.split("/")[0].lower()),
            )
            return


def _refused_agents(facts: Facts) -> Iterator[tuple[Exchange, str]]:
    """The refused requests of clients with the name that they sent: shown itself, or by the proxy's line of it."""
    for one in facts.traffic.exchanges:
        if one.is_api and one.status in (403, 404) and from_registry(one) is not True and one.source.file != "probe":
            agents = (one.sent("User-Agent"), *(r.agent for r in _logged_of(facts, one)))
            yield from ((one, agent) for agent in agents if agent)


def _logged_of(facts: Facts, one: Exchange) -> Iterator[LoggedRequest]:
    """The lines of proxies' logs that may be of this very request."""
    asked = one.method, one.path, one.status
    rows = (r for r in facts.traffic.requests if r.logger != "registry")
    return (r for r in rows if (r.method, r.uri.split("?")[0], r.status) == asked)


def _outside_v2(facts: Facts, route: ProxyRoute, program: str) -> Fix:
    edits, before = _spared(facts, route)
    check = _asked_by(program, login_check(facts, route))
    return proxy_fix(facts, route, "Take /v2/ out of the rule on User-Agent", check, edits=edits, before=before)


def _spared(facts: Facts, route: ProxyRoute) -> tuple[tuple[Edit, ...], tuple[Command, ...]]:
    """How nginx's rule on User-Agent no longer holds for /v2/ and goes on holding elsewhere; the block taken out where the
    rule asks for a program instead of keeping one out. As edits, or as a command where the list of programs is masked."""
    if route.software != "nginx":
        return (), ()
    head = next((Place(route.place.file, n) for n in _heads(facts, route.place)), None)
    if head is None or "!" in route.condition or "^$" in route.condition:
        return drop_block(facts.evidence, route.place), ()
    spared = rf'\g<1>set {_OUTSIDE} $http_user_agent;\n\g<1>if ($uri ~ ^/v2/) {{ set {_OUTSIDE} ""; }}\n\g<1>if\g<2>{_OUTSIDE}'
    if edits := swap(facts.evidence, head, _IF_AGENT, spared):
        return edits, ()
    perl = (
        spared.replace("\\g<1>", "@1").replace("\\g<2>", "@2").replace("$", "\\$").replace("/", "\\/").replace("@", "$")
    )
    return (), by_command(facts.evidence, head, _IF_AGENT, perl)


_OUTSIDE = "$agent_outside_v2"
_IF_AGENT = r"^(\s*)if(\s*\(\s*)\$http_user_agent\b"


def _heads(facts: Facts, place: Place) -> Iterator[int]:
    """The lines of `if` that a line stands in, innermost first: its own, or that which opens its block."""
    lines = next((f.lines for f in facts.evidence.files if f.path == place.file), ())
    if place.line and place.line <= len(lines):
        yield from (n for n in (place.line, *around(blocks(lines), place.line)) if re.match(_IF_AGENT, lines[n - 1]))


def _asked_by(program: str, check: Command) -> Command:
    """The check under the name of the program that was turned away."""
    return sh(check.words[:1], "-A", glued(command_name(program), "/1"), check.words[1:], expect=check.expect)


_Asked = Exchange | LoggedRequest


def _differing(facts: Facts) -> tuple[_Asked, _Asked] | None:
    """Two requests for the same thing by two programs, one served (or asked for a login), one turned away."""
    rows: dict[tuple[str, str, str], list[_Asked]] = {}
    # What a later success settled counts as well: the difference is the evidence.
    for o in facts.traffic.observations:
        one = o.record
        if o.voice != "program" or o.own or not o.status or not o.path.startswith("/v2"):
            continue
        if isinstance(one, Exchange) and one.sent("User-Agent") and one.page is None and one.at == "client":
            rows.setdefault((netloc(one.url), o.method, o.path), []).append(one)
        elif isinstance(one, LoggedRequest) and one.agent and one.logger != "registry" and not _is_robot(facts, o):
            rows.setdefault((one.host, o.method, o.path), []).append(one)
    for same in rows.values():
        away = next((x for x in same if _status(x) in (403, 404, 444, 302, 301) and not _is_registry_404(x)), None)
        let_in = next((x for x in same if _status(x) in (200, 401) and away and _program(x) != _program(away)), None)
        mixed = away and any(_program(x) == _program(away) and _status(x) in (200, 401) for x in same)
        if away is not None and let_in is not None and not mixed:
            return away, let_in
    return None


def _served_since(facts: Facts, refused: _Asked) -> bool:
    """Whether the program that was turned away said later that it was served."""
    rows = facts.traffic.observations
    away = next((o for o in rows if o.record is refused), None)
    said_ok = (o for o in rows if o.ok and isinstance(o.record, Message) and o.record.tool == _program(refused))
    return away is not None and any(is_later(o, away) for o in said_ok)


def _is_robot(facts: Facts, seen_at: Observation) -> bool:
    """Whether a program is one that most sites turn away, as they should: it scans, or calls itself a robot."""
    return is_noise(seen_at, machines=facts.focus.scanners) or _ROBOT.search(seen_at.agent) is not None


_ROBOT = re.compile(r"bot\b|crawl|spider", re.I)


def _is_registry_404(asked: _Asked) -> bool:
    """Whether the registry itself may have answered so: what it does not have, or what was deleted meanwhile, is 404."""
    if isinstance(asked, Exchange):
        return from_registry(asked) is True
    return asked.status == 404 and asked.uri.split("?")[0].rstrip("/") not in ("/v2", "/v2/_catalog")


def _status(asked: _Asked) -> int:
    return asked.status or 0


def _agent(asked: _Asked) -> str:
    return (asked.sent("User-Agent") or "") if isinstance(asked, Exchange) else asked.agent


def _program(asked: _Asked) -> str:
    return _agent(asked).split("/")[0].split(" ")[0].lower()


def _cited(asked: _Asked) -> Item:
    more = f", User-Agent: {_agent(asked)[:60]}"
    return seen(asked, more) if isinstance(asked, Exchange) else said(asked)


# ---- by address and rate -------------------------------------------------------------------------------------

_EDGE = re.compile(r"error code: 1[0-9]{3}|attention required! \| cloudflare|request blocked|access denied \| ", re.I)


@rule(
    "access-denied-by-rule",
    needs_any=("exchanges", "logs", "routes"),
    step="headers",
    tier=2,
    title="a proxy's access list or rate limit refuses the request",
    fix="Let the clients' addresses in, or raise the limit, in the file that sets the rule",
    source="nginx ngx_http_access_module (403, `access forbidden by rule`), ngx_http_limit_req_module; Apache AH01797; Traefik ipAllowList",
    explains=(S.FORBIDDEN, S.THROTTLED, S.FORWARD_PROXY),
    supersedes=("http-proxy-env-hijack",),
    refuted=(
        Refutation(
            cause="htpasswd-wrong-password", because="a refused login is 401; the registry never saw this request"
        ),
    ),
)
def denied_by_rule(facts: Facts) -> Iterator[Finding]:
    """A list of addresses or a limit of requests is applied before any login is looked at. What it refuses is never in the
    registry's log, and the password has nothing to do with it.
    """
    refused = next((e for e in facts.traffic.exchanges if e.status in (403, 429) and e.is_api and _is_hops(e)), None)
    refused = refused or next((e for e in facts.traffic.exchanges if _is_bare_401(e)), None)
    logged = next((e for e in facts.traffic.logged("access-forbidden", "rate-limited")), None)
    bare = refused is not None and refused.status == 401
    status = refused.status if refused else 429 if logged and logged.meaning == "rate-limited" else 403
    kinds = ("rate",) if status == 429 else ("address", "method")
    others = elsewhere(facts)
    ruled = [
        (r, g)
        for r in facts.stack.routes
        for g in r.guards
        if g.kind in kinds and leads_to_registry(r, facts.compose) and r not in others and _may_be(facts, r, g, refused)
    ]
    kind = ruled[0][1].kind if ruled else "rate" if status == 429 else "address"
    whole = [r for r, _ in ruled if r.server_names or r.place.file not in facts.evidence.shortened]
    listed = whole if status == 403 else []
    if refused is None:
        refused = next((e for e in facts.traffic.exchanges if _is_unsigned(e) and _meets(e.url, listed)), None)
    told = next((m for m in _refusals(facts) if _meets(f"https://{m.host}/", listed)), None) if not refused else None
    limit = _limit_of_methods(facts, ruled[0][1].place, refused.method) if ruled and refused else ()
    edge = refused is not None and bool(_EDGE.search(refused.body))
    said_so = logged is not None or edge or status == 429
    if (refused is None and logged is None and told is None) or not (ruled or said_so):
        yield from _no_pushes(facts)
        return
    route = ruled[0][0] if ruled else None
    who = "a CDN or firewall before the registry" if edge else (logged.service if logged else "") or "a proxy"
    where = name(route) if route else who
    yield finding(
        f"{where} answers {status} by a rule of its own, before the registry is asked.",
        seen(refused),
        said(logged),
        said(told),
        [read(g.text, g.place) for _, g in ruled[:2]],
        explains=_BARE_401 if bare else (),
        supersedes=("http-proxy-env-hijack", "www-authenticate-missing") if bare else (),
        hop=f"client -> {where}",
        about=site(facts, route) if route else Subject(address=netloc(refused.url)) if refused else None,
        fix=proxy_fix(
            facts,
            route,
            "Raise the limit for /v2/ (a push sends many requests at once)"
            if kind == "rate"
            else "Delete the limit_except block: it refuses the methods of a push"
            if limit
            else "Let POST, PUT, PATCH and HEAD through, unless this address is for pulls only"
            if kind == "method"
            else "Let the clients' addresses in, in the rule that refuses them (behind another proxy the address is that proxy's)",
            same_request(facts, route, refused),
            edits=limit
            or (_let_in(facts, *ruled[0]) if ruled and kind == "address" and not ruled[0][1].status else ()),
        ),
    )


_BARE_401 = (S.CHALLENGE_MISSING, S.LOGIN_401_VIA, S.LOGIN_401)


def _is_bare_401(exchange: Exchange) -> bool:
    """A 401 to the API that a proxy signed and that asks for nothing: nginx's `return 401` writes no challenge."""
    bare = exchange.status == 401 and exchange.is_api and exchange.header("WWW-Authenticate") is None
    return bare and signed_by_proxy(exchange) and from_registry(exchange) is False


def _may_be(facts: Facts, route: ProxyRoute, guard: Guard, refused: Exchange | None) -> bool:
    """Whether a guard may have refused this request: of nginx's `if` it is known for whom it holds. Who asked, its
    access log tells."""
    if guard.status is None:
        return refused is None or refused.status != 401
    if refused is None:
        return guard.kind == "address" and guard.status == 403
    if guard.status != refused.status or not _is_site(facts, refused.url, route):
        return False
    beside = tuple(r for r in facts.stack.routes if r.path and site_key(r) == site_key(route))
    taken = taken_by(beside, refused.method, refused.path) if beside else None
    if taken is not None and guard not in taken.guards:
        return False
    if guard.kind == "method":
        return guard.variable == "request_method" and refuses(guard, refused.method) is True
    if guard.variable not in ("remote_addr", "binary_remote_addr"):
        return True
    asked = {r.remote for r in _logged_of(facts, refused) if r.logger == "nginx" and r.remote}
    return not asked or any(refuses(guard, address) is not False for address in asked)


def _is_site(facts: Facts, address: str, route: ProxyRoute) -> bool:
    """Whether a request to this address may come to the site of the route: by its name, or as no other has the name."""
    host = (urlsplit(address).hostname or "").lower()

    def is_named(one: ProxyRoute) -> bool:
        return any(n[:1] == "~" or fnmatch(host, n) or n == f".{host}" for n in map(str.lower, one.server_names))

    if not route.server_names or is_named(route):
        return True
    return (route.default_server or "_" in route.server_names) and not any(map(is_named, facts.stack.routes))


def _refusals(facts: Facts) -> Iterator[Message]:
    """Logins that ended with 403 at the ping, which a registry lets nobody in by: it knows 401 and 200 only."""
    return (m for m in facts.traffic.said("login-status") if m.detail == "403" and m.host)


def _is_unsigned(exchange: Exchange) -> bool:
    """A 403 to the ping that nobody signed: a proxy's, where a list on its route can refuse (Traefik writes no Server)."""
    return exchange.status == 403 and exchange.path.rstrip("/") == "/v2" and from_registry(exchange) is not True


def _meets(address: str, routes: list[ProxyRoute]) -> bool:
    """Whether a request to this address goes through one of the routes, by the names of their sites."""
    host = (urlsplit(address).hostname or "").lower()
    return any(not r.server_names or host in (n.lower() for n in r.server_names) for r in routes)


_PUSHES = ("POST", "PUT", "PATCH")


def _no_pushes(facts: Facts) -> Iterator[Finding]:
    """A site that lets reading requests through and refuses the methods of a push itself; it may be meant so."""
    for front in fronts(facts):
        taken = ((m, taken_by(front.routes, m, "/v2/app/blobs/uploads/")) for m in _PUSHES)
        refusing = ((m, r) for m, r in taken if r and r.kind == "return" and r.status in (403, 405))
        method, route = next(refusing, ("", None))
        if route is None or front.ping not in front.api or not takes_pushes(front.ping, facts.compose):
            continue
        edits = _limit_of_methods(facts, route.place, method)
        advice = "Let POST, PUT, PATCH and HEAD through, unless this address is for pulls only"
        yield finding(
            f"{name(route)} refuses {method} with {route.status}, so nothing can be pushed through it.",
            read(route.condition or f"for {', '.join(route.methods)}", route.place),
            hop=hop(route),
            warning=True,
            about=site(facts, route),
            fix=proxy_fix(facts, route, advice, upload_check(facts, front_url(facts, route)), edits=edits),
        )
        return


def _limit_of_methods(facts: Facts, place: Place, method: str) -> tuple[Edit, ...]:
    """The edits that take out nginx's block of what is refused to all other methods, where it has nothing else in it."""
    lines = next((f.lines for f in facts.evidence.files if f.path == place.file), ())
    if method not in _PUSHES or place.line is None or not 0 < place.line <= len(lines):
        return ()
    if one := drop(facts.evidence, place, r"limit_except\s[^{;]*\{(?:\s*(?:deny|allow)\s[^;{}]*;)+\s*\}"):
        return one
    inside = blocks(lines)
    first = inside[place.line - 1]
    rows = [first, *(n for n in range(first + 1, len(lines) + 1) if first in around(inside, n))]
    if not first or not re.match(r"\s*limit_except\s", lines[first - 1]):
        return ()
    if not all(re.match(r"(?:(?:deny|allow)\s[^;]*;|\}|#.*|)$", lines[n - 1].strip()) for n in rows[1:]):
        return ()
    return tuple(e for n in rows for e in drop_line(facts.evidence, Place(place.file, n)))


def _let_in(facts: Facts, route: ProxyRoute, guard: Guard) -> tuple[Edit, ...]:
    """The line that lets the client in that was refused, before nginx's first line of that list."""
    refused = (r.remote for r in facts.traffic.requests if r.status == 403 and r.logger == "nginx" and "/v2" in r.uri)
    client, old = next(refused, None), line_of(facts.evidence, guard.place)
    if not client or old is None or guard.place.line is None or route.software != "nginx" or not _is_ip(client):
        return ()
    indent = old[: len(old) - len(old.lstrip())]
    return (Edit(file=guard.place.file, line=guard.place.line - 1, old=None, new=f"{indent}allow {client};"),)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_hops(exchange: Exchange) -> bool:
    """Whether a refusal is a proxy's own: signed by one, a page, or plainly not the registry's JSON."""
    return from_registry(exchange) is not True and (
        signed_by_proxy(exchange) or exchange.is_html or bool(_EDGE.search(exchange.body)) or exchange.status == 429
    )
