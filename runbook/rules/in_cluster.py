"""What a fix needs where a cluster runs the registry: a way to its port, and a commit where Flux or Argo CD rules."""

from dataclasses import replace

from runbook.lazy import re
from runbook.model import Evidence, Fix, Registry, Service
from runbook.model.command import Word, service, sh

_KEEPERS = {
    "Argo CD": (r"apiVersion:\s*argoproj\.io/", r"kind:\s*Application(?:Set)?\s*$"),
    "Flux": (r"apiVersion:\s*(?:helm|kustomize)\.toolkit\.fluxcd\.io/", r"kind:\s*(?:HelmRelease|Kustomization)\s*$"),
}
_BY_HAND = re.compile(r"kubectl (?:-n \S{1,80} )?(?:apply|replace) |helm upgrade ")
_RUN = re.compile(r" Then run `[^`]{1,300}`$")


def committed(fix: Fix, evidence: Evidence) -> Fix:
    """The fix without what such a keeper undoes again, and with what makes it last."""
    keeper = next((name for name, lines in _KEEPERS.items() if any(_has(f.lines, lines) for f in evidence.files)), None)
    if keeper is None:
        return fix
    kept = tuple(c for c in fix.commands if not _BY_HAND.match(str(c)))
    applies = _RUN.sub("", fix.applies)
    if (kept, applies) == (fix.commands, fix.applies) and not any(" patch secret " in str(c) for c in kept):
        return fix
    last = (
        f"Commit the change to the repository: {keeper} applies it, and undoes what is changed in the cluster by hand"
    )
    return replace(fix, commands=kept, applies=". ".join(t for t in (applies.rstrip("."), last) if t))


def _has(lines: tuple[str, ...], patterns: tuple[str, str]) -> bool:
    return all(any(re.match(pattern, line) for line in lines) for pattern in patterns)


_LOCAL = re.compile(r"https?://localhost:(\d{1,5})/")


def forwarded(fix: Fix, registry: Registry | None, *, is_near: bool) -> Fix:
    """The fix whose check at localhost has the port of the pod there. `is_near`: it was seen to be there anyway."""
    one = registry.service if registry else None
    if (
        is_near
        or registry is None
        or one is None
        or one.platform != "kubernetes"
        or any(p.published for p in registry.ports)
    ):
        return fix
    for place, check in enumerate(fix.verify):
        if port := next((m[1] for w in check.words if (m := _LOCAL.match(w.text))), None):
            ports = f"{port}:{registry.listens or 5000}"
            way = sh("kubectl", *in_namespace(one.namespace), "port-forward", service(workload(one)), ports,
                     expect="Forwarding from … (leave it running in another terminal)")  # fmt: skip
            return replace(fix, verify=(*fix.verify[:place], way, *fix.verify[place:]))
    return fix


def workload(one: Service) -> str:
    """What kubectl calls it: "deployment/registry", also for a second container of the same pod."""
    base, _, last = one.name.rpartition("-")
    return base if one.network_mode == f"service:{base}" and last.isdecimal() else one.name


def in_namespace(namespace: str) -> tuple[str | Word, ...]:
    """`-n NAMESPACE`, where one is known."""
    return ("-n", service(namespace)) if namespace else ()
