"""Real clients: which stored login they take, and what they print, read back."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.parse.docker_config import parse_docker_config
from runbook.redact import Vault
from runbook.stack.clients import Client, stored_for
from tests.real.programs import need

KEYS = [
    "{host}", "http://{host}", "https://{host}", "https://{host}/v2/", "http://{host}/v1/", "{host}/", "{host}/team",
    "{host}/team/app", "{host}/other", "{upper}", "localhost", "127.0.0.1:{port}", "https://127.0.0.1:{port}",
    "{host}/v2/", "docker://{host}", "HTTPS://{host}", "localhost:1",
]  # fmt: skip

PAIRS = [
    (client, key)
    for client in ("docker", "containers")
    for key in KEYS
    if client == "containers" or not key.startswith(("docker://", "HTTPS://"))  # docker before 28 does not know them
]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    need("registry2")
    with Lab(backend="native", major=2, seed=9) as started:
        yield started


def _host(lab: Lab) -> str:
    return lab.registry_url.removeprefix("http://")


def _run(*command: str, home: Path, typed: str = "") -> str:
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    done = subprocess.run(command, input=typed, capture_output=True, text=True, env=environment, timeout=60)
    return done.stdout + done.stderr


def _config(lab: Lab, key: str, file: Path) -> str:
    host = _host(lab)
    named = key.format(host=host, upper=host.upper(), port=host.rpartition(":")[2])
    pair = base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode()
    file.write_text(json.dumps({"auths": {named: {"auth": pair}}}))
    return file.read_text()


@pytest.mark.parametrize(("client", "key"), PAIRS)
def test_the_login_that_a_client_takes_is_foretold(key: str, client: Client, lab: Lab, tmp_path: Path) -> None:
    host, file = _host(lab), tmp_path / "config.json"
    config = parse_docker_config(_config(lab, key, file), "config.json", Vault())
    if client == "docker":
        need("docker")
        printed = _run("docker", "--config", str(tmp_path), "login", host, home=tmp_path)
        used = "existing credentials" in printed
        foretold = stored_for(config, host, client)
    else:
        need("skopeo")
        image = f"{host}/team/app"
        command = ("skopeo", "list-tags", "--tls-verify=false", "--authfile", str(file), f"docker://{image}")
        printed = _run(*command, home=tmp_path)
        used = "404" in printed
        assert used or "authentication required" in printed
        foretold = stored_for(config, image, client)
    assert (foretold is not None) == used, printed


def _judged(lab: Lab, shown: str, folder: Path) -> list[str]:
    (folder / "terminal.txt").write_text(shown)
    found = diagnose(collect(Request(paths=(str(folder), str(lab.bundle / "auth"))), Vault())).diagnosis
    return [f.cause for f in found.causes] or [found.verdict]


def test_a_wrong_password_typed_into_docker_login(lab: Lab, tmp_path: Path) -> None:
    need("docker")
    command = ("docker", "--config", str(tmp_path / "d"), "login", _host(lab), "-u", lab.user, "--password-stdin")
    shown = f"$ {' '.join(command[:1] + command[3:])}\n" + _run(*command, home=tmp_path, typed="not-the-one")
    log = lab.logs()["registry"]
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "registry.log").write_text(log)
    (tmp_path / "bundle" / "docker-compose.yml").write_text((lab.bundle / "docker-compose.yml").read_text())
    (tmp_path / "bundle" / "terminal.txt").write_text(shown)
    paths = (str(tmp_path / "bundle"), str(lab.bundle / "auth"))
    found = diagnose(collect(Request(paths=paths), Vault())).diagnosis
    assert [f.cause for f in found.causes] == ["htpasswd-wrong-password"]


def test_a_right_login_is_healthy(lab: Lab, tmp_path: Path) -> None:
    need("docker")
    command = ("docker", "--config", str(tmp_path / "d"), "login", _host(lab), "-u", lab.user, "--password-stdin")
    shown = f"$ {' '.join(command[:1] + command[3:])}\n" + _run(*command, home=tmp_path, typed=lab.password)
    (tmp_path / "bundle").mkdir()
    assert _judged(lab, shown, tmp_path / "bundle") == ["healthy"]


def test_skopeo_that_finds_no_login_is_no_wrong_password(lab: Lab, tmp_path: Path) -> None:
    """skopeo says "invalid username/password" when it had none to send."""
    need("skopeo")
    host = _host(lab)
    other = f"127.0.0.1:{host.rpartition(':')[2]}"
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    _config(lab, other, bundle / "config.json")
    command = ("skopeo", "list-tags", "--tls-verify=false", f"docker://{host}/team/app")
    (bundle / "terminal.txt").write_text(f"$ {' '.join(command)}\n" + _run(*command, home=tmp_path))
    found = diagnose(collect(Request(paths=(str(bundle),)), Vault())).diagnosis
    causes = [f.cause for f in found.causes]
    assert "htpasswd-wrong-password" not in causes
    assert causes == ["credentials-under-other-host"]
