"""The registry UI (joxit/docker-registry-ui): variables that changed their meaning, sub-paths, a mounted configuration."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from runbook.lazy import re
from runbook.model import EnvVar, Exchange, Finding, Fix, Place, Subject, Symptom, Ui
from runbook.observe.responses import missed_below
from runbook.rules.base import Facts, rule
from runbook.rules.crossing import FORWARD, one_origin
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.platform import inside, restarted, runs
from runbook.rules.shell import status
from runbook.urls import netloc, urlsplit

S = Symptom
_OLD = re.compile(r"docker-registry-ui:1[.\w-]*|\b1\.\d+(?:\.\d+)?-static\b|\b(?:from|was|before|old)\b.{0,80}\b1\.\d")
"""A trace of 1.x: its image, or words about it in a comment."""
_OLD_NAMES = ("URL", "REGISTRY_HOST", "REGISTRY_PORT", "REGISTRY_PROTOCOL")


@dataclass(frozen=True, slots=True)
class _Outdated:
    """A variable that means something else in the UI's version."""

    variable: EnvVar
    kind: Literal["not yet known", "not read any more", "for the browser now"]
    trace: Item = None
    """What shows that it was 1.x before."""


@rule(
    "ui-v1-env-semantics-changed",
    needs=("ui",),
    step="align",
    title="UI variables belong to another major version",
    fix="With 2.x write NGINX_PROXY_PASS_URL for the proxy; REGISTRY_URL is for the browser",
    source="Joxit/docker-registry-ui: README and bin/90-docker-registry-ui.sh of 2.x against 1.5-static",
    explains=(S.BROWSER_BLOCKED, S.NOT_THE_API, S.NAME_UNKNOWN),
    hop="browser -> ui",
    proves=True,
)
def ui_v1_env_semantics_changed(facts: Facts) -> Iterator[Finding]:
    """In 1.x-static REGISTRY_URL (before that URL) was where the UI's own nginx proxied to, so a container's name was
    right. In 2.x the browser uses REGISTRY_URL, and NGINX_PROXY_PASS_URL proxies. The same file then fails in the browser."""
    ui = facts.ui
    found = _out_of_date(ui, facts) if ui else None
    if ui is None or found is None:
        return
    variable = found.variable
    summary = {
        "not yet known": f"UI {ui.service.tag} does not know {FORWARD}: it came with 2.x.",
        "not read any more": f"{variable.name} is a variable of UI 1.x; {ui.service.tag or '2.x'} does not read it.",
        "for the browser now": f"REGISTRY_URL={variable.value} was the proxy's target in UI 1.x; in 2.x the browser "
        "calls it and cannot.",
    }[found.kind]
    fix = one_origin(facts, variable)
    if found.kind == "not yet known":
        fix = replace(fix, summary="Use a 2.x image of the UI, or REGISTRY_URL with a 1.x-static one")
    yield finding(
        summary,
        read(f"{variable.name}={variable.value or ''} on {ui.service.image}", variable.place),
        found.trace,
        [said(m) for m in facts.traffic.said("ui-cors-hint", "cors", "no-such-host")[:1]],
        fix=fix,
        supersedes=("browser-cannot-resolve-container-name", "no-v2-route")
        if found.trace or found.kind == "not read any more"
        else (),
        about=Subject(service=ui.name),
    )


def _out_of_date(ui: Ui, facts: Facts) -> _Outdated | None:
    """The variable that means something else in this version; None where all are of this version."""
    env = ui.service.env
    if ui.major == 1:
        late = env(FORWARD)
        return _Outdated(late, "not yet known") if late and late.value and not env("REGISTRY_URL") else None
    if ui.proxy_pass is not None:
        return None
    trace = _trace_of_v1(facts, ui)
    for old in _OLD_NAMES:
        variable = env(old)
        if variable and variable.value and not env("REGISTRY_URL"):
            return _Outdated(variable, "not read any more", trace)
    url = ui.registry_url
    host = re.sub(r"^\w+://", "", url.value or "").split("/")[0].split(":")[0] if url else ""
    internal = bool(facts.compose and host and facts.compose.service(host))
    return _Outdated(url, "for the browser now", trace) if url and internal and trace else None


def _trace_of_v1(facts: Facts, ui: Ui) -> Item:
    """A comment or a message that mentions an earlier 1.x."""
    for file in facts.evidence.files:
        for number, line in enumerate(file.lines, 1) if file.kind in ("compose", "text") else ():
            if _OLD.search(line) and (ui.service.image or "") not in line:
                return read(f"it was 1.x before: {line.strip()[:120]}", Place(file.path, number))
    return said(next((m for m in facts.traffic.messages if _OLD.search(m.text)), None))


