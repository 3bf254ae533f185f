"""The client's stored credentials: under which name, how written, and whether they are still right."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import (
    ClientConfig,
    Command,
    EvidenceItem,
    Exchange,
    Finding,
    Fix,
    Message,
    Refutation,
    StoredLogin,
    Subject,
    Symptom,
)
from runbook.model.command import file, glued, host, name, sh, user
from runbook.observe.traffic import is_authenticated, succeeded
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, computed, finding, read, said, seen
from runbook.rules.logins import REFUSED, files
from runbook.rules.shell import (
    REFUSED_SEEN,
    kept_in,
    login_again,
    login_used,
    login_with_docker,
    observed,
    secret_read,
    status,
    stored_login,
)
from runbook.urls import host_of, netloc

NOT_SENT = (Symptom.NO_CREDENTIAL_SENT, Symptom.LOGIN_401, Symptom.LOGIN_401_DIRECT)
NO_PASSWORD = Refutation(cause="htpasswd-wrong-password", because="no password was sent to be compared")
_HELPER = re.compile(r"docker-credential-([A-Za-z][\w-]{0,60})")
NEWLINE = "trailing newline"


def stored(facts: Facts) -> list[StoredLogin]:
    """All stored credentials of all client files."""
    return [login for client in facts.clients for login in client.logins]


def kept(login: StoredLogin, what: str) -> EvidenceItem:
    """An entry of a client's file as evidence."""
    return read(what, login.place, about=Subject(address=host_of(login.key), user=login.user or ""))


@rule(
    "credentials-under-other-host",
    needs_any=("clients", "messages"),
    step="simplify",
    title="credentials are stored under another name of the same registry",
    fix="Run docker login HOST:PORT with exactly the name in the image reference",
    source="docker CLI config.json (run): the key is the literal host[:port]; moby/moby#10732",
    explains=NOT_SENT,
    hop="client",
    refuted=(NO_PASSWORD,),
)
def under_other_host(facts: Facts) -> Iterator[Finding]:
    """docker keeps credentials under the literal host:port: localhost:5000, 127.0.0.1:5000 and registry:5000 are three.

    "Login Succeeded" and then 401 looks like a broken registry; the realm or "scope" is blamed instead.
    """
    logged_in = [m for m in facts.traffic.said("login-ok") if m.host]
    for message in facts.traffic.said(
        "no-basic-auth", "unauthorized", "denied", "invalid-username-password", "hub-refused"
    ):
        used = "docker.io" if message.kind == "hub-refused" else (message.host or "").lower()
        if not used or (message.kind == "invalid-username-password" and message.user):
            continue  # skopeo says the same with credentials that are wrong
        if message.call and message.call.verb == "login":
            continue  # what is typed is sent, whatever is stored
        if used in {host_of(s.key) for s in stored(facts)} | {(m.host or "").lower() for m in logged_in}:
            continue
        other = (
            next((s for s in stored(facts) if may_be_one(host_of(s.key), used)), None)
            or _without_server(facts, message)
            or _of_the_first(facts, used)
        )
        earlier = next((m for m in logged_in if may_be_one((m.host or "").lower(), used)), None)
        known = host_of(other.key) if other else earlier.host if earlier else None
        if known is None:
            continue
        yield finding(
            f"Credentials are stored for {known}, but the request goes to {used}: none are sent there.",
            said(message),
            kept(other, f"credentials are stored for {other.key}") if other else None,
            said(earlier, f"{earlier.text} ({earlier.host})") if earlier else None,
            fix=_under(used, known, kept_in(facts, other)),
        )
        return


def _without_server(facts: Facts, message: Message) -> StoredLogin | None:
    """The login for Docker Hub in a pull Secret that should have been another registry's: kubectl writes that name where
    --docker-server is left out."""
    logins = (s for c in facts.clients if c.reader == "kubelet" for s in c.logins if message.tool == "kubectl")
    return next((s for s in logins if host_of(s.key) == "index.docker.io"), None)


def _of_the_first(facts: Facts, used: str) -> StoredLogin | None:
    """The only login, where podman was to log in without a name: it takes the first of unqualified-search-registries
    (podman-login(1)), while a pushed name without a host is Docker Hub's."""
    nameless = any(m.call and m.call.tool == "podman" and not m.host for m in facts.traffic.said("login-ok"))
    logins = stored(facts)
    return logins[0] if nameless and len(logins) == 1 and used.endswith("docker.io") else None


def _under(used: str, known: str, secret: ClientConfig | None) -> Fix:
    """The login under the name that is used: in docker's own file, or in the pull Secret."""
    if secret is None:
        return Fix(
            summary=f"Log in under the name that the image reference uses, or use {known} everywhere",
            commands=(login_with_docker(used),),
            verify=(stored_login(used),),
        )
    hub = known.endswith("docker.io")
    why = ": without --docker-server kubectl writes Docker Hub's name into it" if hub else ""
    return Fix(
        summary=f"Make the pull Secret {secret.secret_name} again with a login for {used}{why}",
        commands=login_again(secret, login_with_docker(used)),
        verify=(login_used(secret, used),),
        applies=secret_read(secret),
    )


