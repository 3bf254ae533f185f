"""What a registry process really uses, joined from image, command, mounts, config.yml and variables."""

from textwrap import dedent

import pytest

from runbook.model import Evidence, Exchange, LogFile, Place, Registry
from runbook.parse.compose import parse_compose
from runbook.parse.htpasswd import parse_htpasswd
from runbook.parse.registry_config import parse_registry_config
from runbook.redact import MASK, Vault
from runbook.stack.registry import major_of, registries
from runbook.stack.variables import nearest

CONFIG = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  secret: hush-hush-hush
auth:
  htpasswd:
    realm: Depot
    path: /auth/htpasswd
"""
HASH = b"mia:$2y$05$8sXG4Yr3jN0m6rN2Zc1oUuJcRk0mHnqAqk1V3m0m2o8n3d8zZb6bW\n"


def stack(
    compose: str = "", configs: dict[str, str] | None = None, htpasswd: tuple[str, ...] = (), log: int | None = None
) -> Registry:
    vault = Vault()
    files = [("docker-compose.yml", dedent(compose))] if compose else []
    evidence = Evidence(
        compose=parse_compose(files, [], {}, vault) if files else None,
        registry_files=tuple(parse_registry_config(t, f, vault) for f, t in (configs or {}).items()),
        htpasswd=tuple(parse_htpasswd(HASH, f, vault) for f in htpasswd),
        logs=(LogFile(file="r.log", kind="registry", version=log),) if log else (),
    )
    return registries(evidence)[0]


def service(*lines: str, image: str = "registry:2") -> str:
    return "\n".join(["services:", "  depot:", f"    image: {image}", *(f"    {line}" for line in lines)]) + "\n"


@pytest.mark.parametrize(
    ("tag", "major"),
    [
        ("2", 2), ("2.8.3", 2), ("v2.7", 2), ("2.8-alpine", 2), ("3", 3), ("3.0.0-rc.1", 3), ("latest", 3), ("edge", 3),
        ("alpine", None), ("", None), ("20240101", None), ("23", None), (None, None),
    ],
)  # fmt: skip
def test_the_tag_tells_the_version(tag: str | None, major: int | None) -> None:
    assert major_of(tag) == major


def test_the_log_decides_where_the_tag_may_move() -> None:
    assert stack(service(image="registry:latest"), log=2).major == 2
    assert stack(service(image="mirror.example/registry:stable"), log=3).major == 3
    assert stack(service(image="registry:2"), log=3).major == 2


def test_image_defaults_are_in_force_without_a_file() -> None:
    one = stack(service(image="registry:3"))
    assert (one.auth, one.listens, one.value("storage.filesystem.rootdirectory")) == ("none", 5000, "/var/lib/registry")
    assert one.settings["http.addr"].origin == "image default"
    assert one.start_errors == ()


def test_a_mounted_file_replaces_the_defaults_and_variables_win_over_it() -> None:
    text = service(
        "environment: {REGISTRY_HTTP_ADDR: ':6000', REGISTRY_AUTH_HTPASSWD_PATH: /auth/other, REGISTRY_LOG_LEVEL: debug}",
        "volumes: ['./conf/config.yml:/etc/docker/registry/config.yml', './auth:/auth']",
    )
    one = stack(text, {"conf/config.yml": CONFIG})
    assert (one.config_file, one.listens, one.htpasswd_path, one.htpasswd_host) == (
        "conf/config.yml", 6000, "/auth/other", "./auth/other",
    )  # fmt: skip
    assert [(k, was.value, now.value) for k, was, now in one.overridden] == [
        ("http.addr", ":5000", ":6000"),
        ("auth.htpasswd.path", "/auth/htpasswd", "/auth/other"),
    ]
    assert str(one.settings["auth.htpasswd.realm"].place) == "conf/config.yml:10"
    assert one.settings["http.addr"].origin == "REGISTRY_HTTP_ADDR"
    assert one.value("http.secret") == MASK


def test_a_variable_that_replaces_a_section_takes_its_settings_away() -> None:
    text = service("environment: {REGISTRY_AUTH: none}", "volumes: ['./config.yml:/etc/docker/registry/config.yml']")
    one = stack(text, {"config.yml": CONFIG})
    assert one.auth == "none"
    assert {k for k, _, now in one.overridden if now.value is None} == {"auth.htpasswd.realm", "auth.htpasswd.path"}


@pytest.mark.parametrize(
    ("image", "target", "ignored"),
    [
        ("registry:3", "/etc/docker/registry/config.yml", True),
        ("registry:2", "/etc/distribution/config.yml", True),
        ("registry:2", "/etc/docker/registry/config.yml", False),
        ("registry:3", "/etc/distribution", False),
        ("registry:3", "/etc/docker/registry", True),
    ],
)
def test_a_file_at_the_other_versions_path_is_ignored(image: str, target: str, ignored: bool) -> None:
    source = "./config.yml" if target.endswith(".yml") else "./conf"
    name = "config.yml" if target.endswith(".yml") else "conf/config.yml"
    one = stack(service(f"volumes: ['{source}:{target}']", image=image), {name: CONFIG})
    assert (one.ignored_config is not None) == ignored
    assert one.auth == ("none" if ignored else "htpasswd")


def test_the_command_names_the_file() -> None:
    text = service("command: serve /conf/r.yml", "volumes: ['./r.yml:/conf/r.yml']", image="registry:3")
    one = stack(text, {"r.yml": CONFIG})
    assert (one.config_path, one.config_file, one.auth) == ("/conf/r.yml", "r.yml", "htpasswd")


def test_a_mounted_file_that_was_not_handed_over_leaves_things_open() -> None:
    one = stack(service("volumes: ['./config.yml:/etc/docker/registry/config.yml']"))
    assert (one.auth, one.config_file, one.start_errors) == ("unknown", None, ())


@pytest.mark.parametrize(
    ("mount", "bundle", "found"),
    [
        ("./auth:/auth", ("auth/htpasswd",), "auth/htpasswd"),
        ("./auth/htpasswd:/auth/htpasswd", ("auth/htpasswd",), "auth/htpasswd"),
        ("./auth:/auth", ("htpasswd",), "htpasswd"),
        (r".\auth:/auth", ("auth/htpasswd",), "auth/htpasswd"),
        ("/srv/depot/auth:/auth", ("auth/htpasswd", "other/htpasswd"), "auth/htpasswd"),
        ("./secrets/users.txt:/auth/htpasswd", ("users.htpasswd",), "users.htpasswd"),
        ("./auth:/auth", ("a/htpasswd", "b/htpasswd"), None),
        ("./auth:/other", ("auth/htpasswd",), None),
    ],
)
def test_which_file_is_behind_the_path(mount: str, bundle: tuple[str, ...], found: str | None) -> None:
    text = service(
        "environment: {REGISTRY_AUTH_HTPASSWD_REALM: x, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}",
        f"volumes: ['{mount}']",
    )
    one = stack(text, htpasswd=bundle)
    assert (one.htpasswd.file if one.htpasswd else None) == found


@pytest.mark.parametrize(
    ("variables", "cause", "says"),
    [
        ("REGISTRY_AUTH: htpasswd", "auth-option-missing", '"realm" must be set'),
        ("REGISTRY_AUTH_HTPASSWD_REALM: x", "auth-option-missing", '"path" must be set'),
        ("REGISTRY_AUTH_TYPE: htpasswd", "env-name-malformed", "configuration.Parameters"),
        ("REGISTRY_HTTP_HEADERS_X-A: '[*]'", "env-header-value-not-yaml-list", "REGISTRY_HTTP_HEADERS_X-A"),
        ("REGISTRY_HTTP_HEADERS_X-A: plain", "env-header-value-not-yaml-list", "into []string"),
        ("REGISTRY_STORAGE_INMEMORY: '{}'", "registry-unreachable", "multiple storage drivers"),
        ("REGISTRY_LOG_LEVEL: loud", "registry-unreachable", "loglevel"),
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true'", "registry-unreachable", "additional keys"),
        ("REGISTRY_HTTP_ADDR: '5000'", "registry-unreachable", "missing port"),
    ],
)
def test_why_it_does_not_start(variables: str, cause: str, says: str) -> None:
    errors = stack(service(f"environment: {{{variables}}}")).start_errors
    assert [(e.cause, says in e.message) for e in errors[:1]] == [(cause, True)], errors
    assert errors[0].place is not None


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("REGISTRY_AUTH_HTPASSWD_RELM", "REGISTRY_AUTH_HTPASSWD_REALM"),
        ("REGISTY_AUTH", "REGISTRY_AUTH"),
        ("REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"),
        ("REGISTRY_STORAGE_DELETE_ENABLE", "REGISTRY_STORAGE_DELETE_ENABLED"),
        ("registry_auth", "REGISTRY_AUTH"),
        ("REGISTRY_TITLE", ""),
        ("TZ", ""),
        ("DATABASE_URL", ""),
    ],
)
def test_the_nearest_right_name(name: str, right: str) -> None:
    assert nearest(name, 3) == right


def test_variables_that_nobody_reads() -> None:
    text = service(
        "environment: {REGISTRY_TITLE: x, REGISTRY_HTTP_ADRR: ':1', TZ: UTC, NGINX_PROXY_PASS_URL: 'http://a'}"
    )
    assert [(v.name, right) for v, right in stack(text).unread] == [
        ("REGISTRY_HTTP_ADRR", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_TITLE", ""),
        ("NGINX_PROXY_PASS_URL", ""),
    ]


def test_without_compose_a_file_alone_tells() -> None:
    one = stack(configs={"config.yml": CONFIG}, htpasswd=("htpasswd",))
    assert (one.auth, one.known, one.htpasswd_path) == ("htpasswd", True, "/auth/htpasswd")
    assert one.htpasswd is not None
    lone = stack(htpasswd=("htpasswd",))
    assert (lone.auth, lone.known) == ("unknown", False)


def test_nothing_at_all_is_no_registry() -> None:
    assert registries(Evidence()) == ()


def test_a_secret_of_the_file_is_nowhere() -> None:
    assert "hush-hush" not in repr(stack(configs={"config.yml": CONFIG}))


@pytest.mark.parametrize(
    ("tag", "date", "major"),
    [
        ("latest", "Tue, 14 Feb 2023 10:00:00 GMT", 2),
        ("latest", "Tue, 14 Oct 2025 10:00:00 GMT", 3),
        ("latest", "no date", 3),
        ("3", "Tue, 14 Feb 2023 10:00:00 GMT", 3),
    ],
)
def test_a_moving_tag_was_another_version_then(tag: str, date: str, major: int) -> None:
    compose = parse_compose([("compose.yml", f"services:\n  r:\n    image: registry:{tag}\n")], [], {}, Vault())
    asked = Exchange(
        source=Place("curl.txt", 1),
        method="GET",
        url="http://r:5000/v2/",
        status=401,
        response_headers=(("Date", date),),
    )
    assert registries(Evidence(compose=compose, exchanges=(asked,)))[0].major == major
