"""What this incident is about: which addresses, which user, since when. Computed once, from everything that is known.

A folder usually speaks of more than one registry, site and user. In focus is what the user named, what clients were
used on, and what the stack in the folder publishes; the rest is also there, and is nobody's reason.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runbook.lazy import re
from runbook.model import Evidence, Exchange, LogEvent, LoggedRequest, Message, ProxyRoute, Stack, StoredLogin, Subject
from runbook.observe.address import Address, address_of
from runbook.observe.observation import Observation
from runbook.observe.page import NO_PAGE, Page, page_of
from runbook.observe.routes import ways_home
from runbook.parse.sessions import ASKING
from runbook.parse.strangers import strange_hosts, strange_port
from runbook.urls import urlsplit

_SCANNED = frozenset(
    "admin administrator root test user guest demo default anonymous docker oracle postgres ubuntu pi ftp www nobody".split()
)
"""Names that whoever scans the internet tries first."""
_API = re.compile(r"(?<!/api)/v2/?$|/v2/(?:_catalog|\S{1,255}/(?:manifests|blobs|tags|referrers)(?:/|$))")
"""Paths that nothing but the registry's API has, below whatever path it is served: `/api/v2/users` is another site's."""
_TOKENS = re.compile(r"(?:^|/)(?:token|auth)/?$")
_LIBRARIES = ("python-requests", "libwww-perl", "scrapy", "httpx -")
"""Of the programs that scan those that honest scripts use as well."""
_BAIT = re.compile(
    r"(?i)/(?:\.(?:env|git|aws|svn|DS_Store)\b|wp-|wordpress|xmlrpc\.php|phpmyadmin|cgi-bin/|boaform|actuator\b)"
)
"""Paths that whoever scans tries everywhere, and that no client and no page of a registry asks for."""
_SCANNERS = ("zgrab", "masscan", "nmap", "nuclei", "nikto", "censys", "shodan", "expanse", "gobuster", "dirbuster",
             "internetmeasurement", "palo alto", *_LIBRARIES)  # fmt: skip
_ONLY_SCAN = tuple(name for name in _SCANNERS if name not in _LIBRARIES)
_CLIENTS = ("docker", "containerd", "skopeo", "podman", "buildkit", "crane")
"""Programs that fetch images."""


@dataclass(frozen=True, slots=True)
class Focus:
    """The subject of the incident. Empty tuples: nothing tells."""

    addresses: tuple[Address, ...] = ()
    """Most telling first: named by the user, used by clients (failing ones first), published by the stack."""
    users: tuple[str, ...] = ()
    since: float | None = None
    """The first failure that is not settled, seconds since the epoch."""
    others: tuple[str, ...] = ()
    """Addresses of other registries that the folder speaks of."""
    used: tuple[Address, ...] = ()
    """Addresses that clients were really used on (or that the user named)."""
    docker: tuple[Address, ...] = ()
    """Of these, what docker and its kin were called with: they look stored logins up by the literal name."""
    only: bool = False
    """Whether the user was named by argument: other users' logins are nobody's question."""
    named: bool = False
    """Whether the user named address or user by argument."""
    strangers: frozenset[str] = frozenset()
    """Users of the logs who look like scanners."""
    scanners: frozenset[str] = frozenset()
    """Addresses of machines that scan: whatever else they try there is no client's login."""
    scanned: frozenset[str] = frozenset()
    """Names that only scanning programs were refused with, by the access lines."""
    sites: frozenset[str] = frozenset()
    """Names of sites that lead to an address that was used: other doors of the same registry."""
    page: Page = NO_PAGE
    """Where proxies serve the UI's page."""
    tokens: bool = True
    """Whether there may be a token service: a registry with a password file asks none."""
    ports: frozenset[int] = frozenset()
    """Ports under which the stack in the folder is published: whatever the host is called, it is this stack."""
    told: tuple[Address, ...] = ()
    """Those that clients were used on, or that logs tell."""
    fronts: tuple[ProxyRoute, ...] = ()
    """Routes of proxies that lead to the registry, as far as their files tell; else all that were read."""
    unasked: tuple[str, ...] = ()
    """Names of the sites that lead to the registry, where clients were used on other names of the DNS alone."""
    apart: frozenset[str] = frozenset()
    """Hosts, and hosts with their ports, to which only other paths and sites of the proxies lead."""
    listening: frozenset[int] = frozenset()
    """All ports of the incident's, those of proxies and of addresses that were used with them."""
    fronting: frozenset[int] = frozenset()
    """Ports at which proxies that run on a host without containers listen."""
    beside: frozenset[int] = frozenset()
    """Ports of this host at which its proxies have none but sites of other applications."""

    def speaks_of(self, address: Address | None) -> bool | None:
        """Whether an address is one of the incident's; None when that cannot be told."""
        if address is None or not self.addresses:
            return None
        if any(address.fits(a) for a in self.addresses):
            return True
        return address.port in self.ports if address.port is not None and not address.is_hosted else False

    def covers(self, observation: Observation) -> bool:
        """Whether something that was seen belongs to the incident: what cannot be told does."""
        if observation.own and isinstance(observation.record, Exchange):
            return True  # our own questions are about nothing else, be they to the token service
        if self.speaks_of(observation.address) is False and observation.witness in ("client", "browser"):
            return False
        if self._knocks(observation) or self.is_elsewhere(observation):
            return False
        if self.is_scan(observation):
            return False
        failed_login = observation.user is not None and not observation.ok
        if failed_login and self.only and observation.user not in self.users:
            return False
        if failed_login and observation.witness in ("registry", "proxy"):
            return observation.user in self.users if self.users else observation.user not in self.strangers
        return True

    def leaves_out(self, observation: Observation) -> bool:
        """Whether it is known to be no part of the incident, whoever was refused there or served."""
        return self.is_elsewhere(observation) or self.is_untied(observation) or self.is_scan(observation)

    def is_scan(self, observation: Observation) -> bool:
        """Whether a log's line is about a program or a machine that scans: whatever was tried there, no client failed."""
        return observation.client in self.scanners or (
            observation.witness in ("registry", "proxy") and not observation.own and _scans(observation, _ONLY_SCAN)
        )

    def is_elsewhere(self, observation: Observation) -> bool:
        """Whether a proxy's line is about another application behind it: by the host that was asked, or where that is
        not told by a path that is none of the API, a token service or the UI's page. And whether a client's is about
        the port or a page of another service."""
        if isinstance(observation.record, Message) and observation.witness == "client":
            others = strange_hosts(observation.record).difference(a.host for a in self.addresses)
            return bool(self.addresses and others) or strange_port(observation.record, self.listening)
        asked = observation.address
        if asked and asked.port in self.beside and observation.path and not _is_api(observation.path):
            return True
        if isinstance(observation.record, LogEvent) and observation.witness == "proxy" and self._is_behind(observation):
            return True
        if not self._asks_another(observation):
            return False
        here = self.speaks_of(asked)
        if here is None:
            path = observation.path
            return bool(self.addresses) and path != "/" and not path.startswith("/v2")
        # A name that files alone tell may be one of several: a trouble at another host is then in doubt.
        known = self.told if isinstance(observation.record, LogEvent) else self.addresses
        return not here and any(not a.is_loopback and not _is_numeric(a.host) for a in known)

    def _is_behind(self, observation: Observation) -> bool:
        """Whether a proxy's line of trouble names a server to which no request to the registry is sent on."""
        text = observation.record.text if isinstance(observation.record, LogEvent) else ""
        return any(word in self.apart for word in re.findall(r"[\w.-]{1,255}(?::\d{1,5})?", text.lower()))

    def is_untied(self, observation: Observation) -> bool:
        """Whether a proxy tells of a trouble with such a path at a host that nothing ties to the registry, be it a client,
        a line about the API or a route: it may be another application's, so that it proves nothing; nor is all well."""
        asked = observation.address
        if not isinstance(observation.record, LogEvent) or asked is None or not self._asks_another(observation):
            return False
        front = any(not r.server_names or _is_site(asked, r.server_names) for r in self.fronts)
        return not self.speaks_of(asked) and not front

    def _asks_another(self, observation: Observation) -> bool:
        """Whether a proxy's line tells a path that is none of the API, a token service or the UI's page."""
        path = observation.path
        if observation.witness != "proxy" or not path or _API.search(path) or self.page.has(observation):
            return False
        return not (self.tokens and _TOKENS.search(path))

    def _knocks(self, observation: Observation) -> bool:
        """Whether a log shows a nameless refusal of somebody who asked for a bare IP address, where everybody else asks
        for a name: those who scan the internet know no names."""
        asked = observation.address
        if observation.witness not in ("registry", "proxy") or observation.user or observation.status != 401:
            return False
        if asked is None or not _is_numeric(asked.host) or any(asked.host == a.host for a in self.used):
            return False
        return any(not _is_numeric(a.host) and not a.is_loopback for a in self.addresses)

    def uses_login(self, login: StoredLogin | None) -> bool:
        """Whether docker would send this stored login in this incident: it looks for the literal name that was used."""
        key = address_of(login.key) if login else None
        if key is None:
            return False
        if self.docker:
            return any(key.host == a.host and (key.port or 443) == (a.port or 443) for a in self.docker)
        return bool(self.addresses) and self.speaks_of(key) is not False

    def link(self, about: Iterable[Subject]) -> float:
        """How surely something concerns the incident, from what it is about: 1 it does, 0 it does not."""
        best: float | None = None
        for subject in about:
            best = max(best or 0.0, self._link(subject))
        return 0.9 if best is None else best

    def _link(self, subject: Subject) -> float:
        value = 0.9
        if subject.address:
            told = self.speaks_of(address_of(subject.address))
            value = {True: 1.0, None: 0.8, False: 0.0}[told]
        other_door = any(site.lower() in self.sites for site in subject.sites)
        by_name = [a for a in self.used if not a.is_loopback and not _is_numeric(a.host)] or self.used
        if subject.sites and self.used and not other_door and not any(_is_site(a, subject.sites) for a in by_name):
            value = min(value, 0.0 if all(_is_name(s) for s in subject.sites) else 0.8)
        if subject.user and self.users and subject.user not in self.users:
            value = min(value, 0.3)
        return value


