"""Answers that the browser keeps from the page, because the registry does not allow it in the right words."""

from collections.abc import Iterator

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Refutation, Setting, Stack
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.crossing import (
    BLOCKED,
    Crossing,
    console,
    crossings,
    header,
    is_needed,
    page_of,
    rewrite,
    same_origin_fix,
    values,
    wants_login,
)
from runbook.stack.browser import origin_of, refusal

FETCH = "Fetch standard, CORS check; run in Chromium 156 against registry 2.8.2 and 3.1.1"
_REALM = Refutation(cause="htpasswd-wrong-password", because="the registry answered; it is the browser that refuses")


def _refused(traffic: Traffic, stack: Stack, reason: str) -> Crossing | None:
    login = wants_login(stack, traffic)
    return next(
        (c for c in crossings(traffic) if refusal(c.page, c.exchange.response_headers, credentials=login) == reason),
        None,
    )


def where_of(setting: Setting) -> str:
    """Where a setting stands, in words."""
    return str(setting.place or setting.origin)


@rule(
    "cors-origin-mismatch",
    sees=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="Access-Control-Allow-Origin names another origin than the page's",
    fix="Write the page's origin exactly as the browser shows it: scheme, host, port, no slash, no :80 or :443",
    source=FETCH,
)
def origin_mismatch(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The browser compares byte by byte: another scheme or port, a slash at the end or a written-out :80 is another origin.

    People put the container's name or the registry's own address there; the page's origin is what stands in
    the browser's address bar. The UI's own error box names the wrong one, too.
    """
    if not is_needed(stack):
        return
    page = page_of(evidence, stack, traffic)
    seen = _refused(traffic, stack, "origin")
    said = next((m for m in traffic.said("cors") if m.allowed and "," not in m.allowed and m.allowed != "*"), None)
    setting = header(stack, "Access-Control-Allow-Origin")
    allowed = seen.allowed[0] if seen else said.allowed if said else None
    items = []
    if seen:
        items.append(
            EvidenceItem(what=f"the page {seen.page} got Access-Control-Allow-Origin: {allowed}", where=seen.where)
        )
    if said:
        items.append(EvidenceItem(what=said.text, where=str(said.place)))
    written = values(setting[1])[0] if setting and len(values(setting[1])) == 1 else None
    if setting and written and written != "*" and (allowed in (None, written)):
        reason = _never_matches(written, stack) if page is None else "" if written == page else f"the page is {page}"
        if reason or items:
            items.append(
                EvidenceItem(
                    what=f"allowed is {written}" + (f": {reason}" if reason else ""), where=where_of(setting[1])
                )
            )
            allowed = written
    if not items or allowed is None or (page == allowed and not seen and not said):
        return
    read = any(setting and i.where == where_of(setting[1]) for i in items)
    yield Finding(
        cause="cors-origin-mismatch",
        summary=f"The registry allows the origin {allowed}, but the page is {page or 'opened under another one'}: "
        "the browser throws the answer away.",
        certainty=Certainty.PROVEN
        if seen and read
        else Certainty.SEEN
        if seen
        else Certainty.LOGGED
        if said
        else Certainty.READ,
        explains=BLOCKED,
        evidence=tuple(items),
        hop="browser",
        refuted=(_REALM,),
        proves=True,
        fix=same_origin_fix(f"Allow {page or 'the origin in the address bar'}.", evidence, traffic, page),
        edits=rewrite(evidence, setting[1].place, written, page) if setting and written and page else (),
    )


def _never_matches(allowed: str, stack: Stack) -> str:
    """Why no page can ever have this origin, or ""."""
    if "://" not in allowed:
        return "an origin begins with http:// or https://"
    if allowed != origin_of(allowed):
        return f"a browser writes it {origin_of(allowed)}"
    host = allowed.split("://", 1)[1].split(":")[0]
    ui, registry = stack.ui, stack.registry
    names = {s.name for s in (ui.service if ui else None, registry.service if registry else None) if s}
    if host in names:
        return f"{host} is a name inside Docker's network, which no browser uses"
    if ui and ui.registry_url and ui.registry_url.value and origin_of(ui.registry_url.value) == allowed:
        published = {p.published for p in ui.ports}
        port = allowed.rsplit(":", 1)[-1]
        if not (port.isdecimal() and int(port) in published):
            return "that is the registry's own address, not the page's"
    return ""


@rule(
    "cors-wildcard-with-credentials",
    sees=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="the wildcard * does not count for a call with a login",
    fix="Name the page's origin instead of *",
    source=FETCH,
)
def wildcard(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """With credentials the browser accepts no `*`; the origin must be named.

    `*` looks like the most tolerant value, so nobody suspects it. It works until the registry asks for a login.
    """
    if not is_needed(stack):
        return
    page = page_of(evidence, stack, traffic)
    seen = _refused(traffic, stack, "wildcard") if wants_login(stack, traffic) else None
    said = console(traffic, "wildcard")
    setting = header(stack, "Access-Control-Allow-Origin")
    written = setting is not None and "*" in values(setting[1]) and wants_login(stack, traffic) and stack.ui is not None
    if not (seen or said or written):
        return
    items = []
    if said:
        items.append(EvidenceItem(what=said.text, where=str(said.place)))
    if seen:
        items.append(EvidenceItem(what=f"the page {seen.page} got Access-Control-Allow-Origin: *", where=seen.where))
    if setting and "*" in values(setting[1]):
        items.append(
            EvidenceItem(
                what="Access-Control-Allow-Origin is *, and the registry wants a login", where=where_of(setting[1])
            )
        )
    yield Finding(
        cause="cors-wildcard-with-credentials",
        summary="The registry allows every origin with *, but the page sends a login, and then the browser accepts no *.",
        certainty=Certainty.PROVEN
        if (seen or said) and setting
        else Certainty.SEEN
        if seen or said
        else Certainty.READ,
        explains=BLOCKED,
        evidence=tuple(items),
        hop="browser",
        refuted=(Refutation(cause="cors-origin-mismatch", because="no origin is named at all"), _REALM),
        proves=True,
        supersedes=("cors-credentials-missing",),
        fix=same_origin_fix(
            f"Allow {page or 'the page’s origin'} by name, with Allow-Credentials: true.", evidence, traffic, page
        ),
        edits=rewrite(evidence, setting[1].place, "*", page) if setting and page else (),
    )


@rule(
    "cors-credentials-missing",
    sees=("ui", "exchanges", "messages", "registry"),
    step="align",
    title="Access-Control-Allow-Credentials: true is missing",
    fix="REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials: '[\"true\"]'",
    source=FETCH,
)
def credentials_missing(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The origin is allowed, but a call with a login needs Access-Control-Allow-Credentials: true besides.

    Only the exact word `true` counts. Without a login on the registry nobody misses the line.
    """
    said = console(traffic, "credentials")
    if not is_needed(stack) or not (said or wants_login(stack, traffic)):
        return
    page = page_of(evidence, stack, traffic)
    seen = _refused(traffic, stack, "credentials")
    origin, consent = header(stack, "Access-Control-Allow-Origin"), header(stack, "Access-Control-Allow-Credentials")
    unset = consent is None or values(consent[1]) != ["true"]
    written = origin is not None and unset and stack.ui is not None and "*" not in values(origin[1])
    if not (seen or said or written):
        return
    items = []
    if said:
        items.append(EvidenceItem(what=said.text, where=str(said.place)))
    if seen:
        items.append(
            EvidenceItem(what=f"the page {seen.page} got its origin allowed, but no credentials", where=seen.where)
        )
    if written and origin:
        items.append(EvidenceItem(what="an origin is allowed here, credentials are nowhere", where=where_of(origin[1])))
    yield Finding(
        cause="cors-credentials-missing",
        summary="The page's origin is allowed, but Access-Control-Allow-Credentials: true is missing, and the page sends a login.",
        certainty=Certainty.PROVEN
        if (seen or said) and written
        else Certainty.SEEN
        if seen or said
        else Certainty.READ,
        explains=BLOCKED,
        evidence=tuple(items),
        hop="browser",
        refuted=(_REALM,),
        proves=True,
        fix=same_origin_fix(
            "Add Access-Control-Allow-Credentials: true to the registry's headers.", evidence, traffic, page
        ),
    )
