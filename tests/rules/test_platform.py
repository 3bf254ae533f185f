"""What is typed fits the platform: nobody who showed Kubernetes is told of Compose."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.judge import Run
from runbook.model import Command, Evidence, Fix, Place, Port, ProxyRoute, Service, SourceFile, command
from runbook.observe.traffic import Traffic
from runbook.rules.base import Facts
from runbook.rules.in_cluster import workload
from runbook.rules.platform import (
    body_limit_lifted,
    inside,
    logs,
    platform,
    restarted,
    retargeted,
    route_applied,
)
from runbook.stack import build
from tests.case_files import Case, all_cases, judge

POD = Service(
    name="deployment/hub", place=Place("hub.yaml", 9), platform="kubernetes", namespace="oven", container="registry"
)
NEW = (
    "ingress-auth-secret-unusable", "ingress-passthrough-skips-auth", "client-config-not-read", "http-prefix-set",
    "env-value-not-yaml", "storage-redirect-unreachable", "token-expired", "access-denied-by-rule",
)  # fmt: skip


def typed(*commands: object) -> list[str]:
    return [str(c) for c in commands]


def test_kubernetes() -> None:
    assert typed(*restarted(POD, Place("hub.yaml", 12)).commands) == [
        "kubectl -n oven apply -f hub.yaml",
        "kubectl -n oven rollout restart deployment/hub",
    ]
    assert str(logs(POD)) == "kubectl -n oven logs --tail 50 deployment/hub -c registry"
    assert str(inside(POD, "ls", "/auth")) == "kubectl -n oven exec deployment/hub -c registry -- ls /auth"


def test_a_file_inside_a_secret_is_not_applied_by_its_own_name() -> None:
    (rolled,) = typed(*restarted(POD, Place("hub.yaml § users/htpasswd", 1)).commands)
    assert rolled == "kubectl -n oven rollout restart deployment/hub"


def test_a_sidecar_belongs_to_its_pod() -> None:
    sidecar = replace(POD, name="deployment/hub-1", network_mode="service:deployment/hub")
    assert workload(sidecar) == "deployment/hub"


@pytest.mark.parametrize("name", ["pod/hub", "job/bake"])
def test_what_nothing_rolls_out_anew_is_replaced(name: str) -> None:
    pod = replace(POD, name=name)
    assert typed(*restarted(pod, pod.place).commands) == ["kubectl -n oven replace --force -f hub.yaml"]


@pytest.mark.parametrize(
    ("platform", "first"),
    [
        ("podman", "systemctl --user daemon-reload"),
        ("swarm", "docker service update --force hub"),
        ("docker", "docker rm -f hub"),
        ("compose", "docker compose up -d hub"),
    ],
)
def test_other_platforms(platform: str, first: str) -> None:
    one = Service(name="hub", place=Place("x", 1), platform=platform)  # type: ignore[arg-type]
    assert str(restarted(one).commands[0]) == first


def test_only_objects_of_a_controller_are_applied() -> None:
    route = ProxyRoute(software="nginx", place=Place("i.yaml", 3), service="ingress/hub", platform="kubernetes")
    applied = route_applied(route)
    assert applied is not None
    assert typed(*applied.commands) == ["kubectl apply -f i.yaml"]
    assert route_applied(replace(route, service="deployment/nginx")) is None
    assert route_applied(replace(route, platform="compose")) is None


MANIFESTS = [c for c in all_cases() if "apiVersion:" in str(c.files) and "services:" not in str(c.files)]


@pytest.mark.parametrize("case", MANIFESTS, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_nobody_who_showed_kubernetes_is_told_of_compose(case: Case, tmp_path: Path) -> None:
    d = judge(case, tmp_path).diagnosis
    for finding in (*d.causes, *d.warnings):
        fix = finding.fix
        assert "compose" not in " ".join((fix.applies, *fix.command_lines, *fix.verify_lines)).lower(), finding.cause
        assert fix.commands or fix.patch or fix.summary
    assert d.next is None or "compose" not in str(d.next.command)


@pytest.mark.parametrize(
    "case", [c for c in all_cases() if c.cause in NEW and not c.is_near_miss], ids=lambda c: f"{c.cause}/{c.path.stem}"
)
def test_a_fix_speaks_of_the_platform_that_was_shown(case, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = judge(case, tmp_path)
    fix = (*run.diagnosis.causes, *run.diagnosis.warnings)[0].fix
    text = " ".join((fix.summary, fix.applies, *fix.command_lines, *fix.verify_lines))
    if any(f.kind == "kubernetes" for f in run.evidence.files):
        assert "compose" not in text.lower()
    assert "HOST" not in text.split()


def test_edits_of_a_manifest() -> None:
    lines = (
        "    nginx.ingress.kubernetes.io/proxy-body-size: 8m",
        "      targetPort: 8080",
        "    maxRequestBodyBytes: 1048576",
    )
    evidence = Evidence(files=(SourceFile(path="i.yaml", kind="kubernetes", lines=lines),))
    base = ProxyRoute(software="nginx", place=Place("i.yaml", 1), service="ingress/hub", platform="kubernetes")
    port = Port(container=8080, published=80, place=Place("i.yaml", 2))
    lifted = body_limit_lifted(evidence, replace(base, max_body_place=Place("i.yaml", 1)))
    buffered = body_limit_lifted(evidence, replace(base, software="traefik", max_body_place=Place("i.yaml", 3)))
    led = retargeted(evidence, replace(base, through=port), 5000)
    assert lifted is not None
    assert buffered is not None
    assert led is not None
    assert lifted[1][0].new == '    nginx.ingress.kubernetes.io/proxy-body-size: "0"'
    assert buffered[1][0].new == "    maxRequestBodyBytes: 0"
    assert led[1][0].new == "      targetPort: 5000"
    assert body_limit_lifted(evidence, replace(base, platform="compose")) is None
    assert retargeted(evidence, base, 5000) is None


COMPOSE = re.compile(r"docker[- ]compose")
ALL = all_cases()


def printed(run: Run) -> list[Command]:
    diagnosis = run.diagnosis
    found = (*diagnosis.causes, *diagnosis.warnings, *diagnosis.also_seen)
    after = [diagnosis.next.command] if diagnosis.next and diagnosis.next.command else []
    return [c for f in found for c in (*f.fix.commands, *f.fix.verify)] + after


def known(run: Run) -> dict[str, list[str]]:
    """What each placeholder stands for, as far as the evidence tells it."""
    evidence, stack = run.evidence, build(run.evidence)
    focus = Traffic(evidence, stack).focus
    entries = [e.name for h in evidence.htpasswd for e in h.entries]
    pasted = {f.path for f in evidence.files if f.kind in ("text", "log")}
    services = [s.name for s in evidence.compose.services] if evidence.compose else []
    hosts = [str(a) for a in (*focus.used, *focus.addresses) if not a.is_hosted]  # where it went is not where it shall
    return {
        "USER": [u for u in (evidence.target.user, *focus.users, *entries) if u],
        "SERVICE": services,
        "HOST": hosts,
        "FILE": [h.file for h in evidence.htpasswd if h.file not in pasted],
    }


def fits(kind: str, value: str) -> bool:
    """Whether that value may stand in a command at all."""
    grammar = {"USER": command.user, "SERVICE": command.service, "HOST": command.host, "FILE": command.file}[kind]
    return not grammar(value).odd


@pytest.mark.parametrize("case", ALL, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_commands_fit_the_stack(case: Case, tmp_path: Path) -> None:
    """No word of Compose where something else runs the stack, and no placeholder for what is known."""
    run = judge(case, tmp_path)
    facts = Facts(run.evidence, build(run.evidence), Traffic(run.evidence, build(run.evidence)))
    commands = printed(run)
    if platform(facts) != "compose":
        assert not [str(c) for c in commands if COMPOSE.search(str(c))]
    values = known(run)
    for one in commands:
        text = " ".join(
            w.text for w in one.words if not w.text.startswith("Origin: ")
        )  # the page's, not the registry's
        for kind, said in values.items():
            if re.search(rf"(?<!\w){kind}(?!\w)", text):
                assert not [v for v in said if fits(kind, v)], str(one)


def _diagnosed(cause: str, tmp_path: Path, files: dict[str, str]) -> Fix:
    run = judge(Case(Path(cause) / "bad.yaml", "", (), {}, files, {}, {}), tmp_path)
    return next(f for f in run.diagnosis.causes if f.cause == cause).fix


VALUES = "persistence: {enabled: true}\nsecrets:\n  htpasswd: |\n    karl:$apr1$0Ux4l0bu$XGgSwhrZ0fdeFF3cyyZ440\n"
ARGO = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: hub, namespace: argocd}
spec:
  source: {repoURL: https://git.oven.example/hub.git, path: ., helm: {valueFiles: [values.yaml]}}
  destination: {namespace: hub, server: https://kubernetes.default.svc}
"""


