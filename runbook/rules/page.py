"""Where the page's calls go: preflights, mixed content, and names that only Docker knows."""

from collections.abc import Iterator

from runbook.model import Exchange, Finding, Fix, Refutation, Subject, Symptom, Ui
from runbook.model.command import glued, name, sh, url
from runbook.observe.signature import from_registry
from runbook.rules.base import Facts, rule
from runbook.rules.crossing import (
    BLOCKED,
    console,
    crossings,
    header,
    is_needed,
    one_origin,
    page_of,
    wants_login,
)
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.shell import observed
from runbook.stack.browser import origin_of, refusal, same_origin
from runbook.urls import netloc, urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 (a name people type, nothing listens on it)


def _registry_url(ui: Ui) -> str:
    return (ui.registry_url.value or "") if ui.registry_url else ""


def _about(ui: Ui | None) -> Subject | None:
    return Subject(service=ui.name) if ui else None


@rule(
    "preflight-options-401",
    needs_any=("ui", "exchanges", "logs", "messages"),
    step="headers",
    title="the browser's preflight is answered 401",
    fix="Use the UI as proxy (NGINX_PROXY_PASS_URL), or let a proxy in front of the registry answer OPTIONS",
    source="distribution registry/handlers/app.go (authorized before the method); run on 2.8.2 and 3.1.1, Chromium 156",
    explains=(Symptom.PREFLIGHT_REFUSED, *BLOCKED),
    hop="browser",
)
def preflight(facts: Facts) -> Iterator[Finding]:
    """The registry asks for credentials before it looks at the method, so OPTIONS is 401 whatever headers are set; and a
    browser sends no credentials with a preflight.

    Simple calls work, so the list of images comes up, and only sizes, dates and DELETE fail: it looks like half a
    CORS setting is missing.
    """
    complaint = console(facts.traffic, "preflight")
    if not (complaint or is_needed(facts.stack)) or any(route.answers_options for route in facts.stack.routes):
        return
    refused = (*_refused_preflights(facts), *([said(complaint)] if complaint else []))
    calls_out = facts.ui if facts.ui and facts.ui.mode == "browser" and wants_login(facts) else None
    calls_out = calls_out if calls_out and _crosses_by_file(calls_out, page_of(facts)) else None
    if not refused and not calls_out:
        return
    simple = [c for c in crossings(facts.traffic) if c.exchange.method != "OPTIONS"]
    blocked = any(refusal(c.page, c.exchange.response_headers, credentials=True) for c in simple)
    allowed = refused and header(facts.stack, "Access-Control-Allow-Origin")
    place = calls_out.registry_url.place if calls_out and calls_out.registry_url else None
    fix = one_origin(facts)
    asked = next((e for e in facts.traffic.exchanges if e.method == "OPTIONS" and e.status == 401), None)
    if facts.ui is None and asked is not None:
        fix = _answered_in_front(asked)
    yield finding(
        "The browser asks with OPTIONS first, without credentials, and the registry answers 401: everything but "
        "simple GETs fails. No header setting of the registry changes that.",
        refused[:4],
        read("the page calls the registry across origins, and the registry asks for credentials", place)
        if calls_out
        else None,
        explains=() if refused else (Symptom.PREFLIGHT_REFUSED,),
        refuted=(Refutation(cause="cors-origin-mismatch", because="simple calls from the same page are allowed"),)
        if allowed
        else (),
        # While the browser keeps even simple responses back, that is the first wall.
        warning=not refused or (blocked and complaint is None),
        # A browser that stopped at the preflight never looked at the other headers.
        supersedes=_OTHER_HEADERS if complaint else (),
        fix=fix if refused else Fix(summary=fix.summary),
        about=_about(facts.ui),
    )


_OTHER_HEADERS = (
    "cors-wildcard-with-credentials",
    "cors-origin-mismatch",
    "cors-credentials-missing",
    "cors-multiple-origins",
)


