"""The first step: go straight to the registry. Does it answer, and does it ask for credentials?"""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import (
    Edit,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    LoggedRequest,
    Refutation,
    Registry,
    Stack,
    Symptom,
)
from runbook.numbers import whole_number
from runbook.observe.routes import is_guarded, ways_home
from runbook.observe.signature import is_registrys, is_token_service
from runbook.observe.traffic import Traffic, succeeded
from runbook.observe.words import upload_sent_on
from runbook.rules.align import DOWN, OPEN, add_variables
from runbook.rules.authorization_traces import replaces
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, foretold, read, said, seen
from runbook.rules.hops import api_routes, aside
from runbook.rules.location_math import dialled_elsewhere
from runbook.rules.logins import files
from runbook.rules.logins import url as base_url
from runbook.rules.platform import is_shown, platform, restarted, runs, runs_registry, watched
from runbook.rules.shell import status, subject
from runbook.urls import netloc, urlsplit

S = Symptom


@rule(
    "auth-not-enforced",
    by_absence=True,
    step="simplify",
    title="the registry asks for no credentials",
    fix="Set REGISTRY_AUTH=htpasswd with realm and path",
    source="distribution registry/handlers/app.go (no auth type: no access controller); run with 2.8.2 and 3.1.1",
    needs_any=("registry", "exchanges"),
    explains=OPEN,
    hop="registry",
    supersedes=("proxy-bypasses-auth", "ping-not-challenged"),
    refuted=(
        Refutation(cause="proxy-bypasses-auth", because="the registry is open by itself; no proxy is needed for that"),
    ),
)
def auth_not_enforced(facts: Facts) -> Iterator[Finding]:
    """Without auth in the configuration in force, everybody may pull and push. `docker login` still says
    "Login Succeeded", with any password, so it looks protected.
    """
    traffic, registry = facts.traffic, facts.registry
    if any(e.status == 401 for e in traffic.on("direct")):
        return
    if registry and "http.tls.clientcas" in registry.settings:
        return  # who has no certificate gets no connection
    opened = [e for e in traffic.on("direct") if _is_open(e)]
    # Nobody says at whose address that was: a proxy that puts a login in before a registry that asks answers so as well.
    put_in = registry is not None and registry.auth != "none" and any(map(replaces, api_routes(facts)))
    if S.OPEN_DIRECT in traffic.seen() and not put_in:
        opened += [e for e in traffic.on("unknown") if _is_open(e)]
    if _challenged(traffic, max((e.made for e in opened if e.made is not None), default=None)):
        return
    unset = registry if registry and registry.auth == "none" and not registry.start_errors else None
    if (not opened and unset is None) or (unset and not traffic.seen(*OPEN) and is_guarded(facts.stack)):
        return
    ways = ways_home(facts.stack)
    if S.OPEN_DIRECT not in traffic.seen() and any(r.auth and "GET" in r.auth.except_methods for r in ways):
        return  # a proxy asks those who write: that anybody may read is meant
    asks = {route.auth is not None for route in ways}
    fails = bool(set(traffic.seen()) - set(OPEN))
    unused = asks == {False} and not fails and (_logged_in(traffic) or bool(facts.htpasswds))
    meant = bool(files(facts)) or _mentions(registry) or asks == {True, False} or unused
    # Open is how many run it, behind a proxy that asks, or in a job or a network of its own; where something else fails
    # and nobody speaks of a login, that is the question.
    beside = not meant and not _logs_in(traffic) and fails
    yield finding(
        "The registry asks for no credentials: "
        + ("a request without them was answered." if opened else "its configuration in force has no auth."),
        [seen(e) for e in opened[:3]],
        _no_auth(unset) if unset else None,
        warning=beside
        or _is_cache(registry)
        or (not opened and not meant and not traffic.seen(*OPEN) and True not in asks),
        proves=bool(opened) or meant,
        fix=Fix(
            summary="Switch htpasswd on, with realm and path",
            commands=restarted(runs_registry(facts)).commands if facts.compose or platform(facts) == "host" else (),
            verify=(status(base_url(facts), expect="401"),),
            applies="the registry reads its configuration when it starts",
        ),
        edits=_switch_on(facts, unset) if unset else (),
    )


