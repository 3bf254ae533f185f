"""Thousands of generated htpasswd files × logins, each put before the real registries 2.8.2 and 3.1.1.

Our reading must foretell every status. The registry loads the file anew when its modification time
changes, so every request is preceded by a rewrite with a time of its own.
"""

import base64
import http.client
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from runbook.parse.htpasswd import registry_answer
from tests.real.programs import need

SEED = 20261123
FILES = 3000
SERVERS = 2
"""Per version: the servers work, this process only waits."""

PASSWORDS = [
    b"secret",
    b"",
    b"a",
    b"p\xc3\xa4ss",
    b"x" * 72,
    b"x" * 80,
    b"with\0nul",
    b"$ab!c#d",
    b"tail\n",
    b"two words",
]
PREFIXES = [b"2a", b"2b", b"2y", b"2x", b"2", b"2c", b"2z", b"1a", b"3a", b"2$", b"0", b"2\0", b"$2y", b"2Y", b"\xff"]
SPACES = [b" ", b"\t", b"\r", b"\v", b"\f", b"\0", b"\xa0"]
SPACES += [c.encode() for c in "\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000\ufeff\u200b"]
COSTS = [b"04", b"05", b"06", b"4", b"03", b"32", b"00", b"+4", b"-4", b" 4", b"4$", b"0x", b"99"]
NAMES = [b"anna", b"Anna", b"b", b"user.name@host", b"m\xc3\xbcller", b"m\xfcller", b"", b"a b", b"#hash", b'"q"']
ROWS = [b"", b"# comment", b"   ", b"\t#x:y", b":", b"a:b:c"]
WORDS = [b"no colon", b"x", b"\0", b"\xef\xbb\xbf", b"  word  ", b"-"]
FOREIGN = [
    b"$apr1$abcdefgh$0123456789abcdefghijkl",
    b"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    b"$6$saltsalt$" + b"a" * 86,
    b"$5$saltsalt$" + b"a" * 43,
    b"$1$saltsalt$" + b"a" * 22,
    b"$argon2id$v=19$m=65536,t=3,p=4$" + b"a" * 60,
    b"secret",
    b"",
    b"rqXexS6ZhobKA",
]


def _pool() -> list[tuple[bytes, bytes]]:
    """Passwords with sound hashes of low cost."""
    salts = [bytes([46 + i]) * 21 + b"." for i in range(len(PASSWORDS))]
    return [(p, bcrypt.hashpw(p[:72], b"$2b$%02d$%s" % (4 + i % 3, salts[i]))) for i, p in enumerate(PASSWORDS)]


POOL = _pool()


def value(rnd: random.Random, sound: bytes) -> bytes:
    """The value of a line: a hash, sound or spoilt in one of many ways."""
    minor, cost, rest = sound[1:3], sound[4:6], sound[7:]
    cut = rnd.randrange(60)
    return rnd.choice(
        [
            sound,
            b"$%s$%s$%s" % (rnd.choice(PREFIXES), cost, rest),
            b"$%s$%s$%s" % (rnd.choice(PREFIXES), cost, rest),
            b"$%s$%s$%s" % (minor, rnd.choice(COSTS), rest),
            b"$%s%s%s%s%s" % (minor, rnd.choice([b"$", b"?", b""]), cost, rnd.choice([b"$", b"!", b""]), rest),
            sound[:cut],
            sound[:59],
            sound[:cut] + sound[cut + 1 :],
            sound[:cut] + bytes([rnd.randrange(256)]) + sound[cut + 1 :],
            sound[:cut] + rnd.choice([b"\r", b"=", b"+", b"\0", b"\xff"]) * rnd.randrange(1, 5) + sound[cut:],
            sound[:28] + rnd.choice([b"u", b"v", b"z", b".", b"/", b"9"]) + sound[29:],
            sound[:59] + rnd.choice([b"u", b"v", b"z", b".", b"/", b"9"]),
            sound + rnd.choice([b":comment", b" ", b"\0", b"$", b"bob:" + sound, b"x" * 70, b"\\n", b"\xff"]),
            rnd.choice(SPACES) + sound,
            sound + rnd.choice(SPACES),
            b'"' + sound + b'"',
            sound.replace(b"$", b"$$"),
            rnd.choice(FOREIGN),
        ]
    )


