"""A login against the entries of the file: no such user, a damaged name, another password."""

import posixpath
from collections.abc import Iterator

from runbook.model import (
    PROBE_USER,
    CredentialCheck,
    Entry,
    EvidenceItem,
    Finding,
    Fix,
    Htpasswd,
    LogEvent,
    Refutation,
    Subject,
    command,
)
from runbook.model.command import glued, number, sh
from runbook.observe.traffic import is_authenticated, succeeded
from runbook.parse.htpasswd import odd_name, plain_name
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import computed, context, finding, read, said
from runbook.rules.headers_double import disjoint_users
from runbook.rules.hops import api_routes
from runbook.rules.htpasswd_fixes import AS_UTF_8, edited, filtered, local, new_hash
from runbook.rules.htpasswd_guard import MISMATCH, MISSING, refused_by_guard
from runbook.rules.logins import (
    REFUSED,
    Users,
    at,
    files,
    for_a_hop,
    overwrites,
    refusals,
    sends_empty_login,
    users,
    verify,
)
from runbook.stack.clients import pulls


@rule(
    "htpasswd-wrong-password",
    needs_any=("checks", "logs", "exchanges", "messages"),
    step="htpasswd",
    title="the password does not match the stored hash",
    fix="Compare with htpasswd -v FILE USER; set a new password with htpasswd -B FILE USER",
    source="bcrypt, computed here as the registry does; 3.1 logs it as a mismatch",
    explains=REFUSED,
    hop="registry",
)
def wrong_password(facts: Facts) -> Iterator[Finding]:
    """The user and the hash are sound, but the hash is that of another password.

    Often the shell shortened the password when the entry was made ($, !, # in double quotes), or .env has
    another one than the file. `htpasswd -Bvb USER PASSWORD` is no check: without the file's name it prints its usage.
    """
    checks = facts.checks
    stored = {(c.user, c.password) for c in checks if c.origin == "stored"}
    by_name = {f.file: f for f in files(facts)}
    for check in checks:
        if check.outcome != "mismatch" or check.origin == "injected" or (check.user, check.password) in stored:
            continue
        if check.file not in by_name or _accepted_elsewhere(check, facts):
            continue
        if for_a_hop(check, facts):
            continue
        near = f"; it would match {check.near}" if check.near else ""
        yield finding(
            f"The password used for {check.user} does not match the hash in {check.file}{near}.",
            computed(f"bcrypt comparison for {check.user}: no match", check.file),
            context("the login that was compared", check.source),
            refusals(facts, check.user),
            refuted=(
                Refutation(cause="htpasswd-not-bcrypt", because="the entry is a whole bcrypt hash"),
                Refutation(cause="htpasswd-user-missing", because=f"{check.user} has an entry"),
            ),
            fix=new_hash(facts, check.user, by_name[check.file], "Use the right password, or set a new one"),
            about=Subject(user=check.user),
        )
        return
    yield from list(_mismatch_in_log(facts)) or _expanded(facts)
    yield from refused_by_guard(
        facts, MISMATCH, "{proxy} asks for the login itself, and the password of {user} is not the one in its file.",
        "Use the right password, or set a new one for {user} in that file",
    )  # fmt: skip


def _expanded(facts: Facts) -> Iterator[Finding]:
    """The shell put a variable's value into the password when the entry was made, and its user is refused since."""
    known = users(facts)
    compared = {c.user for c in facts.checks}
    for made in facts.traffic.said("password-expanded"):
        user = made.user or ""
        observed = known.failing.get(user, ())
        if user in compared or user in known.accepted or not observed or facts.traffic.passed("replaced"):
            continue
        yield finding(
            f"The shell took a part of {user}'s password for a variable when the entry was made: the hash is that of another "
            "password.",
            said(made),
            observed[:2],
            fix=new_hash(
                facts,
                user,
                next(iter(files(facts)), None),
                "Make the entry again, without the password on the command line",
            ),
            about=Subject(user=user),
        )
        return


