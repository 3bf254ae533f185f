"""Which routes of the proxies carry the registry's API, and what to show and type about them: shared by their rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from runbook.model import (
    PROBE_USER,
    Compose,
    Exchange,
    Meaning,
    Place,
    ProxyRoute,
    Service,
    Subject,
)
from runbook.model.command import PIPE, Command, sh, url, user
from runbook.observe.address import Address, address_of
from runbook.observe.focus import reaches
from runbook.observe.signature import from_registry, signed_by_proxy
from runbook.once import once
from runbook.redact import is_mask
from runbook.rules.base import Facts
from runbook.rules.evidence import Item
from runbook.stack.choose import choose
from runbook.stack.foretell import Request
from runbook.urls import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "ip6-localhost")  # noqa: S104  (names, nothing is bound)
USUAL_PORTS = {"http": 80, "https": 443}
_SAMPLES = (
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("GET", "/v2/app/manifests/1"),
    ("POST", "/v2/app/blobs/uploads/"),
    ("PATCH", "/v2/app/blobs/uploads/1"),
    ("PUT", "/v2/app/blobs/uploads/1"),
)


# ---- routes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Front:
    """One virtual host of a proxy, with the route that each kind of API request takes there."""

    routes: tuple[ProxyRoute, ...]
    ping: ProxyRoute | None
    upload: ProxyRoute | None
    api: tuple[ProxyRoute, ...]
    """The routes on which API requests are proxied."""

    @property
    def any(self) -> ProxyRoute:
        """A route to name the proxy by."""
        return self.upload or self.ping or self.routes[0]


@once
def fronts(facts: Facts) -> tuple[Front, ...]:
    """The virtual hosts of all proxies, those that the addresses of this incident reach first.

    A site of its own name whose upstream nobody knows to be a registry is another site, unless a client used the name; so
    is one without a name on another port of a program that leads to the registry elsewhere in the same file.
    """
    groups: dict[object, list[ProxyRoute]] = {}
    for route in facts.stack.routes:
        groups.setdefault(site_key(route), []).append(route)
    found = [_front(tuple(group), facts.compose) for group in groups.values()]
    others = elsewhere(facts)
    found = [replace(f, api=tuple(r for r in f.api if r not in others)) for f in found]
    sure = [r for f in found for r in f.api if _is_plainly(r, facts)]
    while before := [r for f in found for r in f.api if r not in sure and _leads_on(r, sure)]:
        sure += before
    kept = [
        f if _is_named(f, facts) or any(r in sure or _takes_all(r, sure, facts) for r in f.api) else replace(f, api=())
        for f in found
    ]
    return tuple(sorted(kept, key=lambda f: not reaches(facts.focus, f.routes[0])))


def site_key(route: ProxyRoute) -> tuple[object, ...]:
    """What the routes of one virtual host have in common: not the file, for a location may stand in one of its own."""
    return route.software, (route.site or route.place).file, route.service, route.server_names, route.listen


@once
def elsewhere(facts: Facts) -> frozenset[ProxyRoute]:
    """The routes to other programs of the registry's machine: to another port of the host where it is known to listen,
    while some route does lead to it. A port on which a proxy listens leads on, and a site that a client used is meant."""
    home, routes = homes(facts), facts.stack.routes
    known = {*(a.port for a in home), *(p for r in routes for p in r.listen)}
    targets = {r: [Address(host.lower(), port) for host, port in r.upstream_hosts] for r in routes}
    if not any(t.fits(a) for found in targets.values() for t in found for a in home):
        return frozenset()
    return frozenset(
        route
        for route, found in targets.items()
        if found and not is_asked(route, facts) and all(t.port not in known and _is_at(t, home) for t in found)
    )


def _is_at(target: Address, home: tuple[Address, ...]) -> bool:
    return any(target.fits(replace(a, port=None)) for a in home)


@once
def homes(facts: Facts) -> tuple[Address, ...]:
    """Where the registry itself listens, as its own file says without containers, or where it answered by no proxy."""
    registry = facts.registry
    bound = str(registry.value("http.addr") or "") if registry and facts.compose is None else ""
    asked = (e.url for e in facts.traffic.exchanges if e.route != "via" and from_registry(e))
    known = map(address_of, (f"localhost{bound}" if bound.startswith(":") else bound, *asked))
    return tuple(dict.fromkeys(a for a in known if a and a.port))


def is_asked(route: ProxyRoute, facts: Facts) -> bool:
    """Whether a client used a name of this site, at a port on which it listens or is published; a site without a name
    gets what no other site of its program has the name for."""
    names = {n.lower() for n in route.server_names}
    others = {
        n.lower() for r in facts.stack.routes if _is_beside(r, route) and not _apart(r, route) for n in r.server_names
    }
    used = (a for a in facts.focus.used if (a.host in names if names else a.host not in others))
    runs = facts.compose.service(route.service) if facts.compose and route.service else None
    doors = {*route.listen, *(p.published for p in (runs.ports if runs else ()) if p.container in route.listen)}
    return any((names and not a.is_loopback) or not route.listen or not doors.isdisjoint(_ports(a)) for a in used)


def _ports(address: Address) -> tuple[int, ...]:
    """The ports that a client asks: without one in the address, the usual ones."""
    return (address.port,) if address.port else tuple(USUAL_PORTS.values())


def _is_beside(one: ProxyRoute, other: ProxyRoute) -> bool:
    """Whether two routes are of one program: of one service, or of files in one folder."""
    folders = (r.place.file.rpartition("/")[0] for r in (one, other))
    same = one.service == other.service and (one.service is not None or len(set(folders)) == 1)
    return one.software == other.software and same


def _apart(one: ProxyRoute, other: ProxyRoute) -> bool:
    """Whether two sites share no port."""
    return bool(one.listen and other.listen) and set(one.listen).isdisjoint(other.listen)


def _leads_on(route: ProxyRoute, sure: list[ProxyRoute]) -> bool:
    """Whether the upstream is a proxy of the same machine that leads to the registry."""
    ports = {port for host, port in route.upstream_hosts if host.lower() in LOOPBACK and route.service is None}
    return any(r.service is None and not ports.isdisjoint(r.listen) for r in sure)


def _takes_all(route: ProxyRoute, sure: list[ProxyRoute], facts: Facts) -> bool:
    """Whether a site has no name of its own, and takes whatever comes; beside a site of the same program that is the
    registry's own, by its name or on another port, it is another application's unless a client asked it."""
    if route.kind != "proxy" or any(_plain(n) or is_mask(n) for n in route.server_names):
        return False
    behind = upstream_service(route, facts.compose)
    if behind is not None and not _is_unseen(behind, facts.compose):
        return False
    if is_asked(route, facts):
        return True
    beside = (r for r in sure if _is_beside(r, route))
    return not any(_apart(r, route) or any(map(_plain, r.server_names)) for r in beside)


def _is_plainly(route: ProxyRoute, facts: Facts) -> bool:
    """Whether the upstream is plainly a registry: a service of that kind, a published port, a path or name that says so."""
    if route.kind != "proxy":
        return False
    behind = upstream_service(route, facts.compose)
    if behind is not None and not _is_unseen(behind, facts.compose):
        return behind.role in ("registry", "ui", "proxy")
    registry = facts.registry
    bound = address_of(str(registry.value("http.addr") or "")) if registry else None
    own = registry.listens if registry and registry.service is None and facts.compose is None else None
    here = {*LOOPBACK, "host.docker.internal", *(a.host for a in (*facts.focus.used, bound) if a)}
    return _speaks_for_itself(route) or any(
        port == 5000 or (port in facts.focus.ports and host in here) or (port == own and port not in MANY_HAVE)
        for host, port in route.upstream_hosts
    )


MANY_HAVE = (None, 80, 443, 8080)
"""Ports of many servers: another host's of that number is no sign of the registry."""


