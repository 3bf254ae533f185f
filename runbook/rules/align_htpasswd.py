"""Whether the configured htpasswd path, its options and its hash survive the way into the container."""

import posixpath
import re
from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Compose,
    Edit,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    Interpolation,
    Mount,
    Refutation,
    Registry,
    StartError,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.align import DOWN, REFUSED, add_variables, at, restart, said, symptoms
from runbook.rules.base import rule
from runbook.rules.hop_edits import insert, line_of, swap
from runbook.rules.logins import url, verify
from runbook.stack.registry import covering, host_path

S = Symptom
HTPASSWD_GO = "distribution registry/auth/htpasswd/access.go"


@rule(
    "htpasswd-path-mismatch",
    step="align",
    title="the configured htpasswd path is not where the file is mounted",
    fix="make REGISTRY_AUTH_HTPASSWD_PATH the path of the mounted file inside the container",
    source=f"{HTPASSWD_GO} (createHtpasswdFile); run with 2.8.2 and 3.1.1",
)
def path_mismatch(registry: Registry, evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """The registry looks for its users at a path inside the container. When no mount brings a file there it
    makes one with a random password, so the file on the host, however right, is never read.
    """
    path = registry.htpasswd_path
    if registry.service is None or path is None or registry.htpasswd is not None or _made_inside(registry, path):
        return
    if traffic.works("direct") is not None or (traffic.login_works and not traffic.seen(*REFUSED)):
        return
    mount = covering(registry.mounts, path)
    reason = _reason(registry, path, mount, evidence)
    if reason is None:
        return
    setting = registry.settings.get("auth.htpasswd.path")
    there = _mounted_files(registry, evidence)
    provisioned = traffic.logged("provisioned")
    name, place = said(setting, "auth.htpasswd.path"), setting.place if setting else None
    fix = f"Set {name} to {there[0][1]}." if there else f"Mount the file so that it is {path} in the container."
    yield Finding(
        cause="htpasswd-path-mismatch",
        summary=f"The registry reads {path}, but {reason}: the users of your file are unknown to it.",
        certainty=Certainty.PROVEN if provisioned else Certainty.READ,
        explains=(*REFUSED, S.LOGIN_400, S.NOT_STARTED),
        evidence=(
            at(f"{name} is {path}", place),
            *(at(f"{file} is {inside} in the container", m.place) for file, inside, m in there[:2]),
            *(at(e.text, e.place) for e in provisioned[:1]),
            *symptoms(traffic, *REFUSED),
        ),
        hop="registry",
        proves=True,
        supersedes=("htpasswd-missing-autocreated", "htpasswd-user-missing"),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="the file with the password is not read at all"),),
        fix=Fix(summary=fix, commands=(restart(registry),), verify=(verify(_any_user(evidence), evidence, traffic),)),
        edits=swap(evidence, place, re.escape(path), there[0][1]) if there else (),
    )


def _made_inside(registry: Registry, path: str) -> bool:
    """Whether the container's own command writes the file, or an image of one's own may bring it along."""
    service = registry.service
    if service is None:
        return True
    command = " ".join((*(service.entrypoint or ()), *service.command))
    return path in command or service.image is None


def _reason(registry: Registry, path: str, mount: Mount | None, evidence: Evidence) -> str | None:
    if mount is None:
        return "no volume covers that path"
    if mount.kind == "tmpfs":
        return "that path lies on a tmpfs, which is empty at every start"
    if mount.kind != "bind" or mount.target == path:
        return None
    host = posixpath.normpath((host_path(mount, path) or "").replace("\\", "/"))
    folder = posixpath.dirname(host)
    listed = [f.path for f in evidence.files if f.kind == "htpasswd"]
    listed += [row.path for row in evidence.listings if row.kind == "file"]
    there = [p for p in listed if posixpath.basename(posixpath.dirname(p)) == posixpath.basename(folder)]
    if there and all(posixpath.basename(p) != posixpath.basename(host) for p in listed):
        return f"the folder {mount.source} has no {posixpath.basename(host)} (it has {posixpath.basename(there[0])})"
    return None