def _logged_in(traffic: Traffic) -> bool:
    """Whether somebody's login was accepted, and so seems to have been asked for."""
    accepted = any(e.credential and succeeded(e) for e in traffic.exchanges)
    return accepted or any(m.kind == "login-ok" for m in traffic.messages)


def _logs_in(traffic: Traffic) -> bool:
    """Whether somebody logs in, or was refused, and so takes the registry for one that asks."""
    calls = (m.call.verb for m in traffic.messages if m.call)
    return "login" in calls or any(e.credential for e in traffic.exchanges) or bool(traffic.seen(*_REFUSALS))


_REFUSALS = (S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA, S.LOGIN_400, S.NO_CREDENTIAL_SENT)


def _is_open(exchange: Exchange) -> bool:
    """Answered without credentials, or with some that were wrong on purpose."""
    sent = exchange.credential
    if exchange.page is not None:
        return False  # browsers leave Authorization out of what they export
    bare = sent.intent == "wrong" if sent else exchange.login_known
    return exchange.method in ("GET", "HEAD") and succeeded(exchange) and bare


def _challenged(traffic: Traffic, opened: float | None) -> bool:
    """Whether the registry's own log shows that it asks for credentials, and that this was not before it was `opened`:
    a line without a time, of which nobody knows the year, says nothing against what is open now."""
    rows = [r for r in traffic.requests if r.status == 401 and r.logger == "registry"]
    events = traffic.logged("no-usable-credential", "authentication-failure")
    times = [*(r.when for r in rows), *(e.when for e in events)]
    return any(opened is None or (when is not None and when >= opened) for when in times)


def _is_cache(registry: Registry | None) -> bool:
    """A pull-through cache is open as a rule: worth a word, but no fault by itself."""
    return registry is not None and bool(registry.value("proxy.remoteurl"))


def _is_loopback(address: str) -> bool:
    return address in ("127.0.0.1", "::1", "localhost")


def _mentions(registry: Registry | None) -> bool:
    """Whether somebody meant there to be credentials: a mounted htpasswd or a variable about one."""
    if registry is None:
        return False
    mounted = any("htpasswd" in f"{m.target} {m.source}".lower() or m.target in ("/auth",) for m in registry.mounts)
    variables = registry.service.environment if registry.service else ()
    return mounted or any("AUTH" in v.name.upper() and (v.value or "").lower() != "none" for v in variables)


def _no_auth(registry: Registry) -> Item:
    """Where auth is switched off, else where the service is declared without it."""
    off = next((s.place for k, s in registry.settings.items() if k.startswith("auth")), None)
    source = registry.config_file or "no config.yml that is read"
    where = off or (registry.service.place if registry.service else registry.config_file)
    return read(f"no auth in force ({source}, no REGISTRY_AUTH)", where, subject(registry))


def _switch_on(facts: Facts, registry: Registry) -> tuple[Edit, ...]:
    return _by_variables(facts, registry) if registry.service else _in_file(facts, registry)


def _in_file(facts: Facts, registry: Registry) -> tuple[Edit, ...]:
    """The section at the end of config.yml, where the only htpasswd file lies in the folder that was handed over, and
    that file names the folder: then this is where the registry runs, and no copy."""
    lines = next((f.lines for f in facts.evidence.files if f.path == registry.config_file), ())
    folder = next(iter(facts.evidence.target.paths), "")
    last = max((n for n, line in enumerate(lines, 1) if line.strip()), default=0)
    given = facts.evidence.htpasswd[0].file if len(facts.evidence.htpasswd) == 1 else ""
    path = f"{folder.rstrip('/')}/{given}"
    here = any(str(s.value).startswith(f"{folder.rstrip('/')}/") for s in registry.settings.values())
    known = platform(facts) == "host" and folder.startswith("/") and here
    if not known or not last or not given or not re.fullmatch(r"[\w./-]+", path) or registry.config_file is None:
        return ()
    if any(re.match(r"auth\s*:", line) for line in lines):
        return ()
    section = ("auth:", "  htpasswd:", "    realm: Registry", f"    path: {path}")
    return (Edit(file=registry.config_file, line=last, old=None, new="\n".join(section)),)


