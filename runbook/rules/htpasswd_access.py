"""Where the htpasswd file should be and cannot be read: a directory, or no permission."""

from collections.abc import Iterator

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Fix, ListedFile, Refutation, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.htpasswd_file import ANSWER_400
from runbook.rules.logins import BROKEN, bad_requests, certainty, items, listed, panics, quoted, verify


@rule(
    "htpasswd-is-a-directory",
    sees=("logs", "listings"),
    step="align",
    title="the htpasswd path is a directory",
    fix="docker compose down; rmdir the folder; make the file; docker compose up -d",
    source=ANSWER_400,
)
def is_a_directory(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """When the host file of a bind mount does not exist, the engine makes a directory of that name.

    The registry starts, answers anonymous requests with its challenge, and every login with 400 and nothing.
    """
    logged = traffic.logged("file-is-directory")
    folders = [f for f in listed(evidence, stack) if f.kind == "directory"]
    if not logged and not folders:
        return
    path = folders[0].path if folders else "FILE"
    yield Finding(
        cause="htpasswd-is-a-directory",
        summary=f"{path if folders else 'The htpasswd path'} is a directory where the registry wants a file; "
        "every login is answered 400.",
        certainty=Certainty.PROVEN if logged and folders else Certainty.LOGGED if logged else Certainty.READ,
        explains=BROKEN,
        hop="registry",
        evidence=(
            *items(logged),
            *(EvidenceItem(what=f"{f.path} is a directory", where=str(f.place)) for f in folders[:2]),
            *bad_requests(traffic),
        ),
        proves=True,
        supersedes=("htpasswd-path-mismatch", "htpasswd-empty"),
        fix=Fix(
            summary="The engine made it because the file was not there at the first start: remove it, make the file.",
            commands=(
                "docker compose down",
                f"rmdir {quoted(path)}",
                f"htpasswd -B -c {quoted(path)} USER",
                "docker compose up -d",
            ),
            verify=(verify("USER", evidence, traffic),),
        ),
    )


@rule(
    "htpasswd-unreadable",
    sees=("logs", "listings"),
    step="htpasswd",
    title="the registry may not read its htpasswd file",
    fix="chmod a+r FILE (or chown it to the user that the registry runs as)",
    source=ANSWER_400 + "; unreadable at start: panic, exit 2",
)
def unreadable(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """With `user:` in compose, a rootless engine or SELinux, the process may be denied the file.

    The official images run as root, for which 0600 root:root is fine; so permissions are blamed where they
    do no harm and overlooked where they do.
    """
    stopped = [
        e for e in panics(traffic) if "permission denied" in e.text + e.detail and "failed to open" not in e.text
    ]
    logged = traffic.logged("file-unreadable")
    if logged or stopped:
        yield Finding(
            cause="htpasswd-unreadable",
            summary="The process may not read the htpasswd file (permission denied): "
            + ("every login is answered 400." if logged else "the registry does not start."),
            certainty=Certainty.PROVEN
            if bad_requests(traffic) or traffic.seen(Symptom.NOT_STARTED)
            else Certainty.LOGGED,
            explains=BROKEN if logged else (Symptom.NOT_STARTED, Symptom.UNREACHABLE, Symptom.EMPTY_REPLY),
            hop="registry",
            evidence=(*items(logged or tuple(stopped)), *bad_requests(traffic)),
            supersedes=("registry-unreachable",) if stopped else (),
            fix=_permission_fix(stack, evidence, traffic),
        )
        return
    user = stack.registry.service.user if stack.registry and stack.registry.service else None
    for row in listed(evidence, stack):
        if user and row.kind == "file" and _denied(row, user):
            yield Finding(
                cause="htpasswd-unreadable",
                summary=f"The registry runs as user {user}, and {row.path} ({row.mode}, owner {row.owner}) "
                "does not let it read.",
                certainty=certainty(traffic, (*BROKEN, Symptom.NOT_STARTED)),
                explains=(*BROKEN, Symptom.NOT_STARTED, Symptom.UNREACHABLE, Symptom.EMPTY_REPLY),
                hop="registry",
                evidence=(EvidenceItem(what=f"{row.mode} {row.owner}:{row.group}", where=str(row.place)),),
                proves=True,
                fix=_permission_fix(stack, evidence, traffic),
            )
            return


def _permission_fix(stack: Stack, evidence: Evidence, traffic: Traffic) -> Fix:
    host = (stack.registry.htpasswd_host if stack.registry else None) or "FILE"
    return Fix(
        summary="Let the registry's user read the file; with SELinux add :Z to the mount.",
        commands=(f"chmod a+r {quoted(host)}", f"ls -lnZ {quoted(host)}"),
        verify=(verify("USER", evidence, traffic),),
    )


def _denied(listed: ListedFile, user: str) -> bool:
    """Whether the mode refuses this uid[:gid]; names that the listing and compose spell differently say nothing."""
    uid, _, gid = user.partition(":")
    if uid in ("0", "root") or len(listed.mode) < 10 or uid.isdecimal() != listed.owner.isdecimal():
        return False
    bit = 1 if uid == listed.owner else 4 if gid and gid == listed.group else 7
    return listed.mode[bit] != "r"


@rule(
    "proxy-cannot-verify-bcrypt",
    sees=("routes", "logs"),
    step="headers",
    tier=2,
    title="the proxy's crypt() does not know bcrypt",
    fix="let the proxy pass the login on to the registry, or give it an apr1 file of its own",
    source="nginx ngx_http_auth_basic_module uses the system's crypt(); nginx-proxy/nginx-proxy#643",
)
def proxy_crypt(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry's bcrypt file is given to nginx auth_basic as well, whose system has a crypt() without bcrypt.

    nginx then answers 500, not 401. Old glibc systems are so; Debian from 11 on and Alpine are not.
    """
    logged = traffic.logged("proxy-crypt-failed")
    guarded = [r for r in stack.routes if r.software == "nginx" and r.auth and r.auth.user_file]
    failed = [e for e in traffic.on("via", authenticated=True, status=500) if guarded]
    if not logged and not failed:
        return
    yield Finding(
        cause="proxy-cannot-verify-bcrypt",
        summary="The proxy checks logins itself and cannot compute bcrypt: it answers 500 in place of 200 or 401.",
        certainty=Certainty.LOGGED if logged else Certainty.POSSIBLE,
        explains=(Symptom.PROXY_500,),
        hop="client -> proxy",
        evidence=(
            *items(logged),
            *(EvidenceItem(what=f"{e.method} {e.url} -> 500", where=str(e.source)) for e in failed[:1]),
            *(
                EvidenceItem(what=f"auth_basic_user_file {r.auth.user_file}", where=str(r.place))
                for r in guarded[:1]
                if r.auth
            ),
        ),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="nothing was compared"),),
        fix=Fix(
            summary="Take auth_basic out (the registry asks for the login itself), or use a newer image.",
            commands=("nginx -T 2>/dev/null | grep -n auth_basic",),
            verify=(verify("USER", evidence, traffic),),
        ),
    )
