"""Whether the configured htpasswd path, its options and its hash arrive in the container as they are meant."""

import posixpath
import re
from collections.abc import Iterator

from runbook.model import Edit, Evidence, Finding, Fix, Interpolation, Mount, Refutation, Registry, StartError, Symptom
from runbook.model.command import Command, file, glued, number, sh
from runbook.rules.align import DOWN, REFUSED, add_variables, answers, change, login, name_of, observed, status, subject
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, foretold, read, said
from runbook.rules.hop_edits import insert, line_of, swap
from runbook.rules.platform import all_restarted, platform
from runbook.stack.registry import covering, host_path

S = Symptom
HTPASSWD_GO = "distribution registry/auth/htpasswd/access.go"


@rule(
    "htpasswd-path-mismatch",
    by_absence=True,
    step="align",
    title="auth.htpasswd.path is not where the file is mounted",
    fix="Make REGISTRY_AUTH_HTPASSWD_PATH the path of the mounted file inside the container",
    source=f"{HTPASSWD_GO} (createHtpasswdFile); run with 2.8.2 and 3.1.1",
    needs=("registry",),
    explains=(*REFUSED, S.LOGIN_400, S.NOT_STARTED),
    hop="registry",
    proves=True,
    supersedes=("htpasswd-missing-autocreated", "htpasswd-user-missing"),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the file with the password is not read at all"),),
)
def path_mismatch(facts: Facts) -> Iterator[Finding]:
    """The registry looks for its users at a path inside the container. When no mount brings a file there it
    makes one with a random password, so the file on the host, however right, is never read.
    """
    registry, traffic = facts.registry, facts.traffic
    path = registry.htpasswd_path if registry else None
    if registry is None or path is None or registry.htpasswd is not None or _made_inside(registry, path):
        return
    if traffic.works("direct") is not None or (traffic.login_works and not traffic.seen(*REFUSED)):
        return
    mount = covering(registry.mounts, path)
    reason = _reason(facts.evidence, path, mount, registry.mounts)
    if reason is None:
        return
    setting = registry.settings.get("auth.htpasswd.path")
    name, place = name_of(setting, "auth.htpasswd.path"), setting.place if setting else None
    there = _mounted_files(facts.evidence, registry)
    edits = swap(facts.evidence, place, re.escape(path), there[0][1]) if there else ()
    todo = f"Set {name} to {there[0][1]}" if there else f"Mount the file so that it is {path} in the container"
    yield finding(
        f"The registry reads {path}, but {reason}: the users of your file are unknown to it.",
        read(f"{name} is {path}", place),
        (read(f"{source} is {inside} in the container", m.place) for source, inside, m in there[:2]),
        (said(e) for e in traffic.logged("provisioned")[:1]),
        observed(facts, S.LOGIN_401_DIRECT, S.LOGIN_401),
        about=subject(registry),
        fix=change(facts, registry, todo, login(facts), edits=edits),
    )


def _made_inside(registry: Registry, path: str) -> bool:
    """Whether the container's own command writes the file, or an image of one's own may bring it along."""
    service = registry.service
    if service is None:
        return True
    command = " ".join((*(service.entrypoint or ()), *service.command))
    return path in command or service.image is None


_UNCOVERED = "no volume covers that path"
_folder = posixpath.dirname


def _reason(evidence: Evidence, path: str, mount: Mount | None, mounts: tuple[Mount, ...]) -> str | None:
    """Why there is no file at that path, for showing; None where there may be one."""
    if mount is None:
        beside = [m for m in mounts if m.kind in ("secret", "config") and _folder(m.target) == _folder(path)]
        names = ", ".join(posixpath.basename(m.target) for m in beside[:5])
        return f"what is mounted at {_folder(path)} has no such file (it has {names})" if names else _UNCOVERED
    if mount.kind == "tmpfs":
        return "that path is on a tmpfs, which is empty at every start"
    if mount.kind != "bind" or mount.target == path:
        return None
    host = posixpath.normpath((host_path(mount, path) or "").replace("\\", "/"))
    folder = posixpath.dirname(host)
    listed = [h.file for h in evidence.htpasswd]
    listed += [row.path for row in evidence.listings if row.kind == "file"]
    there = [p for p in listed if posixpath.basename(posixpath.dirname(p)) == posixpath.basename(folder)]
    if there and all(posixpath.basename(p) != posixpath.basename(host) for p in listed):
        return f"the folder {mount.source} has no {posixpath.basename(host)} (it has {posixpath.basename(there[0])})"
    return None


def _mounted_files(evidence: Evidence, registry: Registry) -> list[tuple[str, str, Mount]]:
    """htpasswd files of the bundle with the path that they have inside the container."""
    found = []
    for path in (h.file for h in evidence.htpasswd):
        for mount in registry.mounts:
            if mount.kind != "bind" or mount.source is None:
                continue
            folder = posixpath.dirname(mount.place.file)
            source = posixpath.normpath(posixpath.join(folder, mount.source.replace("\\", "/")))
            if path == source or posixpath.basename(path) == posixpath.basename(source):
                found.append((path, mount.target, mount))
            elif path.startswith(source.rstrip("/") + "/"):
                found.append((path, mount.target.rstrip("/") + path[len(source.rstrip("/")) :], mount))
    return found


# ---- dollars -----------------------------------------------------------------------------------------


