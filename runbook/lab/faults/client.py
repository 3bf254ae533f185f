"""Faults of the person's own machine: which login the client has stored, and how."""

import base64
import json

from runbook.lab.faults.base import fault
from runbook.lab.plan import Plan

CONFIG = "config.json"


def _host(plan: Plan) -> str:
    return f"localhost:{plan.registry_port}"


def _auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def _store(plan: Plan, config: object, said: str) -> None:
    plan.handed[CONFIG] = json.dumps(config, indent=2).encode() + b"\n"
    plan.handed["pull.txt"] = f"$ docker pull {_host(plan)}/tools/backup:1.4\n{said}\n".encode()


def log_in(plan: Plan) -> None:
    """`docker login` with the address that is really used."""
    plan.handed[CONFIG] = json.dumps({"auths": {_host(plan): _auth(plan.user, plan.password)}}, indent=2).encode()


def _log_in_again(plan: Plan) -> None:
    """`docker logout` and `docker login`."""
    log_in(plan)
    plan.handed.pop("pull.txt")


_HEAD = 'Error response from daemon: Head "http://{host}/v2/tools/backup/manifests/1.4": '
_UNAUTHORIZED = _HEAD + "unauthorized: authentication required"
_NO_LOGIN = _HEAD + "no basic auth credentials"


@fault("credentials-under-other-host", "the login is stored under another name of the host", solve=_log_in_again)
def other_host(plan: Plan) -> None:
    key = f"127.0.0.1:{plan.registry_port}"
    _store(plan, {"auths": {key: _auth(plan.user, plan.password)}}, _NO_LOGIN.format(host=_host(plan)))


@fault("stale-stored-credentials", "the stored login is an old one", solve=_log_in_again)
def stale(plan: Plan) -> None:
    auth = _auth(plan.user, "last-" + plan.password)
    _store(plan, {"auths": {_host(plan): auth}}, _UNAUTHORIZED.format(host=_host(plan)))


@fault("base64-trailing-newline", "the stored login was made with echo", solve=_log_in_again)
def trailing_newline(plan: Plan) -> None:
    auth = _auth(plan.user, plan.password + "\n")
    _store(plan, {"auths": {_host(plan): auth}}, _UNAUTHORIZED.format(host=_host(plan)))


@fault("credential-helper-broken", "the credential helper is not there", solve=_log_in_again)
def helper_broken(plan: Plan) -> None:
    said = (
        'error getting credentials - err: exec: "docker-credential-desktop.exe": '
        "executable file not found in $PATH, out: ``"
    )
    _store(plan, {"auths": {_host(plan): {}}, "credsStore": "desktop.exe"}, said)
