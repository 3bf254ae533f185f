"""Which of several registries the incident is about, and which proxies lead to it: by the ports that clients asked."""

from collections.abc import Iterable, Iterator

from runbook.model import Evidence, ProxyRoute, Registry, RegistryFile, Service
from runbook.numbers import whole_number
from runbook.observe.address import address_of

_SERVED = ("login-ok", "login-begun", "transfer-ok")


def asked(known: tuple[Registry, ...], evidence: Evidence) -> str:
    """The name of the only one of several registries at whose published port a request failed, or where none failed was
    made; "" where that does not decide."""
    at = {p.published: r.name for r in known for p in r.ports if p.published}
    rows = [(at[port], failed) for port, failed in _ports(evidence) if port in at] if len(known) > 1 else []
    names = {name for name, failed in rows if failed} or {name for name, _ in rows}
    return names.pop() if len(names) == 1 else ""


def config_asked(evidence: Evidence) -> RegistryFile | None:
    """Of several config.yml without a compose file the one at whose port a request failed, or behind a proxy's; else the
    one to which a proxy leads, else that was asked; the first where none of it decides."""
    files = evidence.registry_files
    if len(files) < 2:
        return files[0] if files else None
    rows = [*_ports(evidence)]
    failed = {port for port, bad in rows if bad}
    behind = {port for r in evidence.routes if failed.intersection(r.listen) for _, port in r.upstream_hosts}
    led = {port for r in evidence.routes for _, port in r.upstream_hosts}
    for ports in (failed | behind, led, {port for port, _ in rows}):
        found = [f for f in files if _port_of(f) in ports]
        if len(found) == 1:
            return found[0]
    return files[0]


def _port_of(file: RegistryFile) -> int:
    bound = file.settings.get("http.addr")
    return whole_number(str(bound.value).rpartition(":")[2]) or 0 if bound else 0


def started(services: list[Service], evidence: Evidence) -> list[Service]:
    """The services without those behind a profile of Compose, which `up` leaves alone, unless a client asked one of their
    ports or there is nothing else."""
    ports = {port for port, _ in _ports(evidence)}
    running = [s for s in services if not s.profiles or any(p.published in ports for p in s.ports if p.published)]
    return running or services


def on_the_way(routes: Iterable[ProxyRoute], known: tuple[Registry, ...]) -> tuple[ProxyRoute, ...]:
    """The routes without those that lead to other registries than the first."""
    strange = _names(known[1:]) - _names(known[:1])
    return tuple(r for r in routes if not r.upstream_hosts or {h.lower() for h, _ in r.upstream_hosts} - strange)


def _names(known: Iterable[Registry]) -> set[str]:
    services = [r.service for r in known if r.service is not None]
    return {n.lower() for s in services for n in (s.name, s.container_name, s.hostname, *s.aliases, *s.addresses) if n}


def _ports(evidence: Evidence) -> Iterator[tuple[int | None, bool]]:
    """The ports that clients asked, and whether it failed: a request without a login is refused as it should be."""
    rows: list[tuple[str | None, bool]] = [(evidence.target.registry_url, True)]
    if not evidence.target.registry_url:
        told = (m for m in evidence.messages if m.voice == "program")
        seen = (e for e in evidence.exchanges if e.voice == "program" and e.at == "client")
        rows += [(m.host, m.kind not in _SERVED) for m in told]
        rows += [(e.url, (e.status or 0) >= 400 and e.credential is not None) for e in seen]
    for text, failed in rows:
        if (address := address_of(text)) is not None and not address.is_hosted:
            yield address.port, failed
