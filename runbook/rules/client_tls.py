"""TLS and packets between client and registry: the wrong scheme, a certificate out of date, packets that are too large."""

from collections.abc import Iterator
from datetime import UTC, datetime

from runbook.model import Command, Exchange, Finding, Fix, Message, Refutation, Subject, Symptom
from runbook.model.command import PIPE, READ_FROM, host, number, sh, url
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, said, seen
from runbook.urls import netloc

S = Symptom
_BEFORE = Refutation(cause="htpasswd-wrong-password", because="no credentials were sent yet")


@rule(
    "client-speaks-http-to-tls",
    needs_any=("messages", "exchanges"),
    step="simplify",
    tier=2,
    title="the client speaks plain http to a TLS port",
    fix="Use https://, and take --insecure, --plain-http or the insecure-registries entry away",
    source="Go net/http: malformed HTTP response \\x15\\x03\\x01; 400 from Go's and nginx's TLS ports (run); GoogleContainerTools/kaniko#987",
    explains=(S.SCHEME_MIXED, S.FAILURE),
    hop="client",
    supersedes=("scheme-mismatch-upstream",),
    refuted=(_BEFORE,),
)
def http_to_tls(facts: Facts) -> Iterator[Finding]:
    """The port wants TLS and gets a request in clear. It answers with a TLS alert, which the client takes for a garbled
    response, or with a 400 of its own. No proxy behind it is at fault.
    """
    told = next((m for m in facts.traffic.said("https-to-http-server") if "malformed" in m.text.lower()), None)
    wrong = next((e for e in facts.traffic.exchanges if _is_clear_on_tls(e) and not _is_upstreams(e, facts)), None)
    if told is None and wrong is None:
        return
    if any((e.header("Location") or "").startswith("http://") for e in facts.traffic.exchanges):
        return  # the client was sent there: x-forwarded-proto-missing
    address = (told.host if told else None) or (netloc(wrong.url) if wrong else "")
    yield finding(
        f"The client speaks plain http to {address or 'the registry'}, whose port speaks TLS.",
        said(told),
        seen(wrong),
        about=Subject(address=address),
        fix=Fix(
            summary="Use https:// for this address; take --insecure, --plain-http, --tls-verify=false or the entry in "
            "insecure-registries away where it forces http",
            verify=(sh("curl", "-sSi", url(f"https://{address}", "/v2/"), expect="HTTP/1.1 401 Unauthorized"),),
        ),
    )


def _is_clear_on_tls(exchange: Exchange) -> bool:
    text = (exchange.body + exchange.detail).lower()
    return (
        exchange.status == 400
        and exchange.url.startswith("http://")
        and ("http request to an https server" in text or "plain http request was sent to https port" in text)
    )


def _is_upstreams(exchange: Exchange, facts: Facts) -> bool:
    """Whether a proxy handed the 400 on: then the proxy is the one that speaks http to TLS."""
    own = "plain http request was sent" in (exchange.body + exchange.detail).lower()
    return not own and (exchange.route == "via" or any(r.kind == "proxy" for r in facts.stack.routes))


# ---- out of date ---------------------------------------------------------------------------------------------


@rule(
    "certificate-expired",
    needs_any=("messages", "exchanges"),
    step="simplify",
    title="the certificate is out of date, or the clock is",
    fix="Renew the certificate and reload the server; set the clock where it is wrong",
    source="Go crypto/x509: certificate has expired or is not yet valid; curl (60), OpenSSL error 10 and 9",
    explains=(S.TLS_FAILED, S.UNREACHABLE),
    hop="client",
    refuted=(_BEFORE,),
)
def certificate_expired(facts: Facts) -> Iterator[Finding]:
    """A certificate holds between two dates, by the clock of whoever looks. A renewed file that the server has not loaded
    yet, and a machine whose clock stands years back, fail in the same words.
    """
    told = next(iter(facts.traffic.said("x509-expired")), None)
    failed = next((e for e in facts.traffic.exchanges if e.error == "tls-expired"), None)
    beside = None if told or failed else next((e for e in facts.traffic.exchanges if _is_dated(e)), None)
    failed = failed or beside
    if told is None and failed is None:
        return
    address = (told.host if told else None) or (netloc(failed.url) if failed else "")
    shown = next((e for e in facts.traffic.exchanges if e.certificate and netloc(e.url) == address), failed)
    early = bool(told and " is before " in told.detail) or _is_early(failed)
    dates = f" ({shown.certificate.begins} to {shown.certificate.expires})" if shown and shown.certificate else ""

    yield finding(
        f"The certificate of {address or 'the registry'}{dates} is not valid yet by the client's clock."
        if early
        else f"The certificate of {address or 'the registry'}{dates} has expired by the client's clock.",
        said(told),
        seen(failed),
        seen(shown, f": {shown.certificate}") if shown and shown.certificate else None,
        supersedes=() if beside else ("tls-ca-not-trusted", "tls-san-missing"),
        refuted=()
        if beside
        else (Refutation(cause="tls-ca-not-trusted", because="the complaint is about the dates, not the issuer"),),
        about=Subject(address=address),
        fix=Fix(
            summary="Set the client's clock (it is before the certificate's first day)"
            if early
            else "Renew the certificate and let the server load it; if its dates are right, set the client's clock",
            commands=(sh("timedatectl", "set-ntp", "true"),) if early else (),
            verify=(_dates(address),),
            applies=""
            if early
            else "servers read a certificate when they start or reload: nginx -s reload, a restart of the registry",
        ),
    )