def _by_variables(facts: Facts, registry: Registry) -> tuple[Edit, ...]:
    mount = next((m for m in registry.mounts if "htpasswd" in m.target or m.target == "/auth"), None)
    if mount is None or (registry.service and registry.service.env("REGISTRY_AUTH")):
        return ()
    path = mount.target if "htpasswd" in mount.target else f"{mount.target}/htpasswd"
    return add_variables(
        facts.evidence,
        registry,
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", path),
    )


# ---- reachable ---------------------------------------------------------------------------------------


@rule(
    "registry-unreachable",
    step="simplify",
    title="nothing answers at the registry's address",
    fix="Run docker compose ps and docker compose logs registry",
    source="runs with 2.8.2 and 3.1.1: a registry that panics leaves no listener",
    needs_any=("registry", "exchanges", "logs", "messages"),
    explains=DOWN,
    hop="client -> registry",
)
def unreachable(facts: Facts) -> Iterator[Finding]:
    """The container is down, starts over and over, or another port is published. The log tells a crash from a
    network fault, so read it before the network is blamed.
    """
    stack, traffic = facts.stack, facts.traffic
    crash = _crashes(facts) if S.NOT_STARTED in traffic.seen() else ()
    failed = [
        e
        for e in traffic.exchanges
        if e.route != "via"
        and e.error in _NO_ANSWER
        and not _on_a_desk(e)
        and not is_token_service(e, traffic.exchanges)
    ]
    reported = [
        m
        for m in traffic.said("refused", "reset", "eof", "timeout")
        if _to_registry(m.host, stack) and not dialled_elsewhere(m) and not (m.kind == "refused" and upload_sent_on(m))
    ]
    traefik = any(r.software == "traefik" for r in stack.routes)
    debug = [e for e in traffic.exchanges if _is_debug_server(e) and not traefik]
    if any(e.status and is_registrys(e) for e in traffic.on("direct")) or not (crash or failed or reported or debug):
        return
    hangs = bool(failed) and all(e.error == "no-response" for e in failed)
    other = None if hangs else _other_port(stack, failed)
    late = (
        bool(failed or reported)
        and all(e.error == "timeout" for e in failed)
        and all(m.kind == "timeout" for m in reported)
    )
    others = _served_meanwhile(facts, failed) if late else None
    name = stack.registry.name if stack.registry and stack.registry.service else "registry"
    one = runs(facts, name)
    yield finding(
        _silence(crash, other, debug=bool(debug), hangs=hangs, late=late, others=others is not None),
        crash[:2],
        [aside(seen(e)) if others else seen(e) for e in (*failed, *debug)[:3]],
        [aside(said(m)) if others else said(m) for m in reported[:2]],
        aside(said(others)),
        explains=(*DOWN, S.NOT_THE_API) if debug else (),
        hop="registry" if crash else "",
        proves=bool(crash),
        fix=Fix(
            summary="Correct what this message names, and start the registry again"
            if crash
            else "Look from the client whether the port is open (a firewall, a VPN), and on the registry's machine whether it runs"
            if late
            else "Look whether the container runs and what its log says; then compare the published port"
            if debug or other
            else "Look whether the container runs and what its log says, and start it; then compare the published port",
            commands=(
                *watched(one),
                *(() if debug or other or late else restarted(one, one.place).commands),
            )
            if is_shown(facts)
            else (),
            verify=(status(_right_address(facts, other), expect="401 (or 200)"),),
        ),
        about=subject(stack.registry),
    )


