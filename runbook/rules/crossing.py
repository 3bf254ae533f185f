"""The browser's cross-origin calls in this stack: who calls whom, what the registry is set to answer, and how to end them."""

import re
from dataclasses import dataclass

from runbook.model import (
    Command,
    Compose,
    Edit,
    EnvVar,
    Exchange,
    Fix,
    Message,
    Place,
    Setting,
    Stack,
    Symptom,
    Ui,
)
from runbook.model.command import PIPE, glued, sh, url
from runbook.observe.signature import is_registrys
from runbook.observe.traffic import Traffic, is_authenticated
from runbook.once import once
from runbook.parse.complaints import INSIDE
from runbook.rules.base import Facts
from runbook.rules.hop_edits import line_of
from runbook.rules.logins import url as base_url
from runbook.rules.platform import all_restarted, platform, restarted, runs_registry
from runbook.rules.shell import status
from runbook.stack.browser import origin_of, same_origin
from runbook.urls import urlsplit

BLOCKED = (Symptom.BROWSER_BLOCKED,)
_ALLOW = "http.headers."
FORWARD = "NGINX_PROXY_PASS_URL"
ALLOWED = "Access-Control-Allow-Origin: {page} and Access-Control-Allow-Credentials: true"
ONE_LINE = "1"
"""What `allowed` prints; the second one counts the lines that allow an origin."""


# ---- who calls whom ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crossing:
    """A response that a page on another origin got, or a request that named such a page (curl -H Origin)."""

    exchange: Exchange
    page: str

    @property
    def allowed(self) -> list[str]:
        """The Access-Control-Allow-Origin lines, in order."""
        return list(self.exchange.headers("Access-Control-Allow-Origin"))


def is_needed(stack: Stack) -> bool:
    """CORS matters only where the page calls the registry itself, not where the UI's nginx forwards /v2."""
    return not (stack.ui is not None and stack.ui.mode == "proxy")


@once
def crossings(traffic: Traffic) -> tuple[Crossing, ...]:
    """Responses to calls across origins, those of a browser first, and of these preflights last: their headers must
    allow the page just as well."""
    asked = sorted(traffic.exchanges, key=lambda e: (e.page is None, e.method == "OPTIONS"))
    return tuple(
        Crossing(e, page)
        for e in asked
        if (page := e.page or e.sent("Origin")) and e.is_api and e.status and not same_origin(page, e.url)
        if not _only_asked_by_us(e, page, traffic)
    )


def _only_asked_by_us(exchange: Exchange, page: str, traffic: Traffic) -> bool:
    """Our own question under the page's name, although the page has the registry at its own address and need not cross."""
    if exchange.source.file != "probe" or exchange.page is not None or traffic.page_calls_out:
        return False
    return any(same_origin(page, e.url) and is_registrys(e) for e in traffic.on("via"))


def wants_login(facts: Facts) -> bool:
    """Whether the registry asks for credentials, so that the page must send some."""
    if facts.registry is not None and facts.registry.auth != "unknown":
        return facts.registry.auth != "none"
    sent = any(e.status == 401 or is_authenticated(e) for e in facts.traffic.exchanges)
    return sent or bool(facts.traffic.logged("no-usable-credential"))


def page_of(facts: Facts) -> str | None:
    """Origin of the UI's page where it was seen or given; None when only guesses are left."""
    for crossing in crossings(facts.traffic):
        return crossing.page
    target = facts.evidence.target
    for address in (*(m.page for m in facts.traffic.messages), target.origin, target.ui_url):
        if address:
            return origin_of(address)
    return next(iter(fronted(facts.stack)), None)


