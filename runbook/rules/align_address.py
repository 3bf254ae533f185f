"""Addresses that must agree: the published port with the one listened on, http.host with the one that clients use."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Edit,
    Evidence,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    Port,
    Refutation,
    Registry,
    Setting,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.align import at, request, said, symptoms
from runbook.rules.base import rule
from runbook.rules.hop_edits import drop, swap
from runbook.rules.logins import url
from runbook.urls import urlsplit

S = Symptom


@rule(
    "port-mapping-mismatch",
    step="align",
    title="the published port leads to a port on which nobody listens",
    fix="make the right-hand side of `ports` the port of http.addr",
    source="Docker's port publishing; run: empty reply (curl 52, docker: EOF) with the userland proxy, else reset",
    sees=("compose", "registry"),
)
def port_mapping(stack: Stack, evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """The engine takes the connection and finds nobody behind it. So it is no "connection refused": the answer is
    empty or the connection is reset, which looks like a fault of the registry.
    """
    for registry in stack.registries:
        port = _dead_port(registry)
        if port is None or registry.start_errors or traffic.works("direct") is not None:
            continue
        if any(e.status and e.header("Docker-Distribution-Api-Version") for e in traffic.on("direct")):
            continue
        setting = registry.settings.get("http.addr")
        shown = f"{port.published}:{port.container}" if port.published else str(port.container)
        yield Finding(
            cause="port-mapping-mismatch",
            summary=f"Port {shown} is published, but the registry listens on {registry.listens} in its container "
            f"({said(setting, 'http.addr')}).",
            certainty=Certainty.PROVEN if traffic.seen(S.EMPTY_REPLY, S.UNREACHABLE) else Certainty.READ,
            explains=(S.EMPTY_REPLY, S.UNREACHABLE),
            evidence=(
                at(f"published: {shown}", port.place),
                at(
                    f"{said(setting, 'http.addr')}: {setting.value if setting else ''}",
                    setting.place if setting else None,
                ),
                *symptoms(traffic, S.EMPTY_REPLY, S.UNREACHABLE),
            ),
            hop="registry",
            proves=True,
            supersedes=("registry-unreachable",),
            refuted=(Refutation(cause="registry-unreachable", because="nothing says that the process is down"),),
            fix=Fix(
                summary=f"Publish {port.published or port.container}:{registry.listens}.",
                commands=(f"docker compose up -d {registry.name}",),
                verify=(
                    f"docker compose port {registry.name} {registry.listens}",
                    f"curl -sS -i {url(evidence, traffic)}/v2/",
                ),
            ),
            edits=_edit(evidence, port, registry.listens or 5000),
        )
        return


def _dead_port(registry: Registry) -> Port | None:
    """A published port, when none of them leads to the listener."""
    service = registry.service
    if service is None or registry.listens is None or service.network_mode == "host":
        return None
    if registry.auth == "unknown" and not registry.settings.get("http.addr"):
        return None
    debug = str(registry.value("http.debug.addr") or "").rpartition(":")[2]
    ports = [p for p in registry.ports if p.protocol == "tcp" and str(p.container) != debug]
    if not ports or any(p.container == registry.listens for p in ports):
        return None
    return ports[0]


def _edit(evidence: Evidence, port: Port, listens: int) -> tuple[Edit, ...]:
    if port.published is None:
        return ()
    return swap(evidence, port.place, rf":{port.container}(?!\d)", f":{listens}") or swap(
        evidence, port.place, rf"(target:\s*[\"']?){port.container}(?!\d)", rf"\g<1>{listens}"
    )


@rule(
    "http-host-wrong",
    step="headers",
    title="http.host sends clients to another address",
    fix="remove http.host: the registry then uses the address of the request",
    source="distribution registry/api/v2/urls.go (NewURLBuilderFromRequest against httpHost)",
    sees=("registry", "exchanges"),
)
def http_host(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """http.host is put into every Location, whatever address the client used. After a move, or with another scheme
    or port in front, uploads are sent to where nobody answers, while logins go well.
    """
    setting = next((s for r in stack.registries if (s := r.settings.get("http.host")) and s.value), None)
    registry = next((r for r in stack.registries if "http.host" in r.settings), None)
    if registry is not None and registry.value("http.relativeurls") is True:
        return
    uploads = [
        e for e in traffic.exchanges if "://" in (e.header("Location") or "") and e.method in ("POST", "PATCH", "PUT")
    ]
    astray = [e for e in uploads if _address(e.header("Location")) != _address(e.url)]
    host = str(setting.value) if setting else None
    if host is None:
        host = _constant(uploads)
        if host is None or (stack.routes and any(e.route != "direct" for e in uploads)):
            return
    elif (uploads and not any(_address(e.header("Location")) == _address(host) for e in astray)) or _address(
        host
    ) in _used(evidence, traffic):
        return
    told = traffic.seen(S.LOCATION_WRONG, S.NAME_UNKNOWN, S.UPLOAD_FAILS)
    yield Finding(
        cause="http-host-wrong",
        summary=f"The registry puts {host} into every Location (http.host), whatever address the client used.",
        certainty=Certainty.PROVEN if setting and (astray or told) else Certainty.SEEN if astray else Certainty.READ,
        explains=(S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN, S.TLS_FAILED),
        evidence=(
            *(at(f"{said(setting, 'http.host')}: {host}", setting.place) for _ in (1,) if setting),
            *(_location(e) for e in astray[:3]),
            *symptoms(traffic, S.LOCATION_WRONG, S.NAME_UNKNOWN),
        ),
        hop="registry",
        supersedes=("location-header-wrong-host", "location-header-port-lost", "x-forwarded-proto-missing"),
        refuted=(
            Refutation(cause="location-header-wrong-host", because="the Location is the same whatever Host is sent"),
        ),
        fix=Fix(
            summary="Remove http.host; give X-Forwarded-Proto and Host from the proxy instead, if there is one.",
            commands=(f"docker compose up -d {registry.name if registry else ''}".rstrip(),),
            verify=(
                f"curl -sS -i -X POST -u NAME {url(evidence, traffic)}/v2/test/blobs/uploads/ | grep -i ^location",
            ),
        ),
        edits=_remove(evidence, setting),
    )


def _remove(evidence: Evidence, setting: Setting | None) -> tuple[Edit, ...]:
    if setting is None or setting.place is None:
        return ()
    return drop(evidence, setting.place, r"^\s*(?:-\s*)?[\"']?(?:host|REGISTRY_HTTP_HOST)[\"']?\s*[:=].*$")


def _location(exchange: Exchange) -> EvidenceItem:
    seen = request(exchange)
    return at(f"{seen.what}, Location: {(exchange.header('Location') or '')[:100]}", exchange.source)


def _constant(uploads: list[Exchange]) -> str | None:
    """One address in the Location of uploads that were asked for under several: only http.host does that."""
    places = {_address(e.header("Location")) for e in uploads}
    asked = {_address(f"{urlsplit(e.url).scheme}://{e.sent('Host') or urlsplit(e.url).netloc}") for e in uploads}
    if len(places) != 1 or len(asked) < 2:
        return None
    parts = urlsplit(uploads[0].header("Location") or "")
    return f"{parts.scheme}://{parts.netloc}"


def _used(evidence: Evidence, traffic: Traffic) -> set[str]:
    """Addresses under which clients reached the registry and an upload would work."""
    urls = [e.url for e in traffic.exchanges if e.is_api] + [
        u for u in (evidence.target.registry_url, evidence.target.ui_url) if u
    ]
    hosts = [f"{scheme}://{m.host}" for m in traffic.messages if m.host for scheme in ("http", "https")]
    return {_address(u) for u in (*urls, *hosts)}


def _address(address: str | None) -> str:
    """Scheme, host and port, the default one filled in."""
    try:
        parts = urlsplit(address if address and "://" in address else f"http://{address or ''}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return address or ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
