"""Advice in the terms of the platform that runs the thing: nobody who showed Kubernetes is told of Compose.

Rules write what to type for a compose project, which most bundles are. Where the service is run by something else,
the same is said in that platform's words.
"""

from collections.abc import Iterator
from dataclasses import replace

from runbook.model import Command, Finding, NextStep, Place, ProxyRoute, Service
from runbook.model.command import READ_FROM, WRITE_TO, Word, service, sh
from runbook.rules.base import Facts
from runbook.rules.platform import Applied, in_namespace, inside, logs, restarted, route_applied, workload

_COMPOSE = ("docker", "compose")
_ARCHIVE = "registry-data.tar"


def on_its_platform(finding: Finding, facts: Facts) -> Finding:
    """The finding with its commands as the platform of the service that they name takes them."""
    said = _said(facts, next((Place(e.file, e.line) for e in finding.edits), None))
    if said is None:
        return finding
    fix = finding.fix
    commands = tuple(dict.fromkeys(c for command in fix.commands for c in said.command(command)))
    verify = tuple(dict.fromkeys(c for command in fix.verify for c in said.command(command)))
    applies = "; ".join(dict.fromkeys(said.applies)) or fix.applies
    return replace(finding, fix=replace(fix, commands=commands, verify=verify, applies=applies))


def step_on_its_platform(step: NextStep, facts: Facts) -> NextStep:
    """The same for the next step; one that has no words there stays as it is."""
    said = _said(facts, None)
    command = next(iter(said.command(step.command)), step.command) if said else step.command
    return replace(step, command=command)


def _said(facts: Facts, at: Place | None) -> "_Said | None":
    """None where all is Compose."""
    services = {s.name: s for s in facts.evidence.compose.services} if facts.evidence.compose else {}
    others = {name: one for name, one in services.items() if one.platform != "compose"}
    routes = {r.service: r for r in facts.stack.routes if r.service and r.platform == "kubernetes"}
    only = len(others) == len(services)
    return _Said(others, routes, at, only_others=only) if others or routes else None


class _Said:
    """Commands of one finding in other words; how the change reaches the process is noted on the way."""

    def __init__(
        self, others: dict[str, Service], routes: dict[str, ProxyRoute], at: Place | None, *, only_others: bool
    ) -> None:
        self.others, self.routes, self.at, self.only_others = others, routes, at, only_others
        self.applies: list[str] = []

    def command(self, command: Command) -> Iterator[Command]:
        """What stands in its place: itself, another, several, or nothing where the platform needs none."""
        words = command.words
        if tuple(w.text for w in words[:2]) != _COMPOSE or len(words) < 3:
            yield command
            return
        verb, rest = words[2].text, words[3:]
        number, one = self._named(rest)
        if one is None:
            if not self.only_others:
                yield command
            elif verb == "up":
                for name in self.others:
                    yield from self._applied(restarted(self.others[name], self.at))
        elif isinstance(one, ProxyRoute):
            if verb == "up" and (applied := route_applied(one, self.at)):
                yield from self._applied(applied)
        elif verb == "up":
            yield from self._applied(restarted(one, self.at))
        elif verb == "exec":
            yield inside(one, *rest[number + 1 :], expect=command.expect)
        elif verb == "logs":
            piped = next((n for n, w in enumerate(rest) if w.operator), len(rest))
            yield sh(logs(one).words, rest[piped:], expect=command.expect)
        elif verb == "cp":
            yield _copied(one, rest, command.expect)

    def _applied(self, applied: Applied) -> tuple[Command, ...]:
        self.applies.append(applied.applies)
        return applied.commands

    def _named(self, rest: tuple[Word, ...]) -> tuple[int, Service | ProxyRoute | None]:
        """The first word that names a service or a route of another platform, and its place."""
        for number, word in enumerate(rest):
            if word.operator:
                break
            name = word.text.partition(":")[0]
            if one := self.others.get(name) or self.routes.get(name):
                return number, one
        return 0, None


def _copied(one: Service, rest: tuple[Word, ...], expect: str) -> Command:
    """Files out of a container or into it. `kubectl cp` wants the name of a pod; tar works with a workload."""
    if one.platform != "kubernetes":
        tool = "podman" if one.platform == "podman" else "docker"
        return sh(tool, "cp", rest, expect=expect)
    into = ("-c", service(one.container)) if one.container else ()
    out = rest[0].text.startswith(f"{one.name}:")
    path = (rest[0] if out else rest[1]).text.partition(":")[2]
    folder = path.removesuffix("/.")
    run: tuple[str | Word, ...] = ("tar", "xf", "-", "-C", folder, READ_FROM, _ARCHIVE)
    if out:
        run = (
            ("tar", "cf", "-", "-C", folder, ".", WRITE_TO, _ARCHIVE)
            if folder != path
            else ("cat", path, WRITE_TO, rest[1])
        )
    stdin = () if out else ("-i",)
    where = in_namespace(one.namespace)
    return sh("kubectl", *where, "exec", *stdin, service(workload(one)), *into, "--", *run, expect=expect)