def _is_early(failed: Exchange | None) -> bool:
    """Whether the certificate's first day was still to come when it was looked at."""
    if failed is None or failed.certificate is None or failed.when is None:
        return False
    return failed.certificate.begins > _day(failed.when)


def _is_dated(exchange: Exchange) -> bool:
    """A certificate that is refused for another reason, and out of date besides."""
    shown, when = exchange.certificate, exchange.when
    refused = exchange.error in ("tls-untrusted", "tls-name")
    return refused and shown is not None and when is not None and not shown.begins <= _day(when) <= shown.expires


def _day(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")


def _dates(address: str) -> Command:
    where = address if ":" in address else f"{address}:443" if address else ""
    return sh("openssl", "s_client", "-connect", host(where or None), READ_FROM, "/dev/null", PIPE, "openssl", "x509", "-noout",
              "-dates", expect="(notBefore in the past, notAfter in the future)")  # fmt: skip


# ---- packets that are too large ------------------------------------------------------------------------------


@rule(
    "mtu-too-large",
    needs=("messages",),
    step="simplify",
    tier=2,
    title="large packets are lost on the way",
    fix="Set the MTU of the engine's networks to that of the path: mtu in daemon.json",
    source="RFC 4821, docker network driver option com.docker.network.driver.mtu; docker/build-push-action#975",
    explains=(S.HANDSHAKE_TIMEOUT, S.TIMEOUT, S.UPLOAD_FAILS),
    hop="client",
    supersedes=("registry-unreachable", "proxy-timeout"),
    refuted=(Refutation(cause="registry-unreachable", because="the connection itself is made"),),
)
def mtu_too_large(facts: Facts) -> Iterator[Finding]:
    """A tunnel, a VPN or an overlay carries smaller packets than the container's network sends, and the message that says
    so is filtered. Small answers pass; the certificates of the handshake, or the first layer, never arrive.
    """
    hanging = next(iter(facts.traffic.said("handshake-timeout")), None)
    silent = next((e for e in facts.traffic.exchanges if e.error == "handshake-timeout"), None)
    sizes = {
        int(m.detail): m for m in facts.traffic.said("mtu") if m.detail.isdecimal() and 500 < int(m.detail) < 10_000
    }
    if len(sizes) < 2:
        sizes = _pinged(facts)
    if (hanging is None and silent is None) or len(sizes) < 2:
        return
    small, large = min(sizes), max(n for n in sizes)
    address = (hanging.host if hanging else None) or (netloc(silent.url) if silent else "")
    yield finding(
        f"Packets of {large} bytes are sent on a path that carries {small}: the TLS handshake gets no answer.",
        said(hanging),
        seen(silent),
        said(sizes[small]),
        said(sizes[large]),
        about=Subject(address=address),
        fix=Fix(
            summary=f'Set "mtu": {small} in daemon.json (for a compose network: driver_opts com.docker.network.driver.mtu)',
            commands=(sh("sudo", "systemctl", "restart", "docker"),),
            verify=(
                sh("ping", "-M", "do", "-c", "1", "-s", number(small - 28), host(address.split(":")[0] or None),
                   expect="1 received"),
            ),
            applies="a network keeps its MTU: create it again (docker compose down, then up)",
        ),
    )  # fmt: skip


def _pinged(facts: Facts) -> dict[int, Message]:
    """The largest ping that came back and the smallest that was lost, where the lost ones are the larger."""
    passed = {int(m.detail): m for m in facts.traffic.said("ping-passed")}
    lost = {int(m.detail): m for m in facts.traffic.said("ping-lost")}
    if not passed or not lost or max(passed) >= min(lost):
        return {}
    return {max(passed): passed[max(passed)], min(lost): lost[min(lost)]}
