"""What a healthy stack does for people, asked from outside: the complaint of a round and the proof of a fix."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urlsplit

from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.model import PROBE_USER
from runbook.stack.browser import refusal
from runbook.training import docker
from runbook.wire import connect

UPLOADS = "/v2/school/practice/blobs/uploads/"
_DIGEST = "sha256:" + "4c" * 32


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 when nobody answered."""

    status: int = 0
    reason: str = "nobody answers"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The first header of that name, or ""."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")


def send(
    port: int, method: str, path: str, login: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None, body: bytes | None = None,
) -> Answer:  # fmt: skip
    """One request to loopback."""
    sent = {"Host": f"localhost:{port}", **(headers or {})}
    if login:
        sent["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    connection = connect(port, 20)
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.reason, tuple(answer.getheaders()), answer.read(1 << 20))
    except (OSError, HTTPException):
        return Answer()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that people rely on."""

    name: str
    complaint: str
    """What somebody says who does not get it."""
    holds: Callable[[Lab, Plan], bool]
    shortcut: bool = False
    """Whether only a forbidden shortcut, or a fault of that very kind, makes it fail."""


def failing(lab: Lab, plan: Plan, first: Plan | None = None) -> Iterator[Expectation]:
    """The expectations that are not met now, the most telling first. With the stack as it was at `first`, what that
    one offered must still be offered: removing a feature is no fix."""
    kept = Expectation("the offer", "The page no longer offers to delete images.", lambda lab, plan: _offers(plan))
    expected = (*EXPECTATIONS, *([kept] if first and _offers(first) else []))
    return (expectation for expectation in expected if not expectation.holds(lab, plan))


def _offers(plan: Plan) -> bool:
    return plan.proxy.environment.get("DELETE_IMAGES") == "true"


def _right(plan: Plan) -> tuple[str, str]:
    return plan.user, plan.password


def _login(lab: Lab, plan: Plan) -> bool:
    return send(plan.registry_port, "GET", "/v2/", _right(plan)).status == 200


def _colleague(lab: Lab, plan: Plan) -> bool:
    return send(plan.registry_port, "GET", "/v2/", (plan.colleague, plan.colleague_password)).status == 200


def _door(lab: Lab, plan: Plan) -> bool:
    """Without a login, and with a wrong one: 401, directly and through the page's own proxy."""
    ports = [plan.registry_port, *([plan.ui_port] if plan.proxy.upstream else [])]
    strangers = (None, (PROBE_USER, "wrong-on-purpose"))
    answers = [send(port, "GET", "/v2/", login) for port in ports for login in strangers]
    return not any(200 <= answer.status < 300 for answer in answers)


def _page(lab: Lab, plan: Plan) -> bool:
    """The page shows the list: through its own proxy, or straight from the browser if the headers allow it."""
    if plan.access == "proxy":
        answer = send(plan.ui_port, "GET", "/v2/_catalog", _right(plan))
        return answer.status == 200 and answer.body.startswith(b"{")
    target = urlsplit(plan.proxy.environment.get("REGISTRY_URL", ""))
    if target.hostname not in ("localhost", "127.0.0.1") or target.port != plan.registry_port:
        return False
    answer = send(plan.registry_port, "GET", "/v2/_catalog", _right(plan), {"Origin": plan.origin})
    return answer.status == 200 and refusal(plan.origin, answer.headers, credentials=True) is None


def _push(port: int, plan: Plan) -> bool:
    """An upload can be opened, and goes on at the address that it was opened at; it is cancelled again."""
    answer = send(port, "POST", UPLOADS, _right(plan))
    if answer.status != 202:
        return False
    place = urlsplit(answer.header("Location"))
    send(port, "DELETE", place.path + (f"?{place.query}" if place.query else ""), _right(plan))
    return not place.netloc or place.netloc == f"localhost:{port}"


def _push_direct(lab: Lab, plan: Plan) -> bool:
    return _push(plan.registry_port, plan)


def _push_proxied(lab: Lab, plan: Plan) -> bool:
    return not plan.proxy.upstream or _push(plan.ui_port, plan)


def _challenge(lab: Lab, plan: Plan) -> bool:
    """Whoever is refused is told how to log in, by the registry and by what stands in front of it."""
    ports = [plan.registry_port, *([plan.ui_port] if plan.proxy.upstream else [])]
    answers = [send(port, "GET", "/v2/") for port in ports]
    return all(bool(a.header("WWW-Authenticate")) for a in answers if a.status == 401)


def _delete(lab: Lab, plan: Plan) -> bool:
    """Where the page offers deleting, the registry must allow it, and the browser must be able to ask for it."""
    if plan.proxy.environment.get("DELETE_IMAGES") != "true":
        return True
    if plan.access != "proxy":
        return False  # the registry answers the preflight 401, whatever is configured
    path = f"/v2/school/practice/manifests/{_DIGEST}"
    return send(plan.registry_port, "DELETE", path, _right(plan)).status != 405


def _kept(lab: Lab, plan: Plan) -> bool:
    """What was pushed is there after the containers were created again."""
    opened = send(plan.registry_port, "POST", UPLOADS, _right(plan))
    place = re.sub(r"^https?://[^/]+", "", opened.header("Location"))
    if opened.status != 202 or not place:
        return True  # that nothing can be pushed is another complaint
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    joined = f"{place}{'&' if '?' in place else '?'}digest={digest}"
    if send(plan.registry_port, "PUT", joined, _right(plan)).status != 201:
        return True
    lab.change(lambda plan: None)
    return send(plan.registry_port, "HEAD", f"/v2/school/practice/blobs/{digest}", _right(plan)).status == 200


def _client(lab: Lab, plan: Plan) -> bool:
    """Where a docker client takes part, it can push with the login that it keeps."""
    return not docker.takes_part(plan) or docker.push(plan)[1] == "201"


EXPECTATIONS = (
    Expectation(
        "the door", "Somebody without any login, or with a wrong one, gets in. The audit is on Friday.", _door, True
    ),
    Expectation(
        "the login", "`docker login` at the registry does not work for {user}, with the right password.", _login
    ),
    Expectation("the colleague", "`docker login` no longer works for {colleague}.", _colleague),
    Expectation("the page", "{user} types the right password into the page, and no list of images comes.", _page),
    Expectation("the push", "`docker login` works for {user}, but `docker push` does not get through.", _push_direct),
    Expectation(
        "the challenge",
        "`docker login` at the page's address says that the server does not ask for a login in a way it knows.",
        _challenge,
    ),
    Expectation("the proxied push", "`docker push` to the page's address ends somewhere else.", _push_proxied),
    Expectation("the client", "`docker push` of {user} does not get through.", _client),
    Expectation("deleting", "The page offers to delete images, and it never works.", _delete),
    Expectation("the images", "After the last `docker compose up -d` all images were gone.", _kept),
)
