"""What to type for an htpasswd file, and how the change reaches the registry: shared by the rules of this step."""

import posixpath
from dataclasses import replace

from runbook.model import Command, Entry, Fix, Htpasswd, Mount, Registry, command
from runbook.model.command import PIPE, WRITE_TO, Word, glued, name, number, sh
from runbook.parse.htpasswd.registry import LONGEST_LINE
from runbook.rules.base import Facts
from runbook.rules.in_cluster import in_namespace
from runbook.rules.logins import files, somebody, user_in_question, verify
from runbook.rules.platform import restarted
from runbook.stack.registry import covering

REREAD = "The registry reads the file again when it has changed; no restart is needed"
AS_UTF_8 = r'LC_ALL=C tr -d "\000\376\377\r" < "$1"'
"""For `filtered`: UTF-16 with ASCII content becomes UTF-8, CRLF becomes LF; harmless when run again."""
SHORT_LINES = f'LC_ALL=C awk "length < {LONGEST_LINE}" "$1"'
"""For `filtered`: only the lines that are not too long for the registry."""
_INSIDE = " § "
"""Between a manifest and what is in it: "hub.yaml § hub-users/htpasswd"."""
_OF_SWARM = (
    "a secret or config of a swarm never changes; give it a new name in the stack file (name: NAME_2) and deploy the stack "
    "again"
)
_NEWLINE = '[ -z "$(tail -c1 "$1")" ] || echo >> "$1"'


def own_path(facts: Facts) -> str | None:
    """The htpasswd file to name in commands: the one handed over, else where compose says that it is on the host."""
    registry = facts.stack.registry
    own = (f.file for f in files(facts) if not is_pasted(facts, f.file))
    return next(own, None) or (registry.htpasswd_host if registry else None)


def is_pasted(facts: Facts, path: str | None) -> bool:
    """Whether the entries stand in a text, such as the output of `cat`: no command may name that, nor count its lines."""
    return any(f.path == path and f.kind in ("text", "log") for f in facts.evidence.files)


def local(facts: Facts, path: str | None) -> Word:
    """The file as a command names it: a key of a Secret is worked on in a copy of that name."""
    if is_pasted(facts, path):
        return command.file(own_path(facts))
    if path and any((m.source or "").startswith("/") and _is_below(f"/{path}", m.source) for m in _mounts(facts)):
        path = f"/{path}"  # shown in a text by its whole path, of which a bundle keeps no slash
    return Word("htpasswd") if path and _INSIDE in path else command.file(path)


def _mounts(facts: Facts) -> tuple[Mount, ...]:
    return facts.stack.registry.mounts if facts.stack.registry else ()


def _is_below(path: str, folder: str | None) -> bool:
    return folder is not None and (path == folder or path.startswith(f"{folder.rstrip('/')}/"))


def in_object(facts: Facts, path: str | None, fix: Fix) -> Fix:
    """The fix of a file that is a key of a Secret or ConfigMap: it is taken out, changed, and written back.

    A chart makes its Secret from a value, so there the line itself goes into the values.
    """
    if is_pasted(facts, path):
        return replace(fix, commands=_by_name(fix.commands), verify=_by_name(fix.verify))
    held, _, inner = (path or "").partition(_INSIDE)
    registry = facts.stack.registry
    one = registry.service if registry else None
    if not inner:
        return _handed_over(facts, path, fix)
    owner, _, key = inner.partition("/")
    if not key:
        line = sh("htpasswd", "-nB", command.user(user_in_question(facts)))
        told = any(f.file == path and f.entry(user_in_question(facts) or "") for f in files(facts))
        put = (
            "Put the line that it prints in place of that user's line in" if told else "Add the line that it prints to"
        )
        folder = one.made_by[1] if one and one.made_by[:1] == ("kustomize",) else None
        by = sh("kubectl", "apply", "-k", command.file(folder)) if folder else "helm upgrade"
        how = f"{put} {inner} in {held}; the other lines stay. Then run `{by}`"
        return replace(fix, commands=(line,), verify=fix.verify[-1:], applies=how)
    mount = covering(registry.mounts, registry.htpasswd_path) if registry and registry.htpasswd_path else None
    kind = "configmap" if mount and mount.kind == "config" else "secret"
    where = in_namespace(one.namespace if one else "")
    data = glued("go-template={{index .data ", quoted_name(key), "}}")
    decoded = (PIPE, "base64", "-d") if kind == "secret" else ()
    out = sh("kubectl", *where, "get", kind, name(owner), "-o", data, *decoded, WRITE_TO, "htpasswd")
    made = ("kubectl", *where, "create", kind, *(("generic",) if kind == "secret" else ()), name(owner))
    source = glued("--from-file=", name(key), "=htpasswd")
    back = sh(*made, source, "--dry-run=client", "-o", "yaml", PIPE, "kubectl", *where, "patch", kind, name(owner),
              "--patch-file=/dev/stdin")  # fmt: skip
    again = recreate(registry) if registry else ()
    commands = [c for c in fix.commands if c not in again]
    return replace(
        fix,
        commands=(out, *commands, back, sh("rm", "htpasswd"), *again),
        verify=fix.verify[-1:],
        applies="a new pod has the new content at once; in a mounted folder it appears within about a minute",
    )


