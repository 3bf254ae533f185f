"""The lines about TLS between a proxy and its upstream, besides the upstream's scheme: of Caddy and Apache."""

from runbook.lazy import re
from runbook.model import Edit, Evidence, Place, ProxyRoute
from runbook.rules.apache_modules import is_loaded, module_loaded
from runbook.rules.base import Facts
from runbook.rules.hop_edits import add_header, around, blocks, drop_line, insert, line_of, on_way


def plain_transport(evidence: Evidence, place: Place | None) -> tuple[Edit, ...]:
    """The lines about TLS that Caddy refuses beside an upstream of http://; the transport goes where it has no others."""
    lines = next((f.lines for f in evidence.files if place and f.path == place.file), ())
    inside = blocks(lines)
    if place is None or place.line is None or not 0 < place.line <= len(lines):
        return ()
    proxy = place.line if lines[place.line - 1].rstrip().endswith("{") else inside[place.line - 1]
    edits: list[Edit] = []
    for opened in (n for n, line in enumerate(lines, 1) if inside[n - 1] == proxy and _TRANSPORT.match(line)):
        rows = [n for n in range(opened + 1, len(lines) + 1) if opened in around(inside, n)]
        tls = [n for n in rows if any(_ABOUT_TLS.match(lines[m - 1]) for m in (n, *around(inside, n)))]
        said = [n for n in rows if re.match(r"\s*[^\s#]", lines[n - 1]) and lines[n - 1].strip() != "}"]
        chosen = tls if set(said) - set(tls) else [opened, *rows] if tls else []
        edits += (e for n in chosen for e in drop_line(evidence, Place(place.file, n)))
    return tuple(edits)


_TRANSPORT = re.compile(r"\s*transport\s+http\s*\{")
_ABOUT_TLS = re.compile(r"\s*tls(?:_\w+)?\b")


def tls_to_upstream(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    """The lines that Apache needs besides, where its ProxyPass stands outside of a <Location>."""
    place = route.upstream_place
    source = next((f for f in facts.evidence.files if place and f.path == place.file), None)
    row = source.lines[place.line - 1] if source and place and place.line and place.line <= len(source.lines) else ""
    if not re.match(r"\s*ProxyPass(?:Match)?\s+[\"^/]", row):
        return ()
    return (
        *module_loaded(facts.evidence, route.place.file, "ssl"),
        *insert(facts.evidence, place, "SSLProxyEngine on"),
        *insert(facts.evidence, place, "SSLProxyCheckPeerName off"),
    )


def scheme_kept(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    """The line that tells a registry on TLS which scheme the client used: without it the registry writes its own into
    Location, and uploads that begin on http go on at https."""
    if any(e.name.lower() in ("x-forwarded-proto", "forwarded") for e in route.request_headers):
        return ()
    line = _SCHEME.get(route.software)
    if route.software == "apache" and not is_loaded(evidence, route.place.file, "headers"):
        return ()
    return add_header(evidence, route, line) if line else ()


_SCHEME = {
    "nginx": "proxy_set_header X-Forwarded-Proto $scheme;",
    "haproxy": "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
    "apache": "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
}


def tls_transport(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    """Caddy's upstream on https with a transport that takes any certificate; not where a transport stands there."""
    place, address = route.upstream_place, route.upstream.removeprefix("http://")
    old = line_of(evidence, place) if place else None
    if old is not None and old != old.rstrip():
        return ()
    found = re.match(
        rf"([ \t]{{0,80}})reverse_proxy[ \t]{{1,20}}(?:[/@*]\S{{0,200}}[ \t]{{1,20}})?(?:http://)?{re.escape(address)}[ \t]{{0,20}}(\{{?)$",
        old or "",
    )
    if place is None or place.line is None or old is None or found is None or _has_transport(evidence, place):
        return ()
    step = "\t" if "\t" in found[1] else "  "
    inner = f"{found[1]}{step}"
    new = re.sub(rf"(?:http://)?{re.escape(address)}[ \t]{{0,20}}\{{?$", f"https://{address} {{", old)
    lines = [new, f"{inner}transport http {{", f"{inner}{step}tls_insecure_skip_verify", f"{inner}}}"]
    if not found[2]:
        lines.append(f"{found[1]}}}")
    return (Edit(file=place.file, line=place.line, old=old, new="\n".join(lines)),)


def trusting_transport(evidence: Evidence, route: ProxyRoute, certificate: str) -> tuple[Edit, ...]:
    """The line with the certificate in Caddy's transport; not where that names one, or where there is no transport."""
    place = route.upstream_place
    if place is None or not re.fullmatch(r"/[\w./-]+", certificate) or any(on_way(evidence, route, r"\btls_trust")):
        return ()
    lines = next((f.lines for f in evidence.files if f.path == place.file), ())
    inside = blocks(lines)
    opened = (n for n, line in enumerate(lines, 1) if inside[n - 1] == place.line and _TRANSPORT.match(line))
    line = next(opened, None)
    return insert(evidence, Place(place.file, line), f"tls_trusted_ca_certs {certificate}") if line else ()


def _has_transport(evidence: Evidence, place: Place) -> bool:
    lines = next((f.lines for f in evidence.files if f.path == place.file), ())
    inside = blocks(lines)
    return any(inside[n] == place.line and _TRANSPORT.match(line) for n, line in enumerate(lines))