def _answered_in_front(asked: Exchange) -> Fix:
    """The cure where nothing is known of the UI, with the preflight as it was seen for a check."""
    origin = asked.sent("Origin") or asked.page or "https://ui.example"
    method = asked.sent("Access-Control-Request-Method") or "DELETE"
    page, wanted = glued("Origin: ", url(origin)), glued("Access-Control-Request-Method: ", name(method))
    check = sh("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", "-X", "OPTIONS", "-H", page, "-H", wanted,
               url(asked.url), expect="204 or 200, once the proxy answers it (with one origin no browser asks)")  # fmt: skip
    return Fix(
        summary="Serve page and registry from one origin (NGINX_PROXY_PASS_URL of the UI), or let the proxy in front of the "
        "registry answer OPTIONS itself: 204 with the Access-Control-Allow headers",
        verify=(check,),
    )


def _refused_preflights(facts: Facts) -> tuple[Item, ...]:
    """Preflights that got 401: a browser's own, those in a log, and the first of ours where there is a UI."""
    traffic = facts.traffic
    options = [e for e in traffic.exchanges if e.method == "OPTIONS" and e.status == 401]
    browsers = [
        seen(e, what=f"OPTIONS {e.path} -> 401 for the page {asker}")
        for e in options
        if (asker := e.page or e.sent("Origin")) and e.source.file != "probe" and not same_origin(asker, e.url)
    ]
    logged = [
        said(r, f"OPTIONS {r.uri[:120]} -> 401, asked by a browser on {origin_of(r.referer)}")
        for r in traffic.requests
        if r.method == "OPTIONS" and r.status == 401 and "Mozilla/" in r.agent and _crosses(r.referer, r.host)
    ]
    ours = [
        seen(e, what=f"OPTIONS {e.path} -> 401, and the page calls the registry itself")
        for e in options
        if e.source.file == "probe" and e.route == "direct" and e.is_api and facts.ui
    ]
    return (*browsers, *logged, *ours[:1])


def _crosses(referer: str, host: str) -> bool:
    there = netloc(referer)
    return bool(there) and (not host or there != host.lower())


def _crosses_by_file(ui: Ui, page: str | None) -> bool:
    url = _registry_url(ui)
    return url.startswith("http") and (page is None or not same_origin(page, url))


@rule(
    "mixed-content",
    needs_any=("ui", "messages"),
    step="align",
    title="an https page calls an http registry",
    fix="Give the registry https as well, or let the UI forward /v2 (NGINX_PROXY_PASS_URL)",
    source="W3C Mixed Content; Joxit/docker-registry-ui#92; run in Chromium 156",
    explains=BLOCKED,
    hop="browser",
    proves=True,
    refuted=(Refutation(cause="cors-origin-mismatch", because="no request is sent, so no header is looked at"),),
    supersedes=("cors-origin-mismatch", "preflight-options-401"),
)
def mixed_content(facts: Facts) -> Iterator[Finding]:
    """A page that came over https may not call http: the browser blocks the call before it is sent, so no log shows it.

    curl has no such rule, and the UI calls it a CORS error.
    """
    complaint = next(iter(facts.traffic.said("mixed-content")), None)
    page = page_of(facts) or ""
    variable = facts.ui.registry_url if facts.ui and facts.ui.mode == "browser" else None
    url = (variable.value or "") if variable else ""
    host = urlsplit(url).hostname or ""
    plain = url.startswith("http://") and page.startswith("https://") and host not in _LOOPBACK
    if not complaint and not plain:
        return
    yield finding(
        "The page came over https and calls the registry over http: the browser blocks that before it is sent.",
        said(complaint),
        read(f"the page is {page}, REGISTRY_URL is {url}", variable.place) if plain and variable else None,
        fix=one_origin(facts),
        about=_about(facts.ui),
    )


