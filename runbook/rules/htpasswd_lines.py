"""Entries that hide one another: two on one line, or one name twice."""

from collections.abc import Iterator

from runbook.model import Certainty, Entry, Evidence, EvidenceItem, Finding, Fix, Htpasswd, Refutation, Stack
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.logins import REFUSED, at, certainty, files, new_hash, quoted, users, verify


@rule(
    "htpasswd-merged-lines",
    sees=("htpasswd", "checks"),
    step="htpasswd",
    title="a newline is missing between two entries",
    fix="put each entry on a line of its own",
    source="run on 2.8.2 and 3.1.1: the first user works, the second is gone",
)
def merged_lines(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Text appended to a file without a final newline sticks to its last line.

    bcrypt ignores what follows its 60 characters, so the first user still works and the file looks sound;
    the second one does not exist for the registry.
    """
    known = users(evidence, stack, traffic)
    found = [(f, e, name) for f in files(evidence, stack) for e in f.entries for name in e.merged]
    for file, entry, name in sorted(found, key=lambda item: item[2] not in known.failing):
        if file.entry(name):
            continue
        blamed, seen = known.blame(name)
        if name in known.accepted:
            continue
        yield Finding(
            cause="htpasswd-merged-lines",
            summary=f"The entry of {name} is stuck to the end of {entry.name}'s line, so the registry has no {name}.",
            certainty=certainty(traffic, REFUSED) if blamed else Certainty.READ,
            explains=REFUSED if blamed else (),
            hop="registry",
            evidence=(
                EvidenceItem(what=f"{entry.length} characters in place of 60", where=at(file, entry)),
                *((seen,) if seen else ()),
            ),
            proves=blamed,
            warning=not blamed,
            supersedes=("htpasswd-user-missing", "htpasswd-wrong-password") if blamed else (),
            refuted=(
                Refutation(cause="htpasswd-wrong-password", because=f"the registry sees no entry of {name} to compare"),
            ),
            fix=Fix(
                summary=f"Begin a new line before {name}:.",
                commands=(f"sed -i 's/{name}:/\\n{name}:/' {quoted(file.file)}",),
                verify=(f"cut -d: -f1 {quoted(file.file)}", verify(name, evidence, traffic)),
            ),
        )
        return


@rule(
    "htpasswd-duplicate-user",
    sees=("htpasswd", "checks"),
    step="htpasswd",
    title="the same user stands there twice and the last line wins",
    fix="remove the older line",
    source="distribution registry/auth/htpasswd/htpasswd.go: entries[name] = hash; run on 2.8.2 and 3.1.1",
)
def duplicate_user(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry keeps the last line of a name; Apache and nginx take the first.

    Whoever changes the first line sees the new password refused here, and working elsewhere.
    """
    known = users(evidence, stack, traffic)
    for file in files(evidence, stack):
        for entry in file.entries:
            last = file.entry(entry.name)
            if not entry.shadowed or last is None or last.hash == entry.hash:
                continue
            outcomes = {c.outcome for c in evidence.checks if c.user == entry.name and c.file == file.file}
            if "accepted-by-earlier-line" in outcomes:
                yield _found(file, entry, last, certainty(traffic, REFUSED), evidence, traffic)
                return
            if outcomes or entry.name in known.accepted:
                continue
            yield _found(file, entry, last, Certainty.READ, evidence, traffic, warning=entry.name not in known.failing)
            return


def _found(
    file: Htpasswd,
    entry: Entry,
    last: Entry,
    sure: Certainty,
    evidence: Evidence,
    traffic: Traffic,
    warning: bool = False,
) -> Finding:
    computed = sure > Certainty.READ
    match = "matches the password used, the last does not" if computed else "differ, and the last one wins"
    return Finding(
        cause="htpasswd-duplicate-user",
        summary=f"{entry.name} stands on the lines {entry.line} and {last.line}: they differ, and the registry "
        "takes the last" + (", but the password used is that of an earlier one." if computed else "."),
        certainty=sure,
        explains=() if warning else REFUSED,
        hop="registry",
        evidence=(
            EvidenceItem(what=f"line {entry.line} and {last.line}: the earlier one {match}", where=at(file, entry)),
        ),
        warning=warning,
        supersedes=("htpasswd-wrong-password",) if computed else (),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="an earlier line accepts this password"),)
        if computed
        else (),
        fix=new_hash(entry.name, file.file, evidence, traffic, "Remove one line, or set a new password."),
    )