def focus_of(
    evidence: Evidence, stack: Stack, observations: tuple[Observation, ...], failing: Iterable[Observation]
) -> Focus:
    """The focus, from arguments, what clients were used on, and what the stack publishes."""
    unsettled = [o for o in failing if o.voice == "program"]
    named = [a for a in map(address_of, (evidence.target.registry_url, evidence.target.ui_url)) if a]
    clients = [o for o in observations if o.witness in ("client", "browser") and o.voice == "program" and o.address]
    seen = [o.address for o in (*(o for o in unsettled if o in clients), *clients) if o.address and _speaks(o)]
    ports = frozenset(_ports(evidence, stack))
    used = tuple(dict.fromkeys((*named, *_not_hosted(seen, stack))))
    published = tuple(Address("localhost", port) for port in sorted(ports))
    logged = tuple(dict.fromkeys(_logged(observations, any_path=not used)))
    sites = tuple(_site_addresses(stack, used or logged))
    named_only = tuple(
        _site_addresses(stack, used or logged, ("nginx-proxy", "traefik"))
    )  # nothing answers to localhost
    addresses = tuple(dict.fromkeys((*used, *logged, *named_only, *(published if not used else ()), *sites)))
    times = [o.when for o in unsettled if o.when is not None]
    scanners = _machines_that_scan(observations, stack)
    page, unasked = page_of(stack), _unasked(stack, used)
    inside, served = _at_sites(observations)
    docker = (o.address for o in clients if isinstance(o.record, Message) and o.address and o.witness == "client")
    focus = Focus(
        addresses=addresses,
        since=min(times) if times else None,
        used=used,
        docker=tuple(dict.fromkeys(docker)),
        strangers=frozenset(o.user for o in unsettled if o.user and is_noise(o, _known(evidence), scanners)),
        scanners=scanners,
        scanned=_scanned(observations),
        named=bool(named or evidence.target.user),
        only=evidence.target.user is not None,
        ports=ports,
        sites=frozenset((*_doors(stack, used), *(unasked if inside else ()))),
        page=page,
        tokens=stack.registry is None or stack.registry.auth != "htpasswd",
        told=(*used, *logged),
        fronts=_leading_home(stack),
        unasked=() if served else unasked,
        apart=_apart(stack, addresses),
        listening=ports.union(*(r.listen for r in stack.routes), (a.port for a in addresses if a.port)),
        fronting=_on_host(stack.routes),
        beside=_beside(stack, page) - {a.port for a in used if a.port},
    )
    others = dict.fromkeys(str(a) for a in _mentioned(evidence, seen) if focus.speaks_of(a) is False)
    here, failed = ([o for o in told if focus.speaks_of(o.address) is not False] for told in (observations, unsettled))
    return replace(focus, others=tuple(others), users=_users(evidence, here, failed, scanners))


