"""Registries found by a label. `kubectl` is a script that answers as the real one was recorded, and writes down its words."""

import json
from pathlib import Path
from typing import Any

import pytest

from runbook.collect import UsageError
from runbook.fleet.inventory import Inventory, load

SCRIPT = """#!/usr/bin/env python3
import pathlib, sys
home = pathlib.Path({home!r})
with open(home / "asked", "a") as asked:
    print(*sys.argv[1:], file=asked)
kind = sys.argv[sys.argv.index("get") + 1]
if not (home / kind).exists():
    print('Error from server (Forbidden): ' + kind + ' is forbidden: User "ci" cannot list resource', file=sys.stderr)
    sys.exit(1)
sys.stdout.write((home / kind).read_text())
"""
INVENTORY = """
version: 1
defaults: {{user: ci, owner: platform, credentials: {{env: FLEET_PASSWORD}}}}
kubernetes: {{selector: "app=registry", {more}}}
"""


def service(name: str, space: str, *ports: tuple[str, int], **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": space, "labels": labels},
        "spec": {"ports": [{"name": called, "port": port} for called, port in ports]},
    }  # fmt: skip


def ingress(host: str, space: str, backend: str, *, tls: bool) -> dict[str, Any]:
    paths = [{"path": "/", "backend": {"service": {"name": backend, "port": {"number": 5000}}}}]
    spec: dict[str, Any] = {"rules": [{"host": host, "http": {"paths": paths}}]}
    if tls:
        spec["tls"] = [{"hosts": [host]}]
    return {"kind": "Ingress", "metadata": {"name": host, "namespace": space}, "spec": spec}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files `services` and `ingresses` are what kubectl prints."""
    home = tmp_path / "cluster"
    home.mkdir()
    (home / "kubectl").write_text(SCRIPT.format(home=str(home)))
    (home / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    answers(home, "services", [
        service("hub", "build", ("metrics", 5001), ("main", 5000), app="registry", team="build"),
        service("hub", "test", ("https", 443), app="registry"),
        service("headless", "test", app="registry"),
    ])  # fmt: skip
    answers(home, "ingresses", [
        ingress("hub.example", "build", "hub", tls=True), ingress("other.example", "other", "hub", tls=False),
        ingress("*.example", "test", "hub", tls=True),
    ])  # fmt: skip
    return home


def answers(home: Path, kind: str, items: list[dict[str, Any]]) -> None:
    (home / kind).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def loaded(home: Path, more: str = "") -> Inventory:
    (home / "all.yaml").write_text(INVENTORY.format(more=more))
    return load(home / "all.yaml")


def refused(home: Path, more: str = "") -> str:
    with pytest.raises(UsageError) as told:
        loaded(home, more)
    return str(told.value)


def test_each_service_with_the_label_is_a_target(cluster: Path) -> None:
    one, two = loaded(cluster).targets
    assert (one.name, one.registry, one.ui) == ("build.hub", "http://hub.build.svc:5000", "https://hub.example")
    assert (two.name, two.registry, two.ui) == ("test.hub", "https://hub.test.svc:443", None)
    assert one.labels == {"app": "registry", "team": "build"}
    assert {t.user for t in (one, two)} == {"ci"}
    assert one.credentials is not None
    assert one.credentials.env == "FLEET_PASSWORD"


def test_outside_the_cluster_the_ingress_is_the_address(cluster: Path) -> None:
    (one,) = loaded(cluster, "reach: ingress").targets
    assert (one.name, one.registry, one.ui) == ("build.hub", "https://hub.example", None)


def test_kubectl_is_asked_for_these_two_kinds_and_nothing_is_changed(cluster: Path) -> None:
    loaded(cluster, 'namespace: build, context: "--kubeconfig=/etc/other"')
    asked = (cluster / "asked").read_text().splitlines()
    common = "--output=json {}--namespace=build --context=--kubeconfig=/etc/other"
    assert asked == [
        "--request-timeout=15s get services " + common.format("--selector=app=registry "),
        "--request-timeout=15s get ingresses " + common.format(""),
    ]
    (cluster / "asked").unlink()
    loaded(cluster)
    assert all("--all-namespaces" in line for line in (cluster / "asked").read_text().splitlines())


def test_targets_of_the_file_come_beside_those_of_the_cluster(cluster: Path) -> None:
    text = INVENTORY.format(more="") + "targets: [{name: berlin, registry: 'https://berlin.example'}]\n"
    (cluster / "all.yaml").write_text(text)
    assert [t.name for t in load(cluster / "all.yaml").targets] == ["berlin", "build.hub", "test.hub"]


def test_what_goes_wrong_is_a_sentence(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cluster / "ingresses").unlink()
    assert "kubectl get ingresses: Error from server (Forbidden)" in refused(cluster)
    (cluster / "services").write_text("[" * 100_000)
    assert "no JSON" in refused(cluster)
    answers(cluster, "services", [])
    answers(cluster, "ingresses", [])
    assert refused(cluster) == "The cluster has no Service with the label app=registry."
    monkeypatch.setenv("PATH", str(cluster / "nowhere"))
    assert "kubectl cannot be run" in refused(cluster)


@pytest.mark.parametrize("junk", [[1], {}, {"items": 7}, {"items": [{"metadata": []}, {"metadata": {"name": {}}}]}])
def test_what_is_no_list_of_services_is_none(cluster: Path, junk: object) -> None:
    (cluster / "services").write_text(json.dumps(junk))
    (cluster / "ingresses").write_text(
        json.dumps({"items": [{"metadata": {"name": "x"}, "spec": {"tls": [{"hosts": 7}]}}]})
    )
    assert "no Service" in refused(cluster)


def test_foreign_text_does_not_become_an_address(cluster: Path) -> None:
    answers(cluster, "services", [service("hub@evil.example/", "build", ("main", 5000))])
    assert "not valid" in refused(cluster)
