"""From evidence to a description that the lab can run: as much of the user's stack as its files tell, and what is left out."""

import base64
import posixpath
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from runbook.lab.draw import free_ports
from runbook.lab.hashes import bcrypt_hash
from runbook.lab.plan import Plan, Proxy, Software
from runbook.lazy import re
from runbook.model import Evidence, HeaderEdit, Htpasswd, Mount, ProxyRoute, Registry, Symptom
from runbook.observe.traffic import Traffic
from runbook.redact import MASK
from runbook.rules.base import Facts
from runbook.rules.hops import LOOPBACK, fronts, user_of
from runbook.rules.upstreams import proxied
from runbook.stack import build
from runbook.stack.registry import covering
from runbook.twin.credentials import drawn, sound
from runbook.urls import urlsplit

PASSWORD, OTHER = "amber-cobalt-4711", "delta-fjord-0815"
"""What the person types in the twin, and a password that it is not."""
_SOFTWARE: dict[str, Software] = {"joxit-ui": "ui", "nginx": "nginx", "caddy": "caddy", "haproxy": "haproxy",
                                  "apache": "apache"}  # fmt: skip


_CONDITION = re.compile(r"(?m)^\s*(?:if\s*\(|map\s+\$|acl\s|@\w+|<If|RewriteCond|not\s+header)|\bif\s+[{!]")


class CannotRebuildError(Exception):
    """Why there is no twin, as a sentence."""


@dataclass(kw_only=True)
class Twin:
    """A description that runs, and what of the user's stack is not in it."""

    plan: Plan
    through: bool
    """Whether a proxy is in front."""
    origin: str = ""
    """Of the page, where the browser calls the registry itself."""
    past_proxy: bool = True
    """Whether the page calls the registry itself, not a proxy in front of it."""
    deletes: bool = False
    """Whether somebody deletes images here."""
    open: bool = False
    """Whether nobody wants a login here."""
    limit: int = 0
    """Bytes of body that the proxy takes; 0: no limit."""
    gaps: list[str] = field(default_factory=list)


def rebuild(evidence: Evidence, *, mended: bool = False) -> Twin:
    """The twin of a stack. `mended`: with an htpasswd file as it should be, at the place where the registry reads it.

    Raises `CannotRebuildError`.
    """
    stack = build(evidence)
    facts = Facts(evidence, stack, Traffic(evidence, stack))
    registry = facts.registry
    if registry is None:
        raise CannotRebuildError("no compose file, manifest or config.yml tells how the registry is set up")
    if registry.auth == "token":
        raise CannotRebuildError("its logins go through a token service, which is not rebuilt")
    gaps: list[str] = []
    plan = _registry(facts, registry, gaps)
    _files(facts, registry, plan, gaps)
    if mended:
        _mend(plan, registry)
    deletes = bool(facts.ui and facts.ui.deletes) or Symptom.DELETE_REFUSED in facts.traffic.seen()
    open_ = registry.auth == "none" and not evidence.htpasswd
    twin = Twin(plan=plan, through=False, gaps=gaps, deletes=deletes, open=open_)
    _front(facts, registry, twin)
    return twin


def _registry(facts: Facts, registry: Registry, gaps: list[str]) -> Plan:
    if registry.major is None:
        gaps.append("the registry's version is not known: version 3 stands in for it")
    if registry.value("http.tls.certificate"):
        raise CannotRebuildError("the registry ends TLS itself, and there is no certificate to do it with")
    major = registry.major or 3
    ports = free_ports(random.Random(), 3)  # noqa: S311 ports, no secret
    service = registry.service
    environment = {
        v.name: _unmasked(v.value if v.value is not None else "")
        for v in (service.environment if service else ())
        if v.name.startswith("REGISTRY_")
    }
    plan = Plan(
        seed=0, major=major, registry=service.name if service else "registry", ui="front", user=user_of(facts) or "somebody",
        password=PASSWORD, colleague="colleague", colleague_password=OTHER, realm="", registry_port=ports[0],
        ui_port=ports[1], inner_port=ports[2], image=(service.image if service else None) or f"registry:{major}",
        ui_image="", proxy=Proxy(), environment=environment,
    )  # fmt: skip
    if registry.listens and registry.listens != plan.listen_port:
        plan.environment["REGISTRY_HTTP_ADDR"] = f":{registry.listens}"
    published = [p for p in registry.ports if p.protocol == "tcp"]
    right = next((p for p in published if p.container == plan.listen_port), None)
    plan.container_port = (right or published[0]).container if published else plan.listen_port
    if service and (service.command or service.entrypoint):
        gaps.append("the command of the registry's container is left out")
    plan.container_user = service.user if service and (service.user or "").partition(":")[0].isdecimal() else None
    if plan.container_user and plan.container_user.partition(":")[0] == "0":
        plan.container_user = None
    return plan


