"""Blob uploads: open, mount, send, finish, look, cancel."""

import base64
import json
import secrets
import time
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from runbook.lab.registry.call import Call
from runbook.lab.registry.errors import ApiError
from runbook.lab.registry.store import valid_digest
from runbook.lab.serving import Response


def missing(call: Call) -> Response:
    """The answer for an upload that nobody opened."""
    raise ApiError("BLOB_UPLOAD_UNKNOWN")


def start(call: Call) -> Response:
    """POST: open an upload, mount a blob, or take it whole."""
    digest, source = call.query("mount"), call.query("from")
    if digest and source and valid_digest(digest) and call.store.linked(source, "layers", digest):
        call.store.link(call.name, "layers", digest)
        return _created(call, digest)
    uuid = str(uuid4())
    call.store.open(call.name)
    call.store.upload(uuid).touch()
    return _progress(call, uuid, 202)


def status(call: Call) -> Response:
    """GET: how far an upload is."""
    path = _resumed(call) if call.app.major == 2 else _open_upload(call)
    return _progress(call, path.name, 204)


def patch(call: Call) -> Response:
    """PATCH: take the next piece."""
    path = _resumed(call)
    kind = call.request.get("Content-Type")
    if kind not in ("", "application/octet-stream"):
        raise ApiError("UNKNOWN", call.detail({}, "bad Content-Type"))
    _check_range(call, path.stat().st_size)
    _append(call, path)
    return _progress(call, path.name, 202)


def finish(call: Call) -> Response:
    """PUT: close the upload under its digest."""
    path = _resumed(call)
    digest = call.query("digest")
    if not digest:
        raise ApiError("DIGEST_INVALID", "digest missing")
    if not valid_digest(digest):
        raise ApiError("DIGEST_INVALID", "digest parsing failed")
    _append(call, path)
    if not call.store.commit(call.name, path.name, digest):
        path.unlink()
        complaint = f"invalid digest for referenced layer: {digest}, content does not match digest"
        raise ApiError("DIGEST_INVALID", call.detail({"Digest": digest, "Reason": {}}, complaint))
    return _created(call, digest)


def cancel(call: Call) -> Response:
    """DELETE: throw the upload away."""
    path = _resumed(call)
    path.unlink()
    return Response(204, [*call.headers, ("Docker-Upload-Uuid", path.name)])


def _open_upload(call: Call) -> Path:
    path = call.store.upload(call.variables["uuid"])
    if not path.is_file():
        raise ApiError("BLOB_UPLOAD_UNKNOWN", call.detail({}, "blob upload unknown"))
    return path


def _resumed(call: Call) -> Path:
    """The upload that a client goes on with: it must show the state that it was given."""
    text = call.query("_state")
    try:
        state = json.loads(base64.urlsafe_b64decode(text)[32:])
    except ValueError:
        state = {}
    if state.get("Name") != call.name or state.get("UUID") != call.variables["uuid"]:
        call.app.log.say("info", "error resolving upload: invalid secret")
        raise ApiError("BLOB_UPLOAD_INVALID", call.detail({}, "invalid secret"))
    path = _open_upload(call)
    if path.stat().st_size != state.get("Offset"):
        raise ApiError("BLOB_UPLOAD_INVALID" if call.app.major == 2 else "RANGE_INVALID")
    return path


def _check_range(call: Call, size: int) -> None:
    given, length = call.request.get("Content-Range"), call.request.get("Content-Length")
    if call.app.major == 2 or not given or not length:
        return
    first, _, last = given.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise ApiError("UNKNOWN", f"invalid content range format, {given}")
    if int(first) > int(last) or int(first) != size:
        raise ApiError("RANGE_INVALID")
    if int(length) != int(last) - int(first) + 1:
        raise ApiError("SIZE_INVALID")


def _append(call: Call, path: Path) -> None:
    with path.open("ab") as sink:
        for piece in call.request.body:
            sink.write(piece)


def _progress(call: Call, uuid: str, code: int) -> Response:
    size = call.store.upload(uuid).stat().st_size
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    state = {"Name": call.name, "UUID": uuid, "Offset": size, "StartedAt": started}
    # The real one signs the state with http.secret; here the signature is noise of the same length.
    token = base64.urlsafe_b64encode(secrets.token_bytes(32) + json.dumps(state).encode()).decode()
    location = call.url(f"/v2/{call.name}/blobs/uploads/{uuid}?_state={quote(token, safe='')}")
    headers = [
        *call.headers,
        ("Docker-Upload-Uuid", uuid),
        ("Location", location),
        ("Range", f"0-{max(size - 1, 0)}"),
    ]
    return Response(code, headers if code == 204 else [*headers, ("Content-Length", "0")])


def _created(call: Call, digest: str) -> Response:
    location = call.url(f"/v2/{call.name}/blobs/{digest}")
    headers = [("Content-Length", "0"), ("Docker-Content-Digest", digest), ("Location", location)]
    return Response(201, [*call.headers, *headers])
