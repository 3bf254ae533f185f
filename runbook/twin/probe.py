"""The requests that show the symptoms, sent to a twin: what came back, and whether that is as it should be."""

import base64
import http.client
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.lab import Lab
from runbook.twin.rebuild import PASSWORD, Twin
from runbook.urls import urlsplit

_DIGEST = "sha256:" + "0" * 64
_MOST_BODY = 8 << 20
"""Bytes that are sent at most to show a limit of bodies."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A request and what came back."""

    request: str
    answer: str
    good: bool


@dataclass(frozen=True, slots=True)
class _Try:
    name: str
    method: str
    path: str
    through: bool
    login: bool = False
    size: int = 0
    origin: str = ""


def probe(lab: Lab, twin: Twin) -> tuple[Shown, ...]:
    """Send all of them; the login that is typed is the twin's own."""
    return tuple(_shown(lab, twin, one) for one in _tries(twin))


def _tries(twin: Twin) -> Iterator[_Try]:
    for through in (False, True) if twin.through else (False,):
        where = "through the proxy" if through else "at the registry"
        yield _Try(f"GET /v2/ without a login, {where}", "GET", "/v2/", through)
        yield _Try(f"GET /v2/ with the login, {where}", "GET", "/v2/", through, login=True)
        upload = "/v2/test/blobs/uploads/"
        yield _Try(f"POST {upload} with the login, {where}", "POST", upload, through, login=True)
        if through and 0 < twin.limit < _MOST_BODY:
            size = twin.limit + 1
            yield _Try(f"a body of {size} bytes, {where}", "POST", upload, through, login=True, size=size)
    if twin.deletes:
        yield _Try(
            "DELETE of a manifest, at the registry", "DELETE", f"/v2/test/manifests/{_DIGEST}", False, login=True
        )
    if twin.origin:
        yield _Try(
            f"GET /v2/ by the page of {twin.origin}",
            "GET",
            "/v2/",
            twin.through and not twin.past_proxy,
            login=True,
            origin=twin.origin,
        )


def _shown(lab: Lab, twin: Twin, one: _Try) -> Shown:
    port = lab.plan.ui_port if one.through else lab.plan.registry_port
    headers = {"Host": f"localhost:{port}"}
    if one.login:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{lab.plan.user}:{PASSWORD}".encode()).decode()
    if one.origin:
        headers["Origin"] = one.origin
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(one.method, one.path, bytes(one.size) or None, headers)
        answer = connection.getresponse()
        answer.read(1 << 16)
    except (OSError, http.client.HTTPException):
        return Shown(one.name, "no response", good=False)
    finally:
        connection.close()
    return Shown(one.name, *_judged(one, twin, answer, port))


def _judged(one: _Try, twin: Twin, answer: http.client.HTTPResponse, port: int) -> tuple[str, bool]:
    """What came back in a few words, and whether it is what a healthy stack says."""
    status = answer.status
    if one.origin:
        allowed = answer.headers.get_all("Access-Control-Allow-Origin") or []
        consent = answer.headers.get_all("Access-Control-Allow-Credentials") or []
        good = status == 200 and allowed == [one.origin] and consent == ["true"]
        return (
            f"{status}, Access-Control-Allow-Origin: {', '.join(allowed) or 'none'}, credentials: {', '.join(consent) or 'none'}",
            good,
        )
    if one.method == "DELETE":
        return str(status), status in (202, 404)
    if one.size:
        return str(status), status != 413 and status < 500
    if one.method == "POST":
        location = answer.headers.get("Location") or ""
        asked = urlsplit(location).netloc in ("", f"localhost:{port}") and urlsplit(location).scheme in ("", "http")
        led = f", Location: {location.partition('/v2/')[0] or 'relative'}" if status == 202 and not asked else ""
        return f"{status}{led}", status == 202 and asked
    if one.login:
        return str(status), status == 200
    challenge = answer.headers.get("WWW-Authenticate")
    told = ", no challenge" if status == 401 and not challenge else ""
    return f"{status}{told}", (status == 401 and bool(challenge)) or (status == 200 and twin.open)
