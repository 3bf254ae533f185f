"""Too many lines, or a line of the wrong name: CORS headers that no browser accepts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

from runbook.model import Edit, Exchange, Finding, Fix, HeaderEdit, ProxyRoute, Refutation, Setting, Subject
from runbook.rules.align import change
from runbook.rules.base import Facts, rule
from runbook.rules.cors import FETCH, ORIGIN
from runbook.rules.crossing import (
    ALLOWED,
    BLOCKED,
    ONE_LINE,
    allowed,
    console,
    crossings,
    header,
    headers_fix,
    is_needed,
    page_of,
    rewrite,
    values,
    where_of,
)
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hop_edits import drop_key, drop_line, insert, line_of
from runbook.rules.hops import site_key
from runbook.rules.reloads import reload
from runbook.rules.shell import observed, subject
from runbook.stack.browser import CORS_HEADERS, origin_of


@rule(
    "cors-multiple-origins",
    by_absence=True,
    needs_any=("exchanges", "messages", "registry"),
    step="align",
    title="more than one origin is allowed in one response",
    fix="Allow exactly one origin; for several pages let a proxy choose by the Origin header",
    source=FETCH,
    explains=BLOCKED,
    hop="browser",
    proves=True,
    supersedes=("cors-origin-mismatch", "cors-credentials-missing"),
)
def multiple(facts: Facts) -> Iterator[Finding]:
    """A response may allow one origin only. The registry sends one header line for each item of the list, and the browser refuses both.

    The configuration takes a list, which invites a second entry.
    """
    if not is_needed(facts.stack) or _sent_twice(facts) or _added_twice(facts) or _same_twice(facts):
        return
    got = next((c for c in crossings(facts.traffic) if len(c.allowed) > 1 or any("," in a for a in c.allowed)), None)
    complaint = console(facts.traffic, "multiple")
    setting = header(facts.stack, ORIGIN)
    setting = setting if setting and (len(values(setting)) > 1 or any("," in v for v in values(setting))) else None
    if not (got or complaint or (setting and facts.ui)):
        return
    edits = _only(facts, setting) if setting else ()
    joined = got is not None and any("," in a for a in got.allowed)
    yield finding(
        "The registry allows several origins in one response; a browser accepts exactly one.",
        said(complaint),
        seen(got.exchange, what=f"one response allows {' and '.join(got.allowed)}") if got else None,
        read(f"the list has {' and '.join(values(setting))}", where_of(setting)) if setting else None,
        fix=headers_fix(facts, "Allow one origin only", edits, expect=ALLOWED if joined else ONE_LINE),
        about=subject(facts.registry),
    )


def _only(facts: Facts, setting: Setting) -> tuple[Edit, ...]:
    """The edit that leaves the page's origin alone in a list of one line."""
    page, old = page_of(facts), line_of(facts.evidence, setting.place) if setting.place else None
    if old is None or setting.place is None or page not in values(setting) or "[" not in old:
        return ()
    new = old
    for other in values(setting):
        if other != page:
            new = re.sub(
                rf"(?:\s{{0,20}},)?\s{{0,20}}\\?[\"']?{re.escape(other)}\\?[\"']?(?=\s{{0,20}}[,\]])", "", new, count=1
            )
    new = re.sub(r"\[\s{0,20},\s{0,20}", "[", new, count=1)
    return (Edit(file=setting.place.file, line=setting.place.line or 0, old=old, new=new),) if new != old else ()


@dataclass(frozen=True, slots=True)
class _Added:
    """Where a proxy adds the line that the registry is set to send, too."""

    route: ProxyRoute
    edit: HeaderEdit
    own: Setting


def _lines(exchange: Exchange) -> int:
    return len(list(exchange.headers(ORIGIN)))


def _sent_twice(facts: Facts) -> tuple[Exchange, Exchange] | None:
    """A direct response with one line and one through the proxy with several: then it is not the registry's list."""
    direct = min((e for e in facts.traffic.on("direct") if _lines(e)), key=_lines, default=None)
    via = max(facts.traffic.on("via"), key=_lines, default=None)
    return (direct, via) if direct and via and _lines(direct) == 1 < _lines(via) else None


