"""Too many lines, or a line of the wrong name: CORS headers that no browser accepts."""

from collections.abc import Iterator
from difflib import get_close_matches

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Refutation, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.cors import FETCH, where_of
from runbook.rules.crossing import (
    BLOCKED,
    console,
    crossings,
    header,
    is_needed,
    page_of,
    rewrite,
    same_origin_fix,
    values,
)
from runbook.stack.browser import CORS_HEADERS


@rule(
    "cors-multiple-origins",
    sees=("exchanges", "messages", "registry"),
    step="align",
    title="more than one origin is allowed in one answer",
    fix="Allow exactly one origin; for several pages let a proxy choose by the Origin header",
    source=FETCH,
)
def multiple(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """An answer may allow one origin only. The registry sends one header line for each item of the list, and the browser refuses both.

    The configuration takes a list, which invites a second entry.
    """
    if not is_needed(stack) or _doubled(stack, traffic):
        return
    page = page_of(evidence, stack, traffic)
    seen = next((c for c in crossings(traffic) if len(c.allowed) > 1 or any("," in a for a in c.allowed)), None)
    said = console(traffic, "multiple")
    setting = header(stack, "Access-Control-Allow-Origin")
    several = setting is not None and (len(values(setting[1])) > 1 or "," in values(setting[1])[0])
    if not (seen or said or (several and stack.ui is not None)):
        return
    items = []
    if said:
        items.append(EvidenceItem(what=said.text, where=str(said.place)))
    if seen:
        items.append(EvidenceItem(what=f"one answer allows {' and '.join(seen.allowed)}", where=seen.where))
    if several and setting:
        items.append(EvidenceItem(what=f"the list has {' and '.join(values(setting[1]))}", where=where_of(setting[1])))
    yield Finding(
        cause="cors-multiple-origins",
        summary="The registry allows several origins in one answer; a browser accepts exactly one.",
        certainty=Certainty.PROVEN
        if (seen or said) and several
        else Certainty.SEEN
        if seen or said
        else Certainty.READ,
        explains=BLOCKED,
        evidence=tuple(items),
        hop="browser",
        proves=True,
        supersedes=("cors-origin-mismatch", "cors-credentials-missing"),
        fix=same_origin_fix("Allow one origin only.", evidence, traffic, page),
    )


def _doubled(stack: Stack, traffic: Traffic) -> bool:
    """Whether proxy and registry both add the line: then it is not the registry's list."""
    return next(_double_evidence(stack, traffic), None) is not None


def _double_evidence(stack: Stack, traffic: Traffic) -> Iterator[EvidenceItem]:
    counts = {"direct": 9, "via": 0}
    places = {"direct": "", "via": ""}
    for e in (*traffic.on("direct"), *traffic.on("via")):
        lines, route = len(list(e.headers("Access-Control-Allow-Origin"))), e.route
        if lines:
            counts[route] = min(counts[route], lines) if route == "direct" else max(counts[route], lines)
            places[route] = str(e.source)
    if counts["direct"] == 1 and counts["via"] > 1:
        yield EvidenceItem(what="direct there is one Access-Control-Allow-Origin line", where=places["direct"])
        yield EvidenceItem(what=f"through the proxy there are {counts['via']}", where=places["via"])
    own = header(stack, "Access-Control-Allow-Origin")
    if own is None:
        return
    hidden = {e.name.lower() for r in stack.routes for e in r.response_headers if e.action == "remove"}
    for hop in stack.routes:
        for edit in hop.response_headers:
            added = edit.action == "add" and not edit.condition
            if edit.name.lower() == "access-control-allow-origin" and added and edit.name.lower() not in hidden:
                yield EvidenceItem(what=f"{hop.software} adds Access-Control-Allow-Origin", where=str(edit.place))
                yield EvidenceItem(what="and so does the registry", where=where_of(own[1]))
                return


@rule(
    "cors-duplicate-headers",
    sees=("exchanges", "routes"),
    step="headers",
    title="proxy and registry both add the CORS headers",
    fix="Let one of them add the headers: remove them from the registry, or hide them in the proxy (proxy_hide_header)",
    source="nginx ngx_http_headers_module (add_header appends); run nginx 1.22 before registry 2.8.2; Fetch standard",
)
def duplicate(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A proxy's add_header appends; it does not replace what the registry already sent. Two lines: the browser refuses both.

    Each of the two configurations is right on its own, and both lines are even equal.
    """
    items = tuple(_double_evidence(stack, traffic))
    if not items or not is_needed(stack):
        return
    seen = any("through the proxy" in i.what for i in items)
    yield Finding(
        cause="cors-duplicate-headers",
        summary="Proxy and registry both add Access-Control-Allow-Origin: the answer has two, and the browser refuses it.",
        certainty=(Certainty.PROVEN if len(items) > 2 else Certainty.SEEN) if seen else Certainty.READ,
        explains=(Symptom.BROWSER_BLOCKED,),
        evidence=items,
        hop="ui -> registry",
        refuted=(Refutation(cause="cors-origin-mismatch", because="both lines name the right origin"),),
        proves=True,
        supersedes=("cors-multiple-origins", "cors-origin-mismatch"),
        fix=same_origin_fix(
            "Take the headers out of one of the two.", evidence, traffic, page_of(evidence, stack, traffic)
        ),
    )


@rule(
    "env-header-name-typo",
    sees=("registry",),
    step="align",
    title="a header's name is misspelled",
    fix="Write the header's name as the specification does: Access-Control-Allow-Origin",
    source="distribution configuration http.headers (names are emitted as they are); Fetch standard; run on both",
)
def header_typo(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry sends whatever name stands there. A name that no specification defines permits nothing, and nothing complains.

    `Access-Control-Origin` reads right at a glance.
    """
    settings = stack.registry.settings if stack.registry else {}
    names = {key.removeprefix("http.headers."): s for key, s in settings.items() if key.startswith("http.headers.")}
    for name, setting in names.items():
        lowered = name.lower().replace("_", "-")
        if "control" not in lowered or (lowered in CORS_HEADERS and "_" not in name) or lowered == "cache-control":
            continue
        right = _nearest(lowered)
        if right is None or any(n.lower() == right.lower() for n in names):
            continue
        yield Finding(
            cause="env-header-name-typo",
            summary=f"The header {name} does not exist; {right} was meant. The browser looks for that and finds nothing.",
            certainty=Certainty.READ if not traffic.seen(Symptom.BROWSER_BLOCKED) else Certainty.PROVEN,
            explains=BLOCKED,
            evidence=(EvidenceItem(what=f"{name} is set", where=where_of(setting)),),
            hop="browser",
            proves=is_needed(stack) and stack.ui is not None,
            warning=not is_needed(stack),
            supersedes=("cors-credentials-missing",) if "origin" in lowered else (),
            edits=rewrite(evidence, setting.place, name, right),
        )
        return


def _nearest(name: str) -> str | None:
    """The defined header that a misspelled name stands for."""
    close = get_close_matches(name, sorted(CORS_HEADERS), n=1, cutoff=0.75)
    return "-".join(part.capitalize() for part in close[0].split("-")) if close else None
