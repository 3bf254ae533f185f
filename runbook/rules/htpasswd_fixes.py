"""What to type for an htpasswd file, and how the change reaches the registry: shared by the rules of this step."""

import posixpath

from runbook.model import Command, Entry, Fix, Htpasswd, Registry, command
from runbook.model.command import Word, glued, number, service, sh
from runbook.parse.htpasswd.registry import LONGEST_LINE
from runbook.rules.base import Facts
from runbook.rules.logins import files, user_in_question, verify
from runbook.stack.registry import covering

REREAD = "The registry reads the file again when it has changed; no restart is needed"
AS_UTF_8 = r'LC_ALL=C tr -d "\000\376\377\r" < "$1"'
"""For `filtered`: UTF-16 with ASCII content becomes UTF-8, CRLF becomes LF; harmless when run again."""
SHORT_LINES = f'LC_ALL=C awk "length < {LONGEST_LINE}" "$1"'
"""For `filtered`: only the lines that are not too long for the registry."""
_NEWLINE = '[ -z "$(tail -c1 "$1")" ] || echo >> "$1"'


def own_path(facts: Facts) -> str | None:
    """The htpasswd file to name in commands: the one handed over, else where compose says that it is on the host."""
    registry = facts.stack.registry
    return next((f.file for f in files(facts)), None) or (registry.htpasswd_host if registry else None)


def new_hash(facts: Facts, name: str | None, file: Htpasswd | None, summary: str) -> Fix:
    """Set the password as bcrypt. htpasswd asks for it, and writes the file in place: its inode stays.

    `name` None: the user in question; `file` None: the one that compose mounts.
    """
    name = name or user_in_question(facts)
    entry = file.entry(name) if file and name else None
    path = command.file(file.file if file else own_path(facts))
    # htpasswd appends to a last line that has no newline.
    newline = (sh("sh", "-c", _NEWLINE, "sh", path),) if file and not entry and not file.final_newline else ()
    sound = (entry_check(path, entry),) if file and not (entry and entry.usable) else ()
    return Fix(
        summary=summary,
        commands=(*newline, sh("htpasswd", "-B", path, command.user(name))),
        verify=(*sound, verify(facts, name)),
        applies=REREAD,
    )


def new_file(facts: Facts, path: str | None) -> Command:
    """Make the file with the user in question alone in it."""
    return sh("htpasswd", "-B", "-c", command.file(path), command.user(user_in_question(facts)))


def by_container(facts: Facts, path: str) -> Command:
    """Set the password of the user in question on a machine without htpasswd."""
    folder, base = posixpath.split(posixpath.normpath(path))
    mount = glued(command.file(folder if folder.startswith("/") else f"./{folder}"), ":/work")
    inside, who = glued("/work/", command.file(base)), command.user(user_in_question(facts))
    engine = sh("docker", "run", "--rm", "-it", "-v", mount, "--entrypoint", "htpasswd", "httpd:2")
    return sh(engine.words, "-B", inside, who)


def entry_check(path: Word, entry: Entry | None) -> Command:
    """Shows the name and the beginning of a whole bcrypt hash of that line (None: the last), nothing of another."""
    whole = r"s/:(\$2[aby]\$)(0[4-9]|[12][0-9]|3[01])\$[.\/0-9A-Za-z]{53}.*/ \1/p"
    script = glued(number(entry.line), whole) if entry else f"${whole}"
    return sh("sed", "-nE", script, path, expect="the name and $2y$; nothing while the hash is not whole bcrypt")


def filtered(script: str, path: Word) -> Command:
    """Replaces the content of a file by what a script of ours makes of it; in place: its inode stays."""
    return sh("sh", "-c", f'text=$({script}) && printf "%s\\n" "$text" > "$1"', "sh", path)


def edited(facts: Facts, summary: str, edit: Command, *checks: Command) -> Fix:
    """A fix by a command that puts a new file in place of the old one, as `sed -i` does."""
    registry, applies = facts.stack.registry, REREAD
    again: tuple[Command, ...] = ()
    if registry is None or registry.service is None or registry.htpasswd_path is None:
        applies += ", unless the file alone is mounted: then re-create the container"
    elif (m := covering(registry.mounts, registry.htpasswd_path)) and m.target == registry.htpasswd_path:
        again = (recreate(registry),)
        applies = "The file alone is mounted, and the container keeps the old one until it is re-created"
    return Fix(summary=summary, commands=(edit, *again), verify=checks, applies=applies)


def recreate(registry: Registry) -> Command:
    """Make the registry's container again."""
    return sh("docker", "compose", "up", "-d", "--force-recreate", service(registry.name))
