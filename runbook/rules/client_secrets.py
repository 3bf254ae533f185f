"""Credentials that are empty, out of date, or taken apart before they arrive."""

from collections.abc import Iterator

from runbook.model import CiJob, CiLogin, Finding, Fix, Message, Refutation, StoredLogin, Subject, Symptom
from runbook.model.command import PIPE, Command, glued, host, name, sh
from runbook.rules.base import Facts, rule
from runbook.rules.client import NO_PASSWORD, kept, stored
from runbook.rules.client_files import image_host
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.shell import kept_in, login_again, login_used, login_with_docker
from runbook.urls import host_of, netloc

S = Symptom


@rule(
    "ci-variable-empty",
    needs_any=("messages", "jobs"),
    step="simplify",
    title="the password variable is empty in this job",
    fix="Make the variable available to the job: its name, its protection, its environment, secrets of forks",
    source="docker CLI command/registry/login.go: with no password it asks, and without a terminal it stops; actions/docker#25",
    explains=(S.NO_CREDENTIAL_SENT, S.LOGIN_401, S.LOGIN_401_DIRECT),
    hop="client",
    supersedes=("credential-helper-broken", "registry-unreachable"),
    refuted=(NO_PASSWORD,),
)
def variable_empty(facts: Facts) -> Iterator[Finding]:
    """A protected variable is empty on an unprotected branch, a secret is not handed to a pull request of a fork, a name is
    misspelled. docker then has no password and no terminal to ask at, and says nothing of the variable.
    """
    yield from _no_host(facts)
    for message in facts.traffic.said("empty-password"):
        found = _login_of(message, facts)
        job, login = found or (None, None)
        what, variable = _lacking(message, login)
        if not variable:
            continue  # the command names none
        branch = _why(job)
        yield finding(
            f"{variable} is empty where the job runs, so docker has no {what} to send.",
            said(message),
            [read(f"the login takes its {what} from {variable}", login.place)] if login else [],
            about=Subject(address=_host(message, login)),
            fix=Fix(
                summary=f"Give the job {variable}: {branch}",
                verify=(_shows(variable, job),),
                applies="variables are read when a job starts: run it again",
            ),
        )
        return


def _no_host(facts: Facts) -> Iterator[Finding]:
    """The variable with the registry's name is the empty one."""
    message = next((m for m in facts.traffic.said("host-empty") if m.detail), None)
    if message is None:
        return
    job = next(iter(facts.evidence.jobs), None)
    yield finding(
        f"{message.detail} is empty where the job runs, so the image has no registry in its name.",
        said(message),
        explains=(S.FAILURE, S.NO_CREDENTIAL_SENT),
        fix=Fix(
            summary=f"Give the job {message.detail}: {_why(job)}",
            verify=(_shows(message.detail, job),),
            applies="variables are read when a job starts: run it again",
        ),
    )


def _lacking(message: Message, login: CiLogin | None) -> tuple[str, str]:
    """What docker misses, and the variable that ought to hold it; "" where the command refers to none."""
    if not any(words in message.text for words in ("--username", "username is empty")):
        return "password", (login.password_variable if login else "") or (message.call.variable if message.call else "")
    typed = message.user or ""
    return "user name", typed.strip("${}\"'") if typed.startswith("$") else (login.user_variable if login else "")


def _login_of(message: Message, facts: Facts) -> tuple[CiJob, CiLogin] | None:
    """The login step that the message is about: by its variable, else the only one."""
    logins = [(job, login) for job in facts.evidence.jobs for login in job.logins if login.password_variable]
    called = message.call.variable if message.call else ""
    named = [pair for pair in logins if pair[1].password_variable == called]
    return (
        (named or logins)[0]
        if named or (logins and not called and len({p[1].password_variable for p in logins}) == 1)
        else None
    )


def _why(job: CiJob | None) -> str:
    if job is None:
        return "look for a misspelled name, and whether the shell or the step exports it"
    if job.system == "gitlab":
        return (
            "under Settings > CI/CD > Variables take the protection off, or protect the branch; compare the name, and the "
            "environment that it is limited to"
        )
    if job.system == "github":
        forks = "pull requests of forks get no secrets; " if any("pull_request" in t for t in job.triggers) else ""
        return f"{forks}compare the name of the secret, and the environment that it belongs to"
    return "compare its name, and which branches and events it is given to"


def _host(message: Message, login: CiLogin | None) -> str:
    written = login.host if login and "$" not in login.host else ""
    return image_host(f"{written}/x") or (message.host or "")