def _speaks(observation: Observation) -> bool:
    """Whether a client's request or message is about a registry at all, and not about any other server."""
    record = observation.record
    if isinstance(record, Message):
        return record.tool not in ASKING and not strange_hosts(record)
    if isinstance(record, LogEvent):
        return True
    if observation.witness == "browser" and isinstance(record, Exchange):
        # A page also loads fonts and scripts from anywhere.
        return _is_api(observation.path) or urlsplit(record.page or "").netloc in ("", urlsplit(record.url).netloc)
    return _is_api(observation.path) or observation.witness == "browser"


def _is_api(path: str) -> bool:
    return path.startswith("/v2") or _API.search(path) is not None


def _logged(observations: tuple[Observation, ...], *, any_path: bool) -> list[Address]:
    """Addresses that logs tell. A proxy's other applications fail as well: where clients or other lines tell the
    registry's address, a line about a path outside its API tells none; a line of trouble about one never does."""
    told = [o for o in observations if o.witness in ("registry", "proxy") and not o.own and o.voice == "program"]
    api = [o.address for o in told if o.address and (o.witness == "registry" or not o.path or _API.search(o.path))]
    others = (o.address for o in told if o.address and not isinstance(o.record, LogEvent))
    return api or (list(others) if any_path else [])


def _not_hosted(addresses: Iterable[Address], stack: Stack | None = None) -> list[Address]:
    """Docker Hub and the like are not the registry in question where there is another, be it in files alone."""
    rows = list(addresses)
    known = stack is not None and stack.registry is not None and stack.registry.known
    return [a for a in rows if not a.is_hosted] or ([] if known else rows)