def _unmasked(text: str) -> str:
    return text.replace(MASK, "drawn")


# ---- files -----------------------------------------------------------------------------------------------------


def _files(facts: Facts, registry: Registry, plan: Plan, gaps: list[str]) -> None:
    """Mounts with what lies behind them: the configuration, and every htpasswd file with drawn credentials."""
    base = posixpath.dirname(facts.compose.files[0]) if facts.compose else ""
    for number, mount in enumerate(registry.mounts):
        plan.mounts.append((_source(mount, number), mount.target))
    config = next((f for f in facts.evidence.files if f.path == registry.config_file), None)
    if config is not None:
        if not config.lines:
            raise CannotRebuildError(f"the lines of {config.path} were not kept")
        text = _unmasked("\n".join(config.lines)) + "\n"
        _put(plan, registry.config_path, text.encode(), config.path, base)
    elif registry.ignored_config:
        gaps.append("the configuration that is mounted where it is not read is left out")
    for file in facts.evidence.htpasswd:
        content = drawn(file, _passwords(facts, file, plan), _shadowed(facts))
        plan.files[_relative(file.file, base)] = content
        if registry.htpasswd is not None and registry.htpasswd.file == file.file and registry.htpasswd_path:
            _put(plan, registry.htpasswd_path, content, file.file, base)
    _listed(facts, registry, plan)


def _source(mount: Mount, number: int) -> str:
    source = mount.source or ""
    if mount.kind == "volume" and source and "/" not in source:
        return source
    plain = posixpath.normpath(source)
    inside = source.startswith("./") and not plain.startswith("..") and plain != "."
    return f"./{plain}" if inside else f"./mount-{number}"


def _relative(path: str, base: str) -> str:
    text = path[len(base) + 1 :] if base and path.startswith(f"{base}/") else path
    return "/".join(p for p in text.replace(" § ", "/").split("/") if p not in ("", ".", ".."))


def _put(plan: Plan, inside: str, content: bytes, path: str, base: str) -> None:
    """Puts a file where the container finds it at that path."""
    found = plan.mounted(inside)
    if found is None:
        plan.mounts.append((f"./{_relative(path, base)}", inside))
        found = plan.mounted(inside)
    if found is not None and found[0].startswith("./"):
        name = posixpath.normpath(posixpath.join(found[0][2:], str(found[1])))
        plan.files = {
            n: t for n, t in plan.files.items() if not name.startswith(f"{n}/") and not n.startswith(f"{name}/")
        }
        plan.files[name] = content


def _passwords(facts: Facts, file: Htpasswd, plan: Plan) -> dict[str, str]:
    """The password that each name's entry is for: the typed one, unless the comparison says that it is another."""
    checks = {c.user: c.outcome for c in facts.checks if c.file == file.file and c.origin != "injected"}
    other = {n for n, outcome in checks.items() if outcome in ("mismatch", "accepted-by-earlier-line")}
    names = (*(e.name for e in file.entries), *(m for e in file.entries for m in e.merged))
    return {name: OTHER if name in other else PASSWORD for name in (*names, plan.user)}


