"""URLs and nothing else: what a real registry and a real nginx in several states are taken for, and how soon."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runbook.collect import Request, collect
from runbook.fleet.inventory import Credentials, Target
from runbook.fleet.one import judge
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from tests.real.certificates import Authority
from tests.real.hops import PASSWORD, USER, free_port, running
from tests.real.programs import need

PAGE = (
    "<html><head><title>Docker Registry UI</title></head><body><docker-registry-ui></docker-registry-ui></body></html>"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@contextlib.contextmanager
def real_registry(folder: Path, extra: str = "", program: str = "registry3") -> Iterator[int]:
    """A real registry with htpasswd; `extra` goes into its http section. Yields its port."""
    import bcrypt

    port = free_port()
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (folder / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}', secret: s{extra}}}\n"
        f"auth: {{htpasswd: {{realm: Tests, path: {folder}/htpasswd}}}}\n"
    )
    with running([need(program), "serve", str(folder / "registry.yml")], port, folder):
        yield port


@contextlib.contextmanager
def real_nginx(folder: Path, locations: str, tls: str = "") -> Iterator[int]:
    """A real nginx that serves a UI's page at / and these locations, over TLS with these lines. Yields its port."""
    port = free_port()
    (folder / "index.html").write_text(PAGE)
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port}{' ssl' if tls else ''}; "
        f"{tls} root {folder}; {locations} }} }}\n"
    )
    with running([need("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder):
        yield port


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Takes connections and never answers: a program that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        for connection in kept:
            connection.close()


def proxy(port: int, more: str = "") -> str:
    return f"location /v2/ {{ proxy_pass http://127.0.0.1:{port}; proxy_set_header Host $http_host; {more} }}"


def live(registry: int | str | None = None, ui: int | str | None = None, **more: object) -> tuple[Run, float]:
    """A live-only diagnosis with the right login, and how long it took."""
    begun = time.monotonic()
    whole = [f"http://127.0.0.1:{a}" if isinstance(a, int) else a for a in (registry, ui)]
    request = {"registry_url": whole[0], "ui_url": whole[1], "user": USER, "password": PASSWORD, **more}
    run = diagnose(collect(Request(**request), Vault()))  # type: ignore[arg-type]
    return run, time.monotonic() - begun


def named(run: Run) -> list[str]:
    return [f.cause for f in run.diagnosis.causes]


def told(run: Run) -> str:
    return " ".join(p.message for p in run.evidence.problems)


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("other")


# ---- a registry, sound or not -----------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["registry2", "registry3"])
def test_healthy_on_every_way(folder: Path, other: Path, program: str) -> None:
    with real_registry(folder, program=program) as port, real_nginx(other, proxy(port)) as ui:
        for where in ((port, None), (None, ui), (port, ui)):
            run, _ = live(*where)
            assert (run.diagnosis.verdict, run.diagnosis.basis) == ("healthy", "traffic"), where


def test_a_wrong_password_is_asked_about_not_explained(folder: Path) -> None:
    with real_registry(folder) as port:
        run, _ = live(port, password="not-this-one")
    assert (run.diagnosis.verdict, named(run)) == ("inconclusive", [])
    assert run.diagnosis.next is not None
    assert "--collect" in str(run.diagnosis.next.command)


def test_a_prefix_is_found(folder: Path, other: Path) -> None:
    with real_registry(folder, ", prefix: /hub/") as port, real_nginx(other, proxy(port)) as ui:
        assert named(live(port)[0]) == ["http-prefix-set"]
        assert named(live(port, ui)[0]) == ["http-prefix-set"]
        run, _ = live(ui=ui)
    assert run.diagnosis.verdict == "inconclusive", "through a proxy it may be a rewritten path as well"
    assert "not a registry" not in told(run)


def test_a_login_that_a_proxy_loses(folder: Path, other: Path) -> None:
    with real_registry(folder) as port, real_nginx(other, proxy(port, 'proxy_set_header Authorization "";')) as ui:
        run, _ = live(port, ui)
        assert named(run) == ["authorization-stripped"]
        assert run.diagnosis.next is not None, "the line that does it is in a file"
        assert live(ui=ui)[0].diagnosis.verdict == "inconclusive", "the password may be wrong as well"


# ---- dead, or as good as ----------------------------------------------------------------------------------


def test_a_dead_upstream_is_known_at_once(folder: Path) -> None:
    with real_nginx(folder, proxy(free_port())) as ui:
        run, seconds = live(ui=ui)
    assert run.diagnosis.verdict == "inconclusive"
    assert [e.status for e in run.evidence.live if e.is_api] == [502], "nothing is asked behind a dead end"
    assert seconds < 3


def test_nobody_listens() -> None:
    run, seconds = live(free_port())
    assert named(run) == ["registry-unreachable"]
    assert "Nothing answers" in run.diagnosis.causes[0].summary
    assert seconds < 3


def test_a_hang_is_no_refusal() -> None:
    with silent() as port:
        run, _ = live(port, timeout=4.0)
    assert {e.error for e in run.evidence.live} == {"no-response"}
    assert "never responds" in run.diagnosis.causes[0].summary


def test_an_upstream_that_hangs_is_no_slow_upload(folder: Path) -> None:
    with silent() as port, real_nginx(folder, proxy(port, "proxy_read_timeout 1s;")) as ui:
        run, seconds = live(ui=ui)
    assert (run.diagnosis.verdict, named(run)) == ("inconclusive", [])
    assert seconds < 3


# ---- not a registry: the login stays here -------------------------------------------------------------------


@pytest.mark.parametrize(
    "locations", ["", "location /v2/ { return 200 hello; }", "location / { try_files $uri /index.html; }"]
)
def test_no_login_goes_to_a_page(folder: Path, locations: str) -> None:
    with real_nginx(folder, locations) as ui:
        run, _ = live(ui=ui)
    assert run.diagnosis.verdict == "inconclusive" or named(run) == ["no-v2-route"]
    assert not any(e.credential and e.credential.intent == "given" for e in run.evidence.live)
    assert "The login was not sent" in told(run)
    assert any("The login was not sent" in line for line in run.diagnosis.not_tested)
    if step := run.diagnosis.next:
        assert "--insecure-http" not in str(step.command)


def test_a_page_beside_a_registry_is_no_fault(folder: Path, other: Path) -> None:
    """The UI may let the browser ask the registry itself."""
    with real_registry(folder) as port, real_nginx(other, "") as ui:
        run, _ = live(port, ui)
    assert (run.diagnosis.verdict, named(run)) == ("inconclusive", [])


def test_no_login_follows_a_redirect(folder: Path, other: Path) -> None:
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(real_registry(folder))
        there = f"location /v2/ {{ return 301 http://127.0.0.1:{port}$request_uri; }}"
        run, _ = live(stack.enter_context(real_nginx(other, there)))
    led = [e for e in run.evidence.live if f":{port}/" in e.url]
    assert led
    assert all(e.credential is None for e in led)
    assert run.diagnosis.verdict == "inconclusive"
    assert run.diagnosis.next is not None
    assert f"--registry http://127.0.0.1:{port} " in str(run.diagnosis.next.command)


# ---- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


TLS = {
    "a private authority": ({}, ["tls-ca-not-trusted"], []),
    "the whole chain": ({"between": True}, ["tls-ca-not-trusted"], []),
    "a chain cut short": ({"between": True, "whole": False}, ["tls-ca-not-trusted"], ["tls-ca-not-trusted"]),
    "expired": ({"begins": -30, "ends": -2}, ["tls-ca-not-trusted", "certificate-expired"], ["certificate-expired"]),
    "not yet valid": ({"begins": 3}, ["tls-ca-not-trusted", "certificate-expired"], ["certificate-expired"]),
}


def test_a_target_of_a_fleet_has_its_own_authority(
    folder: Path, other: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TLS_PASSWORD", PASSWORD)
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=authority.server("localhost")) as front:
        target = Target(
            "own", registry=f"https://localhost:{front}", user=USER, credentials=Credentials(env="FLEET_TLS_PASSWORD")
        )
        without = judge(target).result
        trusting = judge(msgspec.structs.replace(target, cacert=str(authority.file))).result
        missing = judge(msgspec.structs.replace(target, cacert=str(folder / "nowhere.crt"))).result
    assert [c.cause for c in without.causes] == ["tls-ca-not-trusted"]
    assert trusting.verdict == "healthy"
    assert missing.verdict == "inconclusive"
    assert "no file or folder called" in missing.problem


@pytest.mark.parametrize("state", TLS)
def test_certificates_without_and_with_their_authority(
    folder: Path, other: Path, authority: Authority, state: str
) -> None:
    how, alone, trusting = TLS[state]
    lines = authority.server("localhost", **how)  # type: ignore[arg-type]
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=lines) as front:
        run, seconds = live(f"https://localhost:{front}")
        assert named(run) == alone
        assert str(front) in run.diagnosis.causes[0].summary, "the address that failed is named"
        assert seconds < 3
        run, _ = live(f"https://localhost:{front}", cacert=str(authority.file))
    assert named(run) == trusting
    assert run.diagnosis.verdict == ("fault" if trusting else "healthy")
    assert f"{authority.file} (--cacert)" in told(run)
    if state == "a chain cut short":
        assert "whole chain" in run.diagnosis.causes[0].fix.summary
    if state == "not yet valid":
        assert "not valid yet" in run.diagnosis.causes[0].summary


def test_the_name_that_failed_is_named(folder: Path, other: Path, authority: Authority) -> None:
    lines = authority.server("registry.example")
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=lines) as ui:
        run, _ = live(f"http://127.0.0.1:{port}", f"https://localhost:{ui}", cacert=str(authority.file))
    assert named(run) == ["tls-san-missing"]
    found = run.diagnosis.causes[0]
    assert "does not list localhost" in found.summary
    assert f"localhost:{ui}" in str(found.fix.verify[0])
    assert any("registry.example" in item.what for item in found.evidence)


def test_dockers_own_folder_is_honoured_and_turns_the_verdict(
    folder: Path, other: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runbook.collect.trust.FOLDERS", (tmp_path / "certs.d",))
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=authority.server("localhost")) as front:
        assert named(live(f"https://localhost:{front}")[0]) == ["tls-ca-not-trusted"]
        (home := tmp_path / "certs.d" / f"localhost:{front}").mkdir(parents=True)
        shutil.copy(authority.file, home / "ca.crt")
        run, _ = live(f"https://localhost:{front}")
    assert run.diagnosis.verdict == "healthy"
    assert "certs.d" in told(run)


def test_the_wrong_scheme_either_way(folder: Path, other: Path, authority: Authority) -> None:
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=authority.server("localhost")) as front:
        assert named(live(f"http://localhost:{front}")[0]) == ["client-speaks-http-to-tls"]
        run, _ = live(f"https://localhost:{port}")
    assert run.diagnosis.verdict == "inconclusive"
    assert run.diagnosis.next is not None
    assert f"http://localhost:{port}" in str(run.diagnosis.next.command)


def test_an_address_without_a_scheme_is_taken_as_docker_takes_it(
    folder: Path, other: Path, authority: Authority
) -> None:
    with real_registry(folder) as port, real_nginx(other, proxy(port), tls=authority.server("localhost")) as front:
        for address, scheme in ((port, "http"), (front, "https")):
            run, _ = live(f"localhost:{address}", cacert=str(authority.file))
            assert run.diagnosis.verdict == "healthy"
            assert run.evidence.target.registry_url == f"{scheme}://localhost:{address}"
            assert f"over {scheme}, as docker does" in told(run)


def test_cancelling_ends_at_once() -> None:
    """Ctrl-C while an address hangs."""
    with silent() as port:
        command = [sys.executable, "-m", "runbook", "diagnose", "--registry", f"http://127.0.0.1:{port}"]
        process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
        )
        time.sleep(2)
        assert process.poll() is None
        begun = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert time.monotonic() - begun < 1.5
    assert "Traceback" not in errors
