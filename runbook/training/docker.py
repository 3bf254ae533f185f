"""What `docker push` does and says on the person's own machine: it takes its login from config.json, and from nowhere else.

The requests are sent to the registry of the round; the sentences are those of the docker CLI and engine for what came back.
"""

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any

from runbook.lab import LabError
from runbook.lab.faults.client import CONFIG
from runbook.lab.plan import Plan
from runbook.training.catalogue import DOCKER
from runbook.training.seen import Asked

if TYPE_CHECKING:
    from runbook.training.wishes import Answer

_NAME, _TAG = "tools/backup", "1.4"
PUSH = Asked(DOCKER, "right", f"/v2/{_NAME}/manifests/{_TAG}", "PUT")
_CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def takes_part(plan: Plan) -> bool:
    """Whether the client's own file belongs to the round."""
    return CONFIG in plan.handed


def checked(data: bytes) -> bytes:
    """The file as the learner left it. `LabError` where docker could not read it."""
    try:
        parsed = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise LabError(f"{CONFIG} is no JSON; docker could not read it") from None
    tables = [parsed.get(key) or {} for key in ("auths", "credHelpers")] if isinstance(parsed, dict) else [None]
    if not all(isinstance(table, dict) for table in tables):
        raise LabError(f"{CONFIG} has another shape than docker's; docker could not read it")
    return data


def login(plan: Plan) -> tuple[str, str] | None:
    """What the client finds for this registry. A helper that is named is asked in place of the file; there is none here."""
    config: dict[str, Any] = json.loads(plan.handed[CONFIG] or b"{}")
    host = f"localhost:{plan.registry_port}"
    if config.get("credsStore") or (config.get("credHelpers") or {}).get(host):
        return None
    entry = (config.get("auths") or {}).get(host)
    encoded = entry.get("auth") if isinstance(entry, dict) else None
    try:
        user, colon, password = base64.b64decode(str(encoded or ""), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password.strip("\0")) if colon and user else None


def push(plan: Plan) -> tuple[str, str]:
    """Push an image without layers: what the terminal shows, and the status that decided."""
    host = f"localhost:{plan.registry_port}"
    head = f"$ docker push {host}/{_NAME}:{_TAG}\nThe push refers to repository [{host}/{_NAME}]\n"
    found = login(plan)
    answer, digest = _push(plan, found)
    if answer.status == 201:
        return f"{head}{_TAG}: digest: sha256:{digest} size: {len(_manifest())}\n", "201"
    if not answer.status:
        said = f'Get "http://{host}/v2/": dial tcp 127.0.0.1:{plan.registry_port}: connect: connection refused'
    elif answer.status == 401:
        said = "unauthorized: authentication required" if found else "no basic auth credentials"
    else:
        said = f"received unexpected HTTP status: {answer.status} {answer.reason}"
    return f"{head}{said}\n", str(answer.status or "no answer")


def _manifest() -> bytes:
    digest = f"sha256:{hashlib.sha256(_CONFIG).hexdigest()}"
    kind = "application/vnd.docker.container.image.v1+json"
    config = {"mediaType": kind, "size": len(_CONFIG), "digest": digest}
    return json.dumps({"schemaVersion": 2, "mediaType": _TYPE, "config": config, "layers": []}).encode()


def _push(plan: Plan, found: tuple[str, str] | None) -> tuple["Answer", str]:
    """The last answer, and the digest of the manifest."""
    from runbook.training.wishes import send

    port, manifest = plan.registry_port, _manifest()
    digest = hashlib.sha256(manifest).hexdigest()
    answer = send(port, "POST", f"/v2/{_NAME}/blobs/uploads/", found)
    if answer.status == 202:
        place = answer.header("Location")
        place = "/" + place.split("/", 3)[3] if "://" in place else place
        joined = f"{place}{'&' if '?' in place else '?'}digest=sha256:{hashlib.sha256(_CONFIG).hexdigest()}"
        answer = send(port, "PUT", joined, found, {"Content-Type": "application/octet-stream"}, _CONFIG)
    if answer.status == 201:
        answer = send(port, "PUT", PUSH.path, found, {"Content-Type": _TYPE}, manifest)
    return answer, digest