def _shadowed(facts: Facts) -> dict[str, str]:
    return {c.user: PASSWORD for c in facts.checks if c.outcome == "accepted-by-earlier-line"}


def _listed(facts: Facts, registry: Registry, plan: Plan) -> None:
    """What a listing says of the htpasswd file: a directory, or nothing that the registry's user may read."""
    mount = covering(registry.mounts, registry.htpasswd_path) if registry.htpasswd_path else None
    host = plan.mounted(registry.htpasswd_path) if registry.htpasswd_path else None
    if mount is None or host is None or not host[0].startswith("./"):
        return
    name = posixpath.normpath(posixpath.join(host[0][2:], str(host[1])))
    rows = [r for r in facts.evidence.listings if posixpath.basename(r.path) == posixpath.basename(name)]
    if any(r.kind == "directory" for r in rows) or facts.traffic.logged("file-is-directory"):
        plan.files.pop(name, None)
        plan.directories.append(name)
    elif plan.container_user and (any(r.mode[7:8] == "-" for r in rows) or facts.traffic.logged("file-unreadable")):
        plan.files.setdefault(name, sound({plan.user: PASSWORD}))
        plan.locked.append(name)


def _mend(plan: Plan, registry: Registry) -> None:
    """The htpasswd file as the fix leaves it."""
    path = registry.htpasswd_path or "/auth/htpasswd"
    if plan.directories:
        plan.directories.clear()
    plan.locked.clear()
    _put(plan, path, sound({plan.user: PASSWORD}), "auth/htpasswd", "")


# ---- the proxy -------------------------------------------------------------------------------------------------


def _front(facts: Facts, registry: Registry, twin: Twin) -> None:
    ui = facts.ui
    if ui is not None and ui.mode == "browser":
        port = next((p.published for p in ui.ports if p.published), None)
        twin.origin = next(iter(facts.stack.page_origins), f"http://localhost:{port}" if port else "")
        twin.plan.access = "cross-origin"
        called = urlsplit(ui.registry_url.value or "").port if ui.registry_url else None
        twin.past_proxy = called is None or called in {p.published for p in registry.ports}
    found = next((f for f in fronts(facts) if f.api), None)
    route = (found.upload or found.ping) if found else None
    if route is None or route.kind != "proxy":
        route = next(proxied(facts.stack), None)
    if route is None:
        if facts.stack.routes:
            twin.gaps.append("no route of the proxies is known to lead to the registry: none is rebuilt")
        return
    if route.platform == "kubernetes" or route.software not in _SOFTWARE:
        twin.gaps.append(f"{route.software} is stood in for by an nginx that does the same")
    proxy = twin.plan.proxy
    proxy.software = _SOFTWARE.get(route.software, "nginx") if route.platform != "kubernetes" else "nginx"
    proxy.upstream = f"{route.upstream_scheme}://{_behind(facts, registry, route, twin.plan)}{_uri(route)}"
    proxy.host = {"client": "$http_host", "client-without-port": "$host", "fixed": route.host_value}.get(route.host)
    proxy.body_limit = twin.limit = route.max_body or 0
    for edit in route.request_headers:
        if edit.condition:
            twin.gaps.append(f"a condition of {edit.place} is left out")
        elif edit.name.lower() != "host":
            proxy.request_headers[edit.name] = "" if edit.action == "remove" else _value(edit, facts, twin.plan)
    proxy.hidden = [e.name for e in route.response_headers if e.action == "remove" and not e.condition]
    proxy.added = [
        (e.name, e.value, e.always) for e in route.response_headers if e.action != "remove" and not e.condition
    ]
    if route.auth is not None and route.auth.kind == "basic":
        proxy.realm = route.auth.realm or "front"
        own = _own_users(route, twin.plan)
        twin.plan.files[".proxy-htpasswd"] = sound(own)
    proxy.open_ping = (
        found is not None and found.ping is not None and found.ping.kind == "return" and found.ping.status == 200
    )
    if not twin.origin:
        allowed = (e.value for e in route.response_headers if e.name.lower() == "access-control-allow-origin")
        twin.origin, twin.past_proxy = next((v for v in allowed if v.startswith("http")), ""), False
    twin.gaps += _left_out(facts, route)
    twin.through = True


