"""Which of the findings is the reason: the one that explains what was seen here, as surely as may be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from runbook.judge.certainty import confidence, truth
from runbook.model import Certainty, EvidenceItem, Exchange, Finding, Message, Refutation, Symptom
from runbook.observe.address import address_of
from runbook.observe.focus import Focus
from runbook.observe.traffic import succeeded
from runbook.redact import is_mask
from runbook.rules.base import RULES, Facts

S = Symptom

_REFUSED = frozenset({S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA})
_LINKED = 0.5
"""Below this a finding is about something else."""

MATCHES: dict[Symptom, frozenset[Symptom]] = {
    S.LOGIN_401: _REFUSED | {S.NO_CREDENTIAL_SENT, S.TOKEN_REFUSED, S.PING_OPEN},
    S.LOGIN_401_VIA: _REFUSED,
    S.LOGIN_401_DIRECT: frozenset({S.LOGIN_401, S.LOGIN_401_DIRECT}),
    S.LOGIN_WOULD_FAIL: _REFUSED | {S.LOGIN_400, S.LOGIN_WOULD_FAIL},
    S.UNREACHABLE: frozenset({S.UNREACHABLE, S.NOT_STARTED, S.COMPOSE_REFUSED, S.EMPTY_REPLY, S.PROXY_NOT_STARTED}),
    S.EMPTY_REPLY: frozenset({S.EMPTY_REPLY, S.UNREACHABLE}),
    S.TIMEOUT: frozenset({S.TIMEOUT, S.UNREACHABLE, S.GATEWAY_TIMEOUT}),
    S.NAME_UNKNOWN: frozenset({S.NAME_UNKNOWN, S.LOCATION_WRONG}),
    S.UPLOAD_FAILS: frozenset({S.UPLOAD_FAILS, S.LOCATION_WRONG, S.TOO_LARGE, S.GATEWAY_TIMEOUT}),
    S.UPLOAD_401: frozenset({S.UPLOAD_401, S.LOCATION_WRONG, S.PING_OPEN}),
    S.PREFLIGHT_REFUSED: frozenset({S.PREFLIGHT_REFUSED}),
    S.BROWSER_BLOCKED: frozenset({S.BROWSER_BLOCKED, S.PREFLIGHT_REFUSED}),
    S.BAD_GATEWAY: frozenset({S.BAD_GATEWAY, S.NOT_STARTED, S.SCHEME_MIXED}),
    S.UNAVAILABLE: frozenset({S.UNAVAILABLE, S.BAD_GATEWAY, S.NOT_STARTED, S.SCHEME_MIXED}),
    S.FORBIDDEN: frozenset({S.FORBIDDEN, S.FORWARD_PROXY}),
    S.OPEN_VIA: frozenset({S.OPEN_VIA, S.PING_OPEN}),
    S.PING_OPEN: frozenset({S.PING_OPEN, S.OPEN_VIA}),
}
"""Seen symptom → symptoms that a finding may name to explain it (itself, when not listed): a refused
login of unknown route is explained by a fault on either route, a connection refused by a crash."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Findings sorted into reasons, warnings, what is about something else, and what the traffic contradicts."""

    causes: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    also_seen: tuple[Finding, ...]
    contradictions: tuple[EvidenceItem, ...]
    dormant: tuple[Finding, ...] = ()
    """Of the warnings those that are faults of this stack, although nothing that was seen shows them: no health."""


def rank(findings: Iterable[Finding], facts: Facts) -> Ranking:
    """Sort findings: causes by what they explain and how surely, the rest as warnings or as also seen."""
    seen = facts.traffic.seen()
    causes: list[Finding] = []
    warnings: list[Finding] = []
    foreign: list[Finding] = []
    contradictions: list[EvidenceItem] = []
    dormant: list[Finding] = []
    shortened = facts.evidence.shortened
    for found in (linked(f, facts.focus) for f in findings):
        doubtful = _may_be_left_out(found, shortened, facts)
        finding = replace(found, certainty=Certainty.POSSIBLE, proves=False) if doubtful else found
        if finding.link < _LINKED:
            foreign.append(finding)
        elif finding.warning:
            if not doubtful:
                warnings.append(finding)
        elif refuted := _refuted_by_traffic(finding, facts):
            contradictions.append(refuted)
            warnings.append(finding)
        elif explained(finding, _asked(finding, seen, facts)) or finding.proves:
            causes.append(finding)
        else:
            dormant.append(finding)
            if not doubtful:
                warnings.append(finding)
    if not any(explained(f, _asked(f, seen, facts)) for f in causes):
        idle = [f for f in causes if f.certainty <= Certainty.READ and _asked(f, seen, facts) != seen]
        causes = [f for f in causes if f not in idle]
        warnings += idle
        dormant += idle
    causes, effects = _without_effects(_distinct(causes))
    ranked = sorted(causes, key=lambda f: -_weight(f, seen))
    named = {f.cause for f in ranked}
    reasons = [_placed(f, i, ranked, seen) for i, f in enumerate(ranked)]
    warnings = [replace(f, confidence=truth(f.certainty)) for f in _distinct(warnings) if f.cause not in named]
    also = [replace(f, confidence=truth(f.certainty)) for f in _distinct(foreign) if f.cause not in named]
    return Ranking(
        tuple(_with_refutations(reasons, effects)), tuple(warnings), tuple(also), tuple(contradictions), tuple(dormant)
    )