def _ports(evidence: Evidence, stack: Stack) -> Iterable[int]:
    for service in evidence.compose.services if evidence.compose else ():
        if service.role in ("registry", "ui", "proxy"):
            yield from (p.published for p in service.ports if p.published)
            if service.network_mode == "host":
                yield 5000
    for registry in stack.registries:
        if registry.listens and registry.service is None:
            yield registry.listens


def _site_addresses(stack: Stack, used: tuple[Address, ...], of: tuple[str, ...] = ()) -> Iterable[Address]:
    """Names of the sites that lead to the registry, where no client tells a name. `of`: of these programs only."""
    if used:
        return
    for route in stack.routes:
        if of and route.software not in of:
            continue
        if _leads_home(route):
            for name in route.server_names:
                if _is_name(name):
                    yield Address(name.lower(), route.listen[0] if len(route.listen) == 1 else None)


def _leads_home(route: ProxyRoute, names: frozenset[str] = frozenset()) -> bool:
    """Whether a route looks as if it led to the registry. `names`: what the registry is called besides."""
    upstreams = any("regist" in h or p == 5000 or h in names for h, p in route.upstream_hosts)
    return route.kind == "proxy" and ("/v2" in route.path or upstreams)


def _at_sites(observations: Iterable[Observation]) -> tuple[bool, bool]:
    """Whether a proxy's log, which tells no hosts, has requests of clients to the API, and whether one of them was served
    as only a login is: they came to the sites that lead home, whatever name another proxy before them had."""
    rows = [
        o
        for o in observations
        if o.witness == "proxy" and isinstance(o.record, LoggedRequest) and not o.own and o.address is None
    ]
    asked = [o for o in rows if _is_api(o.path) and o.agent.startswith(_CLIENTS)]
    return bool(asked), any(o.ok and (o.user or o.path.rstrip("/") == "/v2") for o in asked)


def _unasked(stack: Stack, used: tuple[Address, ...]) -> tuple[str, ...]:
    ways = ways_home(stack)
    home = [r for r in stack.routes if r in ways or _leads_home(r, _called(stack))]
    inner = _inner(stack)
    home = [r for r in home if not inner.intersection(n.lower() for n in r.server_names)]
    if not used or any(not a.is_full or _is_site(a, r.server_names) for a in used for r in home):
        return ()
    return tuple(dict.fromkeys(name.lower() for r in home for name in r.server_names if _is_name(name)))


def _on_host(routes: Iterable[ProxyRoute]) -> frozenset[int]:
    """The ports at which proxies that are no containers listen: clients ask for these very ports."""
    return frozenset(port for route in routes if route.service is None for port in route.listen)