@rule(
    "ui-subpath-relative-api",
    needs_any=("routes", "ui", "exchanges", "logs"),
    step="align",
    tier=2,
    title="the UI under a sub-path calls the API under that sub-path, too",
    fix="Forward SUB-PATH/v2/ to the registry without the sub-path, or give the UI REGISTRY_URL",
    source="Joxit/docker-registry-ui#137: without a REGISTRY_URL the page calls its own folder + /v2",
    explains=(S.NOT_THE_API, S.BROWSER_BLOCKED),
    hop="browser -> proxy",
    supersedes=("no-v2-route",),
)
def ui_subpath_relative_api(facts: Facts) -> Iterator[Finding]:
    """The page asks for the API relative to where it was loaded from. Under /ui/ it calls /ui/v2/, for which no proxy
    has a route, while /v2/ itself works."""
    for sub, outer, shown in _misled(facts):
        yield finding(
            f"The UI under {sub}/ calls {sub}/v2/, and no route leads from there to the registry.",
            shown,
            fix=Fix(
                summary=f"Add a route that forwards {sub}/v2/ to the registry's /v2/ (nginx: location {sub}/v2/ {{ "
                "proxy_pass http://REGISTRY:5000/v2/; }), or set REGISTRY_URL on the UI to the outer address",
                verify=(status(f"{_origin(outer)}{sub}", expect="401 (or 200)"),) if "://" in outer else (),
            ),
            about=Subject(service=facts.ui.name) if facts.ui else None,
        )
        return


def _misled(facts: Facts) -> Iterator[tuple[str, str, Item]]:
    """Calls of the API below a sub-path that came to nothing: the sub-path, an address with the page's origin, what shows it."""
    for exchange in facts.traffic.exchanges:
        sub = exchange.path.partition("/v2")[0].rstrip("/")
        called = sub and re.match(r"/v2(?:/|$)", exchange.path[len(sub) :])
        page = exchange.page is not None or facts.ui is not None or _is_served_above(exchange, facts)
        if called and page and exchange.status in (404, 405) and exchange.route != "direct":
            yield sub, exchange.url, seen(exchange)
    for request in facts.traffic.requests:
        if sub := missed_below(request):
            yield sub, request.referer, said(request)


def _is_served_above(missed: Exchange, facts: Facts) -> bool:
    """Whether the API itself was seen at the same origin, at the top."""
    return any(
        e.path.startswith("/v2/") and e.status in (200, 401) and _origin(e.url) == _origin(missed.url)
        for e in facts.traffic.exchanges
    )


def _origin(url: str) -> str:
    return f"{urlsplit(url).scheme}://{netloc(url)}"


@rule(
    "entrypoint-cannot-edit-mounted-conf",
    needs_any=("logs",),
    step="align",
    tier=2,
    title="the UI's entrypoint cannot edit the configuration that is mounted over its own",
    fix="Remove the mount of default.conf and use the UI's variables, or write the whole configuration yourself",
    source="Joxit/docker-registry-ui#170: sed: can't move … Resource busy",
    explains=(S.NOT_THE_API, S.BAD_GATEWAY, S.PROXY_NOT_STARTED),
    hop="ui",
    supersedes=("no-v2-route",),
)
def entrypoint_cannot_edit_mounted_conf(facts: Facts) -> Iterator[Finding]:
    """The entrypoint edits default.conf in place, which replaces the file. A file that is mounted by itself cannot be
    replaced, so NGINX_PROXY_PASS_URL and its kin have no effect."""
    event = next(iter(facts.traffic.logged("entrypoint-cannot-edit")), None)
    ui = facts.ui.service if facts.ui else None
    mount = next((m for m in ui.mounts if m.target.endswith("/conf.d/default.conf")), None) if ui else None
    variable = ui.env(FORWARD) if ui else None
    if event is None and not (mount and variable and variable.value):
        return
    name = facts.ui.name if facts.ui else event.service if event else None
    one = runs(facts, name)
    yield finding(
        f"default.conf is mounted into {name or 'the UI'}, so its entrypoint cannot write the settings of the variables "
        "into it.",
        read(f"{mount.target} is mounted", mount.place) if mount else None,
        said(event),
        read(f"{variable.name} has no effect then", variable.place) if variable else None,
        proves=event is not None and not facts.traffic.seen(),
        fix=Fix(
            summary="Delete the mount of default.conf and let the variables do it; or keep the mount and write the /v2/ "
            "route there yourself",
            commands=restarted(one, fresh=True).commands,
            verify=(
                inside(one, "grep", "-n", "proxy_pass", "/etc/nginx/conf.d/default.conf",
                   expect="(a proxy_pass line with the address of the registry)"),
            ),
        ),
        about=Subject(service=name or ""),
    )  # fmt: skip
