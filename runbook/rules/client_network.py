"""What lies between client and registry before any credentials are sent: plain http, TLS, a forward proxy."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from runbook.lazy import re
from runbook.model import (
    ClientConfig,
    Command,
    Edit,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    Message,
    MessageKind,
    Place,
    PullerConfig,
    Refutation,
    Symptom,
)
from runbook.model.command import PIPE, READ_FROM, Word, glued, host, sh, url
from runbook.observe.address import address_of
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said, seen
from runbook.rules.hop_edits import beneath, swap
from runbook.rules.hops import aside
from runbook.rules.shell import observed, pulled
from runbook.urls import netloc

_TLS = (Symptom.TLS_FAILED, Symptom.UNREACHABLE)
_FOREIGN = (
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
"""What a forward proxy that does not know the registry looks like."""
_BEFORE_CREDENTIALS = Refutation(cause="htpasswd-wrong-password", because="no credentials were sent yet")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")


@rule(
    "insecure-registry-missing",
    by_absence=True,
    needs_any=("messages", "exchanges", "clients"),
    step="simplify",
    title="the docker daemon does not allow plain http to this name",
    fix='Add "insecure-registries": ["HOST:PORT"] to daemon.json and restart the daemon, or use TLS',
    source="docker: https first, http only for loopback and insecure-registries (run); distribution/distribution#1874",
    explains=(Symptom.SCHEME_MIXED, *_TLS),
    hop="client",
    supersedes=("scheme-mismatch-upstream",),
    refuted=(_BEFORE_CREDENTIALS,),
)
def insecure_missing(facts: Facts) -> Iterator[Finding]:
    """docker speaks https to every name but loopback ones, so a plain-http registry works as localhost only.

    The setting belongs to the daemon of the CLIENT's machine, not to the server.
    """
    live = next((e for e in facts.traffic.exchanges if _is_refused_by_docker(e)), None)
    if live is not None and not facts.traffic.said("http-to-https-client"):
        name = netloc(live.url)
        yield finding(
            f"{name} speaks plain http. docker asks it over https and says: server gave HTTP response to HTTPS client.",
            seen(live),
            fix=_of_daemon(
                f'Give the registry a certificate; or add "{name}" to "insecure-registries" in /etc/docker/daemon.json of '
                "the machine that pulls"
            ),
        )
    for message in facts.traffic.said("http-to-https-client"):
        if other := _of_another_client(message):
            yield other
            return
        named = re.search(r"https://([^/\s\"]{1,300})", message.text)
        name = message.host or (named[1] if named else "")
        listed = [c for c in facts.clients if c.insecure_registries is not None]
        there = any(name in (c.insecure_registries or ()) for c in listed)
        near = next((n for c in listed for n in c.insecure_registries or () if name and name.split(":")[0] in n), "")
        how = (
            "it is listed, so the daemon was not restarted since"
            if there
            else f"daemon.json has {near}, which is not the same name"
            if near
            else "daemon.json does not list it"
            if listed
            else "its insecure-registries do not list it"
        )
        cite = context if there else read
        yield finding(
            f"The registry {name or 'here'} speaks plain http and the client's docker insists on https: {how}.",
            said(message),
            [cite("insecure-registries: " + ", ".join(c.insecure_registries or ()), c.file) for c in listed],
            fix=_of_daemon(
                "Restart the daemon of the machine that pulls, so that it reads daemon.json"
                if there
                else f'Add "{name or "HOST:PORT"}" to "insecure-registries" in /etc/docker/daemon.json of the machine that '
                "pulls, or give the registry a certificate"
            ),
            edits=_allow(facts, listed, name) if not there else (),
        )
        return


_KANIKO = "error checking push permissions"
"""What only kaniko says."""
_HOSTS_TOML = (
    "containerd reads hosts.toml at every pull, where config_path in its config.toml names /etc/containerd/certs.d"
)


def _is_containerd(message: Message) -> bool:
    """Whether a kubelet speaks of a pull by containerd; docker below it speaks of its daemon."""
    pulls = ("Failed to pull image", "failed to pull and unpack image")
    text = message.text
    others = ("response from daemon", "pinging container registry")
    return any(p in text for p in pulls) and not any(o in text for o in others)


_PLAIN = {"crane": "--insecure", "oras": "--plain-http", "helm": "--plain-http"}


def _of_another_client(message: Message) -> Finding | None:
    """The same of a client that does not read docker's daemon.json: skopeo, podman and buildah, crane, oras, helm, the
    containerd below a kubelet, kaniko."""
    named = message.host or "HOST:PORT"
    if _is_containerd(message):
        return finding(
            f"The registry {message.host or 'here'} speaks plain http and the node's containerd insists on https.",
            said(message),
            fix=Fix(
                summary=f'Give the registry a certificate; or allow plain http on every node: server = "http://{named}" in '
                f"/etc/containerd/certs.d/{named}/hosts.toml (with k3s or RKE2 the endpoint http://{named} in registries.yaml)",
                verify=(pulled(""),),
                applies=_HOSTS_TOML,
            ),
        )
    if _KANIKO in message.text:
        return finding(
            f"The registry {message.host or 'here'} speaks plain http and kaniko insists on https.",
            said(message),
            fix=Fix(
                summary=f"Give the registry a certificate; or run kaniko with --insecure-registry={named} (--insecure "
                "allows it for every registry that is pushed to)"
            ),
        )
    libpod = message.tool in ("skopeo", "podman", "buildah") or "pinging container registry" in message.text
    if not libpod and message.tool not in _PLAIN:
        return None
    tool = message.tool if message.tool in (*_PLAIN, "skopeo", "podman", "buildah") else "the client"
    where = message.host or "HOST:PORT"
    how = (
        f'--tls-verify=false (skopeo copy: --src-tls-verify or --dest-tls-verify), or a [[registry]] with location = "{where}" '
        "and insecure = true in registries.conf"
        if libpod
        else _PLAIN[message.tool]
    )
    words = {"crane": ("crane", "catalog", "--insecure"), "oras": ("oras", "login", "--plain-http"),
             "helm": ("helm", "registry", "login", "--plain-http")}  # fmt: skip
    program = words.get(message.tool) or (tool if tool != "the client" else "skopeo", "login", "--tls-verify=false")
    check = sh(*program, host(message.host), expect="(the repositories)" if tool == "crane" else "Login Succeeded")
    return finding(
        f"The registry {message.host or 'here'} speaks plain http and {tool} insists on https.",
        said(message),
        fix=Fix(summary=f"Give the registry a certificate; or allow plain http on the client: {how}", verify=(check,)),
    )


def _is_refused_by_docker(exchange: Exchange) -> bool:
    """A TLS handshake that was answered in plain http, on a name on which docker insists on https."""
    asked = address_of(exchange.url)
    return exchange.error == "tls-to-http" and exchange.route != "via" and asked is not None and not asked.is_loopback


def _of_daemon(summary: str) -> Fix:
    """The fix of a change to the daemon's insecure-registries."""
    form = "{{range .RegistryConfig.IndexConfigs}}{{println .Name .Secure}}{{end}}"
    return Fix(
        summary=summary,
        commands=(sh("sudo", "systemctl", "restart", "docker"),),
        verify=(sh("docker", "info", "--format", form, expect="(the name of the registry and false)"),),
        applies="the daemon reads daemon.json when it starts",
    )


