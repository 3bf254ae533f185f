"""Which configuration is in force: the file that the image really reads, and the variables that win over it."""

import posixpath
from collections.abc import Iterator

from runbook.model import Certainty, Edit, Evidence, Finding, Fix, Mount, Refutation, Registry, Setting, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.align import DOWN, OPEN, REFUSED, at, restart, symptoms
from runbook.rules.base import rule
from runbook.rules.hop_edits import drop, swap
from runbook.rules.logins import url, verify
from runbook.stack.registry import CONFIG_PATHS

S = Symptom


@rule(
    "config-path-version-mismatch",
    sees=("registry",),
    step="align",
    title="config.yml is mounted where this version does not read it",
    fix="mount it at /etc/distribution/config.yml for version 3, at /etc/docker/registry/config.yml for version 2",
    source="distribution/distribution-library-image Dockerfile (CMD) of 2.8 and 3.0; distribution/distribution#4573",
)
def config_path_version(registry: Registry, evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """Version 3 moved its configuration. A file at the old path is ignored without a word, and what it said is gone:
    authorization first of all. `latest` became version 3 in April 2025, so a mere pull can open a registry.
    """
    if registry.ignored_config is None or registry.major is None or registry.service is None:
        return
    mount, file = registry.ignored_config
    ignored = next((f for f in evidence.registry_files if f.file == file), None)
    lost = sorted({k.split(".")[0] for k in ignored.settings} & {"auth", "http", "storage"}) if ignored else []
    had_auth = ignored is None or "auth" in lost or any(s.startswith("auth") for s in ignored.sections)
    opened = had_auth and registry.auth in ("none", "unknown")
    if opened and _challenges(traffic):
        return
    seen = traffic.seen(*OPEN)
    tag, path = registry.service.image or "the image", CONFIG_PATHS[registry.major]
    yield Finding(
        cause="config-path-version-mismatch",
        summary=f"{tag} is version {registry.major} and reads {path}; {file or 'your file'} is mounted at {mount.target} "
        f"and ignored{', so the registry asks for no login' if opened else ''}.",
        certainty=Certainty.PROVEN if seen and opened else Certainty.READ,
        explains=_explains(registry, ignored is not None and "storage" in lost, opened, "http" in lost),
        evidence=(
            at(f"mounted at {mount.target}", mount.place),
            at(f"image {tag}", registry.service.place),
            *symptoms(traffic, *OPEN),
        ),
        hop="registry",
        proves=opened,
        supersedes=("auth-not-enforced", *(("delete-disabled",) if "storage" in lost else ())),
        refuted=(
            Refutation(
                cause="proxy-bypasses-auth", because="the registry itself is open; no proxy has to put a login in"
            ),
        )
        if opened
        else (),
        fix=Fix(
            summary=f"Mount the file at {path}.",
            commands=(restart(registry),),
            verify=(
                f"docker compose exec {registry.name} cat {path}",
                f"curl -sS -o /dev/null -w '%{{http_code}}\\n' {url(evidence, traffic)}/v2/   # 401",
            ),
        ),
        edits=_remount(evidence, mount, path),
    )


def _challenges(traffic: Traffic) -> bool:
    """A direct anonymous 401: the configuration is in force after all (an old image under the same tag)."""
    return any(e.status == 401 for e in traffic.on("direct", authenticated=False)) and not traffic.seen(*OPEN)


def _explains(registry: Registry, storage: bool, opened: bool, http: bool) -> tuple[Symptom, ...]:
    found: tuple[Symptom, ...] = OPEN if opened else ()
    if storage and not registry.value("storage.delete.enabled"):
        found = (*found, S.DELETE_REFUSED)
    return (*found, S.BROWSER_BLOCKED) if http else found


def _remount(evidence: Evidence, mount: Mount, path: str) -> tuple[Edit, ...]:
    whole = mount.target.endswith((".yml", ".yaml"))
    return swap(evidence, mount.place, mount.target, path if whole else posixpath.dirname(path))


# ---- variables over the file -------------------------------------------------------------------------

_EXPLAINS: tuple[tuple[str, tuple[Symptom, ...]], ...] = (
    ("auth.htpasswd.path", (*REFUSED, S.LOGIN_400, *DOWN)),
    ("auth.htpasswd.realm", DOWN),
    ("auth.token", (*REFUSED, S.TOKEN_REFUSED, S.TOKEN_SERVICE)),
    ("auth", (*OPEN, *REFUSED, *DOWN)),
    ("storage.delete", (S.DELETE_REFUSED,)),
    ("storage", (S.UPLOAD_FAILS,)),
    ("http.addr", DOWN),
    ("http.host", (S.LOCATION_WRONG, S.UPLOAD_FAILS, S.NAME_UNKNOWN)),
    ("http.secret", (S.UPLOAD_FAILS,)),
    ("http.tls", (S.SCHEME_MIXED, S.TLS_FAILED, *DOWN)),
    ("proxy", (S.UPLOAD_FAILS,)),
)
"""What it does when the wrong one of two values is in force; what is not here harms nobody."""


@rule(
    "env-overrides-config",
    sees=("registry",),
    step="align",
    title="a variable wins over config.yml",
    fix="remove the variable, or make both say the same",
    source="distribution configuration/parser.go (overwriteFields); run with 2.8.2 and 3.1.1",
)
def env_overrides_config(registry: Registry, evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """Every REGISTRY_* variable beats the mounted config.yml. Whoever reads or mends the file sees a value that
    is not in force, and nothing says so.
    """
    found = [(key, was, now, _effects(key, now)) for key, was, now in registry.overridden]
    found = [row for row in found if row[3] and not (row[0] == "auth.htpasswd.realm" and row[2].value)]
    if not found:
        return
    seen = set(traffic.seen())
    key, was, now, effects = max(found, key=lambda row: (bool(seen & set(row[3])), row[0].startswith("auth")))
    if key.startswith("auth.htpasswd.path") and traffic.works("direct") is not None:
        return
    yield Finding(
        cause="env-overrides-config",
        summary=f"{now.origin} {_does(key, now)}, although {was.origin} says {_told(was)}: the variable wins.",
        certainty=Certainty.PROVEN if seen & set(effects) else Certainty.READ,
        explains=effects,
        evidence=(
            at(f"{now.origin} {_does(key, now)}", now.place),
            at(f"{key}: {_told(was)}", was.place),
            *symptoms(traffic, *effects),
        ),
        hop="registry",
        supersedes=_faces(key, was, now, evidence),
        fix=Fix(
            summary=f"Decide for one place: remove {now.origin}, or write its value into {was.origin}.",
            commands=(restart(registry),),
            verify=(verify("NAME", evidence, traffic),),
        ),
        edits=drop(evidence, now.place, r"^.*$") if now.place else (),
    )


def _effects(key: str, now: Setting) -> tuple[Symptom, ...]:
    if now.value is None and key.startswith("auth"):
        return (*OPEN, *DOWN)
    return next((effects for prefix, effects in _EXPLAINS if key == prefix or key.startswith(f"{prefix}.")), ())


def _does(key: str, now: Setting) -> str:
    return f"sets {key} to {_told(now)}" if now.value is not None else f"replaces its section and drops {key}"


def _told(setting: Setting) -> str:
    return "nothing" if setting.value is None else str(setting.value)[:120]


def _faces(key: str, was: Setting, now: Setting, evidence: Evidence) -> tuple[str, ...]:
    """A user who is only in the file that config.yml names seems to be missing: that is how this shows."""
    if now.value is None and key.startswith("auth"):
        return ("auth-not-enforced", "auth-option-missing")
    if key != "auth.htpasswd.path":
        return ()
    names = {posixpath.basename(h.file): {e.name for e in h.entries} for h in evidence.htpasswd}
    meant = names.get(posixpath.basename(str(was.value)), set())
    read = names.get(posixpath.basename(str(now.value)), set())
    missed = {c.user for c in evidence.checks if c.outcome != "accepted"} & (meant - read)
    return ("htpasswd-user-missing", "htpasswd-wrong-password") if missed else ()
