"""What to type on the platform that runs a container or a proxy: Compose, Kubernetes, podman, swarm, plain docker."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbook.model import Command, Edit, Evidence, Place, Platform, ProxyRoute, Service
from runbook.model.command import PIPE, READ_FROM, WRITE_TO, Word, file, glued, number, service, sh
from runbook.redact import is_mask
from runbook.rules.base import Facts
from runbook.rules.hop_edits import swap
from runbook.rules.in_cluster import in_namespace, workload


@dataclass(frozen=True, slots=True)
class Applied:
    """How a change reaches the process: what to type, and why just that."""

    commands: tuple[Command, ...]
    applies: str


def runs(facts: Facts, name: str | None) -> Service:
    """The service of that name, or one that has only the name and the platform that the rest of the stack runs on."""
    known = facts.compose.services if facts.compose else ()
    found = next((s for s in known if s.name == name), None)
    if found is None and facts.compose is not None and name:
        found = facts.compose.service(name)
    if found is None and platform(facts) == "host":
        return Service(name=unit(facts), place=Place(""), platform="host")
    return found or Service(name=name or "", place=Place(""), platform=platform(facts))


def platform(facts: Facts) -> Platform:
    """What runs the stack, as far as the files tell: Compose where something shows a container, else the host."""
    if facts.compose is not None:
        return facts.compose.platform
    told = next((r.platform for r in facts.evidence.routes if r.platform != "compose"), None)
    return told or ("compose" if _shows_containers(facts) else "host")


def _shows_containers(facts: Facts) -> bool:
    """Whether lines carry a container's name, a proxy knows an upstream by a name that only a container network has, or
    nothing is known at all of how the registry is run."""
    names = {host for r in facts.stack.routes if r.kind == "proxy" for host, _ in r.upstream_hosts}
    logged = any(e.service for log in facts.evidence.logs if not log.unit for e in log.events)
    local = any("." not in n and ":" not in n and n != "localhost" and not is_mask(n) for n in names)
    return logged or local or bool(facts.traffic.said("compose-refused")) or not is_shown(facts)


def runs_registry(facts: Facts) -> Service:
    """The registry's service; where no file names one, a service without a name on the platform of the stack."""
    registry = facts.registry
    return registry.service if registry and registry.service else runs(facts, None)


def unit(facts: Facts) -> str:
    """The systemd unit of a registry that is no container, where its log tells it."""
    return next((log.unit for log in facts.evidence.logs if log.unit), "")


def is_shown(facts: Facts) -> bool:
    """Whether anything tells how the registry is run: a file, or a log. Who pulls from another machine has neither."""
    return facts.compose is not None or bool(
        facts.stack.routes or facts.traffic.logs or any(r.known for r in facts.stack.registries)
    )


def restarted(one: Service, at: Place | None = None, *, fresh: bool = False) -> Applied:
    """How a container takes a change of its variables, mounts or of a file that is read at the start.

    `at`: what was changed, where it is known. `fresh`: its definition is the same, so it has to be said that the
    container is to be created again. A Secret or ConfigMap that is mounted as a folder shows its new content within
    about a minute by itself; one behind a subPath, and every variable, needs a new pod.
    """
    inner = at is not None and at.file != one.place.file
    match one.platform:
        case "kubernetes":
            return _new_pod(one, at)
        case "host":
            unit = (sh("sudo", "systemctl", "restart", service(one.name)),) if one.name else ()
            return Applied(unit, "the program reads its configuration when it starts: restart it")
        case "podman":
            systemctl = _of_unit(one, "systemctl")
            reloaded = () if inner else (sh(*systemctl, "daemon-reload"),)
            again = sh(*systemctl, "restart", service(f"{one.name}.service"))
            return Applied((*reloaded, again), "podman makes the container again from its unit")
        case "swarm":
            return Applied(
                (sh("docker", "service", "update", "--force", service(one.name)),),
                "`docker stack deploy` takes the changed file, and the service makes new tasks",
            )
        case "docker" if inner or (fresh and at is None):
            return Applied(started(one), "a file that is mounted by itself is mounted again at the start")
        case "docker":
            return Applied(
                (sh("docker", "rm", "-f", service(one.name)),),
                "a container keeps what it was created with: remove it and run it again with the change",
            )
    why = f"Compose creates {one.name or 'the service'} again with the changed values"
    if fresh:
        why = "what is mounted as a single file is the old one until the container is created again"
    return Applied((_up([one], fresh=fresh),), why)


def _of_unit(one: Service, program: str) -> tuple[str, ...]:
    """systemd's programs for a unit of the system, or of a user."""
    return ("sudo", program) if one.of_system or one.platform == "host" else (program, "--user")