def _allow(facts: Facts, listed: list[ClientConfig], name: str) -> tuple[Edit, ...]:
    """The edit that puts the name first into the list of the daemon.json that was handed over."""
    file = next((f for f in facts.evidence.files if len(listed) == 1 and f.path == listed[0].file), None)
    if file is None or not _HOST.fullmatch(name):
        return ()
    comma = ", " if listed[0].insecure_registries else ""
    for number, line in enumerate(file.lines, 1):
        if '"insecure-registries"' in line:
            place = Place(file.path, number)
            return swap(facts.evidence, place, r'("insecure-registries"\s*:\s*\[)', rf'\1"{name}"{comma}')
    return ()


@rule(
    "http-proxy-env-hijack",
    needs_any=("messages", "exchanges", "clients"),
    step="simplify",
    tier=2,
    title="a forward proxy answers in the registry's place",
    fix="Add the registry's host to NO_PROXY of the docker daemon (and of the shell)",
    source="docker daemon proxy settings; moby/moby#23426",
    explains=_FOREIGN,
    hop="client",
    refuted=(Refutation(cause="registry-unreachable", because="another machine on the request path answers"),),
)
def proxy_hijack(facts: Facts) -> Iterator[Finding]:
    """The docker daemon has proxy settings of its own, so `curl` from the shell works while docker gets 403 or 503.

    The company's forward proxy does not know the registry, and its error page looks like the registry's.
    """
    traffic = facts.traffic
    used = next((str(a) for a in facts.focus.used if not a.is_loopback), None)
    name = next((m.host for m in traffic.messages if m.host), None) or used
    daemon = traffic.said("daemon-proxy")
    exempt = any(name and bypassed(name, m.detail) for m in daemon if "no proxy" in m.text.lower())
    set_in = [c for c in facts.clients if c.proxies and not (name and bypassed(name, c.no_proxy or ""))]
    marked = [
        seen(e, f": {key}: {value}")
        for e in traffic.exchanges
        for key, value in e.response_headers
        if _is_forward_proxy(key, value) and not (e.status and e.status < 300)
    ]
    unreached = [m for m in traffic.said("proxy-connect") if (at := address_of(m.host)) and not at.is_hosted]
    if exempt or not (daemon or set_in or marked or unreached):
        return
    if not traffic.seen(*_FOREIGN) and (not daemon or not used or traffic.said("login-ok", "transfer-ok")):
        return  # docker gets through it, or nothing says that it is asked at all
    address = next((m.detail for m in daemon if m.detail), "a forward proxy")
    answers = "answers in its place" if not unreached else "cannot be reached"
    # `docker info` and a client's file say the same thing: that a proxy is set. Only a response shows that it answered.
    cite = context if daemon and not marked else read
    yield finding(
        f"Requests to {name or 'the registry'} go through {address}, which {answers}.",
        [said(m) for m in (*unreached[:1], *daemon[:2])],
        [cite("; ".join(c.proxies), c.file) for c in set_in[:1]],
        marked[:2],
        map(aside, (*(() if marked or unreached else observed(facts, *_FOREIGN)), seen(traffic.works("direct")))),
        fix=Fix(
            summary=f"Add {(name or 'the registry').split(':')[0]} to NO_PROXY where the proxy is set: in the daemon's "
            "[Service] section, in daemon.json or config.json (their proxies), in the shell",
            commands=(*_exempt(name), sh("sudo", "systemctl", "restart", "docker")),
            verify=(sh("docker", "info", "--format", "{{.NoProxy}}", expect="(a list with the host of the registry)"),),
            applies="the daemon reads its proxy settings when it starts",
        ),
    )


