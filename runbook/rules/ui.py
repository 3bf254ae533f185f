"""The registry UI (joxit/docker-registry-ui): variables that changed their meaning, sub-paths, a mounted configuration."""

import re
from collections.abc import Iterator

from runbook.model import Certainty, EnvVar, Evidence, EvidenceItem, Finding, Fix, Place, Stack, Symptom, Ui
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hop_edits import swap
from runbook.rules.hops import item, seen

S, C = Symptom, Certainty
_OLD = re.compile(
    r"docker-registry-ui:1[.\w-]*|\b1\.\d+(?:\.\d+)?-static\b|\b(?:from|was|vorher|before|old)\b.*\b1\.\d"
)
_OLD_NAMES = ("URL", "REGISTRY_HOST", "REGISTRY_PORT", "REGISTRY_PROTOCOL")
_BLIND = (S.BROWSER_BLOCKED, S.NOT_THE_API, S.NAME_UNKNOWN)


@rule(
    "ui-v1-env-semantics-changed",
    sees=("ui",),
    step="align",
    title="the UI's variables are those of another major version",
    fix="With 2.x write NGINX_PROXY_PASS_URL for the proxy; REGISTRY_URL is for the browser.",
    source="Joxit/docker-registry-ui: README and bin/90-docker-registry-ui.sh of 2.x against 1.5-static",
)
def ui_v1_env_semantics_changed(evidence: Evidence, stack: Stack, ui: Ui, traffic: Traffic) -> Iterator[Finding]:
    """In 1.x-static REGISTRY_URL (before that URL) was where the UI's own nginx proxied to, so a container's name was
    right. In 2.x the browser uses REGISTRY_URL, and NGINX_PROXY_PASS_URL proxies. The same file then fails in the browser."""
    found = _out_of_date(ui, evidence)
    if found is None:
        return
    variable, summary, proves, mark = found
    marks = [mark] if mark else []
    hints = [item(m.text, m.place) for m in traffic.said("ui-cors-hint", "cors", "no-such-host")[:1]]
    new = "NGINX_PROXY_PASS_URL"
    yield Finding(
        cause="ui-v1-env-semantics-changed",
        summary=summary,
        certainty=C.PROVEN if marks and hints else C.LOGGED if marks else C.READ,
        explains=_BLIND,
        evidence=(
            item(f"{variable.name}={variable.value or ''} on {ui.service.image}", variable.place),
            *marks,
            *hints,
        ),
        hop="browser -> ui",
        fix=Fix(
            summary=f"Write {new}={_target(variable)} in the place of {variable.name} (UI 2.x)."
            if ui.major != 1
            else "Use a 2.x image of the UI, or REGISTRY_URL with a 1.x-static one.",
            commands=(f"docker compose up -d {ui.name}",),
            verify=(f"curl -sSi http://localhost:{_port(ui)}/v2/ | head -1   # 401 or 200, from the registry",),
        ),
        edits=swap(evidence, variable.place, rf"\b{variable.name}\b", new) if ui.major != 1 else (),
        proves=proves,
        supersedes=("browser-cannot-resolve-container-name", "no-v2-route")
        if mark or variable.name in _OLD_NAMES
        else (),
    )


def _out_of_date(ui: Ui, evidence: Evidence) -> tuple[EnvVar, str, bool, EvidenceItem | None] | None:
    """The variable that means something else in this version: (it, why, whether it does harm by itself, the trace of 1.x)."""
    service, compose = ui.service, evidence.compose
    if ui.major == 1:
        late = service.env("NGINX_PROXY_PASS_URL")
        if late and late.value and not service.env("REGISTRY_URL"):
            return late, f"UI {service.tag} does not know NGINX_PROXY_PASS_URL: it came with 2.x.", True, None
        return None
    if ui.proxy_pass is not None:
        return None
    mark = _trace_of_v1(evidence, ui)
    for old in _OLD_NAMES:
        variable = service.env(old)
        if variable and variable.value and not service.env("REGISTRY_URL"):
            return variable, f"{old} is a variable of UI 1.x; {service.tag or '2.x'} does not read it.", True, mark
    url = ui.registry_url
    host = re.sub(r"^\w+://", "", url.value or "").split("/")[0].split(":")[0] if url else ""
    internal = bool(compose and host and compose.service(host))
    if url and internal and mark:
        why = f"REGISTRY_URL={url.value} was the proxy's target in UI 1.x; in 2.x the browser calls it and cannot."
        return url, why, True, mark
    return None


