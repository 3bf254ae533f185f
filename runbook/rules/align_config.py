"""Which configuration is in force: the file that the image really reads, and the variables that override it."""

import posixpath
from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Edit, Evidence, Finding, Mount, Refutation, Registry, Setting, Symptom
from runbook.model.command import PIPE, name
from runbook.model.command import file as word
from runbook.rules.align import DOWN, OPEN, REFUSED, anonymous, change, login, observed, status, subject, unset
from runbook.rules.base import Facts, rule
from runbook.rules.crossing import rewrite
from runbook.rules.evidence import finding, read
from runbook.rules.hop_edits import swap
from runbook.rules.platform import inside, runs
from runbook.stack.registry import CONFIG_PATHS

S = Symptom
_OPEN = Refutation(cause="proxy-bypasses-auth", because="the registry itself is open; no proxy has to inject anything")


@rule(
    "config-path-version-mismatch",
    step="align",
    title="config.yml is mounted where this version does not read it",
    fix="Mount it at /etc/distribution/config.yml for version 3, at /etc/docker/registry/config.yml for version 2",
    source="distribution/distribution-library-image Dockerfile (CMD) of 2.8 and 3.0; distribution/distribution#4573",
    needs=("registry",),
    hop="registry",
)
def config_path_version(facts: Facts) -> Iterator[Finding]:
    """Version 3 moved its configuration. A file at the old path is ignored without a word, and so is what it
    configures: authorization first of all. `latest` became version 3 in April 2025, so a mere pull can open a registry.
    """
    registry = facts.registry
    if registry is None or registry.ignored_config is None or registry.major is None or registry.service is None:
        return
    mount, file = registry.ignored_config
    ignored = next((f for f in facts.evidence.registry_files if f.file == file), None)
    lost = sorted({k.split(".")[0] for k in ignored.settings} & {"auth", "http", "storage"}) if ignored else []
    had_auth = ignored is None or "auth" in lost or any(s.startswith("auth") for s in ignored.sections)
    opened = had_auth and registry.auth in ("none", "unknown")
    if opened and _challenges(facts):
        return
    tag, path = registry.service.image or "the image", CONFIG_PATHS[registry.major]
    same = (
        (inside(registry.service, "cat", path, PIPE, "diff", "-", word(file), expect="nothing"),)
        if file and " § " not in file
        else ()
    )
    yield finding(
        f"{tag} is version {registry.major} and reads {path}; {file or 'your file'} is mounted at {mount.target} "
        f"and ignored{', so the registry asks for no credentials' if opened else ''}.",
        read(f"mounted at {mount.target}", mount.place),
        read(f"image {tag}", registry.service.place),
        observed(facts, *OPEN) if opened else (),
        explains=_explains(registry, ignored is not None and "storage" in lost, opened, "http" in lost),
        proves=opened,
        supersedes=(
            "auth-not-enforced",
            *(("delete-disabled",) if "storage" in lost else ()),
            *(("port-mapping-mismatch",) if "http" in lost else ()),
        ),
        refuted=(_OPEN,) if opened else (),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            f"Mount the file at {path}",
            *same,
            status(facts, expect="401") if had_auth else anonymous(facts, registry),
            edits=_remount(facts.evidence, mount, path),
        ),
    )


def _challenges(facts: Facts) -> bool:
    """A direct anonymous 401: the configuration is in force after all (an old image under the same tag)."""
    asked = any(e.status == 401 for e in facts.traffic.on("direct", authenticated=False))
    return asked and not facts.traffic.seen(*OPEN)


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
"""What happens when the wrong one of two values is in force; a setting that is not here does no harm."""


