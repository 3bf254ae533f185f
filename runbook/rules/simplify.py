"""The first step: go straight to the registry. Does it answer, and does it ask for a login?"""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Edit,
    Evidence,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    Refutation,
    Registry,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic, succeeded
from runbook.rules.align import DOWN, OPEN, add_variables, at, request, restart
from runbook.rules.base import rule
from runbook.rules.location_math import dialled_elsewhere
from runbook.rules.logins import files, url
from runbook.urls import urlsplit

S = Symptom


@rule(
    "auth-not-enforced",
    step="simplify",
    title="the registry asks for no login",
    fix="set REGISTRY_AUTH=htpasswd with realm and path",
    source="distribution registry/handlers/app.go (no auth type: no access controller); run with 2.8.2 and 3.1.1",
    sees=("registry", "exchanges"),
)
def auth_not_enforced(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Without auth in the configuration in force, everybody may pull and push. `docker login` still says
    "Login Succeeded", with any password, so it looks protected.
    """
    registry = stack.registry
    if any(e.status == 401 for e in traffic.on("direct")) or _asked(traffic):
        return
    opened = [e for e in traffic.on("direct") if _is_open(e)]
    opened += [e for e in traffic.on("unknown") if _is_open(e)] if S.OPEN_DIRECT in traffic.seen() else []
    none = registry is not None and registry.known and registry.auth == "none" and not registry.start_errors
    if not opened and not none:
        return
    if registry is not None and registry.known and registry.auth in ("htpasswd", "token") and not opened:
        return
    if none and not opened and _guarded(stack):
        return
    meant = bool(files(evidence, stack)) or _mentions(registry)
    yield Finding(
        cause="auth-not-enforced",
        summary="The registry asks for no login: "
        + ("a request without one was answered." if opened else "its configuration in force has no auth."),
        certainty=Certainty.PROVEN if opened and none else Certainty.SEEN if opened else Certainty.READ,
        explains=OPEN,
        evidence=(
            *(request(e) for e in opened[:3]),
            *_read(registry, none=none),
        ),
        hop="registry",
        warning=_is_cache(registry) or (not opened and not meant and not traffic.seen(*OPEN)),
        proves=bool(opened) or meant,
        supersedes=("proxy-bypasses-auth", "ping-not-challenged"),
        refuted=(
            Refutation(
                cause="proxy-bypasses-auth", because="the registry is open by itself; no hop is needed for that"
            ),
        ),
        fix=Fix(
            summary="Switch htpasswd on, with realm and path.",
            commands=(restart(registry),),
            verify=(f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {url(evidence, traffic)}/v2/   # 401",),
        ),
        edits=_switch_on(evidence, registry) if registry and none else (),
    )


def _is_open(exchange: Exchange) -> bool:
    """Answered without a login, or with one that was wrong on purpose."""
    login = exchange.credential
    if exchange.page is not None:
        return False  # browsers leave Authorization out of what they export
    bare = exchange.login_known if login is None else login.intent == "wrong"
    return exchange.method in ("GET", "HEAD") and succeeded(exchange) and bare


def _asked(traffic: Traffic) -> bool:
    """Whether the registry's own log shows that it asks for logins."""
    return any(r.status == 401 and r.logger == "registry" for r in traffic.requests) or bool(
        traffic.logged("no-usable-credential", "authentication-failure")
    )


def _is_cache(registry: Registry | None) -> bool:
    """A pull-through cache is open as a rule: worth a word, but no fault by itself."""
    return registry is not None and bool(registry.value("proxy.remoteurl"))


def _guarded(stack: Stack) -> bool:
    """A registry that is not published, behind a hop that asks for a login, is meant to be so."""
    registry = stack.registry
    published = bool(registry and any(p.published and not _is_loopback(p.host_ip) for p in registry.ports))
    return not published and any(route.auth is not None for route in stack.routes)


def _is_loopback(address: str) -> bool:
    return address in ("127.0.0.1", "::1", "localhost")


def _mentions(registry: Registry | None) -> bool:
    """Whether somebody meant there to be a login: a mounted htpasswd or a variable about one."""
    if registry is None:
        return False
    mounted = any("htpasswd" in f"{m.target} {m.source}".lower() or m.target in ("/auth",) for m in registry.mounts)
    variables = registry.service.environment if registry.service else ()
    return mounted or any("AUTH" in v.name.upper() and (v.value or "").lower() != "none" for v in variables)


def _read(registry: Registry | None, *, none: bool) -> Iterator[EvidenceItem]:
    if registry is None or not none:
        return
    off = next((s for k, s in registry.settings.items() if k.startswith("auth")), None)
    where = registry.service.place if registry.service else None
    source = registry.config_file or "no config.yml that is read"
    yield at(f"no auth in force ({source}, no REGISTRY_AUTH)", off.place if off else where)


def _switch_on(evidence: Evidence, registry: Registry) -> tuple[Edit, ...]:
    mount = next((m for m in registry.mounts if "htpasswd" in m.target or m.target == "/auth"), None)
    if mount is None or any(
        v.name == "REGISTRY_AUTH" for v in (registry.service.environment if registry.service else ())
    ):
        return ()
    path = mount.target if "htpasswd" in mount.target else f"{mount.target}/htpasswd"
    return add_variables(
        evidence,
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
    fix="docker compose ps; docker compose logs registry",
    source="runs with 2.8.2 and 3.1.1: a registry that panics leaves no listener",
    sees=("registry", "exchanges", "logs", "messages"),
)
def unreachable(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The container is down, starts over and over, or another port is published. The log tells a crash from a
    network fault, so read it before the network is blamed.
    """
    crash = _crashes(evidence, stack, traffic)
    failed = [
        e
        for e in traffic.exchanges
        if e.route != "via" and e.error in ("refused", "reset", "empty-reply", "timeout") and not _on_a_desk(e)
    ]
    told = [
        m
        for m in traffic.said("refused", "reset", "eof", "timeout")
        if _to_registry(m.host, stack) and not dialled_elsewhere(m)
    ]
    traefik = any(r.software == "traefik" for r in stack.routes)
    debug = [e for e in traffic.exchanges if _is_debug_server(e) and not traefik]
    answered = any(e.status and e.header("Docker-Distribution-Api-Version") for e in traffic.on("direct"))
    if answered or not (crash or failed or told or debug):
        return
    other = _other_port(stack, failed)
    if crash:
        summary = "The registry does not start: " + crash[0].what[:200]
    elif debug:
        summary = "The address is that of the registry's debug server, which knows no /v2/: use the port of http.addr."
    elif other:
        summary = f"Nothing answers at port {other[0]}; compose publishes the registry at {other[1]}."
    else:
        summary = "Nothing answers at the registry's address: its container is down, or another address is published."
    yield Finding(
        cause="registry-unreachable",
        summary=summary,
        certainty=Certainty.LOGGED if crash else Certainty.SEEN if failed or debug else Certainty.LOGGED,
        explains=(*DOWN, *((S.NOT_THE_API,) if debug else ())),
        evidence=(*crash[:2], *(request(e) for e in (*failed, *debug)[:3]), *(at(m.text, m.place) for m in told[:2])),
        hop="client -> registry",
        proves=bool(crash) and traffic.seen(S.NOT_STARTED) != (),
        fix=Fix(
            summary="Look whether the container runs and what its log says; then compare the published port.",
            commands=("docker compose ps -a", f"docker compose logs --tail 50 {_name(stack)}"),
            verify=(f"curl -sS -i {url(evidence, traffic)}/v2/   # any answer of the registry, 401 included",),
        ),
    )


def _crashes(evidence: Evidence, stack: Stack, traffic: Traffic) -> tuple[EvidenceItem, ...]:
    """Why it does not start: its log, the engine, or its configuration."""
    logged = traffic.logged("panic-other", "config-error", "panic-unreadable", "panic-auth-option", "storage-error")
    fatal = [e for e in logged if e.meaning != "storage-error" or "panic" in e.text.lower()]
    found = [at(e.text, e.place) for e in fatal] if S.NOT_STARTED in traffic.seen() else []
    exited = [m for m in traffic.said("container-exited") if "registry" in m.text.lower() or len(stack.registries) == 1]
    found += [at(m.text, m.place) for m in exited if S.NOT_STARTED in traffic.seen()]
    if S.NOT_STARTED in traffic.seen():
        found += [at(e.message, e.place) for r in stack.registries for e in r.start_errors]
    return tuple(found)


def _to_registry(host: str | None, stack: Stack) -> bool:
    """Whether a message speaks of the registry: its port, or no port that is a hop's."""
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
        and exchange.header("Docker-Distribution-Api-Version") is None
        and exchange.header("Server") is None
    )


def _other_port(stack: Stack, failed: list[Exchange]) -> tuple[str, int] | None:
    """The port that was tried and the one that is published, where they differ."""
    published = [p.published for r in stack.registries for p in r.ports if p.published]
    for exchange in failed:
        port = exchange.url.split("://", 1)[-1].split("/", 1)[0].rpartition(":")[2]
        if port.isdecimal() and published and int(port) not in published:
            return port, published[0]
    return None


def _name(stack: Stack) -> str:
    return stack.registry.name if stack.registry and stack.registry.service else "registry"
