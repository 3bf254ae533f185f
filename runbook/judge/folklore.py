"""Beliefs that would tempt in this incident, each with what is true and where that was shown."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Finding, Folklore
from runbook.rules.base import Facts


def folklore(facts: Facts, causes: tuple[Finding, ...]) -> tuple[Folklore, ...]:
    """The beliefs that this evidence tempts to; none where nothing does."""
    return tuple(belief for teller in _TELLERS for belief in teller(facts, causes))


def _mention(facts: Facts, pattern: str) -> str:
    """Where a file's comment or a message speaks of something: "file:line", or ""."""
    expression = re.compile(pattern, re.IGNORECASE)
    for source in facts.evidence.files:
        for number, line in enumerate(source.lines, 1):
            comment = line.partition("#")[2]
            if comment and expression.search(comment):
                return f"{source.path}:{number}"
    for message in facts.evidence.messages:
        if expression.search(message.text):
            return str(message.place)
    return ""


def _realm(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    where = _mention(facts, r"\brealms?\b(?!=)")
    if where:
        yield Folklore(
            claim="The realm must be the same everywhere, or the login fails.",
            truth="With Basic the realm is a label. The client sends base64(user:password), no digest of it; any realm "
            "text works. Only leaving it out is an error: then the registry does not start.",
            shown="The same request with any realm: 200, on registry 2.8.2 and 3.1.1.",
            where=where,
        )


def _stripping(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    where = _mention(facts, r"strip|hop-by-hop|proxy_set_header Authorization|forward.{0,20}auth")
    explicit = next(
        (e for r in facts.stack.routes for e in r.request_headers if e.name.lower() == "authorization"), None
    )
    if where or explicit is not None:
        yield Folklore(
            claim="Proxies strip the Authorization header by default, because it is hop-by-hop.",
            truth="It is end-to-end. nginx (and so the UI), Caddy, HAProxy and Traefik hand it on untouched; it goes "
            "missing only where somebody removes, empties or overwrites it.",
            shown="UI 2.6.0 untouched: 200; with an empty NGINX_PROXY_HEADER_Authorization: 401.",
            where=where or str(explicit.place if explicit else ""),
        )


def _host(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    if where := _mention(
        facts, r"\bhost header\b|\bsame host\b|only accepts? .*http://registry|checks? (the )?(origin|host)"
    ):
        yield Folklore(
            claim="The registry checks Host and Origin and refuses others.",
            truth="It answers any Host and any Origin. Host decides only where an upload's Location points; Origin "
            "matters to the browser alone.",
            shown="Any Host, any Origin: 200, on registry 2.8.2 and 3.1.1.",
            where=where,
        )


def _line_ends(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    for file in facts.htpasswds:
        if file.line_ends in ("crlf", "mixed"):
            yield Folklore(
                claim="Windows line ends break an htpasswd file.",
                truth="The registry trims every line, so CRLF is harmless. A byte order mark is not.",
                shown="The same file with CRLF: 200, on registry 2.8.2 and 3.1.1.",
                where=file.file,
            )
        if not file.final_newline and file.entries:
            yield Folklore(
                claim="Without a newline at its end the htpasswd file is invalid.",
                truth="A missing final newline is harmless. It bites when somebody appends the next entry: then two "
                "lines become one.",
                shown="No final newline: 200, on registry 2.8.2 and 3.1.1.",
                where=file.file,
            )


def _uid(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    where = _mention(facts, r"\buid\b|\buser(?:id)? ?1000\b|\b1000:1000\b|chown")
    if where and not any(c.cause == "htpasswd-unreadable" for c in causes):
        yield Folklore(
            claim="The htpasswd file must be readable by UID 1000.",
            truth="The official images run as root. The owner matters only with `user:`, a rootless engine or SELinux.",
            shown="registry:2 and registry:3 run as uid 0.",
            where=where,
        )


def _challenge_first(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    pairs = [r for r in facts.traffic.requests if r.answered_later]
    if pairs:
        yield Folklore(
            claim="Every 401 in the log is a failed login.",
            truth="Clients ask without a login first, get 401 with the challenge, and ask again with one. A 401 that "
            "is followed by a 200 is the protocol at work.",
            shown=f"{len(pairs)} such pairs in the log handed over.",
            where=str(pairs[0].place),
        )


def _cors_behind_proxy(facts: Facts, causes: tuple[Finding, ...]) -> Iterator[Folklore]:
    ui, registry = facts.stack.ui, facts.stack.registry
    if ui is None or ui.mode != "proxy" or registry is None:
        return
    key = next((k for k in registry.settings if k.lower().startswith("http.headers.access-control-allow-origin")), None)
    if key:
        yield Folklore(
            claim="The registry needs CORS headers for the UI.",
            truth="Here the UI's own nginx forwards /v2, so the browser stays on one origin and CORS is not used at "
            "all. The lines are harmless and can go.",
            shown="UI 2.6.0 in proxy mode in Chromium, with and without the headers.",
            where=str(registry.settings[key].place or ""),
        )


_TELLERS = (_realm, _stripping, _host, _line_ends, _uid, _challenge_first, _cors_behind_proxy)
