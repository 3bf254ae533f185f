"""Responses that the browser keeps from the page, because the registry does not allow it in the right words."""

from collections.abc import Iterator
from dataclasses import replace

from runbook.model import Edit, Finding, HeaderEdit, Place, ProxyRoute, Refutation, Setting
from runbook.numbers import whole_number
from runbook.rules.align import add_variables
from runbook.rules.base import Facts, rule
from runbook.rules.crossing import (
    BLOCKED,
    Crossing,
    console,
    crossings,
    header,
    headers_fix,
    is_needed,
    page_of,
    rewrite,
    values,
    wants_login,
    where_of,
)
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import insert, line_of
from runbook.rules.reloads import reload
from runbook.rules.shell import subject
from runbook.stack.browser import Refusal, origin_of, refusal

FETCH = "Fetch standard, CORS check; run in Chromium 156 against registry 2.8.2 and 3.1.1"
ORIGIN, CREDENTIALS = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
_REALM = Refutation(cause="htpasswd-wrong-password", because="the registry answered; it is the browser that refuses")


def _refused(facts: Facts, reason: Refusal) -> Crossing | None:
    login = wants_login(facts)
    refusals = ((c, refusal(c.page, c.exchange.response_headers, credentials=login)) for c in crossings(facts.traffic))
    return next((c for c, found in refusals if found == reason), None)


@rule(
    "cors-origin-mismatch",
    by_absence=True,
    needs_any=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="Access-Control-Allow-Origin names another origin than the page's",
    fix="Write the page's origin exactly as the browser shows it: scheme, host, port, no slash, no :80 or :443",
    source=FETCH,
    explains=BLOCKED,
    hop="browser",
    refuted=(_REALM,),
    proves=True,
)
def origin_mismatch(facts: Facts) -> Iterator[Finding]:
    """The browser compares byte by byte: another scheme or port, a slash at the end or a written-out :80 is another origin.

    People write the container's name or the registry's own address; the page's origin is what the browser's
    address bar shows. The UI's own error box names the wrong one, too.
    """
    if not is_needed(facts.stack):
        return
    page = page_of(facts)
    got = _refused(facts, "origin")
    complaints = facts.traffic.said("cors")
    complaint = next((m for m in complaints if m.allowed and "," not in m.allowed and m.allowed != "*"), None)
    allowed = got.allowed[0] if got else complaint.allowed if complaint else None
    setting = header(facts.stack, ORIGIN)
    written = values(setting)[0] if setting and len(values(setting)) == 1 else None
    why, fits = None, False
    if written and written != "*" and allowed in (None, written):
        why = _never_matches(written, facts) if page is None else None if written == page else f"the page is {page}"
        fits = bool(why or got or complaint)
    allowed = written if fits else allowed
    if allowed is None and setting is None and (silent := console(facts.traffic, "missing")) and _by_nobody(facts):
        yield finding(
            f"The registry allows no origin at all, and the page is {page or 'of another one'}: the browser discards the response.",
            said(silent),
            read(f"no {ORIGIN} in its configuration", where_of_registry(facts)),
            fix=headers_fix(facts, f"Allow {page or 'the origin in the address bar'}", ()),
            about=subject(facts.registry),
        )
        return
    if allowed is None or (page == allowed and not got and not complaint):
        return
    edits = rewrite(facts, setting.place, written, page) if setting and written and page else ()
    seen_there = bool(page or got or complaint)
    yield finding(
        f"The registry allows the origin {allowed}, but the page is {page or 'opened under another one'}: "
        "the browser discards the response."
        if seen_there
        else f"The registry allows the origin {allowed}, which no page can have.",
        seen(got.exchange, what=f"the page {got.page} got {ORIGIN}: {allowed}") if got else None,
        said(complaint),
        read(f"allowed is {written}" + (f": {why}" if why else ""), where_of(setting)) if setting and fits else None,
        warning=not seen_there and facts.ui is None,  # whether there is a page at all, nothing tells
        fix=headers_fix(facts, f"Allow {page or 'the origin in the address bar'}", edits),
        about=subject(facts.registry),
    )


def _by_nobody(facts: Facts) -> bool:
    """Whether neither the registry, whose configuration is known, nor a proxy on the way sets the header."""
    edits = (e for r in facts.stack.routes for e in r.response_headers)
    return facts.registry is not None and not any(e.name.lower() == ORIGIN.lower() for e in edits)


def where_of_registry(facts: Facts) -> str:
    """The file that tells how the registry is set up."""
    found = facts.registry
    service = found.service if found else None
    return str(service.place if service else (found.config_file or "") if found else "")


def _never_matches(allowed: str, facts: Facts) -> str | None:
    """Why no page can ever have this origin; None where one can."""
    if "://" not in allowed:
        return "an origin begins with http:// or https://"
    if allowed != origin_of(allowed):
        return f"a browser writes it {origin_of(allowed)}"
    host = allowed.split("://", 1)[1].split(":")[0]
    ui, registry = facts.ui, facts.stack.registry
    if host in {s.name for s in (ui.service if ui else None, registry.service if registry else None) if s}:
        return f"{host} is a name inside Docker's network, which no browser uses"
    if ui and ui.registry_url and ui.registry_url.value and origin_of(ui.registry_url.value) == allowed:
        port = allowed.rsplit(":", 1)[-1]
        if not (port.isdecimal() and whole_number(port) in {p.published for p in ui.ports}):
            return "that is the registry's own address, not the page's"
    return None