def _beside(stack: Stack, page: Page) -> frozenset[int]:
    ways = ways_home(stack)
    home = _on_host(r for r in stack.routes if _leads_home(r, _called(stack)) or r in ways or r.kind == "redirect")
    return _on_host(stack.routes) - home - _on_host(page.routes) if home else frozenset()


def _called(stack: Stack) -> frozenset[str]:
    """What the registry is called on the network of its containers."""
    one = stack.registry.service if stack.registry else None
    return frozenset(filter(None, (one.name, one.container_name, one.hostname, *one.aliases))) if one else frozenset()


def _leading_home(stack: Stack) -> tuple[ProxyRoute, ...]:
    proxied, ways = tuple(r for r in stack.routes if r.kind == "proxy"), ways_home(stack)
    return tuple(r for r in proxied if r in ways or _leads_home(r, _called(stack))) or proxied


def _apart(stack: Stack, addresses: tuple[Address, ...]) -> frozenset[str]:
    """Servers behind the proxies to which nothing leads that may be asked of the registry."""
    shared: set[str] = set()
    apart: set[str] = set()
    ports = _on_host(stack.routes)
    for route in (r for r in stack.routes if r.kind == "proxy" and not r.upstream_variable):
        named = [n for n in route.server_names if _is_name(n)]
        strange = bool(named and addresses) and not any(_is_asked(a, route, ports) for a in addresses)
        api = not strange and (route.covers("/v2/") or "/v2" in route.path or route.match == "regex")
        for host, port in route.upstream_hosts:
            (shared if api else apart).update({host.lower(), f"{host}:{port or 80}".lower()})
    one = [s for s in (stack.registry and stack.registry.service, stack.ui and stack.ui.service) if s]
    ours = {n.lower() for s in one for n in (s.name, s.container_name, s.hostname, *s.aliases, *s.addresses) if n}
    return frozenset(x for x in apart if x not in shared and x.partition(":")[0] not in ours and not _OF_UI.search(x))


_OF_UI = re.compile(r"regist|(?:^|[-_.])ui(?:$|[-_.:])")
"""Names of what may be the registry's page, whatever its path."""


def _doors(stack: Stack, used: tuple[Address, ...]) -> Iterable[str]:
    """Names of sites that proxy or redirect to an address that was used."""
    for route in stack.routes:
        targets = [Address(host.lower(), port) for host, port in route.upstream_hosts]
        if route.kind == "redirect" and (elsewhere := address_of((route.location or "").partition("$")[0])):
            targets = [elsewhere]
        if any(_is_same(target, address) for target in targets for address in used):
            yield from (name.lower() for name in route.server_names)
    yield from _inner(stack)


def _inner(stack: Stack) -> frozenset[str]:
    """Names of sites to which another proxy that was read leads: who asked that one asked them."""
    led = {(host.lower(), port) for r in stack.routes if r.kind == "proxy" for host, port in r.upstream_hosts}
    return frozenset(
        name.lower()
        for route in stack.routes
        for name in route.server_names
        if _is_name(name) and any((name.lower(), port) in led for port in route.listen or (80, 443))
    )


def _is_same(target: Address, used: Address) -> bool:
    """Whether an upstream is an address that was used; a service of Kubernetes has longer names as well."""
    host = used.host.split(".svc", 1)[0] if ".svc" in used.host else used.host
    fits = target.host in (used.host, host, host.split(".")[0] if host != used.host else host)
    return fits and not used.is_loopback and (target.port or 80) == (used.port or 80)


def _is_name(name: str) -> bool:
    """Whether a server name is a plain host name, no pattern and no catch-all."""
    return bool(name) and name not in ("_", "localhost") and not any(c in name for c in "*~^$")


