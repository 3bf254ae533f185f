"""The embedded registry: routes, authorization, answers and log lines as distribution has them."""

import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from runbook.lab.plan import Plan
from runbook.lab.registry.auth import Htpasswd
from runbook.lab.registry.call import Call
from runbook.lab.registry.errors import STATUS, ApiError
from runbook.lab.registry.handlers import handle
from runbook.lab.registry.log import Fields, Log, request_fields
from runbook.lab.registry.store import Store
from runbook.lab.serving import Request, Response, http_date
from runbook.lab.settings import Settings, effective
from runbook.lazy import re

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"(?P<name>{_PART}(?:/{_PART})*)"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
ROUTES = {
    "base": re.compile(r"/v2/"),
    "catalog": re.compile(r"/v2/_catalog"),
    "tags": re.compile(rf"/v2/{_NAME}/tags/list"),
    "manifests": re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>[\w][\w.-]{{0,127}}|{_DIGEST})", re.ASCII),
    "blobs": re.compile(rf"/v2/{_NAME}/blobs/(?P<digest>[A-Za-z0-9_+.-]+:[0-9a-fA-F]+)"),
    "uploads": re.compile(rf"/v2/{_NAME}/blobs/uploads/"),
    "upload": re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<uuid>[a-zA-Z0-9-_.=]+)"),
}
_ACTIONS: dict[str, tuple[str, ...]] = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete",)}
_ACTIONS |= dict.fromkeys(("POST", "PUT", "PATCH"), ("pull", "push"))


class App:
    """Answers requests for one plan. Raises `StartError` when the real one would not start."""

    def __init__(self, plan: Plan, home: Path, log: Log) -> None:
        self.major, self.log = plan.major, log
        self.settings: Settings = effective(plan)
        self.json_type = "application/json; charset=utf-8" if plan.major == 2 else "application/json"
        self.auth = self._auth(plan, home)
        self.store = Store(plan.host_path(self.settings.root, home), plan.major)
        for name in self.settings.ignored:
            log.plain("warning", f"Ignoring unrecognized environment variable {name}")

    def _auth(self, plan: Plan, home: Path) -> Htpasswd | None:
        if self.settings.path is None:
            return None
        path = plan.host_path(self.settings.path, home)
        locked = any(path == home / "project" / name for name in plan.locked) and plan.container_user is not None
        return Htpasswd(self.settings, path, self.settings.path, not locked, self.log)

    def answer(self, request: Request) -> Response:
        """The answer to a request, with its log lines written."""
        began = perf_counter()
        path = request.path
        if path == "/":
            return self._finish(Response(200, [("Cache-Control", "no-cache")]))
        if self.settings.prefix:
            begin = f"/{self.settings.prefix}"
            if not path.startswith(f"{begin}/"):
                return self._finish(_not_found())
            request = replace(request, target=request.target.removeprefix(begin))
            path = request.path
        if "//" in path or (path + "/" == "/v2/"):
            return self._finish(_moved(request))
        call = self._route(request)
        if call is None:
            return self._finish(_not_found())
        response, fields = self._dispatch(call)
        self._completed(response, fields, perf_counter() - began)
        return self._finish(response)

    def _route(self, request: Request) -> Call | None:
        for route, pattern in ROUTES.items():
            if found := pattern.fullmatch(request.path):
                return Call(self, request, route, found.groupdict())
        return None

    def _dispatch(self, call: Call) -> tuple[Response, Fields]:
        fields = request_fields(call.request, call.variables, None)
        call.headers += [("Docker-Distribution-Api-Version", "registry/2.0"), *self.settings.headers]
        if self.auth is not None:
            outcome = self.auth.judge(call.request.get("Authorization"), fields)
            if outcome.status == 400:
                return Response(400, call.headers), {}
            if outcome.status == 401:
                call.headers.append(("Www-Authenticate", f"Basic realm={json.dumps(self.auth.realm)}"))
                return self.refusal(call, ApiError("UNAUTHORIZED", _access(call))), {}
            if self.major >= 3:
                fields["auth.user.name"] = outcome.user or ""
            self.log.say("info", "authorized request", fields)
        try:
            return handle(call), fields
        except ApiError as error:
            fields |= {"err.code": error.code.lower().replace("_", " "), "err.message": error.message}
            return self.refusal(call, error), fields

    def refusal(self, call: Call, error: ApiError) -> Response:
        """The JSON body of an error."""
        entry: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.detail is not ApiError.NOTHING:
            entry["detail"] = error.detail
        body = json.dumps({"errors": [entry]}, separators=(",", ":")).encode() + b"\n"
        return Response(STATUS[error.code][0], [*call.headers, ("Content-Type", self.json_type)], body)

    def _completed(self, response: Response, fields: Fields, seconds: float) -> None:
        if not fields:
            return
        failed = "err.code" in fields
        written = len(response.body) if isinstance(response.body, bytes) else int(response.get("Content-Length") or 0)
        fields |= {
            "http.response.duration": f"{seconds * 1000:.6f}ms",
            "http.response.status": str(response.status),
            "http.response.written": str(written),
        }
        if kind := response.get("Content-Type"):
            fields["http.response.contenttype"] = kind
        self.log.say("error" if failed else "info", "response completed" + (" with error" if failed else ""), fields)

    def _finish(self, response: Response) -> Response:
        """Go's order: the handler's headers sorted, then the date, then a length that it counted itself."""
        response.headers.sort(key=lambda header: header[0])
        response.headers.append(("Date", http_date()))
        if not response.get("Content-Length") and response.status not in (204, 304):
            response.headers.append(
                ("Content-Length", str(len(response.body)) if isinstance(response.body, bytes) else "0")
            )
        return response

    def base_url(self, request: Request) -> str:
        if self.settings.host:
            return self.settings.host.rstrip("/")
        scheme, host = "http", request.get("Host")
        if forwarded := request.get("Forwarded"):
            pairs = dict(re.findall(r'(?<!\w)(\w{1,100})="?([^";,]{1,2000})"?', forwarded.partition(",")[0]))
            scheme, host = pairs.get("proto", scheme), pairs.get("host", host)
        else:
            scheme = request.get("X-Forwarded-Proto") or scheme
            host = request.get("X-Forwarded-Host").partition(",")[0].strip() or host
        return f"{scheme}://{host}"


def _access(call: Call) -> list[dict[str, str]] | None:
    """What the refused request wanted to do, as the real one writes it into the body."""
    if call.route == "base":
        return None
    if call.route == "catalog":
        return [{"Type": "registry", "Class": "", "Name": "catalog", "Action": "*"}]
    names = [(call.name, action) for action in _ACTIONS.get(call.request.method, ())]
    if source := call.query("from"):
        names.append((source, "pull"))
    return [{"Type": "repository", "Class": "", "Name": n, "Action": a} for n, a in names] or None


def _moved(request: Request) -> Response:
    """Double slashes are taken out without a word, a missing last slash is added with a page."""
    doubled = "//" in request.path
    path = re.sub(r"/{2,}", "/", request.path) if doubled else request.path + "/"
    location = path + request.target[len(request.path) :]
    headers = [("Docker-Distribution-Api-Version", "registry/2.0"), ("Location", location)]
    body = b""
    if not doubled and request.method in ("GET", "HEAD"):
        body = f'<a href="{location}">Moved Permanently</a>.\n\n'.encode()
        headers.append(("Content-Type", "text/html; charset=utf-8"))
    return Response(301, headers, body)


def _not_found() -> Response:
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Docker-Distribution-Api-Version", "registry/2.0"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Response(404, headers, b"404 page not found\n")
