"""Manifests become what the kubelet makes of them: variables, files, ports, routes, with their lines."""

import base64
import json

import pytest
import yaml

from runbook.model import ProxyRoute, Service
from runbook.parse import ParseError
from runbook.parse.kubernetes import Manifests, parse_manifests, read_objects
from runbook.parse.kubernetes.charts import parse_values
from runbook.parse.kubernetes.environment import environment
from runbook.parse.kubernetes.objects import at, list_of
from runbook.redact import MASK, Vault
from tests.parse.kubelet import Cluster, draw


def parsed(text: str, file: str = "all.yaml", vault: Vault | None = None) -> Manifests:
    return parse_manifests(read_objects(text, file), {file: text}, vault or Vault())


def only(text: str) -> Service:
    (service,) = parsed(text).services
    return service


@pytest.mark.parametrize("form", ["documents", "list", "json"])
@pytest.mark.parametrize("seed", range(40))
def test_environment_and_files_are_those_of_the_kubelet(seed: int, form: str) -> None:
    docs = draw(seed)
    if form == "documents":
        text = yaml.safe_dump_all(docs)
    else:
        whole = {"apiVersion": "v1", "kind": "List", "items": docs}
        text = yaml.safe_dump(whole) if form == "list" else json.dumps(whole, indent=1)
    vault = Vault()
    made = parsed(text, vault=vault)
    (service,) = made.services
    pod = next(d for d in docs if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    wanted = Cluster(docs).environment(container)
    deployment = next(o for o in read_objects(text, "all.yaml") if o.kind == "Deployment")
    (row,) = list_of(at(deployment.node, "spec", "template", "spec", "containers"))
    ours = environment(row, "", made.store, {}, vault)
    known = {d["metadata"]["name"] for d in docs}
    missing = {  # what was not handed over is unknown to us, and not there for the model
        r["name"] for r in container["env"] for ref in r.get("valueFrom", {}).values() if ref["name"] not in known
    }
    names = {v.name for v in service.environment}
    assert names - missing == wanted.keys() - missing
    assert {n: ours.lookup(n) for n in wanted if n not in missing} == {
        n: v for n, v in wanted.items() if n not in missing
    }

    files, empty = Cluster(docs).files(pod, container)
    entries = {e.name: e.content for d in made.store.all for e in d.entries.values()}
    seen = {m.target: entries[m.source] for m in service.mounts if m.source in entries}
    assert seen == files
    assert {row.path for row in made.folders} == empty


def test_a_container_has_names_ports_and_lines() -> None:
    text = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub, namespace: tools}
spec:
  template:
    metadata: {labels: {app: hub, tier: back}}
    spec:
      containers:
        - name: registry
          image: registry:2.8.3
          ports: [{name: api, containerPort: 5000}]
          env:
            - name: REGISTRY_AUTH
              value: htpasswd
---
apiVersion: v1
kind: Service
metadata: {name: hub-api, namespace: tools}
spec:
  type: NodePort
  selector: {app: hub}
  ports:
    - port: 80
      targetPort: api
      nodePort: 32000
"""
    service = only(text)
    assert (service.name, service.role, service.platform) == ("deployment/hub", "registry", "kubernetes")
    assert service.aliases == ("hub-api", "hub-api.tools", "hub-api.tools.svc", "hub-api.tools.svc.cluster.local")
    assert [(p.published, p.container) for p in service.cluster_ports] == [(80, 5000)]
    assert [(p.published, p.container) for p in service.ports] == [(32000, 5000)]
    auth = service.env("REGISTRY_AUTH")
    assert auth is not None
    assert (auth.value, auth.place.line) == ("htpasswd", 14)
    assert service.cluster_ports[0].place.line == 24


def test_secrets_are_taken_out_in_both_forms() -> None:
    vault = Vault()
    packed = base64.b64encode(b"Grille-7731").decode()
    text = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: s}}
data:
  password: {packed}
---
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers:
    - name: app
      image: app:1
      env:
        - name: TOKEN_OF_APP
          valueFrom: {{secretKeyRef: {{name: s, key: password}}}}
"""
    made = parsed(text, vault=vault)
    shown = str(made.services)
    assert "Grille-7731" not in shown
    assert packed not in shown
    assert vault.mask(f"x {packed} y Grille-7731") == f"x {MASK} y {MASK}"


