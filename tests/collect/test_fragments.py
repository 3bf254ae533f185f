"""Pieces of compose files, as people paste them into tickets: read where they stand, and taken for parts."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.unpack.fragments import completed
from runbook.model import Compose
from runbook.redact import Vault

REGISTRY = """registry:
  image: registry:2
  environment:
    REGISTRY_AUTH: htpasswd
    REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
  volumes:
    - data:/var/lib/registry
"""
UI = """ui:
  image: joxit/docker-registry-ui:2
  depends_on: [registry]
"""


def shifted(text: str, by: int, first: int | None = None) -> str:
    """All rows moved right; the first one to a place of its own, as it happens when one copies."""
    rows = [" " * by + row for row in text.splitlines()]
    return "\n".join([rows[0] if first is None else " " * first + rows[0].lstrip(), *rows[1:]])


def compose_of(folder: Path, text: str) -> Compose | None:
    (folder / "ticket.md").write_text(text, encoding="utf-8")
    return collect(Request(paths=(str(folder),)), Vault()).compose


@pytest.mark.parametrize("first", [None, 0, 1, 3])
@pytest.mark.parametrize("by", [0, 2, 4, 8])
def test_services_without_their_section(tmp_path: Path, by: int, first: int | None) -> None:
    block = shifted(REGISTRY + "\n" + UI, by, first)
    compose = compose_of(tmp_path, f"Hi,\n\nhere it is:\n\n```\n{block}\n```\n\nWhy?\n")
    assert compose is not None
    assert [s.name for s in compose.services] == ["registry", "ui"]
    assert not compose.refused, "the volume may be declared in what was not shown"
    variable = next(v for v in compose.services[0].environment if v.name == "REGISTRY_AUTH")
    assert (variable.place.file, variable.place.line) == ("ticket.md", 9)


@pytest.mark.parametrize("first", [None, 0])
def test_a_service_without_its_name(tmp_path: Path, first: int | None) -> None:
    block = shifted("\n".join(row[2:] for row in REGISTRY.splitlines()[1:]), 4, first)
    compose = compose_of(tmp_path, f"Hi,\n\nhere it is:\n\n```yaml\n{block}\n```\n")
    assert compose is not None
    assert [(s.name, s.image) for s in compose.services] == [("registry", "registry:2")]
    assert compose.services[0].environment[0].place.line == 8


def test_the_sections_behind_the_services_stay_where_they_are(tmp_path: Path) -> None:
    text = f"Hi,\n\n```\n{shifted(REGISTRY, 2, 0)}\nvolumes:\n  data:\n```\n"
    compose = compose_of(tmp_path, text)
    assert compose is not None
    assert compose.volumes == ("data",)


def test_two_pieces_make_one_project(tmp_path: Path) -> None:
    text = f"The server:\n\n```\n{REGISTRY}```\n\nand the UI:\n\n```\n{UI}```\n"
    compose = compose_of(tmp_path, text)
    assert compose is not None
    assert [s.name for s in compose.services] == ["registry", "ui"]
    assert compose.services[1].place.line == 16


def test_of_two_versions_the_later_counts(tmp_path: Path) -> None:
    newer = REGISTRY.replace("registry:2", "registry:3")
    compose = compose_of(tmp_path, f"Before:\n\n```\n{REGISTRY}```\n\nand now:\n\n```\n{newer}```\n")
    assert compose is not None
    assert [s.image for s in compose.services] == ["registry:3"]


@pytest.mark.parametrize(
    "text",
    [
        "build:\n  image: docker:28\n  script:\n    - docker build .\n",  # a job of GitLab
        "jobs:\n  build:\n    runs-on: ubuntu-latest\n    services:\n      registry:\n        image: registry:2\n",
        "containers:\n  - name: registry\n    image: registry:2\n",  # a manifest
        "- name: registry\n  docker_container:\n    image: registry:2\n",  # a playbook
        "image:\n  repository: registry\n  tag: 2\n",  # values of a chart
        "the image: registry:2\nis what we run\n",
        "services:\n  registry:\n    image: registry:2\n",  # whole as it is
    ],
)
def test_what_is_no_piece_of_a_compose_file(text: str) -> None:
    assert completed(text.splitlines()) is None
