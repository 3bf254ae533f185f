"""Beliefs about the registry's settings."""

import hashlib
import json
from collections.abc import Callable, Iterable

import httpx

from runbook.experiments.base import Experiment, Trial, answered, changed, client, direct, started, status, via
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
    yield _catalog(lab, "the container is recreated")
    lab.change(_setting(_ROOT, "/data"))
    yield _push(lab, "the same push, stored in /data, where no volume is")
    lab.change(lambda plan: None)
    yield _catalog(lab, "the container is recreated")


def _client(lab: Lab, url: str = "") -> httpx.Client:
    return client((lab.user, lab.password), url or lab.registry_url)


def _push(lab: Lab, what: str) -> Trial:
    """The smallest image there is: an empty configuration and no layer."""
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    about = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": about, "layers": []}
    with _client(lab) as asking:
        place = asking.post("/v2/experiment/blobs/uploads/").headers["Location"]
        asking.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=config).raise_for_status()
        body = json.dumps(manifest).encode()
        done = asking.put("/v2/experiment/manifests/1", content=body, headers={"Content-Type": _MANIFEST})
    return answered(what, done.status_code)


def _catalog(lab: Lab, what: str, url: str = "") -> Trial:
    with _client(lab, url) as asking:
        names = asking.get("/v2/_catalog").json()["repositories"]
    return Trial(what, "the image is there" if "experiment" in names else "the image is gone", "experiment" in names)


def _kept_out(what: str, code: int) -> Trial:
    """Nobody is let in without a login."""
    return Trial(what, str(code), good=code == 401)


def _ui(**variables: str) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.proxy.environment |= variables

    return edit


def _ui_variables(lab: Lab) -> Iterable[Trial]:
    def nobody(lab: Lab) -> int:
        return status(lab.ui_url, None)

    yield answered("through the UI, nobody has logged in", nobody(lab))
    account = _ui(REGISTRY_USER=lab.user, REGISTRY_PASSWORD=lab.password)
    yield answered("the same, REGISTRY_USER and REGISTRY_PASSWORD of the UI set", changed(lab, account, nobody))
    passing = _ui(REGISTRY_PROXY_AUTHORIZATION="true")
    yield answered("the same, REGISTRY_PROXY_AUTHORIZATION=true as well", changed(lab, passing, nobody))
    yield answered("through the UI, with a login", via(lab))


def _secured(lab: Lab) -> Iterable[Trial]:
    lab.change(_ui(REGISTRY_SECURED="false"))
    yield _kept_out(
        "REGISTRY_SECURED=false at the UI, no login, straight at the registry", status(lab.registry_url, None)
    )
    yield _kept_out("the same through the UI", status(lab.ui_url, None))
    yield answered("the same with a login", via(lab))


def _ui_volume(lab: Lab) -> Iterable[Trial]:
    yield _push(lab, "an image is pushed; the UI has no volume at all")
    yield _catalog(lab, "the list, asked through the UI", lab.ui_url)
    lab.change(lambda plan: setattr(plan, "stopped", True))
    yield answered("the same while the registry is stopped", via(lab))


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
    Experiment(
        "ui-variables",
        "REGISTRY_USER and REGISTRY_PASSWORD at the UI log it in; REGISTRY_PROXY_AUTHORIZATION makes it pass logins on.",
        "Nobody reads any of the three. The UI's nginx hands on the login that the browser sends, and has none of its own.",
        _ui_variables,
    ),
    Experiment(
        "secured",
        "REGISTRY_SECURED=false at the UI switches the login off.",
        "It tells the page how to ask, nothing more. Whether a login is needed is decided by the registry alone.",
        _secured,
    ),
    Experiment(
        "ui-volume",
        "The UI must mount the registry's volume, or it shows no images.",
        "It asks the registry's API and reads no file of it. With the registry down, no volume helps.",
        _ui_volume,
    ),
)