def _mismatch_in_log(facts: Facts) -> Iterator[Finding]:
    """A 3.x log names the mismatch; behind a proxy that changes the credentials it says nothing of the client."""
    traffic = facts.traffic
    if (
        traffic.passed("replaced")
        or overwrites(facts)
        or traffic.works("direct")
        or any(c.outcome == "accepted" for c in facts.checks)
    ):
        return
    known = users(facts)
    logged = [(event, None) for event in traffic.logged("bcrypt-mismatch")]
    for event, entry in (*logged, *_compared(facts)):
        before = event.meaning == "bcrypt-mismatch" and event.user and not _let_in_since(event, facts)
        if (event.user in known.accepted and not before) or _has_two_entries(event.user, facts):
            continue
        if not traffic.seen(*REFUSED):
            continue
        if event.user is None and _somebody_got_in_since(event, facts):
            continue
        if any(e.name == event.user and not (e.usable or e.hidden) for f in files(facts) for e in f.entries):
            continue
        changed = _changed_by_shell(facts, event.user)
        why = ": the shell put something else in place of a part of it, as it was typed ($ outside of single quotes)"
        yield finding(
            f"The registry compared the password of {event.user or 'the user'} with its hash: they differ{why if changed else ''}.",
            said(event),
            entry,
            changed,
            refuted=(
                Refutation(cause="authorization-stripped", because="the registry received credentials"),
                Refutation(cause="htpasswd-user-missing", because="a comparison needs an entry of that name"),
            ),
            fix=new_hash(
                facts,
                event.user,
                next(iter(files(facts)), None),
                f"Use the right password{', in single quotes or as it is asked for' if changed else ''}, or set a new one",
            ),
            about=Subject(user=event.user) if event.user else None,
        )
        return


def _changed_by_shell(facts: Facts, user: str | None) -> EvidenceItem | None:
    """The command of that user's in which a part of the password is a variable for the shell."""
    for message in facts.traffic.messages:
        if message.call and message.call.given == "expanded" and message.user == user and message.kind != "login-ok":
            return context("a part of the typed password is a variable for the shell", message.place)
    for e in facts.traffic.exchanges:
        if e.credential and e.credential.defect == "expanded" and e.credential.user == user and e.status == 401:
            return context("a part of the typed password is a variable for the shell", e.source)
    return None


def _compared(facts: Facts) -> Iterator[tuple[LogEvent, EvidenceItem]]:
    """A 2.8 log names who was refused and not why; where the file has a sound entry of that name, only the password
    is left."""
    traffic, registry = facts.traffic, facts.stack.registry
    if traffic.logged("bcrypt-mismatch", "bcrypt-malformed", "file-refused", "provisioned") or registry is None:
        return
    file = registry.htpasswd
    if file is None or file.refused:
        return
    for event in traffic.logged("authentication-failure"):
        entry = file.entry(event.user) if event.user else None
        if entry is not None and entry.usable and event.user != PROBE_USER:
            yield event, context(f"{event.user} has a sound bcrypt entry", at(file, entry))


def _let_in_since(event: LogEvent, facts: Facts) -> bool:
    """Whether that user was let in after it, or at a time that is not told: with another password, from another machine."""
    served = [o for o in facts.traffic.observations if o.ok and o.user == event.user and o.witness == "registry"]
    return event.when is None or any(o.when is None or o.when >= event.when for o in served)


def _somebody_got_in_since(event: LogEvent, facts: Facts) -> bool:
    """Whether the same log shows a login that was accepted after a refusal of which version 3 does not tell the user:
    it may be the same person's."""
    return any(
        r.place.file == event.place.file and r.logger == "registry" and 200 <= (r.status or 0) < 300
        and (r.when or 0) > (event.when or 0)
        for r in facts.traffic.requests
    )  # fmt: skip


def _has_two_entries(name: str | None, facts: Facts) -> bool:
    """Whether the file has two different entries of that name: another cause."""
    return any(len({e.hash for e in f.entries if e.name == name and not e.hidden}) > 1 for f in files(facts))


def _accepted_elsewhere(check: CredentialCheck, facts: Facts) -> bool:
    """Whether that very login, or the same user with the right password, is known to be accepted by the server that reads
    this file: not where several answer by turns, each with a file of its own."""
    turns = (group[0].credential for group in facts.traffic.by_turns)
    if any(c and (c.user, c.password) == (check.user, check.password) for c in turns):
        return False
    same = any(
        e.credential and e.credential.user == check.user and is_authenticated(e) and succeeded(e) and e.route != "via"
        for e in facts.traffic.exchanges
    )
    return same or any(c.user == check.user and c.outcome == "accepted" for c in facts.checks)