def _mounted_files(registry: Registry, evidence: Evidence) -> list[tuple[str, str, Mount]]:
    """htpasswd files of the bundle with the path that they have inside the container."""
    found = []
    for file in (h.file for h in evidence.htpasswd):
        for mount in registry.mounts:
            if mount.kind != "bind" or mount.source is None:
                continue
            base = posixpath.dirname(mount.place.file)
            source = posixpath.normpath(posixpath.join(base, mount.source.replace("\\", "/")))
            if file == source or posixpath.basename(file) == posixpath.basename(source):
                found.append((file, mount.target, mount))
            elif file.startswith(source.rstrip("/") + "/"):
                found.append((file, mount.target.rstrip("/") + file[len(source.rstrip("/")) :], mount))
    return found


def _any_user(evidence: Evidence) -> str:
    names = [e.name for h in evidence.htpasswd for e in h.entries if e.name]
    return evidence.target.user or (names[0] if names else "NAME")


# ---- dollars -----------------------------------------------------------------------------------------


@rule(
    "compose-dollar-interpolation",
    step="align",
    title="a hash lost its dollars to Compose",
    fix="write $$ for every $ in a compose file, or put the .env value between single quotes",
    source="compose-go template/template.go and dotenv/parser.go; run with Compose 2.40",
    sees=("compose", "messages", "logs"),
)
def dollar_interpolation(evidence: Evidence, compose: Compose | None, traffic: Traffic) -> Iterator[Finding]:
    """In compose files and unquoted .env values `$name` is a variable. A bcrypt hash is full of dollars, so a piece
    of it vanishes, with only a warning. A salt that begins with a digit, `.` or `/` survives, which is why one
    hash works and the next does not.
    """
    lost = [i for i in (compose.interpolations if compose else ()) if i.damages_hash or i.damages_password]
    used = [i for i in lost if _is_used(i, evidence)]
    warned = _warnings(traffic)
    if not used and not (warned and compose is None):
        return
    what = "password hash" if not used or used[0].damages_hash else "password"
    where = f"{used[0].key} ({used[0].place})" if used else "a value"
    yield Finding(
        cause="compose-dollar-interpolation",
        summary=f"Compose takes a part of the {what} in {where} for a variable and replaces it by nothing; "
        "the container gets a broken one.",
        certainty=Certainty.PROVEN if used and warned else Certainty.READ if used else Certainty.LOGGED,
        explains=(*REFUSED, S.LOGIN_401_VIA, S.LOGIN_400, S.NOT_STARTED),
        evidence=(
            *(at(f"{i.key}: an unescaped $ begins a variable that is not set", i.place) for i in used[:3]),
            *warned[:2],
        ),
        hop="registry",
        proves=bool(used) and not traffic.login_works,
        supersedes=(
            "htpasswd-hash-truncated",
            "htpasswd-invalid-line",
            "htpasswd-wrong-password",
            "htpasswd-not-bcrypt",
        ),
        fix=Fix(
            summary="Double every dollar that is meant as one; in .env single quotes do as well.",
            commands=(*(_escape(i) for i in used[:3]), "docker compose up -d"),
            verify=(
                "docker compose config --quiet   # no warning about a variable that is not set",
                verify("NAME", evidence, traffic),
            ),
        ),
    )


def _is_used(lost: Interpolation, evidence: Evidence) -> bool:
    """Whether the damaged value of an .env is referred to at all, as far as the compose files are known."""
    if not posixpath.basename(lost.place.file).endswith(".env"):
        return True
    texts = ["\n".join(f.lines) for f in evidence.files if f.kind == "compose" and f.lines]
    named = any(posixpath.basename(lost.place.file) in t and "env_file" in t for t in texts)
    return not texts or named or any(re.search(rf"\$\{{?{re.escape(lost.key)}\b", t) for t in texts)