def _is_unseen(service: Service, compose: Compose | None) -> bool:
    """Whether nothing was shown but the labels of one service: somebody pasted no more of the file."""
    shown = service.image or service.environment or service.mounts or service.ports or service.command
    return service.role == "other" and not shown and compose is not None and len(compose.services) == 1


def _plain(name: str) -> bool:
    return name not in ("", "_", "localhost") and not any(c in name for c in "*~^$")


def _is_named(front: Front, facts: Facts) -> bool:
    """Whether a client used the very name of this site."""
    names = {n.lower() for n in front.routes[0].server_names if not is_mask(n)}
    return any(a.host in names for a in facts.focus.addresses)


def taken_by(
    routes: tuple[ProxyRoute, ...], method: str, path: str, headers: Mapping[str, str] | None = None
) -> ProxyRoute | None:
    """The route of a virtual host that takes such a request."""
    first = routes[0]
    host = next((n for n in first.server_names if not n.startswith(("~", "*", "."))), "host.invalid")
    port = first.listen[0] if first.listen else 80
    return choose(routes, Request(method=method, path=path, host=host, port=port, tls=first.tls, headers=headers or {}))


def _front(routes: tuple[ProxyRoute, ...], compose: Compose | None) -> Front:
    taken = [taken_by(routes, method, path) for method, path in _SAMPLES]
    api = dict.fromkeys(r for r in taken if r is not None and r.kind == "proxy" and leads_to_registry(r, compose))
    return Front(routes, taken[0], taken[3], tuple(api))


