"""Several instances behind one address: what they must share."""

from collections.abc import Iterator

from runbook.model import Certainty, Edit, Evidence, Finding, Fix, Registry, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.align import add_variables, at, symptoms
from runbook.rules.align_storage import APP_GO
from runbook.rules.base import rule
from runbook.stack.registry import covering

S = Symptom


@rule(
    "http-secret-not-shared",
    step="align",
    tier=2,
    title="several instances without a common http.secret",
    fix="give all instances the same REGISTRY_HTTP_SECRET",
    source=f"{APP_GO} (configureSecret); run: blob upload invalid, log: invalid secret",
    sees=("registry", "logs"),
)
def secret_not_shared(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """An upload's state is signed with http.secret. Without one every process makes its own at random, so an upload
    that a balancer hands from one instance to another breaks off, and only sometimes.
    """
    logged = traffic.logged("upload-secret")
    together = _together(stack)
    differing = len(together) > 1 and not _same_secret(together)
    if not logged and not differing:
        return
    if len(together) > 1 and not differing:
        return
    missing = [r for r in together if not r.value("http.secret")]
    yield Finding(
        cause="http-secret-not-shared",
        summary="Several registries share the work but not http.secret"
        f"{f' ({names(together)})' if together else ''}: an upload that changes instance is refused.",
        certainty=Certainty.PROVEN if logged and differing else Certainty.LOGGED if logged else Certainty.READ,
        explains=(S.UPLOAD_FAILS,),
        evidence=(
            *(at(e.text, e.place) for e in logged[:2]),
            *(at(f"{r.name}: http.secret is not set", r.service.place) for r in missing[:3] if r.service),
            *(at(e.text, e.place) for e in traffic.logged("no-http-secret")[:1]),
            *symptoms(traffic, S.UPLOAD_FAILS),
        ),
        hop="registry",
        fix=Fix(
            summary="One secret for all: put REGISTRY_HTTP_SECRET into .env and hand it to every instance.",
            commands=('printf "REGISTRY_HTTP_SECRET=%s\\n" "$(openssl rand -hex 32)" >> .env', "docker compose up -d"),
            verify=(
                f"docker compose logs {names(together, ' ')} | grep 'invalid secret'   # nothing new".replace(
                    "  ", " "
                ),
            ),
        ),
        edits=_share(evidence, missing),
    )


def names(registries: tuple[Registry, ...], separator: str = ", ") -> str:
    """The services' names."""
    return separator.join(r.name for r in registries)


def _together(stack: Stack) -> tuple[Registry, ...]:
    """Registries that stand behind one upstream, or that share the volume with the images."""
    behind = {h for route in stack.routes if len(route.upstream_hosts) > 1 for h, _ in route.upstream_hosts}
    balanced = tuple(r for r in stack.registries if r.name in behind)
    if len(balanced) > 1:
        return balanced
    shared: dict[str, list[Registry]] = {}
    for registry in stack.registries:
        root = registry.value("storage.filesystem.rootdirectory")
        mount = covering(registry.mounts, root) if isinstance(root, str) else None
        if mount is not None and mount.source and not registry.value("proxy.remoteurl"):
            shared.setdefault(mount.source, []).append(registry)
    return next((tuple(found) for found in shared.values() if len(found) > 1), ())


def _same_secret(registries: tuple[Registry, ...]) -> bool:
    settings = [r.settings.get("http.secret") for r in registries]
    labels = {(s.secret or s.value or None) if s else None for s in settings}
    return len(labels) == 1 and None not in labels


def _share(evidence: Evidence, missing: list[Registry]) -> tuple[Edit, ...]:
    found: dict[tuple[str, int], Edit] = {}
    for registry in missing:
        for edit in add_variables(evidence, registry, ("REGISTRY_HTTP_SECRET", "${REGISTRY_HTTP_SECRET:?}")):
            found[(edit.file, edit.line)] = edit
    return tuple(found.values())
