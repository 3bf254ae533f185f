"""The browser's cross-origin calls in this stack: who calls whom, and what the registry is set to answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.model import Edit, Evidence, Exchange, Fix, Message, Place, Setting, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.parse.complaints import INSIDE
from runbook.stack.browser import origin_of, same_origin

BLOCKED = (Symptom.BROWSER_BLOCKED,)
_ALLOW = "http.headers."


@dataclass(frozen=True, slots=True)
class Crossing:
    """An answer that a page on another origin got, or a request that named such a page (curl -H Origin)."""

    exchange: Exchange
    page: str

    @property
    def where(self) -> str:
        return str(self.exchange.source)

    @property
    def allowed(self) -> list[str]:
        """The Access-Control-Allow-Origin lines, in order."""
        return list(self.exchange.headers("Access-Control-Allow-Origin"))


def is_needed(stack: Stack) -> bool:
    """CORS matters only where the page calls the registry itself, not where the UI's nginx forwards /v2."""
    return not (stack.ui is not None and stack.ui.mode == "proxy")


def crossings(traffic: Traffic) -> Iterator[Crossing]:
    """Answers to calls across origins, those of a browser first, and of these preflights last: their headers must
    allow the page just as well."""
    for e in sorted(traffic.exchanges, key=lambda e: (e.page is None, e.method == "OPTIONS")):
        page = e.page or e.sent("Origin")
        if page and e.is_api and e.status and not same_origin(page, e.url) and not _only_asked_by_us(e, page, traffic):
            yield Crossing(e, page)


def _only_asked_by_us(exchange: Exchange, page: str, traffic: Traffic) -> bool:
    """Our own question under the page's name, although the page has the registry at its own address and need not cross."""
    if exchange.source.file != "probe" or exchange.page is not None or traffic.page_calls_out:
        return False
    return any(same_origin(page, e.url) and e.header("Docker-Distribution-Api-Version") for e in traffic.on("via"))


def wants_login(stack: Stack, traffic: Traffic) -> bool:
    """Whether the registry asks for a login, so that the page must send credentials."""
    if stack.registry is not None and stack.registry.known and stack.registry.auth != "unknown":
        return stack.registry.auth != "none"
    return any(e.status == 401 for e in traffic.exchanges) or bool(traffic.logged("no-usable-credential"))


def header(stack: Stack, name: str) -> tuple[str, Setting] | None:
    """The registry's setting for a response header, with the name as it is written."""
    for key, setting in (stack.registry.settings if stack.registry else {}).items():
        if key.startswith(_ALLOW) and key[len(_ALLOW) :].lower() == name.lower():
            return key[len(_ALLOW) :], setting
    return None


def values(setting: Setting) -> list[str]:
    """A header setting as the lines that the registry will send, one for each item."""
    items = setting.value if isinstance(setting.value, list) else [setting.value]
    return ["true" if item is True else "false" if item is False else str(item) for item in items]


def page_of(evidence: Evidence, stack: Stack, traffic: Traffic) -> str | None:
    """Origin of the UI's page where it was seen or given; None when only guesses are left."""
    for crossing in crossings(traffic):
        return crossing.page
    for message in traffic.messages:
        if message.page:
            return origin_of(message.page)
    for url in (evidence.target.origin, evidence.target.ui_url):
        if url:
            return origin_of(url)
    return next(iter(fronted(stack)), None)


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
    """The first CORS complaint of a browser's console with one of these reasons, be it about the preflight's answer."""
    return next((m for m in traffic.said("cors") if m.detail.removeprefix(INSIDE) in details), None)


def rewrite(evidence: Evidence, place: Place | None, old: str, new: str) -> tuple[Edit, ...]:
    """An edit of one line, where the line is known and holds the old text exactly once."""
    if place is None or place.line is None:
        return ()
    for source in evidence.files:
        if source.path == place.file and 0 < place.line <= len(source.lines):
            line = source.lines[place.line - 1]
            if place.line not in source.masked and line.count(old) == 1:
                return (Edit(file=source.path, line=place.line, old=line, new=line.replace(old, new)),)
    return ()


def check_with(page: str | None, evidence: Evidence, traffic: Traffic) -> tuple[str, ...]:
    """The command that shows what the registry answers to that page."""
    url = next(
        (origin_of(c.exchange.url) for c in crossings(traffic)), evidence.target.registry_url or "http://localhost:5000"
    )
    return (f"curl -sS -i -H 'Origin: {page or 'http://YOUR-UI'}' {url.rstrip('/')}/v2/ | grep -i access-control",)


def same_origin_fix(summary: str, evidence: Evidence, traffic: Traffic, page: str | None) -> Fix:
    """The advice that ends all of these: let the UI's own nginx forward /v2, and CORS is not used at all."""
    return Fix(
        summary=f"{summary} Or set NGINX_PROXY_PASS_URL on the UI, so that the browser stays on one origin.",
        verify=check_with(page, evidence, traffic),
    )
