"""What lies between client and registry before any login: plain http, TLS, a forward proxy."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Fix, Message, MessageKind, Refutation, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.logins import quoted
from runbook.urls import urlsplit

_TLS = (Symptom.TLS_FAILED, Symptom.UNREACHABLE)


@rule(
    "insecure-registry-missing",
    sees=("messages", "exchanges", "clients"),
    step="simplify",
    title="the docker daemon does not allow plain http to this name",
    fix='add "insecure-registries": ["HOST:PORT"] to daemon.json and restart the daemon, or use TLS',
    source="docker: https first, http only for loopback and insecure-registries (run); distribution/distribution#1874",
)
def insecure_missing(evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """docker speaks https to every name but loopback ones, so a plain-http registry works as localhost only.

    The setting belongs to the daemon of the CLIENT's machine, not to the server.
    """
    for message in traffic.said("http-to-https-client"):
        host = message.host or ""
        listed = [c for c in evidence.clients if c.insecure_registries is not None]
        there = any(host in (c.insecure_registries or ()) for c in listed)
        near = next((n for c in listed for n in c.insecure_registries or () if host and host.split(":")[0] in n), "")
        how = (
            "it is listed, so the daemon was not restarted since"
            if there
            else f"daemon.json has {near}, which is not the same name"
            if near
            else "daemon.json does not list it"
            if listed
            else "its insecure-registries do not list it"
        )
        yield Finding(
            cause="insecure-registry-missing",
            summary=f"The registry {host or 'here'} speaks plain http and the client's docker insists on https: {how}.",
            certainty=Certainty.PROVEN if listed and not there else Certainty.LOGGED,
            explains=(Symptom.SCHEME_MIXED, *_TLS),
            hop="client",
            evidence=(
                EvidenceItem(what=message.text, where=str(message.place)),
                *(
                    EvidenceItem(what="insecure-registries: " + ", ".join(c.insecure_registries or ()), where=c.file)
                    for c in listed
                ),
            ),
            supersedes=("scheme-mismatch-upstream",),
            refuted=(Refutation(cause="htpasswd-wrong-password", because="no login was sent yet"),),
            fix=Fix(
                summary="Allow it in the daemon.json of the machine that pulls, or give the registry a certificate.",
                commands=(
                    f'echo \'{{"insecure-registries": ["{host or "HOST:PORT"}"]}}\'',
                    "sudo systemctl restart docker",
                ),
                verify=("docker info | sed -n '/Insecure/,/^ [A-Z]/p'", f"docker login {quoted(host or 'HOST:PORT')}"),
            ),
        )
        return


@rule(
    "http-proxy-env-hijack",
    sees=("messages", "exchanges", "clients"),
    step="simplify",
    tier=2,
    title="a forward proxy answers in the registry's place",
    fix="add the registry's host to NO_PROXY of the docker daemon (and of the shell)",
    source="docker daemon proxy settings; moby/moby#23426",
)
def proxy_hijack(evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """The docker daemon has proxy settings of its own, so `curl` from the shell works while docker gets 403 or 503.

    The company's forward proxy does not know the registry, and its error page looks like the registry's.
    """
    seen = traffic.seen(
        Symptom.FORWARD_PROXY,
        Symptom.FORBIDDEN,
        Symptom.UNAVAILABLE,
        Symptom.TIMEOUT,
        Symptom.BAD_GATEWAY,
        Symptom.GATEWAY_TIMEOUT,
        Symptom.UNREACHABLE,
        Symptom.NAME_UNKNOWN,
        Symptom.NOT_THE_API,
        Symptom.FAILURE,
    )
    told = [EvidenceItem(what=m.text, where=str(m.place)) for m in traffic.said("daemon-proxy")]
    host = next((m.host for m in traffic.messages if m.host), None)
    for client in evidence.clients:
        if client.proxies and not (host and bypassed(host, client.no_proxy or "")):
            told.append(EvidenceItem(what="; ".join(client.proxies), where=client.file))
    marked = [
        EvidenceItem(what=f"{e.method} {e.url} -> {e.status}: {name}: {value}", where=str(e.source))
        for e in traffic.exchanges
        for name, value in e.response_headers
        if _is_forward_proxy(name, value) and not (e.status and e.status < 300)
    ]
    exempt = any(
        host and bypassed(host, m.detail) for m in traffic.said("daemon-proxy") if "no proxy" in m.text.lower()
    )
    if not seen or exempt or not (told or marked):
        return
    address = next((m.detail for m in traffic.said("daemon-proxy") if m.detail), "a forward proxy")
    yield Finding(
        cause="http-proxy-env-hijack",
        summary=f"Requests to {host or 'the registry'} go through {address}, which answers in its place.",
        certainty=Certainty.SEEN if marked else Certainty.LOGGED,
        explains=seen,
        hop="client",
        evidence=(*told[:3], *marked[:2]),
        refuted=(Refutation(cause="registry-unreachable", because="another machine on the way answers"),),
        fix=Fix(
            summary="Exempt the registry from the proxy where the proxy is set: the daemon, config.json, the shell.",
            commands=(
                'sudo systemctl edit docker  # [Service] Environment="NO_PROXY=localhost,127.0.0.1,'
                f'{(host or "HOST").split(":")[0]}"',
                "sudo systemctl restart docker",
            ),
            verify=("docker info | grep -i proxy", f"docker login {quoted(host or 'HOST')}"),
        ),
    )


def bypassed(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY exempts a host[:port]: a name, a .domain, an address, a network, or *."""
    name, _, port = host.lower().partition(":")
    for item in (i.strip().lower() for i in no_proxy.split(",")):
        bare, _, own_port = item.partition(":")
        bare = bare.lstrip("*.")
        named = bare and (name == bare or name.endswith("." + bare)) and own_port in ("", port)
        if item == "*" or named or _in_network(name, item):
            return True
    return False


