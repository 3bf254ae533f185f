"""Folders made to hurt: a file of every kind, damaged in every way; and folders that are odd by themselves."""

import gzip
import io
import json
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.case_files import all_cases

_NAMES = ("docker-compose.yml", ".env", "config.yml", "htpasswd", "nginx.conf", "traefik.yml", "Caddyfile", "haproxy.cfg", "httpd.conf", "config.json", "daemon.json",
          "registry.log", "curl.txt", "site.har", "inspect.json", "ticket.md", "deploy.yaml", "hosts.toml", "shell.txt", "mail.eml", ".gitlab-ci.yml")  # fmt: skip


def samples() -> dict[str, bytes]:
    """A sound file of every kind, from the cases; of what they have none, a page of the nearest kind."""
    found: dict[str, bytes] = {}
    for case in all_cases():
        for path, text in case.files.items():
            found.setdefault(path.rpartition("/")[2], text.encode())
    bundle = found["docker-compose.yml"]
    found.setdefault(
        "mail.eml",
        b"From: a@b.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain\n\n" + found["curl.txt"],
    )
    return {name: found.get(name, bundle) for name in _NAMES}


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) * 2 // 3],
    "utf-16": lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    "utf-32": lambda data: data.decode("utf-8", "replace").encode("utf-32"),
    "nul": lambda data: data.replace(b"\n", b"\n\0"),
    "no-utf-8": lambda data: data.replace(b"e", b"\xff\xfe"),
    "escapes": lambda data: data.replace(b" ", b" \x1b[31m\x07\xe2\x80\xae"),
    "one-line": lambda data: data.replace(b"\n", b" ") * 40,
    "many-times": lambda data: data * 200,
    "backwards": lambda data: b"\n".join(reversed(data.split(b"\n"))),
    "brackets": lambda data: data + b"\n" + b"{[(<" * 20_000,
    "numbers": lambda data: data.replace(b"0", b"9" * 5000),
    "old-mac": lambda data: data.replace(b"\n", b"\r"),
}


def folders() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """(name, what lays it out)."""
    for name, data in samples().items():
        for damage, make in DAMAGES.items():
            yield f"{name} {damage}", _writes({name: make(data)})
    yield from _odd()


