"""What lies beside an incident in real folders. Each function adds one kind of company to a scene's bundle.

None of it is about the registry in question: other registries, other sites, other people, other times.
"""

import base64
import json
from typing import Any

from tests.untidy.recorder import stacks
from tests.untidy.recorder.scene import Scene

SCANNERS = (
    ("203.0.113.77", "Mozilla/5.0 zgrab/0.x", ""),
    ("198.51.100.201", "python-requests/2.31.0", "admin:admin"),
    ("198.51.100.44", "masscan/1.3 (https://github.example/masscan)", ""),
    ("203.0.113.9", "Go-http-client/1.1", "root:root"),
    ("198.51.100.99", "curl/8.5.0", "admin:Harbor12345"),
    ("203.0.113.140", "Mozilla/5.0 (compatible; CensysInspect/1.1)", ""),
)
MONITORS = (
    ("10.9.9.2", "Uptime-Kuma/1.23.11"),
    ("10.9.9.3", "check_http/v2.3.3 (monitoring-plugins 2.3.3)"),
    ("10.9.9.4", "Blackbox Exporter/0.24.0"),
)


def basic(user: str, password: str) -> str:
    """The value of `auth` in a docker config.json."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def key_ring(s: Scene, own: str = "", name: str = "config.json", **more: Any) -> None:
    """Stored logins of other registries; own is the address of the registry in question, stored rightly."""
    strangers = [
        "ghcr.example",
        "https://index.docker.example/v1/",
        "gitlab.{d}:5050",
        "quay.example",
        "harbor.partner.example",
        "nexus.{d}:8083",
    ]
    s.rng.shuffle(strangers)
    auths = {
        host.format(d=s.domain): {"auth": basic(f"{s.org}-bot", s.draw_password())}
        for host in strangers[: s.rng.randint(2, 4)]
    }
    if own:
        auths[own] = {"auth": basic(s.user, s.password)}
    s.give(name, json.dumps({"auths": auths, **more}, indent=s.rng.choice((2, "\t"))) + "\n")


def helpers_elsewhere(s: Scene, own: str) -> None:
    """credHelpers for other registries only; the login in question is stored plainly."""
    helpers = {"123456789012.dkr.ecr.eu-central-1.example": "ecr-login", "europe-docker.pkg.example": "gcloud"}
    key_ring(s, own, credHelpers=dict([s.rng.choice(list(helpers.items()))]))


def vendor_kit(s: Scene, folder: str = "docs") -> None:
    """A vendor's README with an example stack, an example user and example errors."""
    s.give(
        f"{folder}/README.md",
        "# Acme deploy kit 4.2\n\nExample `docker-compose.example.yml`:\n\n```yaml\nservices:\n  registry:\n    image: registry:2\n"
        '    ports: ["5999:5000"]\n    environment:\n      REGISTRY_AUTH: none\n  registry-ui:\n    image: joxit/docker-registry-ui:1.5\n'
        "    environment:\n      URL: http://localhost:5999\n```\n\n`htpasswd -nb demo demo` prints\n\n```\n"
        "demo:$apr1$aaaaaaaa$bbbbbbbbbbbbbbbbbbbbbb\n```\n\n## Troubleshooting\n\n"
        "| message | what to do |\n|---|---|\n| `unauthorized: authentication required` | log in first |\n"
        "| `http: server gave HTTP response to HTTPS client` | add the registry to insecure-registries |\n"
        "| `x509: certificate signed by unknown authority` | install the CA |\n| `413 Request Entity Too Large` | raise client_max_body_size |\n",
    )