@rule(
    "htpasswd-user-missing",
    needs_any=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the htpasswd file has no entry for that user",
    fix="Add the user: htpasswd -B FILE USER",
    source="distribution registry/auth/htpasswd/htpasswd.go; run on 2.8.2 and 3.1.1",
    explains=REFUSED,
    hop="registry",
)
def user_missing(facts: Facts) -> Iterator[Finding]:
    """Names are compared letter by letter: Jenkins is not jenkins, and the 401 is that of a wrong password.

    The registry says nowhere that the user is unknown, so people go on trying passwords.
    """
    known = users(facts)
    whole = [f for f in files(facts) if not f.refused and (f.entries or f.more) and not (f.omitted or f.incomplete)]
    for name in known.failing:
        mine = _beside_its_log(facts, name, whole)
        if any(group[0].credential and group[0].credential.user == name for group in facts.traffic.by_turns):
            mine = [f for f in mine if not f.entry(name)] or mine  # several servers, each with a file of its own
        if not mine or any(f.entry(name) or _disguised(name, f) for f in mine) or _is_a_proxys(name, facts, known):
            continue
        file = mine[0]
        elsewhere = next((f.file for f in whole if f.entry(name)), None)
        checks = (c for c in facts.checks if c.user == name and c.outcome == "no-such-user")
        near = next((c.near for c in checks if c.near), "") or _other_case(name, file)
        yield finding(
            f"{file.file} has no entry for {name!r}"
            + (f"; there is {near}." if near else f"; {elsewhere} has." if elsewhere else "."),
            read(f"names in the file: {_names(file)}", file.file),
            read(f"{name!r} has an entry there", elsewhere) if elsewhere else None,
            known.cited(name),
            refuted=(Refutation(cause="htpasswd-wrong-password", because="there is no entry to compare with"),),
            fix=new_hash(facts, name, file, _advice(elsewhere)),
            about=Subject(user=name),
        )
        return
    if not known.failing:
        yield from _unknown_in_log(facts)
    yield from refused_by_guard(
        facts,
        MISSING,
        "{proxy} asks for the login itself, and its password file has no user {user}.",
        "Add {user} to that file",
    )


def _advice(elsewhere: str | None) -> str:
    if elsewhere:
        return f"Give every instance the same file ({elsewhere} has the user), or add the user here as well"
    return "Log in with the name as the file has it, or add the user"


def _beside_its_log(facts: Facts, name: str, whole: list[Htpasswd]) -> list[Htpasswd]:
    """Of several instances' files those that lie in the folder of the log that refuses the user; else all."""
    folders = {
        posixpath.dirname(e.place.file) for e in facts.traffic.logged("authentication-failure") if e.user == name
    }
    beside = [f for f in whole if posixpath.dirname(f.file) in folders]
    return beside if len(folders) == 1 and len(beside) < len(whole) and beside else whole


def _is_a_proxys(name: str, facts: Facts, known: Users) -> bool:
    """Whether it is a user of a proxy that asks in front of the registry and has no user in common with it: whom one of
    the two knows the other refuses. Where lines of a proxy's file were left out it may be, unless a log tells that the
    registry refused that user."""
    if any(name in disjoint_users(route, facts) for route in api_routes(facts)):
        return True
    cut = facts.evidence.shortened - facts.evidence.shortened_beside_proxies
    logs = {log.file for log in facts.evidence.logs}
    return bool(cut) and not any(i.where.rpartition(":")[0] in logs for i in known.failing[name])


def _unknown_in_log(facts: Facts) -> Iterator[Finding]:
    """A 3.x log tells why a hash did not fit; a refused login without such a line had no entry at all."""
    traffic = facts.traffic
    if overwrites(facts) or traffic.login_works or traffic.passed("lost") or traffic.passed("replaced"):
        return
    if traffic.logged("bcrypt-mismatch", "bcrypt-malformed", "provisioned"):
        return
    if any(c.outcome == "accepted" for c in facts.checks):
        return
    for log in facts.traffic.logs:
        if any(e.meaning in ("bcrypt-mismatch", "bcrypt-malformed") for e in log.events):
            continue  # of whom, version 3 does not tell
        refused = [e for e in log.events if e.meaning == "authentication-failure"]
        agents = [r.agent for r in log.requests if r.meaning == "authentication-failure"]
        if agents and all(sends_empty_login(agent) or not pulls(agent) for agent in agents):
            continue  # a monitor, a scanner: whoever it is, no client of this registry
        if log.version == 3 and refused and any(e.meaning == "listening" for e in log.events):
            yield finding(
                "Credentials arrived and were refused without a comparison of hashes: the file has no such user.",
                said(refused[0]),
                refuted=(
                    Refutation(cause="htpasswd-wrong-password", because="registry 3 would have logged the mismatch"),
                ),
            )
            return


