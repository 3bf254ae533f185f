"""Kustomizations and values of charts: several files that make one object.

Kustomizations are built as `kubectl kustomize` builds them, and a patch is never judged as if it were an object."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.collect.kinds import recognise
from runbook.parse.kubernetes.data import GENERATORS
from runbook.parse.kubernetes.kustomize import build
from runbook.parse.kubernetes.objects import read_objects
from runbook.parse.yaml_nodes import plain_data
from tests.bundles import Answer, ask_files

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry, labels: {tier: store}}
spec:
  selector: {matchLabels: {app: registry}}
  template:
    metadata: {labels: {app: registry}}
    spec:
      imagePullSecrets: [{name: mirror}]
      containers:
        - name: registry
          image: registry:2.8.3
          ports: [{containerPort: 5000}, {containerPort: 5001, name: debug}]
          args: [serve, /etc/distribution/config.yml]
          env:
            - {name: REGISTRY_AUTH, value: htpasswd}
            - {name: REGISTRY_AUTH_HTPASSWD_REALM, value: reg}
            - {name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/htpasswd}
            - name: REGISTRY_HTTP_SECRET
              valueFrom: {secretKeyRef: {name: registry-auth, key: secret}}
          volumeMounts: [{name: auth, mountPath: /auth}, {name: images, mountPath: /var/lib/registry}]
      volumes:
        - {name: auth, secret: {secretName: registry-auth}}
        - {name: images, persistentVolumeClaim: {claimName: images}}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: registry}
spec: {selector: {app: registry}, ports: [{port: 5000, targetPort: 5000}]}
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: registry
  annotations:
    nginx.ingress.kubernetes.io/auth-tls-secret: registry-tls
    nginx.ingress.kubernetes.io/proxy-body-size: "0"
spec:
  tls: [{hosts: [reg.example], secretName: registry-tls}]
  rules:
    - host: reg.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: registry, port: {number: 5000}}}}]}
"""
ROUTE = """\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: registry}
spec:
  routes:
    - {match: Host(`reg.example`), kind: Rule, services: [{name: registry, port: 5000}]}
"""
BASE = {
    "base/deployment.yaml": DEPLOYMENT,
    "base/service.yaml": SERVICE,
    "base/ingress.yaml": INGRESS,
    "base/route.yaml": ROUTE,
    "base/kustomization.yaml": "resources: [deployment.yaml, service.yaml, ingress.yaml, route.yaml]\n"
    "secretGenerator:\n  - {name: registry-auth, files: [htpasswd], literals: [secret=one]}\n",
    "base/htpasswd": "anna:$2y$05$CJ7zykLfuT1RxMUceGDCNei..mTiMDQsOYzWuCZC18yiWWsJtTQgO\n",
}
OVERLAYS = {
    "nothing": "resources: [../../base]\n",
    "strategic": "resources: [../../base]\npatches:\n  - path: patch.yaml\n",
    "strategic-old-word": "resources: [../../base]\npatchesStrategicMerge: [patch.yaml]\n",
    "inline": """\
resources: [../../base]
patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: registry}
      spec:
        template:
          spec:
            imagePullSecrets: [{name: mirror}, {name: other}]
            containers:
              - {name: registry, args: [serve, /other.yml], ports: [{containerPort: 5001, $patch: delete}]}
              - {name: sidecar, image: nginx:1.27}
            volumes: [{name: images, $patch: delete}, {name: more, emptyDir: {}}]
""",
    "null-and-replace": """\
resources: [../../base]
patches:
  - target: {kind: Deployment, name: reg.*}
    patch: |
      kind: Deployment
      metadata: {name: whatever}
      spec: {template: {metadata: {labels: null}, spec: {containers: [{name: registry, env: [{name: A, value: b}, {$patch: replace}]}]}}}
""",
    "operations": """\
resources: [../../base]
patches:
  - target: {kind: Deployment, labelSelector: tier=store}
    patch: |-
      - {op: replace, path: /spec/template/spec/containers/0/env/2/value, value: /etc/auth/htpasswd}
      - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: X, value: z}}
      - {op: remove, path: /spec/template/spec/containers/0/ports/1}
  - {path: steps.yaml, target: {kind: Ingress, name: registry}}
""",
    "crd": """\
resources: [../../base]
patches:
  - patch: |-
      apiVersion: traefik.io/v1alpha1
      kind: IngressRoute
      metadata: {name: registry}
      spec: {routes: [{match: Host(`other.example`), kind: Rule}]}
""",
    "names": "resources: [../../base]\nnamePrefix: prod-\nnameSuffix: -eu\nnamespace: shop\n"
    "images: [{name: registry, newName: mirror.example/registry, newTag: '3'}]\npatches: [{path: patch.yaml}]\n",
    "generators": "resources: [../../base]\nsecretGenerator:\n  - {name: registry-auth, behavior: merge, literals: [secret=two]}\n"
    "configMapGenerator:\n  - {name: extra, literals: [a=b]}\n",
    "component": "resources: [../../base]\ncomponents: [../../part]\nnamePrefix: x-\n",
}
PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry}
spec:
  template:
    spec:
      containers:
        - name: registry
          env: [{name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/users}, {name: NEW, value: "1"}]