def is_whole(facts: Facts, route: ProxyRoute | None) -> bool:
    """Whether the route's own file was handed over with all that it includes, and with no line left out."""
    return (
        route is not None and route.complete and not route.unread and route.place.file not in facts.evidence.shortened
    )


def api_routes(facts: Facts) -> Iterator[ProxyRoute]:
    """The proxied routes of the API, of all proxies."""
    for front in fronts(facts):
        yield from front.api


def kept_refusals(facts: Facts, method: str = "", path: str = "") -> Iterator[Place]:
    """Where a proxy keeps an answer of 401 to such a request (to any of the API), and gives it to whoever asks next."""
    sites = [f for f in fronts(facts) if f.api]
    taken = [taken_by(f.routes, method, path) for f in sites] if path else []
    routes = taken or [r for f in sites for r in f.routes if r in f.api or "/v2/" in r.path]
    yield from dict.fromkeys(r.caches for r in routes if r and r.caches)


def first_route(facts: Facts) -> ProxyRoute | None:
    """The first proxied route of the API: the one to name where only traffic shows a fault; None without a file."""
    return next(api_routes(facts), None)


def leads_to_registry(route: ProxyRoute, compose: Compose | None) -> bool:
    """Whether the upstream is a registry, or unknown: then the path says that it is meant to be one."""
    behind = upstream_service(route, compose)
    if behind is None or _is_unseen(behind, compose):
        return True
    if behind.role == "ui":
        return behind.env("NGINX_PROXY_PASS_URL") is not None
    return behind.role in ("registry", "proxy") or (behind.role == "other" and _speaks_for_itself(route))


def _speaks_for_itself(route: ProxyRoute) -> bool:
    return "/v2" in route.path or any("registry" in host for host, _ in route.upstream_hosts)


def upstream_service(route: ProxyRoute, compose: Compose | None) -> Service | None:
    """The compose service behind the route, if its name is one."""
    if compose is None:
        return None
    return next((s for host, _ in route.upstream_hosts if (s := compose.service(host)) is not None), None)


def takes_pushes(route: ProxyRoute, compose: Compose | None) -> bool:
    """Whether images are pushed along this route: not where it only leads to the registry UI's pages."""
    behind = upstream_service(route, compose)
    return behind is None or behind.role != "ui"


def is_strange(exchange: Exchange) -> bool:
    """A web page or a 404/405 that no registry wrote."""
    status = exchange.status
    if status is None or status >= 500 or status in (401, 403, 407, 413) or "/v2/" not in f"{exchange.path}/"[:5]:
        return False
    if 300 <= status < 400:
        # A registry knows /v2/ as it is written; a web application takes the slash off.
        return exchange.path == "/v2/" and urlsplit(exchange.header("Location") or "").path == "/v2"
    if "404 page not found" in exchange.body or from_registry(exchange):
        return False
    if status == 400 and any(words in exchange.body for words in _BEFORE_ROUTES):
        return False
    if status == 405 and exchange.header("Docker-Distribution-Api-Version") and not exchange.is_html:
        return False  # what a registry does not do (maintenance.readonly: 2.8, 3.1 run) it says in plain text
    return exchange.is_html or (status in (404, 405) and signed_by_proxy(exchange))


_BEFORE_ROUTES = ("plain HTTP request was sent to HTTPS", "SSL certificate", "Header Or Cookie Too Large")
"""What nginx refuses before it looks for a route."""


# ---- names and citations -------------------------------------------------------------------------------------


def hop(route: ProxyRoute | None) -> str:
    """The name of the hop in the picture."""
    return f"{name(route)} -> registry" if route else "proxy -> registry"


def name(route: ProxyRoute) -> str:
    """What to call the proxy: the compose service's own name, else the software."""
    return route.service or ("ui" if route.software == "joxit-ui" else route.software)


