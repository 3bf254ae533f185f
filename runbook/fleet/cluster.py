"""Registries found in a Kubernetes cluster by a label: Services, asked for with `kubectl`, read-only, as targets."""

import json
from collections.abc import Iterator
from typing import Any

from runbook.collect.engine import EngineError, ran
from runbook.collect.request import UsageError
from runbook.fleet.inventory import Cluster, Target
from runbook.parse.docker_config import mapping
from runbook.redact import visible

_PORTS = ("https", "registry", "http")
"""Names of ports, the likeliest first; 5000 comes before any of them."""
_LABELS, _KEY, _VALUE = 20, 60, 100
"""What an inventory takes: how many labels, how long."""


def targets(cluster: Cluster) -> tuple[Target, ...]:
    """A target for each Service with the label; `UsageError` where the cluster does not answer or has none."""
    services = _got(cluster, "services", f"--selector={cluster.selector}")
    fronts = list(_fronts(_got(cluster, "ingresses")))
    found = [target for row in services if (target := _target(row, fronts, cluster))]
    if not found:
        reached = "" if cluster.reach == "service" else " that an Ingress leads to"
        raise UsageError(f"The cluster has no Service with the label {visible(cluster.selector, 200)}{reached}.")
    return tuple(found)


def _got(cluster: Cluster, kind: str, *more: str) -> list[dict[str, Any]]:
    words = ["kubectl", "--request-timeout=15s", "get", kind, "--output=json", *more]
    words.append(f"--namespace={cluster.namespace}" if cluster.namespace else "--all-namespaces")
    words += [f"--context={cluster.context}"] if cluster.context else []
    try:
        code, output, complaint = ran(words)
    except EngineError as error:
        raise UsageError(str(error)) from None
    if code:
        last = complaint.splitlines()[-1] if complaint else f"it ended with {code}"
        raise UsageError(f"kubectl get {kind}: {visible(last, 300)}")
    try:
        data = json.loads(output)
    except (ValueError, RecursionError):
        raise UsageError(f"kubectl get {kind}: what it printed is no JSON (more than 8 MB?)") from None
    return [row for row in _rows(mapping(data).get("items")) if mapping(row.get("metadata")).get("name")]


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _place(row: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name."""
    metadata = mapping(row.get("metadata"))
    return str(metadata.get("namespace") or "default"), str(metadata["name"])


def _fronts(rows: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], str]]:
    """The Services that Ingresses lead to, with the address outside."""
    for row in rows:
        space, spec = _place(row)[0], mapping(row.get("spec"))
        hosts = [entry.get("hosts") for entry in _rows(spec.get("tls"))]
        under_tls = [host for named in hosts if isinstance(named, list) for host in named]
        for rule in _rows(spec.get("rules")):
            host = rule.get("host")
            if not isinstance(host, str) or "*" in host:
                continue
            scheme = "https" if host in under_tls else "http"
            for path in _rows(mapping(rule.get("http")).get("paths")):
                service = mapping(mapping(path.get("backend")).get("service")).get("name")
                if service:
                    yield (space, str(service)), f"{scheme}://{host}"


def _target(row: dict[str, Any], fronts: list[tuple[tuple[str, str], str]], cluster: Cluster) -> Target | None:
    space, name = _place(row)
    outside = next((address for place, address in fronts if place == (space, name)), None)
    inside = _inside(row, space, name)
    labels = {
        str(key): str(value)
        for key, value in sorted(mapping(mapping(row.get("metadata")).get("labels")).items())
        if len(str(key)) <= _KEY and len(str(value)) <= _VALUE
    }
    labels = dict(list(labels.items())[:_LABELS])
    if cluster.reach == "ingress":
        return Target(name=f"{space}.{name}", registry=outside, labels=labels) if outside else None
    if inside is None:
        return None
    return Target(name=f"{space}.{name}", registry=inside, ui=outside, labels=labels)


def _inside(row: dict[str, Any], space: str, name: str) -> str | None:
    """The address that programs in the cluster use."""
    ports = [p for p in _rows(mapping(row.get("spec")).get("ports")) if isinstance(p.get("port"), int)]
    if not ports:
        return None

    def rank(port: dict[str, Any]) -> int:
        called = str(port.get("name") or "")
        return 0 if port["port"] == 5000 else 1 + _PORTS.index(called) if called in _PORTS else len(_PORTS) + 1

    best = min(ports, key=rank)
    scheme = "https" if best["port"] == 443 or str(best.get("name") or "").startswith("https") else "http"
    return f"{scheme}://{name}.{space}.svc:{best['port']}"
