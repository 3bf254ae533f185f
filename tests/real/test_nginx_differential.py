"""What the analysis of an nginx file foretells is what real nginx does before a real registry."""

import subprocess
from pathlib import Path

import pytest

from runbook.parse.nginx import parse_nginx
from runbook.redact import Vault
from tests.real.hops import INVALID, VALID, backend, disagreements, free_port, running
from tests.real.nginx_configs import CONFIGS, Config
from tests.real.programs import need

pytestmark = pytest.mark.timeout(240)

FRAME = """daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; root {folder}/www;
  {body}
}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    need("nginx")
    with backend(tmp_path_factory.mktemp("registry")) as running_backend:
        yield running_backend


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=reg.example"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def filled(config: Config, folder: Path, port: int, upstream: int, certificate: Path) -> str:
    """The whole nginx.conf of a configuration."""
    (folder / "users").write_text("kai:{PLAIN}Torte&Tee-7\n")
    (folder / "www").mkdir()
    body = config.text.replace("@LISTEN@", f"127.0.0.1:{port}").replace("@UP@", f"127.0.0.1:{upstream}")
    body = body.replace("@PORT@", str(port)).replace("@UPPORT@", str(upstream)).replace("@DIR@", str(folder))
    body = body.replace("@VALID@", VALID).replace("@INVALID@", INVALID)
    body = body.replace("@CERT@", f"ssl_certificate {certificate}/cert.pem; ssl_certificate_key {certificate}/key.pem;")
    return FRAME.format(folder=folder, body=body)


@pytest.mark.parametrize("config", CONFIGS, ids=[c.name for c in CONFIGS])
def test_nginx_does_what_is_foretold(config: Config, here, certificate: Path, tmp_path: Path) -> None:
    port = free_port()
    text = filled(config, tmp_path, port, here.port, certificate)
    (tmp_path / "nginx.conf").write_text(text)
    routes = parse_nginx(text, "nginx.conf", Vault())
    with running(
        [need("nginx"), "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")], port, tmp_path
    ):
        compared, misses = disagreements(
            routes, port, here, injected=config.injected, own_login=config.own_login, tls=config.tls, host=config.host
        )
    assert compared == 8
    assert not misses, "\n".join(misses)


def test_there_are_at_least_eighty_configurations() -> None:
    assert len({c.text for c in CONFIGS}) >= 80