def site(facts: Facts, route: ProxyRoute) -> Subject:
    """What a finding about this route is about. A site that takes requests of any name has no names: the default, and
    the only one of a program that has a default."""
    alike = [f.routes[0] for f in fronts(facts) if f.routes[0].place.file == route.place.file]
    strict = route.software in ("traefik", "caddy") or not (route.default_server or len(alike) == 1)
    strict = strict or _is_taken_by_another(facts, route) or _is_elsewhere(facts, route)
    return Subject(service=route.service or "", sites=route.server_names if strict else ())


def _is_elsewhere(facts: Facts, route: ProxyRoute) -> bool:
    """Whether neither the names nor the ports of a site are those that clients used, and nothing ties its program or its
    upstream to this stack: somebody else's file."""
    used = [a for a in facts.focus.used if not a.is_loopback]
    if not used or not route.server_names or not route.listen or route.service:
        return False
    told = all(a.port and a.port not in route.listen and a.host not in map(str.lower, route.server_names) for a in used)
    here = any(host in LOOPBACK or host in {a.host for a in used} for host, _ in route.upstream_hosts)
    return told and not here and upstream_service(route, facts.compose) is None


def _is_taken_by_another(facts: Facts, route: ProxyRoute) -> bool:
    """Whether the name that clients used is that of another site of the same program, which does not lead to this one:
    loose files of one nginx name each other's sites."""
    used = {a.host for a in facts.focus.used}
    if used & {n.lower() for n in route.server_names}:
        return False
    others = (
        r
        for r in facts.stack.routes
        if r.software == route.software and r.service == route.service and used & {n.lower() for n in r.server_names}
    )
    return any(not {port for _, port in other.upstream_hosts} & set(route.listen) for other in others)


def aside(item: Item) -> Item:
    """The same citation as context: for what fits the finding but does not show it by itself."""
    return replace(item, cited="context") if item else None


def challenge_of(exchange: Exchange) -> str:
    """The challenge of a 401, for showing."""
    return exchange.header("WWW-Authenticate") or "no challenge"


# ---- addresses and checks ------------------------------------------------------------------------------------


_UPSTREAM_FAILED: tuple[Meaning, ...] = ("upstream-refused", "upstream-tls", "upstream-not-found", "upstream-timeout")
"""Lines of nginx's error log that name the address that the client asked."""


def front_url(facts: Facts, route: ProxyRoute | None) -> str:
    """The address under which the proxy is used, without a path: as it was seen, else as the files publish it."""
    traffic = facts.traffic
    asked = (*traffic.on("via"), *(e for e in traffic.exchanges if e.route == "unknown" and e.is_api))
    for exchange in _at_door(asked, facts, route):
        if found := re.match(r"https?://[^/]+", exchange.url):
            return found[0]
    scheme = "https" if route and route.tls else "http"
    if route is None:
        told = (re.search(r', host: "([\w.:-]{1,255})"', e.text) for e in traffic.logged(*_UPSTREAM_FAILED))
        return f"{scheme}://{next((m[1] for m in told if m), 'localhost')}"
    if door := told_door(facts, route):
        return door
    if published := published_address(facts, route):
        return published
    port = route.listen[0] if route.listen and route.service is None else USUAL_PORTS[scheme]
    return f"{scheme}://{_named(route)}" + ("" if port == USUAL_PORTS[scheme] else f":{port}")


def told_door(facts: Facts, route: ProxyRoute) -> str:
    """The address by which a client's own words say that it asked, where that is a port of this proxy of the host."""
    for m in facts.traffic.messages:
        at = address_of(m.host) if route.service is None else None
        if at and at.port in route.listen and facts.focus.speaks_of(at):
            plain = f"http://{m.host}" in m.text or not (route.tls or f"https://{m.host}" in m.text)
            return f"{'http' if plain else 'https'}://{m.host}"
    return ""


def _at_door(asked: Iterable[Exchange], facts: Facts, route: ProxyRoute | None) -> list[Exchange]:
    """The requests to the proxy's own ports before others, and none to those of another proxy of the same machine."""
    if route is None or route.service is not None:
        return list(asked)
    others = {p for r in facts.stack.routes if r.service is None for p in r.listen} - {*route.listen}
    ports = {id(e): _ports(a) for e in asked if (a := address_of(e.url))}
    kept = [e for e in asked if others.isdisjoint(ports.get(id(e), ()))]
    return sorted(kept, key=lambda e: {*route.listen}.isdisjoint(ports.get(id(e), ())))