def may_be_one(one: str, other: str) -> bool:
    """Whether two host:port pairs may be names of one registry: the same host under another port, the same name in
    another domain, or at the same port a name of the same domain, a short one or an address."""
    if one == other or not one or not other:
        return False
    (a, _, p), (b, _, q) = one.partition(":"), other.partition(":")
    same_port = (p or "443") == (q or "443")
    short = any("." not in host or host.replace(".", "").isdecimal() for host in (a, b))
    akin = short or a.split(".")[-2:] == b.split(".")[-2:] or p not in ("", "443")
    return a == b or a.split(".")[0] == b.split(".")[0] or (same_port and akin)


@rule(
    "stale-stored-credentials",
    needs=("clients",),
    step="simplify",
    title="the stored credentials are not those that work",
    fix="Run docker logout HOST, then docker login HOST",
    source="bcrypt of the stored login against the htpasswd file; docker/hub-feedback#711",
    explains=REFUSED,
    hop="client",
    supersedes=("htpasswd-wrong-password", "htpasswd-user-missing"),
)
def stale(facts: Facts) -> Iterator[Finding]:
    """docker goes on sending the password it stored, long after it was changed on the server.

    Nobody types it any more, so nobody thinks of it; a colleague who logs in again has no trouble.
    """
    names = {f.file for f in files(facts)}
    for login in stored(facts):
        if login.user is None or login.password is None or login.defect or not facts.focus.uses_login(login):
            continue
        pair = (login.user, login.password)
        checks = {c.outcome: c for c in facts.checks if c.file in names and (c.user, c.password) == pair}
        sent = [e for e in facts.traffic.exchanges if (c := e.credential) and (c.user, c.password) == pair]
        compared = [c for o, c in sorted(checks.items()) if o in ("mismatch", "no-such-user")]
        refused = next((e for e in sent if e.status == 401), None)
        newer = next((e for e in facts.traffic.exchanges if _replaces(e, login)), None)
        if "accepted" in checks or any(succeeded(e) for e in sent):
            continue
        if not (compared or refused or (newer and facts.traffic.seen(*REFUSED))):
            continue
        gone = set(checks) == {"no-such-user"}
        reason = "the htpasswd file no longer has this user" if gone else "the registry has another password"
        address, secret = host_of(login.key), kept_in(facts, login)
        yield finding(
            f"The credentials stored for {login.key} ({login.user}) are refused: {reason}.",
            kept(login, f"credentials of {login.user} are stored for {login.key}"),
            [computed(f"compared by bcrypt: {c.outcome}", c.file, Subject(user=c.user)) for c in compared],
            seen(refused),
            seen(newer, ": another password of this user is accepted"),
            observed(facts, *REFUSED_SEEN, about=Subject(address=address, user=login.user)),
            explains=(*REFUSED, Symptom.NO_CREDENTIAL_SENT) if checks else (),
            refuted=(Refutation(cause="htpasswd-not-bcrypt", because="the entry itself is sound"),) if checks else (),
            fix=Fix(
                summary=f"Make the pull Secret {secret.secret_name} again with a login that works"
                if secret
                else "Log in again under exactly this name",
                commands=(
                    *(() if secret else (sh("docker", "logout", host(address)),)),
                    *login_again(secret, login_with_docker(address, login.user)),
                ),
                verify=(login_used(secret, address),),
                applies=secret_read(secret),
            ),
        )
        return


def _replaces(exchange: Exchange, login: StoredLogin) -> bool:
    """Whether another password of the same user was accepted."""
    sent = exchange.credential if is_authenticated(exchange) and succeeded(exchange) else None
    return sent is not None and sent.user == login.user and sent.password != login.password


@rule(
    "credential-helper-broken",
    needs_any=("clients", "messages"),
    step="simplify",
    title="the credential helper is missing or fails",
    fix="Install or initialise docker-credential-NAME, or remove credsStore/credHelpers from config.json",
    source="docker CLI: it asks docker-credential-NAME and goes on without a login when that fails",
    explains=(*NOT_SENT, Symptom.FAILURE),
    hop="client",
    refuted=(NO_PASSWORD,),
)
def helper_broken(facts: Facts) -> Iterator[Finding]:
    """With credsStore or credHelpers the password is not in config.json but asked from a program.

    When that fails, docker warns once and goes on without credentials, so the registry seems to refuse them.
    """
    failed = facts.traffic.said("helper-failed")
    helped = [login for login in stored(facts) if login.helper]
    silent = next(
        (
            (message, login)
            for message in facts.traffic.said("no-basic-auth")
            for login in helped
            if message.host and host_of(login.key) == message.host.lower() and login.kind == "empty"
        ),
        None,
    )
    if not failed and silent is None:
        return
    message = failed[0] if failed or silent is None else silent[0]
    said_of = [found[1] for m in failed if (found := _HELPER.search(m.text))]
    helper = next((n for n in (silent[1].helper if silent else None, *said_of, *(s.helper for s in helped)) if n), None)
    own = [s for s in helped if s.helper == helper]
    address = message.host or next((host_of(s.key) for s in own), None)
    asked = sh(glued("docker-credential-", name(helper)), "list", expect="(the address of the registry and the user)")
    forget = _without_helper(facts)
    yield finding(
        f"The credential helper ({helper or 'of config.json'}) gives no credentials, so docker sends none.",
        said(message),
        [kept(s, f"{s.key} is kept by {s.helper}") for s in own[:2]],
        fix=Fix(
            summary="Make the helper work, or remove credsStore/credHelpers from config.json; then log in again",
            commands=(*forget, login_with_docker(address)),
            verify=(asked, stored_login(address)) if helper and not forget else (stored_login(address),),
        ),
    )


