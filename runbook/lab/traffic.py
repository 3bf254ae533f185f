"""What people do before they ask for help: log in, list, and try by hand what failed. All of it ends
up in the logs; what was tried by hand is handed over as a `curl -i` transcript."""

import base64
import http.client
import re
from dataclasses import replace

from runbook.lab.plan import UPLOAD, Plan, Try
from runbook.wire import connect, reachable

_LOGIN = tuple(
    Try("GET", path, via, login=login)
    for via in (False, True)
    for path, login in (("/v2/", False), ("/v2/", True), ("/v2/_catalog", True))
)
_DOCKER = "docker/28.2.2 go/go1.24.3 os/linux arch/amd64"


def exercise(plan: Plan) -> str:
    """Do it all; the transcript of the requests made by hand is returned ("" when there were none)."""
    for attempt in _LOGIN:
        _send(plan, attempt, _DOCKER)
    return "\n".join(_transcript(plan, attempt) for attempt in plan.tried)


def _transcript(plan: Plan, attempt: Try) -> str:
    if UPLOAD in attempt.path:
        start = replace(attempt, method="POST", path=attempt.path.replace(UPLOAD, "uploads/"), size=0)
        return _transcript(plan, start) + "\n" + _go_on(plan, attempt, start)
    port = plan.ui_port if attempt.via else plan.registry_port
    options = f"-X {attempt.method}" + (f" -u {plan.user}" if attempt.login else "")
    options += "".join(f" -H '{name}: {value}'" for name, value in attempt.headers)
    options += " --data-binary @layer.tar.gz" if attempt.size else ""
    answer = _send(plan, attempt, "curl/7.88.1")
    head = f"$ curl -si {options} http://localhost:{port}{attempt.path}\n"
    return head + (answer or "curl: (7) Failed to connect to localhost\n")


def _go_on(plan: Plan, attempt: Try, start: Try) -> str:
    """The same with a fresh upload's own path."""
    opened = re.search(r"(?mi)^Location: (?:https?://[^/]+)?(/\S+)", _send(plan, start, "curl/7.88.1") or "")
    path = opened[1] if opened else attempt.path.replace(UPLOAD, "uploads/0")
    return _transcript(plan, replace(attempt, path=path))


def _send(plan: Plan, attempt: Try, agent: str) -> str | None:
    """Send one request; the answer as `curl -i` prints it, or None when nobody answered."""
    port = plan.ui_port if attempt.via else plan.registry_port
    if not reachable(port):
        return None
    headers = {"Host": f"localhost:{port}", "User-Agent": agent, **dict(attempt.headers)}
    if attempt.login:
        pair = f"{plan.user}:{plan.password}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    connection = connect(port, 20)
    try:
        connection.request(attempt.method, attempt.path, bytes(attempt.size) or None, headers)
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{n}: {v}" for n, v in answer.getheaders())]
    return "\n".join(lines) + f"\n\n{body}\n"
