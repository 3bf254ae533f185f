"""Where images are kept and what may be done with them: volumes, deletes, pushes."""

import posixpath
import re
from collections.abc import Iterator

from runbook.model import Edit, Evidence, Finding, Mount, Place, Refutation, Registry, Setting, Symptom
from runbook.model.command import Command, Word, sh, url
from runbook.observe.traffic import Traffic
from runbook.rules.align import add_variables, change, observed, stated, status, subject, unset, whom
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hop_edits import drop_key, insert, line_of, swap
from runbook.rules.hops import aside
from runbook.rules.platform import restored, saved
from runbook.stack.registry import covering

S = Symptom
IMAGE_ROOT = "/var/lib/registry"
APP_GO = "distribution registry/handlers/app.go"
_ROOT, _DELETE, _REMOTE = "storage.filesystem.rootdirectory", "storage.delete.enabled", "proxy.remoteurl"
_PUSHES = ("POST", "PUT", "PATCH")


# ---- volumes -----------------------------------------------------------------------------------------


@rule(
    "storage-outside-volume",
    by_absence=True,
    step="align",
    title="images are stored outside every volume",
    fix="Mount a volume at the storage's rootdirectory",
    source="distribution registry/storage/driver/filesystem; run: pushed, container re-created, catalog empty",
    needs=("registry",),
    explains=(S.IMAGES_GONE,),
    hop="registry",
)
def storage_outside_volume(facts: Facts) -> Iterator[Finding]:
    """The images are in the container's own layer and are gone when it is created again. The volume at
    /var/lib/registry looks right and remains empty.
    """
    registry = facts.registry
    root = registry.value(_ROOT) if registry else None
    if registry is None or registry.service is None or not isinstance(root, str) or registry.start_errors:
        return
    mount = covering(registry.mounts, posixpath.normpath(root))
    if _config_unseen(registry) or (mount is not None and mount.kind != "tmpfs"):
        return
    instead = ", in place of the tmpfs" if mount is not None and mount.target == root else ""
    setting = registry.settings[_ROOT]
    back = setting.place is not None and covering(registry.mounts, IMAGE_ROOT) is not None
    fix = change(
        facts,
        registry,
        f"Save the images, then store at {IMAGE_ROOT}, where a volume is"
        if back
        else f"Save the images in ./registry-data, then mount that folder at {root}{instead}"
        if registry.service.platform == "compose"
        else f"Save the images, then mount a volume at {root}{instead}",
        *_survives(registry, whom(facts)),
        edits=_back(facts.evidence, setting, root) if back else _mount_at(facts.evidence, registry, root),
        before=saved(registry.service, root, in_memory=mount is not None),
        after=(restored(registry.service, IMAGE_ROOT),) if back else (),
    )
    where = "a tmpfs" if mount is not None else "no volume"
    yield finding(
        f"Images are stored in {root}, which is on {where}: they vanish when the container is created again.",
        read(f"rootdirectory is {root} ({setting.origin or 'image default'})", setting.place or registry.service.place),
        (read(f"mounted: {m.target}", m.place) for m in registry.mounts[:3]),
        observed(facts, S.IMAGES_GONE),
        warning=S.IMAGES_GONE not in facts.traffic.seen(),
        about=subject(registry),
        fix=fix,
    )


def _survives(registry: Registry, user: Word) -> tuple[Command, ...]:
    port = next((p.published for p in registry.ports if p.published), 5000)
    words = () if registry.auth == "none" else (Word("-u"), user)
    catalog = url(f"http://localhost:{port}", "/v2/_catalog")
    return (sh("curl", "-sS", words, catalog, expect="(the images that were pushed)"),)


def _back(evidence: Evidence, setting: Setting, root: str) -> tuple[Edit, ...]:
    """Back to the image's own folder, where a volume is."""
    if setting.origin.startswith("REGISTRY_"):
        return unset(evidence, setting)
    return swap(evidence, setting.place, re.escape(root), IMAGE_ROOT)