@rule(
    "env-overrides-config",
    step="align",
    title="an environment variable overrides config.yml",
    fix="Remove the variable, or make both say the same",
    source="distribution configuration/parser.go (overwriteFields); run with 2.8.2 and 3.1.1",
    needs=("registry",),
    hop="registry",
)
def env_overrides_config(facts: Facts) -> Iterator[Finding]:
    """Every REGISTRY_* variable overrides the mounted config.yml. People read and edit a value in the file that is
    not in force, and nothing says so.
    """
    registry = facts.registry
    found = [(key, was, now, _effects(key, now)) for key, was, now in registry.overridden] if registry else []
    found = [row for row in found if row[3] and not (row[0] == "auth.htpasswd.realm" and row[2].value)]
    if not found:
        return
    symptoms = set(facts.traffic.seen())
    key, was, now, effects = max(found, key=lambda row: (bool(symptoms & set(row[3])), row[0].startswith("auth")))
    if key.startswith("auth.htpasswd.path") and facts.traffic.works("direct") is not None:
        return
    bound = _is_bound(registry, key, now)
    names = ("env", PIPE, "cut", "-d=", "-f1", PIPE, "grep", "-x", name(now.origin))
    absent = inside(runs(facts, registry.name if registry else None), *names, expect="nothing")
    yield finding(
        f"{now.origin} {_does(key, now)}, although {was.origin} says {_value(was)}: the variable wins.",
        read(f"{now.origin} {_does(key, now)}", now.place),
        read(f"{key}: {_value(was)}", was.place),
        observed(facts, *effects),
        explains=effects,
        supersedes=_superseded(facts.evidence, key, was, now),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            f"Set {now.origin} to {_value(was)}, or remove all REGISTRY_AUTH… variables: with REGISTRY_AUTH nothing of "
            f"auth in {was.origin} is in force"
            if bound
            else f"Remove {now.origin}, or write its value into {was.origin}",
            *(() if bound else (absent,)),
            *((login(facts),) if key.startswith("auth.") else ()),
            edits=_as_configured(facts, was, now) if bound else unset(facts.evidence, now),
        ),
    )


def _is_bound(registry: Registry | None, key: str, now: Setting) -> bool:
    """Whether the variable cannot go alone: REGISTRY_AUTH replaces the section of the file, and its option would be
    missing."""
    variables = registry.service.environment if registry and registry.service else ()
    return key.startswith("auth.") and now.value is not None and any(v.name == "REGISTRY_AUTH" for v in variables)


def _as_configured(facts: Facts, was: Setting, now: Setting) -> tuple[Edit, ...]:
    """The edit that gives the variable the value of the file, where both are plain text of one line."""
    old, new = str(now.value), str(was.value)
    return rewrite(facts, now.place, old, new) if re.fullmatch(r"[\w./:@-]+", new) and old != new else ()


def _effects(key: str, now: Setting) -> tuple[Symptom, ...]:
    if now.value is None and key.startswith("auth"):
        return (*OPEN, *DOWN)
    return next((effects for prefix, effects in _EXPLAINS if key == prefix or key.startswith(f"{prefix}.")), ())


def _does(key: str, now: Setting) -> str:
    return f"sets {key} to {_value(now)}" if now.value is not None else f"replaces its section and drops {key}"


def _value(setting: Setting) -> str:
    return "nothing" if setting.value is None else str(setting.value)[:120]


def _superseded(evidence: Evidence, key: str, was: Setting, now: Setting) -> tuple[str, ...]:
    """How this shows: deletes seem to be off, a user who is only in the file that config.yml names to be missing."""
    if key == "storage.delete.enabled":
        return ("delete-disabled",)
    if now.value is None and key.startswith("auth"):
        return ("auth-not-enforced", "auth-option-missing")
    if key != "auth.htpasswd.path":
        return ()
    names = {posixpath.basename(h.file): {e.name for e in h.entries} for h in evidence.htpasswd}
    meant = names.get(posixpath.basename(str(was.value)), set())
    loaded = names.get(posixpath.basename(str(now.value)), set())
    missed = {c.user for c in evidence.checks if c.outcome != "accepted"} & (meant - loaded)
    return ("htpasswd-user-missing", "htpasswd-wrong-password") if missed else ()