def _writes(files: dict[str, bytes]) -> Callable[[Path], None]:
    def lay_out(folder: Path) -> None:
        for name, data in files.items():
            path = os.fsencode(folder) + b"/" + os.fsencode(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    return lay_out


def _zip(rows: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in rows.items():
            archive.writestr(name, data)
    return made.getvalue()


def _tar(*members: tuple[str, bytes, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            archive.addfile(info)
    return made.getvalue()


def _odd() -> Iterator[tuple[str, Callable[[Path], None]]]:
    sound = samples()
    compose = sound["docker-compose.yml"]
    for name in ("-rf", "--help", "a\nb", "x;touch PWNED", "$(touch PWNED).yml", "a" * 250, " ", "...", "\u202ecod.exe", "NUL", "c:\\x.yml", os.fsdecode(b"\xff\xfe.conf"), "a\x1b[2J.log", "ä\u0301.yml", "compose.yml\n::error::x"):  # fmt: skip
        yield f"name {name[:20]!r}", _writes({name: compose})
    for name, value in {
        "object": b"services: !!python/object/apply:os.system ['touch PWNED']\n", "tags": b"services: !x {registry: !!binary aGk=, a: !!set {b}}\n",
        "types": b"services:\n  registry: 7\n  ui: [1]\n  x: null\n  1: {}\n  2.5: {image: [1], ports: {a: b}, environment: 3, volumes: 1, labels: x}\n",
        "keys": b"services: {[a]: b, {c: d}: e, ? : f}\n", "dates": b"services: {registry: {image: 2026-01-01, ports: [22:22, 1e9, .inf, 0x10, 0o7]}}\n",
        "documents": b"---\n" * 5000, "tabs": b"services:\n\tregistry:\n\t\timage: x\n", "anchors": b"services: {registry: *nothing}\n", "twice": b"services: {}\nservices: {registry: {image: registry:2}}\n",
    }.items():  # fmt: skip
        yield f"yaml {name}", _writes({"docker-compose.yml": value})
    for name, data in {
        "slip.zip": _zip({"../../PWNED": b"x", "/etc/PWNED": b"x", "a/../../../PWNED": compose, "C:\\PWNED": b"x"}), "bomb.zip": _zip({f"{n}.log": b"\0" * 3_000_000 for n in range(60)}),
        "many.zip": _zip({f"{n}.yml": b"a: b" for n in range(8000)}), "matryoshka.zip": _zip({"a.zip": _zip({"b.zip": _zip({"c.zip": _zip({"d.yml": compose})})})}), "not.zip": b"PK\x03\x04" + b"x" * 500,
        "cut.zip": _zip({"docker-compose.yml": compose})[:-30], "links.tar.gz": _tar(("a", tarfile.SYMTYPE, "/etc/passwd"), ("b", tarfile.LNKTYPE, "../../etc/shadow"), ("c", tarfile.CHRTYPE, ""), ("d", tarfile.FIFOTYPE, "")),
        "bomb.gz": gzip.compress(b"\0" * (200 << 20)), "bomb.log.gz": gzip.compress(gzip.compress(b"\0" * (100 << 20))), "cut.gz": gzip.compress(sound["registry.log"])[:-20], "x.7z": b"7z\xbc\xaf\x27\x1c" + b"x" * 100,
        "boundaries.eml": b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3000, "headers.eml": b"From: a\n" + b"X: y\n z\n" * 50_000, "charset.eml": b"Content-Type: text/plain; charset=x-none\nContent-Transfer-Encoding: base64\n\n!!!!",
        "quoted.eml": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n=3" * 50_000, "deep.html": b"<div>" * 100_000, "script.html": b"<script>" + compose, "entities.html": b"<pre>" + b"&amp;lt;" * 100_000, "quotes.md": b">" * 100_000 + b"\n> x",
        "fences.md": b"````" * 50_000, "cast.cast": b'{"version": 2}\n' + b'[1e999, "o", "\\u001b[9999999C"]\n' * 200, "recording.txt": b"\x1b[999999999;999999999Hx" * 1000, "backspaces.txt": b"x" + b"\b" * 100_000,
        "evidence.json": json.dumps({"schema": 1, "tool": "runbook", "evidence": dict.fromkeys(("files", "htpasswd", "exchanges", "logs", "compose", "messages"), 7)}).encode(),
        "evidence-2.json": b'{"schema": 1, "tool": "runbook", "evidence": {"files": [' + b'{"path": "../../x", "kind": "nginx", "lines": ["a"]},' * 500 + b'{"path": "\\u0000"}]}}', "big-numbers.json": b'{"auths": {"r": {"auth": ' + b"1" * 100_000 + b"}}}",
        "table.csv": b'"' * 99_999 + b"\n", "null.json": b"null", "log.json": b'{"log": null, "time": {"a": 1}, "message": [1]}\n' * 2000,
    }.items():  # fmt: skip
        yield f"file {name}", _writes({name: data, "docker-compose.yml": compose})
    for name, lay_out in {
        "socket": _socket, "pipe": lambda folder: os.mkfifo(folder / "curl.txt"), "deep": lambda folder: os.makedirs(folder / "/".join(["d"] * 300)), "many": _many, "link-loop": _loop,
        "link-to-itself": lambda folder: (folder / "nginx.conf").symlink_to("nginx.conf"), "link-to-nothing": lambda folder: (folder / "nginx.conf").symlink_to("gone"), "link-to-the-folder": lambda folder: (folder / "auth").symlink_to("."),
        "link-to-the-root": lambda folder: (folder / "auth").symlink_to("/"), "link-to-a-device": lambda folder: (folder / "htpasswd").symlink_to("/dev/zero"), "folder-named-htpasswd": lambda folder: (folder / "htpasswd").mkdir(),
        "folder-named-nginx": lambda folder: (folder / "nginx.conf").mkdir(), "no-permission": _closed, "only-empty-files": _empty,
    }.items():  # fmt: skip
        yield f"beside {name}", _beside(lay_out, compose)
    yield "nothing", lambda folder: None


def _beside(lay_out: Callable[[Path], None], compose: bytes) -> Callable[[Path], None]:
    """The odd thing, and a sound file that must be read all the same."""

    def write(folder: Path) -> None:
        (folder / "docker-compose.yml").write_bytes(compose)
        lay_out(folder)

    return write


def _loop(folder: Path) -> None:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")


def _many(folder: Path) -> None:
    for number in range(3000):
        (folder / f"d{number}").mkdir()


def _empty(folder: Path) -> None:
    for name in _NAMES:
        (folder / name).touch()


def _closed(folder: Path) -> None:
    (folder / "config.yml").write_text("version: 0.1")
    (folder / "config.yml").chmod(0)


def _socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("registry.log")
    finally:
        os.chdir(here)