def _warnings(traffic: Traffic) -> list[EvidenceItem]:
    """Compose's warning about a variable whose name can only be a piece of a hash: none is that long or odd."""
    texts = [(m.text, m.place) for m in traffic.said("compose-unset")]
    texts += [(e.text, e.place) for e in traffic.logged("compose-unset-variable")]
    return [at(text, place) for text, place in texts if _names_a_piece(text)]


def _names_a_piece(text: str) -> bool:
    name = re.search(r"The \\?\"([^\"\\]*)\\?\" variable is not set", text)
    if name is None:
        return "[redacted]" in text
    return "[redacted]" in name[1] or (len(name[1]) > 12 and not name[1].isupper() and "_" not in name[1])


def _escape(lost: Interpolation) -> str:
    file, line = lost.place.file, lost.place.line
    if posixpath.basename(file).endswith(".env"):
        return f"sed -i \"/^{lost.key}=/s/=\\(.*\\)/='\\1'/\" {file}"
    return f"sed -i '{line}s/\\$\\$*/$$/g' {file}"


# ---- options -----------------------------------------------------------------------------------------


@rule(
    "auth-option-missing",
    step="align",
    title="auth.htpasswd has no realm or no path",
    fix="set REGISTRY_AUTH_HTPASSWD_REALM and REGISTRY_AUTH_HTPASSWD_PATH, both",
    source=f"{HTPASSWD_GO} (newAccessController); run with 2.8.2 and 3.1.1",
    sees=("registry", "logs"),
)
def auth_option_missing(evidence: Evidence, registry: Registry | None, traffic: Traffic) -> Iterator[Finding]:
    """There is no default realm and no default path. With one of them missing the registry panics at start, so
    nothing listens, and people look for the fault in the network.
    """
    errors = [e for e in registry.start_errors if e.cause == "auth-option-missing"] if registry else []
    panics = traffic.logged("panic-auth-option")
    if not errors and not panics:
        return
    if errors and not panics and _started(traffic):
        return
    text = errors[0].message if errors else panics[0].text
    option = "path" if '"path"' in text else "realm"
    unusable = registry.settings.get(f"auth.htpasswd.{option}") if registry else None
    problem = f"is set to {unusable.value!r}, which is no text" if unusable else "is not set"
    yield Finding(
        cause="auth-option-missing",
        summary=f"auth.htpasswd.{option} {problem}; it has no default, so the registry stops at start.",
        certainty=Certainty.PROVEN if errors and panics else Certainty.LOGGED if panics else Certainty.READ,
        explains=DOWN,
        evidence=(
            *(at(e.message, e.place) for e in errors[:1]),
            *(at(p.text, p.place) for p in panics[:1]),
            *symptoms(traffic, *DOWN),
        ),
        hop="registry",
        proves=True,
        supersedes=("registry-unreachable", "htpasswd-unreadable"),
        refuted=(Refutation(cause="port-mapping-mismatch", because="the process does not get as far as listening"),),
        fix=Fix(
            summary=f"Give auth.htpasswd a {option}. The realm may be any text: it is a label.",
            commands=(restart(registry),),
            verify=(f"curl -sS -i {url(evidence, traffic)}/v2/   # 401 with WWW-Authenticate",),
        ),
        edits=_set_option(evidence, registry, option, errors[0]) if registry and errors and not unusable else (),
    )


def _started(traffic: Traffic) -> bool:
    """Whether the registry was seen alive: then the file is not what it runs with."""
    return any(e.header("Docker-Distribution-Api-Version") for e in traffic.exchanges) or bool(
        traffic.logged("listening")
    )


def _set_option(evidence: Evidence, registry: Registry, option: str, error: StartError) -> tuple[Edit, ...]:
    value = "Registry" if option == "realm" else "/auth/htpasswd"
    name = f"REGISTRY_AUTH_HTPASSWD_{option.upper()}"
    if registry.config_file is None or (error.place and error.place.file != registry.config_file):
        return add_variables(evidence, registry, (name, value))
    other = registry.settings.get("auth.htpasswd." + ("path" if option == "realm" else "realm"))
    place = other.place if other else None
    old = line_of(evidence, place) if place else None
    return insert(evidence, place, f"{option}: {value}") if old and "{" not in old else ()