def _mount_at(evidence: Evidence, registry: Registry, root: str) -> tuple[Edit, ...]:
    """A folder of the host where the images are, below the last mount; a tmpfs there is taken out, for the engine
    takes no two mounts at one path."""
    last = max((m for m in registry.mounts if m.kind in ("bind", "volume")), key=_line, default=None)
    old = line_of(evidence, last.place) if last else None
    if last is None or old is None or not old.lstrip().startswith("- ") or last.target not in old:
        return ()
    taken = next((m.place for m in registry.mounts if m.target == root), None)
    text = line_of(evidence, taken) if taken else ""
    gone = drop_key(evidence, taken) if text and re.match(r"\s*(?:- |tmpfs\s*:\s*[\"']?/)", text) else ()
    return (*gone, *insert(evidence, last.place, f"- ./registry-data:{root}")) if gone or not taken else ()


def _line(mount: Mount) -> int:
    return mount.place.line or 0


def _config_unseen(registry: Registry) -> bool:
    """A configuration is mounted that was not handed over: it may say otherwise."""
    return registry.config_file is None and covering(registry.mounts, registry.config_path) is not None


# ---- deletes -----------------------------------------------------------------------------------------


@rule(
    "delete-disabled",
    by_absence=True,
    step="align",
    title="deletes are not enabled on the registry",
    fix="Set REGISTRY_STORAGE_DELETE_ENABLED=true on the registry (not on the UI)",
    source=f"{APP_GO} (configure deletion); run: DELETE answers 405 UNSUPPORTED",
    needs_any=("registry", "exchanges", "logs", "messages"),
    explains=(S.DELETE_REFUSED,),
    hop="registry",
)
def delete_disabled(facts: Facts) -> Iterator[Finding]:
    """Deletes are off by default. The UI shows its button as soon as its own variable says so, and the click ends in
    405; the setting belongs to the registry's container.
    """
    registry, uis = facts.stack.registry, facts.stack.uis
    refused = _refused_deletes(facts.traffic)
    offers = next((u for u in uis if u.deletes), None)
    on_ui = (v for u in uis for v in u.service.environment if v.name.startswith("REGISTRY_STORAGE_DELETE"))
    misplaced = next(on_ui, None)
    known = registry is not None and registry.known and not _config_unseen(registry)
    enabled = known and registry is not None and registry.value(_DELETE) is True
    if enabled or not (refused or (known and (offers or misplaced))):
        return
    if registry is not None and registry.value(_REMOTE):
        return
    setting = registry.settings.get(_DELETE) if registry else None
    digest = f"/v2/runbook/manifests/sha256:{'0' * 64}"
    tried = status(facts, "-u", whom(facts), "-X", "DELETE", path=digest, expect="404 (405: deletes are still off)")
    yield finding(
        _delete_summary(setting, bool(misplaced)),
        refused[:3],
        stated(setting, _DELETE) or (_set_nowhere(registry) if registry and known else None),
        read(f"{misplaced.name} is set on the UI", misplaced.place) if misplaced else None,
        read("the UI offers to delete", offers.service.place) if offers else None,
        warning=not refused and not facts.traffic.seen(S.DELETE_REFUSED),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            "Enable deletes on the registry; `registry garbage-collect` frees the space afterwards",
            tried,
            edits=_enable(facts.evidence, registry, setting) if registry else (),
        ),
    )


def _delete_summary(setting: Setting | None, misplaced: bool) -> str:
    state = f"is {setting.value!r}" if setting else "is off by default and set nowhere"
    quoted = ", which takes only true without quotes" if setting and isinstance(setting.value, str) else ""
    on_ui = ", it was set on the UI instead" if misplaced else ""
    return f"{_DELETE} {state} on the registry{quoted}{on_ui}: every delete gets 405."


def _set_nowhere(registry: Registry) -> Item:
    where = registry.config_file or (registry.service.place if registry.service else None)
    return read(f"{_DELETE} is set nowhere", where)