_NO_STORE = r's/,\s*"credsStore"\s*:\s*"[^"]*"//; s/"credsStore"\s*:\s*"[^"]*"\s*,?//'
"""perl: takes credsStore out of a JSON object, with its comma; harmless when run again."""


def _without_helper(facts: Facts) -> tuple[Command, ...]:
    """The command that lets docker keep credentials in the file itself, where it names a helper for all registries."""
    config = next((c for c in facts.clients if c.creds_store and c.reader == "docker"), None)
    return (sh("perl", "-0pi", "-e", _NO_STORE, file(config.file)),) if config else ()


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """Credentials whose password ends in a newline: whose, where they go, and what shows it."""

    user: str | None
    password: str | None
    address: str
    cited: tuple[Item, ...]
    verify: Command
    secret: ClientConfig | None = None


@rule(
    "base64-trailing-newline",
    needs_any=("clients", "exchanges", "messages"),
    step="simplify",
    title="the encoded password ends in a newline",
    fix="Encode with printf '%s' USER:PASSWORD | base64 (printf, not echo), or let docker login write it",
    source="docker CLI decodeAuth: the newline is part of the password; charmed-kubernetes/bundle#384",
    explains=(*REFUSED, Symptom.NO_CREDENTIAL_SENT),
    hop="client",
    proves=True,
    supersedes=("htpasswd-wrong-password", "stale-stored-credentials"),
)
def trailing_newline(facts: Facts) -> Iterator[Finding]:
    """`echo user:password | base64` encodes the newline as well, and the registry compares it with the rest.

    Decoded on a terminal the credentials look right.
    """
    for one in _spoilt(facts):
        checks = [c for c in facts.checks if (c.user, c.password) == (one.user, one.password)]
        if any(c.outcome == "accepted" for c in checks):
            continue
        where = f" of the pull Secret {one.secret.secret_name}" if one.secret else ""
        made = None if one.secret else next(iter(facts.traffic.said("encoded-with-echo")), None)
        near = [computed(f"bcrypt accepts {c.near}", c.file) for c in checks if c.outcome == "mismatch" and c.near]
        yield finding(
            f"The password of {one.user} was encoded together with a newline (echo instead of printf).",
            one.cited,
            near,
            said(made),
            observed(facts, *REFUSED_SEEN, about=Subject(address=one.address, user=one.user or "")),
            fix=Fix(
                summary=f"Write printf '%s' in place of echo in the command of {made.place}, and run it again"
                if made
                else f"Let docker write the entry{where}, or encode with printf '%s' instead of echo",
                commands=() if made else login_again(one.secret, login_with_docker(one.address, one.user)),
                verify=(one.verify,),
                applies=secret_read(one.secret),
            ),
        )
        return


def _meant_elsewhere(facts: Facts, login: StoredLogin) -> bool:
    """Whether all that clients were refused was at other hosts than the one that this entry is for."""
    refused = facts.traffic.said(
        "no-basic-auth", "unauthorized", "denied", "invalid-username-password", "upload-refused", "hub-refused"
    )
    hosts = {"docker.io" if m.kind == "hub-refused" else _place(m.host or "") for m in refused}
    return bool(hosts) and "" not in hosts and _place(host_of(login.key)) not in hosts


def _place(address: str) -> str:
    """A host in small letters; Docker Hub, which has several, by one name."""
    return "docker.io" if address.lower().endswith("docker.io") else address.lower()


def _spoilt(facts: Facts) -> Iterator[_Spoilt]:
    decoded = "decoded, the password ends in a newline"
    for login in stored(facts):
        if login.defect == NEWLINE and not _meant_elsewhere(facts, login):
            items = (kept(login, f"credentials are stored for {login.key}"), computed(decoded, login.place))
            address, secret = host_of(login.key), kept_in(facts, login)
            yield _Spoilt(login.user, login.password, address, items, login_used(secret, address), secret)
    for e in facts.traffic.exchanges:
        if e.credential and e.credential.defect == NEWLINE and not succeeded(e):
            shown = (seen(e), computed(f"{decoded} (the Authorization header)", e.source))
            check = status(e.url.split("/v2", 1)[0], "-u", user(e.credential.user), expect="200")
            yield _Spoilt(e.credential.user, e.credential.password, netloc(e.url), shown, check)
