"""Blobs that the registry does not send itself: the storage driver hands out an address of its own."""

import re
from collections.abc import Iterator

from runbook.model import Command, Edit, Exchange, Finding, Message, Refutation, Registry, Subject, Symptom
from runbook.model.command import PIPE, image, sh, url, user
from runbook.rules.align import add_variables, change, stated
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, said, seen
from runbook.rules.hops import user_of
from runbook.rules.logins import url as registry_url
from runbook.urls import netloc, urlsplit

S = Symptom
_DRIVERS = ("s3", "s3aws", "azure", "gcs", "swift", "oss")
"""Drivers that redirect (registry/storage/driver: URLFor)."""


@rule(
    "storage-redirect-unreachable",
    needs_any=("exchanges", "registry", "messages"),
    step="align",
    title="blobs are redirected to an address that clients cannot reach",
    fix="Set storage.redirect.disable: true, or give the storage an address that clients can reach",
    source="distribution registry/storage/blobserver.go: 307 to the driver's URL unless redirect.disable; minio/minio#2743",
    explains=(S.LOCATION_WRONG, S.NAME_UNKNOWN, S.UPLOAD_FAILS, S.REDIRECTED, S.TIMEOUT, S.FAILURE),
    hop="registry",
    supersedes=(
        "redirect-drops-authorization",
        "location-header-wrong-host",
        "upstream-name-not-resolved",
        "http-host-wrong",
        "location-header-port-lost",
        "x-forwarded-proto-missing",
    ),
    refuted=(Refutation(cause="http-host-wrong", because="the Location is one of the storage, not of the registry"),),
)
def redirect_unreachable(facts: Facts) -> Iterator[Finding]:
    """With an object store the registry answers a request for a blob with 307 and a signed address of the store. The name
    that the registry reaches it under (minio:9000) means nothing to a client outside: manifests work, layers do not.
    """
    redirected = next((e for e in facts.traffic.exchanges if _is_to_storage(e)), None)
    registry = next((r for r in facts.stack.registries if r.known and _driver(r)), None)
    if registry is not None and registry.value("storage.redirect.disable") is True:
        return
    elsewhere = _pulled_elsewhere(facts)
    target = (netloc(redirected.header("Location") or "") if redirected else "") or _endpoint(registry)
    target = target or (_dialled(elsewhere) if elsewhere else "")
    host = target.rpartition(":")[0] if re.search(r":\d+$", target) else target
    failing = next((m for m in facts.traffic.said("no-such-host", "refused", "timeout") if _is_about(m, host)), None)
    if not host or (redirected is None and registry is None and elsewhere is None):
        return
    inner = _is_inner(host, facts)
    if not (failing or (inner and redirected) or inner):
        return
    yield finding(
        f"The registry sends clients on to {target} for blobs, a name that {'they do not know' if inner else 'does not answer them'}.",
        seen(redirected, f", Location: {urlsplit(redirected.header('Location') or '').scheme}://{target}/…")
        if redirected
        else None,
        said(failing),
        _configured(registry),
        about=Subject(service=registry.name) if registry and registry.service else None,
        warning=redirected is None and failing is None,
        fix=change(
            facts,
            registry,
            "Let the registry send the blobs itself (storage.redirect.disable: true), or give the storage an address that "
            "both the registry and its clients reach",
            _check(facts, redirected, failing),
            edits=_disabled(facts, registry),
            place=registry.settings["storage.redirect.disable"].place
            if registry and "storage.redirect.disable" in registry.settings
            else None,
        ),
    )


def _is_to_storage(exchange: Exchange) -> bool:
    location = exchange.header("Location") or ""
    return (
        exchange.status in (302, 303, 307)
        and "/blobs/" in exchange.path
        and exchange.method in ("GET", "HEAD")
        and netloc(location) not in ("", netloc(exchange.url))
    )


def _driver(registry: Registry) -> str:
    return next((d for d in _DRIVERS if any(k.startswith(f"storage.{d}.") for k in registry.settings)), "")


def _endpoint(registry: Registry | None) -> str:
    if registry is None:
        return ""
    return netloc(str(registry.value(f"storage.{_driver(registry)}.regionendpoint") or ""))


def _configured(registry: Registry | None) -> list[Item]:
    if registry is None:
        return []
    key = f"storage.{_driver(registry)}.regionendpoint"
    return [stated(registry.settings.get(key), key)]


def _is_about(message: Message, host: str) -> bool:
    """Whether a failure is one of that host."""
    return bool(host) and host.lower() in (_dialled(message).lower(), (message.host or "").split(":")[0])


def _dialled(message: Message) -> str:
    """The name that was looked up, or the address that was dialled."""
    return message.detail.rpartition(":")[0] if re.search(r":\d+$", message.detail) else message.detail


def _pulled_elsewhere(facts: Facts) -> Message | None:
    """A layer or image configuration that a pull asked of a name that is not the registry's: only a redirect leads there."""
    asked = {a.host for a in facts.focus.used}
    told = facts.traffic.said("no-such-host", "refused", "timeout")
    return next(
        (m for m in told if asked and _BLOB.search(m.text) and "." not in _dialled(m) and {_dialled(m)} - asked - {""}),
        None,
    )


_BLOB = re.compile(r"error pulling image configuration|download failed after attempts|/blobs/sha256")


def _is_inner(host: str, facts: Facts) -> bool:
    """Whether a name is one of the containers' network: a service of the project, or a bare or cluster name."""
    known = facts.compose.service(host) if facts.compose else None
    bare = "." not in host and host not in ("localhost",)
    return known is not None or bare or host.endswith((".svc", ".svc.cluster.local", ".internal", ".local"))


def _disabled(facts: Facts, registry: Registry | None) -> tuple[Edit, ...]:
    """The setting below `storage:` of the configuration, or the variable beside the others."""
    if registry is None:
        return ()
    place = next((s.place for k, s in registry.settings.items() if k.startswith(f"storage.{_driver(registry)}.")), None)
    file = next((f for f in facts.evidence.files if place and f.path == place.file), None)
    for number, line in enumerate(file.lines if file else (), 1):
        top = re.match(r"(\s*)storage:\s*$", line)
        below = file.lines[number] if file and number < len(file.lines) else ""
        deep = len(below) - len(below.lstrip())
        if top and place and number < (place.line or 0) and deep > len(top[1]):
            step = " " * (deep - len(top[1]))
            text = f"{' ' * deep}redirect:\n{' ' * deep}{step}disable: true"
            return (Edit(file=place.file, line=number, old=None, new=text),)
    return add_variables(facts.evidence, registry, ("REGISTRY_STORAGE_REDIRECT_DISABLE", "true"))


def _check(facts: Facts, redirected: Exchange | None, failing: Message | None) -> Command:
    if redirected is None and failing is not None and failing.call is not None and failing.call.verb == "pull":
        return sh("docker", "pull", image(None), expect="Status: Downloaded newer image")
    asked, expect = ("curl", "-sSi", "-u", user(user_of(facts))), "HTTP/1.1 200 OK"
    if redirected is None:
        return sh(*asked, url(registry_url(facts), "/v2/_catalog"), expect=expect)
    return sh(*asked, url(redirected.url), PIPE, "head", "-n", "1", expect=expect)
