"""A success belongs to the registry that its command or its output names: a short name is Docker Hub's, a variable nobody's."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

REFUSED = (
    "$ docker login -u lea cr.o.example\nPassword:\nError response from daemon: login attempt to https://cr.o.example/v2/ failed with "
    "status: 401 Unauthorized\n"
)
DIGEST = "sha256:0bd1c2a3f4e5d6c7b8a90123456789abcdef0123456789abcdef0123456789ab"
PULLED = f"Digest: {DIGEST}\nStatus: Downloaded newer image for {{name}}\n{{told}}\n"
PUSHED = f"The push refers to repository [{{at}}]\n1: digest: {DIGEST} size: 1162\n"
HUB = {
    "pull": "$ docker pull alpine:3.20\n" + PULLED.format(name="alpine:3.20", told="docker.io/library/alpine:3.20"),
    "login": "$ docker login -u lea\nPassword:\nLogin Succeeded\n",
    "push": "$ docker push lea/app:1\n" + PUSHED.format(at="docker.io/lea/app"),
    "digest": f"$ crane digest alpine:3.20\n{DIGEST}\n",
    "variable": "$ docker login -u lea $REG\nPassword:\nLogin Succeeded\n",
    "variable, pushed to the hub": "$ docker push $IMG\n" + PUSHED.format(at="docker.io/lea/app"),
    "compose": "$ docker compose pull\n ✔ db Pulled\n",
    "another port": "$ docker login -u lea cr.o.example:5000\nPassword:\nLogin Succeeded\n",
}
OURS = {
    "login": "$ docker login -u lea cr.o.example\nPassword:\nLogin Succeeded\n",
    "its usual port": "$ docker login -u lea cr.o.example:443\nPassword:\nLogin Succeeded\n",
    "variable, pushed to ours": "$ docker push $IMG\n" + PUSHED.format(at="cr.o.example/app"),
}


@pytest.mark.parametrize("name", HUB)
def test_what_works_elsewhere_mends_nothing_here(name: str, tmp_path: Path) -> None:
    assert ask_files(tmp_path, {"s.txt": (REFUSED + HUB[name]).encode()}).verdict == "inconclusive"


@pytest.mark.parametrize("name", OURS)
def test_what_works_here_does(name: str, tmp_path: Path) -> None:
    assert ask_files(tmp_path, {"s.txt": (REFUSED + OURS[name]).encode()}).verdict == "healthy"


def test_a_variable_alone_is_the_only_registry_there_is(tmp_path: Path) -> None:
    assert ask_files(tmp_path, {"s.txt": HUB["variable"].encode()}).verdict == "healthy"
