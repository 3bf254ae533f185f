"""What to type on the platform that runs a container or a proxy: Compose, Kubernetes, podman, swarm, plain docker."""

from dataclasses import dataclass

from runbook.model import Command, Edit, Evidence, Fix, Place, ProxyRoute, Registry, Service
from runbook.model.command import Word, file, service, sh
from runbook.rules.hop_edits import swap


@dataclass(frozen=True, slots=True)
class Applied:
    """How a change reaches the process: what to type, and why just that."""

    commands: tuple[Command, ...]
    applies: str


def in_namespace(namespace: str) -> tuple[str | Word, ...]:
    """`-n NAMESPACE`, where one is known."""
    return ("-n", service(namespace)) if namespace else ()


def workload(one: Service) -> str:
    """What kubectl calls it: "deployment/registry", also for a second container of the same pod."""
    base, _, last = one.name.rpartition("-")
    return base if one.network_mode == f"service:{base}" and last.isdecimal() else one.name


def restarted(one: Service | None, at: Place | None = None) -> Applied:
    """How a container takes a change of its variables, mounts or of a file that is read at the start.

    `at`: the file that was changed, where it is known. A Secret or ConfigMap that is mounted as a folder shows its new
    content within about a minute by itself; one behind a subPath, and every variable, needs a new pod.
    """
    if one is None:
        return Applied((), "")
    match one.platform:
        case "kubernetes":
            pod = workload(one)
            where = in_namespace(one.namespace)
            if at is None and pod.startswith("pod/"):
                return Applied((), "a pod that nothing manages is deleted and created again")
            applied = (sh("kubectl", *where, "apply", "-f", file(at.file)),) if at and " § " not in at.file else ()
            if pod.startswith("cronjob/"):
                return Applied(applied, "the next run takes it")
            rolled = sh("kubectl", *where, "rollout", "restart", service(pod))
            if pod.startswith(("pod/", "job/")):  # nothing rolls them out anew
                rolled = sh("kubectl", *where, "replace", "--force", "-f", file(one.place.file))
                applied = ()
            return Applied((*applied, rolled), "variables and configuration are read when a pod starts")
        case "podman":
            unit = f"{one.name}.service"
            reloaded = sh("systemctl", "--user", "daemon-reload")
            return Applied(
                (reloaded, sh("systemctl", "--user", "restart", service(unit))),
                "podman makes the container again from its unit",
            )
        case "swarm":
            return Applied(
                (sh("docker", "service", "update", "--force", service(one.name)),),
                "`docker stack deploy` takes the changed file, and the service makes new tasks",
            )
        case "docker":
            return Applied(
                (sh("docker", "rm", "-f", service(one.name)),),
                "a container keeps what it was created with: remove it and run it again with the change",
            )
    return Applied((sh("docker", "compose", "up", "-d", service(one.name)),), "Compose creates it again")


def registry_fix(
    registry: Registry | None, summary: str, *verify: Command, edits: tuple[Edit, ...] = (), place: Place | None = None
) -> Fix:
    """The fix of a change to a registry's settings, in the words of the platform that runs it."""
    one = registry.service if registry else None
    if one is None or one.platform == "compose":
        from runbook.rules.align import change

        return change(registry, summary, *verify, edits=edits, place=place)
    where = next((Place(e.file, e.line) for e in edits), place)
    applied = restarted(one, where)
    return Fix(summary=summary, commands=applied.commands, verify=verify, applies=applied.applies)


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
    return Applied(
        (sh("kubectl", "apply", "-f", file(changed.file)),), "the controller watches it and loads the change"
    )


def logs(one: Service | None) -> Command:
    """Shows the last lines of a container's log."""
    if one is None:
        return sh("docker", "compose", "logs", "--tail", "50", "registry")
    match one.platform:
        case "kubernetes":
            inside = ("-c", service(one.container)) if one.container else ()
            return sh("kubectl", *in_namespace(one.namespace), "logs", "--tail=50", service(workload(one)), *inside)
        case "podman":
            return sh("journalctl", "--user", "-n", "50", "-u", service(f"{one.name}.service"))
        case "swarm":
            return sh("docker", "service", "logs", "--tail", "50", service(one.name))
        case "docker":
            return sh("docker", "logs", "--tail", "50", service(one.name))
    return sh("docker", "compose", "logs", "--tail", "50", service(one.name))


def inside(one: Service | None, *words: str | Word, expect: str = "") -> Command:
    """Runs something in a container."""
    if one is None:
        return sh("docker", "compose", "exec", "registry", *words, expect=expect)
    match one.platform:
        case "kubernetes":
            into = ("-c", service(one.container)) if one.container else ()
            where = in_namespace(one.namespace)
            return sh("kubectl", *where, "exec", service(workload(one)), *into, "--", *words, expect=expect)
        case "podman":
            return sh("podman", "exec", service(one.name), *words, expect=expect)
        case "docker" | "swarm":
            return sh("docker", "exec", service(one.name), *words, expect=expect)
    return sh("docker", "compose", "exec", service(one.name), *words, expect=expect)


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
