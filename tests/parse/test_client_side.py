"""Programs that pull without docker's daemon, quadlets and pipelines."""

import pytest

from runbook.model import CiJob, PullerConfig
from runbook.parse import ParseError
from runbook.parse.ci import job_log, parse_ci
from runbook.parse.messages import parse_text
from runbook.parse.pullers import parse_puller
from runbook.parse.quadlet import parse_quadlet
from runbook.redact import Vault

K3S = """\
mirrors:
  hub.example:
    endpoint: ["https://inner.example:5443", "http://plain.example"]
configs:
  "inner.example:5443":
    auth: {username: k3s, password: Dohle-9031}
"""
CRI = """\
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."hub.example"]
  endpoint = ["https://inner.example"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."inner.example".auth]
  auth = "azNzOkRvaGxlLTkwMzE="
"""
HOSTS = """\
server = "https://hub.example/project"
[host."https://mirror.example/v2/hub"]
  override_path = true
[host."http://cache:5000"]
"""
BUILDKIT = '[registry."hub.example:5000"]\n  http = true\n[registry."docker.io"]\n  mirrors = ["hub.example"]\n'
PODMAN = """\
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "hub.example/team"
location = "inner.example:5000/team"
insecure = true
[[registry.mirror]]
location = "cache.example"
"""


def read(text: str, file: str) -> PullerConfig:
    return parse_puller(text, file, Vault())


def test_k3s() -> None:
    found = read(K3S, "registries.yaml")
    (mirror,) = found.mirrors
    assert (found.program, mirror.host, mirror.endpoints[0].url) == ("k3s", "hub.example", "https://inner.example:5443")
    assert mirror.endpoints[0].place.line == 3
    assert [(s.key, s.user, s.place.line) for s in found.logins] == [("inner.example:5443", "k3s", 5)]
    assert found.plain == ("plain.example",)


def test_cri() -> None:
    vault = Vault()
    found = parse_puller(CRI, "config.toml", vault)
    assert [(s.key, s.user) for s in found.logins] == [("inner.example", "k3s")]
    assert found.mirrors[0].endpoints[0].place.line == 2
    assert vault.mask("Dohle-9031") == "[redacted]"


def test_hosts_toml_is_about_the_registry_of_its_folder() -> None:
    found = read(HOSTS, "certs.d/hub.example/hosts.toml")
    (mirror,) = found.mirrors
    assert mirror.host == "hub.example"
    assert [(e.url, e.override_path) for e in mirror.endpoints] == [
        ("https://mirror.example/v2/hub", True),
        ("http://cache:5000", False),
        ("https://hub.example/project", False),
    ]
    assert read(HOSTS, "certs.d/_default/hosts.toml").mirrors[0].host == "*"


def test_buildkit_and_podman() -> None:
    built, pulled = read(BUILDKIT, "buildkitd.toml"), read(PODMAN, "registries.conf")
    assert (built.program, built.plain) == ("buildkit", ("hub.example:5000",))
    assert (pulled.program, pulled.plain, pulled.mirrors[0].host) == (
        "podman",
        ("inner.example:5000",),
        "hub.example/team",
    )


def test_toml_that_is_none() -> None:
    with pytest.raises(ParseError, match="not valid TOML"):
        read("[a\n", "hosts.toml")


def test_quadlet() -> None:
    text = """\
[Unit]
Description=Hub
[Container]
Image=docker.io/library/registry:2
ContainerName=hub
Environment=REGISTRY_AUTH=htpasswd "REGISTRY_AUTH_HTPASSWD_REALM=Our Hub"
Environment=REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd
Volume=/srv/auth:/auth:ro,Z
PublishPort=127.0.0.1:5000:5000
Network=front.network
User=1000
"""
    made = parse_quadlet(text, "hub.container", Vault())
    assert made is not None
    assert (made.name, made.role, made.platform, made.networks) == ("hub", "registry", "podman", ("front",))
    realm, path = made.env("REGISTRY_AUTH_HTPASSWD_REALM"), made.env("REGISTRY_AUTH_HTPASSWD_PATH")
    assert realm is not None
    assert path is not None
    assert (realm.value, path.place.line) == ("Our Hub", 7)
    assert [(m.target, m.source) for m in made.mounts] == [("/auth", "/srv/auth")]
    assert [(p.host_ip, p.published, p.container) for p in made.ports] == [("127.0.0.1", 5000, 5000)]
    assert parse_quadlet("[Network]\nSubnet=10.0.0.0/24\n", "front.network", Vault()) is None


GITLAB = """\
variables: {REGISTRY: hub.example}
build:
  image: {name: docker:24}
  services: [docker:24-dind]
  before_script:
    - echo "$HUB_PASSWORD" | docker login -u "$HUB_USER" --password-stdin $REGISTRY
  script:
    - |
      docker build .
      docker login hub.example -u ci -p $OTHER
"""
GITHUB = """\
on: [push, pull_request]
jobs:
  push:
    runs-on: ubuntu-latest
    steps:
      - uses: docker/login-action@v3
        with: {registry: hub.example, username: ci, password: "${{ secrets.HUB_TOKEN }}"}
      - run: docker push hub.example/a
"""


def test_gitlab() -> None:
    (job,) = parse_ci(GITLAB, ".gitlab-ci.yml", Vault())
    assert (job.system, job.image, job.services) == ("gitlab", "docker:24", ("docker:24-dind",))
    first, second = job.logins
    assert (first.user_variable, first.password_variable, first.host, first.place.line) == (
        "HUB_USER", "HUB_PASSWORD", "$REGISTRY", 6,
    )  # fmt: skip
    assert (second.password_variable, second.host, second.place.line) == ("OTHER", "hub.example", 10)


def test_github() -> None:
    (job,) = parse_ci(GITHUB, ".github/workflows/x.yml", Vault())
    assert (job.triggers, job.secrets) == (("push", "pull_request"), ("HUB_TOKEN",))
    assert (job.logins[0].host, job.logins[0].password_variable) == ("hub.example", "HUB_TOKEN")


def test_other_systems_are_read_line_by_line() -> None:
    (job,) = parse_ci("pipeline {\n  sh 'docker login -u ci -p $PW hub.example'\n}\n", "Jenkinsfile", Vault())
    assert isinstance(job, CiJob)
    assert job.logins[0].place.line == 2


def test_a_clear_password_of_a_pipeline_goes_into_the_vault() -> None:
    vault = Vault()
    (job,) = parse_ci("a:\n  script:\n    - docker login -u ci -p Grille-7731 hub.example\n", "x.yml", vault)
    assert "Grille" not in job.logins[0].command
    assert vault.mask("Grille-7731") == "[redacted]"


def test_job_logs_are_shown_as_a_terminal_shows_them() -> None:
    text = (
        "2024-05-01T10:00:00.1234567Z ##[group]Run docker login hub.example:5000 -u ci -p $PW\n"
        "2024-05-01T10:00:00.1234567Z \x1b[36;1mdocker login hub.example:5000 -u ci -p $PW\x1b[0m\n"
        "2024-05-01T10:00:00.1234567Z ##[endgroup]\n"
        '2024-05-01T10:00:01.1234567Z ##[error]Error response from daemon: Get "https://hub.example:5000/v2/": '
        "no basic auth credentials\n"
    )
    shown = job_log(text)
    assert shown.count("\n") == text.count("\n")
    assert shown.startswith("$ docker login hub.example:5000")
    messages, _ = parse_text(shown, "job.log", Vault())
    assert [(m.kind, m.place.line) for m in messages] == [("no-basic-auth", 4)]
