"""Step 4: which settings matter, and what the registry does when they do not fit."""

import hashlib
import json
from collections.abc import Iterator

from runbook.experiments.base import Trial, after, ask, folklore, login, variable
from runbook.lab import Lab
from runbook.lab.faults.align import ROOT
from runbook.lab.plan import Plan

_REALM = "REGISTRY_AUTH_HTPASSWD_REALM"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@folklore(
    "realm",
    "align",
    claim="The client computes a digest from realm and URL, so a realm that differs gives 401. Or leave it out: then the"
    " registry uses its default.",
    truth="Basic is base64(user:password); the realm is a label, and any text will do. There is no default: without one the"
    " registry does not start. (Only with a Bearer challenge is the realm an address that must be right.)",
)
def realm(lab: Lab) -> Iterator[Trial]:
    yield login("the login as it is", lab)
    yield after("the realm renamed to “Something Else”", lab, variable(_REALM, "Something Else"))
    yield after("the realm renamed to “x”", lab, variable(_REALM, "x"))
    yield after("the realm left out", lab, variable(_REALM, None))


@folklore(
    "half-configured",
    "align",
    claim="Without REGISTRY_AUTH nothing is protected, and with REGISTRY_AUTH=htpasswd everything is.",
    truth="Realm and path switch htpasswd on by themselves. Names that nobody reads (REGISTRY_USER, REGISTRY_HTPASSWD_PATH) do"
    " nothing, and then the registry lets everybody in: a 200 without a login is the alarm.",
)
def half_configured(lab: Lab) -> Iterator[Trial]:
    def without_login(what: str) -> Trial:
        status = ask(lab.registry_url, lab, password=None).status_code
        return Trial(what, f"{status} without a login", status == 401)

    yield without_login("REGISTRY_AUTH, realm and path")
    lab.change(variable("REGISTRY_AUTH", None))
    yield without_login("realm and path alone")
    lab.inject("env-name-malformed")
    yield without_login("REGISTRY_HTPASSWD_REALM and REGISTRY_HTPASSWD_PATH")


@folklore(
    "header-list",
    "align",
    claim="REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin=* is how CORS is allowed.",
    truth="The value of a header is a YAML list. A bare * is an alias to YAML and a bare address is no list: the registry does"
    ' not start. Write ["http://…"] with quotes inside.',
)
def header_list(lab: Lab) -> Iterator[Trial]:
    name = "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin"
    for value in ("*", "[*]", "http://localhost:8080", '["http://localhost:8080"]'):
        yield after(value, lab, variable(name, value))


@folklore(
    "storage",
    "align",
    claim="REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data gives more room; the volume keeps the images.",
    truth="The volume is mounted on /var/lib/registry. What is written to /data lies in the container itself and goes with"
    " it at the next `docker compose up --force-recreate`, update or `down`.",
)
def storage(lab: Lab) -> Iterator[Trial]:
    for root in (None, "/data"):
        lab.change(variable(ROOT, root))
        _push(lab)
        lab.change(_nothing)
        names = ask(lab.registry_url, lab, path="/v2/_catalog").json()["repositories"]
        kept = "runbook/proof" in names
        where = root or "/var/lib/registry (the volume)"
        yield Trial(f"image pushed to {where}, container made anew", "still there" if kept else "gone", kept)


def _nothing(plan: Plan) -> None:
    """Containers are made anew even when nothing changed."""


def _push(lab: Lab) -> None:
    """Push the smallest image: an empty layer-less manifest and its configuration."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    begun = ask(lab.registry_url, lab, method="POST", path="/v2/runbook/proof/blobs/uploads/")
    place = begun.headers["Location"]
    ask(lab.registry_url, lab, method="PUT", path=f"{place}{'&' if '?' in place else '?'}digest={digest}", body=config)
    kind = "application/vnd.docker.container.image.v1+json"
    entry = {"mediaType": kind, "digest": digest, "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": entry, "layers": []}
    ask(
        lab.registry_url, lab, method="PUT", path="/v2/runbook/proof/manifests/1",
        headers={"Content-Type": _MANIFEST}, body=json.dumps(manifest).encode(),
    ).raise_for_status()  # fmt: skip
