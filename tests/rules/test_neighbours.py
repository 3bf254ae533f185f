"""What stands beside the registry (other sites, other ports, other registries, containers of its pod) is not its fault."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.model import Diagnosis
from runbook.redact import Vault

USERS = "max:$2y$05$jCnlO8/iYGlL7KEQTToKreXBw1lftLmxIsfjbk1Z2eUPw71clKYj6\n"
REGISTRY = """\
services:
  registry:
    image: registry:2.8.3
    {ports}
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes: ["./auth:/auth", "data:/var/lib/registry"]
"""


def judged(folder: Path, files: dict[str, str]) -> Diagnosis:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault())).diagnosis


def cause(found: Diagnosis) -> str:
    return found.causes[0].cause if found.verdict == "fault" else found.verdict


PROXY = """\
  proxy:
    image: {image}
    ports: ["80:80", "443:443"]
    volumes: ["./{file}:{path}:ro"]
    networks: [default, shared]
volumes: {{data: {{}}}}
networks: {{shared: {{external: {external}}}}}
"""
NGINX = """\
server {
  listen 80;
  server_name depot.kiln.example;
  client_max_body_size 0;
  location /v2/ {
    proxy_pass http://registry:5000;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 900;
  }
}
server { listen 80; server_name charts.kiln.example; location / { proxy_pass http://charts:3000; } }
"""
CADDY = """\
depot.kiln.example {
  reverse_proxy registry:5000
}
charts.kiln.example {
  reverse_proxy charts:3000
}
"""
_NGINX = {"image": "nginx:1.27", "file": "nginx.conf", "path": "/etc/nginx/conf.d/default.conf"}
_CADDY = {"image": "caddy:2", "file": "Caddyfile", "path": "/etc/caddy/Caddyfile"}
UNKNOWN = "upstream-name-not-resolved"


@pytest.mark.parametrize(
    ("program", "conf", "external", "expected"),
    [
        (_NGINX, NGINX, "true", "healthy"),
        (_NGINX, NGINX, "false", UNKNOWN),  # nginx starts for no site while one name is unknown
        (_NGINX, NGINX.replace("charts:3000", "$charts:3000").replace("{ proxy_pass", "{ resolver 127.0.0.11; set $charts charts; proxy_pass"), "false", "healthy"),
        (_NGINX, NGINX.replace("registry:5000", "regsitry:5000"), "true", UNKNOWN),
        (_CADDY, CADDY, "true", "healthy"),
        (_CADDY, CADDY, "false", "healthy"),
        (_CADDY, CADDY.replace("registry:5000", "depot:5000"), "false", UNKNOWN),
    ],
)  # fmt: skip
def test_another_sites_name_is_no_cause_where_the_program_starts(
    program: dict[str, str], conf: str, external: str, expected: str, tmp_path: Path
) -> None:
    compose = REGISTRY.format(ports="expose: [5000]") + PROXY.format(**program, external=external)
    found = judged(tmp_path, {"compose.yml": compose, program["file"]: conf, "auth/htpasswd": USERS})
    assert cause(found) == expected
    if expected == UNKNOWN and "registry:5000" in conf:
        assert "charts" in found.causes[0].fix.summary
        assert "registry" not in found.causes[0].fix.summary


def test_a_proxy_that_does_not_carry_the_registry_is_a_warning(tmp_path: Path) -> None:
    compose = REGISTRY.format(ports='ports: ["5000:5000"]') + PROXY.format(**_NGINX, external="false")
    other = NGINX[NGINX.index("server { listen 80; server_name charts") :]
    found = judged(tmp_path, {"compose.yml": compose, "nginx.conf": other, "auth/htpasswd": USERS})
    assert found.verdict == "healthy"
    assert [w.cause for w in found.warnings] == [UNKNOWN]


POD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry}
spec:
  selector: {matchLabels: {app: r}}
  template:
    metadata: {labels: {app: r}}
    spec:
      containers:
      - name: registry
        image: registry:2.8.3
        ENV
        volumeMounts: [{name: auth, mountPath: /auth}, {name: d, mountPath: /var/lib/registry}]
      - name: beside
        image: nginx:1.27
        ports: [{name: web, containerPort: 8080}]
        volumeMounts: [{name: conf, mountPath: /etc/nginx/conf.d}]
      volumes:
      - {name: auth, secret: {secretName: ra}}
      - {name: d, persistentVolumeClaim: {claimName: d}}
      - {name: conf, configMap: {name: conf}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data:
  default.conf: |
    server {
      listen 8080;
      client_max_body_size 0;
      location / {
        proxy_pass http://localhost:5000;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto https;
      }
    }
---
apiVersion: v1
kind: Secret
metadata: {name: ra}
stringData:
  htpasswd: |
    USERS
---
apiVersion: v1
kind: Service
metadata: {name: registry}
spec:
  selector: {app: r}
  ports: [{port: 80, targetPort: TARGET}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: registry
  annotations: {nginx.ingress.kubernetes.io/proxy-body-size: "0"}
spec:
  ingressClassName: nginx
  tls: [{hosts: [depot.kiln.example], secretName: t}]
  rules:
  - host: depot.kiln.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: registry, port: {number: 80}}}}]}
"""
ENV = (
    "env: [{name: REGISTRY_AUTH, value: htpasswd}, {name: REGISTRY_AUTH_HTPASSWD_REALM, value: R}, "
    "{name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/htpasswd}]"
)


def pod(env: str = ENV, target: str = "8080") -> str:
    return POD.replace("ENV", env).replace("USERS", USERS.strip()).replace("TARGET", target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [("8080", "healthy"), ("web", "healthy"), ("5000", "healthy"), ("9090", "upstream-wrong-port")],
)
def test_a_service_may_lead_to_another_container_of_the_pod(target: str, expected: str, tmp_path: Path) -> None:
    assert cause(judged(tmp_path, {"all.yaml": pod(target=target)})) == expected


GENERATED = "resources: [all.yaml]\nconfigMapGenerator: [{name: settings, %s}]\n"


@pytest.mark.parametrize(
    ("made_from", "expected"),
    [("envs: [settings.env]", "inconclusive"), ("literals: [REGISTRY_LOG_LEVEL=info]", "auth-not-enforced")],
)
def test_what_a_generator_reads_is_unknown(made_from: str, expected: str, tmp_path: Path) -> None:
    manifest = pod("envFrom: [{configMapRef: {name: settings}}]")
    assert cause(judged(tmp_path, {"all.yaml": manifest, "kustomization.yaml": GENERATED % made_from})) == expected


@pytest.mark.parametrize(
    ("secret", "host", "expected"),
    [("charts", "charts.kiln.example", "healthy"), ("depot", "depot.kiln.example", "ingress-auth-secret-unusable")],
)
def test_the_secret_of_another_ingress_is_not_the_registrys(
    secret: str, host: str, expected: str, tmp_path: Path
) -> None:
    annotations = f"nginx.ingress.kubernetes.io/auth-type: basic, nginx.ingress.kubernetes.io/auth-secret: {secret}"
    other = pod()[pod().index("apiVersion: networking") :].replace("depot.kiln.example", host)
    other = other.replace("name: registry\n", "name: second\n").replace(
        "annotations: {", f"annotations: {{{annotations}, "
    )
    other = other if host.startswith("depot") else other.replace("{name: registry, port", "{name: charts, port")
    other += f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {secret}}}\nstringData: {{users: 'max:x'}}\n"
    assert cause(judged(tmp_path, {"all.yaml": f"{pod()}---\n{other}"})) == expected


