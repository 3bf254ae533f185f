"""The htpasswd file as a whole: refused, empty, absent, a directory, or not readable."""

from collections.abc import Iterator

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Fix, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.logins import (
    BROKEN,
    REFUSED,
    bad_requests,
    certainty,
    files,
    items,
    listed,
    panics,
    quoted,
    verify,
)

ANSWER_400 = (
    "registry/auth/htpasswd/access.go of distribution; run on 2.8.2 and 3.1.1: with a login 400 and an empty body"
)


_FACES = ("htpasswd-user-missing", "htpasswd-wrong-password")


@rule(
    "htpasswd-invalid-line",
    sees=("htpasswd", "checks", "logs", "exchanges"),
    step="htpasswd",
    title="a line makes the registry refuse the whole htpasswd file",
    fix="give every line the form name:hash (UTF-8, one entry a line)",
    source=ANSWER_400,
)
def invalid_line(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """One line without a colon, or of 64 KiB, refuses the whole file: a login gets 400, an anonymous request 401.

    400 does not sound like a password file, and the culprit may be a line that nobody uses: a stray word, or
    a file that PowerShell wrote as UTF-16.
    """
    logged = traffic.logged("file-refused")
    answers = bad_requests(traffic)
    for file in files(evidence, stack):
        if file.refused is None:
            continue
        wide = file.encoding.startswith("utf-16")
        why = (
            f"{file.file} is UTF-16 text, so the registry cannot split its lines"
            if wide
            else f"Line {file.refused.line} of {file.file} has no colon"
            if "invalid entry" in file.refusal
            else f"Line {file.refused.line} of {file.file} is longer than 64 KiB"
        )
        commands = (
            (f"iconv -f utf-16 -t utf-8 {quoted(file.file)} | tr -d '\\r' > htpasswd.new",)
            if wide
            else (
                f"sed -n '{file.refused.line}p' {quoted(file.file)}",
                f"sed -i '{file.refused.line}d' {quoted(file.file)}",
            )
        )
        yield Finding(
            cause="htpasswd-invalid-line",
            summary=f"{why}: it refuses the whole file, and every login is answered 400.",
            certainty=Certainty.PROVEN if logged or answers else Certainty.READ,
            explains=(*BROKEN, *REFUSED) if wide else BROKEN,
            hop="registry",
            evidence=(EvidenceItem(what=file.refusal, where=str(file.refused)), *items(logged), *answers),
            proves=True,
            supersedes=("htpasswd-username-corrupted", "htpasswd-user-missing", "htpasswd-wrong-password"),
            fix=Fix(
                summary="Save the file as UTF-8." if wide else "Mend or remove that line.",
                commands=commands,
                verify=(verify("USER", evidence, traffic),),
            ),
        )
        return
    if logged:
        yield Finding(
            cause="htpasswd-invalid-line",
            summary="The registry refuses the whole htpasswd file because of one line; every login is answered 400.",
            certainty=Certainty.PROVEN if answers else Certainty.LOGGED,
            explains=BROKEN,
            hop="registry",
            evidence=(*items(logged), *answers),
        )
    elif (
        answers and not traffic.logged("file-unreadable", "file-is-directory", "file-missing") and not evidence.htpasswd
    ):
        if any(f.kind == "directory" for f in listed(evidence, stack)) or _anonymous_400(traffic):
            return
        yield Finding(
            cause="htpasswd-invalid-line",
            summary="400 with an empty body to every login: the registry cannot use its htpasswd file. Its log tells "
            "whether a line is invalid, or the file is unreadable or a directory.",
            certainty=Certainty.POSSIBLE,
            explains=BROKEN,
            hop="registry",
            evidence=answers,
            fix=Fix(
                summary="Read the log first.",
                commands=("docker compose logs registry | grep 'checking authorization'",),
            ),
        )


@rule(
    "htpasswd-empty",
    sees=("htpasswd", "checks", "listings", "messages"),
    step="htpasswd",
    title="the htpasswd file has no entry",
    fix="htpasswd -B -c FILE USER (the registry images have no htpasswd any more; httpd:2 has)",
    source="distribution 2.8.2 and 3.1.1 (run); twuni/docker-registry.helm#30",
)
def empty(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A file without entries loads silently and refuses everybody; since it exists, no default user is made either.

    It is what a shell leaves behind when the command before `>` fails: the htpasswd tool left the registry
    image with 2.7, and the error scrolls away.
    """
    missing = tuple(EvidenceItem(what=m.text, where=str(m.place)) for m in traffic.said("tool-missing"))
    for file in files(evidence, stack):
        if file.entries or file.more or file.refused:
            continue
        what = "no bytes at all" if file.size == 0 else f"{file.size} bytes, but only comments and blank lines"
        yield _empty(file.file, what, file.file, missing, certainty(traffic, REFUSED), evidence, traffic)
        return
    if not files(evidence, stack):
        for row in listed(evidence, stack):
            if row.kind == "file" and row.size == 0:
                yield _empty(
                    row.path, "0 bytes", str(row.place), missing, certainty(traffic, REFUSED), evidence, traffic
                )
                return


def _empty(
    path: str,
    what: str,
    where: str,
    missing: tuple[EvidenceItem, ...],
    sure: Certainty,
    evidence: Evidence,
    traffic: Traffic,
) -> Finding:
    return Finding(
        cause="htpasswd-empty",
        summary=f"{path} holds no entry, so the registry refuses every login.",
        certainty=sure,
        explains=REFUSED,
        hop="registry",
        evidence=(EvidenceItem(what=what, where=where), *missing),
        proves=True,
        supersedes=("htpasswd-user-missing", "htpasswd-wrong-password"),
        fix=Fix(
            summary="Make the file with a tool that exists: the registry images have none any more.",
            commands=(
                f"htpasswd -B -c {quoted(path)} USER",
                f"docker run --rm -it --entrypoint htpasswd httpd:2 -nB USER > {quoted(path)}",
            ),
            verify=(f"cat {quoted(path)} | cut -c1-20", verify("USER", evidence, traffic)),
        ),
    )


@rule(
    "htpasswd-missing-autocreated",
    sees=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the registry made an htpasswd file of its own",
    fix="mount the folder that holds the htpasswd file, and name the file by its path inside the container",
    source="distribution registry/auth/htpasswd/access.go createHtpasswdFile; run on 2.8.2 and 3.1.1",
)
def missing_autocreated(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Where the configured path holds no file, the registry makes one with the user `docker` and a random password.

    It starts well and refuses everybody else, so the file on the host looks innocent. On a read-only mount
    it cannot make the file and does not start.
    """
    stopped = (Symptom.NOT_STARTED, Symptom.UNREACHABLE, Symptom.EMPTY_REPLY)
    made, gone = traffic.logged("provisioned"), traffic.logged("file-missing")
    failed = tuple(
        e for e in panics(traffic) if "failed to open htpasswd path" in e.text + e.detail or "mkdir" in e.text
    )
    for events, symptoms, told in (
        (made, REFUSED, "the registry made one with the user docker"),
        (failed, stopped, "the registry could not make one and stopped"),
        (gone, BROKEN, "it vanished while the registry ran, and every login is answered 400"),
    ):
        if events:
            yield Finding(
                cause="htpasswd-missing-autocreated",
                summary=f"There is no htpasswd file at the configured path inside the container: {told}.",
                certainty=Certainty.PROVEN if traffic.seen(*symptoms) else Certainty.LOGGED,
                explains=symptoms,
                hop="registry",
                evidence=items(events),
                proves=not traffic.login_works,
                supersedes=(*_FACES, "htpasswd-unreadable", "registry-unreachable"),
                fix=_mount_fix(stack),
            )
            return
    for file in files(evidence, stack):
        one = file.entries[0] if len(file.entries) == 1 else None
        if one and (one.name, one.prefix, one.cost, file.final_newline) == ("docker", "$2a$", 10, False):
            yield Finding(
                cause="htpasswd-missing-autocreated",
                summary=f"{file.file} is the file that the registry makes itself when it finds none: only the user "
                "docker, with a random password that stands in its first log.",
                certainty=certainty(traffic, REFUSED),
                explains=REFUSED,
                hop="registry",
                evidence=(EvidenceItem(what="user docker, $2a$, cost 10, no newline at the end", where=file.file),),
                proves=not traffic.login_works,
                supersedes=_FACES,
                fix=_mount_fix(stack),
            )
            return


def _mount_fix(stack: Stack) -> Fix:
    path = stack.registry.htpasswd_path if stack.registry else None
    service = stack.registry.name if stack.registry else "registry"
    return Fix(
        summary="Mount the folder with the htpasswd file so that the file appears at the configured path"
        + (f" ({path})." if path else "."),
        commands=(f"docker compose exec {service} ls -l {path or '/auth'}",),
        verify=(f"docker compose logs {service} | grep -c 'provisioning with default user'",),
    )


def _anonymous_400(traffic: Traffic) -> bool:
    return any(e.status == 400 and e.credential is None for e in traffic.exchanges)