_DROP_IN = "/etc/systemd/system/docker.service.d"
_ADD = (
    r"""printf "[Service]\nEnvironment=\"NO_PROXY=%s,%s\"\n" "$(docker info --format "{{.NoProxy}}")" "$1" """
    f"| sudo tee {_DROP_IN}/zz-no-proxy.conf"
)
"""What is exempt now stays so, and of several drop-ins the last one wins."""


def _exempt(name: str | None) -> tuple[Command, ...]:
    """The commands that add a registry to the daemon's NO_PROXY."""
    return (
        sh("sudo", "mkdir", "-p", _DROP_IN),
        sh("sh", "-c", _ADD, "sh", host(name.split(":")[0] if name else None)),
        sh("sudo", "systemctl", "daemon-reload"),
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
    needs_any=("messages", "exchanges", "logs"),
    step="simplify",
    tier=2,
    title="the client does not trust the certificate's issuer",
    fix="Put the CA's certificate into /etc/docker/certs.d/HOST:PORT/ca.crt",
    source="Go crypto/x509 and curl's own words (run with a private CA)",
    explains=_TLS,
    hop="client",
    refuted=(_BEFORE_CREDENTIALS,),
)
def ca_not_trusted(facts: Facts) -> Iterator[Finding]:
    """A self-signed certificate, or one of a CA of one's own, is refused before any HTTP request is sent.

    The registry is sound and its log shows a failed handshake at most; docker has its own folder of CAs.
    """
    shown = _complaints(facts, ("x509-unknown-authority",), "tls-untrusted")
    handshakes = facts.traffic.logged("tls-handshake-bad-certificate")[:1]
    elsewhere = _complaints(facts, ("x509-name", "x509-expired"), "tls-name", "tls-expired")
    if not shown and (not handshakes or elsewhere or facts.traffic.login_works):
        return
    address = _address(facts, "x509-unknown-authority", "tls-untrusted")
    alone = _alone(facts)
    yield finding(
        f"The client does not know the issuer of the certificate of {address or 'the registry'}, so it ends the "
        "connection.",
        shown[:3],
        _certificates(facts),
        seen(alone, ": the server sends its certificate alone, without the intermediate one that issued it")
        if alone
        else None,
        _by_docker(address),
        # The registry's log says that a client refused the certificate, and not why.
        [context(e.text, e.place) for e in handshakes],
        fix=_trusting(facts, address, alone=alone is not None),
        edits=_ca_of_k3s(facts, address),
    )


