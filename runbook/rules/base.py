"""How a rule is declared and run.

A rule is a generator of findings with the cause's id as its name. Its parameters name the evidence
that it needs (`PROVIDERS`): a missing required one makes the check *skipped* with a reason. Rules that
judge from whatever there is take the whole evidence and declare in `sees` which kinds could show them the
cause; when none of these is there, they are skipped as well. A rule that raises makes the check an *error* and the run goes on. Neither counts as a pass.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, get_args, get_type_hints

from runbook.model import Check, Evidence, Finding, Stack, Step
from runbook.rules.wire import Wire

Judge = Callable[..., Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A cause of the catalogue with the function that finds it."""

    id: str
    title: str
    """The fault, as a sentence fragment: "an entry is not bcrypt"."""
    step: Step
    tier: int
    fix: str
    """What to type or change, in one line."""
    source: str
    """What proves the rule: a file of an upstream project, or a run that is written down."""
    why: str
    """The docstring: why it goes wrong and why people miss it."""
    function: Judge
    required: tuple[str, ...]
    """Parameters without which the rule is skipped."""
    sees: tuple[str, ...] = ()
    """Kinds of evidence of which one at least must be there; empty: the required ones decide."""


RULES: dict[str, Rule] = {}


@dataclass(frozen=True, slots=True)
class Facts:
    """All that rules may look at: the evidence, the stack derived from it, and what was seen on the wire."""

    evidence: Evidence
    stack: Stack
    wire: Wire


Provider = Callable[[Facts], Any]

PROVIDERS: dict[str, tuple[Provider, str]] = {
    "evidence": (lambda f: f.evidence, ""),
    "stack": (lambda f: f.stack, ""),
    "wire": (lambda f: f.wire, ""),
    "compose": (lambda f: f.evidence.compose, "no compose file was handed over"),
    "htpasswd": (
        lambda f: (
            (f.stack.registry.htpasswd if f.stack.registry else None)
            or (f.evidence.htpasswd[0] if len(f.evidence.htpasswd) == 1 else None)
        ),
        "no htpasswd file of the registry was handed over",
    ),
    "registry": (
        lambda f: f.stack.registry if f.stack.registry and f.stack.registry.known else None,
        "neither a compose file nor a config.yml tells how the registry is set up",
    ),
    "ui": (lambda f: f.stack.ui, "there is no registry UI in the compose file"),
    "routes": (lambda f: f.stack.routes or None, "no proxy configuration was handed over"),
    "logs": (lambda f: f.evidence.logs or f.wire.arrived or None, "no log was handed over"),
    "messages": (lambda f: f.evidence.messages or None, "no client message was handed over"),
    "exchanges": (lambda f: f.wire.exchanges or None, "no request was recorded or made"),
    "clients": (lambda f: f.evidence.clients or None, "no docker config.json was handed over"),
    "checks": (lambda f: f.evidence.checks or None, "no login could be compared with an htpasswd file"),
    "listings": (lambda f: f.evidence.listings or None, "no file listing was handed over"),
}
"""Parameter name → how to get it, and what to say when it is missing ("" is always there)."""


def rule(
    id: str, *, step: Step, title: str, fix: str, source: str, tier: int = 1, sees: tuple[str, ...] = ()
) -> Callable[[Judge], Judge]:
    """Declare the function below as the rule of that cause. A second rule of the same id is a mistake."""

    def declare(function: Judge) -> Judge:
        if id in RULES:
            raise ValueError(f"two rules are called {id}")
        hints = get_type_hints(function)
        names = tuple(inspect.signature(function).parameters)
        for name in (*names, *sees):
            if name not in PROVIDERS:
                raise ValueError(f"rule {id}: no evidence is called {name}")
        RULES[id] = Rule(
            id=id,
            title=title,
            step=step,
            tier=tier,
            fix=fix,
            source=source,
            why=inspect.cleandoc(function.__doc__ or ""),
            function=function,
            required=tuple(name for name in names if not _may_be_none(hints[name])),
            sees=sees,
        )
        return function

    return declare


def run(rule: Rule, facts: Facts) -> tuple[Check, tuple[Finding, ...]]:
    """Run one rule and say how it ended."""
    given = {name: PROVIDERS[name][0](facts) for name in inspect.signature(rule.function).parameters}
    missing = [PROVIDERS[name][1] for name in rule.required if given[name] is None]
    if rule.sees and all(PROVIDERS[name][0](facts) is None for name in rule.sees):
        missing += [PROVIDERS[name][1] for name in rule.sees]
    if missing:
        reason = "; ".join(dict.fromkeys(missing))
        return Check(rule=rule.id, step=rule.step, outcome="skipped", reason=reason, title=rule.title), ()
    try:
        found = tuple(_complete(rule, finding) for finding in rule.function(**given))
    except Exception as error:
        # A rule that breaks must not hide what the others know; it is shown as an error, never as a pass.
        reason = f"the rule broke ({type(error).__name__}); please report it"
        return Check(rule=rule.id, step=rule.step, outcome="error", reason=reason, title=rule.title), ()
    if not found:
        return Check(rule=rule.id, step=rule.step, outcome="pass", title=rule.title), ()
    return Check(rule=rule.id, step=rule.step, outcome="fail", reason=found[0].summary, title=rule.title), found


def _complete(rule: Rule, finding: Finding) -> Finding:
    fix = finding.fix if finding.fix.summary else replace(finding.fix, summary=rule.fix)
    return replace(finding, rule=rule.id, fix=fix)


def _may_be_none(hint: Any) -> bool:
    return isinstance(hint, UnionType) and type(None) in get_args(hint)
