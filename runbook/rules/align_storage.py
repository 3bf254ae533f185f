"""Where images are kept and what may be done with them: volumes, deletes, uploads to several instances."""

import posixpath
import re
from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Edit,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    Mount,
    Place,
    Refutation,
    Registry,
    Setting,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.align import add_variables, at, request, restart
from runbook.rules.base import rule
from runbook.rules.hop_edits import drop, insert, line_of, swap
from runbook.rules.logins import url
from runbook.stack.registry import covering

S = Symptom
IMAGE_ROOT = "/var/lib/registry"
APP_GO = "distribution registry/handlers/app.go"


@rule(
    "storage-outside-volume",
    step="align",
    title="images are stored outside every volume",
    fix="mount a volume at the storage's rootdirectory",
    source="distribution registry/storage/driver/filesystem; run: pushed, container re-created, catalog empty",
)
def storage_outside_volume(registry: Registry, evidence: Evidence) -> Iterator[Finding]:
    """The images lie in the container's own layer and are gone when it is re-created. The volume at
    /var/lib/registry looks right and stays empty.
    """
    root = registry.value("storage.filesystem.rootdirectory")
    if registry.service is None or not isinstance(root, str) or registry.start_errors or _config_unseen(registry):
        return
    mount = covering(registry.mounts, posixpath.normpath(root))
    if mount is not None and mount.kind != "tmpfs":
        return
    setting = registry.settings["storage.filesystem.rootdirectory"]
    where = "a tmpfs" if mount is not None else "no volume"
    yield Finding(
        cause="storage-outside-volume",
        summary=f"Images are stored in {root}, which lies on {where}: they vanish when the container is re-created.",
        certainty=Certainty.READ,
        evidence=(
            at(
                f"rootdirectory is {root} ({setting.origin or 'image default'})",
                setting.place or registry.service.place,
            ),
            *(at(f"mounted: {m.target}", m.place) for m in registry.mounts[:3]),
        ),
        hop="registry",
        warning=True,
        fix=Fix(
            summary=f"Mount a volume at {root}, or store at {IMAGE_ROOT} where one is.",
            commands=(
                f"docker compose cp {registry.name}:{root} ./registry-data   # save what is there first",
                restart(registry),
            ),
            verify=("docker compose up -d --force-recreate", f"curl -sS {url_of(registry)}/v2/_catalog"),
        ),
        edits=_keep(evidence, registry, root, setting),
    )


def _keep(evidence: Evidence, registry: Registry, root: str, setting: Setting) -> tuple[Edit, ...]:
    """Back to the image's own folder when a volume is there; else a volume where the images are."""
    if setting.place and covering(registry.mounts, IMAGE_ROOT) is not None:
        if setting.origin.startswith("REGISTRY_"):
            return drop(evidence, setting.place, r"^\s*(?:-\s*)?[\"']?REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY.*$")
        return swap(evidence, setting.place, re.escape(root), IMAGE_ROOT)
    last = max((m for m in registry.mounts if m.kind in ("bind", "volume")), key=_line, default=None)
    old = line_of(evidence, last.place) if last else None
    if last is None or old is None or not old.lstrip().startswith("- ") or last.target not in old:
        return ()
    return insert(evidence, last.place, f"- ./registry-data:{root}")


def _line(mount: Mount) -> int:
    return mount.place.line or 0


def url_of(registry: Registry) -> str:
    """The address that compose publishes."""
    port = next((p.published for p in registry.ports if p.published), 5000)
    return f"http://localhost:{port}"


def _config_unseen(registry: Registry) -> bool:
    """A configuration is mounted that was not handed over: it may say otherwise."""
    return registry.config_file is None and covering(registry.mounts, registry.config_path) is not None


