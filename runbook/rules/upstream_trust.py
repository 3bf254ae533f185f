"""A proxy that speaks TLS to the registry and refuses its certificate: no reason to speak http to it."""

from collections.abc import Iterator, Sequence

from runbook.lazy import re
from runbook.model import Edit, Finding, LogEvent, ProxyRoute, Symptom
from runbook.model.command import Command, file, sh
from runbook.rules.base import Facts
from runbook.rules.evidence import context, finding, read, said, seen
from runbook.rules.hop_edits import insert, on_way
from runbook.rules.hops import api_routes, hop, login_check, name, site
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstream_tls import scheme_kept, trusting_transport
from runbook.rules.upstreams import at_home, bad_gateway, registry_is_up

_NAME = re.compile(
    r"Error during SSL Handshake|CN mismatch|does not match|doesn't contain any|is (?:not )?valid for|cannot validate|legacy Common Name|AH02411"
)
_ISSUER = re.compile(r"unknown authority|certificate verify error|Certificate Verification: Error|AH02039")
_NAMED = {
    "apache": "Write the upstream with a name that the registry's certificate lists (and that leads to the registry); on one "
    "machine `SSLProxyCheckPeerName off` does it, unless the certificate is out of date",
    "nginx": "Set proxy_ssl_name to a name that the registry's certificate lists",
    "caddy": "Add tls_server_name to the upstream's transport, with a name that the registry's certificate lists",
    "haproxy": "Add verifyhost to the server line, with a name that the registry's certificate lists",
}
_TRUSTED = {
    "nginx": "Set proxy_ssl_trusted_certificate to the certificate of the authority",
    "caddy": "Name the certificate of the authority in the upstream's transport: tls_trusted_ca_certs FILE",
    "haproxy": "Set ca-file in the server line to the certificate of the authority",
}


def unsaid(facts: Facts, route: ProxyRoute) -> Sequence[LogEvent]:
    """The lines about a failed handshake with a registry that does speak TLS, where the file tells what the log does not.
    Apache knows the name and the date alone, unless it is to know the issuer (and then it says so); HAProxy checks the
    issuer, unless it is given a name."""
    if route.software == "apache":
        return facts.traffic.logged("upstream-handshake")
    checks = route.software == "haproxy" and any(on_way(facts.evidence, route, r"\sverify\s+required\b"))
    named = any(on_way(facts.evidence, route, r"\s(?:verifyhost|sni)\s"))
    return facts.traffic.logged("tls-handshake-bad-certificate") if checks and not named and bad_gateway(facts) else ()


def certificate_refused(facts: Facts, unsaid: Sequence[LogEvent] = ()) -> Iterator[Finding]:
    """What the log of a proxy says of the registry's certificate: another name than the one that is checked, or an issuer
    that the proxy does not know. `unsaid`: lines that do not say it."""
    told = unsaid or facts.traffic.logged("upstream-untrusted")
    event = (
        unsaid[0]
        if unsaid
        else next((e for e in told if _NAME.search(e.text + e.detail) or _ISSUER.search(e.text + e.detail)), None)
    )
    route = next((r for r in api_routes(facts) if r.upstream_scheme == "https"), None)
    if event is None or route is None:
        return
    named = _NAME.search(event.text + event.detail) is not None
    advice = (
        _NAMED.get(route.software, "Let the proxy check a name that the registry's certificate lists")
        if named
        else _TRUSTED.get(route.software, "Give the proxy the certificate of the authority")
        + " (of a self-signed certificate: that certificate itself)"
    )
    edits = _any_name(facts, route) if named else _trusting(facts, route)
    yield finding(
        f"{name(route)} refuses the registry's certificate: it is for another name than the one that is checked."
        if named
        else f"{name(route)} refuses the registry's certificate: it does not know the issuer.",
        said(event),
        (context if unsaid else read)(f"upstream {route.upstream}", route.upstream_place),
        seen(bad_gateway(facts)),
        cause="tls-san-missing" if named else "tls-ca-not-trusted",
        explains=(Symptom.BAD_GATEWAY, Symptom.TLS_FAILED, *([Symptom.PROXY_500] if route.software == "apache" else [])),
        hop=hop(route),
        refuted=registry_is_up(facts),
        about=site(facts, route),
        edits=edits,
        fix=proxy_fix(
            facts, route, advice, login_check(facts, route), edits=edits, at=route.upstream_place,
            before=_names(facts) if named else (),
        ),
    )  # fmt: skip


def _any_name(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    """The lines by which Apache takes any name from a registry of its own machine, and tells it the client's scheme."""
    place = route.upstream_place if route.software == "apache" and at_home(facts) else None
    if place is None or place not in on_way(facts.evidence, route, r"^\s*ProxyPass(?:Match)?\s+[\"^/]"):
        return ()
    off = insert(facts.evidence, place, "SSLProxyCheckPeerName off")
    return (*off, *scheme_kept(facts.evidence, route)) if off else ()


def _certificate(facts: Facts) -> str:
    """The registry's certificate, where it is a file of the proxy's machine."""
    return str(facts.registry.value("http.tls.certificate") or "") if facts.registry and at_home(facts) else ""


def _names(facts: Facts) -> tuple[Command, ...]:
    """The command that shows which names the certificate lists."""
    path = _certificate(facts)
    return (sh("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", file(path)),) if path else ()


def _trusting(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    """The line by which Caddy takes that very certificate, whoever issued it (Go's verification); OpenSSL asks for the
    issuer's."""
    path = _certificate(facts)
    return trusting_transport(facts.evidence, route, path) if route.software == "caddy" and path else ()
