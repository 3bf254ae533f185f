"""What was not tested, in words: an honest report says what it cannot know."""

from runbook.model import Check
from runbook.rules.base import Facts

NOT_SET_UP = "Nothing that was handed over says how the registry is set up (a compose file or a config.yml does)."


def not_tested(facts: Facts, checks: tuple[Check, ...]) -> tuple[str, ...]:
    """The gaps of this run that could change the verdict, most telling first."""
    evidence, stack = facts.evidence, facts.stack
    target = evidence.target
    gaps: list[str] = []
    if not target.registry_url and not target.ui_url:
        gaps.append("Nothing was asked live: no URL was given, so the answers of today are not known.")
    elif not target.registry_url:
        gaps.append(
            "The registry was not asked directly: without --registry a fault of the proxy and one of the registry "
            "look alike."
        )
    elif not target.ui_url and (stack.uis or stack.routes):
        gaps.append("The way through the proxy was not tried: give --ui to compare it with the direct way.")
    if target.password is None and not evidence.checks:
        gaps.append("No password was given, so no login was compared with the htpasswd file.")
    if evidence.checks == () and target.password is not None and not evidence.htpasswd:
        gaps.append("No htpasswd file was handed over, so the password was not checked against it.")
    if not evidence.logs:
        gaps.append("No log was handed over: the registry's own word is missing.")
    if stack.registry is None or not stack.registry.known:
        gaps.append(NOT_SET_UP)
    if evidence.live and not any(e.method == "POST" for e in evidence.live):
        gaps.append("Uploads were not tried (read-only; --allow-writes opens one and cancels it).")
    broken = [c.rule for c in checks if c.outcome == "error"]
    if broken:
        gaps.append(f"These checks broke and say nothing: {', '.join(broken)}.")
    skipped = sum(c.outcome == "skipped" for c in checks)
    if skipped:
        gaps.append(
            f"{skipped} of {len(checks)} checks were skipped for want of evidence; --format json says what each needs."
        )
    gaps += [f"{p.place}: {p.message}" for p in evidence.problems if not p.is_complaint]
    return tuple(gaps)


def not_read(facts: Facts) -> tuple[str, ...]:
    """Files that were handed over and not read, not understood or read in part, with the reason; or that there is none."""
    evidence = facts.evidence
    if evidence.target.paths and not (evidence.files or evidence.listings or evidence.problems):
        return tuple(f"{path}: There is no file in this folder." for path in evidence.target.paths)
    files = {f.path for f in evidence.files}
    return tuple(
        f"{p.place}: {p.message}"
        for p in facts.evidence.problems
        if (p.place.file in files or p.kind == "unreadable") and not p.is_complaint
    )
