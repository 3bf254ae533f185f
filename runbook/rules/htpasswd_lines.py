"""Entries that hide one another: two on one line, or one name twice."""

from collections.abc import Iterator

from runbook.model import Entry, Finding, Fix, Htpasswd, Refutation, Subject, command
from runbook.model.command import glued, number, sh
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import computed, finding, read
from runbook.rules.htpasswd_fixes import edited, local, new_hash
from runbook.rules.logins import REFUSED, at, files, refusals, users, verify

_SPLIT = r"{:a;s/(\$2[a-z]?\$[0-9]{2}\$[.\/0-9A-Za-z]{53})(\\[nr]|[ \t\r,;])*([^:\n]+:)/\1\n\3/;ta}"
"""sed -E: a new line after each whole bcrypt hash that a further name follows."""


@rule(
    "htpasswd-merged-lines",
    needs_any=("htpasswd", "checks"),
    step="htpasswd",
    title="a newline is missing between two entries",
    fix="Put each entry on a line of its own",
    source="run on 2.8.2 and 3.1.1: the first user works, the second is gone",
    explains=REFUSED,
    hop="registry",
    proves=True,
    supersedes=("htpasswd-user-missing", "htpasswd-wrong-password"),
    refuted=(
        Refutation(cause="htpasswd-wrong-password", because="the registry sees no entry of that user to compare"),
    ),
)
def merged_lines(facts: Facts) -> Iterator[Finding]:
    """Text appended to a file without a final newline sticks to its last line.

    bcrypt ignores what follows its 60 characters, so the first user still works and the file looks sound;
    the second one does not exist for the registry.
    """
    known = users(facts)
    found = [(f, e, name) for f in files(facts) for e in f.entries for name in e.merged]
    for file, entry, name in sorted(found, key=lambda item: item[2] not in known.failing):
        if file.entry(name) or name in known.accepted:
            continue
        yield finding(
            f"The entry of {name} is on the same line as {entry.name}'s, so the registry has no user {name}.",
            read(f"{entry.length} characters instead of 60", at(file, entry)),
            known.cited(name),
            warning=not known.blamed(name),
            fix=_separated(facts, file, entry, name),
            about=Subject(user=name),
        )
        return


def _separated(facts: Facts, file: Htpasswd, entry: Entry, name: str) -> Fix:
    if not entry.usable:
        return new_hash(facts, name, file, f"Add an entry of its own for {name}")
    path = local(facts, file.file)
    apart = f"{command.user(entry.name).text} and {command.user(name).text}, each on a line of its own"
    return edited(
        facts,
        f"Start a new line before {name}",
        sh("sed", "-i", "-E", glued(number(entry.line), _SPLIT), path),
        sh("cut", "-s", "-d:", "-f1", path, expect=apart),
        verify(facts, name),
    )


@rule(
    "htpasswd-duplicate-user",
    needs_any=("htpasswd", "checks"),
    step="htpasswd",
    title="duplicate user: the last entry wins",
    fix="Remove the older line",
    source="distribution registry/auth/htpasswd/htpasswd.go: entries[name] = hash; run on 2.8.2 and 3.1.1",
    explains=REFUSED,
    hop="registry",
)
def duplicate_user(facts: Facts) -> Iterator[Finding]:
    """The registry keeps the last line of a name; Apache and nginx take the first.

    A password that is changed on the first line is refused here and accepted elsewhere.
    """
    known = users(facts)
    for file in files(facts):
        for entry in file.entries:
            last = file.entry(entry.name)
            if not entry.shadowed or last is None or last.hash == entry.hash:
                continue
            outcomes = {c.outcome for c in facts.checks if c.user == entry.name and c.file == file.file}
            matches = "accepted-by-earlier-line" in outcomes
            if matches or not (outcomes or entry.name in known.accepted):
                yield _found(facts, file, entry, last, matches, warning=not matches and entry.name not in known.failing)
                return


def _found(facts: Facts, file: Htpasswd, entry: Entry, last: Entry, matches: bool, warning: bool) -> Finding:
    numbers = f"lines {entry.line} and {last.line}"
    match = computed(f"line {entry.line} matches the password used, line {last.line} does not", at(file, entry))
    return finding(
        f"{entry.name} has two different entries ({numbers}) and the registry takes the last"
        + (", but the password used is that of an earlier one." if matches else "."),
        read(f"two different entries on the {numbers}", at(file, entry)),
        match if matches else None,
        () if warning else refusals(facts, entry.name),
        warning=warning,
        supersedes=("htpasswd-wrong-password",) if matches else (),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="an earlier line accepts this password"),)
        if matches
        else (),
        fix=new_hash(facts, entry.name, file, "Set the password again: htpasswd writes it into both lines"),
        about=Subject(user=entry.name),
    )