def _new_pod(one: Service, at: Place | None) -> Applied:
    pod, where = workload(one), in_namespace(one.namespace)
    if at is None and pod.startswith("pod/"):
        return Applied((), "a pod that nothing manages is deleted and created again")
    applied = _manifest_applied(at, one.made_by, where)
    if pod.startswith("cronjob/"):
        return Applied(applied, "the next run takes it")
    rolled = sh("kubectl", *where, "rollout", "restart", service(pod))
    if pod.startswith(("pod/", "job/")) and not one.made_by:  # nothing rolls them out
        rolled = sh("kubectl", *where, "replace", "--force", "-f", file(one.place.file))
        applied = ()
    return Applied((*applied, rolled), "variables and configuration are read when a pod starts")


def _manifest_applied(
    at: Place | None, made_by: tuple[str, ...], where: tuple[str | Word, ...] = ()
) -> tuple[Command, ...]:
    """Hands a changed manifest to the cluster; what kustomize or helm makes of several files goes by way of them."""
    if at is None or " § " in at.file:
        return ()
    match made_by:
        case ("kustomize", folder):
            return (sh("kubectl", "apply", "-k", file(folder)),)
        case ("helm", *values):
            given = [word for name in values for word in (Word("-f"), file(name))]
            return (sh("helm", "upgrade", *where, service(None), file(None), given),)
    return (sh("kubectl", *where, "apply", "-f", file(at.file)),)


def started(one: Service) -> tuple[Command, ...]:
    """Starts a container that has stopped, where its definition is as it should be."""
    if one.platform == "docker":
        return (sh("docker", "restart", service(one.name)),)
    return restarted(one).commands


def all_restarted(facts: Facts, several: Sequence[Service], *, fresh: bool = False) -> tuple[Command, ...]:
    """The same for several services; for none: for all of the project."""
    if not several and platform(facts) != "compose":
        return restarted(runs_registry(facts), fresh=fresh).commands
    if all(s.platform == "compose" for s in several):
        return (_up(several, fresh=fresh),)
    return tuple(dict.fromkeys(c for s in several for c in restarted(s, s.place, fresh=fresh).commands))


def _up(several: Sequence[Service], *, fresh: bool) -> Command:
    names = [service(s.name) for s in several if s.name]
    _, *files = next((s.made_by for s in several if s.made_by[:1] == ("compose",)), ("compose",))
    given = [word for name in files for word in (Word("-f"), file(name))]
    return sh("docker", "compose", given, "up", "-d", *(("--force-recreate",) if fresh else ()), names)


def route_applied(route: ProxyRoute, at: Place | None = None) -> Applied | None:
    """How a route that is written in a manifest takes a change there; None for one of a proxy's own file.

    The controller watches its objects and loads the change by itself.
    """
    if route.platform != "kubernetes":
        return None
    changed = at or route.place
    kind = (route.service or "").partition("/")[0]
    if kind not in ("ingress", "ingressroute", "ingressroutetcp", "httproute"):
        return None
    why = "the controller watches it and loads the change"
    if not changed.file.endswith((".yaml", ".yml", ".json")):  # a ticket applies to nothing
        return Applied((sh("kubectl", "apply", "-f", file(None)),), why)
    return Applied(_manifest_applied(changed, route.made_by), why)


def logs(one: Service, *rest: str | Word, expect: str = "", last: int | None = 50) -> Command:
    """Shows a container's log, or its last lines."""
    tail = () if last is None else ("--tail", f"{last:d}")
    words: tuple[str | Word, ...]
    match one.platform:
        case "kubernetes":
            words = ("kubectl", *in_namespace(one.namespace), "logs", *tail, service(workload(one)), *_container(one))
        case "host" | "podman":
            lines = () if last is None else ("-n", f"{last:d}")
            unit = f"{one.name}.service" if one.platform == "podman" else one.name or None
            words = (*_of_unit(one, "journalctl"), *lines, "-u", service(unit))
        case "swarm":
            words = ("docker", "service", "logs", *tail, service(one.name))
        case "docker":
            words = ("docker", "logs", *tail, service(one.name))
        case _:
            plain = ("--no-color",) if last is None else tail
            words = ("docker", "compose", "logs", *plain, *((service(one.name),) if one.name else ()))
    return sh(*words, *rest, expect=expect)


def watched(one: Service) -> tuple[Command, ...]:
    """Shows whether it runs, and its log; nothing for a program of the host whose unit nobody tells."""
    return () if one.platform == "host" and not one.name else (listed(one), logs(one))


def listed(one: Service) -> Command:
    """Shows whether its container runs."""
    match one.platform:
        case "kubernetes":
            return sh("kubectl", *in_namespace(one.namespace), "get", "pods")
        case "host":
            return sh("systemctl", "status", service(one.name or None))
        case "swarm":
            return sh("docker", "service", "ps", service(one.name))
    return sh(*_engine(one), "ps", "-a")