def _in_network(name: str, network: str) -> bool:
    try:
        return "/" in network and ip_address(name) in ip_network(network, strict=False)
    except ValueError:
        return False


def _is_forward_proxy(name: str, value: str) -> bool:
    words = ("squid", "zscaler", "bluecoat", "mcafee", "fortigate", "websense", "privoxy", "tinyproxy", "webproxy")
    text = value.lower()
    return name.lower() in ("x-squid-error", "proxy-authenticate", "x-bluecoat-via") or (
        name.lower() in ("via", "server", "x-cache", "x-cache-lookup") and any(w in text for w in words)
    )


@rule(
    "tls-ca-not-trusted",
    sees=("messages", "exchanges", "logs"),
    step="simplify",
    tier=2,
    title="the client does not trust the certificate's issuer",
    fix="put the CA's certificate into /etc/docker/certs.d/HOST:PORT/ca.crt",
    source="Go crypto/x509 and curl's own words (run with a private CA)",
)
def ca_not_trusted(traffic: Traffic) -> Iterator[Finding]:
    """A self-signed certificate, or one of a CA of one's own, is refused before any HTTP request is sent.

    The registry is sound and its log shows a failed handshake at most; docker has its own folder of CAs.
    """
    items = _of(traffic, ("x509-unknown-authority",), "tls-untrusted")
    handshakes = traffic.logged("tls-handshake-bad-certificate")
    if not items and not handshakes:
        return
    elsewhere = _of(traffic, ("x509-name", "x509-expired"), "tls-name", "tls-expired")
    if not items and (elsewhere or traffic.login_works):
        return
    host = _host(traffic, "x509-unknown-authority")
    yield Finding(
        cause="tls-ca-not-trusted",
        summary=f"The client does not know the issuer of the certificate of {host}, so it ends the connection.",
        certainty=Certainty.LOGGED if items else Certainty.POSSIBLE,
        explains=_TLS,
        hop="client",
        evidence=(
            *items[:3],
            *_certificates(traffic),
            *(EvidenceItem(what=e.text, where=str(e.place)) for e in handshakes[:1]),
        ),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="TLS failed before any login was sent"),),
        fix=Fix(
            summary="Give the client the CA's certificate; do not switch the check off.",
            commands=(
                f"sudo mkdir -p /etc/docker/certs.d/{host}",
                f"sudo cp ca.crt /etc/docker/certs.d/{host}/ca.crt",
            ),
            verify=(f"curl -sS -o /dev/null -w '%{{http_code}}\\n' --cacert ca.crt https://{host}/v2/",),
        ),
    )


@rule(
    "tls-san-missing",
    sees=("messages", "exchanges"),
    step="simplify",
    tier=2,
    title="the certificate is not for the name in use",
    fix="issue the certificate anew with subjectAltName=DNS:HOST (or IP:…)",
    source="Go crypto/x509: only subjectAltName counts; goharbor/harbor#16971",
)
def san_missing(traffic: Traffic) -> Iterator[Finding]:
    """Only the names in subjectAltName count; a common name (CN) is ignored, and an IP address must be listed as one.

    The certificate looks right, since its CN is the name.
    """
    items = _of(traffic, ("x509-name",), "tls-name")
    if not items:
        return
    host = _host(traffic, "x509-name")
    name = host.split(":")[0]
    kind = "IP" if name.replace(".", "").isdecimal() else "DNS"
    yield Finding(
        cause="tls-san-missing",
        summary=f"The certificate does not list {name} as a subjectAltName, so the client refuses it.",
        certainty=Certainty.LOGGED,
        explains=_TLS,
        hop="client",
        evidence=(*items[:3], *_certificates(traffic)),
        refuted=(Refutation(cause="tls-ca-not-trusted", because="the complaint is about the name, not the issuer"),),
        fix=Fix(
            summary="Make a certificate with the name that clients use.",
            commands=(
                "openssl req -x509 -newkey rsa:4096 -nodes -days 365 -keyout domain.key -out domain.crt "
                f"-subj /CN={name} -addext subjectAltName={kind}:{name}",
            ),
            verify=(
                f"openssl s_client -connect {host if ':' in host else host + ':443'} </dev/null 2>/dev/null "
                "| openssl x509 -noout -ext subjectAltName",
            ),
        ),
    )


def _of(traffic: Traffic, kinds: tuple[MessageKind, ...], *errors: str) -> tuple[EvidenceItem, ...]:
    said = tuple(EvidenceItem(what=m.text, where=str(m.place)) for m in traffic.said(*kinds))
    seen = tuple(
        EvidenceItem(what=f"{e.method} {e.url}: {e.detail or e.error}", where=str(e.source))
        for e in traffic.exchanges
        if e.error in errors
    )
    return said + seen


def _certificates(traffic: Traffic) -> tuple[EvidenceItem, ...]:
    """What the servers show of themselves, where it was looked at."""
    return tuple(
        EvidenceItem(what=f"{urlsplit(e.url).netloc} shows a {e.certificate}", where=str(e.source))
        for e in traffic.exchanges
        if e.certificate is not None
    )[:2]


def _host(traffic: Traffic, kind: MessageKind) -> str:
    said: tuple[Message, ...] = traffic.said(kind)
    named = next((m.host for m in said if m.host), None)
    return named or next((e.url.split("://", 1)[-1].split("/", 1)[0] for e in traffic.exchanges), "HOST")