def _enable(evidence: Evidence, registry: Registry, setting: Setting | None) -> tuple[Edit, ...]:
    if setting is not None:
        return _set_true(evidence, setting)
    added = add_variables(evidence, registry, ("REGISTRY_STORAGE_DELETE_ENABLED", "true"))
    root = registry.settings.get(_ROOT)
    if added or not (registry.config_file and root and root.place and root.place.file == registry.config_file):
        return added
    return _in_file(evidence, root.place)


def _set_true(evidence: Evidence, setting: Setting) -> tuple[Edit, ...]:
    """The value of the variable, or of `enabled:` in block style, made true."""
    if not setting.origin.startswith("REGISTRY_"):
        return swap(evidence, setting.place, r"^(\s*enabled\s*:\s*)[^\s#]+", r"\1true")
    variable = re.escape(setting.origin)
    value = r"""(?:"[^"]*"|'[^']*'|[^\s#,}]+)"""
    return swap(evidence, setting.place, rf"({variable}\s*=\s*)[^\s\"'#]+", r"\1true") or swap(
        evidence, setting.place, rf"({variable}[\"']?\s*:\s*){value}", r"\1'true'"
    )


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


def _refused_deletes(traffic: Traffic) -> list[Item]:
    """DELETE answered 405 by the registry: JSON, or its own access line. HTML would be a proxy's 405."""
    return [
        *(
            seen(e)
            for e in traffic.exchanges
            if e.method == "DELETE" and e.status == 405 and e.is_api and not e.is_html and "<html" not in e.body.lower()
        ),
        *(
            said(r)
            for r in traffic.requests
            if r.method == "DELETE" and r.status == 405 and r.logger in ("registry", "unknown")
        ),
        *(said(m) for m in traffic.said("method-unsupported") if "delet" in m.text.lower()),
    ]


# ---- pushes ------------------------------------------------------------------------------------------


@rule(
    "proxy-mode-push-unsupported",
    step="align",
    tier=2,
    title="a pull-through cache refuses pushes",
    fix="Push to another registry, or remove proxy.remoteurl",
    source="distribution registry/proxy/proxyblobstore.go; run: POST uploads answers 405 UNSUPPORTED",
    needs_any=("registry", "exchanges", "logs", "messages"),
    explains=(S.UPLOAD_FAILS, S.DELETE_REFUSED, S.FAILURE),
    hop="registry",
    supersedes=("delete-disabled",),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="refused credentials get 401, this is 405"),),
)
def proxy_mode(facts: Facts) -> Iterator[Finding]:
    """With proxy.remoteurl the registry only caches what it pulls itself. A push gets 405, whatever the credentials."""
    registry = next((r for r in facts.stack.registries if r.value(_REMOTE)), None)
    refused = _refused_pushes(facts.traffic)
    if not refused or (registry is None and any(r.known for r in facts.stack.registries)):
        return
    setting = registry.settings[_REMOTE] if registry else None
    yield finding(
        f"The registry runs as a pull-through cache{f' of {setting.value}' if setting else ''}, "
        "which refuses every push with 405.",
        stated(setting, _REMOTE),
        refused[:3] if setting else map(aside, refused[:3]),
        proves=setting is not None,
        about=subject(registry),
        fix=change(
            facts,
            registry,
            "Run a second registry without proxy.remoteurl for your own images, or remove it here",
            status(facts, "-u", whom(facts), "-X", "POST", path="/v2/test/blobs/uploads/", expect="202"),
            edits=unset(facts.evidence, setting, _REMOTE),
        ),
    )


def _refused_pushes(traffic: Traffic) -> list[Item]:
    return [
        *(seen(e) for e in traffic.exchanges if e.method in _PUSHES and e.status == 405 and not e.is_html),
        *(
            said(r)
            for r in traffic.requests
            if r.method in _PUSHES and r.status == 405 and "/v2/" in r.uri and r.logger != "nginx"
        ),
        *(said(m) for m in traffic.said("method-unsupported") if "delet" not in m.text.lower()),
    ]