_SOLVED = {
    "en": (
        "# What was mended\n\n- 2024-11-02: docker login said `x509: certificate signed by unknown authority`. CA installed on all hosts.\n"
        "- 2025-03-17: push broke off with `413 Request Entity Too Large`. client_max_body_size 0 since then.\n"
        '- 2025-08-19: `Error response from daemon: Get "https://10.1.1.5:5000/v2/": http: server gave HTTP response to HTTPS client`. '
        "insecure-registries was missing on one laptop.\n"
    ),
    "de": (
        "Betriebstagebuch (alt)\n\n2024-12-05 erledigt: Anmeldung ging nicht, `unauthorized: authentication required`. Passwort war abgelaufen, neu gesetzt.\n"
        "2025-02-11 erledigt: `502 Bad Gateway`, nginx zeigte auf die alte Adresse. Neu geladen, läuft.\n"
        "2025-06-30 erledigt: Oberfläche meldete `blocked by CORS policy`. Seitdem läuft sie über den Proxy.\n"
    ),
    "fr": (
        "# Journal d'exploitation\n\n- 14/01/2025 (résolu) : `denied: requested access to the resource is denied`, mauvais nom d'image.\n"
        '- 02/04/2025 (résolu) : `Get "https://ancien.example/v2/": dial tcp 10.1.1.9:443: connect: connection refused`, ancienne machine éteinte.\n'
        "- 21/07/2025 (résolu) : le fichier htpasswd était en apr1, refait avec `htpasswd -B`.\n"
    ),
    "es": (
        "Notas viejas\n============\n\nenero: `no basic auth credentials` en el servidor de CI, faltaba docker login. Resuelto.\n"
        "marzo: `x509: certificate has expired or is not yet valid`. Certificado renovado. Resuelto.\n"
        "junio: `unexpected EOF` al subir imágenes grandes, era la VPN. Resuelto.\n"
    ),
    "nl": (
        "# Logboek\n\n- 2025-02: `401 Unauthorized` voor iedereen, iemand had het bestand leeggemaakt. Opgelost.\n"
        "- 2025-05: `toomanyrequests` van de openbare hub. Nu met spiegel. Opgelost.\n- 2025-09: schijf vol, `no space left on device`. Opgelost.\n"
    ),
    "it": (
        "# Diario\n\n- 12/2024 risolto: `connect: connection refused`, il container era fermo.\n"
        "- 04/2025 risolto: `http: server gave HTTP response to HTTPS client`, mancava insecure-registries sul portatile.\n"
    ),
}


def solved_notes(s: Scene, language: str = "", name: str = "") -> None:
    """Notes of old, solved troubles with real error texts."""
    language = language or s.rng.choice(sorted(_SOLVED))
    s.give(
        name or s.rng.choice(("CHANGELOG-ops.md", "notes.md", "NOTES.txt", "docs/history.md", "betrieb.md")),
        _SOLVED[language],
    )


_THEORIES = (
    "I am sure it is the realm: the UI, the client and the registry must all have the same string, otherwise the digest is wrong.",
    "My theory: the registry only accepts requests for http://registry:5000 and refuses any other Host header.",
    "Probably IPv6 again. Last time `[::1]:5000: connect: connection refused` was the reason.",
    "Looks like a CORS problem to me, `Access-Control-Allow-Origin` should be *.",
    "The proxy surely strips the Authorization header, they all do that by default.",
    "The htpasswd file must belong to UID 1000 and end with a newline. I bet that is it.",
    "Somebody changed the password, no doubt.",
    "It must be the certificate: x509 errors always show up as 401 in the end.",
)


def theory(s: Scene, which: int, name: str = "") -> None:
    """A colleague's guess, in prose."""
    head = s.rng.choice((f"From: {s.colleague}\n\n", f"{s.colleague}, 08:14:\n", "> ", ""))
    s.give(
        name or s.rng.choice(("theory.txt", "chat.txt", "comment.md", "remark.txt")),
        f"{head}{_THEORIES[which % len(_THEORIES)]}\n",
    )


def backups(s: Scene) -> None:
    """Older copies of files beside the ones in use."""
    for name, text in list(s.bundle.items()):
        if name.endswith("htpasswd"):
            s.give(name + "~", stacks.apr1(s.user, s.draw_password()) + "\n")
        elif name.endswith("docker-compose.yml"):
            s.give(name + ".bak", text.decode().replace("REGISTRY_AUTH_HTPASSWD_PATH", "REGISTRY_AUTH_HTPASSWORD_PATH"))
        elif name.endswith(".conf"):
            s.give(
                name + s.rng.choice((".orig", ".old")),
                text.decode().replace(
                    "proxy_set_header Host", 'proxy_set_header Authorization "";\n        proxy_set_header Host'
                ),
            )
        elif name.endswith("Caddyfile"):
            s.give(
                name + ".old", text.decode().replace("reverse_proxy", "header_up -Authorization\n\treverse_proxy", 1)
            )


def gitlab_ci(s: Scene) -> None:
    """A pipeline that pushes somewhere else."""
    s.give(
        ".gitlab-ci.yml",
        "stages: [build, deploy]\nvariables:\n  IMAGE: $CI_REGISTRY_IMAGE/app:$CI_COMMIT_SHORT_SHA\nbuild:\n  stage: build\n  image: docker:27\n"
        '  services: [docker:27-dind]\n  script:\n    - echo "$CI_REGISTRY_PASSWORD" | docker login $CI_REGISTRY -u $CI_REGISTRY_USER --password-stdin\n'
        "    - docker build -t $IMAGE .\n    - docker push $IMAGE\ndeploy:\n  stage: deploy\n  script:\n    - ssh deploy@app.example docker compose up -d\n  only: [main]\n",
    )