def _is_numeric(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    return ":" in host or host.replace(".", "").isdecimal()


def _is_site(address: Address, sites: tuple[str, ...]) -> bool:
    """Whether requests to that address may reach a site with these names. Addresses and catch-alls reach any."""
    host = address.host
    if address.is_loopback or _is_numeric(host):
        return True
    return any(not _is_name(site) or site.lower().split(":")[0] == host for site in sites)


def _is_asked(address: Address, route: ProxyRoute, ports: frozenset[int]) -> bool:
    """Whether requests to that address may reach this route's site. `ports`: where proxies of this host listen."""
    elsewhere = route.service is None and address.port in ports and address.port not in route.listen
    return not elsewhere and _is_site(address, route.server_names)


def reaches(focus: Focus, route: ProxyRoute) -> bool:
    """Whether a proxy's site serves an address of this incident, as far as its names and ports tell."""
    if not route.server_names or not focus.used:
        return True
    inner = any(name.lower() in focus.sites for name in route.server_names)
    return inner or any(_is_asked(address, route, focus.fronting) for address in focus.used)


def _mentioned(evidence: Evidence, seen: list[Address]) -> Iterable[Address]:
    yield from seen
    for client in evidence.clients:
        for login in client.logins:
            if (key := address_of(login.key)) is not None:
                yield key
    for message in evidence.messages:
        if message.host and (host := address_of(message.host)) is not None:
            yield host


def _users(
    evidence: Evidence, observations: Iterable[Observation], unsettled: list[Observation], scanners: frozenset[str]
) -> tuple[str, ...]:
    """Whose login it is about: the one named; those whom clients used (failing ones first); else those whom the logs
    show failing, without the names that scanners try. A variable that a shell had not expanded is nobody."""
    if evidence.target.user:
        return (evidence.target.user,)
    clients = [
        o for o in observations if o.witness in ("client", "browser") and o.user and not o.own and o.voice == "program"
    ]
    names = [
        o.user for o in (*(o for o in clients if o in unsettled), *clients) if o.user and not o.user.startswith("$")
    ]
    if names:
        return tuple(dict.fromkeys(names))
    logged = [o for o in unsettled if o.user and not o.own and not is_noise(o, _known(evidence), scanners)]
    return tuple(dict.fromkeys(o.user for o in logged if o.user and not o.user.startswith("$")))


def _scanned(observations: Iterable[Observation]) -> frozenset[str]:
    refused = [o for o in observations if o.user and not o.ok and (o.agent or not isinstance(o.record, LogEvent))]
    scripts = {o.user for o in refused if _scans(o, _LIBRARIES) and (o.user or "").lower() not in _SCANNED}
    return frozenset(
        {o.user for o in refused if o.user and _scans(o)} - scripts - {o.user for o in refused if not _scans(o)}
    )


def _scans(observation: Observation, programs: tuple[str, ...] = _SCANNERS) -> bool:
    return any(word in observation.agent.lower() for word in programs)


def _machines_that_scan(observations: Iterable[Observation], stack: Stack) -> frozenset[str]:
    """Addresses from which a scanning program or for a path of theirs was asked, and from which nobody got in."""
    rows = tuple(observations)
    proxied = bool(stack.routes or stack.uis) or any(o.witness == "proxy" for o in rows)
    logged = [o for o in rows if o.client and not _is_shared(o, proxied)]
    scanning = {o.client for o in logged if _scans(o, _ONLY_SCAN) or _BAIT.search(o.path)}
    return frozenset(
        scanning - {o.client for o in logged if o.ok and "/v2/" in o.path} - {o.client for o in logged if _pulls(o)}
    )


def _is_shared(observation: Observation, proxied: bool) -> bool:
    """Whether the address may be that of many clients: a proxy's, a container network's gateway (172.17.0.1)."""
    record = observation.record
    peer = record.remote if isinstance(record, LoggedRequest) else observation.client
    passed_on = isinstance(record, LoggedRequest) and record.client not in ("", peer)
    behind = proxied and observation.witness == "registry" and isinstance(record, LoggedRequest)
    gateway = observation.client.startswith("127.") or observation.client.endswith((".1", "::1"))
    return not passed_on and (behind or gateway)


def _pulls(observation: Observation) -> bool:
    """Whether a program asked that fetches images."""
    return any(word in observation.agent.lower() for word in _CLIENTS)


def _known(evidence: Evidence) -> frozenset[str]:
    """Names that an htpasswd file has."""
    return frozenset(n for h in evidence.htpasswd for n in (*(e.name for e in h.entries), *h.more))


def is_noise(
    observation: Observation, known: frozenset[str] = frozenset(), machines: frozenset[str] = frozenset()
) -> bool:
    """Whether a logged login looks like a scanner's: a program or a machine that scans, or a name that they all try and
    nobody has."""
    if _scans(observation) or observation.client in machines:
        return True
    client = _pulls(observation) or "curl" in observation.agent.lower()
    return (observation.user or "").lower() in _SCANNED and observation.user not in known and not client
