"""Addresses that must agree: the published port with the listener, http.host with the address that clients use."""

from collections.abc import Iterator
from fnmatch import fnmatch

from runbook.lazy import re
from runbook.model import (
    Compose,
    Edit,
    Evidence,
    Exchange,
    Finding,
    Fix,
    Port,
    ProxyRoute,
    Refutation,
    Registry,
    Service,
    Setting,
    Symptom,
)
from runbook.model.command import PIPE, sh, url
from runbook.observe.address import address_of
from runbook.observe.signature import is_registrys
from runbook.rules.align import anonymous, base, change, name_of, observed, stated, subject, unset, whom
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, seen
from runbook.rules.hop_edits import swap
from runbook.rules.hops import api_routes, aside, site
from runbook.rules.location_math import base_of, written_by_registry
from runbook.rules.platform import published, restarted, runs
from runbook.rules.upstreams import reaches
from runbook.urls import urlsplit

S = Symptom


@rule(
    "port-mapping-mismatch",
    by_absence=True,
    step="align",
    title="the published port leads to a port without a listener",
    fix="Make the right-hand side of `ports` the port of http.addr",
    source="Docker's port publishing; run: empty reply (curl 52, docker: EOF) with the userland proxy, else reset",
    needs_any=("compose", "registry"),
    explains=(S.EMPTY_REPLY, S.UNREACHABLE),
    hop="registry",
    proves=True,
    supersedes=("registry-unreachable",),
    refuted=(Refutation(cause="registry-unreachable", because="nothing says that the process is down"),),
)
def port_mapping(facts: Facts) -> Iterator[Finding]:
    """The engine accepts the connection and has nowhere to forward it to. So it is no "connection refused": the
    response is empty or the connection is reset, which looks like a fault of the registry.
    """
    direct = facts.traffic.on("direct")
    if facts.traffic.works("direct") or any(is_registrys(e) for e in direct):
        return
    for registry in facts.stack.registries:
        beside = f"service:{registry.name}"
        mates = (s for s in facts.compose.services if s.network_mode == beside) if facts.compose else ()
        port = _dead_port(registry, alone=not any(mates) and not any(r.through for r in facts.stack.routes))
        if port is None or registry.start_errors:
            continue
        setting = registry.settings.get("http.addr")
        shown = f"{port.published}:{port.container}" if port.published else str(port.container)
        if port.protocol != "tcp":
            yield _not_tcp(facts, registry, port)
            return
        edits = _edit(facts.evidence, port, registry.listens or 5000)
        address = f"{port.host_ip or '0.0.0.0'}:{port.published}" if port.published else ""  # noqa: S104
        shown_by = published(runs(facts, registry.name), registry.listens, address)
        cluster = registry.service is not None and registry.service.platform == "kubernetes"
        leads = (
            f"Port {port.published} of its Service leads to {port.container}"
            if cluster
            else f"Port {shown} is published"
        )
        yield finding(
            f"{leads}, but the registry listens on {registry.listens} in its container ({name_of(setting, 'http.addr')}).",
            read(f"{'Service' if cluster else 'published'}: {shown}", port.place),
            stated(setting, "http.addr"),
            observed(facts, S.EMPTY_REPLY, S.UNREACHABLE),
            about=subject(registry),
            edits=edits,
            fix=change(
                facts,
                registry,
                f"Write targetPort: {registry.listens} in the Service"
                if cluster
                else f"Publish {port.published or port.container}:{registry.listens}",
                shown_by,
                anonymous(facts, registry),
                edits=edits,
            ),
        )
        return
    yield from _past_the_site(facts)


_OWN_FILE = ("nginx", "haproxy", "caddy", "apache")
"""Proxies whose ports stand in the files that their routes come from."""


def _past_the_site(facts: Facts) -> Iterator[Finding]:
    """A proxy whose published ports are none of those that its own files listen on, so nobody comes to the registry's
    site; not where something else asks for it inside, or a file of it is not at hand."""
    works = facts.traffic.works("via") or reaches(facts.traffic)
    asked = {host for route in facts.stack.routes for host, _ in route.upstream_hosts}
    for route in api_routes(facts) if facts.compose and not works else ():
        runs_it = facts.compose.service(route.service) if facts.compose and route.service else None
        if runs_it is None or runs_it.network_mode or route.software not in _OWN_FILE:
            continue
        own = [r for r in facts.stack.routes if r.service == route.service]
        ports = [p for p in runs_it.ports if p.protocol == "tcp"]
        if not all(r.listen and r.complete for r in own) or asked & {runs_it.name, *runs_it.aliases}:
            continue
        if facts.compose and _is_asked_inside(facts.compose, runs_it):
            continue
        if not ports or any(_is_listened_on(facts, p, own) for p in ports):
            continue
        shown = f"{ports[0].published}:{ports[0].container}" if ports[0].published else str(ports[0].container)
        doubtful = _has_more_files(facts, runs_it, own)
        edits = _edit(facts.evidence, ports[0], route.listen[0]) if len(ports) == 1 and not doubtful else ()
        told = read(f"published: {shown}", ports[0].place), read(f"the site listens on {route.listen[0]}", route.place)
        again = restarted(runs_it, ports[0].place)
        yield finding(
            f"Port {shown} is published, but the registry's site in {runs_it.name} is on port {route.listen[0]}.",
            map(aside, told) if doubtful else told,
            observed(facts, S.EMPTY_REPLY, S.UNREACHABLE),
            hop=f"client -> {runs_it.name}",
            about=site(facts, route),
            edits=edits,
            fix=Fix(
                summary=f"Publish {ports[0].published or ports[0].container}:{route.listen[0]}",
                commands=again.commands,
                verify=(published(runs_it, route.listen[0], f"0.0.0.0:{ports[0].published}"),),
                applies=again.applies,
            ),
        )
        return