def github_workflow(s: Scene) -> None:
    """A workflow that logs in to a public registry."""
    s.give(
        ".github/workflows/build.yml",
        "name: build\non: [push]\njobs:\n  image:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@v4\n      - uses: docker/login-action@v3\n"
        "        with:\n          registry: ghcr.example\n          username: ${{ github.actor }}\n          password: ${{ secrets.GITHUB_TOKEN }}\n"
        "      - uses: docker/build-push-action@v6\n        with:\n          push: true\n          tags: ghcr.example/${{ github.repository }}:latest\n",
    )


_PROJECTS = (
    'services:\n  shop:\n    image: ghcr.example/shop/web:7\n    ports: ["8090:3000"]\n    environment:\n'
    "      DATABASE_URL: postgres://shop@db:5432/shop\n  db:\n    image: postgres:16\n",
    'services:\n  traefik:\n    image: traefik:v3\n    ports: ["9080:80"]\n  whoami:\n    image: traefik/whoami\n    labels:\n'
    "      - traefik.http.routers.who.rule=Host(`who.example`)\n      - traefik.http.routers.who.middlewares=auth\n"
    "      - traefik.http.middlewares.auth.basicauth.users=test:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/\n",
    'services:\n  registry:\n    image: registry:2\n    ports: ["5099:5000"]\n    environment:\n      REGISTRY_STORAGE_DELETE_ENABLED: "true"\n',
    'services:\n  mirror:\n    image: registry:2\n    ports: ["5055:5000"]\n    environment:\n      REGISTRY_PROXY_REMOTEURL: https://mirror-source.example\n',
)


def second_project(s: Scene, folder: str = "", kind: int = -1) -> None:
    """The compose project of something else: a shop, a Traefik trial, an open registry (2), a mirror (3)."""
    folder = folder or s.rng.choice(("staging", "old-lab", "shop", "playground"))
    s.give(f"{folder}/docker-compose.yml", s.rng.choice(_PROJECTS) if kind < 0 else _PROJECTS[kind])


def dead_containers(s: Scene) -> None:
    """docker ps -a of the machine, with containers that ended months ago."""
    old = (
        ("b1946ac92492", "registry:2", "Exited (2) 5 months ago", "", "registry-test"),
        ("591785b794601", "joxit/docker-registry-ui:1.5", "Exited (1) 7 months ago", "", "ui-old"),
        ("3e25960a79db", "nginx:1.25", "Exited (137) 3 months ago", "", "proxy_try2"),
        ("9f86d081884c", "hello-world", "Exited (0) 11 months ago", "", "brave_pike"),
        ("60303ae22b99", "registry:3", "Created", "", "reg3-trial"),
    )
    rows = [line.rstrip() for line in s.ps().splitlines()]
    head = rows[0]
    starts = [head.index(name) for name in ("CONTAINER ID", "IMAGE", "STATUS", "PORTS", "NAMES")]
    for row in s.rng.sample(old, 3):
        line = ""
        for start, cell in zip(starts, row, strict=True):
            line = line.ljust(start) + cell[: 12 if not start else 60] + " "
        rows.append(line.rstrip())
    s.give("ps.txt", "$ docker ps -a\n" + "\n".join(rows) + "\n")


def env_file(s: Scene) -> None:
    """Variables of the project that have nothing to do with it."""
    s.file(
        ".env",
        f"COMPOSE_PROJECT_NAME={s.org}\nTZ=Europe/Berlin\nDB_PASSWORD={s.draw_password()}\nSMTP_HOST=mail.{s.domain}\n# REGISTRY_AUTH=none  (trial 2024)\n",
    )


def override(s: Scene, service: str = "registry") -> None:
    """A harmless docker-compose.override.yml that is in force."""
    s.file(
        "docker-compose.override.yml",
        f"services:\n  {service}:\n    labels:\n      com.{s.org}.owner: platform\n    logging:\n      driver: json-file\n      options:\n        max-size: 10m\n",
    )
    s.compose_files = ("docker-compose.yml", "docker-compose.override.yml")


def foreign_daemon(s: Scene) -> None:
    """daemon.json that speaks of another registry."""
    s.give(
        "daemon.json",
        json.dumps(
            {
                "insecure-registries": ["10.77.0.3:5000"],
                "registry-mirrors": ["https://mirror.example"],
                "log-opts": {"max-size": "10m"},
            },
            indent=2,
        )
        + "\n",
    )