def published_address(facts: Facts, route: ProxyRoute) -> str | None:
    """The address that clients use for the proxy where compose tells its port; None where it does not."""
    runs = facts.compose.service(route.service) if facts.compose and route.service else None
    ports = [p for p in runs.ports if not route.listen or p.container in route.listen] if runs else []
    ports.sort(key=lambda p: (p.container == 443) != route.tls)
    port = next((p.published for p in ports if p.published), None)
    if port is None:
        return None
    scheme = "https" if route.tls else "http"
    return f"{scheme}://{_named(route)}" + ("" if port == USUAL_PORTS[scheme] else f":{port}")


def _named(route: ProxyRoute) -> str:
    plain = (n for n in route.server_names if n not in ("_", "localhost") and re.fullmatch(r"\w[\w.-]*", n))
    return next(plain, "localhost")


def user_of(facts: Facts) -> str:
    """The user in question, else one that the registry knows; "" where nobody tells (`user("")` is then USER)."""
    if facts.evidence.target.user:
        return facts.evidence.target.user
    sent = (e.credential for e in facts.traffic.exchanges if e.credential and e.credential.intent != "wrong")
    names = (c.user for c in sent if c.user and c.user != PROBE_USER)
    checked = (c.user for c in facts.checks if c.origin != "injected")
    listed = (e.name for h in facts.evidence.htpasswd for e in h.entries if e.name)
    return next(chain(names, checked, facts.focus.users, listed), "")


def login_check(facts: Facts, route: ProxyRoute | None, who: str = "") -> Command:
    """The command that proves a login through the proxy, of that user or the one in question; curl asks for the password
    itself."""
    return login_at(facts, front_url(facts, route), who)


def login_at(facts: Facts, base: str, who: str = "", path: str = "/v2/") -> Command:
    """The same for any address and path."""
    return sh("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", "-u", user(who or user_of(facts)), url(base, path),
              expect="200")  # fmt: skip


def same_request(facts: Facts, route: ProxyRoute | None, refused: object) -> Command:
    """The command that repeats what was refused: an upload is begun where it was one, which the registry purges; the very
    path where a login is served at /v2/; else a login."""
    asked = refused if isinstance(refused, Exchange) else None
    if asked is None or asked.method not in ("POST", "PUT", "PATCH"):
        served = facts.traffic.works("via")
        part = asked.path if asked and asked.method == "GET" and served and served.path != asked.path else ""
        return login_at(facts, front_url(facts, route), path=part or "/v2/")
    address = url(front_url(facts, route), "/v2/test/blobs/uploads/")
    return sh("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", "-X", "POST", "-u", user(user_of(facts)), address,
              expect="202")  # fmt: skip


def anonymous_check(facts: Facts, route: ProxyRoute | None, path: str) -> Command:
    """The command that shows that nobody gets that path through the proxy without credentials."""
    return sh("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", url(front_url(facts, route), path),
              expect="401")  # fmt: skip


def header_check(base: str, header: str, expect: str) -> Command:
    """The command that shows a response header of GET /v2/ without credentials. `header` is a pattern of ours."""
    return sh("curl", "-sSi", url(base, "/v2/"), PIPE, "grep", "-i", f"^{header}", expect=expect)


def challenge_check(facts: Facts, route: ProxyRoute | None) -> Command:
    """The command that shows that the registry asks for credentials through the proxy."""
    return header_check(front_url(facts, route), "www-authenticate", "Www-Authenticate: …")


def api_check(base: str) -> Command:
    """The command that shows that a registry answers at that address."""
    return header_check(base, "docker-distribution-api-version", "Docker-Distribution-Api-Version: registry/2.0")


def upload_check(facts: Facts, base: str) -> Command:
    """The command that shows where an upload is sent; it opens one, which the registry purges."""
    return sh("curl", "-sSi", "-X", "POST", "-u", user(user_of(facts)), url(base, "/v2/test/blobs/uploads/"),
              PIPE, "grep", "-i", "^location", expect=f"Location: {base}/…")  # fmt: skip


def search_files(*words: str) -> Command:
    """The command that finds words of ours in the files of the folder; not in transcripts, which hold logins."""
    skipped = (f"--exclude=*.{ending}" for ending in ("txt", "log", "har", "md", "eml"))
    return sh("grep", "-rniE", *skipped, "|".join(words), ".")
