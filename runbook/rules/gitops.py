"""Where Flux or Argo CD keeps a cluster as a Git repository says, a change is committed and not applied by hand."""

from dataclasses import replace

from runbook.lazy import re
from runbook.model import Evidence, Fix

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
