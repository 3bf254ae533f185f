"""The lines about TLS between a proxy and its upstream, besides the upstream's scheme: of Caddy and Apache."""

from runbook.lazy import re
from runbook.model import Command, Edit, Evidence, Place, ProxyRoute
from runbook.model.command import sh
from runbook.rules.base import Facts
from runbook.rules.hop_edits import around, blocks, drop_line, insert, places, swap


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
        *_module(facts.evidence, route.place.file),
        *insert(facts.evidence, place, "SSLProxyEngine on"),
        *insert(facts.evidence, place, "SSLProxyCheckPeerName off"),
    )


_LOADED = r"^\s*LoadModule\s+ssl_module\s"
_UNUSED = r"^\s*#\s*(LoadModule\s+ssl_module\s)"
_LOADS = r"^\s*LoadModule\s+(\w+)_module\s+\S*mod_\1\.so"


def _module(evidence: Evidence, file: str) -> tuple[Edit, ...]:
    """The line that loads mod_ssl, without which Apache refuses SSLProxyEngine; () where it is there, or the modules are
    loaded in another file."""
    loads = list(places(evidence, file, _LOADS))
    if not loads or next(places(evidence, file, _LOADED), None):
        return ()
    if unused := next(places(evidence, file, _UNUSED), None):
        return swap(evidence, unused, _UNUSED, r"\1")
    lines = next(f.lines for f in evidence.files if f.path == file)
    line = re.sub(r"(\w+)(_module\s+\S*mod_)\1\.so", r"ssl\2ssl.so", lines[(loads[-1].line or 1) - 1].strip())
    return insert(evidence, loads[-1], line)


def module_enabled(facts: Facts, route: ProxyRoute) -> tuple[Command, ...]:
    """Debian's command that loads mod_ssl, where no file at hand loads modules and Apache is no container."""
    if route.software != "apache" or route.service or next(places(facts.evidence, route.place.file, _LOADS), None):
        return ()
    return (sh("sudo", "a2enmod", "ssl"),)