def _added_twice(facts: Facts) -> _Added | None:
    """The same, by the files: the proxy appends a line and hides none."""
    own = header(facts.stack, ORIGIN)
    if own is None:
        return None
    routes = facts.stack.routes
    hidden = {e.name.lower() for r in routes for e in r.response_headers if e.action == "remove"}
    if ORIGIN.lower() in hidden:
        return None
    added = ((r, e) for r in routes if r.kind == "proxy" for e in r.response_headers if e.action == "add")
    return next((_Added(r, e, own) for r, e in added if e.name.lower() == ORIGIN.lower() and not e.condition), None)


def _same_twice(facts: Facts) -> Item:
    """One origin named twice: two programs say the same, each for itself. A list of the registry's has different ones."""
    setting = header(facts.stack, ORIGIN)
    if setting is not None and len(values(setting)) > 1:
        return None
    complaint = console(facts.traffic, "multiple")
    names = [name.strip() for name in (complaint.allowed or "").split(",")] if complaint else []
    if len(names) > 1 and len(set(names)) == 1:
        return said(complaint)
    got = next((c for c in crossings(facts.traffic) if len(c.allowed) > 1 and len(set(c.allowed)) == 1), None)
    return seen(got.exchange, what=f"one response allows {' and '.join(got.allowed)}") if got else None


@rule(
    "cors-duplicate-headers",
    by_absence=True,
    needs_any=("exchanges", "routes", "messages"),
    step="headers",
    title="proxy and registry both add the CORS headers",
    fix="Let one of them add the headers: remove them from the registry, or hide them in the proxy (proxy_hide_header)",
    source="nginx ngx_http_headers_module (add_header appends); run nginx 1.22 before registry 2.8.2; Fetch standard",
    explains=BLOCKED,
    hop="ui -> registry",
    refuted=(Refutation(cause="cors-origin-mismatch", because="both lines name the right origin"),),
    proves=True,
    supersedes=("cors-multiple-origins", "cors-origin-mismatch"),
)
def duplicate(facts: Facts) -> Iterator[Finding]:
    """A proxy's add_header appends; it does not replace what the registry already sent. Two lines: the browser refuses both.

    Each of the two configurations is right on its own, and both lines are even equal.
    """
    sent, added = _sent_twice(facts), _added_twice(facts)
    same = _same_twice(facts)
    if not is_needed(facts.stack) or not (sent or added or same):
        return
    route = added.route if added else None
    base = origin_of(sent[1].url) if sent else _address(route)
    if added and _answers_preflight(facts, added.route):
        edits = _unset(facts, added)
        fix = change(
            facts,
            facts.registry,
            "Let the proxy alone send them, since it answers the preflight as well: remove them from the registry",
            allowed(facts, base, ONE_LINE),
            edits=edits,
        )
    else:
        edits = _hide(facts, added) if added else ()
        fix = _hidden(facts, route, edits, base)
    yield finding(
        f"Proxy and registry both add {ORIGIN}: the response has two, and the browser refuses it.",
        [seen(sent[0], f": one {ORIGIN} line"), seen(sent[1], f": {_lines(sent[1])} of them")] if sent else (),
        [
            read(f"{added.route.software} adds {ORIGIN}", added.edit.place),
            read("and so does the registry", where_of(added.own)),
        ]
        if added
        else (),
        same if not sent else None,
        fix=fix,
        edits=edits,
        about=Subject(service=route.service or "", sites=route.server_names) if route else None,
    )


def _hidden(facts: Facts, route: ProxyRoute | None, edits: tuple[Edit, ...], base: str) -> Fix:
    again = reload(facts, route) if route else None
    return Fix(
        summary=f"Hide the registry's header in the proxy, which sends its own: proxy_hide_header {ORIGIN}"
        if edits and route and route.software == "nginx"
        else "Let the registry alone send them: delete the proxy's own"
        if edits
        else "Remove the headers from one of the two",
        commands=again.commands if again else (),
        verify=(allowed(facts, base, ONE_LINE),),
        applies=again.applies if again else "",
    )


