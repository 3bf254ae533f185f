"""One target of a fleet: diagnosed, and made small. Runs in a thread of this process or on a worker elsewhere."""

import msgspec
from msgspec import Struct

from runbook import door
from runbook.collect import Request, UsageError, collect
from runbook.fleet.credentials import CredentialError, password
from runbook.fleet.inventory import Target
from runbook.judge import Run, diagnose
from runbook.model import Finding, Verdict
from runbook.redact import Vault, visible
from runbook.report import render_html

_VALUE = 200


class Seen(Struct, frozen=True, omit_defaults=True):
    """A finding, as much of it as a table of a thousand rows needs."""

    cause: str
    summary: str = ""
    role: str = "reason"
    hop: str = ""
    confidence: float = 0.0
    where: str = ""
    line: str = ""
    """What was read in a file, for telling whether many share one line."""
    fix: str = ""


class Result(Struct, frozen=True, omit_defaults=True):
    """What came of one target. Holds no secret: it was published before it left the worker."""

    target: str
    verdict: Verdict
    causes: tuple[Seen, ...] = ()
    warnings: tuple[Seen, ...] = ()
    basis: str = ""
    next: str = ""
    problem: str = ""
    """Why it could not be judged as it was meant to be."""
    broken: bool = False
    """A fault of runbook, not of the target."""
    anonymous: str = "unknown"
    """What the registry says to whoever has no login: open, asked (for one), unknown."""
    facts: dict[str, str] = {}
    """Versions and programs: what many targets may have in common."""


class Judged(Struct, frozen=True):
    """A result with the page of the single report, "" where there is nothing to tell."""

    result: Result
    report: str = ""
    notebook: str = ""


def judge(target: Target, notebooks: bool = False) -> Judged:
    """Diagnose one target. Whatever goes wrong with it is its result: the others must not suffer. `notebooks`: a fault
    gets the executed case notebook, too."""
    vault = Vault()
    try:
        run = _run(target, vault)
        page = "" if _is_plain(run) else door.published(render_html(run, title=target.name), vault)
        shown = ""
        if notebooks and run.diagnosis.verdict == "fault":
            from runbook.fleet.notebook import executed

            shown = executed(run.evidence, vault)
        return Judged(_published(_result(target, run), vault), page, shown)
    except (UsageError, CredentialError) as error:
        return Judged(_published(_unjudged(target, str(error)), vault))
    except Exception as error:
        told = f"something broke inside ({type(error).__name__}: {vault.mask(str(error), _VALUE)})"
        return Judged(_published(_unjudged(target, told, broken=True), vault))


def _run(target: Target, vault: Vault) -> Run:
    reference = target.credentials
    evidence = collect(
        Request(
            paths=target.evidence,
            registry_url=target.registry,
            ui_url=target.ui,
            user=target.user,
            password=_password(target),
            docker_config=reference.docker_config if reference else None,
            insecure_http=target.insecure_http,
            cacert=target.cacert,
            timeout=target.timeout,
        ),
        vault,
    )
    if fatal := [p for p in evidence.problems if p.fatal]:
        raise UsageError("; ".join(f"{p.place}: {p.message}" for p in fatal))
    return diagnose(evidence)


def _password(target: Target) -> str | None:
    """The password of a target; where nothing is asked live, it is judged without one that is not there."""
    try:
        return password(target.credentials) if target.credentials else None
    except CredentialError:
        if target.registry or target.ui:
            raise
        return None


def _is_plain(run: Run) -> bool:
    return run.diagnosis.verdict == "healthy" and not run.diagnosis.warnings


def _published(result: Result, vault: Vault) -> Result:
    """The result as it may leave, by the same door as every document."""
    text = door.published(msgspec.json.encode(result).decode(), vault)
    return msgspec.structs.replace(msgspec.json.decode(text, type=Result), target=result.target)


def _unjudged(target: Target, problem: str, *, broken: bool = False) -> Result:
    return Result(target.name, "inconclusive", problem=visible(problem, 500), broken=broken)


def _result(target: Target, run: Run) -> Result:
    d = run.diagnosis
    return Result(
        target=target.name,
        verdict=d.verdict,
        causes=tuple(_seen(f) for f in d.causes[:5]),
        warnings=tuple(_seen(f) for f in d.warnings[:10]),
        basis=d.basis or "",
        next=visible(str(d.next.command), 500) if d.next else "",
        problem=visible("; ".join(p.message for p in run.evidence.problems if p.kind == "login-not-sent"), 500),
        anonymous=_anonymous(run),
        facts=_facts(run),
    )


def _seen(finding: Finding) -> Seen:
    read = next((i for i in finding.evidence if i.cited == "read"), None)
    first = read or next(iter(finding.evidence), None)
    return Seen(
        cause=finding.cause,
        summary=visible(finding.summary, 300),
        role=finding.role,
        hop=visible(finding.hop, 80),
        confidence=finding.confidence,
        where=visible(first.where, _VALUE) if first else "",
        line=visible(read.what, _VALUE) if read else "",
        fix=visible(finding.fix.summary, 300),
    )


def _anonymous(run: Run) -> str:
    """What our own request without a login got from the registry, or from the proxy where that alone is known."""
    asked = [
        e for e in run.evidence.live if e.credential is None and e.method == "GET" and e.url.endswith("/v2/_catalog")
    ]
    answers = [e.status for e in asked if e.route == "direct"] or [e.status for e in asked]
    if 200 in answers:
        return "open"
    return "asked" if 401 in answers else "unknown"


def _facts(run: Run) -> dict[str, str]:
    stack = run.stack
    found = {}
    if stack.registry and stack.registry.service and stack.registry.service.image:
        found["registry image"] = stack.registry.service.image
    if stack.ui and stack.ui.service.image:
        found["ui image"] = stack.ui.service.image
    if programs := sorted({route.software for route in stack.routes}):
        found["proxy"] = ", ".join(programs)
    for exchange in run.evidence.live:
        if exchange.route == "via" and (server := exchange.header("Server")):
            found["server"] = server
    return {key: visible(value, _VALUE) for key, value in found.items()}