@rule(
    "delete-disabled",
    step="align",
    title="deleting is not enabled on the registry",
    fix="set REGISTRY_STORAGE_DELETE_ENABLED=true on the registry (not on the UI)",
    source=f"{APP_GO} (configure deletion); run: DELETE answers 405 UNSUPPORTED",
    sees=("registry", "exchanges", "logs", "messages"),
)
def delete_disabled(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Deletes are off by default. The UI shows its button as soon as the UI is told to, and the click ends in 405;
    the setting belongs to the registry's container.
    """
    registry = stack.registry
    seen = _refused_deletes(traffic)
    wanted = next((u for u in stack.uis if u.deletes), None)
    misplaced = next(
        (v for u in stack.uis for v in u.service.environment if v.name.startswith("REGISTRY_STORAGE_DELETE")), None
    )
    known = registry is not None and registry.known and not _config_unseen(registry)
    enabled = known and registry is not None and registry.value("storage.delete.enabled") is True
    if enabled or not (seen or (known and (wanted or misplaced))):
        return
    if registry is not None and registry.value("proxy.remoteurl"):
        return
    setting = registry.settings.get("storage.delete.enabled") if registry else None
    text = isinstance(setting.value, str) if setting else False
    reason = "is off by default and set nowhere" if setting is None else f"is {setting.value!r}"
    yield Finding(
        cause="delete-disabled",
        summary=f"storage.delete.enabled {reason} on the registry{', which takes only true without quotes' if text else ''}"
        f"{', it was set on the UI instead' if misplaced else ''}: every delete is answered 405.",
        certainty=Certainty.PROVEN if seen and known else Certainty.SEEN if seen else Certainty.READ,
        explains=(S.DELETE_REFUSED,),
        evidence=(
            *seen[:3],
            *(at(f"{v.name} stands on the UI", v.place) for v in (misplaced,) if v),
            *(at("the UI offers to delete", u.service.place) for u in (wanted,) if u),
            *(at(f"storage.delete.enabled: {setting.value}", setting.place) for _ in (1,) if setting),
        ),
        hop="registry",
        warning=not seen and not traffic.seen(S.DELETE_REFUSED),
        fix=Fix(
            summary="Enable it on the registry; free the space afterwards with registry garbage-collect.",
            commands=(restart(registry),),
            verify=(f"docker compose exec {registry.name if registry else 'registry'} env | grep DELETE",),
        ),
        edits=_enable(evidence, registry) if registry and setting is None else (),
    )


def _enable(evidence: Evidence, registry: Registry) -> tuple[Edit, ...]:
    root = registry.settings.get("storage.filesystem.rootdirectory")
    if registry.config_file and root and root.place and root.place.file == registry.config_file:
        return add_variables(evidence, registry, ("REGISTRY_STORAGE_DELETE_ENABLED", "true")) or _in_file(
            evidence, root.place
        )
    return add_variables(evidence, registry, ("REGISTRY_STORAGE_DELETE_ENABLED", "true"))


def _in_file(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    """Below `filesystem:` in block style: one level out from rootdirectory."""
    old = line_of(evidence, place)
    if old is None or not old.lstrip().startswith("rootdirectory:") or place.line is None:
        return ()
    deep = len(old) - len(old.lstrip())
    above = line_of(evidence, Place(place.file, place.line - 1)) or ""
    step = deep - (len(above) - len(above.lstrip()))
    if not above.strip().startswith("filesystem:") or step <= 0:
        return ()
    indent = " " * (deep - step)
    text = f"{indent}delete:\n{indent}{' ' * step}enabled: true"
    return (Edit(file=place.file, line=place.line, old=None, new=text),)


def _refused_deletes(traffic: Traffic) -> tuple[EvidenceItem, ...]:
    """DELETE answered 405 by the registry: JSON, or its own access line. HTML would be a proxy's 405."""
    found = [
        request(e)
        for e in traffic.exchanges
        if e.method == "DELETE" and e.status == 405 and e.is_api and not e.is_html and "<html" not in e.body.lower()
    ]
    found += [
        at(f"DELETE {r.uri[:100]} -> 405", r.place)
        for r in traffic.requests
        if r.method == "DELETE" and r.status == 405 and r.logger in ("registry", "unknown")
    ]
    found += [at(m.text, m.place) for m in traffic.said("method-unsupported") if "delet" in m.text.lower()]
    return tuple(found)


@rule(
    "proxy-mode-push-unsupported",
    step="align",
    tier=2,
    title="a pull-through cache takes no pushes",
    fix="push to another registry, or remove proxy.remoteurl",
    source="distribution registry/proxy/proxyblobstore.go; run: POST uploads answers 405 UNSUPPORTED",
    sees=("registry", "exchanges", "logs", "messages"),
)
def proxy_mode(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """With proxy.remoteurl the registry only caches what it pulls itself. A push is answered 405, whatever the login."""
    registry = next((r for r in stack.registries if r.value("proxy.remoteurl")), None)
    refused = [
        request(e)
        for e in traffic.exchanges
        if e.method in ("POST", "PUT", "PATCH") and e.status == 405 and not e.is_html
    ]
    refused += [
        at(f"{r.method} {r.uri[:100]} -> 405", r.place)
        for r in traffic.requests
        if r.method in ("POST", "PUT", "PATCH") and r.status == 405 and "/v2/" in r.uri and r.logger != "nginx"
    ]
    refused += [at(m.text, m.place) for m in traffic.said("method-unsupported") if "delet" not in m.text.lower()]
    if not refused or (registry is None and any(r.known for r in stack.registries)):
        return
    setting = registry.settings["proxy.remoteurl"] if registry else None
    yield Finding(
        cause="proxy-mode-push-unsupported",
        summary="The registry runs as a pull-through cache"
        f"{f' of {setting.value}' if setting else ''}; such a one refuses every push with 405.",
        certainty=Certainty.PROVEN if setting else Certainty.POSSIBLE,
        explains=(S.UPLOAD_FAILS, S.DELETE_REFUSED, S.FAILURE),
        evidence=(*(at(f"proxy.remoteurl: {s.value}", s.place) for s in (setting,) if s), *refused[:3]),
        hop="registry",
        proves=setting is not None,
        supersedes=("delete-disabled",),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="a refused login is 401, this is 405"),),
        fix=Fix(
            summary="Run a second registry without proxy.remoteurl for your own images.",
            commands=(restart(registry),),
            verify=(
                f"curl -sS -o /dev/null -w '%{{http_code}}\\n' -X POST {url(evidence, traffic)}/v2/test/blobs/uploads/   # not 405",
            ),
        ),
        edits=drop(evidence, setting.place, r"^.*$")
        if setting and setting.place and setting.origin.startswith("REGISTRY_")
        else (),
    )