def _answers_preflight(facts: Facts, route: ProxyRoute) -> bool:
    """Whether the proxy answers OPTIONS of that site itself, with the headers that its file adds. nginx hides the
    registry's lines and keeps its own, so there it does not matter."""
    same = (r for r in facts.stack.routes if site_key(r) == site_key(route) and r.kind in ("return", "static"))
    own = route.answers_options or any("OPTIONS" in (*r.methods, *r.condition.upper().split()) for r in same)
    return own and route.software != "nginx"


def _unset(facts: Facts, added: _Added) -> tuple[Edit, ...]:
    """The registry's own lines of the headers that the proxy adds, out of its configuration."""
    settings = facts.stack.registry.settings if facts.stack.registry else {}
    names = {e.name.lower() for e in added.route.response_headers if e.action != "remove"}
    twice = [s for k, s in settings.items() if k.lower().removeprefix("http.headers.") in names]
    edits = (e for s in twice for e in drop_key(facts.evidence, s.place))
    return tuple({(e.file, e.line): e for e in edits}.values())


def _address(route: ProxyRoute | None) -> str:
    """The address of a proxy as its file names it."""
    name = next((n for n in route.server_names if "*" not in n and "~" not in n), "localhost") if route else "localhost"
    return f"{'https' if route and route.tls else 'http'}://{name}"


def _hide(facts: Facts, added: _Added) -> tuple[Edit, ...]:
    """nginx's directive that keeps the registry's own line from the response, below the line that adds one."""
    nginx = added.route.software == "nginx"
    if not nginx:
        cors = [e for e in added.route.response_headers if e.name.lower().startswith("access-control-")]
        pattern = r"^\s*(?:header|http-response\s+\S+|Header(?:\s+always)?\s+\w+)\s+\"?Access-Control-"
        return tuple(e for edit in cors for e in drop_line(facts.evidence, edit.place, pattern))
    settings = facts.stack.registry.settings if facts.stack.registry else {}
    sent = {k.removeprefix("http.headers.").lower() for k in settings if k.startswith("http.headers.")}
    twice = [e.name for e in added.route.response_headers if e.name.lower() in sent and e.action != "remove"]
    found = (
        e
        for name in dict.fromkeys((ORIGIN, *twice))
        for e in insert(facts.evidence, added.edit.place, f"proxy_hide_header {name};")
    )
    lines = list(found)
    return (replace(lines[0], new="\n".join(e.new or "" for e in lines)),) if lines else ()


@rule(
    "env-header-name-typo",
    needs_any=("registry",),
    step="align",
    title="a header's name is misspelled",
    fix="Write the header's name as the specification does: Access-Control-Allow-Origin",
    source="distribution configuration http.headers (names are emitted as they are); Fetch standard; run on both",
    explains=BLOCKED,
    hop="browser",
)
def header_typo(facts: Facts) -> Iterator[Finding]:
    """The registry sends whatever name it finds. A name that no specification defines permits nothing, and nothing complains.

    `Access-Control-Origin` reads right at a glance.
    """
    settings = facts.stack.registry.settings if facts.stack.registry else {}
    names = {key.removeprefix("http.headers."): s for key, s in settings.items() if key.startswith("http.headers.")}
    for name, setting in names.items():
        lowered = name.lower().replace("_", "-")
        if "control" not in lowered or (lowered in CORS_HEADERS and "_" not in name) or lowered == "cache-control":
            continue
        right = _nearest(lowered)
        if right is None or any(n.lower() == right.lower() for n in names):
            continue
        edits = rewrite(facts, setting.place, name, right)
        yield finding(
            f"The header {name} does not exist; {right} was meant. The browser looks for that and finds nothing.",
            read(f"{name} is set", where_of(setting)),
            observed(facts, *BLOCKED),
            proves=is_needed(facts.stack) and facts.ui is not None,
            warning=not is_needed(facts.stack),
            supersedes=("cors-credentials-missing",) if "origin" in lowered else (),
            fix=headers_fix(facts, f"Write {right}", edits),
            about=subject(facts.registry),
        )
        return


def _nearest(name: str) -> str | None:
    """The defined header that a misspelled name stands for."""
    close = get_close_matches(name, sorted(CORS_HEADERS), n=1, cutoff=0.75)
    return "-".join(part.capitalize() for part in close[0].split("-")) if close else None