def test_a_key_that_is_not_there_keeps_the_container_from_starting() -> None:
    text = """\
apiVersion: v1
kind: Secret
metadata: {name: auth}
stringData: {users: "x"}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - name: registry
      image: registry:2
      volumeMounts: [{name: a, mountPath: /auth}]
  volumes:
    - name: a
      secret:
        secretName: auth
        items:
          - {key: htpasswd, path: htpasswd}
"""
    ((place, what),) = parsed(text).missing
    assert what == "Secret auth has no key htpasswd (it has users)"
    assert place.line == 19


def test_sidecars_share_the_network_and_pull_secrets_must_stand_in_the_pod() -> None:
    text = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub}
spec:
  imagePullSecrets: [{name: too-high}]
  template:
    spec:
      imagePullSecrets: [{name: right}]
      containers:
        - {name: registry, image: "registry:2"}
        - {name: front, image: "nginx:1.27"}
"""
    first, second = parsed(text).services
    assert second.network_mode == "service:deployment/hub"
    assert [(s.name, s.read) for s in first.pull_secrets] == [("right", True), ("too-high", False)]


def test_lines_of_a_block_are_those_of_the_manifest() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  default.conf: |-
    server {
      listen 80;
    }
  other: "a\\nb"
"""
    entries = parsed(text).store.all[0].entries
    lines = entries["default.conf"].lines
    assert lines is not None
    assert lines.split("\n")[5].strip() == "server {"
    assert entries["other"].lines is None


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ParseError, match="no Kubernetes object"):
        read_objects("a: 1\n", "x.yaml")


def test_service_links_reach_the_configuration_only_where_they_fall_into_it() -> None:
    text = """\
apiVersion: v1
kind: Service
metadata: {name: registry-auth}
spec: {ports: [{port: 5001}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  enableServiceLinks: %s
  containers: [{name: registry, image: "registry:2"}]
"""
    on, off = only(text % "true"), only(text % "false")
    assert {v.name for v in on.environment} >= {"REGISTRY_AUTH_PORT", "REGISTRY_AUTH_SERVICE_HOST"}
    assert off.environment == ()


# ---- routes ------------------------------------------------------------------------------------------------


def ingress(*annotations: str, more: str = "") -> ProxyRoute:
    rows = "\n".join(f"    nginx.ingress.kubernetes.io/{a}" for a in annotations)
    text = f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: hub
  annotations:
    kubernetes.io/ingress.class: nginx
{rows}
spec:
  tls: [{{hosts: [hub.example]}}]
  rules:
    - host: hub.example
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {{service: {{name: registry, port: {{number: 5000}}}}}}
{more}"""
    return parsed(text).routes[-1]


def test_ingress_nginx_has_its_defaults() -> None:
    route = ingress()
    assert (route.max_body, route.host, route.forwards_proto, route.tls) == (1 << 20, "client", "right", True)
    assert (route.upstream_hosts, route.service) == ((("registry", 5000),), "ingress/hub")
    assert route.auth is None


def test_annotations_of_ingress_nginx() -> None:
    route = ingress('proxy-body-size: "0"', 'backend-protocol: "HTTPS"', "whitelist-source-range: 10.0.0.0/8")
    assert (route.max_body, route.upstream_scheme) == (None, "https")
    assert route.guards[0].kind == "address"


def test_basic_auth_of_an_ingress_takes_authorization_away_and_needs_its_key() -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: front}\nstringData: {htpasswd: 'a:b'}\n"
    known = ingress("auth-type: basic", "auth-secret: front", more=secret)
    unknown = ingress("auth-type: basic", "auth-secret: front")
    assert known.auth is not None
    assert unknown.auth is not None
    assert (known.auth.defect, known.auth.keys, unknown.auth.defect) == ("no such key", ("htpasswd",), "")
    edit = known.edit("Authorization")
    assert edit is not None
    assert edit.action == "remove"


def test_a_snippet_is_nginx_text_at_its_own_lines() -> None:
    route = ingress(
        'configuration-snippet: |\n      proxy_set_header Authorization "";\n      client_max_body_size 9m;'
    )
    edit = route.edit("Authorization")
    assert edit is not None
    assert (edit.value, edit.place.line) == ("", 8)
    assert route.max_body == 9 << 20


def test_passthrough_is_named() -> None:
    assert ingress('ssl-passthrough: "true"').passthrough is not None
    assert ingress('ssl-passthrough: "false"').passthrough is None


def test_gateway_routes_change_headers_paths_and_hosts() -> None:
    text = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: hub}
spec:
  parentRefs: [{name: edge, sectionName: https}]
  hostnames: [hub.example]
  rules:
    - matches: [{path: {type: PathPrefix, value: /v2}}]
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            remove: [Authorization]
            set: [{name: X-Forwarded-Proto, value: https}]
        - type: URLRewrite
          urlRewrite: {hostname: inner.example}
      backendRefs: [{name: registry, port: 5000}]
    - filters:
        - type: RequestRedirect
          requestRedirect: {scheme: https, statusCode: 301}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  listeners: [{name: https, port: 8443, protocol: HTTPS}]
"""
    first, second = parsed(text).routes
    edit = first.edit("Authorization")
    assert edit is not None
    assert (edit.action, first.host_value, first.listen, first.tls) == ("remove", "inner.example", (8443,), True)
    assert (second.kind, second.status, second.location) == ("redirect", 301, "https://hub.example")