def app_log(s: Scene) -> None:
    """The log of another program with errors of its own."""
    s.give(
        "shop-app.log",
        "2026-03-02 06:11:40 ERROR db.pool: could not connect to server: Connection refused (db:5432)\n2026-03-02 06:11:45 INFO  db.pool: connected\n"
        "2026-03-02 07:02:13 WARN  payment: 401 Unauthorized from https://api.pay.example/v1/charges, token refreshed\n"
        "2026-03-02 07:02:14 INFO  payment: 200 OK\n2026-03-02 09:40:00 ERROR mailer: x509: certificate has expired or is not yet valid: mail.example\n",
    )


def kubernetes(s: Scene) -> None:
    """A manifest of another system with a pull secret for another registry."""
    secret = base64.b64encode(
        json.dumps({"auths": {"quay.example": {"auth": basic("robot", s.draw_password())}}}).encode()
    ).decode()
    s.give(
        "k8s/app.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
        "    spec:\n      imagePullSecrets: [{name: quay}]\n      containers: [{name: web, image: 'quay.example/web:3'}]\n---\n"
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: quay}}\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: {secret}\n",
    )


def scanners(s: Scene, port: int = 5000, count: int = 3) -> None:
    """Strangers knock at the published port, before or after the people."""
    for address, agent, login in s.rng.sample(SCANNERS, count):
        path = s.rng.choice(("/v2/", "/v2/_catalog"))
        s.outside(address, "-A", agent, *(("-u", login) if login else ()), f"http://{s.address}:{port}{path}")


def monitor(s: Scene, port: int = 5000, times: int = 2) -> None:
    """An uptime monitor asks without a login and is content with 401."""
    address, agent = s.rng.choice(MONITORS)
    for _ in range(times):
        s.outside(address, "-A", agent, "-o", "/dev/null", f"http://{s.address}:{port}/v2/")


def colleague_works(s: Scene, port: int = 5000) -> None:
    """Somebody else uses the registry and all is well."""
    s.outside(
        "10.30.0.14", "-A", "docker/28.0.1", "-u", f"{s.colleague}:{s.password2}", f"http://{s.address}:{port}/v2/"
    )


def former_employee(s: Scene, port: int = 5000, times: int = 2) -> None:
    """A forgotten job of somebody whose entry was removed is refused, as it should be."""
    for _ in range(times):
        s.outside(
            "10.30.0.77", "-A", "skopeo/1.14.0", "-u", f"{s.third}:{s.password3}", f"http://{s.address}:{port}/v2/"
        )


def own_probe(s: Scene, *args: str) -> None:
    """An earlier run of this program asked the running stack; its requests are in the logs."""
    import os
    import subprocess
    import sys

    command = (
        sys.executable,
        "-m",
        "runbook",
        "diagnose",
        *args,
        "--user",
        s.user,
        "--password-stdin",
        "--insecure-http",
        "--format",
        "json",
    )
    subprocess.run(
        command, input=s.password, capture_output=True, text=True, env={**os.environ}, cwd=s.folder, timeout=60
    )


def old_log(
    s: Scene, service: str = "registry", days: float = 40, name: str = "registry.log.1", **options: Any
) -> None:
    """Keep what a service logged so far as a rotated log; everything else happens days later."""
    s.give(name, s.logs(service, prefix=False, **options))
    s.pause(days=days)


def other_nginx_sites(s: Scene) -> dict[str, str]:
    """Sites of other programs that use Authorization in their own way, for the same nginx."""
    return {
        "10-intranet.conf": (
            f'server {{\n    listen 80;\n    server_name intranet.{s.domain};\n    auth_basic "Intranet";\n    auth_basic_user_file /etc/nginx/intranet.htpasswd;\n'
            '    location / {\n        proxy_set_header Authorization "";   # the wiki has its own login\n        proxy_pass http://10.20.0.31:8090;\n    }\n}\n'
        ),
        "20-grafana.conf": (
            f'server {{\n    listen 80;\n    server_name grafana.{s.domain};\n    location / {{\n        proxy_set_header Authorization "Basic dmlld2VyOnZpZXdlcg==";\n'
            "        proxy_set_header Host $host;\n        proxy_pass http://10.20.0.32:3000/;\n    }\n}\n"
        ),
        "90-old-api.conf": (
            f"server {{\n    listen 80;\n    server_name api.{s.domain};\n    client_max_body_size 1m;\n    location /v2/ {{\n        return 404;\n    }}\n"
            "    location / {\n        proxy_hide_header WWW-Authenticate;\n        proxy_read_timeout 5;\n        proxy_pass http://10.20.0.33:8000;\n    }\n}\n"
        ),
    }
