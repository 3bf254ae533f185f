"""The htpasswd file as a whole: refused, empty, or made by the registry itself."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from runbook.model import EvidenceItem, Finding, Fix, Htpasswd, LogEvent, Place, Symptom, command
from runbook.model.command import PIPE, sh
from runbook.observe.observation import is_later
from runbook.parse.htpasswd import TOO_LONG
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import context, finding, read, said
from runbook.rules.htpasswd_fixes import (
    AS_UTF_8,
    REREAD,
    SHORT_LINES,
    by_container,
    edited,
    filtered,
    local,
    new_file,
    new_hash,
    own_path,
    recreate,
)
from runbook.rules.logins import (
    BROKEN,
    REFUSED,
    STOPPED,
    bad_requests,
    files,
    lines,
    listed,
    panics,
    refusals,
    registry_subject,
    user_in_question,
    users,
    verify,
)
from runbook.rules.platform import logs, platform, runs, started

ANSWER_400 = (
    "registry/auth/htpasswd/access.go of distribution; run on 2.8.2 and 3.1.1: with a login 400 and an empty body"
)
_HIDDEN = ("htpasswd-user-missing", "htpasswd-wrong-password")
"""What a file without the users looks like."""


@rule(
    "htpasswd-invalid-line",
    needs_any=("htpasswd", "checks", "logs", "exchanges"),
    step="htpasswd",
    title="a line makes the registry refuse the whole htpasswd file",
    fix="Give every line the form name:hash (UTF-8, one entry a line)",
    source=ANSWER_400,
    explains=BROKEN,
    hop="registry",
)
def invalid_line(facts: Facts) -> Iterator[Finding]:
    """One line without a colon, or of 64 KiB, refuses the whole file: a login gets 400, an anonymous request 401.

    400 does not sound like a password file, and the culprit may be a line that nobody uses: a stray word, or
    a file that PowerShell wrote as UTF-16.
    """
    traffic = facts.traffic
    logged = traffic.logged("file-refused")
    answers = bad_requests(facts)
    sure = [item for item in answers if item and item.cited == "seen"]  # messages do not show an empty body
    refused = [_refused(facts, f, f.refused) for f in files(facts) if f.refused]
    if refused:
        yield refused[0]
    elif logged:
        yield finding(
            "The registry refuses the whole htpasswd file because of one line, so every login gets 400.",
            lines(logged),
            answers,
            fix=_as_utf_8(facts, own_path(facts))
            if r"\x00" in logged[0].text
            else _repair(facts, own_path(facts), TOO_LONG if TOO_LONG in logged[0].text else ""),
            about=registry_subject(facts),
        )
    elif sure and not facts.evidence.htpasswd and not _otherwise_explained(facts):
        yield finding(
            "Every login gets 400 with an empty body: the registry cannot use its htpasswd file (an invalid line, no "
            "permission, or a directory).",
            # The response does not tell these apart.
            (context(item.what, item.where) for item in sure),
            fix=Fix(
                summary="Read in the registry's log why",
                commands=(logs(runs(facts, None), PIPE, "grep", "checking authorization"),),
            ),
            about=registry_subject(facts),
        )


def _otherwise_explained(facts: Facts) -> bool:
    """Whether 400 has another reason: the log or a listing names it, or requests without a login get it too."""
    return (
        bool(facts.traffic.logged("file-unreadable", "file-is-directory", "file-missing"))
        or any(f.kind == "directory" for f in listed(facts))
        or any(e.status == 400 and e.credential is None for e in facts.traffic.exchanges)
    )


def _refused(facts: Facts, file: Htpasswd, place: Place) -> Finding:
    wide = file.encoding.startswith("utf-16")
    if wide:
        why = f"{file.file} is UTF-16 text, so the registry cannot split its lines"
        fix = _as_utf_8(facts, file.file)
    else:
        encoded = file.encoding == "base64"
        what = "is longer than 64 KiB" if file.refusal == TOO_LONG else "has no colon"
        why = f"Line {place.line} of {file.file} {what}" + (
            ", for the file is base64 of the entries" if encoded else ""
        )
        fix = _decoded(facts, file.file) if encoded else _repair(facts, file.file, file.refusal, bool(file.entries))
    return finding(
        f"{why}: the registry refuses the whole file, and every login gets 400.",
        read(file.refusal, place),
        lines(facts.traffic.logged("file-refused")),
        bad_requests(facts),
        explains=(*BROKEN, *REFUSED) if wide else BROKEN,
        proves=True,
        supersedes=("htpasswd-username-corrupted", *_HIDDEN),
        fix=fix,
        about=registry_subject(facts),
    )


def _as_utf_8(facts: Facts, path: str | None) -> Fix:
    summary = "Save the file as UTF-8 (in PowerShell 5, > writes UTF-16, and | Set-Content -Encoding ascii does not)"
    return edited(facts, summary, filtered(AS_UTF_8, local(facts, path)), verify(facts))


_BLANK_FOR_COLON = r"s/^([^[:space:]:#]+)[[:space:]]+((\$[[:alnum:]]{1,8}\$|\{SHA\})[^[:space:]]+)[[:space:]]*$/\1:\2/"
"""sed: a name and a hash with a blank between them."""


def _decoded(facts: Facts, path: str) -> Fix:
    file = local(facts, path)
    summary = (
        "Put what the text decodes to in its place (in a Secret: under stringData, or encoded once only under data)"
    )
    return edited(facts, summary, filtered('grep : "$1" || base64 -d "$1"', file), verify(facts))


def _repair(facts: Facts, path: str | None, refusal: str, has_entry: bool = False) -> Fix:
    """`has_entry`: whether an entry is known to be left when the other lines are gone."""
    file = local(facts, path)
    if refusal == TOO_LONG:
        summary, edit = "Remove the lines that are too long", filtered(SHORT_LINES, file)
    else:
        script = rf"{_BLANK_FOR_COLON}; /^[[:space:]]*(#|$)/!{{/:/!d}}"
        summary = "Put the colon back between name and hash, and remove other lines that are neither entry nor comment"
        edit = sh("sed", "-i", "-E", script, file) if has_entry else filtered('sed -E "$2" "$1"', file, script)
    if not has_entry:
        summary += "; where no entry would be left, the command changes nothing: then make the file anew"
    return edited(facts, summary, edit, verify(facts))


@rule(
    "htpasswd-empty",
    needs_any=("htpasswd", "checks", "listings", "messages"),
    step="htpasswd",
    title="the htpasswd file has no entry",
    fix="Add the user: htpasswd -B FILE USER (the registry images have no htpasswd any more; httpd:2 has)",
    source="distribution 2.8.2 and 3.1.1 (run); twuni/docker-registry.helm#30",
    explains=REFUSED,
    hop="registry",
    proves=True,
    supersedes=_HIDDEN,
)
def empty(facts: Facts) -> Iterator[Finding]:
    """A file without entries loads silently and refuses everybody; since it exists, no default user is made either.

    It is what a shell leaves behind when the command before `>` fails: the htpasswd tool left the registry
    image with 2.7, and the error scrolls away.
    """
    for path, file, item in _empty_files(facts):
        missing = facts.traffic.said("tool-missing")
        fix = new_hash(facts, None, file, "Add the user; the registry images have no htpasswd any more")
        yield finding(
            f"{path} has no entry, so the registry refuses every login.",
            item,
            users(facts).cited(user_in_question(facts) or ""),
            refusals(facts),
            (context(m.text, m.place) for m in missing[:2]),
            fix=replace(fix, commands=(by_container(facts, path),)) if missing else fix,
            about=registry_subject(facts),
        )
        return


def _empty_files(facts: Facts) -> Iterator[tuple[str, Htpasswd | None, EvidenceItem]]:
    """Files without an entry, and what says so; the last is a file that a failed command left behind."""
    read_by_registry = files(facts)
    for file in read_by_registry:
        if not (file.entries or file.more or file.refused or file.left_out):
            size = "no bytes at all" if file.size == 0 else f"{file.size} bytes, but only comments and blank lines"
            yield file.file, file, read(size, file.file)
    for row in listed(facts) if not read_by_registry else ():
        if row.kind == "file" and row.size == 0:
            yield row.path, None, read("0 bytes", row.place)
    written = [m for m in facts.traffic.said("tool-missing") if "passw" in m.detail]
    if written and not (read_by_registry or listed(facts) or facts.evidence.htpasswd or facts.traffic.login_works):
        left = said(written[-1], f"{written[-1].text}: the shell had emptied {written[-1].detail} before")
        if left is not None:
            yield written[-1].detail, None, left


@rule(
    "htpasswd-missing-autocreated",
    by_absence=True,
    needs_any=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the registry made an htpasswd file of its own",
    fix="Mount the folder that holds the htpasswd file, and name the file by its path inside the container",
    source="distribution registry/auth/htpasswd/access.go createHtpasswdFile; run on 2.8.2 and 3.1.1",
    hop="registry",
)
def missing_autocreated(facts: Facts) -> Iterator[Finding]:
    """Where the configured path holds no file, the registry makes one with the user `docker` and a random password.

    It starts well and refuses everybody else, so the file on the host looks innocent. On a read-only mount
    it cannot make the file and does not start.
    """
    logged = facts.traffic.logged
    failed = [e for e in panics(facts) if "failed to open htpasswd path" in e.text + e.detail or "mkdir" in e.text]
    own = next((f for f in files(facts) if _by_the_registry(f)), None)
    seen: tuple[tuple[Sequence[LogEvent], tuple[Symptom, ...], str], ...] = (
        (logged("provisioned"), REFUSED, "the registry made one with the user docker"),
        (failed, STOPPED, "the registry could not make one and stopped"),
        (logged("file-missing"), BROKEN, "it vanished while the registry ran, and every login gets 400"),
    )
    events, explains, what = next((case for case in seen if case[0]), ((), REFUSED, ""))
    if not failed and _knows_others_since(facts, events):
        events = ()
    if not events and own is None:
        return
    summary = (
        f"{own.file} is the file that the registry makes itself when it finds none: only the user docker, with a "
        "random password that is in its first log."
        if own and not events
        else f"There is no htpasswd file at the configured path inside the container: {what}."
    )
    yield finding(
        summary,
        lines(events),
        read("user docker, $2a$, cost 10, no newline at the end", own.file) if own else None,
        bad_requests(facts),
        refusals(facts) if explains == REFUSED else (),
        explains=explains,
        proves=not facts.traffic.login_works,
        supersedes=(*_HIDDEN, "htpasswd-unreadable", "registry-unreachable") if events else _HIDDEN,
        fix=_right_file(facts),
        about=registry_subject(facts),
    )


def _knows_others_since(facts: Facts, events: Sequence[LogEvent]) -> bool:
    """Whether somebody else than docker was let in after these lines: then the file was exchanged."""
    told = [o for o in facts.traffic.observations if any(o.record is e for e in events)]
    others = [
        o
        for o in facts.traffic.observations
        if o.ok and o.login == "sent" and o.voice == "program" and o.user not in (None, "docker")
    ]
    return bool(told) and any(all(is_later(o, event) for event in told) for o in others)


def _by_the_registry(file: Htpasswd) -> bool:
    """Whether it looks like the file that a registry makes: htpasswd writes $2y$ and a newline."""
    one = file.entries[0] if len(file.entries) == 1 else None
    return one is not None and (one.name, one.prefix, one.cost, file.final_newline) == ("docker", "$2a$", 10, False)


def _right_file(facts: Facts) -> Fix:
    """The users' file at the place that is mounted; the one that the registry made is replaced, not added to."""
    registry = facts.stack.registry
    place = registry.htpasswd_host if registry else None
    if place is None and platform(facts) == "host" and facts.htpasswd and _by_the_registry(facts.htpasswd):
        place = facts.htpasswd.file
    if registry is None or place is None:
        inside = f", as {registry.htpasswd_path} there" if registry and registry.htpasswd_path else ""
        return Fix(
            summary=f"Mount the folder with the htpasswd file into the container{inside}",
            verify=(verify(facts),),
            applies="A new mount needs the container re-created: docker compose up -d",
        )
    known = registry.htpasswd
    if known and not _by_the_registry(known) and {e.name for e in known.entries} != {"docker"}:
        steps, summary = recreate(registry), "Re-create the container, so that it reads the file that is there now"
        return Fix(summary=summary, commands=steps, verify=(verify(facts),))
    others = [f for f in facts.evidence.htpasswd if f.entries and not _by_the_registry(f)]
    put = sh("cp", local(facts, others[0].file), command.file(place)) if len(others) == 1 else new_file(facts, place)
    return Fix(
        summary="Put a file with your users in place of the one that the registry made (as root, where root owns it)",
        commands=(put, *(started(registry.service) if registry.service else ())),
        verify=(verify(facts),),
        applies=REREAD,
    )