def fronted(stack: Stack) -> list[str]:
    """Origins under which a proxy's file publishes the UI: its name with the proxy's scheme."""
    if stack.ui is None:
        return []
    names = {stack.ui.service.name, stack.ui.service.container_name, stack.ui.service.hostname}
    found = []
    for route in stack.routes:
        if route.software == "joxit-ui" or not any(host in names for host, _ in route.upstream_hosts):
            continue
        scheme = "https" if route.tls else "http"
        default = 443 if route.tls else 80
        port = next((p for p in route.listen if p not in (80, 443)), default)
        suffix = "" if port == default else f":{port}"
        found += [
            f"{scheme}://{name.lower()}{suffix}" for name in route.server_names if "." in name and "*" not in name
        ]
    return found


def console(traffic: Traffic, *details: str) -> Message | None:
    """The first CORS complaint of a browser's console with one of these reasons, be it about the preflight's response."""
    return next((m for m in traffic.said("cors") if m.detail.removeprefix(INSIDE) in details), None)


# ---- what the registry is set to answer ----------------------------------------------------------------------


def header(stack: Stack, name: str) -> Setting | None:
    """The registry's setting for a response header."""
    for key, setting in (stack.registry.settings if stack.registry else {}).items():
        if key.startswith(_ALLOW) and key[len(_ALLOW) :].lower() == name.lower():
            return setting
    return None


def values(setting: Setting) -> list[str]:
    """A header setting as the lines that the registry will send, one for each item."""
    items = setting.value if isinstance(setting.value, list) else [setting.value]
    return ["true" if item is True else "false" if item is False else str(item) for item in items]


def where_of(setting: Setting) -> Place | str:
    """Where a setting comes from, in words where no line is known."""
    return setting.place or setting.origin


# ---- fixes ---------------------------------------------------------------------------------------------------


def rewrite(facts: Facts, place: Place | None, old: str, new: str) -> tuple[Edit, ...]:
    """An edit of one line, where the line is known and holds the old text exactly once, in whatever case."""
    line = line_of(facts.evidence, place) if place else None
    found = list(re.finditer(re.escape(old), line or "", re.IGNORECASE))
    if line is None or place is None or place.line is None or len(found) != 1:
        return ()
    changed = line[: found[0].start()] + new + line[found[0].end() :]
    return (Edit(file=place.file, line=place.line, old=line, new=changed),)


def headers_fix(facts: Facts, summary: str, edits: tuple[Edit, ...] = (), expect: str = ALLOWED) -> Fix:
    """The fix of the registry's headers, with the advice that ends all such faults: stay on one origin."""
    registry, compose = facts.registry, facts.compose
    place = next((Place(e.file, e.line) for e in edits), None)
    # Compose does not notice a changed config.yml, and one that is mounted by itself stays the old one until then.
    elsewhere = any(compose is None or e.file not in compose.files for e in edits)
    again: tuple[Command, ...] = ()
    if registry and registry.service:
        again = restarted(registry.service, place, fresh=elsewhere).commands
    elif platform(facts) == "host":
        again = restarted(runs_registry(facts)).commands
    return Fix(
        summary=f"{summary}, or set {FORWARD} on the UI, so that the browser stays on one origin",
        commands=again,
        verify=(allowed(facts, _called(facts), expect),),
        applies="the registry reads its configuration when it starts",
        edits=edits,
    )


def allowed(facts: Facts, base: str, expect: str = ALLOWED) -> Command:
    """Shows what the server at an address allows to the page, or (`ONE_LINE`) how many origins."""
    page = page_of(facts) or _published(facts, base)
    origin = glued("Origin: ", url(page))
    ask = ("curl", "-sSi", "-H", origin, url(base, "/v2/"), PIPE)
    if expect == ONE_LINE:
        return sh(*ask, "grep", "-ci", "^access-control-allow-origin:", expect=expect)
    shown = expect.format(page=url(page).text if page else "the page's origin")
    return sh(*ask, "grep", "-i", "^access-control-allow", expect=shown)


def _published(facts: Facts, base: str) -> str | None:
    """Where the page would be on the host that answers at an address: at the port that the UI is published on."""
    host = urlsplit(base).hostname
    port = next((p.published for p in facts.ui.ports if p.published), None) if facts.ui else None
    return origin_of(f"http://{host}:{port}") if host and port else None