@pytest.mark.parametrize("keeper", ["", "Argo CD", "Flux"])
def test_what_is_kept_like_a_repository_is_committed(keeper: str, tmp_path: Path) -> None:
    released = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: hub}\n"
    files = {"values.yaml": VALUES, **({"app.yaml": ARGO if keeper == "Argo CD" else released} if keeper else {})}
    fix = _diagnosed("htpasswd-not-bcrypt", tmp_path, files)
    assert ("run `helm upgrade`" in fix.applies) is not bool(keeper)
    assert (f"Commit the change to the repository: {keeper}" in fix.applies) is bool(keeper)


def test_the_values_file_that_wins_is_named(tmp_path: Path) -> None:
    over = VALUES.partition("secrets:")
    sound = VALUES.replace(
        "$apr1$0Ux4l0bu$XGgSwhrZ0fdeFF3cyyZ440", "$2y$04$xUCMtlzlzIBTgsSZheHmu.8TfW1/bjk7yAX9hZ0mF9BUFA2QKiL.."
    )
    fix = _diagnosed("htpasswd-not-bcrypt", tmp_path, {"values.yaml": sound, "values-prod.yaml": over[1] + over[2]})
    assert "secrets.htpasswd in values-prod.yaml" in fix.applies


PULL = 'Failed to pull image "hub.oven:5000/a:1": '
ASKED = 'failed to resolve reference "hub.oven:5000/a:1": failed to do request: Head "https://hub.oven:5000/v2/a/manifests/1": '
PLAIN = "http: server gave HTTP response to HTTPS client"
UNTRUSTED = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
UNPACK = 'failed to pull and unpack image "hub.oven:5000/a:1": '
PINGED = 'Get "https://hub.oven:5000/v2/": '
KANIKO = "error checking push permissions -- make sure you entered the correct tag name: "


