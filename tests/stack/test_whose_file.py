"""Whose login and whose password file: several logins in one line, and a file that only a proxy reads."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.bundles import ask_files

SOUND = "anna:$2y$05$V0W2O/VuLcWfCPwAZplCDungo.qlcIWDzKI3TkGzEuTrjwbrZp1uu\n"
MD5 = "anna:$apr1$Oa.7OE4Z$zwUklbJIV4SOr4ruQass5.\n"
LONE = (
    'services:\n  registry:\n    image: registry:2\n    ports: ["5000:5000"]\n    volumes: ["{auth}:/auth", "d:/var/lib/registry"]\n'
    "    environment: {{REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}}\n"
)


def head(folder: Path, files: dict[str, str]) -> tuple[str, str | None]:
    return ask_files(folder, {name: text.encode() for name, text in files.items()}).head


@pytest.mark.parametrize(
    ("bob", "anna", "expected"),
    [
        ("ghcr.io", "localhost:5000", "healthy"),
        ("localhost:5000", "ghcr.io", "fault"),
    ],
)
@pytest.mark.parametrize("between", ["", "\n"])
def test_logins_in_one_line_are_several(tmp_path: Path, bob: str, anna: str, expected: str, between: str) -> None:
    """bob is nobody here; his login matters only where docker would send it to this registry."""
    entries = [f'"{host}":{{"auth":"{b64encode(login).decode()}"}}' for host, login in
               ((bob, b"bob:ghx"), (anna, b"anna:pw123"))]  # fmt: skip
    config = '{"auths":{' + f",{between}".join(entries) + "}}"
    files = {"auth/htpasswd": SOUND, "config.json": config, "docker-compose.yml": LONE.format(auth="./auth")}
    assert head(tmp_path, files)[0] == expected


@pytest.mark.parametrize(
    ("mount", "blamed"),
    [("./nginx/htpasswd:/etc/nginx/htpasswd:ro", False), ("./nginx:/etc/nginx:ro", False), ("./html:/srv/html", True)],
)
def test_the_password_file_of_a_proxy_is_not_the_registrys(tmp_path: Path, mount: str, blamed: bool) -> None:
    """Where nobody else mounts it, the only file of that name is taken for the one that the registry's mount names."""
    compose = LONE.format(auth="/srv/registry/auth")
    compose += f'  nginx: {{image: "nginx:1.27", ports: ["80:80"], volumes: ["{mount}"]}}\n'
    found = head(tmp_path, {"nginx/htpasswd": MD5, "docker-compose.yml": compose})
    assert (found == ("fault", "htpasswd-not-bcrypt")) is blamed