_TUNNELS = ("cloudflared", "ngrok", "tailscale", "frpc")
"""Images of programs that ask inside the network for what is set elsewhere."""


def _is_asked_inside(compose: Compose, proxy: Service) -> bool:
    """Whether another service asks the proxy inside their network: a tunnel, or one that is told its name and a port."""
    name = re.compile(rf"(?<![\w.-]){re.escape(proxy.name)}:\d")
    return any(
        any(tunnel in (s.image or "") for tunnel in _TUNNELS)
        or any(
            name.search(text) for text in (*s.command, *(s.entrypoint or ()), *(v.value or "" for v in s.environment))
        )
        for s in compose.services
        if s is not proxy
    )


def _has_more_files(facts: Facts, proxy: Service, own: list[ProxyRoute]) -> bool:
    """Whether sites of the proxy may stand in files that are not at hand: those that its files include, or, where it has
    the port of TLS and no site for it, others of a folder that is mounted."""
    at_hand, files = [f"/{f.path}" for f in facts.evidence.files], {r.place.file for r in own}
    rows = (_INCLUDE.match(line) for f in facts.evidence.files if f.path in files for line in f.lines)
    for parent, pattern in (row.groups() for row in rows if row):
        if not any(fnmatch(path, f"*{parent or ''}/{pattern}") for path in at_hand):
            return True
    folders = [f"/{(m.source or '').removeprefix('./').strip('/')}/" for m in proxy.mounts if m.source]
    loose = any(folder in f"/{file}" for folder in folders for file in files)
    return loose and not any(r.tls for r in own) and any(p.container == 443 for p in proxy.ports)


_INCLUDE = re.compile(
    r"\s*(?:include|import|IncludeOptional)\s+[\"']?(?:[^\s;\"'{]*?(/[\w.-]+))?/([\w.*?-]*(?:\*|\.conf|\.caddy)[\w.*?-]*)",
    re.I,
)


def _is_listened_on(facts: Facts, port: Port, own: list[ProxyRoute]) -> bool:
    """Whether a proxy's routes are on that port, Caddy redirects from it, or its files name it elsewhere (statistics)."""
    if any(port.container in r.listen or (r.software == "caddy" and r.tls and port.container == 80) for r in own):
        return True
    files = {r.place.file for r in own}
    lines = (line for f in facts.evidence.files if f.path in files for line in f.lines)
    return any(re.search(rf"(?<!\d){port.container}(?!\d)", line) for line in lines)


def _not_tcp(facts: Facts, registry: Registry, port: Port) -> Finding:
    """The right port, published for another protocol only."""
    edits = swap(facts.evidence, port.place, rf"/{port.protocol}\b", "")
    return finding(
        f"Port {port.published or port.container} is published for {port.protocol} only, and the registry speaks tcp: nothing "
        "listens on the host.",
        read(f"published: {port.published}:{port.container}/{port.protocol}", port.place),
        observed(facts, S.UNREACHABLE),
        about=subject(registry),
        edits=edits,
        fix=change(
            facts, registry, f"Publish it for tcp: without /{port.protocol}", anonymous(facts, registry), edits=edits
        ),
    )


def _dead_port(registry: Registry, *, alone: bool) -> Port | None:
    """A published port, when none of them leads to the listener. `alone`: no other container of its
    pod may listen there, and no route tells of the Service (see upstream-wrong-port)."""
    service = registry.service
    if service is None or registry.listens is None or service.network_mode == "host":
        return None
    if registry.auth == "unknown" and not registry.settings.get("http.addr"):
        return None
    debug = str(registry.value("http.debug.addr") or "").rpartition(":")[2]
    ports = [p for p in registry.ports if p.protocol == "tcp" and str(p.container) != debug]
    ports = ports or [p for p in service.cluster_ports if alone and str(p.container) != debug]
    if not ports:
        return next((p for p in registry.ports if p.protocol != "tcp" and p.container == registry.listens), None)
    if any(p.container == registry.listens for p in ports):
        return None
    return ports[0]


def _edit(evidence: Evidence, port: Port, listens: int) -> tuple[Edit, ...]:
    if port.published is None:
        return ()
    return swap(evidence, port.place, rf":{port.container}(?!\d)", f":{listens}") or swap(
        evidence, port.place, rf"(target(?:Port)?:\s*[\"']?){port.container}(?!\d)", rf"\g<1>{listens}"
    )


