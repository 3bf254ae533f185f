"""Where the htpasswd file should be and cannot be read: a directory, or no permission."""

import posixpath
from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import (
    Command,
    Edit,
    Finding,
    Fix,
    ListedFile,
    LogEvent,
    ProxyRoute,
    Refutation,
    Subject,
    Symptom,
    command,
)
from runbook.model.command import sh
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import context, finding, read
from runbook.rules.hop_edits import drop, swap
from runbook.rules.hops import front_url, hop
from runbook.rules.htpasswd_file import ANSWER_400
from runbook.rules.htpasswd_fixes import REREAD, new_file, own_path
from runbook.rules.logins import (
    BROKEN,
    STOPPED,
    bad_requests,
    lines,
    listed,
    login_request,
    panics,
    registry_subject,
    verify,
)
from runbook.rules.platform import inside, platform, restarted, runs, runs_registry, started


@rule(
    "htpasswd-is-a-directory",
    needs_any=("logs", "listings"),
    step="align",
    title="the htpasswd path is a directory",
    fix="Stop the stack, remove the directory, make the file, start the stack",
    source=ANSWER_400,
    explains=BROKEN,
    hop="registry",
    proves=True,
    supersedes=("htpasswd-path-mismatch", "htpasswd-empty"),
)
def is_a_directory(facts: Facts) -> Iterator[Finding]:
    """When the host file of a bind mount does not exist, the engine makes a directory of that name.

    The registry starts, answers anonymous requests with its challenge, and every login with 400 and nothing.
    """
    logged = facts.traffic.logged("file-is-directory")
    folders = [f for f in listed(facts) if f.kind == "directory"]
    if not logged and not folders:
        return
    registry = facts.stack.registry
    path = (registry.htpasswd_host if registry else None) or (folders[0].path if folders else None)
    inside, name = _file_inside(facts, path), registry.name if registry else None
    yield finding(
        f"{path or 'The htpasswd path'} is a directory where the registry expects a file, so every login gets 400.",
        lines(logged),
        (read(f"{f.path} is a directory", f.place) for f in folders[:2]),
        bad_requests(facts),
        fix=Fix(
            summary="Name the file in the directory, not the directory"
            if inside
            else "Replace the directory, which the engine made because the file was missing, by the file",
            commands=restarted(runs(facts, name)).commands if inside else _file_for_directory(facts, path),
            verify=(verify(facts),),
            applies="The container mounts the file when it is made again"
            if not inside and platform(facts) != "host"
            else "",
        ),
        edits=_name_the_file(facts, inside),
        about=registry_subject(facts),
    )


def _file_for_directory(facts: Facts, path: str | None) -> tuple[Command, ...]:
    down, up = sh("docker", "compose", "down"), sh("docker", "compose", "up", "-d")
    if platform(facts) != "compose":
        again = started(runs_registry(facts))
        return sh("rmdir", command.file(path)), new_file(facts, path), *again
    return down, sh("rmdir", command.file(path)), new_file(facts, path), up


def _file_inside(facts: Facts, path: str | None) -> str:
    """The name of the htpasswd file that was handed over from inside that directory, if any."""
    folder = posixpath.normpath(path) if path else None
    return next((n for f, n in (posixpath.split(h.file) for h in facts.evidence.htpasswd) if f == folder), "")


def _name_the_file(facts: Facts, name: str) -> tuple[Edit, ...]:
    """The edit that adds the file's name to the configured path."""
    registry = facts.stack.registry
    setting = registry.settings.get("auth.htpasswd.path") if registry else None
    if not name or registry is None or registry.htpasswd_path is None or setting is None:
        return ()
    path = registry.htpasswd_path
    return swap(facts.evidence, setting.place, re.escape(path) + r"/?(?=[\s\"',}]|$)", f"{path.rstrip('/')}/{name}")


@rule(
    "htpasswd-unreadable",
    needs_any=("logs", "listings"),
    step="htpasswd",
    title="the registry may not read its htpasswd file",
    fix="Let the registry's user read it: chmod a+r FILE (or chown)",
    source=ANSWER_400 + "; unreadable at start: panic, exit 2",
    hop="registry",
)
def unreadable(facts: Facts) -> Iterator[Finding]:
    """With `user:` in compose, a rootless engine or SELinux, the process may be denied the file.

    The official images run as root, for which 0600 root:root is fine; so permissions are blamed where they
    do no harm and overlooked where they do.
    """
    if proxied := facts.traffic.logged("proxy-htpasswd-unreadable"):
        yield _of_a_proxy(facts, proxied)
    logged = facts.traffic.logged("file-unreadable")
    stopped = [e for e in panics(facts) if "permission denied" in e.text + e.detail and "failed to open" not in e.text]
    own = facts.stack.registry.service if facts.stack.registry else None
    user = own.user if own else None
    denied = [row for row in listed(facts) if user and row.kind == "file" and _denied(row, user)]
    if not (logged or stopped or denied):
        return
    row = denied[0] if denied else None
    result = "every login gets 400" if logged else "the registry does not start"
    yield finding(
        f"The registry may not read the htpasswd file (permission denied): {result}."
        if logged or stopped
        else f"The registry runs as user {user}, which may not read {denied[0].path} ({denied[0].mode}, owner "
        f"{denied[0].owner}).",
        lines(logged or stopped),
        read(f"{row.mode} {row.owner}:{row.group} {row.path}", row.place) if row else None,
        read(f"the registry runs as user {user}", own.place) if row and own else None,
        bad_requests(facts),
        explains=BROKEN if logged else STOPPED if stopped else (*BROKEN, *STOPPED),
        supersedes=("registry-unreachable",) if stopped else (),
        proves=row is not None,
        fix=_permission_fix(facts, stopped=bool(stopped)),
        about=registry_subject(facts),
    )


