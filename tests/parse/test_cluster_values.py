"""What holds for every site of ingress-nginx: the controller's ConfigMap, and the values that make it."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.model import Evidence
from runbook.redact import Vault

INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: hub}
spec:
  ingressClassName: nginx
  rules: [{host: hub.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: registry, port: {number: 80}}}}]}}]
"""
CONFIG = "controller:\n  config:\n    proxy-body-size: 8m\n"


def _indented(text: str) -> str:
    return "".join(f"    {row}\n" for row in text.splitlines())


def _object(kind: str, values: str = CONFIG) -> str:
    head = (
        f"apiVersion: helm.cattle.io/v1\nkind: {kind}\nmetadata: {{name: rke2-ingress-nginx, namespace: kube-system}}\n"
    )
    return f"{head}spec:\n  valuesContent: |-\n{_indented(values)}"


def evidence(folder: Path, **files: str) -> Evidence:
    (folder / "ingress.yaml").write_text(INGRESS)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return collect(Request(paths=(str(folder),)), Vault())


@pytest.mark.parametrize(
    ("name", "text"), [("config", _object("HelmChartConfig")), ("chart", _object("HelmChart")), ("values", CONFIG)]
)
def test_values_of_the_controller_hold_for_every_site(tmp_path: Path, name: str, text: str) -> None:
    (route,) = evidence(tmp_path, **{name: text}).routes
    assert route.max_body == 8 << 20
    assert route.max_body_place is not None
    assert route.max_body_place.file == f"{name}.yaml"


def test_without_them_the_default_holds(tmp_path: Path) -> None:
    (route,) = evidence(tmp_path).routes
    assert (route.max_body, route.max_body_place) == (1 << 20, None)


def test_values_of_another_chart_are_listed(tmp_path: Path) -> None:
    found = evidence(tmp_path, traefik=_object("HelmChartConfig", "ports: {web: {redirectTo: websecure}}\n"))
    (problem,) = found.problems
    assert problem.message.endswith("are of no chart that is known here; they were not read.")
    assert found.routes[0].max_body == 1 << 20
