"""Programs that pull without docker's daemon: under which name they look a login up, and which address they ask."""

import re
from collections.abc import Iterator

from runbook.model import (
    Command,
    Edit,
    Endpoint,
    Finding,
    Fix,
    Message,
    Mirror,
    Place,
    PullerConfig,
    Refutation,
    Subject,
    Symptom,
)
from runbook.model.command import image, sh
from runbook.rules.base import Facts, rule
from runbook.rules.client import NO_PASSWORD, NOT_SENT, may_be_one
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hop_edits import swap
from runbook.rules.platform import Applied
from runbook.urls import host_of, netloc, urlsplit

S = Symptom


def _restart(puller: PullerConfig) -> Applied:
    """How a puller takes a changed file."""
    match puller.program:
        case "k3s" if "rke2" in puller.file.lower():
            again = sh("sudo", "systemctl", "restart", "rke2-server")
            return Applied((again,), "RKE2 reads registries.yaml when it starts, on every node (agents: rke2-agent)")
        case "k3s":
            again = sh("sudo", "systemctl", "restart", "k3s")
            return Applied((again,), "k3s reads registries.yaml when it starts, on every node (agents: k3s-agent)")
        case "containerd" if puller.file.endswith("hosts.toml"):
            return Applied((), "containerd reads hosts.toml at every pull")
        case "containerd":
            return Applied(
                (sh("sudo", "systemctl", "restart", "containerd"),), "containerd reads config.toml when it starts"
            )
        case "buildkit":
            return Applied((), "a builder reads buildkitd.toml when it is created")
    return Applied((), "podman reads registries.conf at every command")


def _pull(puller: PullerConfig, name: str) -> Command:
    """Pulls with the program that the file belongs to."""
    if puller.program == "podman":
        return sh("podman", "pull", image(name or None), expect="(the digest of the image)")
    tool = ("sudo", "k3s", "crictl") if puller.program == "k3s" else ("sudo", "crictl")
    return sh(*tool, "pull", image(name or None), expect="Image is up to date")


@rule(
    "containerd-login-under-other-host",
    needs=("pullers",),
    step="simplify",
    title="the login is stored under the mirrored name, not under the endpoint's host",
    fix="Write the login under configs: ENDPOINT-HOST:PORT",
    source="k3s docs/installation/private-registry: configs are keyed by the endpoint's host; k3s-io/k3s#3937",
    explains=NOT_SENT,
    hop="client",
    supersedes=("credentials-under-other-host",),
    refuted=(NO_PASSWORD,),
)
def under_mirrored_name(facts: Facts) -> Iterator[Finding]:
    """containerd asks the endpoints of a mirror and looks a login up by the host that it asks. One that is written under
    the name in the image is never sent to another host.
    """
    yield from _other_name(facts)
    for puller in facts.evidence.pullers:
        known = {host_of(s.key) for s in puller.logins}
        for mirror in puller.mirrors:
            for endpoint in mirror.endpoints:
                asked = host_of(endpoint.url)
                login = next((s for s in puller.logins if host_of(s.key) == mirror.host.lower()), None)
                if login is None or not asked or asked in known or asked == mirror.host.lower():
                    continue
                told = next(
                    (m for m in facts.traffic.said("unauthorized", "no-basic-auth") if m.host in (asked, None)), None
                )
                applied = _restart(puller)
                yield finding(
                    f"The login stands under {login.key}, but the images are fetched from {asked}: it goes there without one.",
                    read(f"the login of {login.user or login.key}", login.place),
                    read(f"images of {mirror.host} are fetched from {endpoint.url}", endpoint.place),
                    said(told),
                    about=Subject(address=asked),
                    edits=_rekeyed(facts, login.place.line, login.place.file, login.key, asked),
                    fix=Fix(
                        summary=f"Write the login under {asked}",
                        commands=applied.commands,
                        verify=(_pull(puller, told.detail if told else ""),),
                        applies=applied.applies,
                    ),
                )
                return


