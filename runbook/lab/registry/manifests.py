"""Manifests: pull, push and delete, by tag and by digest."""

import json
from typing import Any

from runbook.lab.registry.call import Call
from runbook.lab.registry.errors import ApiError
from runbook.lab.registry.store import digest_of, valid_digest
from runbook.lab.serving import Response

SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
LISTS = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")
_LARGEST = 4 << 20


def get(call: Call) -> Response:
    """GET and HEAD of a manifest by tag or digest."""
    reference = call.variables["reference"]
    digest = reference if valid_digest(reference) else call.store.tagged(call.name, reference)
    if digest is None:
        raise ApiError("MANIFEST_UNKNOWN", call.detail({"Tag": reference}, f"unknown tag={reference}"))
    if call.request.get("If-None-Match").strip('"') == digest:
        return Response(304, call.headers)
    if not call.store.linked(call.name, "manifests", digest):
        unknown = f"unknown manifest name={call.name} revision={digest}"
        raise ApiError("MANIFEST_UNKNOWN", call.detail({"Name": call.name, "Revision": digest}, unknown))
    kind = call.store.note(call.name, "manifests", digest)
    accepted = [part.partition(";")[0].strip() for part in call.request.get("Accept").split(",")]
    for oci, noun in ((OCI, "manifest"), (LISTS[1], "index")):
        if kind == oci and oci not in accepted:
            plural = "manifests" if noun == "manifest" else "indexes"
            message = f"OCI {noun} found, but accept header does not support OCI {plural}"
            raise ApiError("MANIFEST_UNKNOWN", message=message)
    data = call.store.blob(digest).read_bytes()
    if call.app.major >= 3 and call.request.method == "HEAD":
        data, size = b"", len(data)  # 3.x writes no body for HEAD, and its log counts none
    else:
        size = len(data)
    headers = [
        *call.headers,
        ("Content-Length", str(size)),
        ("Content-Type", kind),
        ("Docker-Content-Digest", digest),
        ("Etag", f'"{digest}"'),
    ]
    return Response(200, headers, data)


def put(call: Call) -> Response:
    """PUT of a manifest under a tag or digest."""
    data = call.request.body.read(_LARGEST)
    kind = call.request.get("Content-Type").partition(";")[0].strip()
    digest = digest_of(data)
    manifest = _parsed(call, data, kind)
    reference = call.variables["reference"]
    if valid_digest(reference) and reference != digest:
        raise ApiError("DIGEST_INVALID")
    _check_references(call, manifest, kind)
    call.store.put(digest, data)
    call.store.link(call.name, "manifests", digest, kind)
    if not valid_digest(reference):
        call.store.tag(call.name, reference, digest)
    location = call.url(f"/v2/{call.name}/manifests/{digest}")
    return Response(201, [*call.headers, ("Docker-Content-Digest", digest), ("Location", location)])


def _parsed(call: Call, data: bytes, kind: str) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
    except ValueError:
        raise ApiError("MANIFEST_INVALID", call.detail({"Offset": len(data)}, "unexpected end of JSON input")) from None
    known = kind in (SCHEMA2, OCI, *LISTS)
    if not known or not isinstance(manifest, dict) or manifest.get("mediaType", kind) != kind:
        complaint = f"unsupported manifest media type and no default available: {kind}"
        raise ApiError("MANIFEST_INVALID", call.detail({}, complaint))
    return manifest


def _check_references(call: Call, manifest: dict[str, Any], kind: str) -> None:
    """A manifest may only name what the repository has."""
    if kind in LISTS:
        wanted, where = manifest.get("manifests", []), "manifests"
    else:
        wanted, where = [manifest.get("config", {}), *manifest.get("layers", [])], "layers"
    for descriptor in wanted:
        digest = descriptor.get("digest", "")
        if not call.store.linked(call.name, where, digest):
            raise ApiError("MANIFEST_BLOB_UNKNOWN", digest)


def delete(call: Call) -> Response:
    """DELETE of a manifest, where deleting is enabled."""
    reference = call.variables["reference"]
    store, name = call.store, call.name
    if not call.app.settings.delete:
        raise ApiError("UNSUPPORTED")
    if not valid_digest(reference):
        if call.app.major == 2:
            # 2.8.2 reports an unsupported tag deletion as such, whatever the tag.
            raise ApiError("UNSUPPORTED")
        if store.tagged(name, reference) is None:
            raise ApiError("MANIFEST_UNKNOWN", f"unknown tag={reference}")
        store.untag(name, [reference])
        return Response(202, call.headers)
    if not store.linked(name, "manifests", reference):
        raise ApiError("MANIFEST_UNKNOWN")
    store.unlink(name, "manifests", reference)
    store.untag(name, [t for t in store.tags(name) or [] if store.tagged(name, t) == reference])
    return Response(202, call.headers)