UNIT = """\
[Container]
Image=docker.io/library/{image}
{place}
{more}
"""


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (("Pod=depot.pod", "Pod=depot.pod"), "healthy"),
        (("Pod=depot.pod", "Pod=other.pod"), "upstream-is-localhost"),
        (("Network=net.network", "Network=net.network"), "upstream-is-localhost"),
    ],
)
def test_quadlets_of_a_pod_have_one_localhost(places: tuple[str, str], expected: str, tmp_path: Path) -> None:
    settings = (
        "Environment=REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=R REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd"
    )
    mounts = "Volume=./auth:/auth:ro\nVolume=data.volume:/var/lib/registry"
    conf = "Volume=./nginx.conf:/etc/nginx/conf.d/default.conf:ro"
    site = NGINX[: NGINX.index("server { listen 80; server_name charts")].replace("registry:5000", "localhost:5000")
    files = {
        "registry.container": UNIT.format(image="registry:2.8.3", place=places[0], more=f"{settings}\n{mounts}"),
        "nginx.container": UNIT.format(image="nginx:1.27", place=places[1], more=conf),
        "depot.pod": "[Pod]\nPublishPort=80:80\n",
        "data.volume": "[Volume]\n",
        "nginx.conf": site,
        "auth/htpasswd": USERS,
    }
    assert cause(judged(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Bind for 0.0.0.0:3000 failed: port is already allocated", "inconclusive"),
        ("Bind for 0.0.0.0:5000 failed: port is already allocated", "port-taken-by-other-program"),
    ],
)
def test_only_a_port_on_the_registrys_way_is_taken_from_it(said: str, expected: str, tmp_path: Path) -> None:
    compose = (
        REGISTRY.format(ports='ports: ["5000:5000"]') + "  charts: {image: grafana/grafana, ports: ['3000:3000']}\n"
    )
    compose += "volumes: {data: {}}\n"
    shell = (
        f"$ docker compose up -d\nError response from daemon: driver failed programming external connectivity: {said}\n"
    )
    assert cause(judged(tmp_path, {"compose.yml": compose, "up.txt": shell, "auth/htpasswd": USERS})) == expected


@pytest.mark.parametrize(
    ("host", "expected"), [("registry-1.docker.io", "inconclusive"), ("depot.kiln.example", "tls-ca-not-trusted")]
)
def test_a_public_registrys_certificate_is_not_in_question(host: str, expected: str, tmp_path: Path) -> None:
    said = f'Error response from daemon: Get "https://{host}/v2/": tls: failed to verify certificate: x509: '
    shell = f"$ docker pull {host}/app:1\n{said}certificate signed by unknown authority\n"
    assert cause(judged(tmp_path, {"shell.txt": shell})) == expected
