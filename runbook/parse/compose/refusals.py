"""What Compose v2 itself refuses before it starts anything: names that lead nowhere and wrong types."""

from collections.abc import Iterable

from runbook.lazy import re
from runbook.model import Service
from runbook.parse.compose.load import Notes
from runbook.parse.compose.services import Project, text_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence

PART = "x-part"
"""The key by which a compose file says that only a part of it was shown: what it does not declare may stand elsewhere."""
_TOP = ("version", "name", "include", "services", "models", "networks", "volumes", "secrets", "configs")
OF_A_SERVICE = frozenset(
    "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name "
    "cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec "
    "depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file "
    "environment expose extends external_links extra_hosts gpus group_add healthcheck hostname image init ipc "
    "isolation label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit "
    "models network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop "
    "privileged profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt "
    "shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user "
    "userns_mode uts volumes volumes_from working_dir".split()
)
_NAME = re.compile(r"[a-zA-Z0-9._-]+\Z")
_TEXT = ("image", "user", "container_name", "hostname", "network_mode", "restart", "platform", "working_dir")
_LISTS = ("ports", "volumes", "expose", "profiles", "secrets", "configs", "cap_add", "cap_drop")


def check_types(top: Mapping, notes: Notes) -> None:
    """Unknown keys and values of the wrong type, as the Compose specification's schema has them."""
    for key, value in top.pairs:
        if key.text not in _TOP and not key.text.startswith("x-"):
            notes.refuse(key.place, f"additional properties '{key.text}' not allowed")
        if key.text in ("version", "name") and not _is_text(value):
            notes.refuse(key.place, f"{key.text} must be a string")
    services = top.get("services")
    for key, node in services.pairs if isinstance(services, Mapping) else ():
        if not _NAME.match(key.text):
            notes.refuse(key.place, f"services additional properties '{key.text}' not allowed: not a service's name")
        if isinstance(node, Mapping):
            _check_service(key.text, node, notes)
        elif not (isinstance(node, Scalar) and node.is_null):
            notes.refuse(key.place, f"services.{key.text} must be a mapping")


def _check_service(name: str, node: Mapping, notes: Notes) -> None:
    for key, value in node.pairs:
        where = f"services.{name}.{key.text}"
        if key.text not in OF_A_SERVICE and not key.text.startswith("x-"):
            notes.refuse(key.place, f"services.{name} additional properties '{key.text}' not allowed")
        elif key.text in _TEXT and not _is_text(value):
            notes.refuse(key.place, f"{where} must be a string")
        elif key.text == "container_name" and isinstance(value, Scalar) and not value.plain and len(value.text) < 2:
            notes.refuse(key.place, f"{where} is not a container's name")
        elif key.text in _LISTS and not isinstance(value, Sequence) and not _is_null(value):
            notes.refuse(key.place, f"{where} must be a list")
        elif key.text in ("environment", "labels"):
            _check_pairs(where, value, notes)
        elif key.text in ("command", "entrypoint"):
            _check_words(where, value, notes)


def _check_pairs(where: str, value: Node, notes: Notes) -> None:
    if isinstance(value, Scalar) and not value.is_null:
        notes.refuse(value.place, f"{where} must be a mapping or a list")
    elif isinstance(value, Sequence):
        for item in value.items:
            if not _is_text(item):
                notes.refuse(item.place, f"{where}: an entry must be a string")


def _check_words(where: str, value: Node, notes: Notes) -> None:
    items = value.items if isinstance(value, Sequence) else ()
    for item in items:
        if not _is_text(item):
            notes.refuse(item.place, f"{where}: an entry must be a string")
    if isinstance(value, Mapping) or (isinstance(value, Scalar) and not value.is_null and not _is_text(value)):
        notes.refuse(value.place, f"{where} must be a string or a list")


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and (isinstance(node.value(), str) or node.is_null)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def check_references(services: Iterable[Service], project: Project) -> None:
    """Volumes, networks, secrets, configs and services that are used and nowhere declared."""
    found = tuple(services)
    names = {s.name for s in found}
    declared = {s: _names(project, s) for s in ("volumes", "networks", "secrets", "configs")}
    for service in found if project.top.get(PART) is None else ():  # else the rest of the file was not shown
        node = _node(project, service.name)
        if service.image is None and node is not None and node.get("build") is None and node.get("provider") is None:
            _refuse(project, service, "has neither an image nor a build context specified")
        if service.network_mode and node is not None and _has(node, "networks"):
            _refuse(project, service, "declares mutually exclusive `network_mode` and `networks`")
        for network in service.networks:
            if network != "default" and network not in declared["networks"]:
                _refuse(project, service, f"refers to undefined network {network}")
        for mount in service.mounts:
            if mount.kind == "volume" and mount.source and mount.source not in declared["volumes"]:
                _refuse(project, service, f"refers to undefined volume {mount.source}")
        for other in service.depends_on:
            if other not in names:
                _refuse(project, service, f"depends on undefined service {other}")
        for kind in ("secrets", "configs"):
            for name in _used(node, kind):
                if name not in declared[kind]:
                    _refuse(project, service, f"refers to undefined {kind[:-1]} {name}")


def _has(node: Mapping, key: str) -> bool:
    value = node.get(key)
    return value is not None and not _is_null(value) and bool(value.pairs if isinstance(value, Mapping) else True)


def _refuse(project: Project, service: Service, what: str) -> None:
    project.notes.refuse(service.place, f'service "{service.name}" {what}')


def _names(project: Project, section: str) -> set[str]:
    found = project.section(section)
    return {name for name, _ in found} if found is not None else set()


def _node(project: Project, name: str) -> Mapping | None:
    services = project.section("services")
    node = services.get(name) if services is not None else None
    return node if isinstance(node, Mapping) else None


def _used(node: Mapping | None, kind: str) -> list[str]:
    value = node.get(kind) if node is not None else None
    items = value.items if isinstance(value, Sequence) else ()
    names = (text_of(i.get("source")) if isinstance(i, Mapping) else text_of(i) for i in items)
    return [n for n in names if n]
