"""Compose projects: what a container gets, where it stands, what Compose refuses, and that no secret shows."""

from textwrap import dedent

import pytest

from runbook.model import Compose, Service
from runbook.parse import ParseError
from runbook.parse.compose import parse_compose
from runbook.redact import MASK, Vault

HASH = "$2y$05$abcdefghijklmnopqrstuu0123456789012345678901234567890"


def project(
    *files: str, dotenv: str = "", env_files: dict[str, str] | None = None, vault: Vault | None = None
) -> Compose:
    named = [(("compose.yaml", "compose.override.yaml")[i], dedent(t)) for i, t in enumerate(files)]
    return parse_compose(named, [(".env", dotenv)] if dotenv else [], env_files or {}, vault or Vault())


def service(text: str, **options: object) -> Service:
    return project(text, **options).services[0]  # type: ignore[arg-type]


def env(one: Service) -> dict[str, str | None]:
    return {v.name: v.value for v in one.environment}


def test_values_are_what_go_prints() -> None:
    one = service(
        "services:\n  r:\n    image: x\n    environment: {A: 0755, B: yes, C: True, D: 1.50, E: , F: 'a b'}\n"
    )
    assert env(one) == {"A": "493", "B": "yes", "C": "true", "D": "1.5", "E": None, "F": "a b"}


def test_a_list_names_values_and_the_line_of_each() -> None:
    one = service("services:\n  r:\n    image: x\n    environment:\n      - A=b=c\n      - B\n", dotenv="B=env\n")
    assert env(one) == {"A": "b=c", "B": "env"}
    assert [v.place.line for v in one.environment] == [5, 6]


def test_env_files_come_first_and_the_environment_wins() -> None:
    text = "services:\n  r:\n    image: x\n    env_file: [one.env, two.env]\n    environment: {B: own}\n"
    one = service(text, env_files={"one.env": "A=1\nB=1\nC=1\n", "two.env": "C=$A-2\n"})
    assert env(one) == {"A": "1", "B": "own", "C": "1-2"}
    assert str(next(v.place for v in one.environment if v.name == "C")) == "two.env:1"


def test_the_override_is_laid_over() -> None:
    base = """\
        services:
          r:
            image: registry:2
            ports: ["5000:5000"]
            volumes: ["./a:/a", "./b:/b"]
            environment: {A: 1, B: 1}
            command: one
        """
    over = """\
        services:
          r:
            image: registry:3
            ports: ["6000:5000"]
            volumes: ["./c:/a:ro"]
            environment: ["B=2", "C=3"]
            command: [two]
        """
    one = project(base, over).services[0]
    assert (one.image, one.command, env(one)) == ("registry:3", ("two",), {"A": "1", "B": "2", "C": "3"})
    assert [p.published for p in one.ports] == [5000, 6000]
    assert [(m.target, m.source, m.read_only) for m in one.mounts] == [("/a", "./c", True), ("/b", "./b", False)]
    assert str(one.mounts[0].place) == "compose.override.yaml:5"


def test_reset_and_override() -> None:
    base = "services:\n  r:\n    image: x\n    user: root\n    ports: ['1:1']\n    environment: {A: 1, B: 2}\n"
    over = "services:\n  r:\n    user: !reset null\n    ports: !override ['2:2']\n    environment: {A: !reset null}\n"
    one = project(base, over).services[0]
    assert (one.user, [p.container for p in one.ports], env(one)) == (None, [2], {"B": "2"})


def test_extends_merges_and_anchors() -> None:
    text = """\
        x-env: &env {A: 1}
        services:
          base:
            image: registry:2
            environment: {<<: *env, B: 1}
          r:
            extends: {service: base}
            environment: {B: 2}
        """
    assert env(project(text).services[1]) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ("5000:5000", [(5000, 5000, "", "tcp")]),
        ("5000", [(5000, None, "", "tcp")]),
        ("127.0.0.1:8080:80/udp", [(80, 8080, "127.0.0.1", "udp")]),
        ("'[::1]:7000:7000'", [(7000, 7000, "::1", "tcp")]),
        ("9000-9001:8000-8001", [(8000, 9000, "", "tcp"), (8001, 9001, "", "tcp")]),
        ("22:22", [(22, 22, "", "tcp")]),
        ("{target: 80, published: '8080'}", [(80, 8080, "", "tcp")]),
    ],
)
def test_ports(spec: str, ports: list[tuple[object, ...]]) -> None:
    one = service(f"services:\n  r:\n    image: x\n    ports:\n      - {spec}\n")
    assert [(p.container, p.published, p.host_ip, p.protocol) for p in one.ports] == ports