def _shows(variable: str, job: CiJob | None) -> Command:
    """Prints the number of lines that are not empty, never the value; a secret that a step of GitHub is given is no variable there."""
    if job and job.system == "github" and variable in job.secrets and all(v.name != variable for v in job.variables):
        return sh("gh", "secret", "list", expect=f"{variable} (a secret of an environment: add --env)")
    return sh("printenv", name(variable), PIPE, "grep", "-c", ".", expect="1 (0: it is empty)")


# ---- a URL that the password took apart ----------------------------------------------------------------------


@rule(
    "password-not-url-encoded",
    needs_any=("messages", "exchanges"),
    step="simplify",
    tier=2,
    title="a password is in a URL without encoding",
    fix="Encode it: python3 -c 'import urllib.parse,getpass; print(urllib.parse.quote(getpass.getpass(), safe=\"\"))'",
    source="Go net/url: invalid URL escape, invalid port after host, invalid userinfo (run with go 1.26)",
    explains=(S.FAILURE, S.NAME_UNKNOWN, S.UNREACHABLE),
    hop="client",
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the request was never made"),),
)
def not_encoded(facts: Facts) -> Iterator[Finding]:
    """In https://user:password@host the characters % @ : / # ? mean something else. The client then reads a part of the
    password as a host or a port, and complains of an address that nobody wrote.
    """
    message = next(iter(facts.traffic.said("url-invalid")), None)
    asked = next((e for e in facts.traffic.exchanges if e.error == "url-invalid"), None)
    if message is None and asked is None:
        return
    reached = (message.host if message else None) or (netloc(asked.url) if asked else None)
    yield finding(
        "A password with special characters is in a URL as it is, so the URL cannot be read.",
        said(message),
        seen(asked),
        fix=Fix(
            summary="Encode the password in the URL (% as %25, @ as %40, : as %3A, / as %2F), or give user and password apart",
            commands=(
                sh("python3", "-c", "import getpass, urllib.parse; print(urllib.parse.quote(getpass.getpass(), safe=''))",
                   expect="(the password as it may stand in a URL)"),
            ),
            verify=(login_with_docker(reached),),
        ),
    )  # fmt: skip


# ---- a token out of date -------------------------------------------------------------------------------------


@rule(
    "token-expired",
    needs_any=("messages", "exchanges", "clients"),
    step="simplify",
    title="the stored token has outlived its life",
    fix="Log in again; let a credential helper or a job renew the token",
    source="Amazon ECR: an authorization token is valid for 12 hours; awslabs/amazon-ecr-credential-helper#118",
    explains=(S.TOKEN_REFUSED, S.LOGIN_401, S.LOGIN_401_DIRECT, S.FAILURE, S.FORBIDDEN, S.NO_CREDENTIAL_SENT),
    hop="client",
    supersedes=("htpasswd-wrong-password", "stale-stored-credentials", "access-denied-by-rule"),
    refuted=(
        Refutation(cause="htpasswd-wrong-password", because="the registry takes a token that has run out of time"),
    ),
)
def token_expired(facts: Facts) -> Iterator[Finding]:
    """Clouds hand out logins that are tokens: hours later the same config.json, the same pull Secret no longer works, and
    nobody has changed anything.
    """
    told = next(iter(facts.traffic.said("token-expired")), None)
    refused = next((e for e in facts.traffic.exchanges if e.status in (401, 403) and "expired" in e.body.lower()), None)
    if told is None and refused is None:
        return
    address = (told.host if told else None) or (host_of(refused.url) if refused else "")
    own = [s for s in stored(facts) if host_of(s.key) == address]
    secret = next((c for s in own if (c := kept_in(facts, s))), None)
    yield finding(
        f"The token stored for {address or 'the registry'} has expired.",
        said(told),
        seen(refused),
        [kept(s, f"a login is stored for {s.key}") for s in own[:1]],
        about=Subject(address=address),
        fix=Fix(
            summary="Fetch a new token and log in with it; let a credential helper (or a CronJob, for a pull Secret) renew it",
            commands=login_again(secret, _renewed(address, own)),
            verify=(login_used(secret, address or None),),
            applies="clients read their stored login at every command",
        ),
    )


def _renewed(address: str, own: list[StoredLogin]) -> Command:
    """Amazon's has a command of its own; all others are logged in to as before."""
    region = address.split(".")[3] if ".dkr.ecr." in address and address.count(".") > 4 else ""
    if region:
        return sh("aws", "ecr", "get-login-password", glued("--region=", name(region)), PIPE, "docker", "login", "-u",
                  "AWS", "--password-stdin", host(address))  # fmt: skip
    return login_with_docker(address or None, next((s.user for s in own if s.user), None))
