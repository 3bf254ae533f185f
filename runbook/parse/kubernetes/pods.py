"""Workloads: every container of a pod as a service of the stack, named as kubectl names it ("deployment/registry")."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from runbook.model import ListedFile, Place, Port, PullSecret, Service
from runbook.parse.compose.roles import role_of
from runbook.parse.compose.services import is_tool
from runbook.parse.kubernetes.data import Store
from runbook.parse.kubernetes.environment import Link, environment, expanded, service_links
from runbook.parse.kubernetes.objects import Object, at, belongs, is_true, list_of, number_of, scalars, text_of
from runbook.parse.kubernetes.services import ClusterService, inside, outside
from runbook.parse.kubernetes.volumes import Volumes
from runbook.parse.yaml_nodes import Node
from runbook.redact import Vault

_TEMPLATES = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "DeploymentConfig": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_MOST_CONTAINERS = 200
_MOST_SERVICES = 20
"""Of one container."""
_MOST_LINKS = 200


@dataclass(slots=True)
class Cluster:
    """All that containers are made from."""

    store: Store
    services: tuple[ClusterService, ...]
    vault: Vault
    missing: list[tuple[Place, str]] = field(default_factory=list)
    folders: list[ListedFile] = field(default_factory=list)
    links: dict[str, dict[str, Link]] = field(default_factory=dict)
    """Namespace → the variables that its Services make."""
    accounts: tuple[Object, ...] = ()
    """ServiceAccounts, which may bring pull Secrets along."""


def containers(objects: tuple[Object, ...], cluster: Cluster) -> tuple[Service, ...]:
    """The containers of all workloads; a pod that a workload made stands for it only when that is not there."""
    own = {(o.kind, o.name) for o in objects if o.kind in _TEMPLATES}
    found: list[Service] = []
    for one in objects:
        if one.kind in _TEMPLATES and not any(owner in own for owner in _owners(one)):
            found += _workload(one, cluster)
    return tuple(found[:_MOST_CONTAINERS])


def _owners(one: Object) -> Iterator[tuple[str, str]]:
    """What made it; a Deployment's pods are made by a ReplicaSet that is named after it."""
    for row in list_of(at(one.node, "metadata", "ownerReferences")):
        kind, name = text_of(at(row, "kind")) or "", text_of(at(row, "name")) or ""
        yield kind, name
        if kind == "ReplicaSet":
            yield "Deployment", name.rpartition("-")[0]


def _workload(one: Object, cluster: Cluster) -> Iterator[Service]:
    template = at(one.node, *_TEMPLATES[one.kind])
    pod = at(template, "spec")
    if pod is None:
        return
    labels = {k: v.text for k, v in scalars(at(template, "metadata", "labels")).items()}
    claims = frozenset(
        text_of(at(row, "metadata", "name")) or "" for row in list_of(at(one.node, "spec", "volumeClaimTemplates"))
    )
    volumes = Volumes(pod, one.namespace, cluster.store, claims)
    base = f"{one.kind.lower()}/{one.name}"
    secrets = (*_pull_secrets(one, pod), *_of_account(pod, one.namespace, cluster))
    rows = list_of(at(pod, "containers"))
    for number, row in enumerate(rows):
        if at(row, "image") is None:  # a patch of somebody's kustomization or chart: no pod is made of it alone
            continue
        service = _container(one, row, pod, base if number == 0 else f"{base}-{number}", volumes, labels, cluster)
        mode = "host" if is_true(at(pod, "hostNetwork")) else f"service:{base}" if number else None
        networks = () if mode else service.networks
        yield replace(service, network_mode=mode, networks=networks, pull_secrets=secrets)
    cluster.missing += [(m.place, m.what) for m in volumes.missing]
    cluster.folders += [ListedFile(place=p, path=path, kind="directory") for p, path in volumes.folders]