# ---- charts ------------------------------------------------------------------------------------------------


def test_values_of_the_registry_chart() -> None:
    text = "secrets:\n  htpasswd: |-\n    anna:x\nservice: {port: 5000}\nconfigData:\n  http:\n    addr: :5001\n"
    made = parse_values({"values.yaml": text}, Vault())
    whole = parse_manifests(made.objects, {"values.yaml": text}, Vault(), made.data)
    (service,) = whole.services
    path = service.env("REGISTRY_AUTH_HTPASSWD_PATH")
    assert path is not None
    assert path.value == "/auth/htpasswd"
    assert {m.target for m in service.mounts} >= {"/auth/htpasswd", "/etc/docker/registry/config.yml"}
    assert next(m.kind for m in service.mounts if m.target.startswith("/var/lib")) == "tmpfs"


def test_values_of_the_ui_chart() -> None:
    text = "ui:\n  proxy: true\n  deleteImages: true\nregistry:\n  enabled: true\n  service: {port: 5001}\n"
    made = parse_values({"values.yaml": text}, Vault())
    ui, registry = parse_manifests(made.objects, {"values.yaml": text}, Vault(), made.data).services
    url = ui.env("NGINX_PROXY_PASS_URL")
    assert url is not None
    assert url.value == "http://docker-registry-ui-registry-server:5001"
    assert [(p.published, p.container) for p in registry.cluster_ports] == [(5001, 5000)]


def test_values_of_another_chart_are_refused() -> None:
    with pytest.raises(ParseError, match="no chart that is known"):
        parse_values({"values.yaml": "replicaCount: 1\nimage: {repository: nginx}\n"}, Vault())


# ---- bounds ------------------------------------------------------------------------------------------------


def test_variables_that_double_stay_short() -> None:
    rows = "".join(f"        - {{name: A{n}, value: '$(A{n - 1})$(A{n - 1})x'}}\n" for n in range(1, 80))
    text = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers:
    - name: registry
      image: registry:2
      args: ["$(A79)"]
      env:
{rows}"""
    assert len(only(text).command[0]) <= 20_000


def test_middlewares_that_hold_each_other_end() -> None:
    names = [f"m{n}" for n in range(60)]
    refs = ", ".join(f"{{name: {n}}}" for n in names)
    text = "\n---\n".join(
        [f"apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {{name: {n}}}\nspec: {{chain: {{middlewares: [{refs}]}}}}" for n in names]
        + [f"apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {{name: r}}\nspec: {{routes: [{{match: 'PathPrefix(`/`)', middlewares: [{refs}], services: [{{name: x, port: 1}}]}}]}}"]
    )  # fmt: skip
    (route,) = parsed(text).routes
    assert route.request_headers == ()


def test_a_pod_behind_a_thousand_services_keeps_a_few() -> None:
    many = "\n---\n".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{selector: {{a: b}}, ports: [{{port: 80}}]}}"
        for n in range(1000)
    )
    text = f"{many}\n---\napiVersion: v1\nkind: Deployment\nmetadata: {{name: d}}\nspec: {{template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: registry}}]}}}}}}\n"
    assert len(only(text).aliases) == 20
