"""A login against the entries of the file: no such user, a damaged name, another password."""

from collections.abc import Iterator

from runbook.model import (
    PROBE_USER,
    Certainty,
    CredentialCheck,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    Htpasswd,
    LogEvent,
    Refutation,
    Stack,
)
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.parse.htpasswd import odd_name, plain_name
from runbook.rules.base import rule
from runbook.rules.logins import REFUSED, at, certainty, files, for_a_hop, new_hash, overwrites, quoted, users, verify


@rule(
    "htpasswd-wrong-password",
    sees=("checks", "logs", "exchanges", "messages"),
    step="htpasswd",
    title="the password does not match the stored hash",
    fix="htpasswd -v FILE USER compares; htpasswd -B FILE USER sets a new one",
    source="bcrypt, computed here as the registry does; 3.1 logs it as a mismatch",
)
def wrong_password(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The user and the hash are sound, but the hash is that of another password.

    Often the shell shortened the password when the entry was made ($, !, # in double quotes), or .env has
    another one than the file. `htpasswd -Bvb` is no check: its arguments are wrong and it fails always.
    """
    stored = {(c.user, c.password) for c in evidence.checks if c.origin == "stored"}
    for check in _decisive(evidence, stack):
        if check.outcome != "mismatch" or check.origin == "injected" or (check.user, check.password) in stored:
            continue
        if _accepted_elsewhere(check, evidence, traffic) or for_a_hop(check, stack, traffic):
            continue
        near = f" The file would accept {check.near}." if check.near else ""
        yield Finding(
            cause="htpasswd-wrong-password",
            summary=f"The password used for {check.user} is not the one in {check.file}: bcrypt says so.{near}",
            certainty=max(Certainty.SEEN, certainty(traffic, REFUSED)),
            explains=REFUSED,
            hop="registry",
            evidence=(
                EvidenceItem(what=f"bcrypt comparison for {check.user}: no match", where=check.file),
                EvidenceItem(what="the login that was compared", where=str(check.source)),
            ),
            refuted=(
                Refutation(cause="htpasswd-not-bcrypt", because="the entry is a whole bcrypt hash"),
                Refutation(cause="htpasswd-user-missing", because=f"{check.user} has an entry"),
            ),
            fix=new_hash(check.user, check.file, evidence, traffic, "Use the right password, or set a new one."),
        )
        return
    yield from _mismatch_in_log(evidence, stack, traffic)


def _mismatch_in_log(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A 3.x log tells a mismatch by name; behind a hop that changes the login it says nothing of the client."""
    if overwrites(stack) or traffic.works("direct") or any(c.outcome == "accepted" for c in evidence.checks):
        return
    known = users(evidence, stack, traffic)
    for event in (*traffic.logged("bcrypt-mismatch"), *_compared(evidence, stack, traffic)):
        if event.user in known.accepted or not traffic.seen(*REFUSED) or _stands_twice(event.user, evidence, stack):
            continue
        if any(e.name == event.user and not e.usable for f in files(evidence, stack) for e in f.entries):
            continue
        yield Finding(
            cause="htpasswd-wrong-password",
            summary=f"The registry compared the password of {event.user or 'the user'} with its hash: they differ.",
            certainty=Certainty.LOGGED,
            explains=REFUSED,
            hop="registry",
            evidence=(EvidenceItem(what=event.text, where=str(event.place)),),
            refuted=(
                Refutation(cause="authorization-stripped", because="the registry received a login"),
                Refutation(cause="htpasswd-user-missing", because="the log names a comparison, so there is an entry"),
            ),
            fix=new_hash(
                event.user or "USER", _name(evidence, stack), evidence, traffic, "Compare, then set a new one."
            ),
        )
        return


def _compared(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[LogEvent]:
    """A 2.8 log names who was refused and not why; when the file has a sound entry of that name, only the password is left."""
    if traffic.logged("bcrypt-mismatch", "bcrypt-malformed", "file-refused", "provisioned") or stack.registry is None:
        return
    if stack.registry.htpasswd is None or stack.registry.htpasswd.refused:
        return
    for event in traffic.logged("authentication-failure"):
        entry = stack.registry.htpasswd.entry(event.user) if event.user else None
        if entry is not None and entry.usable and event.user != PROBE_USER:
            yield event


def _stands_twice(name: str | None, evidence: Evidence, stack: Stack) -> bool:
    """Whether the file has two different entries of that name: another cause."""
    return any(len({e.hash for e in f.entries if e.name == name}) > 1 for f in files(evidence, stack))


@rule(
    "htpasswd-user-missing",
    sees=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the htpasswd file has no entry for that user",
    fix="htpasswd -B FILE USER",
    source="distribution registry/auth/htpasswd/htpasswd.go; run on 2.8.2 and 3.1.1",
)
def user_missing(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Names are compared letter by letter: Jenkins is not jenkins, and the 401 is that of a wrong password.

    The registry says nowhere that the user is unknown, so people go on trying passwords.
    """
    known = users(evidence, stack, traffic)
    read = [f for f in files(evidence, stack) if not f.refused and (f.entries or f.more) and not f.omitted]
    for name, seen in known.failing.items():
        if not read or any(f.entry(name) or _disguised(name, f) for f in read):
            continue
        file = read[0]
        near = next((c.near for c in evidence.checks if c.user == name and c.outcome == "no-such-user" and c.near), "")
        near = near or _other_case(name, file)
        yield Finding(
            cause="htpasswd-user-missing",
            summary=f"{file.file} has no entry for {name!r}" + (f"; there is {near}." if near else "."),
            certainty=certainty(traffic, REFUSED),
            explains=REFUSED,
            hop="registry",
            evidence=(EvidenceItem(what=f"names in the file: {_names(file)}", where=file.file), seen),
            refuted=(Refutation(cause="htpasswd-wrong-password", because="there is no entry to compare with"),),
            fix=new_hash(
                name, file.file, evidence, traffic, "Log in with the name as it stands there, or add the user."
            ),
        )
        return
    if not known.failing:
        yield from _unknown_in_log(evidence, stack, traffic)


def _unknown_in_log(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A 3.x log tells why a hash did not fit; a refused login without such a line had no entry at all."""
    if overwrites(stack) or traffic.login_works or traffic.logged("bcrypt-mismatch", "bcrypt-malformed", "provisioned"):
        return
    if any(c.outcome == "accepted" for c in evidence.checks):
        return
    for log in evidence.logs:
        refused = [e for e in log.events if e.meaning == "authentication-failure"]
        speaks = any(e.meaning == "listening" for e in log.events)
        agents = [r.agent for r in log.requests if r.meaning == "authentication-failure"]
        if agents and all(_sends_empty_login(agent) for agent in agents):
            continue
        if log.version == 3 and refused and speaks:
            yield Finding(
                cause="htpasswd-user-missing",
                summary="A login arrived and was refused without any comparison of hashes: the file has no such user.",
                certainty=Certainty.LOGGED,
                explains=REFUSED,
                hop="registry",
                evidence=(EvidenceItem(what=refused[0].text, where=str(refused[0].place)),),
                refuted=(
                    Refutation(cause="htpasswd-wrong-password", because="registry 3 would have logged the mismatch"),
                ),
            )
            return


def _sends_empty_login(agent: str) -> bool:
    """skopeo and its kin send an empty user and password when they have none; ours asks with a wrong one on purpose."""
    return agent.startswith(("registry-runbook", "skopeo/", "containers/", "podman/", "buildah/", "Buildah/"))


@rule(
    "htpasswd-username-corrupted",
    sees=("htpasswd", "checks"),
    step="htpasswd",
    title="the user's name in the file is not the one typed",
    fix="remove the byte order mark, blank or quotes from the name",
    source="Go's strings.TrimSpace keeps a BOM; run on 2.8.2 and 3.1.1: the first user is gone, the others work",
)
def username_corrupted(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A byte order mark, a blank before the colon or quotes become part of the name: invisible in most editors.

    Only that user is refused, with the same 401 as for a wrong password. CRLF line ends are harmless.
    """
    known = users(evidence, stack, traffic)
    found = [(f, e) for f in files(evidence, stack) for e in f.entries if odd_name(e.name)]
    for file, entry in sorted(found, key=lambda pair: plain_name(pair[1].name) not in known.failing):
        name = plain_name(entry.name)
        blamed, seen = known.blame(name)
        if name in known.accepted or (file.entry(name) and name not in known.failing):
            continue
        yield Finding(
            cause="htpasswd-username-corrupted",
            summary=f"The file does not have the user {name or '(none)'}: its name there has {odd_name(entry.name)}.",
            certainty=certainty(traffic, REFUSED) if blamed else Certainty.READ,
            explains=REFUSED if blamed else (),
            hop="registry",
            evidence=(
                EvidenceItem(what=f"the name is {entry.name!a}", where=at(file, entry)),
                *((seen,) if seen else ()),
            ),
            proves=blamed,
            warning=not blamed,
            supersedes=("htpasswd-user-missing", "htpasswd-wrong-password", "htpasswd-not-bcrypt") if blamed else (),
            refuted=(
                Refutation(cause="htpasswd-wrong-password", because="the name is not found: nothing is compared"),
            ),
            fix=_clean(file, name, evidence, traffic),
        )
        return


def _clean(file: Htpasswd, name: str, evidence: Evidence, traffic: Traffic) -> Fix:
    path = quoted(file.file)
    if file.encoding.startswith("utf-16"):
        command = f"iconv -f utf-16 -t utf-8 {path} | tr -d '\\r' > htpasswd.new"
    elif file.encoding == "utf-8-bom":
        command = f"sed -i '1s/^\\xEF\\xBB\\xBF//' {path}"
    else:
        command = f'sed -i -E \'s/^[[:space:]"]*([^:"]*[^:"[:space:]])["[:space:]]*:/\\1:/\' {path}'
    return Fix(
        summary="Take the odd characters out of the name.",
        commands=(command,),
        verify=(f"head -1 {path} | od -c | head -2", verify(name or "USER", evidence, traffic)),
    )


def _decisive(evidence: Evidence, stack: Stack) -> Iterator[CredentialCheck]:
    """The checks against the files that the registry may read."""
    names = {f.file for f in files(evidence, stack)}
    return (c for c in evidence.checks if c.file in names)


def _accepted_elsewhere(check: CredentialCheck, evidence: Evidence, traffic: Traffic) -> bool:
    """Whether that very login, or the same user with the right password, is known to be accepted."""
    same = any(
        e.credential and e.credential.user == check.user and is_authenticated(e) and succeeded(e) and e.route != "via"
        for e in traffic.exchanges
    )
    return same or any(c.user == check.user and c.outcome == "accepted" for c in evidence.checks)


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


def _name(evidence: Evidence, stack: Stack) -> str:
    return next((f.file for f in files(evidence, stack)), "FILE")
