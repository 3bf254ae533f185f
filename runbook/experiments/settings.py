"""Beliefs about the registry's settings."""

import hashlib
import json
from collections.abc import Callable, Iterable

import httpx

from runbook.experiments.base import PLAIN, TIMEOUT, Experiment, Trial, answered, changed, direct, started
from runbook.lab import Lab
from runbook.lab.plan import Plan

_REALM = "REGISTRY_AUTH_HTPASSWD_REALM"
_ROOT = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"
_ORIGIN = "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _setting(name: str, value: str | None) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.environment.pop(name, None)
        plan.environment |= {} if value is None else {name: value}

    return edit


def _realm(lab: Lab) -> Iterable[Trial]:
    yield answered("the login as it is", direct(lab))
    for realm in ("Something Else", "<b>no such realm</b>"):
        yield answered(f"the same login, realm changed to {realm!r}", changed(lab, _setting(_REALM, realm)))
    lab.change(_setting(_REALM, None))
    yield started("no realm at all", lab)


def _header_list(lab: Lab) -> Iterable[Trial]:
    lab.change(_setting(_ORIGIN, '["*"]'))
    yield started("""Access-Control-Allow-Origin: '["*"]', a list in YAML""", lab)
    lab.change(_setting(_ORIGIN, "*"))
    yield started("Access-Control-Allow-Origin: '*', no list", lab)


def _storage(lab: Lab) -> Iterable[Trial]:
    lab.change(_setting(_ROOT, None))
    yield _push(lab, "an image is pushed, stored in /var/lib/registry, where the volume is")
    lab.change(lambda plan: None)
    yield _catalog(lab, "the container is made anew")
    lab.change(_setting(_ROOT, "/data"))
    yield _push(lab, "the same push, stored in /data, where no volume is")
    lab.change(lambda plan: None)
    yield _catalog(lab, "the container is made anew")


def _client(lab: Lab) -> httpx.Client:
    login = (lab.user, lab.password)
    return httpx.Client(base_url=lab.registry_url, auth=login, trust_env=False, timeout=TIMEOUT, verify=PLAIN)


def _push(lab: Lab, what: str) -> Trial:
    """The smallest image there is: an empty configuration and no layer."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    about = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": about, "layers": []}
    with _client(lab) as client:
        place = client.post("/v2/experiment/blobs/uploads/").headers["Location"]
        client.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=config).raise_for_status()
        body = json.dumps(manifest).encode()
        done = client.put("/v2/experiment/manifests/1", content=body, headers={"Content-Type": _MANIFEST})
    return answered(what, done.status_code)


def _catalog(lab: Lab, what: str) -> Trial:
    with _client(lab) as client:
        names = client.get("/v2/_catalog").json()["repositories"]
    return Trial(what, "the image is there" if "experiment" in names else "the image is gone", "experiment" in names)


EXPERIMENTS = (
    Experiment(
        "realm",
        "The client computes a digest from realm and URL, so a realm that differs gives 401.",
        "Basic is base64(user:password). The realm is a label; any text will do. Only leaving it out is an error.",
        _realm,
    ),
    Experiment(
        "header-list",
        "A header of the registry is set like any other variable.",
        "Its value must be a list in YAML. Anything else is a configuration error, and the registry does not start.",
        _header_list,
    ),
    Experiment(
        "storage",
        "The registry has a volume, so the images are safe.",
        "Only what lies below the volume's path survives. Root folder and volume must be the same place.",
        _storage,
    ),
)