def _puller(facts: Facts, address: str | None) -> PullerConfig | None:
    """What k3s or podman is told of that registry, where its file was handed over."""
    told = (p for p in facts.evidence.pullers if p.program in ("k3s", "podman"))
    return next((p for p in told if address in p.hosts), None)


def _trusting(facts: Facts, address: str | None, *, alone: bool) -> Fix:
    """How this client is given a CA's certificate."""
    puller = _puller(facts, address)
    told = facts.traffic.said("x509-unknown-authority")
    if puller is None and told and _is_containerd(told[0]) and not alone:
        named = address or "HOST:PORT"
        below = glued("/etc/containerd/certs.d/", host(address))
        crt = glued(below, "/ca.crt")
        return Fix(
            summary=f'Give containerd the CA\'s certificate on every node: server = "https://{named}" and ca = "{crt.text}" '
            f"in hosts.toml beside it (with k3s or RKE2: configs, {named}, tls.ca_file in registries.yaml)",
            commands=(sh("sudo", "mkdir", "-p", below), sh("sudo", "cp", "ca.crt", crt)),
            verify=(_status_with(crt, address), pulled("")),
            applies=_HOSTS_TOML,
        )
    program = puller.program if puller else "docker"
    folder = {"docker": "/etc/docker/certs.d/", "podman": "/etc/containers/certs.d/"}.get(program, "")
    ca = glued(folder, host(address), "/ca.crt") if folder else Word(_K3S_CA)
    again = (sh("sudo", "systemctl", "restart", "k3s"),) if program == "k3s" else ()
    made = (sh("sudo", "mkdir", "-p", glued(folder, host(address))),) if folder else ()
    return Fix(
        summary="Let the server send its whole chain (fullchain.pem in place of cert.pem); where the issuer is a CA of "
        "your own, give the client the CA's certificate"
        if alone
        else f"Give k3s the CA's certificate on every node: configs, {address}, tls.ca_file in registries.yaml"
        if program == "k3s"
        else "Give the client the CA's certificate; do not switch the check off",
        commands=(*made, sh("sudo", "cp", "ca.crt", ca), *again),
        verify=(_status_with(ca, address),),
        applies="k3s reads registries.yaml when it starts (the unit of an agent is k3s-agent)"
        if program == "k3s"
        else f"{program} reads this folder at every request",
    )


_K3S_CA = "/etc/rancher/k3s/registry-ca.crt"


def _ca_of_k3s(facts: Facts, address: str | None) -> tuple[Edit, ...]:
    """The line that names the CA's file, below the registry's key in registries.yaml; not where tls stands there."""
    puller = _puller(facts, address)
    if puller is None or puller.program != "k3s" or not address:
        return ()
    lines = next((f.lines for f in facts.evidence.files if f.path == puller.file), ())
    section = next(
        (n for n, line in enumerate(lines, 1) if re.match(r"configs[ \t]{0,20}:[ \t]{0,80}$", line)), len(lines)
    )
    key = re.compile(rf"[ \t]{{1,80}}[\"']?{re.escape(address)}[\"']?[ \t]{{0,20}}:[ \t]{{0,80}}$")
    for n, line in enumerate(lines[section:], section + 1):
        below = [lines[m - 1] for m in beneath(lines, n)[1:]] if key.match(line) else []
        if below and not any(re.match(r"\s*tls\s*:", t) for t in below):
            indent = " " * (len(below[0]) - len(below[0].lstrip()))
            return (Edit(file=puller.file, line=n, old=None, new=f"{indent}tls: {{ca_file: {_K3S_CA}}}"),)
    return ()


def _status_with(ca: Word, address: str | None) -> Command:
    base = f"https://{address}" if address else None
    form = "%{http_code}\\n"
    return sh("curl", "-sS", "-o", "/dev/null", "-w", form, "--cacert", ca, url(base, "/v2/"), expect="401 (or 200)")