def inside(one: Service, *words: str | Word, expect: str = "") -> Command:
    """Runs something in a container."""
    match one.platform:
        case "kubernetes":
            where = in_namespace(one.namespace)
            return sh("kubectl", *where, "exec", service(workload(one)), *_container(one), "--", *words, expect=expect)
        case "host":
            return sh(*words, expect=expect)
    return sh(*_engine(one), "exec", _called(one), *words, expect=expect)


def saved(one: Service, folder: str, *, in_memory: bool = False) -> tuple[Command, ...]:
    """Copies the content of a folder out of the container, into ./registry-data. No engine's `cp` reaches a tmpfs."""
    words = ("tar", "-cf", "-", "-C", file(folder), ".")
    if one.platform == "kubernetes":
        return (inside(one, *words, WRITE_TO, "registry-data.tar"),)
    if not in_memory:
        return (sh(*_engine(one), "cp", glued(_called(one), ":", file(folder), "/."), "./registry-data"),)
    packed = inside(one, *words)
    if one.platform == "compose":
        packed = sh("docker", "compose", "exec", "-T", service(one.name), *words)
    return (
        sh("mkdir", "-p", "./registry-data"),
        sh(packed.words, PIPE, "tar", "-xf", "-", "-C", "./registry-data"),
    )


def restored(one: Service, folder: str) -> Command:
    """Copies back into a folder of the container what `saved` took out."""
    if one.platform == "kubernetes":
        there = ("exec", "-i", service(workload(one)), *_container(one), "--", "tar", "-xf", "-", "-C", file(folder))
        return sh("kubectl", *in_namespace(one.namespace), *there, READ_FROM, "registry-data.tar")
    return sh(*_engine(one), "cp", "./registry-data/.", glued(_called(one), ":", file(folder)))


def fetched(one: Service, path: str, to: str) -> Command:
    """Copies a file out of the container."""
    if one.platform == "kubernetes":
        return inside(one, "cat", file(path), WRITE_TO, to)
    return sh(*_engine(one), "cp", glued(_called(one), ":", file(path)), to)


def _engine(one: Service) -> tuple[str, ...]:
    """The program that runs the container. Of podman's, root and every user have containers of their own."""
    if one.platform == "podman":
        return ("sudo", "podman") if one.of_system else ("podman",)
    return ("docker", "compose") if one.platform == "compose" else ("docker",)


def _called(one: Service) -> Word:
    """What that program calls the container. A swarm's own name for it has a number and an id."""
    name = service(one.name)
    if one.platform != "swarm":
        return name
    return Word(f"$(docker ps -qf name={name.text})", operator=True, odd=name.odd)


def hung_up(one: Service) -> Command:
    """Sends SIGHUP to a container's main process."""
    match one.platform:
        case "kubernetes":
            return inside(one, "kill", "-HUP", "1")
        case "host":
            return sh("sudo", "systemctl", "kill", "-s", "HUP", service(one.name or None))
    return sh(*_engine(one), "kill", "-s", "HUP", _called(one))


def published(one: Service, port: int | None, expect: str) -> Command:
    """Shows where a port of the container is published."""
    match one.platform:
        case "kubernetes":
            return sh("kubectl", *in_namespace(one.namespace), "get", "service", "-o", "wide", expect=expect)
        case "host":
            return sh("ss", "-ltn", PIPE, "grep", "-w", number(port), expect=expect)
        case "swarm":
            name = service(one.name)
            return sh("docker", "service", "inspect", "--pretty", name, PIPE, "grep", "-i", "port", expect=expect)
    return sh(*_engine(one), "port", service(one.name), number(port), expect=expect)


def _container(one: Service) -> tuple[str | Word, ...]:
    return ("-c", service(one.container)) if one.container else ()


def body_limit_lifted(evidence: Evidence, route: ProxyRoute) -> tuple[str, tuple[Edit, ...]] | None:
    """How the body limit of a route in a manifest is lifted: what to write, and the edit where one is written now.
    None for a route of a proxy's own file."""
    if route_applied(route) is None:
        return None
    if route.software == "traefik":
        edits = swap(evidence, route.max_body_place, r"(maxRequestBodyBytes\s*:\s*)\S+", r"\g<1>0")
        return "Set buffering.maxRequestBodyBytes of the Middleware to 0 (no limit)", edits
    edits = swap(
        evidence, route.max_body_place, r"((?:proxy-body-size|client-max-body-size)[\"']?\s*:\s*)[^\s,}]+", r'\g<1>"0"'
    )
    return 'Set the annotation nginx.ingress.kubernetes.io/proxy-body-size: "0" (no limit)', edits


def retargeted(evidence: Evidence, route: ProxyRoute, listens: int) -> tuple[str, tuple[Edit, ...]] | None:
    """How the Service on the way is led to the port that the registry listens on; None where no Service is known."""
    if route.through is None:
        return None
    edits = swap(evidence, route.through.place, r"(targetPort[\"']?\s*:\s*)[^\s,}]+", rf"\g<1>{listens}")
    return f"Set targetPort of the Service to {listens}", edits