def _container(
    one: Object,
    row: Node,
    pod: Node,
    name: str,
    volumes: Volumes,
    labels: dict[str, str],
    cluster: Cluster,
) -> Service:
    vault = cluster.vault
    reaching = [s for s in cluster.services if s.selects(labels, one.namespace)][:_MOST_SERVICES]
    env = environment(row, one.namespace, cluster.store, _links(one, pod, cluster), vault)
    cluster.missing += [(m.place, m.what) for m in env.missing]
    mounts = volumes.mounts(row)
    image = text_of(at(row, "image"))
    command = _words(at(row, "command"), env.lookup)
    args = _words(at(row, "args"), env.lookup)
    own = list_of(at(row, "ports"))
    named = {text_of(at(p, "name")) or "": n for p in own if (n := number_of(at(p, "containerPort"))) is not None}
    role = role_of(image, (v.name for v in env.variables), (m.target for m in mounts))
    ports = (*(p for s in reaching for p in outside(s, named)), *_host_ports(own, pod))
    return Service(
        name=name,
        place=(at(row, "name") or row).place,
        image=vault.mask(image, 500) if image is not None else None,
        role="other" if is_tool((*command, *args)) else role,
        environment=env.variables,
        ports=ports,
        mounts=mounts,
        command=tuple(vault.mask(w) for w in args),
        entrypoint=tuple(vault.mask(w) for w in command) if command else None,
        user=_user(row, pod),
        networks=_networks(one.namespace, cluster),
        aliases=tuple(dict.fromkeys(n for s in reaching for n in s.names)),
        expose=tuple(n for p in own if (n := number_of(at(p, "containerPort"))) is not None),
        platform="kubernetes",
        namespace=one.namespace,
        made_by=one.made_by,
        container=text_of(at(row, "name")) or "",
        cluster_ports=tuple(p for s in reaching for p in inside(s, named)),
        unseen_env=tuple(vault.mask(name, 300) for name in env.unseen),
    )


def _networks(namespace: str, cluster: Cluster) -> tuple[str, ...]:
    """A short name of a Service resolves in its own namespace only; one that is not written may be any of them."""
    if namespace:
        return (namespace,)
    return tuple(dict.fromkeys(("default", *(s.namespace for s in cluster.services if s.namespace))))


def _links(one: Object, pod: Node, cluster: Cluster) -> dict[str, Link]:
    off = at(pod, "enableServiceLinks")
    if off is not None and not is_true(off):
        return {}
    if one.namespace not in cluster.links:
        found: dict[str, Link] = {}
        near = [s for s in cluster.services if belongs(s.namespace, one.namespace)]
        for service in near[:_MOST_LINKS]:
            links = service_links(service.name, tuple((p.name, p.port) for p in service.ports[:20]))
            found |= {name: (value, service.place) for name, value in links}
        cluster.links[one.namespace] = found
    return cluster.links[one.namespace]


def _words(node: Node | None, lookup: Callable[[str], str | None]) -> tuple[str, ...]:
    return tuple(expanded(text_of(i) or "", lookup) for i in list_of(node))


def _host_ports(ports: tuple[Node, ...], pod: Node) -> Iterator[Port]:
    host = is_true(at(pod, "hostNetwork"))
    for row in ports:
        number, outer = number_of(at(row, "containerPort")), number_of(at(row, "hostPort"))
        if number is not None and (outer or host):
            yield Port(container=number, published=outer or number, place=row.place)


def _user(row: Node, pod: Node) -> str | None:
    """uid[:gid] as compose writes it."""
    uid = text_of(at(row, "securityContext", "runAsUser")) or text_of(at(pod, "securityContext", "runAsUser"))
    gid = text_of(at(row, "securityContext", "runAsGroup")) or text_of(at(pod, "securityContext", "runAsGroup"))
    return None if uid is None else f"{uid}:{gid}" if gid else uid


def _pull_secrets(one: Object, pod: Node) -> Iterator[PullSecret]:
    """Those that the kubelet reads, and those that somebody wrote one level too deep or too high."""
    for row in list_of(at(pod, "imagePullSecrets")):
        if name := text_of(at(row, "name")):
            yield PullSecret(name=name, place=row.place)
    stray = [at(c, "imagePullSecrets") for c in list_of(at(pod, "containers"))]
    stray += [at(one.node, "spec", "imagePullSecrets") if one.kind != "Pod" else None]
    stray += [at(one.node, *_TEMPLATES[one.kind], "imagePullSecrets")] if one.kind != "Pod" else []
    stray += [at(one.node, "imagePullSecrets")]
    for node in stray:
        for row in list_of(node):
            if name := text_of(at(row, "name")):
                yield PullSecret(name=name, place=row.place, read=False)


def _of_account(pod: Node, namespace: str, cluster: Cluster) -> Iterator[PullSecret]:
    """Pull Secrets that come with the pod's ServiceAccount."""
    name = text_of(at(pod, "serviceAccountName")) or "default"
    for account in cluster.accounts:
        if account.name == name and belongs(account.namespace, namespace):
            for row in list_of(at(account.node, "imagePullSecrets")):
                if secret := text_of(at(row, "name")):
                    yield PullSecret(name=secret, place=row.place)