@pytest.mark.parametrize(
    ("cause", "line", "told", "not_told"),
    [
        ("insecure-registry-missing", f"Warning  Failed  2m  kubelet  {PULL}{UNPACK}{ASKED}{PLAIN}", "hosts.toml", "daemon.json"),
        ("insecure-registry-missing", f"Warning  Failed  2m  kubelet  {PULL}Error response from daemon: {PINGED}{PLAIN}",
         "daemon.json", "hosts.toml"),
        ("insecure-registry-missing", f"{KANIKO}creating push check transport for hub.oven:5000 failed: {PINGED}{PLAIN}",
         "--insecure-registry=hub.oven:5000", "daemon.json"),
        ("insecure-registry-missing", f"Error response from daemon: {PINGED}{PLAIN}", "daemon.json", "hosts.toml"),
        ("tls-ca-not-trusted", f"Warning  Failed  2m  kubelet  {PULL}{UNPACK}{ASKED}{UNTRUSTED}",
         "/etc/containerd/certs.d/hub.oven:5000", "/etc/docker"),
        ("tls-ca-not-trusted", f"Error response from daemon: {PINGED}{UNTRUSTED}", "/etc/docker", "hosts.toml"),
    ],
)  # fmt: skip
def test_the_program_that_pulls_is_told(cause: str, line: str, told: str, not_told: str, tmp_path: Path) -> None:
    fix = _diagnosed(cause, tmp_path, {"events.txt": f"{line}\n"})
    text = "\n".join((fix.summary, *fix.command_lines, *fix.verify_lines, fix.applies))
    assert told in text
    assert not_told not in text


@pytest.mark.parametrize(("sudo", "tool"), [("sudo ", "docker"), ("sudo ", "podman"), ("", "docker")])
def test_the_login_that_failed_is_the_one_to_check(sudo: str, tool: str, tmp_path: Path) -> None:
    other = "" if sudo else "sudo "
    text = (
        f"karl@oven:~$ {other}{tool} login hub.oven.example\nLogin Succeeded\n"
        f"karl@oven:~$ {sudo}{tool} push hub.oven.example/a:1\nno basic auth credentials\n"
    )
    fix = _diagnosed("client-config-not-read", tmp_path, {"shell.txt": text})
    assert fix.verify_lines[0].startswith(f"{sudo}{tool} login hub.oven.example < /dev/null")


@pytest.mark.parametrize("host", ["", "hub.oven.example"])
def test_a_check_in_a_cluster_has_a_way_to_the_port(host: str, tmp_path: Path) -> None:
    said = f"Error response from daemon: login attempt to https://{host}/v2/ failed with status: 401 Unauthorized\n"
    fix = _diagnosed("htpasswd-not-bcrypt", tmp_path, {"values.yaml": VALUES, **({"s.txt": said} if host else {})})
    way = "kubectl port-forward deployment/docker-registry 5000:5000"
    lines = [str(c) for c in fix.verify]
    assert (way in lines) is not bool(host)
    assert lines[-1].startswith("curl")