def _called(facts: Facts) -> str:
    """The registry's address as the page calls it."""
    seen = next((origin_of(c.exchange.url) for c in crossings(facts.traffic)), None)
    set_to = facts.ui.registry_url.value if facts.ui and facts.ui.registry_url else None
    return seen or set_to or base_url(facts)


def one_origin(facts: Facts, variable: EnvVar | None = None) -> Fix:
    """Let the UI's own nginx forward /v2 instead of the page calling the registry: no CORS, no preflight.

    The edit writes NGINX_PROXY_PASS_URL in the place of `variable` (REGISTRY_URL where none is given), with an
    address that the UI's container reaches. No edit where that address or the line is not known.
    """
    ui = facts.ui
    variable = variable or (ui.registry_url if ui else None)
    target = _inner(facts, ui, variable) if ui and variable else None
    line = line_of(facts.evidence, variable.place) if variable and target else None
    edits: tuple[Edit, ...] = ()
    if line and variable and target and variable.value and line.count(variable.name) == line.count(variable.value) == 1:
        new = line.replace(variable.value, target).replace(variable.name, FORWARD)
        edits = (Edit(file=variable.place.file, line=variable.place.line or 0, old=line, new=new),)
    old = variable.name if variable else "REGISTRY_URL"
    if ui and ui.mode == "proxy" and variable and ui.proxy_pass is not variable:
        return _without_address(facts, ui, variable)
    return Fix(
        summary=f"Set {FORWARD}{f' to {target}' if target else ''} on the UI instead of {old}, so that its nginx "
        "forwards /v2 and the browser stays on one origin",
        commands=all_restarted(facts, (ui.service,)) if ui else (),
        verify=(status(_at(ui), expect="401 (or 200)"),) if ui else (),
        applies="the UI writes its nginx configuration when its container starts",
        edits=edits,
    )


def _at(ui: Ui) -> str:
    """Where the UI's page is published on its own machine."""
    return f"http://localhost:{next((p.published for p in ui.ports if p.published), 80)}"


def _without_address(facts: Facts, ui: Ui, variable: EnvVar) -> Fix:
    """The cure where its nginx forwards /v2 already, and the page is told another address all the same: the page's
    registryUrl wins over its own origin (docker-registry-ui.riot)."""
    line = line_of(facts.evidence, variable.place)
    alone = line is not None and line.count(variable.name) == 1
    edits = (Edit(file=variable.place.file, line=variable.place.line or 0, old=line, new=None),) if alone else ()
    return Fix(
        summary=f"Delete {variable.name} on the UI: the page calls that address, although {FORWARD} is set",
        commands=all_restarted(facts, (ui.service,)),
        # The image's entrypoint writes the variable into the page (bin/90-docker-registry-ui.sh).
        verify=(sh("curl", "-sS", url(_at(ui), "/"), PIPE, "grep", "-cF", url(variable.value), expect="0"),),
        applies="the UI writes its nginx configuration when its container starts",
        edits=edits,
    )


def _inner(facts: Facts, ui: Ui, variable: EnvVar) -> str | None:
    """The registry's address in the network of the UI's container; None where they share none."""
    if facts.compose is None or ui.major == 1:
        return None
    named = _service_in(variable.value or "", facts.compose)
    if named is not None and "://" in (variable.value or ""):
        return variable.value
    registry = facts.registry
    service = registry.service if registry else None
    if registry is None or service is None or not set(service.networks) & set(ui.service.networks):
        return None
    scheme = "https" if registry.value("http.tls.certificate") else "http"
    return f"{scheme}://{service.name}:{registry.listens or 5000}"


def _service_in(address: str, compose: Compose) -> str | None:
    """The compose service that an address names."""
    host = origin_of(address).split("://", 1)[1].rsplit(":", 1)[0]
    service = compose.service(host) if host else None
    return service.name if service else None