@pytest.mark.parametrize(
    ("spec", "mount"),
    [
        ("./auth:/auth", ("/auth", "./auth", "bind", False)),
        ("data:/var/lib/registry/", ("/var/lib/registry", "data", "volume", False)),
        ("/anonymous", ("/anonymous", None, "volume", False)),
        (r".\auth:/auth:ro", ("/auth", r".\auth", "bind", True)),
        (r"C:\registry\auth:/auth", ("/auth", r"C:\registry\auth", "bind", False)),
        ("~/x:/x:rw,z", ("/x", "~/x", "bind", False)),
        ("{type: bind, source: ./b, target: /b, read_only: true}", ("/b", "./b", "bind", True)),
        ("{type: tmpfs, target: /t}", ("/t", None, "tmpfs", False)),
    ],
)
def test_volumes(spec: str, mount: tuple[object, ...]) -> None:
    one = service(f"services:\n  r:\n    image: x\n    volumes:\n      - {spec}\n")
    assert [(m.target, m.source, m.kind, m.read_only) for m in one.mounts] == [mount]


@pytest.mark.parametrize(
    ("image", "extra", "role"),
    [
        ("registry:2", "", "registry"),
        ("mirror.example:5000/library/registry:2.8.3@sha256:" + "0" * 64, "", "registry"),
        ("ghcr.io/distribution/distribution:edge", "", "registry"),
        ("registry.example:5000/team/app:1", "", "other"),
        ("registry.gitlab.example/x/nginx", "", "proxy"),
        ("joxit/docker-registry-ui:main", "", "ui"),
        ("harbor.example/mirror/docker-registry-ui:2.5.7-debian", "", "ui"),
        ("quiq/docker-registry-ui", "", "other"),
        ("nginx/nginx-prometheus-exporter:1", "", "other"),
        ("jwilder/nginx-proxy", "", "proxy"),
        ("nginxproxy/acme-companion", "", "other"),
        ("traefik:v3.1", "", "proxy"),
        ("lucaslorentz/caddy-docker-proxy", "", "proxy"),
        ("httpd:2", "command: htpasswd -Bbn x", "other"),
        ("registry:2", "command: garbage-collect /etc/docker/registry/config.yml", "other"),
        ("my/own:1", "environment: {REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /x}", "registry"),
        ("my/own:1", "environment: {NGINX_PROXY_PASS_URL: 'http://r:5000'}", "ui"),
        ("my/own:1", "volumes: ['./n.conf:/etc/nginx/conf.d/default.conf']", "proxy"),
        ("cesanta/docker_auth:1", "", "auth"),
    ],
)
def test_roles(image: str, extra: str, role: str) -> None:
    assert service(f"services:\n  r:\n    image: {image}\n    {extra}\n").role == role


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("services:\n  r:\n    image: x\n    environment:\n      - A = b\n", 5, "trailing space"),
        ("services:\n  r:\n    image: x\n    volumes: [data:/x]\n", 2, "undefined volume data"),
        ("services:\n  r:\n    image: x\n    networks: [n]\n", 2, "undefined network n"),
        ("services:\n  r:\n    image: x\n    ports: ['a:1']\n", 4, "invalid host port"),
        ("services:\n  r:\n    image: ${X:?set it}\n", 3, "required variable X is missing a value: set it"),
        ("services:\n  r:\n    image: x\n    image: y\n", 4, "already defined at line 3"),
        ("services:\n  r:\n    image: x\n    enviroment: {}\n", 4, "enviroment"),
        ("version: 3\nservices:\n  r:\n    image: x\n", 1, "version must be a string"),
        ("services:\n  r:\n    image: x\n    depends_on: [q]\n", 2, "undefined service q"),
        ("services:\n  r:\n    environment: {A: 1}\n", 2, "neither an image"),
    ],
)
def test_what_compose_refuses(text: str, line: int, says: str) -> None:
    refused = project(text).refused
    assert [(p.line, says in m) for p, m in refused][:1] == [(line, True)], refused


def test_a_sound_project_is_not_refused() -> None:
    text = """\
        version: "3.8"
        services:
          r:
            image: registry:2
            networks: {n: {aliases: [images]}}
            volumes: [data:/var/lib/registry]
            depends_on: [s]
          s: {image: s, network_mode: host}
        networks: {n: }
        volumes: {data: }
        """
    found = project(text)
    assert found.refused == ()
    assert found.service("images") is found.services[0]


