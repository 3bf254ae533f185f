"""People name files freely; what a file is shows in its name or, failing that, in its text."""

import time

import pytest

from runbook.collect.kinds import recognise

COMPOSE = "services:\n  registry:\n    image: registry:2\n"
REGISTRY = "version: 0.1\nstorage:\n  filesystem: {}\nhttp:\n  addr: :5000\n"
BCRYPT = "anna:$2y$05$abcdefghijklmnopqrstuuKx\n"
NGINX = "server {\n  listen 80;\n  location /v2/ { proxy_pass http://registry:5000; }\n}\n"
SNIPPET = "proxy_set_header Host $http_host;\nproxy_pass http://registry:5000;\n"
APACHE = "<VirtualHost *:80>\n  ServerName r.example\n  ProxyPass /v2 http://registry:5000/v2\n</VirtualHost>\n"
HAPROXY = "frontend in\n  bind :80\n  default_backend r\nbackend r\n  server r registry:5000\n"
CADDY = "hub.example {\n\treverse_proxy registry:5000\n}\n"
LOGFMT = 'registry-1  | time="2026-01-02T03:04:05Z" level=info msg="listening on [::]:5000" go.version=go1.19\n'
ACCESS = '10.0.0.1 - - [23/Nov/2026:13:37:48 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "curl/8"\n'
CURL = "*   Trying 127.0.0.1:5000...\n> GET /v2/ HTTP/1.1\n< HTTP/1.1 401 Unauthorized\n"
SHELL = "$ docker login localhost:5000\nError response from daemon: unauthorized\n"
PROMPT = "pia@ws7:~$ docker pull x\nError\n"
LISTING = "total 4\n-rw------- 1 0 0 67 Nov 23 13:03 htpasswd\n"
PS = "CONTAINER ID   IMAGE        COMMAND   STATUS\nabc            registry:2   x         Exited (2)\n"
AUTHS = '{"auths": {"localhost:5000": {"auth": "x"}}}'
DYNAMIC = "http:\n  routers:\n    r:\n      rule: Host(`x`)\n"


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("docker-compose.yml", COMPOSE, "compose"),
        ("compose.override.yaml", "services: {}\n", "compose"),
        ("docker-compose.prod.yml", COMPOSE, "compose"),
        ("docker-compose.yml.txt", COMPOSE, "compose"),
        ("stack.yaml", COMPOSE, "compose"),
        ("docker-compose.yml", "services:\n  registry: [broken\n", "compose"),
        ("paste.txt", COMPOSE, "compose"),
        (".env", "A=1\n", "dotenv"),
        ("registry.env", "OTEL=none\n", "dotenv"),
        (".env.production", "A=1\n", "dotenv"),
        ("settings", "A=1\n# more\nexport B=2\n", "dotenv"),
        ("config.yml", REGISTRY, "registry-config"),
        ("registry-config.yaml", REGISTRY, "registry-config"),
        ("config.yml", "version: '0.1'\nstorage: [oops\n", "registry-config"),
        ("auth.yml", "auth:\n  htpasswd:\n    realm: R\n    path: /auth/htpasswd\n", "registry-config"),
        ("config.yml", DYNAMIC, "traefik"),
        ("traefik.yml", "entryPoints:\n  web: {}\n", "traefik"),
        ("dynamic.yml", DYNAMIC, "traefik"),
        ("htpasswd", "", "htpasswd"),
        ("htpasswd", "\x00a", "htpasswd"),
        ("users.htpasswd", BCRYPT, "htpasswd"),
        (".htpasswd", "anna:plain\n", "htpasswd"),
        ("htpasswd.bak", BCRYPT, "htpasswd"),
        ("htpasswd.txt", BCRYPT, "htpasswd"),
        ("htpasswd.txt", "I made it with docker run and it fails\n", "text"),
        ("users", BCRYPT, "htpasswd"),
        ("passwords.txt", "a:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n", "htpasswd"),
        ("nginx.conf", NGINX, "nginx"),
        ("registry.conf", SNIPPET, "nginx"),
        ("nginx.conf.txt", NGINX, "nginx"),
        ("default.conf.template", NGINX, "nginx"),
        ("sites-available/registry", NGINX, "nginx"),
        ("site.conf", APACHE, "apache"),
        ("000-default.conf", APACHE, "apache"),
        ("lb.cfg", HAPROXY, "haproxy"),
        ("haproxy-new.cfg", HAPROXY, "haproxy"),
        ("Caddyfile", CADDY, "caddy"),
        ("Caddyfile.prod", CADDY, "caddy"),
        ("resolv.conf", "nameserver 127.0.0.11\n", "unknown"),
        ("registries.conf", '[[registry]]\nlocation = "x"\n', "puller"),
        ("certs.d/hub.example/hosts.toml", 'server = "https://hub.example"\n', "puller"),
        ("config.toml", '[plugins."io.containerd.grpc.v1.cri".registry]\n', "puller"),
        ("buildkitd.toml", '[registry."hub.example:5000"]\n  http = true\n', "puller"),
        ("registries.yaml", "mirrors:\n  hub.example:\n    endpoint: [https://a]\n", "puller"),
        ("registry.container", "[Unit]\n[Container]\nImage=registry:2\n", "quadlet"),
        (".gitlab-ci.yml", "services: [docker:dind]\nbuild:\n  script: [make]\n", "ci"),
        ("x.yml", "stages: [a]\nbuild:\n  image: docker:24\n  script:\n    - make\n", "ci"),
        (".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    runs-on: x\n", "ci"),
        ("main.tf", 'resource "docker_container" "r" {}\n', "settings-text"),
        ("site.yml", "- hosts: all\n  tasks:\n    - name: x\n", "settings-text"),
        ("job.log", "Running with gitlab-runner 16.5.0\n", "ci-log"),
        ("7_build.txt", "2024-05-01T10:00:00.0000000Z ##[group]Run docker login\n", "ci-log"),
        ("htpasswd-secret.yaml", "apiVersion: v1\nkind: Secret\n", "kubernetes"),
        ("traefik-route.yaml", "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\n", "kubernetes"),
        ("pods.json", '{\n  "apiVersion": "v1",\n  "kind": "List",\n', "kubernetes"),
        ("values.yaml", "secrets:\n  htpasswd: x\n", "chart-values"),
        ("values-ui.yaml", "ui:\n  dockerRegistryUrl: http://x\n", "chart-values"),
        ("config.json", AUTHS, "docker-config"),
        ("dot-docker/config.json", '{"credsStore": "pass"}', "docker-config"),
        ("auth.json", AUTHS, "docker-config"),
        (".dockercfg", '{"localhost:5000": {"auth": "x"}}', "docker-config"),
        ("daemon.json", '{"insecure-registries": []}', "daemon-config"),
        ("inspect-registry.json", '[{"Id": "x", "Mounts": []}]', "inspect"),
        ("ui.har", '{"log": {"entries": []}}', "har"),
        ("network.json", '{"log": {"version": "1.2", "entries": []}}', "har"),
        ("evidence-monday.json", '{"schema": 1, "evidence": {}}', "evidence"),
        ("registry.log", LOGFMT, "log"),
        ("registry.log.1", ACCESS, "log"),
        ("logs.txt", LOGFMT, "log"),
        ("registry.log", '{"level":"info","msg":"x","time":"y"}\n', "log"),
        ("x-json.json", '{"log":"time=...","stream":"stdout","time":"y"}\n', "log"),
        ("build.log", PROMPT, "text"),
        ("build.log.txt", PROMPT, "text"),
        ("registry.log", "", "log"),
        ("curl.txt", CURL, "curl"),
        ("response.txt", "HTTP/1.1 401 Unauthorized\n", "curl"),
        ("a.curl", CURL, "curl"),
        ("output", CURL, "curl"),
        ("ls.txt", LISTING, "listing"),
        ("ps.txt", PS, "ps"),
        ("error.txt", SHELL, "text"),
        ("ticket-8813.txt", PROMPT, "text"),
        ("notes.md", "# It fails\n```\n" + NGINX + "```\n", "text"),
        ("console.txt", "Access to XMLHttpRequest at 'http://a' has been blocked by CORS policy\n", "text"),
        ("lsof.txt", "nginx 80\n", "text"),
        ("k8s.yaml", "apiVersion: v1\nkind: Service\n", "kubernetes"),
    ],
)
def test_kind(name: str, text: str, kind: str) -> None:
    assert recognise(name, text) == kind


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        " ",
        "a:\n",
        "{",
        "; ",
        "a@b:",
        "#\n",
        "http:\n",
        "services:",
        "xxxxxx | ",
        '{"',
        "  \n",
        "<",
        "$ ",
        "\t#\n",
    ],
)
def test_hostile_text_takes_no_time(unit: str) -> None:
    begun = time.process_time()
    for name in ("x.txt", "x.yml", "x.conf", "x.json", "x.log", "htpasswd.txt", "x.cfg"):
        recognise(name, (unit * 65536)[:65536])
    assert time.process_time() - begun < 1.5
