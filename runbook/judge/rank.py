"""Which of the findings is the reason: the one that explains what was seen, as surely as may be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runbook.model import Certainty, EvidenceItem, Finding, Refutation, Symptom
from runbook.rules.base import Facts

S = Symptom

_REFUSED = frozenset({S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA})

MATCHES: dict[Symptom, frozenset[Symptom]] = {
    S.LOGIN_401: _REFUSED | {S.NO_CREDENTIAL_SENT, S.TOKEN_REFUSED, S.PING_OPEN},
    S.LOGIN_401_VIA: _REFUSED,
    S.LOGIN_401_DIRECT: frozenset({S.LOGIN_401, S.LOGIN_401_DIRECT}),
    S.LOGIN_WOULD_FAIL: _REFUSED | {S.LOGIN_400, S.LOGIN_WOULD_FAIL},
    S.UNREACHABLE: frozenset({S.UNREACHABLE, S.NOT_STARTED, S.COMPOSE_REFUSED, S.EMPTY_REPLY, S.PROXY_NOT_STARTED}),
    S.EMPTY_REPLY: frozenset({S.EMPTY_REPLY, S.UNREACHABLE}),
    S.NAME_UNKNOWN: frozenset({S.NAME_UNKNOWN, S.LOCATION_WRONG}),
    S.UPLOAD_FAILS: frozenset({S.UPLOAD_FAILS, S.LOCATION_WRONG, S.TOO_LARGE, S.GATEWAY_TIMEOUT}),
    S.PREFLIGHT_REFUSED: frozenset({S.PREFLIGHT_REFUSED}),
    S.BROWSER_BLOCKED: frozenset({S.BROWSER_BLOCKED, S.PREFLIGHT_REFUSED}),
    S.BAD_GATEWAY: frozenset({S.BAD_GATEWAY, S.NOT_STARTED, S.SCHEME_MIXED}),
    S.OPEN_VIA: frozenset({S.OPEN_VIA, S.PING_OPEN}),
    S.PING_OPEN: frozenset({S.PING_OPEN, S.OPEN_VIA}),
}
"""Seen symptom → symptoms that a finding may name to explain it (itself, when not listed): a refused
login of unknown route is explained by a fault on either route, a connection refused by a crash."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Findings sorted into reasons, warnings and what the wire contradicts."""

    causes: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    contradictions: tuple[EvidenceItem, ...]


def rank(findings: Iterable[Finding], facts: Facts) -> Ranking:
    """Sort findings: causes by what they explain and how surely, the rest as warnings."""
    seen = facts.traffic.seen()
    causes: list[Finding] = []
    warnings: list[Finding] = []
    contradictions: list[EvidenceItem] = []
    for finding in findings:
        if finding.warning:
            warnings.append(finding)
        elif refuted := _refuted_by_the_wire(finding, facts):
            contradictions.append(refuted)
            warnings.append(finding)
        elif explained(finding, seen) or finding.proves:
            causes.append(finding)
        else:
            warnings.append(finding)
    causes, faces = _without_faces(causes)
    ranked = sorted(causes, key=lambda f: -_weight(f, seen))
    rivals = [_with_confidence(f, i, ranked, seen) for i, f in enumerate(ranked)]
    warnings = [replace(f, confidence=_base(f)) for f in warnings if f.cause not in {c.cause for c in rivals}]
    return Ranking(tuple(_with_refutations(rivals, faces)), tuple(warnings), tuple(contradictions))


def explained(finding: Finding, seen: tuple[Symptom, ...]) -> tuple[Symptom, ...]:
    """Those of the seen symptoms that a finding explains."""
    named = set(finding.explains)
    specific = tuple(s for s in seen if s is not S.FAILURE and MATCHES.get(s, frozenset({s})) & named)
    if S.FAILURE in seen and finding.certainty >= Certainty.READ and named:
        return (*specific, S.FAILURE)
    return specific


def _weight(finding: Finding, seen: tuple[Symptom, ...]) -> float:
    """Certainty first; then what it explains, exact matches above related ones."""
    told = explained(finding, seen)
    exact = sum(1 for s in told if s in finding.explains)
    related = len(told) - exact
    unexplained = -1.6 if seen and not told else 0.0
    return finding.certainty + 0.7 * min(exact, 3) + 0.3 * min(related, 3) + unexplained


def _without_faces(causes: list[Finding]) -> tuple[list[Finding], dict[str, Finding]]:
    """Drop the findings that are only the face of another that stands."""
    by_cause = {f.cause: f for f in causes}
    faces: dict[str, Finding] = {}
    for finding in causes:
        for name in finding.supersedes:
            other = by_cause.get(name)
            if other is not None and finding.cause not in other.supersedes and name not in faces:
                faces[name] = finding
    return [f for f in causes if f.cause not in faces], faces


def _refuted_by_the_wire(finding: Finding, facts: Facts) -> EvidenceItem | None:
    """A file says that logins must fail, yet a login works on the longest way that was tried."""
    login = {*_REFUSED, S.LOGIN_400, S.LOGIN_WOULD_FAIL}
    traffic = facts.traffic
    if finding.certainty > Certainty.READ or not finding.explains or not set(finding.explains) <= login:
        return None
    if traffic.seen(*login):
        return None
    only_via = S.LOGIN_401_VIA in finding.explains and S.LOGIN_401_DIRECT not in finding.explains
    works = traffic.works("via") or (None if only_via else traffic.works("direct"))
    if works is None:
        return None
    where = finding.evidence[0].where if finding.evidence else ""
    return EvidenceItem(
        what=f"The file says: {finding.summary} The wire says otherwise: {works.method} {works.url} was accepted "
        f"({works.status}). Was the service not reloaded, or is this not the file in use?",
        where=where,
    )


_CONFIDENCE = {1: 0.35, 2: 0.6, 3: 0.75, 4: 0.88, 5: 0.96}


def _base(finding: Finding) -> float:
    return _CONFIDENCE[int(finding.certainty)]


def _with_confidence(finding: Finding, index: int, ranked: list[Finding], seen: tuple[Symptom, ...]) -> Finding:
    """Sure evidence counts, and so does a rival that explains the same as surely."""
    value = _base(finding)
    if seen and not explained(finding, seen):
        value -= 0.25
    if index == 0 and len(ranked) > 1 and _weight(ranked[1], seen) >= _weight(finding, seen) - 0.3:
        value -= 0.15
    if index > 0:
        value = min(value, 0.9) * 0.6
    return replace(finding, confidence=round(max(0.05, min(value, 0.99)), 2))


def _with_refutations(causes: list[Finding], faces: dict[str, Finding]) -> list[Finding]:
    """Say of a dropped face that it is one, at the finding that stands."""
    result = []
    for finding in causes:
        said = {r.cause for r in finding.refuted}
        extra = tuple(
            Refutation(cause=name, because="that is how it shows; this is why")
            for name, by in faces.items()
            if by.cause == finding.cause and name not in said
        )
        standing = {f.cause for f in causes}
        kept = tuple(r for r in finding.refuted if r.cause not in standing or causes[0] is finding)
        result.append(replace(finding, refuted=(*kept, *extra)))
    return result