def linked(finding: Finding, focus: Focus) -> Finding:
    """The finding with how surely it concerns the incident: from what it, or else its citations, are about."""
    subjects = (finding.about,) if finding.about else tuple(i.about for i in finding.evidence if i.about)
    return replace(finding, link=focus.link(subjects))


def _may_be_left_out(finding: Finding, shortened: frozenset[str], facts: Facts) -> bool:
    """Whether a fault is that lines are missing where lines were left out, and nothing that was seen shows it: neither a
    response nor a message that says so, and no log of what does not start."""
    edits = (*finding.edits, *finding.unseen)
    rule = RULES.get(finding.rule)
    if _is_of_some_site(finding, shortened, facts):
        return True
    only_adds = bool(edits) and all(e.old is None for e in edits) and any(e.file in shortened for e in edits)
    own = rule is not None and rule.hop == "registry"
    missing = facts.evidence.shortened_beside_proxies if own else shortened
    if not only_adds and not (rule and rule.by_absence and missing):
        return False
    told = set(explained(finding, facts.traffic.seen())) - _UNTELLING
    logs = {log.file for log in facts.evidence.logs if not own or log.kind in ("registry", "mixed")}
    logged = any(i.cited == "said" and i.where.rpartition(":")[0] in logs for i in finding.evidence)
    return finding.certainty < Certainty.SEEN or not (told - _DOWN or (told and logged))


def _is_of_some_site(finding: Finding, shortened: frozenset[str], facts: Facts) -> bool:
    """Whether it stands in one of several sites, and which names that one serves was left or blacked out."""
    routes = facts.stack.routes
    hidden = [r for r in routes if any(map(is_mask, r.server_names))]
    nameless = {r.place.file for r in routes if not r.server_names and r.place.file in shortened}
    nameless |= {r.place.file for r in hidden}
    several = len({r.place.file for r in routes}) > 1 or len({r.path for r in hidden}) < len(hidden)
    return several and any(
        i.cited in ("read", "computed") and i.where.rpartition(":")[0] in nameless for i in finding.evidence
    )


_UNTELLING = _REFUSED | {S.LOGIN_400, S.LOGIN_WOULD_FAIL, S.NO_CREDENTIAL_SENT, S.UPLOAD_401, S.UPLOAD_FAILS, S.FAILURE}
_DOWN = {S.UNREACHABLE, S.NOT_STARTED, S.EMPTY_REPLY, S.TIMEOUT, S.GATEWAY_TIMEOUT, S.BAD_GATEWAY, S.UNAVAILABLE}


def _distinct(findings: list[Finding]) -> list[Finding]:
    """Of several findings of one cause the surest and best linked, in the order of their first."""
    best: dict[str, Finding] = {}
    for finding in findings:
        known = best.get(finding.cause)
        if known is None or (finding.link, finding.certainty) > (known.link, known.certainty):
            best[finding.cause] = finding
    return list(best.values())


def explained(finding: Finding, seen: tuple[Symptom, ...]) -> tuple[Symptom, ...]:
    """Those of the seen symptoms that a finding explains."""
    named = set(finding.explains)
    specific = tuple(s for s in seen if s is not S.FAILURE and MATCHES.get(s, frozenset({s})) & named)
    if S.FAILURE in seen and finding.certainty >= Certainty.READ and named:
        return (*specific, S.FAILURE)
    return specific


_UPLOADS = {S.LOCATION_WRONG, S.UPLOAD_FAILS, S.UPLOAD_401, S.TOO_LARGE}


