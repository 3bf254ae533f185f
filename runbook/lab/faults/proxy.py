"""Faults of what the hop in front of the registry does to headers and bodies."""

import base64

from runbook.lab.faults.base import fault
from runbook.lab.hashes import bcrypt_hash, htpasswd_line
from runbook.lab.plan import UPLOAD, Plan, Try

_UPLOAD = Try("POST", "/v2/tools/backup/blobs/uploads/", via=True)


def hand_made(plan: Plan) -> None:
    """A plain nginx in place of the UI's, for what the UI's variables cannot say."""
    if plan.proxy.software == "ui":
        plan.proxy.software = "nginx"


def _basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def _leave_authorization(plan: Plan) -> None:
    plan.proxy.request_headers.pop("Authorization")


@fault("authorization-stripped", "the proxy removes Authorization", solve=_leave_authorization)
def authorization_stripped(plan: Plan) -> None:
    plan.proxy.request_headers["Authorization"] = ""


@fault("proxy-overwrites-authorization", "the proxy sends an old login of its own", solve=_leave_authorization)
def overwrites(plan: Plan) -> None:
    plan.proxy.request_headers["Authorization"] = _basic("ui", "retired-" + plan.colleague_password)


@fault("proxy-bypasses-auth", "the proxy logs everybody in", solve=_leave_authorization)
def bypasses(plan: Plan) -> None:
    plan.proxy.request_headers["Authorization"] = _basic(plan.colleague, plan.colleague_password)


@fault("static-basic-credential-wrong-encoding", "the fixed login holds a hash", solve=_leave_authorization)
def wrong_encoding(plan: Plan) -> None:
    hashed = bcrypt_hash(plan.colleague_password).decode()
    plan.proxy.request_headers["Authorization"] = _basic(plan.colleague, hashed)


def _one_gate(plan: Plan) -> None:
    plan.proxy.realm = None
    plan.files.pop(".proxy-htpasswd")


@fault("double-auth-one-header", "proxy and registry both ask for a login", solve=_one_gate)
def double_auth(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.realm = "Front Door"
    plan.files[".proxy-htpasswd"] = htpasswd_line("gate", "front-" + plan.colleague_password) + b"\n"


def _challenge_ping(plan: Plan) -> None:
    plan.proxy.open_ping = False


@fault("ping-not-challenged", "the proxy answers /v2/ by itself", solve=_challenge_ping)
def ping_open(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.open_ping = True


def _show_challenge(plan: Plan) -> None:
    plan.proxy.hidden.remove("WWW-Authenticate")


@fault("www-authenticate-missing", "the proxy hides the challenge", solve=_show_challenge)
def challenge_hidden(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.hidden.append("WWW-Authenticate")


def _keep_host(plan: Plan) -> None:
    plan.proxy.host = "$http_host"


@fault("location-header-port-lost", "Host is sent on without the port", solve=_keep_host)
def port_lost(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.host = "$host"
    plan.tried.append(_UPLOAD)


@fault("location-header-wrong-host", "Host is replaced by an inner name", solve=_keep_host)
def wrong_host(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.host = f"{plan.registry}.internal"
    plan.tried.append(_UPLOAD)


def _no_limit(plan: Plan) -> None:
    plan.proxy.body_limit = 0


@fault("client-max-body-size", "the proxy takes no bodies over 1 MB", solve=_no_limit)
def body_limit(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.body_limit = 1 << 20
    plan.tried.append(Try("PATCH", f"/v2/tools/backup/blobs/{UPLOAD}", via=True, size=1_900_000))


def _no_path(plan: Plan) -> None:
    plan.proxy.upstream = (plan.proxy.upstream or "").rstrip("/")


@fault("proxy-pass-uri-rewrite", "proxy_pass ends in a slash and rewrites the path", solve=_no_path)
def uri_rewrite(plan: Plan) -> None:
    plan.proxy.upstream = f"http://{plan.registry}:{plan.listen_port}/"


def _always(plan: Plan) -> None:
    plan.proxy.added = [(name, value, True) for name, value, _ in plan.proxy.added]


@fault("add-header-without-always", "add_header has no `always`", solve=_always)
def without_always(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.added += [
        ("Access-Control-Allow-Origin", "https://portal.example", False),
        ("Access-Control-Allow-Credentials", "true", False),
    ]


def _let_all_in(plan: Plan) -> None:
    plan.proxy.allowed = ""


@fault("access-denied-by-rule", "the proxy lets one network in only", solve=_let_all_in)
def access_denied(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.allowed = "10.20.0.0/16"


def _let_all_programs_in(plan: Plan) -> None:
    plan.proxy.turned_away = ""
    plan.tried.clear()


@fault("user-agent-filter", "the proxy turns one program away", solve=_let_all_programs_in)
def user_agent_filter(plan: Plan) -> None:
    hand_made(plan)
    plan.proxy.turned_away = "docker/"
    # Several, since a proxy writes a request down after it has answered: the last may come too late for the bundle.
    plan.tried += [Try("GET", path, via=True, login=False) for path in ("/v2/", "/v2/_catalog") * 3]
