"""The client's stored logins: under which name, how written, and whether they are still right."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    ClientConfig,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    Message,
    Refutation,
    Stack,
    StoredLogin,
    Symptom,
)
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.rules.base import rule
from runbook.rules.logins import REFUSED, certainty, files, quoted

NOT_SENT = (Symptom.NO_CREDENTIAL_SENT, Symptom.LOGIN_401, Symptom.LOGIN_401_DIRECT)


def host_of(key: str) -> str:
    """The host[:port] of a key as docker compares it: without scheme and path."""
    return key.split("://", 1)[-1].split("/", 1)[0].lower()


def logins(clients: tuple[ClientConfig, ...]) -> Iterator[StoredLogin]:
    """All stored logins of all client files."""
    return (login for client in clients for login in client.logins)


@rule(
    "credentials-under-other-host",
    sees=("clients", "messages"),
    step="simplify",
    title="the login is stored under another name of the same registry",
    fix="docker login HOST:PORT with exactly the name that stands in the image's name",
    source="docker CLI config.json (run): the key is the literal host[:port]; moby/moby#10732",
)
def under_other_host(evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """docker keeps a login under the literal host:port: localhost:5000, 127.0.0.1:5000 and registry:5000 are three.

    "Login Succeeded" and then 401 looks like a broken registry; the realm or "scope" is blamed instead.
    """
    sent_none = [m for m in traffic.said("no-basic-auth", "unauthorized", "denied") if m.host]
    sent_none += [
        m for m in traffic.said("invalid-username-password") if m.host and not m.user
    ]  # skopeo without a login
    for message in sent_none:
        host = (message.host or "").lower()
        stored = list(logins(evidence.clients))
        if any(host_of(login.key) == host for login in stored) or _logged_in(host, message, traffic):
            continue
        other = next((s for s in stored if _alias(host_of(s.key), host)), None)
        earlier = next((m for m in traffic.said("login-ok") if m.host and _alias(m.host.lower(), host)), None)
        if other is None and earlier is None:
            continue
        name = host_of(other.key) if other else (earlier.host if earlier else "")
        places = [EvidenceItem(what=f"a login is stored for {other.key}", where=str(other.place))] if other else []
        if earlier:
            places.append(EvidenceItem(what=f"{earlier.text} ({earlier.host})", where=str(earlier.place)))
        yield Finding(
            cause="credentials-under-other-host",
            summary=f"The login is stored for {name}, but the request goes to {host}: docker sends none there.",
            certainty=Certainty.PROVEN if other else Certainty.LOGGED,
            explains=NOT_SENT,
            hop="client",
            evidence=(EvidenceItem(what=message.text, where=str(message.place)), *places),
            refuted=(Refutation(cause="htpasswd-wrong-password", because="no password was sent to be compared"),),
            fix=Fix(
                summary=f"Log in under the name that the image uses, or use {name} everywhere.",
                commands=(f"docker login {quoted(host)}",),
                verify=('grep -o \'"[^"]*": {\' ~/.docker/config.json',),
            ),
        )
        return


def _logged_in(host: str, before: Message, traffic: Traffic) -> bool:
    return any((m.host or "").lower() == host for m in traffic.said("login-ok"))


def _alias(one: str, other: str) -> bool:
    """Whether two host:port pairs may be names of one registry: the same port or the same host, but not both."""
    if one == other or not one or not other:
        return False
    (a, _, p), (b, _, q) = one.partition(":"), other.partition(":")
    return a == b or (p or "443") == (q or "443") or a.split(".")[0] == b.split(".")[0]


@rule(
    "stale-stored-credentials",
    sees=("clients",),
    step="simplify",
    title="the stored login is not the one that works",
    fix="docker logout HOST; docker login HOST",
    source="bcrypt of the stored login against the htpasswd file; docker/hub-feedback#711",
)
def stale(evidence: Evidence, stack: Stack, traffic: Traffic, clients: tuple[ClientConfig, ...]) -> Iterator[Finding]:
    """docker goes on sending the password it stored, long after it was changed on the server.

    Nobody types it any more, so nobody thinks of it; a colleague who logs in anew has no trouble.
    """
    names = {f.file for f in files(evidence, stack)}
    for login in logins(clients):
        if login.user is None or login.password is None or login.defect or not _concerns(login, traffic, clients):
            continue
        outcomes = {
            c.outcome
            for c in evidence.checks
            if c.file in names and c.user == login.user and c.password == login.password
        }
        accepted = "accepted" in outcomes or _answers(login, traffic, works=True)
        refused = bool(outcomes & {"mismatch", "no-such-user"}) or _answers(login, traffic, works=False)
        newer = any(
            e.credential and e.credential.user == login.user and e.credential.password != login.password
            for e in traffic.exchanges
            if is_authenticated(e) and succeeded(e)
        )
        if accepted or not (refused or (newer and traffic.seen(*REFUSED))):
            continue
        told = "no longer has this user" if outcomes == {"no-such-user"} else "has another password"
        yield Finding(
            cause="stale-stored-credentials",
            summary=f"The login stored for {login.key} ({login.user}) is refused: the registry's file {told}.",
            certainty=max(Certainty.SEEN, certainty(traffic, REFUSED)) if refused else Certainty.LOGGED,
            explains=(*REFUSED, Symptom.NO_CREDENTIAL_SENT) if outcomes else REFUSED,
            hop="client",
            evidence=(
                EvidenceItem(what=f"the login stored for {login.key} does not match", where=str(login.place)),
                *(EvidenceItem(what=f"compared by bcrypt: {o}", where=next(iter(names))) for o in sorted(outcomes)),
            ),
            supersedes=("htpasswd-wrong-password", "htpasswd-user-missing"),
            refuted=(Refutation(cause="htpasswd-not-bcrypt", because="the entry itself is sound"),) if outcomes else (),
            fix=Fix(
                summary="Log in anew under exactly this name.",
                commands=(f"docker logout {quoted(host_of(login.key))}", f"docker login {quoted(host_of(login.key))}"),
                verify=(f"docker login {quoted(host_of(login.key))}",),
            ),
        )
        return


def _concerns(login: StoredLogin, traffic: Traffic, clients: tuple[ClientConfig, ...]) -> bool:
    """Whether this login is the one sent to the registry in question, as far as its name is known."""
    hosts = {m.host.lower() for m in traffic.messages if m.host}
    mine = host_of(login.key)
    return not hosts or mine in hosts or not any(host_of(other.key) in hosts for other in logins(clients))


def _answers(login: StoredLogin, traffic: Traffic, *, works: bool) -> bool:
    return any(
        succeeded(e) if works else e.status == 401
        for e in traffic.exchanges
        if e.credential and (e.credential.user, e.credential.password) == (login.user, login.password)
    )


@rule(
    "credential-helper-broken",
    sees=("clients", "messages"),
    step="simplify",
    title="the credential helper is missing or fails",
    fix="install or initialise docker-credential-NAME, or remove credsStore/credHelpers from config.json",
    source="docker CLI: it asks docker-credential-NAME and goes on without a login when that fails",
)
def helper_broken(evidence: Evidence, traffic: Traffic) -> Iterator[Finding]:
    """With credsStore or credHelpers the password is not in config.json but asked from a program.

    When that fails, docker warns once and goes on without a login, so the registry seems to refuse it.
    """
    failed = traffic.said("helper-failed")
    stored = [login for login in logins(evidence.clients) if login.helper]
    silent = [
        (message, login)
        for message in traffic.said("no-basic-auth")
        for login in stored
        if message.host and host_of(login.key) == message.host.lower() and login.kind == "empty"
    ]
    if not failed and not silent:
        return
    helper = next((login.helper for _, login in silent), None) or next((m.detail for m in failed if m.detail), "")
    helper = helper or next((login.helper or "" for login in stored), "") or "the credential helper"
    message = failed[0] if failed else silent[0][0]
    yield Finding(
        cause="credential-helper-broken",
        summary=f"The credential helper ({helper}) gives no login, so docker sends none.",
        certainty=Certainty.PROVEN if failed and stored else Certainty.LOGGED,
        explains=(*NOT_SENT, Symptom.FAILURE),
        hop="client",
        evidence=(
            EvidenceItem(what=message.text, where=str(message.place)),
            *(EvidenceItem(what=f"{s.key} is kept by {s.helper}", where=str(s.place)) for s in stored[:2]),
        ),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="no password was sent to be compared"),),
        fix=Fix(
            summary="Make the helper work, or take credsStore/credHelpers out of config.json and log in again.",
            commands=(f"echo https://HOST | docker-credential-{quoted(helper)} get",) if helper.isalnum() else (),
            verify=("docker login HOST",),
        ),
    )


@rule(
    "base64-trailing-newline",
    sees=("clients", "exchanges", "messages"),
    step="simplify",
    title="the stored login ends in a newline",
    fix="printf '%s' USER:PASSWORD | base64 (printf, not echo), or docker login",
    source="docker CLI decodeAuth: the newline is part of the password; charmed-kubernetes/bundle#384",
)
def trailing_newline(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """`echo user:password | base64` encodes the newline as well, and the registry compares it with the rest.

    Decoded on a terminal the login looks right.
    """
    spoilt = [
        (login.user, login.password, str(login.place), f"the login stored for {login.key}")
        for login in logins(evidence.clients)
        if login.defect == "trailing newline"
    ]
    spoilt += [
        (e.credential.user, e.credential.password, str(e.source), f"the header of {e.method} {e.url}")
        for e in traffic.exchanges
        if e.credential and e.credential.defect == "trailing newline" and not succeeded(e)
    ]
    for user, password, where, what in spoilt:
        checks = [c for c in evidence.checks if c.user == user and c.password == password]
        if any(c.outcome == "accepted" for c in checks):
            continue
        yield Finding(
            cause="base64-trailing-newline",
            summary=f"The password of {user} was encoded together with a newline (echo in place of printf).",
            certainty=Certainty.PROVEN if traffic.seen(*REFUSED) else Certainty.READ,
            explains=(*REFUSED, Symptom.NO_CREDENTIAL_SENT),
            hop="client",
            evidence=(
                EvidenceItem(what=f"{what} decodes to a password that ends in a newline", where=where),
                *(EvidenceItem(what=f"accepted: {c.near}", where=c.file) for c in checks if "newline" in c.near),
            ),
            proves=True,
            supersedes=("htpasswd-wrong-password", "stale-stored-credentials"),
            fix=Fix(
                summary="Let docker write the entry, or encode with printf.",
                commands=("docker login HOST -u USER --password-stdin < PASSWORD_FILE",),
                verify=("docker login HOST",),
            ),
        )
        return