def _uri(route: ProxyRoute) -> str:
    return route.upstream_uri or ""


def _behind(facts: Facts, registry: Registry, route: ProxyRoute, plan: Plan) -> str:
    """Host and port of the upstream, by the registry's own name where it is reached by another."""
    host, port = route.upstream_hosts[0] if route.upstream_hosts else (plan.registry, None)
    port = port or (443 if route.upstream_scheme == "https" else 80)
    runs = facts.compose.service(route.service) if facts.compose and route.service else None
    if host.lower() in LOOPBACK and (runs is not None or route.software == "joxit-ui"):
        return f"localhost:{port}"
    return f"{plan.registry if _is_registry(facts, registry, route, host) else 'unknown'}:{_inner(registry, plan, host, port)}"


def _inner(registry: Registry, plan: Plan, host: str, port: int) -> int:
    """A published port, where the proxy is on the host, stands for the one inside."""
    outside = host.lower() in LOOPBACK or registry.service is None
    return plan.listen_port if outside and port in {p.published for p in registry.ports} else port


def _is_registry(facts: Facts, registry: Registry, route: ProxyRoute, host: str) -> bool:
    """Whether that name leads to the registry from where the proxy runs."""
    compose = facts.compose
    named = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])")
    if any(named.search(e.text + e.detail) for e in facts.traffic.logged("upstream-not-found")):
        return False
    if compose is None or registry.service is None or route.service is None or "." in host:
        return True
    target, runs = compose.service(host), compose.service(route.service)
    if target is None or target.name != registry.service.name:
        return False
    return runs is None or bool(set(target.networks) & set(runs.networks))


def _value(edit: HeaderEdit, facts: Facts, plan: Plan) -> str:
    if edit.name.lower() != "authorization" or edit.injected is None:
        return _unmasked(edit.value)
    checks = [c for c in facts.checks if c.origin == "injected" and c.user == edit.user]
    right = any(c.outcome == "accepted" for c in checks)
    pair = f"{edit.user or 'somebody'}:{PASSWORD if right else OTHER}"
    encoded = base64.b64encode(pair.encode()).decode()
    match edit.injected:
        case "client":
            return "$http_authorization"
        case "hash":
            return "Basic " + base64.b64encode(bcrypt_hash(PASSWORD, cost=4)).decode()
        case "newline":
            return "Basic " + base64.b64encode(f"{edit.user or plan.user}:{PASSWORD}\n".encode()).decode()
        case "not base64":
            return f"Basic {pair}"
        case "no colon":
            return "Basic " + base64.b64encode(PASSWORD.encode()).decode()
        case "bearer":
            return "Bearer drawn"
    return f"Basic {encoded}"


def _own_users(route: ProxyRoute, plan: Plan) -> dict[str, str]:
    """The proxy's own accounts; the user's own only where the list is known to hold that name."""
    names = set(route.auth.users if route.auth else ())
    return {plan.user: PASSWORD} if plan.user in names else {"gate": OTHER}


def _left_out(facts: Facts, route: ProxyRoute) -> Iterator[str]:
    if route.tls:
        yield "the proxy's TLS is left out: the twin speaks http"
    text = "\n".join(next((f.lines for f in facts.evidence.files if f.path == route.place.file), ()))
    if route.software != "joxit-ui" and _CONDITION.search(text):
        yield f"conditions of {route.place.file} are left out"
    if route.guards:
        yield "what the proxy refuses by address or rate is left out"
    if route.rewrite or route.strips_prefix:
        yield "a rewritten path is left out"
    if len(route.upstream_hosts) > 1:
        yield "one of several upstreams is rebuilt"
    if not route.complete:
        yield "a part of the proxy's configuration was not handed over"
    if route.auth is not None and route.auth.kind != "basic":
        yield "the proxy asks another service for the login, which is left out"
