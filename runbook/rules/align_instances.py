"""Several instances behind one address: what they must share."""

from collections.abc import Iterator, Sequence

from runbook.model import (
    Edit,
    Evidence,
    Finding,
    Fix,
    Registry,
    RegistryFile,
    Service,
    Setting,
    Stack,
    Subject,
    Symptom,
)
from runbook.model.command import PIPE, Command, service, sh
from runbook.observe.address import address_of
from runbook.rules.align import add_variables, observed
from runbook.rules.align_storage import APP_GO
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said
from runbook.rules.hops import aside
from runbook.rules.in_cluster import in_namespace, workload
from runbook.rules.platform import (
    all_restarted,
    inside,
    logs,
    platform,
    restarted,
    runs,
    runs_registry,
)
from runbook.stack.registry import covering

_MAKE_ONE = "grep -qs ^REGISTRY_HTTP_SECRET= .env || echo REGISTRY_HTTP_SECRET=$(openssl rand -hex 32) >> .env"
_COMPARE = "printenv REGISTRY_HTTP_SECRET | sha256sum | cut -c1-8"
"""The secret itself is not shown; e3b0c442 is the sum of nothing."""


@rule(
    "http-secret-not-shared",
    by_absence=True,
    step="align",
    tier=2,
    title="several registry instances without a common http.secret",
    fix="Give all instances the same REGISTRY_HTTP_SECRET",
    source=f"{APP_GO} (configureSecret); run: blob upload invalid, log: invalid secret",
    needs_any=("registry", "logs"),
    explains=(Symptom.UPLOAD_FAILS,),
    hop="registry",
)
def secret_not_shared(facts: Facts) -> Iterator[Finding]:
    """An upload's state is signed with http.secret. Without one every process makes its own at random, so an upload
    that a balancer sends from one instance to another breaks off, and only sometimes.
    """
    logged = facts.traffic.logged("upload-secret")
    together = _together(facts.stack)
    files = () if together else _behind_one(facts)
    shared = len(together) > 1 and _same_secret([r.settings.get("http.secret") for r in together])
    shared = shared or (bool(files) and _same_secret([f.settings.get("http.secret") for f in files]))
    if shared or (len(together) < 2 and not files and not logged):
        return
    missing = [r for r in together if not r.value("http.secret")]
    names = ", ".join([r.name for r in together] or [f.file for f in files])
    names = f" ({names})" if names else ""
    yield finding(
        f"Several registries serve one address without a common http.secret{names}: an upload that changes instance is refused.",
        (said(e) for e in logged[:2]),
        (read(f"{r.name}: http.secret is not set", r.service.place) for r in missing[:3] if r.service),
        (
            read(f"{r.name}: http.secret is its own", r.settings["http.secret"].place)
            for r in together[:3]
            if r not in missing
        ),
        (_secret_of(f) for f in files[:3]),
        map(aside, map(said, facts.traffic.logged("no-http-secret")[:1])),
        observed(facts, Symptom.UPLOAD_FAILS),
        about=Subject(service=missing[0].name) if missing else None,
        edits=_share(facts.evidence, missing) if platform(facts) == "compose" else (),
        fix=_fix(facts, together),
    )


def _fix(facts: Facts, together: tuple[Registry, ...]) -> Fix:
    """One secret for all, kept where the platform keeps variables: only Compose reads .env."""
    checks, several = _checks(facts, together), _services(together)
    if platform(facts) == "compose":
        return Fix(
            summary="Set one REGISTRY_HTTP_SECRET for every instance, from .env",
            commands=(sh("sh", "-c", _MAKE_ONE), *all_restarted(facts, ())),
            verify=checks,
            applies="Compose creates the instances again, since their environment has changed",
        )
    one, made = runs_registry(facts), ("openssl", "rand", "-hex", "32")
    if one.platform == "kubernetes":
        where = in_namespace(one.namespace)
        held = (service(workload(s)) for s in several or [one])
        kept = "create secret generic registry-http --from-file=REGISTRY_HTTP_SECRET=/dev/stdin"
        return Fix(
            summary="Keep one REGISTRY_HTTP_SECRET in a Secret, and let every instance take it from there; "
            "write it into the manifest as well",
            commands=(
                sh(*made, PIPE, "tr", "-d", "\\n", PIPE, "kubectl", *where, *kept.split()),
                *(sh("kubectl", *where, "set", "env", pod, "--from=secret/registry-http") for pod in held),
            ),
            verify=checks,
            applies="a change of its variables rolls the workload out: new pods, all with the same secret",
        )
    again = restarted(one)
    return Fix(
        summary="Set the same REGISTRY_HTTP_SECRET for every instance, or the same http.secret in their configuration",
        commands=(sh(*made, expect="the secret, for all of them"), *again.commands),
        verify=checks,
        applies=again.applies,
    )


def _checks(facts: Facts, together: tuple[Registry, ...]) -> tuple[Command, ...]:
    if not together:
        return (logs(runs_registry(facts), PIPE, "grep", "invalid secret", expect="(nothing after another push)"),)
    expect = "(the same from each instance, and not e3b0c442: nothing is set)"
    return tuple(inside(runs(facts, r.name), "sh", "-c", _COMPARE, expect=expect) for r in together)


def _services(together: tuple[Registry, ...]) -> list[Service]:
    return [r.service for r in together if r.service]


def _together(stack: Stack) -> tuple[Registry, ...]:
    """Registries behind one upstream, or that share the volume with the images."""
    behind = {h for route in stack.routes if len(route.upstream_hosts) > 1 for h, _ in route.upstream_hosts}
    ports = {p for route in stack.routes if len(route.upstream_hosts) > 1 for _, p in route.upstream_hosts}
    balanced = tuple(r for r in stack.registries if r.name in behind or (r.service is None and r.listens in ports))
    if len(balanced) > 1:
        return balanced
    shared: dict[str, list[Registry]] = {}
    for registry in stack.registries:
        root = registry.value("storage.filesystem.rootdirectory")
        mount = covering(registry.mounts, root) if isinstance(root, str) else None
        if mount is not None and mount.source and not registry.value("proxy.remoteurl"):
            shared.setdefault(mount.source, []).append(registry)
    return next((tuple(found) for found in shared.values() if len(found) > 1), ())


def _behind_one(facts: Facts) -> tuple[RegistryFile, ...]:
    """Several config.yml of hosts whose ports stand behind one upstream."""
    for route in facts.stack.routes if facts.compose is None else ():
        ports = {port for _, port in route.upstream_hosts}
        bound = (
            (f, address_of(str(s.value))) for f in facts.evidence.registry_files if (s := f.settings.get("http.addr"))
        )
        found = tuple(f for f, at in bound if at and at.port in ports)
        if len(found) > 1:
            return found
    return ()


def _secret_of(file: RegistryFile) -> Item:
    setting = file.settings.get("http.secret")
    told = "http.secret is its own" if setting else "http.secret is not set"
    return read(told, (setting and setting.place) or file.file)


def _same_secret(settings: Sequence[Setting | None]) -> bool:
    labels = {(s.secret or s.value or None) if s else None for s in settings}
    return len(labels) == 1 and None not in labels


def _share(evidence: Evidence, missing: list[Registry]) -> tuple[Edit, ...]:
    found: dict[tuple[str, int], Edit] = {}
    for registry in missing:
        for edit in add_variables(evidence, registry, ("REGISTRY_HTTP_SECRET", "${REGISTRY_HTTP_SECRET:?}")):
            found[(edit.file, edit.line)] = edit
    return tuple(found.values())
