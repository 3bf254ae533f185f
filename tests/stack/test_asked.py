"""Several registries in one project: the port that was asked tells whose file, settings and proxy are in question."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

SOUND = "anna:$2y$05$V0W2O/VuLcWfCPwAZplCDungo.qlcIWDzKI3TkGzEuTrjwbrZp1uu\n"
MD5 = "anna:$apr1$Oa.7OE4Z$zwUklbJIV4SOr4ruQass5.\n"
REFUSED = (
    "$ docker login localhost:{port} -u anna\n"
    "Error response from daemon: login attempt to http://localhost:{port}/v2/ failed with status: 401 Unauthorized\n"
)
STRIPS = 'server {{ listen 80; location /v2/ {{ proxy_set_header Authorization ""; proxy_pass http://{to}:5000; }} }}\n'


def project(
    *, path: str = "/auth/htpasswd", first: str = SOUND, second: str = SOUND, proxied: str = ""
) -> dict[str, str]:
    """Two registries, one at 5000 that reads `path` and one at 5001, with a proxy before one of them."""
    text = "services:\n"
    for name, port, at in (("one", 5000, path), ("two", 5001, "/auth/htpasswd")):
        text += (
            f'  {name}:\n    image: registry:2\n    ports: ["{port}:5000"]\n'
            f'    volumes: ["./{name}:/auth", "{name}:/var/lib/registry"]\n'
            f"    environment: {{REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: {at}}}\n"
        )
    files = {"one/htpasswd": first, "two/htpasswd": second}
    if proxied:
        text += '  nginx: {image: "nginx:1.27", ports: ["80:80"], volumes: ["./nginx:/etc/nginx/conf.d:ro"]}\n'
        files["nginx/r.conf"] = STRIPS.format(to=proxied)
    return files | {"docker-compose.yml": text + "volumes: {one: {}, two: {}}\n"}


def head(folder: Path, files: dict[str, str]) -> tuple[str, str | None]:
    return ask_files(folder, {name: text.encode() for name, text in files.items()}).head


@pytest.mark.parametrize(
    ("stack", "port", "expected"),
    [
        (project(first=MD5), 5001, ("inconclusive", None)),
        (project(first=MD5), 5000, ("fault", "htpasswd-not-bcrypt")),
        (project(second=MD5), 5001, ("fault", "htpasswd-not-bcrypt")),
        (project(second=MD5), 5000, ("inconclusive", None)),
        (project(path="/auth/nix"), 5001, ("inconclusive", None)),
        (project(path="/auth/nix"), 5000, ("fault", "htpasswd-path-mismatch")),
        (project(proxied="one"), 5001, ("inconclusive", None)),
        (project(proxied="two"), 5000, ("inconclusive", None)),
    ],
    ids=["hash of one", "hash of one, asked", "hash of two, asked", "hash of two", "path of one", "path of one, asked",
         "proxy of one", "proxy of two"],
)  # fmt: skip
def test_the_port_that_was_refused_tells_the_registry(
    tmp_path: Path, stack: dict[str, str], port: int, expected: tuple[str, str | None]
) -> None:
    assert head(tmp_path, {**stack, "shell.txt": REFUSED.format(port=port)}) == expected


def test_the_diff_is_proven_on_the_registry_that_was_asked(tmp_path: Path) -> None:
    files = project(path="/auth/nix", second=MD5)
    report = ask_files(
        tmp_path, {k: v.encode() for k, v in {**files, "shell.txt": REFUSED.format(port=5000)}.items()}
    ).report
    assert report is not None
    assert "htpasswd-path-mismatch is gone" in str(report["causes"][0]["fix"]["proof"])


def test_a_refusal_at_both_ports_decides_for_none(tmp_path: Path) -> None:
    both = REFUSED.format(port=5001) + REFUSED.format(port=5000)
    assert head(tmp_path, {**project(second=MD5), "shell.txt": both})[1] is None


def test_files_alone_are_sound_when_every_registry_is(tmp_path: Path) -> None:
    assert head(tmp_path / "a", project()) == ("healthy", None)
    assert head(tmp_path / "b", project(second=MD5)) == ("fault", "htpasswd-not-bcrypt")