def _asked(finding: Finding, seen: tuple[Symptom, ...], facts: Facts) -> tuple[Symptom, ...]:
    """What this finding has to explain: a login or a pull that fails, nobody knows why, is none of an upload's faults."""
    if not set(finding.explains) <= _UPLOADS:
        return seen
    open_ones = (c.observation.record for c in facts.traffic.complaints if c.symptom is S.FAILURE and c.settled is None)
    calls = [r.call.verb if isinstance(r, Message) and r.call else "" for r in open_ones]
    return tuple(s for s in seen if s is not S.FAILURE) if calls and set(calls) <= {"login", "pull"} else seen


def _weight(finding: Finding, seen: tuple[Symptom, ...]) -> float:
    """Certainty first; then what it explains, exact matches above related ones; then how surely it is meant."""
    told = explained(finding, seen)
    exact = sum(1 for s in told if s in finding.explains)
    related = len(told) - exact
    unexplained = -1.6 if seen and not told else 0.0
    return finding.certainty + 0.7 * min(exact, 3) + 0.3 * min(related, 3) + unexplained + finding.link - 0.9


def _without_effects(causes: list[Finding]) -> tuple[list[Finding], dict[str, Finding]]:
    """Drop the findings that are only the effect of another that holds."""
    by_cause = {f.cause: f for f in causes}
    effects: dict[str, Finding] = {}
    for finding in causes:
        for name in finding.supersedes:
            other = by_cause.get(name)
            if other is not None and finding.cause not in other.supersedes and name not in effects:
                effects[name] = finding
    return [f for f in causes if f.cause not in effects], effects


def _refuted_by_traffic(finding: Finding, facts: Facts) -> EvidenceItem | None:
    """A file says that logins must fail, yet a login works on the longest way that was tried."""
    login = {*_REFUSED, S.LOGIN_400, S.LOGIN_WOULD_FAIL}
    traffic = facts.traffic
    if finding.certainty > Certainty.READ or not finding.explains or not set(finding.explains) <= login:
        return None
    if traffic.seen(*login):
        return None
    where = finding.evidence[0].where if finding.evidence else ""
    only_via = S.LOGIN_401_VIA in finding.explains and S.LOGIN_401_DIRECT not in finding.explains
    served = (e for e in traffic.on("via", authenticated=True) if succeeded(e) and _passed(e, where, facts))
    works = next(served, None) or (None if only_via else traffic.works("direct"))
    if works is None:
        return None
    return EvidenceItem(
        what=f"The file says: {finding.summary} The traffic says otherwise: {works.method} {works.url} was accepted "
        f"({works.status}). Was the service not reloaded, or is this not the file in use?",
        where=where,
    )


def _passed(request: Exchange, where: str, facts: Facts) -> bool:
    """Whether a request went through the proxy whose file that is: of several in a row on one machine, what the last one
    was asked says nothing of the first."""
    own = [r for r in facts.stack.routes if r.place.file == where.rpartition(":")[0] and r.service is None]
    doors, asked = {port for r in own for port in r.listen}, address_of(request.url)
    return not doors or asked is None or asked.port in (None, *doors)


def _placed(finding: Finding, index: int, ranked: list[Finding], seen: tuple[Symptom, ...]) -> Finding:
    """The finding with its role and its confidence."""
    first = ranked[0]
    role: Literal["reason", "next obstacle", "rival"]
    if index == 0:
        role = "reason"
    elif (_stands_by_itself(finding) and finding.hop != first.hop) or (
        _stands_by_itself(finding) and not set(explained(finding, seen)) & set(explained(first, seen))
    ):
        role = "next obstacle"
    else:
        role = "rival"
    contested = index == 0 and len(ranked) > 1 and _weight(ranked[1], seen) >= _weight(finding, seen) - 0.3
    value = confidence(
        finding.certainty, finding.link, explains=not seen or bool(explained(finding, seen)), contested=contested
    )
    return replace(finding, role=role, confidence=value if index == 0 else round(value * 0.6, 2))


def _stands_by_itself(finding: Finding) -> bool:
    """Whether a file or a request shows the fault itself, so that mending another one does not end it."""
    return finding.proves or any(i.cited in ("read", "computed", "seen") for i in finding.evidence)


def _with_refutations(causes: list[Finding], effects: dict[str, Finding]) -> list[Finding]:
    """Say of a dropped effect that it is one, at the finding that holds."""
    result = []
    for finding in causes:
        said = {r.cause for r in finding.refuted}
        extra = tuple(
            Refutation(cause=name, because=f"what looks like it is an effect of {by.cause}")
            for name, by in effects.items()
            if by.cause == finding.cause and name not in said
        )
        others = {f.cause for f in causes}
        kept = tuple(r for r in finding.refuted if r.cause not in others or causes[0] is finding)
        result.append(replace(finding, refuted=(*kept, *extra)))
    return result