@rule(
    "cors-wildcard-with-credentials",
    needs_any=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="wildcard origin is not allowed with credentials",
    fix="Name the page's origin instead of *",
    source=FETCH,
    explains=BLOCKED,
    hop="browser",
    refuted=(Refutation(cause="cors-origin-mismatch", because="no origin is named at all"), _REALM),
    proves=True,
    supersedes=("cors-credentials-missing",),
)
def wildcard(facts: Facts) -> Iterator[Finding]:
    """With credentials the browser accepts no `*`; the origin must be named.

    `*` looks like the most tolerant value, so nobody suspects it. It works until the registry asks for credentials.
    """
    if not is_needed(facts.stack):
        return
    got = _refused(facts, "wildcard") if wants_login(facts) else None
    complaint = console(facts.traffic, "wildcard")
    setting = header(facts.stack, ORIGIN)
    setting = setting if setting and "*" in values(setting) else None
    if not (got or complaint or (setting and facts.ui and wants_login(facts))):
        return
    page = page_of(facts)
    named = rewrite(facts, setting.place, "*", page) if setting and page else ()
    edits = (*named, *_consent(facts, setting)) if named and setting else ()
    asks = ", and the registry asks for credentials" if wants_login(facts) else ""
    yield finding(
        "The registry allows every origin with *, but the page sends credentials, and then the browser accepts no *.",
        said(complaint),
        seen(got.exchange, what=f"the page {got.page} got {ORIGIN}: *") if got else None,
        read(f"{ORIGIN} is *{asks}", where_of(setting)) if setting else None,
        fix=headers_fix(
            facts, f"Name {page or 'the origin of the page'} instead of *, with {CREDENTIALS}: true", edits
        ),
        about=subject(facts.registry),
    )


@rule(
    "cors-credentials-missing",
    by_absence=True,
    needs_any=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="Access-Control-Allow-Credentials: true is missing",
    fix="Add REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials: '[\"true\"]'",
    source=FETCH,
    explains=BLOCKED,
    hop="browser",
    refuted=(_REALM,),
    proves=True,
)
def credentials_missing(facts: Facts) -> Iterator[Finding]:
    """The origin is allowed, but a call with credentials needs Access-Control-Allow-Credentials: true besides.

    Only the exact word `true` counts. While the registry asks for no credentials nobody misses the line.
    """
    complaint = console(facts.traffic, "credentials")
    if not is_needed(facts.stack) or not (complaint or wants_login(facts)):
        return
    got = _refused(facts, "credentials")
    origin, consent = header(facts.stack, ORIGIN), header(facts.stack, CREDENTIALS)
    unset = consent is None or values(consent) != ["true"]
    origin = origin if origin and unset and facts.ui and "*" not in values(origin) else None
    proxies = [] if origin or header(facts.stack, ORIGIN) else _half_open(facts)
    if not (got or complaint or origin or proxies):
        return
    edits = _consent(facts, origin) if origin else _consent_of_nginx(facts, proxies)
    again = reload(facts, proxies[0][0], proxies[0][1].place) if proxies else None
    fix = headers_fix(facts, f"Add {CREDENTIALS}: true to the headers that allow the origin", edits)
    yield finding(
        f"The page's origin is allowed, but {CREDENTIALS}: true is missing, and the page sends credentials.",
        said(complaint),
        seen(got.exchange, what=f"the page {got.page} got its origin allowed, but no credentials") if got else None,
        read("an origin is allowed here, credentials are not", where_of(origin)) if origin else None,
        [read(f"{r.software} allows the origin here, and no credentials", e.place) for r, e in proxies[:2]],
        warning=not (got or complaint or origin),  # no page was seen to call
        fix=replace(fix, commands=again.commands, applies=again.applies) if again else fix,
        about=subject(facts.registry),
    )


def _half_open(facts: Facts) -> list[tuple[ProxyRoute, HeaderEdit]]:
    """Where proxies allow an origin and no credentials."""
    return [
        (route, edit)
        for route in facts.stack.routes
        for edit in route.response_headers
        if edit.action != "remove" and edit.name.lower() == ORIGIN.lower()
        if all(e.name.lower() != CREDENTIALS.lower() for e in route.response_headers)
    ]


def _consent_of_nginx(facts: Facts, proxies: list[tuple[ProxyRoute, HeaderEdit]]) -> tuple[Edit, ...]:
    """The lines that allow credentials below those of nginx that allow the origin."""
    places = dict.fromkeys(edit.place for route, edit in proxies if route.software == "nginx")
    line = f'add_header {CREDENTIALS} "true" always;'
    return tuple(e for place in places for e in insert(facts.evidence, place, line))


def _consent(facts: Facts, origin: Setting) -> tuple[Edit, ...]:
    """The edit that allows credentials, in the file in which the origin is allowed."""
    registry, given = facts.registry, header(facts.stack, CREDENTIALS)
    if registry is None or (given and values(given) == ["true"]):
        return ()
    if given is not None:
        return rewrite(facts, given.place, values(given)[0], "true") if len(values(given)) == 1 else ()
    if origin.origin.startswith("REGISTRY_"):
        return add_variables(facts.evidence, registry, (f"REGISTRY_HTTP_HEADERS_{CREDENTIALS}", '["true"]'))
    return _below(facts, origin.place)


def _below(facts: Facts, place: Place | None) -> tuple[Edit, ...]:
    """The line of config.yml below the one that allows the origin, where that is a list in one line."""
    line = line_of(facts.evidence, place) if place else None
    if line is None or not line.lstrip().startswith(ORIGIN) or "]" not in line:
        return ()
    return insert(facts.evidence, place, f"{CREDENTIALS}: ['true']")