def _of_a_proxy(facts: Facts, logged: tuple[LogEvent, ...]) -> Finding:
    """nginx asks for the login itself, and its worker may not open the file: 401 without one, 500 with any (run: nginx
    1.22, the file 0600 of root)."""
    found = _OPENED.search(logged[0].text) or _OPENED.search(logged[0].detail)
    guarded = (r for r in facts.stack.routes if r.software == "nginx" and r.auth and found)
    route = next((r for r in guarded if r.auth and found and found[1].endswith(r.auth.user_file or "\0")), None)
    path = command.file(found[1] if found else None)
    if route is not None and route.service:
        path_fix = inside(runs(facts, route.service), "chmod", "a+r", path)
    else:
        path_fix = sh("sudo", "chmod", "a+r", path)
    return finding(
        "nginx asks for the login itself, and its worker may not read the password file: every login gets 500.",
        lines(logged),
        read(f"auth_basic_user_file {route.auth.user_file}", route.auth.place) if route and route.auth else None,
        explains=(Symptom.PROXY_500,),
        hop=hop(route),
        fix=Fix(
            summary="Let nginx's workers read the file; with SELinux give it their label (restorecon)",
            commands=(path_fix,),
            verify=(login_request(facts, None, front_url(facts, route)),),
            applies="nginx opens the file at each request",
        ),
        about=Subject(service=route.service or "", sites=route.server_names) if route else None,
    )


_OPENED = re.compile(r'open\(\) "([^"]{1,300})"')


def _permission_fix(facts: Facts, *, stopped: bool) -> Fix:
    registry, path = facts.stack.registry, command.file(own_path(facts))
    start = started(runs_registry(facts)) if stopped or (registry and registry.service) else ()
    return Fix(
        summary="Let the registry's user read the file; with SELinux add :Z to the mount",
        commands=(sh("chmod", "a+r", path), *start),
        verify=(sh("ls", "-lnZ", path, expect="-rw-r--r-- … (an r in all three groups)"), verify(facts)),
        applies="the registry stopped at its start: start it again" if stopped else f"{REREAD}, unless it has stopped",
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
    needs_any=("routes", "logs"),
    step="headers",
    tier=2,
    title="the proxy's crypt() does not know bcrypt",
    fix="Let the proxy forward the credentials to the registry, or give it an apr1 file of its own",
    source="nginx ngx_http_auth_basic_module uses the system's crypt(); nginx-proxy/nginx-proxy#643",
    explains=(Symptom.PROXY_500,),
    hop="client -> proxy",
    refuted=(Refutation(cause="htpasswd-wrong-password", because="nothing was compared"),),
)
def proxy_crypt(facts: Facts) -> Iterator[Finding]:
    """The registry's bcrypt file is given to nginx auth_basic as well, whose system has a crypt() without bcrypt.

    nginx then answers 500, not 401. Old glibc systems are so; Debian from 11 on and Alpine are not.
    """
    logged = facts.traffic.logged("proxy-crypt-failed")
    route = next((r for r in facts.stack.routes if r.software == "nginx" and r.auth and r.auth.user_file), None)
    failed = facts.traffic.on("via", authenticated=True, status=500) if route else ()
    if not logged and not failed:
        return
    cite = read if logged else context  # a 500 alone does not say why
    yield finding(
        "The proxy checks credentials itself and cannot compute bcrypt: it answers 500 instead of 200 or 401.",
        lines(logged),
        (context(f"{e.method} {e.url} -> 500", e.source) for e in failed[:1]),
        cite(f"auth_basic_user_file {route.auth.user_file}", route.auth.place) if route and route.auth else None,
        fix=_unguarded(facts, route),
        edits=_unguard(facts, route),
        about=Subject(service=route.service or "", sites=route.server_names) if route else None,
    )


def _unguard(facts: Facts, route: ProxyRoute | None) -> tuple[Edit, ...]:
    """The edit that removes auth_basic, where the registry is known to ask for credentials itself."""
    registry = facts.stack.registry
    if route is None or route.auth is None or registry is None or registry.auth != "htpasswd":
        return ()
    return drop(facts.evidence, route.auth.place, r"auth_basic\s+(?:\"[^\"]*\"|'[^']*'|[^;]*);")


def _unguarded(facts: Facts, route: ProxyRoute | None) -> Fix:
    again: tuple[Command, ...] = ()
    if _unguard(facts, route) and route:
        again = (
            restarted(runs(facts, route.service), route.place, fresh=True).commands
            if route.service
            else (sh("sudo", "nginx", "-s", "reload"),)
        )
    return Fix(
        summary="Remove auth_basic where the registry asks for credentials itself, or use an nginx on a newer system",
        commands=again,
        verify=(login_request(facts, None, front_url(facts, route)),),
        applies="nginx reads its configuration at its start and on reload",
    )