@rule(
    "browser-cannot-resolve-container-name",
    needs=("ui", "compose"),
    step="align",
    title="REGISTRY_URL is a name that only Docker's network knows",
    fix="Set REGISTRY_URL to an address that the browser reaches, or use NGINX_PROXY_PASS_URL for the container's name",
    source="Joxit/docker-registry-ui README and #220: REGISTRY_URL is used by the browser; run with UI 2.6.0",
    explains=(*BLOCKED, Symptom.NAME_UNKNOWN, Symptom.UNREACHABLE),
    hop="browser",
    proves=True,
    refuted=(Refutation(cause="cors-origin-mismatch", because="no response arrives whose headers could be wrong"),),
    supersedes=(
        "cors-origin-mismatch",
        "cors-credentials-missing",
        "cors-wildcard-with-credentials",
        "preflight-options-401",
    ),
)
def container_name(facts: Facts) -> Iterator[Finding]:
    """REGISTRY_URL is fetched by the browser on somebody's desk, where a compose service's name does not resolve.

    Inside the UI's container the name works, so every test from there succeeds; the UI calls it a CORS error.
    """
    ui, compose = facts.ui, facts.compose
    if ui is None or ui.mode != "browser" or ui.registry_url is None or compose is None:
        return
    host = urlsplit(_registry_url(ui)).hostname or ""
    service = compose.service(host) if host and "." not in host else None
    if service is None or host in _LOOPBACK or any(e.page and e.status and e.is_api for e in facts.traffic.exchanges):
        return
    yield finding(
        f"REGISTRY_URL is {_registry_url(ui)}: the browser has to resolve {host}, and only containers know that name.",
        read(f"{host} is the compose service {service.name}", ui.registry_url.place),
        observed(facts, Symptom.NAME_UNKNOWN),
        fix=one_origin(facts),
        about=_about(ui),
    )


def _refused_at_home(facts: Facts, host: str) -> Exchange | None:
    """A browser's call to its own machine that nobody answers there, although the registry was seen to answer."""
    up = any(e.status is not None and from_registry(e) for e in facts.traffic.exchanges) or any(
        e.status in (200, 401) and e.page is None for e in facts.traffic.exchanges
    )
    refused = (e for e in facts.traffic.exchanges if e.error in ("refused", "blocked") and e.page is not None)
    return next(
        (
            e
            for e in refused
            if up and (urlsplit(e.url).hostname or "") == host and urlsplit(e.page or "").hostname not in _LOOPBACK
        ),
        None,
    )


@rule(
    "browser-localhost",
    needs=("ui",),
    step="align",
    tier=2,
    title="REGISTRY_URL is localhost, but the page is opened from another machine",
    fix="Set REGISTRY_URL to the server's name, or use NGINX_PROXY_PASS_URL",
    source="Joxit/docker-registry-ui#277: REGISTRY_URL is used by the browser",
    explains=(*BLOCKED, Symptom.UNREACHABLE),
    hop="browser",
    proves=True,
    supersedes=("cors-origin-mismatch", "preflight-options-401"),
)
def localhost(facts: Facts) -> Iterator[Finding]:
    """localhost is the machine of the visitor: on the server it works, from every desk it does not.

    The one who set it up tested on the server, where both are the same machine.
    """
    ui = facts.ui
    if ui is None or ui.mode != "browser" or ui.registry_url is None:
        return
    host = urlsplit(_registry_url(ui)).hostname or ""
    page = page_of(facts)
    opened = urlsplit(page).hostname if page else None
    alone = _refused_at_home(facts, host) if opened is None or opened in _LOOPBACK else None
    if host not in _LOOPBACK or (alone is None and (opened is None or opened in _LOOPBACK)):
        return
    if alone is not None:
        page, opened = alone.page, urlsplit(alone.page or "").hostname
    yield finding(
        f"REGISTRY_URL is {_registry_url(ui)}, but the page is opened "
        f"{f'as {page}' if opened else 'on another machine'}: the browser looks for a registry on its own machine.",
        read(f"REGISTRY_URL names {host}" + (f", the page {opened}" if opened else ""), ui.registry_url.place),
        seen(alone),
        fix=one_origin(facts),
        about=_about(ui),
    )