def _handed_over(facts: Facts, path: str | None, fix: Fix) -> Fix:
    """The fix of a file of which the registry reads a copy that something makes: it has to be made again."""
    registry = facts.stack.registry
    one = registry.service if registry else None
    mount = covering(registry.mounts, registry.htpasswd_path) if registry and registry.htpasswd_path else None
    if registry is None or one is None or mount is None:
        return fix
    # A volume is a folder: what podman mounts as a file by a mere name is a secret.
    kind = "secret" if one.platform == "podman" and mount.target == registry.htpasswd_path else mount.kind
    if mount.kind == "bind" or kind not in ("secret", "config"):
        return fix
    commands = tuple(c for c in fix.commands if c not in recreate(registry))
    match one.platform, one.made_by:
        case "kubernetes", ("kustomize", folder):
            made = sh("kubectl", "apply", "-k", command.file(folder))
            why = "kustomize makes the object again under a new name, so that new pods read it; with disableNameSuffixHash "
            return replace(
                fix, commands=(*commands, made), applies=f"{why}it appears in the mounted folder within a minute"
            )
        case "podman", _:
            program = ("sudo", "podman") if one.of_system else ("podman",)
            made = sh(*program, "secret", "create", "--replace", name(mount.source), command.file(path))
            why = "A secret of podman is a copy of the file, and a container has the one that it was created with"
            return replace(fix, commands=(*commands, made, *restarted(one).commands), applies=why)
        case "swarm", _:
            return replace(fix, commands=commands, applies=f"{_OF_SWARM[0].upper()}{_OF_SWARM[1:]}")
        case "compose", _:  # the files need not tell whether they are for a swarm
            return replace(fix, applies=f"{fix.applies}. With `docker stack deploy`: {_OF_SWARM}".lstrip(". "))
    return fix


def _by_name(commands: tuple[Command, ...]) -> tuple[Command, ...]:
    """Those that name an entry by its user; lines of a paste are none of the file."""
    return tuple(c for c in commands if c.words[0].text not in ("sed", "sh"))


def quoted_name(key: str) -> Word:
    """A key as a string of a Go template."""
    word = name(key)
    return Word(f'"{word.text}"', odd=word.odd)


def new_hash(facts: Facts, who: str | None, file: Htpasswd | None, summary: str) -> Fix:
    """Set the password as bcrypt. htpasswd asks for it, and writes the file in place: its inode stays.

    `who` None: the user in question; `file` None: the one that compose mounts.
    """
    who = who or user_in_question(facts)
    entry = file.entry(who) if file and who else None
    given = file.file if file else own_path(facts)
    path = local(facts, given)
    # htpasswd appends to a last line that has no newline.
    newline = (sh("sh", "-c", _NEWLINE, "sh", path),) if file and not entry and not file.final_newline else ()
    sound = (entry_check(path, entry, who),) if file and not (entry and entry.usable) else ()
    fix = Fix(
        summary=summary,
        commands=(*newline, sh("htpasswd", "-B", path, command.user(who))),
        verify=(*sound, verify(facts, who)),
        applies=REREAD,
    )
    return in_object(facts, given, fix)


def new_file(facts: Facts, path: str | None) -> Command:
    """Make the file with the user in question alone in it."""
    return sh("htpasswd", "-B", "-c", command.file(path), command.user(somebody(facts)))


def by_container(facts: Facts, path: str) -> Command:
    """Set the password of the user in question on a machine without htpasswd."""
    folder, base = posixpath.split(posixpath.normpath(path))
    mount = glued(command.file(folder if folder.startswith("/") else f"./{folder}"), ":/work")
    inside, who = glued("/work/", command.file(base)), command.user(user_in_question(facts))
    engine = sh("docker", "run", "--rm", "-it", "-v", mount, "--entrypoint", "htpasswd", "httpd:2")
    return sh(engine.words, "-B", inside, who)


def entry_check(path: Word, entry: Entry | None, who: str | None = None) -> Command:
    """Shows the name and the beginning of a whole bcrypt hash of that line (None: the last), nothing of another."""
    whole = r"s/:(\$2[aby]\$)(0[4-9]|[12][0-9]|3[01])\$[.\/0-9A-Za-z]{53}.*/ \1/p"
    script = glued(number(entry.line), whole) if entry else f"${whole}"
    return sh(
        "sed",
        "-nE",
        script,
        path,
        expect=f"{command.user(who or (entry.name if entry else None)).text} $2y$ (nothing while the hash is not whole bcrypt)",
    )


def filtered(script: str, path: Word, *more: str) -> Command:
    """Replaces the content of a file by what a script of ours makes of it, unless no entry were left; its inode stays."""
    safe = f'text=$({script}) && printf "%s\\n" "$text" | grep -q "^[^#]*:" && printf "%s\\n" "$text" > "$1"'
    return sh("sh", "-c", safe, "sh", path, *more)


def edited(facts: Facts, summary: str, edit: Command, *checks: Command) -> Fix:
    """A fix by a command that puts a new file in place of the old one, as `sed -i` does."""
    registry, applies = facts.stack.registry, REREAD
    again: tuple[Command, ...] = ()
    if registry is None or registry.service is None or registry.htpasswd_path is None:
        applies += ", unless the file alone is mounted: then re-create the container"
    elif (m := covering(registry.mounts, registry.htpasswd_path)) and m.target == registry.htpasswd_path:
        again = recreate(registry)
        applies = "The file alone is mounted, and the container keeps the old one until it is re-created"
    fix = Fix(summary=summary, commands=(edit, *again), verify=checks, applies=applies)
    return in_object(facts, next((f.file for f in files(facts)), None) or own_path(facts), fix)


def recreate(registry: Registry) -> tuple[Command, ...]:
    """Make the registry's container again."""
    return restarted(registry.service, fresh=True).commands if registry.service else ()
