"""The alignment picture: each joint of the stack has two sides with their places, and says whether they meet."""

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.parse.consumers import CONSUMERS, FORMS, TITLES
from runbook.redact import Vault
from runbook.report import tables
from runbook.report.alignment import alignment, joints

_COMPOSE = """\
services:
  registry:
    image: registry:2
    ports: ["5000:{container}"]
    environment:
      REGISTRY_HTTP_ADDR: ":5000"
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: r
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/{inside}
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: {root}
    volumes: ["./htpasswd:/auth/htpasswd:ro", "data:/var/lib/registry"]
  ui:
    image: joxit/docker-registry-ui:2.5.7
    ports: ["8080:80"]
    environment:
      SINGLE_REGISTRY: "true"
      NGINX_PROXY_PASS_URL: {upstream}
volumes: {{data: {{}}}}
"""
_RIGHT = {
    "container": "5000",
    "inside": "htpasswd",
    "root": "/var/lib/registry",
    "upstream": "http://registry:5000",
}


def _run(folder, **changed: str) -> Run:
    (folder / "docker-compose.yml").write_text(_COMPOSE.format(**{**_RIGHT, **changed}))
    (folder / "htpasswd").write_text("alice:$2y$05$" + "a" * 53 + "\n")
    return diagnose(collect(Request(paths=(str(folder),)), Vault()))


def _states(run: Run) -> dict[str, str]:
    return {j.about: j.state for j in joints(run)}


def test_a_right_stack_agrees_everywhere(tmp_path) -> None:
    found = _states(_run(tmp_path))
    assert set(found.values()) == {"agree"}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"upstream": "http://registri:5000"}, "the name that"),
        ({"upstream": "http://localhost:5000"}, "the name that"),
        ({"upstream": "http://registry:5001"}, "the port that"),
        ({"upstream": "https://registry:5000"}, "the scheme that"),
        ({"container": "5001"}, "the published port"),
        ({"inside": "passwords"}, "the path of the password file"),
        ({"root": "/srv/images"}, "where the images are kept"),
    ],
    ids=lambda v: next(iter(v)) + "=" + next(iter(v.values())) if isinstance(v, dict) else "",
)
def test_one_change_shows_as_one_joint_that_differs(tmp_path, changed, about) -> None:
    differing = [name for name, state in _states(_run(tmp_path, **changed)).items() if state == "differ"]
    # https to the default port 5000 given: only the scheme differs.
    assert [name for name in differing if name.startswith(about)] == differing
    assert differing


def test_the_picture_says_the_same_in_words_and_names_places(tmp_path) -> None:
    block = alignment(_run(tmp_path, upstream="http://registry:5001"))
    assert "docker-compose.yml:" in block.text
    assert "5001" in block.text
    assert "listens on 5000" in block.text
    for word in ("agree", "differ"):
        assert word in block.html
        assert word in block.text


def test_without_two_files_there_is_nothing_to_align(tmp_path) -> None:
    (tmp_path / "curl.txt").write_text("> GET /v2/ HTTP/1.1\n> Host: h\n>\n< HTTP/1.1 200 OK\n<\n")
    run = diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))
    assert not joints(run)
    assert "no two files" in alignment(run).text


def test_the_htpasswd_table_says_who_else_would_accept_an_entry(tmp_path) -> None:
    run = _run(tmp_path)
    (tmp_path / "htpasswd").write_text("alice:$apr1$abcdefgh$" + "a" * 22 + "\n")
    apr1 = tables.htpasswd(diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))).html
    bcrypt = tables.htpasswd(run).html
    assert all(TITLES[c] in apr1 for c in CONSUMERS if c != "registry")
    # registry, Caddy and HAProxy refuse apr1; for bcrypt nobody refuses.
    assert apr1.count("rb-tag fail") == 3
    assert bcrypt.count("rb-tag fail") == 0


def test_the_table_of_hashes_shows_every_form_and_every_program() -> None:
    view = tables.consumers()
    assert all(form in view.text for form in FORMS)
    assert all(title in view.html for title in TITLES.values())
