"""The project's files in the order in which Compose merges them."""

from runbook.collect.compose_files import Typed, choose, named_by_hand, of_other_projects, project_dotenv, typed

REGISTRY = "services:\n  registry:\n    image: registry:2\n"
UI = "services:\n  ui:\n    image: joxit/docker-registry-ui:2\n"


def test_base_then_override_then_others() -> None:
    files = {"docker-compose.prod.yml": UI, "docker-compose.override.yml": UI, "docker-compose.yml": REGISTRY}
    assert choose(files, {})[0] == ("docker-compose.yml", "docker-compose.override.yml", "docker-compose.prod.yml")


def test_of_environments_only_the_live_one_changes_the_project() -> None:
    base, dev, prod = "docker-compose.yml", "docker-compose.dev.yml", "docker-compose.prod.yml"
    change = "services:\n  registry:\n    environment: {A: b}\n"
    used, unused = choose({base: REGISTRY, dev: change, prod: change, "docker-compose.ui.yml": UI}, {})
    assert set(used) == {base, prod, "docker-compose.ui.yml"}
    assert unused == (dev,)
    assert choose({base: REGISTRY, dev: change}, {})[0] == (base,)
    assert choose({base: REGISTRY, dev: UI}, {})[0] == (base, dev)  # an addition changes nothing of the base


def test_what_is_extended_or_included_is_no_project_of_its_own() -> None:
    child = "services:\n  registry:\n    extends: {file: base/c.yml, service: r}\n"
    assert choose({"docker-compose.yml": child, "base/c.yml": REGISTRY}, {})[0] == ("docker-compose.yml", "base/c.yml")
    root = "include: [registry/compose.yaml]\nservices:\n  ui:\n    image: nginx\n"
    assert choose({"compose.yaml": root, "registry/compose.yaml": REGISTRY}, {})[0] == (
        "compose.yaml", "registry/compose.yaml",
    )  # fmt: skip
    around = "include: [b.yml]\n"
    assert choose({"a.yml": around, "b.yml": around.replace("b.", "a.")}, {})[1] == ("a.yml", "b.yml")


def test_files_that_compose_does_not_find_are_named() -> None:
    base, prod = "docker-compose.yml", "docker-compose.prod.yml"
    assert named_by_hand((base, "docker-compose.override.yml"), {}) == ()
    assert named_by_hand((base, prod), {}) == (base, prod)
    assert named_by_hand((base, prod), {".env": f"COMPOSE_FILE={base}:{prod}\n"}) == ()
    assert named_by_hand(("mail.txt § docker-compose.prod.yml",), {}) == ()


def test_compose_yaml_beats_the_old_name() -> None:
    used, unused = choose({"docker-compose.yml": REGISTRY, "compose.yaml": REGISTRY}, {})
    assert (used, unused) == (("compose.yaml",), ("docker-compose.yml",))


def test_copies_and_second_ways_to_run_it_are_no_additions() -> None:
    files = {"compose.yaml": REGISTRY, "compose.old.yaml": UI, "compose.simple.yaml": REGISTRY, "compose.ui.yaml": UI}
    assert choose(files, {})[0] == ("compose.yaml", "compose.ui.yaml")


def test_of_two_projects_the_one_with_the_registry() -> None:
    hub = "services:\n  r:\n    image: 'ghcr.io/distribution/distribution:3'\n"
    used, unused = choose({"ui/compose.yaml": UI, "z/hub/compose.yaml": hub}, {})
    assert used == ("z/hub/compose.yaml",)
    assert unused == ("ui/compose.yaml",)


def test_the_ui_is_not_taken_for_the_registry() -> None:
    files = {"a/compose.yaml": "services:\n  r:\n    image: joxit/docker-registry-ui:2\n", "b/compose.yaml": REGISTRY}
    assert choose(files, {})[0] == ("b/compose.yaml",)


def test_compose_file_in_dotenv_decides() -> None:
    files = {"base.yml": UI, "compose.yaml": REGISTRY, "local.yml": UI}
    assert choose(files, {".env": "X=1\nCOMPOSE_FILE=base.yml:local.yml\n"})[0] == ("base.yml", "local.yml")
    assert choose(files, {".env": "COMPOSE_FILE=gone.yml\n"})[0][0] == "compose.yaml"


def test_names_that_compose_does_not_know() -> None:
    assert choose({"ui.yml": UI, "registry.yml": REGISTRY}, {})[0] == ("registry.yml", "ui.yml")
    assert choose({}, {}) == ((), ())


def test_the_dotenv_beside_the_project() -> None:
    assert project_dotenv(("a/compose.yaml",), {"a/.env": "1", ".env": "2"}) == (("a/.env", "1"),)
    assert project_dotenv(("a/compose.yaml",), {".env": "2", "registry.env": "3"}) == ((".env", "2"),)


def test_a_proxy_of_another_project_counts_where_it_asks_this_one() -> None:
    texts = {"reg/compose.yaml": REGISTRY + '    ports: ["5000:5000"]\n', "mon/compose.yaml": UI}

    def dropped(*upstream: tuple[str, int | None]) -> list[str]:
        return list(
            of_other_projects(("reg/compose.yaml",), ("mon/compose.yaml",), texts, {"mon/nginx.conf": upstream})
        )

    assert dropped(("prometheus", 9090)) == ["mon/nginx.conf"]
    assert not dropped(("prometheus", 9090), ("registry", 5000))
    assert not dropped(("10.0.0.7", 5000))
    assert not dropped()


def test_a_command_that_was_typed_names_the_files() -> None:
    change = "services:\n  registry:\n    environment: {A: b}\n"
    texts = {"docker-compose.yml": REGISTRY, "docker-compose.dev.yml": change, "docker-compose.prod.yml": change}
    by = typed(["$ docker compose -f docker-compose.yml --file=docker-compose.dev.yml --env-file dev.env up -d\n"])
    assert by == Typed(("docker-compose.yml", "docker-compose.dev.yml"), ("dev.env",))
    assert choose(texts, {}, by)[0] == ("docker-compose.yml", "docker-compose.dev.yml")
    assert project_dotenv(("docker-compose.yml",), {".env": "A=1", "dev.env": "A=2"}, by) == (("dev.env", "A=2"),)
    assert typed(["docker compose -f a.yml up", "docker compose -f b.yml up"]) == Typed()
    assert typed(["docker compose up -d", "docker-compose -p x up"]) == Typed()