def test_the_first_format_is_read_as_docker_compose_1_does() -> None:
    found = project("r:\n  image: registry:2\n  ports: ['5000:5000']\n")
    assert ([s.role for s in found.services], found.refused) == (["registry"], ())


def test_no_yaml_raises_with_file_and_line() -> None:
    with pytest.raises(ParseError) as caught:
        project("services:\n  r:\n   image: x\n  - y\n")
    assert (caught.value.file, caught.value.line) == ("compose.yaml", 4)


def test_secrets_are_labels_and_equal_ones_are_equal() -> None:
    vault = Vault()
    text = """\
        services:
          a: {image: registry, environment: {REGISTRY_HTTP_SECRET: hush-hush-1, REGISTRY_AUTH: htpasswd}}
          b: {image: registry, environment: {REGISTRY_HTTP_SECRET: hush-hush-1, DB_URL: "pg://u:open-sesame@db/x"}}
        """
    found = project(text, vault=vault)
    first, second = (s.env("REGISTRY_HTTP_SECRET") for s in found.services)
    assert first is not None
    assert second is not None
    assert (first.value, first.secret) == (MASK, second.secret)
    assert found.services[0].env("REGISTRY_AUTH").value == "htpasswd"  # type: ignore[union-attr]
    assert not vault.leaks(repr(found))
    assert "hush" not in repr(found)
    assert "sesame" not in repr(found)


def test_a_damaged_hash_is_told_and_its_pieces_are_nowhere() -> None:
    vault = Vault()
    salt = HASH.split("$")[3]
    text = f"services:\n  r:\n    image: registry\n    environment:\n      USERS: mia:{HASH}\n      OK: mia:{HASH.replace('$', '$$')}\n"
    found = project(text, vault=vault)
    assert [(i.key, i.damages_hash, i.unset) for i in found.interpolations] == [("USERS", True, (MASK,))]
    assert found.interpolations[0].place.line == 5
    assert salt not in repr(found)
    assert salt not in vault.mask(f'The "{salt}" variable is not set. Defaulting to a blank string.')


def test_an_unset_reference_is_no_damage() -> None:
    found = project("services:\n  r:\n    image: x\n    environment: {DB_PASSWORD: '${DB_PASSWORD}', P: 'pa$$word'}\n")
    assert [(i.key, i.unset, i.damages_hash, i.damages_password) for i in found.interpolations] == [
        ("DB_PASSWORD", ("DB_PASSWORD",), False, False)
    ]


def test_a_clear_password_with_a_dollar_is_damaged() -> None:
    found = project("services:\n  r:\n    image: x\n    environment: {DB_PASSWORD: 'pa$sword1'}\n")
    assert [(i.damages_password, i.unset) for i in found.interpolations] == [(True, (MASK,))]


def test_authorization_values_are_described() -> None:
    text = "services:\n  u:\n    image: joxit/docker-registry-ui\n    environment:\n      NGINX_PROXY_HEADER_Authorization: {}\n"
    pair = "Basic bWlhOm9wZW4tc2VzYW1l"
    variable = service(text.replace("{}", pair)).environment[0]
    assert (variable.value, variable.injected, variable.user) == (f"Basic {MASK}", "cleartext", "mia")
    empty = service(text.replace("{}", "''")).environment[0]
    assert (empty.value, empty.injected) == ("", None)
    client = service(text.replace("{}", "$$http_authorization")).environment[0]
    assert (client.value, client.injected) == ("$http_authorization", "client")


def test_two_folders_are_two_projects() -> None:
    files = [
        ("registry/docker-compose.yml", "services:\n  app: {image: 'registry:2'}\n"),
        ("proxy/docker-compose.yml", "services:\n  app: {image: nginx}\n"),
    ]
    found = parse_compose(files, [], {}, Vault())
    assert [(s.name, s.role) for s in found.services] == [("app", "registry"), ("app", "proxy")]


def test_an_extended_file_is_no_override() -> None:
    files = [
        ("common.yml", "services:\n  base: {image: 'registry:2', environment: {A: 1}}\n"),
        ("docker-compose.yml", "services:\n  r:\n    extends: {file: common.yml, service: base}\n"),
    ]
    found = parse_compose(files, [], {}, Vault())
    assert [(s.name, s.tag) for s in found.services] == [("r", "2")]