def file(rnd: random.Random) -> tuple[bytes, bytes, bytes]:
    """A file with the login that is tried on it."""
    password, sound = rnd.choice(POOL)
    name = rnd.choice(NAMES)
    rows = [name + b":" + (value(rnd, sound) if rnd.random() < 0.75 else sound)]
    for _ in range(rnd.randrange(4)):
        other = rnd.choice([name, *NAMES])
        rows.append(rnd.choice(ROWS) if rnd.random() < 0.4 else other + b":" + value(rnd, rnd.choice(POOL)[1]))
    if rnd.random() < 0.08:
        rows.append(rnd.choice(WORDS))
    if rnd.random() < 0.03:
        rows.append(b"long:" + b"x" * rnd.choice([65529, 65530, 65531, 65532, 70000, 65000]))
    rnd.shuffle(rows)
    rows = [rnd.choice(SPACES) + row if rnd.random() < 0.06 else row for row in rows]
    rows = [row + rnd.choice(SPACES) if rnd.random() < 0.06 else row for row in rows]
    end = rnd.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b""])
    data = end.join(rows) + rnd.choice([b"", end, b"\n"])
    data = rnd.choice([b""] * 15 + [b"\xef\xbb\xbf"]) + data
    if rnd.random() < 0.04:
        data = data.decode("latin-1").encode(rnd.choice(["utf-16", "utf-16-be", "utf-16-le"]))
    user = name if rnd.random() < 0.85 else rnd.choice(NAMES)
    tried = (
        password
        if rnd.random() < 0.75
        else rnd.choice([password + b"\n", password[:-1], password + b"\0", b"x" * 73, b"wrong"])
    )
    return data, user, tried


@contextmanager
def registry(program: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """A real registry on a free port of loopback, with an htpasswd file that may be rewritten."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    htpasswd = folder / "htpasswd"
    htpasswd.write_bytes(b"x:y\n")
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{inmemory: {{}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nauth: {{htpasswd: {{realm: r, path: '{htpasswd}'}}}}\n"
    )
    process = subprocess.Popen(
        [program, "serve", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"OTEL_TRACES_EXPORTER": "none", "PATH": os.environ["PATH"]},
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, htpasswd
    finally:
        process.terminate()
        process.wait(10)


def ask(connection: http.client.HTTPConnection, user: bytes, password: bytes) -> int:
    pair = base64.b64encode(user + b":" + password).decode()
    connection.request("GET", "/v2/", headers={"Authorization": f"Basic {pair}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


@pytest.mark.parametrize("version", ["registry2", "registry3"])
def test_every_status_is_foretold(version: str, tmp_path: Path) -> None:
    program = need(version)
    rnd = random.Random(SEED)
    cases = [file(rnd) for _ in range(FILES)]
    wrong: list[str] = []
    statuses: dict[int, int] = {}

    def work(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        with registry(program, folder) as (port, htpasswd):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            for index in range(number, len(cases), SERVERS):
                data, user, password = cases[index]
                htpasswd.write_bytes(data)
                os.utime(htpasswd, ns=(0, (1_600_000_000 + index) * 10**9))
                status = ask(connection, user, password)
                foretold = registry_answer(data, user, password)
                statuses[status] = statuses.get(status, 0) + 1
                if status != foretold.status:
                    wrong.append(f"case {index}: {status}, foretold {foretold}: {data[:200]!r} {user!r} {password!r}")
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(SERVERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, "\n".join(wrong[:20])
    assert sum(statuses.values()) == FILES
    assert all(statuses.get(status, 0) > FILES / 25 for status in (200, 400, 401)), statuses


@pytest.mark.parametrize("version", ["registry2", "registry3"])
def test_a_file_that_goes_bad_is_refused_once_and_then_the_old_one_counts(version: str, tmp_path: Path) -> None:
    """Why old users work and new ones do not after a bad edit, with a single 400 in the log."""
    password, sound = POOL[0]
    with registry(need(version), tmp_path) as (port, htpasswd):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        htpasswd.write_bytes(b"anna:" + sound)
        os.utime(htpasswd, (1, 1))
        assert ask(connection, b"anna", password) == 200
        htpasswd.write_bytes(b"anna:" + sound + b"\nnocolon\nnew:" + sound)
        os.utime(htpasswd, (2, 2))
        assert [ask(connection, b"anna", password) for _ in range(3)] == [400, 200, 200]
        assert ask(connection, b"new", password) == 401
        connection.close()