@rule(
    "http-host-wrong",
    step="headers",
    title="http.host sends clients to another address",
    fix="Remove http.host: the registry then uses the address of the request",
    source="distribution registry/api/v2/urls.go (NewURLBuilderFromRequest against httpHost)",
    needs_any=("registry", "exchanges"),
    explains=(S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN, S.TLS_FAILED),
    hop="registry",
    supersedes=("location-header-wrong-host", "location-header-port-lost", "x-forwarded-proto-missing"),
    refuted=(Refutation(cause="location-header-wrong-host", because="the Location is the same whatever Host is sent"),),
)
def http_host(facts: Facts) -> Iterator[Finding]:
    """http.host is put into every Location, whatever address the client used. After a move, or with another scheme
    or port in front, uploads go to an address where nothing answers, while logins succeed.
    """
    stack = facts.stack
    registry = next((r for r in stack.registries if "http.host" in r.settings), None)
    found = (s for r in stack.registries if (s := r.settings.get("http.host")) and s.value)
    setting = next(found, None)
    uploads = [e for e in facts.traffic.exchanges if e.method in ("POST", "PATCH", "PUT") and "://" in _location(e)]
    if any(e.method == "POST" and _location(e).startswith("/v2/") for e in facts.traffic.exchanges):
        return  # http.host wins over relativeurls, so it is not in force
    misrouted = [e for e in uploads if _address(_location(e)) != _address(e.url)]
    host = _configured(facts, setting, misrouted, bool(uploads)) if setting else _constant(facts, uploads)
    if host is None:
        return
    edits = unset(facts.evidence, setting, "http.host")
    upload = url(base(facts), "/v2/test/blobs/uploads/")
    words = ("curl", "-sSi", "-X", "POST", "-u", whom(facts), upload, PIPE, "grep", "-i", "^location:")
    relative = any(r.value("http.relativeurls") is True for r in stack.registries)
    location = sh(*words, expect=f"Location: {'/v2/test/blobs/uploads/' if relative else upload.text}…")
    yield finding(
        f"The registry puts {host} into every Location (http.host), whatever address the client used.",
        stated(setting, "http.host"),
        (seen(e, f", Location: {_location(e)[:100]}") for e in misrouted[:3]),
        observed(facts, S.LOCATION_WRONG, S.NAME_UNKNOWN, S.UPLOAD_FAILS) if not misrouted else (),
        about=subject(registry),
        edits=edits,
        fix=change(
            facts,
            registry,
            "Remove http.host, and let a proxy in front forward Host and X-Forwarded-Proto instead",
            location,
            edits=edits,
        ),
    )


def _location(exchange: Exchange) -> str:
    return exchange.header("Location") or ""


def _configured(facts: Facts, setting: Setting, misrouted: list[Exchange], uploaded: bool) -> str | None:
    """The configured address, where it misleads: uploads were sent there, or no client is known to use it."""
    host = str(setting.value)
    if uploaded and not any(_address(_location(e)) == _address(host) for e in misrouted):
        return None
    return None if _address(host) in _used(facts) else host


def _constant(facts: Facts, uploads: list[Exchange]) -> str | None:
    """One address in the Location of uploads to several, with no proxy to blame: only http.host does that."""
    if found := next((e for e in uploads if e.route != "direct" and written_by_registry(facts, e)), None):
        return base_of(_location(found))
    places = {_address(_location(e)) for e in uploads}
    asked = {_address(f"{urlsplit(e.url).scheme}://{e.sent('Host') or urlsplit(e.url).netloc}") for e in uploads}
    if len(places) != 1 or len(asked) < 2 or (facts.stack.routes and any(e.route != "direct" for e in uploads)):
        return None
    parts = urlsplit(_location(uploads[0]))
    return f"{parts.scheme}://{parts.netloc}"


def _used(facts: Facts) -> set[str]:
    """Addresses under which clients reached the registry and an upload would work."""
    target = facts.evidence.target
    urls = [e.url for e in facts.traffic.exchanges if e.is_api] + [u for u in (target.registry_url, target.ui_url) if u]
    hosts = [
        f"{scheme}://{m.host}" for m in facts.traffic.messages if m.host for scheme in _schemes(facts, m.host, urls)
    ]
    return {_address(u) for u in (*urls, *hosts)}


def _schemes(facts: Facts, host: str, urls: list[str]) -> tuple[str, ...]:
    """By which schemes docker may have asked that host: it does not tell, unless others or the proxy's port do."""
    asked = tuple(dict.fromkeys(parts.scheme for parts in map(urlsplit, urls) if parts.netloc == host))
    at = address_of(host)
    here = {r.tls for r in facts.stack.routes if r.service is None and at and at.port in r.listen}
    return asked or ({True: ("https",), False: ("http",)}[here.pop()] if len(here) == 1 else ("http", "https"))


def _address(address: str) -> str:
    """Scheme, host and port, the default one filled in."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
