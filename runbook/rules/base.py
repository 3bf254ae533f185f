"""How a rule is declared and run.

A rule is a generator of findings with the cause's id as its name. What is constant for the cause stands in its
declaration; the function takes `Facts` and cites what it found (`runbook.rules.evidence`). `needs` names kinds of
evidence that must all be there, `needs_any` kinds of which one must: without them the check is *skipped* with a
reason. A rule that raises makes the check an *error* and the run goes on. Neither counts as a pass.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from runbook.model import (
    Check,
    ClientConfig,
    Compose,
    CredentialCheck,
    Evidence,
    Finding,
    Htpasswd,
    Refutation,
    Registry,
    Stack,
    Step,
    Symptom,
    Ui,
)
from runbook.observe.focus import Focus
from runbook.observe.routes import Routing
from runbook.observe.traffic import Traffic
from runbook.rules.in_cluster import committed, forwarded
from runbook.rules.trust import as_clients_do

Judge = Callable[["Facts"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that rules may look at: the evidence, the stack derived from it, and what was seen happening."""

    evidence: Evidence
    stack: Stack
    traffic: Traffic

    @property
    def focus(self) -> Focus:
        """What the incident is about."""
        return self.traffic.focus

    @property
    def routing(self) -> Routing:
        """Which way an address leads."""
        return self.traffic.routing

    @property
    def compose(self) -> Compose | None:
        """The compose project, where one was handed over."""
        return self.evidence.compose

    @property
    def registry(self) -> Registry | None:
        """The registry in question, where a compose file or a config.yml tells how it is set up."""
        return self.stack.registry if self.stack.registry and self.stack.registry.known else None

    @property
    def ui(self) -> Ui | None:
        """The UI in question."""
        return self.stack.ui

    @property
    def checks(self) -> tuple[CredentialCheck, ...]:
        """Logins that were compared with a password file of this registry."""
        return self.traffic.checks

    @property
    def htpasswd(self) -> Htpasswd | None:
        """The file that the registry reads, or the only one that was handed over and that nobody else is known to read."""
        own = self.stack.registry.htpasswd if self.stack.registry else None
        return own or (self.htpasswds[0] if len(self.htpasswds) == 1 else None)

    @property
    def htpasswds(self) -> tuple[Htpasswd, ...]:
        """The password files that the registry may read: not those of another program, unless it reads that one too."""
        own = self.stack.registry.htpasswd if self.stack.registry else None
        return tuple(h for h in self.evidence.htpasswd if h is own or h.file not in self.stack.others_files)

    @property
    def clients(self) -> tuple[ClientConfig, ...]:
        """The clients' files with stored logins and settings."""
        return self.evidence.clients


NEEDS: dict[str, tuple[Callable[[Facts], Any], str]] = {
    "compose": (lambda f: f.compose, "no compose file was handed over"),
    "htpasswd": (lambda f: f.htpasswd, "no htpasswd file of the registry was handed over"),
    "registry": (lambda f: f.registry, "neither a compose file nor a config.yml tells how the registry is set up"),
    "ui": (lambda f: f.ui, "there is no registry UI in the compose file"),
    "routes": (lambda f: f.stack.routes, "no proxy configuration was handed over"),
    "logs": (lambda f: f.evidence.logs or f.traffic.arrived, "no log was handed over"),
    "messages": (lambda f: f.evidence.messages, "no client message was handed over"),
    "exchanges": (lambda f: f.traffic.exchanges, "no request was recorded or made"),
    "clients": (lambda f: f.clients, "no docker config.json was handed over"),
    "checks": (lambda f: f.checks, "no login could be compared with an htpasswd file"),
    "listings": (lambda f: f.evidence.listings, "no file listing was handed over"),
    "pullers": (
        lambda f: f.evidence.pullers,
        "no configuration of containerd, k3s, podman or BuildKit was handed over",
    ),
    "jobs": (lambda f: f.evidence.jobs, "no pipeline was handed over"),
}
"""Kind of evidence → how to get it (empty or None: not there), and what to say then."""


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
    needs: tuple[str, ...] = ()
    """Kinds of evidence without which the rule is skipped."""
    needs_any: tuple[str, ...] = ()
    """Kinds of evidence of which one at least must be there."""
    explains: tuple[Symptom, ...] = ()
    hop: str = ""
    refuted: tuple[Refutation, ...] = ()
    supersedes: tuple[str, ...] = ()
    proves: bool = False
    warning: bool = False
    by_absence: bool = False
    """Whether it concludes from what a file does not say: nothing to go by where lines were left out of that file."""


