"""Where the page's calls go: preflights, mixed content, and names that only Docker knows."""

from collections.abc import Iterator
from dataclasses import replace

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Fix, Refutation, Stack, Symptom, Ui
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.crossing import BLOCKED, console, crossings, fronted, header, is_needed, page_of, wants_login
from runbook.stack.browser import origin_of, refusal, same_origin
from runbook.urls import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 (a name people type, nothing listens on it)
_PROXY = Fix(
    summary="Let the UI's nginx forward /v2: set NGINX_PROXY_PASS_URL (and drop REGISTRY_URL), so that the browser stays "
    "on one origin and no preflight is needed.",
    commands=("# in the UI's environment:\nNGINX_PROXY_PASS_URL: http://registry:5000",),
)


def _registry_url(ui: Ui) -> str:
    return (ui.registry_url.value or "") if ui.registry_url else ""


@rule(
    "preflight-options-401",
    sees=("ui", "exchanges", "logs", "messages"),
    step="headers",
    title="the browser's preflight is answered 401",
    fix="Use the UI as proxy (NGINX_PROXY_PASS_URL), or let a proxy in front of the registry answer OPTIONS",
    source="distribution registry/handlers/app.go (authorized before the method); run on 2.8.2 and 3.1.1, Chromium 156",
)
def preflight(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry asks for a login before it looks at the method, so OPTIONS is 401 whatever headers are set; and a
    browser sends no login with a preflight.

    Simple calls work, so the list of images comes up, and only sizes, dates and DELETE fail: it looks like half a
    CORS setting is missing.
    """
    if not is_needed(stack) or any(route.answers_options for route in stack.routes):
        return
    items = [
        EvidenceItem(what=f"OPTIONS {e.path} -> 401 for the page {asker}", where=str(e.source))
        for e in traffic.exchanges
        if e.method == "OPTIONS" and e.status == 401 and (asker := e.page or e.sent("Origin"))
        if e.source.file != "probe" and not same_origin(asker, e.url)
    ]
    items += [
        EvidenceItem(what=f"OPTIONS {r.uri} -> 401, asked by a browser on {origin_of(r.referer)}", where=str(r.place))
        for r in traffic.requests
        if r.method == "OPTIONS" and r.status == 401 and "Mozilla/" in r.agent and _crosses(r.referer, r.host)
    ]
    items += [
        EvidenceItem(what=f"OPTIONS {e.path} -> 401, and the page calls the registry itself", where=str(e.source))
        for e in traffic.on("direct")
        if e.source.file == "probe" and e.method == "OPTIONS" and e.status == 401 and stack.ui
    ][:1]
    said = console(traffic, "preflight")
    if said:
        items.append(EvidenceItem(what=said.text, where=str(said.place)))
    page = page_of(evidence, stack, traffic)
    if items:
        simple = [c for c in crossings(traffic) if c.exchange.method != "OPTIONS"]
        blocked = any(refusal(c.page, c.exchange.response_headers, credentials=True) for c in simple)
        # While the browser keeps even simple answers back, that is the first wall.
        yield replace(_preflight(tuple(items[:4]), Certainty.SEEN, stack), warning=blocked and said is None)
    elif stack.ui and stack.ui.mode == "browser" and wants_login(stack, traffic) and _crosses_by_file(stack.ui, page):
        url = stack.ui.registry_url
        place = str(url.place) if url else ""
        yield _preflight(
            (
                EvidenceItem(
                    what="the page calls the registry across origins, and the registry wants a login", where=place
                ),
            ),
            Certainty.POSSIBLE,
            stack,
        )


def _preflight(items: tuple[EvidenceItem, ...], certainty: Certainty, stack: Stack) -> Finding:
    allowed = header(stack, "Access-Control-Allow-Origin")
    refuted = (Refutation(cause="cors-origin-mismatch", because="simple calls from the same page are allowed"),)
    return Finding(
        cause="preflight-options-401",
        summary="The browser asks with OPTIONS first, without a login, and the registry answers 401: everything but "
        "simple GETs fails. No header setting of the registry mends that.",
        certainty=certainty,
        explains=(Symptom.PREFLIGHT_REFUSED, *BLOCKED)
        if certainty > Certainty.POSSIBLE
        else (Symptom.PREFLIGHT_REFUSED,),
        evidence=items,
        hop="browser",
        refuted=refuted if allowed and certainty > Certainty.POSSIBLE else (),
        fix=_PROXY,
        warning=certainty == Certainty.POSSIBLE,
    )


def _crosses(referer: str, host: str) -> bool:
    there = urlsplit(referer).netloc.lower()
    return bool(there) and (not host or there != host.lower())


def _crosses_by_file(ui: Ui, page: str | None) -> bool:
    url = _registry_url(ui)
    return url.startswith("http") and (page is None or not same_origin(page, url))


@rule(
    "mixed-content",
    sees=("ui", "messages"),
    step="align",
    title="an https page calls an http registry",
    fix="Give the registry https as well, or let the UI forward /v2 (NGINX_PROXY_PASS_URL)",
    source="W3C Mixed Content; Joxit/docker-registry-ui#92; run in Chromium 156",
)
def mixed_content(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A page that came over https may not call http: the browser blocks the call before it is sent, so no log shows it.

    curl has no such rule, and the UI calls it a CORS error.
    """
    said = next(iter(traffic.said("mixed-content")), None)
    page = page_of(evidence, stack, traffic)
    url = _registry_url(stack.ui) if stack.ui and stack.ui.mode == "browser" else ""
    host = urlsplit(url).hostname or ""
    plain = url.startswith("http://") and (page or "").startswith("https://") and host not in _LOOPBACK
    if not said and not plain:
        return
    items = [EvidenceItem(what=said.text, where=str(said.place))] if said else []
    if plain and stack.ui and stack.ui.registry_url:
        items.append(
            EvidenceItem(what=f"the page is {page}, REGISTRY_URL is {url}", where=str(stack.ui.registry_url.place))
        )
    yield Finding(
        cause="mixed-content",
        summary="The page came over https and calls the registry over http: the browser blocks that before it is sent.",
        certainty=Certainty.PROVEN if said and plain else Certainty.SEEN if said else Certainty.READ,
        explains=BLOCKED,
        evidence=tuple(items),
        hop="browser",
        proves=True,
        refuted=(Refutation(cause="cors-origin-mismatch", because="no request is sent, so no header is looked at"),),
        supersedes=("cors-origin-mismatch", "preflight-options-401"),
        fix=_PROXY,
    )


@rule(
    "browser-cannot-resolve-container-name",
    sees=("ui",),
    step="align",
    title="REGISTRY_URL is a name that only Docker's network knows",
    fix="Set REGISTRY_URL to an address that the browser reaches, or use NGINX_PROXY_PASS_URL for the container's name",
    source="Joxit/docker-registry-ui README and #220: REGISTRY_URL is used by the browser; run with UI 2.6.0",
)
def container_name(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """REGISTRY_URL is fetched by the browser on somebody's desk, where a compose service's name does not resolve.

    Inside the UI's container the name works, so every test from there succeeds; the UI calls it a CORS error.
    """
    ui, compose = stack.ui, evidence.compose
    if ui is None or ui.mode != "browser" or ui.registry_url is None or compose is None:
        return
    host = urlsplit(_registry_url(ui)).hostname or ""
    service = compose.service(host) if host and "." not in host else None
    if service is None or host in _LOOPBACK or any(e.page and e.status and e.is_api for e in traffic.exchanges):
        return
    port = next((p.published for p in service.ports if p.published), 5000)
    yield Finding(
        cause="browser-cannot-resolve-container-name",
        summary=f"REGISTRY_URL is {_registry_url(ui)}: the browser has to resolve {host}, and only containers know that name.",
        certainty=Certainty.PROVEN if traffic.seen(Symptom.NAME_UNKNOWN) else Certainty.READ,
        explains=(*BLOCKED, Symptom.NAME_UNKNOWN, Symptom.UNREACHABLE),
        evidence=(
            EvidenceItem(what=f"{host} is the compose service {service.name}", where=str(ui.registry_url.place)),
        ),
        hop="browser",
        proves=True,
        refuted=(Refutation(cause="cors-origin-mismatch", because="no answer arrives whose headers could be wrong"),),
        supersedes=(
            "cors-origin-mismatch",
            "cors-credentials-missing",
            "cors-wildcard-with-credentials",
            "preflight-options-401",
        ),
        fix=Fix(
            summary=f"Set NGINX_PROXY_PASS_URL to {_registry_url(ui)} and drop REGISTRY_URL; or give REGISTRY_URL an address "
            f"that the browser reaches (port {port}).",
            commands=(f"# in the environment of {ui.name}:\nNGINX_PROXY_PASS_URL: {_registry_url(ui)}",),
        ),
    )


@rule(
    "browser-localhost",
    sees=("ui",),
    step="align",
    tier=2,
    title="REGISTRY_URL says localhost, but the page is opened from another machine",
    fix="Set REGISTRY_URL to the server's name, or use NGINX_PROXY_PASS_URL",
    source="Joxit/docker-registry-ui#277: REGISTRY_URL is used by the browser",
)
def localhost(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """localhost is the machine of whoever looks: on the server it works, from every desk it does not.

    The one who set it up tested on the server, where both are the same machine.
    """
    ui = stack.ui
    if ui is None or ui.mode != "browser" or ui.registry_url is None:
        return
    host = urlsplit(_registry_url(ui)).hostname or ""
    page = page_of(evidence, stack, traffic) or next(iter(fronted(stack)), None)
    opened = urlsplit(page).hostname if page else None
    if host not in _LOOPBACK or opened is None or opened in _LOOPBACK:
        return
    yield Finding(
        cause="browser-localhost",
        summary=f"REGISTRY_URL is {_registry_url(ui)}, but the page is opened as {page}: the browser looks for a registry on "
        "its own machine.",
        certainty=Certainty.READ,
        explains=(*BLOCKED, Symptom.UNREACHABLE),
        evidence=(
            EvidenceItem(what=f"REGISTRY_URL names {host}, the page {opened}", where=str(ui.registry_url.place)),
        ),
        hop="browser",
        proves=True,
        supersedes=("cors-origin-mismatch", "preflight-options-401"),
        fix=_PROXY,
    )
