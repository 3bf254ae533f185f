"""A running stack in a cluster, read through `kubectl`, read-only: workloads, what they name, their pods' logs, events."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from runbook.collect.containers import concerns
from runbook.collect.engine import EngineError, Gathered, ran
from runbook.collect.request import Running
from runbook.model import Place, Problem

_WORKLOADS = "deployments,statefulsets,daemonsets,pods"
_NEARBY = "services,ingresses,endpoints,events"
_PODS = 6
_LINES = 5000


def gather_pods(running: Running, tell: Callable[[str], None]) -> Gathered:
    """Read what concerns a registry in one namespace. `EngineError` where no cluster answers."""
    kubectl = _Kubectl(running.namespace, tell)
    rows = [r for r in kubectl.items(_WORKLOADS) if _is_meant(r, running)]
    if not rows:
        where = running.namespace or "the current namespace"
        raise EngineError(f"kubectl knows no workload of a registry, its UI or a proxy in {where}.")
    found = Gathered()
    names = {(kind, name) for row in rows for kind, name in _named(row)}
    for kind, name in sorted(names):
        try:
            rows += kubectl.items(kind, name)
        except EngineError as error:
            found.problems.append(Problem(place=Place(f"{kind}/{name}"), message=str(error)))
    rows += kubectl.items(_NEARBY)
    listing = {"apiVersion": "v1", "kind": "List", "items": [_trimmed(r) for r in rows]}
    kinds = ", ".join(sorted({str(r.get("kind")) for r in rows}))
    data = json.dumps(listing, indent=1).encode()
    found.add("manifests.yaml", data, "kubectl get", f"kubectl get: {len(rows)} objects ({kinds})")
    for pod in [r for r in rows if r.get("kind") == "Pod"][:_PODS]:
        _log(kubectl, pod, found)
    return found


class _Kubectl:
    """The cluster behind the command: contexts are its own business."""

    def __init__(self, namespace: str | None, tell: Callable[[str], None]) -> None:
        self.words, self.tell = ["kubectl", "--request-timeout=15s", *(["-n", namespace] if namespace else [])], tell

    def says(self, *words: str) -> bytes:
        """What a command prints; `EngineError` with its last sentence when it fails."""
        self.tell(f"asking kubectl {' '.join(words[:2])}")
        code, output, complaint = ran([*self.words, *words])
        if code:
            last = complaint.splitlines()[-1] if complaint else f"it ended with {code}"
            raise EngineError(f"kubectl {words[0]}: {last[:300]}")
        return output

    def items(self, *what: str) -> list[dict[str, Any]]:
        """Objects of these kinds, or the one of that name."""
        try:
            data = json.loads(self.says("get", *what, "-o", "json"))
        except ValueError:
            raise EngineError(f"kubectl get {what[0]}: what it printed is no JSON (more than 8 MB?)") from None
        rows = data.get("items", [data]) if isinstance(data, dict) else []
        return [row for row in rows if isinstance(row, dict)]


def _spec(row: dict[str, Any]) -> dict[str, Any]:
    spec = row.get("spec") or {}
    template = spec.get("template") or {}
    return (template.get("spec") if isinstance(template, dict) and template else spec) or {}


def _containers(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in _spec(row).get("containers") or () if isinstance(c, dict)]


def _is_meant(row: dict[str, Any], running: Running) -> bool:
    name = str((row.get("metadata") or {}).get("name") or "")
    if running.containers:
        return any(name == wanted or name.startswith(f"{wanted}-") for wanted in running.containers)
    return any(concerns(str(c.get("image") or "")) for c in _containers(row))


def _named(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The ConfigMaps and Secrets that a workload takes files and variables from."""
    spec = _spec(row)
    for volume in spec.get("volumes") or ():
        parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for part in parts:
            for key, kind, field in (("configMap", "configmap", "name"), ("secret", "secret", "secretName")):
                section = part.get(key) or {}
                if name := section.get(field) or section.get("name"):
                    yield kind, str(name)
    for container in _containers(row):
        for source in container.get("envFrom") or ():
            for key, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
                if name := (source.get(key) or {}).get("name"):
                    yield kind, str(name)
        for variable in container.get("env") or ():
            given = variable.get("valueFrom") or {}
            for key, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
                if name := (given.get(key) or {}).get("name"):
                    yield kind, str(name)
    for secret in spec.get("imagePullSecrets") or ():
        if name := secret.get("name"):
            yield "secret", str(name)


def _trimmed(row: dict[str, Any]) -> dict[str, Any]:
    """An object without what servers and `apply` add: that repeats all of it, with all of its values."""
    meta = dict(row.get("metadata") or {})
    meta.pop("managedFields", None)
    notes = dict(meta.get("annotations") or {})
    notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return {
        **row,
        "metadata": {**meta, "annotations": notes} if notes else {k: v for k, v in meta.items() if k != "annotations"},
    }


def _log(kubectl: _Kubectl, pod: dict[str, Any], found: Gathered) -> None:
    """The log of each container of a pod: since it last started, as kubectl keeps one per start."""
    name = str((pod.get("metadata") or {}).get("name") or "pod")
    for container in _containers(pod):
        inside = str(container.get("name") or "")
        try:
            data = kubectl.says("logs", name, "-c", inside, f"--tail={_LINES}")
        except EngineError as error:
            found.problems.append(Problem(place=Place(f"pod/{name}"), message=str(error)))
            continue
        if data.strip():
            shown = f"log of pod/{name} ({inside})"
            found.add(f"{name}-{inside}.log", data, shown, f"{shown}: {data.count(bytes([10]))} lines")