@rule(
    "tls-san-missing",
    needs_any=("messages", "exchanges"),
    step="simplify",
    tier=2,
    title="the certificate is not for the name in use",
    fix="Issue a certificate with subjectAltName=DNS:HOST (or IP:…), signed by the CA of the old one",
    source="Go crypto/x509: only subjectAltName counts; goharbor/harbor#16971; run: openssl 3 x509 -req drops the names",
    explains=_TLS,
    hop="client",
    refuted=(Refutation(cause="tls-ca-not-trusted", because="the complaint is about the name, not the issuer"),),
)
def san_missing(facts: Facts) -> Iterator[Finding]:
    """Only the names in subjectAltName count; a common name (CN) is ignored, and an IP address must be listed as one.

    The certificate looks right, since its CN is the name.
    """
    shown = _complaints(facts, ("x509-name",), "tls-name")
    if not shown:
        return
    address = _address(facts, "x509-name", "tls-name")
    name = address.split(":")[0] if address else None
    kind = "IP" if name and name.replace(".", "").isdecimal() else "DNS"
    server = address if address and ":" in address else f"{address}:443" if address else None
    own = any(
        e.certificate.is_self_signed for e in facts.traffic.exchanges if e.certificate and netloc(e.url) == address
    )
    yield finding(
        f"The certificate does not list {name or 'this name'} as a subjectAltName, so the client refuses it.",
        shown[:3],
        _certificates(facts),
        fix=Fix(
            summary="Make a certificate with the name that clients use, and give every client the new one to trust"
            if own
            else "Have the CA that issued the old certificate sign this request, and keep the name (openssl x509 -req "
            "drops it without -copy_extensions copy); only where the old one was self-signed, put -x509 -days 365 "
            "in place of -new and give every client the new one to trust",
            commands=(
                sh("openssl", "req", *(("-x509", "-days", "365") if own else ("-new",)), "-newkey", "rsa:4096", "-nodes",
                   "-keyout", "domain.key", "-out", "domain.crt" if own else "domain.csr",
                   "-subj", glued("/CN=", host(name)), "-addext", glued(f"subjectAltName={kind}:", host(name))),
            ),
            verify=(
                sh("openssl", "s_client", "-connect", host(server), READ_FROM, "/dev/null", PIPE,
                   "openssl", "x509", "-noout", "-ext", "subjectAltName", expect="(the name that clients use)"),
            ),
            applies="the server reads its certificate when it starts",
        ),
    )  # fmt: skip


def _complaints(facts: Facts, kinds: tuple[MessageKind, ...], *errors: str) -> tuple[Item, ...]:
    """What clients said of a certificate, and requests that failed for it."""
    failed = (e for e in facts.traffic.exchanges if e.error in errors)
    return (
        *(said(m) for m in facts.traffic.said(*kinds) if not _is_hosted(m)),
        *(seen(e, what=f"{e.method} {e.url}: {e.detail or e.error}") for e in failed),
    )


def _is_hosted(message: Message) -> bool:
    """Whether a client speaks of a registry that others run for everybody: its certificate is not in question here."""
    asked = address_of(message.host)
    return asked is not None and asked.is_hosted


def _certificates(facts: Facts) -> tuple[Item, ...]:
    """What the servers show of themselves, where it was looked at."""
    shown = (e for e in facts.traffic.exchanges if e.certificate is not None)
    return tuple(seen(e, what=f"{netloc(e.url)} shows a {e.certificate}") for e in shown)[:2]


def _address(facts: Facts, kind: MessageKind, error: str) -> str | None:
    """host[:port] of the server whose certificate is in question."""
    named = next((m.host for m in facts.traffic.said(kind) if m.host and not _is_hosted(m)), None)
    failed = (netloc(e.url) for e in facts.traffic.exchanges if e.error == error)
    return named or next(failed, None) or next((netloc(e.url) for e in facts.traffic.exchanges), None)


def _by_docker(address: str | None) -> EvidenceItem | None:
    """docker's own rule for the names of its own machine (run with CLI 28)."""
    asked = address_of(address) if address else None
    if asked is None or not asked.is_loopback:
        return None
    return context(
        "docker itself accepts this certificate: on loopback names it does not insist; others do", address or ""
    )


def _alone(facts: Facts) -> Exchange | None:
    """A server that sends its certificate without the one that issued it, as far as was looked."""
    shown = (e for e in facts.traffic.exchanges if e.error == "tls-untrusted" and e.certificate)
    return next(
        (e for e in shown if e.certificate and e.certificate.sent == 1 and not e.certificate.is_self_signed), None
    )