def _silence(
    crash: tuple[EvidenceItem, ...],
    other: tuple[str, int] | None,
    *,
    debug: bool,
    hangs: bool,
    late: bool,
    others: bool,
) -> str:
    """What is wrong at the address, by the best that is known."""
    if crash:
        return f"The registry does not start: {crash[0].what[:200]}"
    if debug:
        return "The address is that of the registry's debug server, which knows no /v2/: use the port of http.addr."
    if hangs:
        return (
            "The registry's address takes connections and never responds: the program there, or one behind it, hangs."
        )
    if other:
        return f"Nothing answers at port {other[0]}; compose publishes the registry at {other[1]}."
    if late and others:
        return (
            "No response comes to this client, and the registry serves others: a firewall, a route or a VPN on the way from it "
            "drops what it sends."
        )
    if late:
        return (
            "No response comes from the registry's address in time: packets are dropped on the way, its machine is down, or "
            "another address is meant."
        )
    return "Nothing answers at the registry's address: its container is down, or another address is published."


def _served_meanwhile(facts: Facts, failed: list[Exchange]) -> LoggedRequest | None:
    """A request that the registry's log shows served minutes before or after one that timed out (any, where nobody tells
    when that was): then it runs, and what this client sends does not arrive."""
    times = [e.when for e in failed if e.when is not None] or [
        o.when for o in facts.traffic.observations if o.error == "timeout" and o.when is not None
    ]
    served = (r for r in facts.traffic.requests if r.logger == "registry" and 200 <= (r.status or 0) < 300 and r.when)
    return next((r for r in served if not times or any(abs((r.when or 0.0) - t) <= _MINUTES for t in times)), None)


_MINUTES = 600.0

_NO_ANSWER = ("refused", "reset", "empty-reply", "timeout", "no-response")


def _crashes(facts: Facts) -> tuple[EvidenceItem, ...]:
    """Why it does not start: its log, the engine, or its configuration."""
    stack, traffic = facts.stack, facts.traffic
    logged = traffic.logged("panic-other", "config-error", "panic-unreadable", "panic-auth-option", "storage-error")
    fatal = [e for e in logged if e.meaning != "storage-error" or "panic" in e.text.lower()]
    exited = [m for m in traffic.said("container-exited") if "registry" in m.text.lower() or len(stack.registries) == 1]
    shown = (*(said(e) for e in fatal), *(said(m) for m in exited))
    errors = (foretold(e) for r in stack.registries for e in r.start_errors)
    return tuple(item for item in (*shown, *errors) if item is not None)


def _to_registry(host: str | None, stack: Stack) -> bool:
    """Whether a message speaks of the registry: its port, or no port that is a proxy's."""
    port = (host or "").rpartition(":")[2]
    fronts = {str(p.published) for u in stack.uis for p in u.ports} | {str(p) for r in stack.routes for p in r.listen}
    return not port.isdecimal() or port not in fronts


def _on_a_desk(exchange: Exchange) -> bool:
    """A browser that looked on its own machine: that nothing is there says nothing about the registry."""
    return exchange.page is not None and _is_loopback(urlsplit(exchange.url).hostname or "")


def _is_debug_server(exchange: Exchange) -> bool:
    """Go's own 404, in plain http. Traefik answers with the same words what no router of it takes."""
    return (
        exchange.status == 404
        and exchange.url.startswith("http://")
        and exchange.is_api
        and exchange.body.strip().startswith("404 page not found")
        and not is_registrys(exchange)
        and exchange.header("Server") is None
    )


def _other_port(stack: Stack, failed: list[Exchange]) -> tuple[str, int] | None:
    """The port that was tried and the one that is published, where they differ."""
    published = [p.published for r in stack.registries for p in r.ports if p.published]
    for exchange in failed:
        port = netloc(exchange.url).rpartition(":")[2]
        if port.isdecimal() and published and whole_number(port) not in published:
            return port, published[0]
    return None


def _right_address(facts: Facts, other: tuple[str, int] | None) -> str:
    """The registry's address as it is used, with the published port where another one was tried."""
    base = base_url(facts)
    return f"{base.removesuffix(f':{other[0]}')}:{other[1]}" if other else base