def _disguised(name: str, file: Htpasswd) -> bool:
    """Whether the user is there after all: under a damaged name, or swallowed by another line."""
    return any(name in e.merged or (odd_name(e.name) and plain_name(e.name) == name) for e in file.entries)


def _other_case(name: str, file: Htpasswd) -> str:
    found = next((e.name for e in file.entries if e.name.casefold() == name.casefold()), None)
    return f"the user {found!r}" if found else ""


def _names(file: Htpasswd) -> str:
    names = list(dict.fromkeys(e.name for e in file.entries))
    rest = len(names) + len(file.more) - 8
    return ", ".join(ascii(n) for n in names[:8]) + (f" and {rest} more" if rest > 0 else "")


@rule(
    "htpasswd-username-corrupted",
    needs_any=("htpasswd", "checks", "messages"),
    step="htpasswd",
    title="the user's name in the file is not the one typed",
    fix="Remove the byte order mark, space or quotes from the name",
    source="Go's strings.TrimSpace keeps a BOM; run on 2.8.2 and 3.1.1: the first user is gone, the others work",
    explains=REFUSED,
    hop="registry",
    proves=True,
    supersedes=("htpasswd-user-missing", "htpasswd-wrong-password", "htpasswd-not-bcrypt"),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the name is not found: nothing is compared"),),
)
def username_corrupted(facts: Facts) -> Iterator[Finding]:
    """A byte order mark, a space before the colon or quotes become part of the name: invisible in most editors.

    Only that user is refused, with the same 401 as for a wrong password. CRLF line ends are harmless.
    """
    known = users(facts)
    found = [(f, e) for f in files(facts) for e in f.entries if odd_name(e.name) and not e.name_hidden]
    for file, entry in sorted(found, key=lambda pair: plain_name(pair[1].name) not in known.failing):
        name = plain_name(entry.name)
        if name in known.accepted or (file.entry(name) and name not in known.failing):
            continue
        yield finding(
            f"The file does not have the user {name or '(none)'}: its name there has {odd_name(entry.name)}.",
            read(f"the name is {entry.name!a}", at(file, entry)),
            known.cited(name),
            warning=not known.blamed(name),
            fix=_cleaned(facts, file, entry, name),
            about=Subject(user=name),
        )
        return
    if not files(facts):
        yield from _marked(facts, known)


def _marked(facts: Facts, known: Users) -> Iterator[Finding]:
    """A byte order mark that a command showed at the file's beginning, where the file itself was not handed over."""
    shown = next((m for m in facts.traffic.said("byte-order-mark")), None)
    name = shown.user or next(iter(known.failing), "") if shown else ""
    observed = known.observed(name or None)
    if shown is None or not observed or name in known.accepted:
        return
    yield finding(
        f"The file begins with a byte order mark, which is a part of its first user's name: it does not have {name or 'that user'}.",
        said(shown),
        observed,
        fix=Fix(
            summary="Save the file without a byte order mark: Windows PowerShell's `utf8` writes one, `ascii` writes none",
            verify=(verify(facts, name or None),),
        ),
        warning=shown.user is None
        and len(known.failing) > 1,  # one of them is the file's first, and which, nothing tells
        about=Subject(user=name),
    )


_EDGES = " \t\"'`\\"
_STRIP = r"""s/^[[:space:]"\x27`\\]*([^:]*[^:[:space:]"\x27`\\])[[:space:]"\x27`\\]*:/\1:/"""


def _cleaned(facts: Facts, file: Htpasswd, entry: Entry, name: str) -> Fix:
    """The edit that leaves the plain name; where no edit of ours does, an entry of that name."""
    path, line = local(facts, file.file), number(entry.line)
    if file.encoding.startswith("utf-16"):
        return edited(facts, "Save the file as UTF-8", filtered(AS_UTF_8, path), verify(facts, name))
    if entry.name.removeprefix("\ufeff") == name:
        script = glued(line, r"s/^\xEF\xBB\xBF//")
    elif entry.name.strip(_EDGES) == name:
        script = glued(line, _STRIP)
    else:
        return new_hash(facts, name, file, "Add an entry with the plain name")
    return edited(
        facts,
        "Remove the odd characters from the name",
        sh("sed", "-i", "-E", script, path),
        sh("sed", "-n", glued(line, "{s/:.*//;l;}"), path, expect=f"{command.user(name).text}$ (the name alone)"),
        verify(facts, name),
    )
