"""What each route of the API does."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

from runbook.lab.registry import manifests, uploads
from runbook.lab.registry.call import Call
from runbook.lab.registry.errors import ApiError
from runbook.lab.registry.store import valid_digest
from runbook.lab.serving import Response

Handler = Callable[[Call], Response]
_DEFAULT_ENTRIES = 100
_MOST_ENTRIES = 1000


def handle(call: Call) -> Response:
    """Run the handler of route and method; other methods get Allow, OPTIONS with 200."""
    if call.route == "base":
        return Response(200, [*call.headers, ("Content-Length", "2"), ("Content-Type", call.app.json_type)], b"{}")
    methods = TABLE[call.route]
    handler = methods.get(call.request.method)
    if handler is not None:
        return handler(call)
    headers = [*call.headers, ("Allow", ", ".join(sorted(methods)))]
    if call.request.method == "OPTIONS":
        return Response(200, headers)
    headers = [h for h in headers if h[0] != "X-Content-Type-Options"]
    headers += [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]
    return Response(405, headers, b"Method not allowed\n")


def _catalog(call: Call) -> Response:
    names = call.store.repositories()
    wanted = _number(call, _DEFAULT_ENTRIES)
    if wanted > _MOST_ENTRIES:
        raise ApiError("PAGINATION_NUMBER_INVALID", {"n": wanted})
    return _page(call, names, min(wanted, _MOST_ENTRIES), lambda page: {"repositories": page})


def _tags(call: Call) -> Response:
    tags = call.store.tags(call.name)
    if tags is None:
        raise ApiError("NAME_UNKNOWN", {"name": call.name})
    if call.app.major == 2:
        return _json(call, {"name": call.name, "tags": tags or None})
    return _page(call, tags, _number(call, -1), lambda page: {"name": call.name, "tags": page})


def _number(call: Call, default: int) -> int:
    text = call.query("n")
    if not text:
        return default
    if not text.isdecimal():
        if call.app.major == 2:
            return default
        raise ApiError("PAGINATION_NUMBER_INVALID", {"n": text if call.route == "catalog" else 0})
    number = int(text)
    return default if call.app.major == 2 and number == 0 else number


def _page(call: Call, names: list[str], limit: int, wrap: Callable[[list[str]], object]) -> Response:
    """The entries after `last`, at most `limit` (negative: all), and a Link to the next page."""
    last = call.query("last")
    rest = [name for name in names if name > last]
    page = rest if limit < 0 else rest[:limit]
    # 3.x links on from every full page of the catalog, without looking whether something follows.
    full = call.app.major >= 3 and call.route == "catalog" and len(page) == limit
    if page and (full or len(rest) > len(page)):
        query = urlencode(sorted({"n": str(limit), "last": page[-1]}.items()))
        call.headers.append(("Link", f'<{call.request.path}?{query}>; rel="next"'))
    return _json(call, wrap(page))


def _json(call: Call, value: object) -> Response:
    body = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    return Response(200, [*call.headers, ("Content-Type", call.app.json_type)], body)


def _get_blob(call: Call) -> Response:
    digest = _blob_digest(call)
    if not call.store.linked(call.name, "layers", digest):
        raise ApiError("BLOB_UNKNOWN", digest)
    path = call.store.blob(digest)
    size = path.stat().st_size
    headers = [
        *call.headers,
        ("Cache-Control", "max-age=31536000"),
        ("Docker-Content-Digest", digest),
        ("Etag", f'"{digest}"'),
    ]
    if call.request.get("If-None-Match") == f'"{digest}"':
        return Response(304, headers)
    headers += [("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
    return Response(200, headers, path.open("rb") if call.request.method == "GET" else b"")


def _delete_blob(call: Call) -> Response:
    digest = _blob_digest(call)
    if not call.app.settings.delete:
        raise ApiError("UNSUPPORTED")
    if not call.store.linked(call.name, "layers", digest):
        raise ApiError("BLOB_UNKNOWN")
    call.store.unlink(call.name, "layers", digest)
    return Response(202, [*call.headers, ("Content-Length", "0")])


def _blob_digest(call: Call) -> str:
    digest = call.variables["digest"]
    if not valid_digest(digest):
        raise ApiError("DIGEST_INVALID", call.detail({}, "invalid checksum digest length"))
    return digest


_WITHOUT_UPLOAD: dict[str, Handler] = dict.fromkeys(("GET", "HEAD", "PATCH", "PUT", "DELETE"), uploads.missing)
TABLE: dict[str, dict[str, Handler]] = {
    "catalog": {"GET": _catalog},
    "tags": {"GET": _tags},
    "manifests": {
        "GET": manifests.get,
        "HEAD": manifests.get,
        "PUT": manifests.put,
        "DELETE": manifests.delete,
    },
    "blobs": {"GET": _get_blob, "HEAD": _get_blob, "DELETE": _delete_blob},
    "uploads": {"POST": uploads.start, **_WITHOUT_UPLOAD},
    "upload": {
        "GET": uploads.status,
        "HEAD": uploads.status,
        "POST": uploads.start,
        "PATCH": uploads.patch,
        "PUT": uploads.finish,
        "DELETE": uploads.cancel,
    },
}