def _other_name(facts: Facts) -> Iterator[Finding]:
    """A node whose file has a login, but for another name of the registry, where no pull Secret or login of docker's is
    known that may have it."""
    pullers = [p for p in facts.evidence.pullers if p.program in ("k3s", "containerd") and p.logins]
    for message in facts.traffic.said("no-basic-auth") if not facts.clients else ():
        asked = (message.host or "").lower()
        for puller in pullers if message.tool in ("kubectl", "crictl", "ctr", "nerdctl") else ():
            ways = {m.host.lower() for m in puller.mirrors} | {host_of(s.key) for s in puller.logins}
            other = next((s for s in puller.logins if may_be_one(host_of(s.key), asked)), None)
            if other is None or asked in ways:
                continue
            applied = _restart(puller)
            yield finding(
                f"The node has a login for {other.key}, but the image is fetched from {asked}: it goes there without one.",
                said(message),
                read(f"the login of {other.user or other.key}", other.place),
                about=Subject(address=asked),
                edits=_rekeyed(facts, other.place.line, other.place.file, other.key, asked),
                fix=Fix(
                    summary=f"Write the login under {asked}",
                    commands=applied.commands,
                    verify=(_pull(puller, f"{asked}/{message.detail}" if message.detail else ""),),
                    applies=applied.applies,
                ),
            )
            return


def _rekeyed(facts: Facts, line: int | None, file: str, old: str, new: str) -> tuple[Edit, ...]:
    return swap(
        facts.evidence, Place(file, line), rf"(?<![\w.-]){re.escape(old)}(?![\w.-]*\w)(?=[\"']?(?:\s*:|\]|\.))", new
    )


# ---- a path in a mirror's address ----------------------------------------------------------------------------


@rule(
    "mirror-address-has-project-path",
    needs_any=("pullers", "messages"),
    step="align",
    tier=2,
    title="a mirror's address has a path that is put before /v2",
    fix="Write the address with /v2/PROJECT and override_path = true, or without a path",
    source="containerd docs/hosts.md: without override_path /v2 is added to the path; goharbor/harbor#18530, k3s-io/k3s#5502",
    explains=(S.NOT_THE_API, S.FAILURE),
    hop="client",
    supersedes=("no-v2-route",),
    refuted=(Refutation(cause="no-v2-route", because="the registry serves /v2/; another path is asked"),),
)
def mirror_path(facts: Facts) -> Iterator[Finding]:
    """The API begins with /v2 at the top of the host. A project's path before it makes /project/v2/…, which is a page of the
    registry's web interface, if it is anything.
    """
    told = next(iter(facts.traffic.said("html-answer")), None)
    for puller in facts.evidence.pullers:
        for mirror in puller.mirrors:
            for endpoint in mirror.endpoints:
                path = urlsplit(endpoint.url if "://" in endpoint.url else f"https://{endpoint.url}").path.rstrip("/")
                if not path or puller.program in ("podman", "buildkit") or _is_right(path, endpoint, puller):
                    continue
                yield _path_finding(facts, puller, mirror, endpoint, path, told)
                return


def _is_right(path: str, endpoint: Endpoint, puller: PullerConfig) -> bool:
    """Whether the path leads to the API: it ends in /v2, or stands for it."""
    return path.endswith("/v2") or (path.startswith("/v2/") and (endpoint.override_path or puller.program == "k3s"))


def _path_finding(
    facts: Facts, puller: PullerConfig, mirror: Mirror, endpoint: Endpoint, path: str, told: Message | None
) -> Finding:
    asked = f"{path}/v2/…" if not endpoint.override_path else f"{path}/…"
    project = path.removeprefix("/v2").strip("/")
    page = next((e for e in facts.traffic.exchanges if e.path.startswith(f"{path}/") and e.is_html), None)
    cited: list[Item] = [read(f"endpoint {endpoint.url}", endpoint.place), said(told), seen(page)]
    applied = _restart(puller)
    override = "" if puller.program == "k3s" else " with override_path = true"
    return finding(
        f"{puller.program} asks {mirror.host} at {asked}, which is no path of the API.",
        cited,
        about=Subject(address=netloc(page.url) if page else (told.host if told else "") or mirror.host.strip("*")),
        fix=Fix(
            summary=f"Write the address as https://{host_of(endpoint.url)}/v2/{project}{override}",
            commands=applied.commands,
            verify=(_pull(puller, told.detail if told else ""),),
            applies=applied.applies,
        ),
    )