def _trace_of_v1(evidence: Evidence, ui: Ui) -> EvidenceItem | None:
    """A comment or a message that tells of an earlier 1.x."""
    for file in evidence.files:
        if file.kind not in ("compose", "text"):
            continue
        for number, line in enumerate(file.lines, 1):
            if _OLD.search(line) and (ui.service.image or "") not in line:
                return EvidenceItem(
                    what=f"it was 1.x before: {line.strip()[:120]}", where=str(Place(file.path, number))
                )
    for message in evidence.messages:
        if _OLD.search(message.text):
            return item(message.text, message.place)
    return None


def _target(variable: EnvVar) -> str:
    return variable.value or "http://registry:5000"


def _port(ui: Ui) -> int:
    return next((p.published for p in ui.ports if p.published), 80)


@rule(
    "ui-subpath-relative-api",
    sees=("routes", "ui", "exchanges", "logs"),
    step="align",
    tier=2,
    title="the UI under a sub-path calls the API under that sub-path, too",
    fix="Hand SUB-PATH/v2/ on to the registry without the sub-path, or give the UI REGISTRY_URL.",
    source="Joxit/docker-registry-ui#137: without a REGISTRY_URL the page calls its own folder + /v2",
)
def ui_subpath_relative_api(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The page asks for the API relative to where it was loaded from. Under /ui/ it calls /ui/v2/, for which no hop has
    a route, while /v2/ itself works."""
    for exchange in traffic.exchanges:
        found = re.match(r"(/[^/]+(?:/[^/]+)*)/v2(?:/|$)", exchange.path)
        if (
            not found
            or exchange.path.startswith("/v2")
            or exchange.status not in (404, 405)
            or exchange.route == "direct"
        ):
            continue
        sub = found[1]
        yield Finding(
            cause="ui-subpath-relative-api",
            summary=f"The UI under {sub}/ calls {sub}/v2/, and no route leads from there to the registry.",
            certainty=C.SEEN,
            explains=(S.NOT_THE_API, S.BROWSER_BLOCKED),
            evidence=(seen(exchange),),
            hop="browser -> proxy",
            fix=Fix(
                summary=f"Add a route for {sub}/v2/ that hands on /v2/, or set REGISTRY_URL on the UI to the outer address.",
                commands=(f"# nginx: location {sub}/v2/ {{ proxy_pass http://registry:5000/v2/; }}",),
                verify=(f"curl -sSi {exchange.url.split('/v2')[0]}/v2/ | head -1   # 401 or 200",),
            ),
            supersedes=("no-v2-route",),
        )
        return


@rule(
    "entrypoint-cannot-edit-mounted-conf",
    sees=("logs",),
    step="align",
    tier=2,
    title="the UI's entrypoint cannot edit the configuration that is mounted over its own",
    fix="Take the mount of default.conf away and use the UI's variables, or write the whole configuration yourself.",
    source="Joxit/docker-registry-ui#170: sed: can't move … Resource busy",
)
def entrypoint_cannot_edit_mounted_conf(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The entrypoint edits default.conf in place, which replaces the file. A file that is mounted by itself cannot be
    replaced, so NGINX_PROXY_PASS_URL and its kin have no effect."""
    events = traffic.logged("entrypoint-cannot-edit")
    service = stack.ui.service if stack.ui else None
    mount = next((m for m in service.mounts if m.target.endswith("/conf.d/default.conf")), None) if service else None
    asked = service.env("NGINX_PROXY_PASS_URL") if service else None
    name = stack.ui.name if stack.ui else next((e.service for e in events if e.service), "the UI")
    if not events and not (mount and asked and asked.value):
        return
    yield Finding(
        cause="entrypoint-cannot-edit-mounted-conf",
        summary=f"default.conf is mounted into {name}, so its entrypoint cannot write the settings of the variables into it.",
        certainty=C.PROVEN if events and mount else C.LOGGED if events else C.READ,
        explains=(S.NOT_THE_API, S.BAD_GATEWAY, S.PROXY_NOT_STARTED),
        proves=bool(events) and not traffic.seen(),
        evidence=(
            *([item(f"{mount.target} is mounted", mount.place)] if mount else []),
            *(item(e.text, e.place) for e in events[:1]),
            *([item(f"{asked.name} has no effect then", asked.place)] if asked else []),
        ),
        hop="ui",
        fix=Fix(
            summary="Delete the mount of default.conf and let the variables do it; or keep the mount and write the /v2/ "
            "route there yourself.",
            commands=(f"docker compose up -d --force-recreate {name}",),
            verify=(f"docker compose exec {name} grep -n proxy_pass /etc/nginx/conf.d/default.conf",),
        ),
    )