@rule(
    "compose-dollar-interpolation",
    step="align",
    title="Compose interpolates the dollars of a password hash",
    fix="Write $$ for every $ in a compose file, or put the .env value between single quotes",
    source="compose-go template/template.go and dotenv/parser.go; run with Compose 2.40",
    needs_any=("compose", "messages", "logs"),
    explains=(*REFUSED, S.LOGIN_401_VIA, S.LOGIN_400, S.NOT_STARTED),
    hop="registry",
    supersedes=("htpasswd-hash-truncated", "htpasswd-invalid-line", "htpasswd-wrong-password", "htpasswd-not-bcrypt"),
)
def dollar_interpolation(facts: Facts) -> Iterator[Finding]:
    """In compose files and unquoted .env values `$name` is a variable. A bcrypt hash is full of dollars, so a piece
    of it vanishes, with only a warning. A salt that begins with a digit, `.` or `/` survives, which is why one
    hash works and the next does not.
    """
    found = facts.compose.interpolations if facts.compose else ()
    used = [i for i in found if (i.damages_hash or i.damages_password) and _is_used(i, facts.evidence)]
    warned = _warnings(facts)
    if not used and not (warned and facts.compose is None):
        return
    what = "password hash" if not used or used[0].damages_hash else "password"
    where = f"{used[0].key} ({used[0].place})" if used else "a value"
    yield finding(
        f"Compose takes a part of the {what} in {where} for a variable and replaces it by nothing; "
        "the container gets a broken one.",
        (read(f"{i.key}: an unescaped $ begins a variable that is not set", i.place) for i in used[:3]),
        warned[:2],
        proves=bool(used) and not facts.traffic.login_works,
        fix=Fix(
            summary="Double every dollar that is meant as one; in .env single quotes do as well",
            commands=(
                *(_escape(i) for i in used[:3]),
                *all_restarted(facts, facts.compose.services if facts.compose and platform(facts) != "compose" else ()),
            ),
            verify=(
                sh("docker", "compose", "config", "--quiet", expect="no line with: variable is not set"),
                login(facts),
            ),
            applies="Compose creates those containers again whose values have changed",
        ),
    )


def _is_used(lost: Interpolation, evidence: Evidence) -> bool:
    """Whether the damaged value of an .env is referred to at all, as far as the compose files are known."""
    if not posixpath.basename(lost.place.file).endswith(".env"):
        return True
    texts = ["\n".join(f.lines) for f in evidence.files if f.kind == "compose" and f.lines]
    named = any(posixpath.basename(lost.place.file) in t and "env_file" in t for t in texts)
    return not texts or named or any(re.search(rf"\$\{{?{re.escape(lost.key)}\b", t) for t in texts)


def _warnings(facts: Facts) -> list[Item]:
    """Compose's warning about a variable whose name can only be a piece of a hash: none is that long or odd."""
    messages = [said(m) for m in facts.traffic.said("compose-unset") if _names_a_piece(m.text)]
    return messages + [said(e) for e in facts.traffic.logged("compose-unset-variable") if _names_a_piece(e.text)]


def _names_a_piece(text: str) -> bool:
    name = re.search(r"The \\?\"([^\"\\]*)\\?\" variable is not set", text)
    if name is None:
        return "[redacted]" in text
    return "[redacted]" in name[1] or (len(name[1]) > 12 and not name[1].isupper() and "_" not in name[1])


def _escape(lost: Interpolation) -> Command:
    """The command that escapes the value in its line, which no diff may show; a second run changes nothing."""
    path, line = lost.place.file, number(lost.place.line)
    quoted = "s/=[\"']\\{0,1\\}\\(.*[^\"']\\)[\"']\\{0,1\\}$/='\\1'/"
    doubled = r"s/\$\$*\([^{$]\)/$$\1/g"
    script = quoted if posixpath.basename(path).endswith(".env") else doubled
    return sh("sed", "-i", glued(line, script), file(path))


# ---- options -----------------------------------------------------------------------------------------


@rule(
    "auth-option-missing",
    by_absence=True,
    step="align",
    title="auth.htpasswd has no realm or no path",
    fix="Set REGISTRY_AUTH_HTPASSWD_REALM and REGISTRY_AUTH_HTPASSWD_PATH, both",
    source=f"{HTPASSWD_GO} (newAccessController); run with 2.8.2 and 3.1.1",
    needs_any=("registry", "logs"),
    explains=DOWN,
    hop="registry",
    proves=True,
    supersedes=("registry-unreachable", "htpasswd-unreadable"),
    refuted=(Refutation(cause="port-mapping-mismatch", because="the process does not get as far as listening"),),
)
def auth_option_missing(facts: Facts) -> Iterator[Finding]:
    """There is no default realm and no default path. With one of them missing the registry panics at start, so
    nothing listens, and people look for the fault in the network.
    """
    registry = facts.registry
    errors = [e for e in registry.start_errors if e.cause == "auth-option-missing"] if registry else []
    panics = facts.traffic.logged("panic-auth-option")
    if not (errors or panics) or (not panics and answers(facts)):
        return
    option = errors[0].setting if errors else "path" if '"path"' in panics[0].text else "realm"
    unusable = registry.settings.get(f"auth.htpasswd.{option}") if registry else None
    if not errors and unusable is not None and isinstance(unusable.value, str):
        return  # it is set here: that log is another registry's
    problem = f"is set to {unusable.value!r}, which is no text" if unusable else "is not set"
    edits = _set_option(facts.evidence, registry, option, errors[0]) if registry and errors and not unusable else ()
    label = ". The realm may be any text: it is a label" if option == "realm" else ""
    yield finding(
        f"auth.htpasswd.{option} {problem}; it has no default, so the registry stops at start.",
        (foretold(e) for e in errors[:1]),
        (said(p) for p in panics[:1]),
        observed(facts, *DOWN),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            f"Give auth.htpasswd a {option}{label}",
            status(facts, expect="401"),
            edits=edits,
            place=errors[0].place if errors else None,
        ),
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
