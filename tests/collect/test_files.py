"""Files become evidence, and what cannot be read becomes a problem that is told."""

import json
import os
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect import harvest as harvesting
from runbook.model import Evidence
from runbook.parse import ParseError
from runbook.redact import Vault

HASH = "$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm"
NGINX = "server {\n  listen 80;\n  location /v2/ {\n    proxy_pass http://registry:5000;\n    proxy_set_header Authorization 'Basic YW5uYTpnZWhlaW1uaXM=';\n  }\n}\n"


def collected(folder: Path, **files: str) -> Evidence:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return collect(Request(paths=(str(folder),)), Vault())


def problems(evidence: Evidence) -> str:
    return "\n".join(f"{p.place}: {p.message}" for p in evidence.problems)


def test_editable_files_keep_their_lines_with_secrets_masked(tmp_path: Path) -> None:
    source = collected(tmp_path, nginx__conf=NGINX).files[0]
    assert (source.path, source.kind, source.masked) == ("nginx.conf", "nginx", (5,))
    assert source.lines[3] == "    proxy_pass http://registry:5000;"
    assert "YW5u" not in source.lines[4]
    assert len(source.lines) == 7


def test_a_carriage_return_stays_in_the_line(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_bytes(NGINX.replace("\n", "\r\n").encode())
    source = collected(tmp_path).files[0]
    assert source.lines[0] == "server {\r"
    assert source.masked == (5,)


def test_a_parse_error_becomes_a_problem_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(to: object, name: str, text: str) -> None:
        raise ParseError(name, 7, "a bracket is not closed")

    monkeypatch.setitem(harvesting.PARSERS, "nginx", broken)
    evidence = collected(tmp_path, nginx__conf=NGINX)
    assert problems(evidence) == "nginx.conf:7: a bracket is not closed"
    assert not evidence.problems[0].fatal, "it was looked at, so there is a verdict"


def test_a_parser_that_breaks_does_not_hide_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNBOOK_DEBUG", raising=False)

    def broken(to: object, name: str, text: str) -> None:
        raise KeyError("geheimnis")

    monkeypatch.setitem(harvesting.PARSERS, "nginx", broken)
    evidence = collected(tmp_path, nginx__conf=NGINX, htpasswd=f"anna:{HASH}\n")
    assert "runbook broke over this file (KeyError)" in problems(evidence)
    assert evidence.htpasswd
    assert not any(p.fatal for p in evidence.problems)
    assert "geheimnis" not in problems(evidence)


def test_large_files_are_left_out(tmp_path: Path) -> None:
    with (tmp_path / "x.har").open("wb") as stream:
        stream.write(b'{"log": {"entries": [' + b" " * 70_000)
        stream.truncate(1 << 30)
    with (tmp_path / "compose.yaml").open("wb") as stream:
        stream.write(b"services:\n" + b"#" * 70_000)
        stream.truncate(1 << 30)
    evidence = collected(tmp_path)
    assert problems(evidence).count("1024 MB; only logs are read at that size") == 2


def test_binary_and_packed_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (tmp_path / "registry.log.gz").write_bytes(b"\x1f\x8b\x08\0" + os.urandom(50))
    text = problems(collected(tmp_path))
    assert "photo.png: This file is binary" in text
    assert "registry.log.gz: This archive is damaged" in text
    assert all(p.fatal for p in collected(tmp_path).problems), "nothing at all could be read"


def test_private_keys_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("-----BEGIN PRIVATE KEY-----\nMIIgeheim\n")
    evidence = collected(tmp_path)
    assert [f.kind for f in evidence.files] == ["unknown"]
    assert not evidence.problems
    assert "MII" not in repr(evidence)


def test_an_htpasswd_file_is_read_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_bytes(f"anna:{HASH}\r\n".encode("utf-16"))
    evidence = collected(tmp_path)
    assert evidence.htpasswd[0].encoding == "utf-16-le"


def test_a_file_that_vanishes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone.txt").write_text("x")
    real = Path.open

    def vanishing(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "gone.txt":
            raise FileNotFoundError(2, "No such file")
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", vanishing)
    assert "gone.txt has vanished" in problems(collected(tmp_path))


def test_a_docker_config_of_any_name(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    config = tmp_path / "whatever.txt"
    config.write_text(json.dumps({"auths": {"r:5000": {"auth": "YW5uYTpnZWhlaW1uaXM="}}}))
    evidence = collect(Request(paths=(str(bundle),), docker_config=str(config)), Vault())
    assert evidence.clients[0].logins[0].user == "anna"
    assert "geheimnis" not in repr(evidence)


def test_a_secret_learnt_late_is_taken_out_of_what_was_read_early(tmp_path: Path) -> None:
    evidence = collected(
        tmp_path,
        nginx__conf="server {\n  # anna has Mausefalle77 here\n  listen 80;\n}\n",
        zz__txt="$ curl -v -u anna:Mausefalle77 http://localhost:5000/v2/\n> GET /v2/ HTTP/1.1\n"
        "> Host: localhost:5000\n> Authorization: Basic YW5uYTpNYXVzZWZhbGxlNzc=\n>\n< HTTP/1.1 401 Unauthorized\n<\n",
    )
    assert "Mausefalle77" not in repr(evidence)