RULES: dict[str, Rule] = {}


def rule(
    id: str,
    *,
    step: Step,
    title: str,
    fix: str,
    source: str,
    tier: int = 1,
    needs: tuple[str, ...] = (),
    needs_any: tuple[str, ...] = (),
    explains: tuple[Symptom, ...] = (),
    hop: str = "",
    refuted: tuple[Refutation, ...] = (),
    supersedes: tuple[str, ...] = (),
    proves: bool = False,
    warning: bool = False,
    by_absence: bool = False,
) -> Callable[[Judge], Judge]:
    """Declare the function below as the rule of that cause. A second rule of the same id is a mistake."""

    def declare(function: Judge) -> Judge:
        if id in RULES:
            raise ValueError(f"two rules are called {id}")
        for kind in (*needs, *needs_any):
            if kind not in NEEDS:
                raise ValueError(f"rule {id}: no evidence is called {kind}")
        RULES[id] = Rule(
            id=id,
            title=title,
            step=step,
            tier=tier,
            fix=fix,
            source=source,
            why=inspect.cleandoc(function.__doc__ or ""),
            function=function,
            needs=needs,
            needs_any=needs_any,
            explains=explains,
            hop=hop,
            refuted=refuted,
            supersedes=supersedes,
            proves=proves,
            warning=warning,
            by_absence=by_absence,
        )
        return function

    return declare


def run(rule: Rule, facts: Facts) -> tuple[Check, tuple[Finding, ...]]:
    """Run one rule and say how it ended."""
    missing = [NEEDS[kind][1] for kind in rule.needs if not NEEDS[kind][0](facts)]
    if rule.needs_any and not any(NEEDS[kind][0](facts) for kind in rule.needs_any):
        missing += [NEEDS[kind][1] for kind in rule.needs_any]
    if missing:
        reason = "; ".join(dict.fromkeys(missing))
        return Check(rule=rule.id, step=rule.step, outcome="skipped", reason=reason, title=rule.title), ()
    try:
        found = tuple(_lasting(facts, _trusting(facts, _complete(rule, f))) for f in rule.function(facts))
    except Exception as error:
        # A rule that breaks must not hide what the others know; it is shown as an error, never as a pass.
        reason = f"the rule broke ({type(error).__name__}); please report it"
        return Check(rule=rule.id, step=rule.step, outcome="error", reason=reason, title=rule.title), ()
    if not found and _nothing_answered(rule, facts):
        reason = "nothing answered, so there was no response to look at"
        return Check(rule=rule.id, step=rule.step, outcome="skipped", reason=reason, title=rule.title), ()
    if not found:
        return Check(rule=rule.id, step=rule.step, outcome="pass", title=rule.title), ()
    return Check(rule=rule.id, step=rule.step, outcome="fail", reason=found[0].summary, title=rule.title), found


def _nothing_answered(rule: Rule, facts: Facts) -> bool:
    """Whether all that the rule could look at are requests that got no response."""
    there = {kind for kind in (*rule.needs, *rule.needs_any) if NEEDS[kind][0](facts)}
    return there == {"exchanges"} and all(e.status is None for e in facts.traffic.exchanges)


def _trusting(facts: Facts, finding: Finding) -> Finding:
    """The finding whose checks trust the server as its clients do; not where that trust itself is in question."""
    if Symptom.TLS_FAILED in finding.explains:
        return finding
    return replace(finding, fix=as_clients_do(finding.fix, facts.evidence, facts.traffic.exchanges))


def _lasting(facts: Facts, finding: Finding) -> Finding:
    """The finding whose fix is not undone by what keeps the cluster as a repository says, and is checked where it is."""
    near = any(address.is_loopback for address in facts.focus.used)
    fix = forwarded(finding.fix, facts.registry, is_near=near)
    return replace(finding, fix=committed(fix, facts.evidence))


def _complete(rule: Rule, finding: Finding) -> Finding:
    """The finding with what its cause's declaration says."""
    named = {r.cause for r in finding.refuted}
    return replace(
        finding,
        rule=rule.id,
        cause=finding.cause or rule.id,
        explains=finding.explains or rule.explains,
        hop=finding.hop or rule.hop,
        refuted=(*finding.refuted, *(r for r in rule.refuted if r.cause not in named)),
        supersedes=finding.supersedes or rule.supersedes,
        proves=finding.proves or rule.proves,
        warning=finding.warning or rule.warning,
        fix=finding.fix if finding.fix.summary else replace(finding.fix, summary=rule.fix),
    )