"""
STEPS = "- op: add\n  path: /metadata/annotations/nginx.ingress.kubernetes.io~1proxy-body-size\n  value: '0'\n"
PART = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n"


def _tree(overlay: str) -> dict[str, str]:
    here = f"overlays/{overlay}"
    beside = {f"{here}/patch.yaml": PATCH, f"{here}/steps.yaml": STEPS}
    used = {name: text for name, text in beside.items() if name.rpartition("/")[2] in OVERLAYS[overlay]}
    return (
        BASE
        | used
        | {f"{here}/kustomization.yaml": OVERLAYS[overlay], "part/kustomization.yaml": PART, "part/patch.yaml": PATCH}
    )


def _built(files: dict[str, str]) -> dict[tuple[str, str], Any]:
    texts = {n: t for n, t in files.items() if recognise(n, t) == "kubernetes"}
    made = build([o for n, t in texts.items() for o in read_objects(t, n)], texts)
    return {
        (o.kind, o.name): {**plain_data(o.node), "namespace": o.namespace}
        for o in made.objects
        if o.kind not in GENERATORS
    } | {(GENERATORS[o.kind], o.name): plain_data(o.node) for o in made.objects if o.kind in GENERATORS}


def _unhashed(value: Any) -> Any:
    """kubectl adds a hash to the name of what a generator makes; here it is left out."""
    if isinstance(value, dict):
        return {k: _unhashed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_unhashed(v) for v in value]
    return re.sub(r"((?:registry-auth|extra)(?:-eu)?)-[a-z0-9]{10}", r"\1", value) if isinstance(value, str) else value


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_built_as_kubectl_builds_it(overlay: str, tmp_path: Path) -> None:
    files = _tree(overlay)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    real = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path / "overlays" / overlay)], capture_output=True, text=True, check=True
    )
    wanted = {(o["kind"], o["metadata"]["name"]): o for o in map(_unhashed, yaml.safe_load_all(real.stdout))}
    made = _built(files)
    assert set(made) == set(wanted)
    for key, one in made.items():
        if key[0] in ("Secret", "ConfigMap"):
            continue
        assert one["spec"] == wanted[key]["spec"], key
        assert one["metadata"].get("annotations") == wanted[key]["metadata"].get("annotations"), key
        assert one["namespace"] == wanted[key]["metadata"].get("namespace", ""), key


def _asked(folder: Path, files: dict[str, str]) -> Answer:
    return ask_files(folder, {name: text.encode() for name, text in files.items()})


def test_an_overlay_is_judged_with_its_base(tmp_path: Path) -> None:
    answer = _asked(tmp_path / "sound", _tree("nothing"))
    assert not answer.causes()
    answer = _asked(tmp_path / "broken", _tree("operations"))
    assert answer.first == "htpasswd-path-mismatch"
    assert answer.report is not None
    cause = answer.report["causes"][0]
    assert "overlays/operations/kustomization.yaml" in str(cause["evidence"])
    assert "kubectl apply -k overlays/operations" in str(cause["fix"])


def test_a_patch_alone_says_nothing_of_the_rest(tmp_path: Path) -> None:
    assert _asked(tmp_path / "alone", {"patch.yaml": PATCH}).verdict == "inconclusive"
    remote = {
        "kustomization.yaml": "resources: [github.com/o/base]\npatches: [{path: patch.yaml}]\n",
        "patch.yaml": PATCH,
    }
    answer = _asked(tmp_path / "remote", remote)
    assert answer.verdict == "inconclusive"
    assert "o/base was not handed over" in answer.printed


def test_of_two_overlays_that_make_the_same_objects_one_is_judged_and_it_is_said(tmp_path: Path) -> None:
    other = {n.replace("strategic", "prod"): t for n, t in _tree("strategic").items()}
    files = {n.replace("operations", "dev"): t for n, t in _tree("operations").items()} | other
    answer = _asked(tmp_path, files)
    assert "same objects as overlays/prod, which is judged" in answer.printed


VALUES = (
    "image: {repository: registry}\nsecrets:\n  htpasswd: |\n    "
    + BASE["base/htpasswd"]
    + "ingress:\n  enabled: true\n"
    "  className: nginx\n  hosts: [reg.example]\n  annotations:\n    nginx.ingress.kubernetes.io/proxy-body-size: '0'\n"
)
LIVE = "image: {tag: 3.0.0}\nsecrets: {haSharedSecret: two}\ningress:\n  hosts: [reg.live.example]\n"


def test_values_beside_a_values_file_change_it(tmp_path: Path) -> None:
    files = {"values.yaml": VALUES, "values-prod.yaml": LIVE, "values-dev.yaml": LIVE.replace("live", "dev")}
    answer = _asked(tmp_path / "sound", files)
    assert not answer.causes()
    assert "It changes values.yaml, as values-prod.yaml does" in answer.printed
    assert "reg.dev.example" not in answer.printed
    files["values-prod.yaml"] += "  annotations: {nginx.ingress.kubernetes.io/proxy-body-size: 1m}\n"
    answer = _asked(tmp_path / "limited", files)
    assert answer.first == "client-max-body-size"
    assert "helm upgrade SERVICE FILE -f values.yaml -f values-prod.yaml" in answer.printed


def test_files_of_other_applications_are_no_doubt(tmp_path: Path) -> None:
    compose = (
        "services:\n  registry:\n    image: registry:2\n    ports: ['5000:5000']\n    volumes: ['./auth:/auth', './d:/var/lib/registry']\n"
        "    environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}\n"
    )
    stack = {"docker-compose.yml": compose, "auth/htpasswd": BASE["base/htpasswd"]}
    others = {"grafana/values.yaml": "replicas: 2\n", "apps/kustomization.yaml": "resources: [wiki.yaml]\n"}
    answer = _asked(tmp_path / "compose", stack | others)
    assert answer.verdict == "healthy"
    assert "no chart that is known here" in answer.printed
    whole = _tree("nothing")
    more = {"overlays/nothing/kustomization.yaml": "resources: [../../base, more.yaml]\n"}
    assert _asked(tmp_path / "whole", whole).verdict == "healthy"
    assert _asked(tmp_path / "more", whole | more).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (
            {f"f{n}/kustomization.yaml": f"resources: [../f{n + 1}, ../g{n + 1}]\n" for n in range(12)}
            | {f"g{n}/kustomization.yaml": f"resources: [../f{n + 1}, ../g{n + 1}]\n" for n in range(12)},
            "too often",
        ),
        ({"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"}, "builds on itself"),
        ({"part/kustomization.yaml": PART, "part/patch.yaml": PATCH}, "applies this component"),
    ],
)  # fmt: skip
def test_folders_that_build_on_each_other_come_to_an_end(files: dict[str, str], note: str) -> None:
    texts = {n: t for n, t in files.items() if recognise(n, t) == "kubernetes"}
    made = build([o for n, t in texts.items() for o in read_objects(t, n)], texts)
    assert len(made.notes) < 500
    assert any(note in one.text for one in made.notes)


def test_patches_that_go_deeper_and_deeper_are_bounded() -> None:
    deep = "{k: " * 50 + "{}" + "}" * 50
    rows = (f"- {{op: add, path: {'/spec/a' + n * ('/k' * 50 + '/a')}, value: {deep}}}\n" for n in range(40))
    files = {
        "kustomization.yaml": "resources: [s.yaml]\npatches: [{path: steps.yaml, target: {kind: Service}}]\n",
        "s.yaml": SERVICE, "steps.yaml": "".join(rows),
    }  # fmt: skip
    made = build([o for n, t in files.items() for o in read_objects(t, n)], files)
    assert [o.name for o in made.objects] == ["registry"]
