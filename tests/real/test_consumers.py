"""The hash × consumer table, cell by cell, on the real programs."""

import base64
import hashlib
import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from runbook.parse.consumers import FORMS, Consumer, cell
from tests.real.programs import need
from tests.real.test_htpasswd_differential import registry

PASSWORD = b"Holunder-77"
_B = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(5))[4:]


def _openssl(*options: str) -> bytes:
    done = subprocess.run(["openssl", "passwd", *options, "-stdin"], input=PASSWORD, capture_output=True, check=True)
    return done.stdout.strip()


def values() -> dict[str, bytes]:
    """One value for each form of the table, all of the same password."""
    sha = base64.b64encode(hashlib.sha1(PASSWORD).digest())
    salted = base64.b64encode(hashlib.sha1(PASSWORD + b"abcd").digest() + b"abcd")
    return {
        "$2y$": b"$2y$" + _B,
        "$2a$": b"$2a$" + _B,
        "$2b$": b"$2b$" + _B,
        "$2x$": b"$2x$" + _B,
        "$2$": b"$2$" + _B,
        "$2y$…:comment": b"$2y$" + _B + b":comment",
        "$$2y$$": b"$$2y$$" + _B.replace(b"$", b"$$"),
        "$apr1$": _openssl("-apr1"),
        "{SHA}": b"{SHA}" + sha,
        "{SSHA}": b"{SSHA}" + salted,
        "$1$": _openssl("-1"),
        "$5$": _openssl("-5"),
        "$6$": _openssl("-6"),
        "plain": PASSWORD,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _status(port: int, user: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    pair = base64.b64encode(user.encode() + b":" + PASSWORD).decode()
    connection.request("GET", "/v2/", headers={"Authorization": f"Basic {pair}"})
    status = connection.getresponse().status
    connection.close()
    return status


def _write_with_a_second_line(users: Path, known: dict[str, bytes]) -> None:
    """The first user stands there again with another password: for these programs the first line wins."""
    rows = b"".join(f"u{i}:".encode() + v + b"\n" for i, v in enumerate(known.values()))
    users.write_bytes(rows + b"u0:" + bcrypt.hashpw(b"another", bcrypt.gensalt(4)) + b"\n")
    users.chmod(0o644)


def _by_registry(folder: Path, known: dict[str, bytes]) -> dict[str, bool]:
    with registry(need("registry3"), folder) as (port, htpasswd):
        htpasswd.write_bytes(b"".join(f"u{i}:".encode() + v + b"\n" for i, v in enumerate(known.values())))
        return {form: _status(port, f"u{i}") == 200 for i, form in enumerate(known)}


def _by_nginx(folder: Path, known: dict[str, bytes]) -> dict[str, bool]:
    port = _free_port()
    users = folder / "users"
    _write_with_a_second_line(users, known)
    conf = folder / "nginx.conf"
    temp = "".join(f"{k}_temp_path {folder}/t; " for k in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; user root; events {{}} http {{ {temp} access_log off; "
        f"server {{ listen 127.0.0.1:{port}; location / {{ auth_basic x; auth_basic_user_file {users}; return 200; }} "
        f"location /v2/ {{ auth_basic x; auth_basic_user_file {users}; alias {folder}/www/; }} }} }}"
    )
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("x")
    with _running([need("nginx"), "-c", str(conf), "-e", f"{folder}/log"], port):
        return {form: _status(port, f"u{i}") == 200 for i, form in enumerate(known)}


def _by_apache(folder: Path, known: dict[str, bytes]) -> dict[str, bool]:
    port = _free_port()
    users = folder / "users"
    _write_with_a_second_line(users, known)
    (folder / "v2").mkdir()
    (folder / "v2" / "index.html").write_text("x")
    modules = "".join(
        f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n"
        for m in ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dir")
    )
    conf = folder / "httpd.conf"
    conf.write_text(
        f"{modules}ServerName x\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
        f"DocumentRoot {folder}\nDefaultRuntimeDir {folder}\nMutex posixsem\n<Directory {folder}>\nAuthType Basic\n"
        f"AuthName x\nAuthUserFile {users}\nRequire valid-user\nDirectoryIndex index.html\n</Directory>\n"
    )
    with _running([need("apache2"), "-f", str(conf), "-DFOREGROUND"], port):
        return {form: _status(port, f"u{i}") == 200 for i, form in enumerate(known)}


def _by_caddy(folder: Path, known: dict[str, bytes]) -> dict[str, bool]:
    result = {}
    for i, (form, value) in enumerate(known.items()):
        port = _free_port()
        conf = folder / f"Caddyfile{i}"
        conf.write_text(
            f"{{\nadmin off\n}}\nhttp://127.0.0.1:{port} {{\nbasicauth {{\nu{i} {value.decode()}\n}}\nrespond ok\n}}\n"
        )
        with _running([need("caddy"), "run", "--adapter", "caddyfile", "--config", str(conf)], port):
            try:
                result[form] = _status(port, f"u{i}") == 200
            except OSError:
                result[form] = False
    return result


def _by_haproxy(folder: Path, known: dict[str, bytes]) -> dict[str, bool]:
    port = _free_port()
    rows = "".join(f"  user u{i} password {v.decode()}\n" for i, v in enumerate(known.values()))
    conf = folder / "haproxy.cfg"
    conf.write_text(
        f"defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nuserlist x\n{rows}"
        f"frontend f\n  bind 127.0.0.1:{port}\n  http-request auth unless {{ http_auth(x) }}\n"
        "  http-request return status 200\n"
    )
    with _running([need("haproxy"), "-f", str(conf)], port):
        return {form: _status(port, f"u{i}") == 200 for i, form in enumerate(known)}


@pytest.mark.parametrize(
    ("consumer", "run"),
    [
        ("registry", _by_registry),
        ("nginx", _by_nginx),
        ("apache", _by_apache),
        ("caddy", _by_caddy),
        ("haproxy", _by_haproxy),
    ],
)
def test_each_cell_is_what_the_program_does(
    consumer: Consumer, run: Callable[[Path, dict[str, bytes]], dict[str, bool]], tmp_path: Path
) -> None:
    known = values()
    accepted = run(tmp_path, known)
    told = {form: cell(form, consumer).accepts for form in known}
    # "depends" hangs on the system's crypt(); libxcrypt, which all current systems have, knows all of these.
    expected = {form: told[form] != "no" for form in known}
    assert accepted == expected
    assert set(known) <= set(FORMS)
