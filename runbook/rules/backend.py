"""The Service that an Ingress names as its backend."""

from collections.abc import Iterator
from difflib import get_close_matches

from runbook.lazy import re
from runbook.model import Edit, Finding, Fix, Place, ProxyRoute, Service, Symptom
from runbook.rules.base import Facts
from runbook.rules.evidence import finding, read
from runbook.rules.hop_edits import line_of, swap
from runbook.rules.hops import api_routes, aside, hop, login_check, name, site
from runbook.rules.platform import route_applied

_ROWS = 12
"""Lines of a manifest in which a path names its backend."""


def no_such_backend(facts: Facts) -> Iterator[Finding]:
    """An Ingress for a Service that is in none of the manifests, where the registry's own Service has nearly its name and
    no route leads to that: the controller has nothing to ask, and answers 503. A longer name may be that of a Service that
    was not handed over (the UI's, a proxy's): a suspicion."""
    registry = facts.registry.service if facts.registry else None
    if registry is None or not registry.aliases or facts.traffic.works("via"):
        return
    routes = [r for r in api_routes(facts) if r.platform == "kubernetes"]
    hosts = {host for r in routes for host, _ in r.upstream_hosts}
    if hosts & {n for s in (facts.compose.services if facts.compose else ()) for n in s.aliases}:
        return
    for route in routes:
        for host, port in route.upstream_hosts:
            own = next((n for n in registry.aliases if _alike(host, n)), None)
            if own is None or route.through is not None:
                continue
            sure = _is_meant(host, own) or (_only_says_registry(host, own) and _is_port_of(registry, port))
            edits = _renamed(facts, route, host, own) if sure else ()
            told = (
                read(f"its backend is {host}", next((Place(e.file, e.line) for e in edits), route.place)),
                read(f"the registry is behind the Service {own}", registry.place),
            )
            applied = route_applied(route)
            yield finding(
                f"{name(route)} leads to a Service {host}, which is in none of these manifests; the registry's Service is {own}.",
                told if sure else map(aside, told),
                explains=(Symptom.UNAVAILABLE, Symptom.BAD_GATEWAY),
                hop=hop(route),
                proves=True,  # that nothing answers there; as a suspicion it keeps the verdict from being healthy
                about=site(facts, route),
                edits=edits,
                fix=Fix(
                    summary=f"Write {own} as its backend",
                    commands=applied.commands if applied else (),
                    verify=(login_check(facts, route),),
                    applies=applied.applies if applied else "",
                ),
            )
            return


def _alike(host: str, own: str) -> bool:
    return "." not in host and (host in own.split(".") or own in host or bool(get_close_matches(host, [own], 1, 0.6)))


def _is_meant(host: str, own: str) -> bool:
    """Whether a name is the other one written wrong: as many words, nearly alike, and not numbered otherwise."""
    if host in own.split("."):
        return True
    words = [re.split(r"[-_]", n) for n in (host, own)]
    alike = len(words[0]) == len(words[1]) and bool(get_close_matches(host, [own], 1, 0.8))
    return alike and re.sub(r"\d", "", host) != re.sub(r"\d", "", own)


_REGISTRY_WORDS = frozenset("docker container image oci private svc service".split())


def _only_says_registry(host: str, own: str) -> bool:
    """Whether the words that two names do not share say no more than that it is a registry."""
    one, other = (frozenset(re.split(r"[-_]", n)) for n in (host, own))
    return bool(one & other) and one ^ other <= _REGISTRY_WORDS


def _is_port_of(registry: Service, port: int | None) -> bool:
    return port in {p.published for p in registry.cluster_ports}


def _renamed(facts: Facts, route: ProxyRoute, host: str, own: str) -> tuple[Edit, ...]:
    """The edit of the backend's name, in the first line of the path's rows that has it."""
    first = route.place.line or 1
    rows = (Place(route.place.file, number) for number in range(first, first + _ROWS))
    pattern = rf"(\b(?:name|serviceName)[\"']?\s*:\s*[\"']?){re.escape(host)}(?![\w.-])"
    at = next((row for row in rows if re.search(pattern, line_of(facts.evidence, row) or "")), None)
    return swap(facts.evidence, at, pattern, rf"\g<1>{own}")
