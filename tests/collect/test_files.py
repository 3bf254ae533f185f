"""Files become evidence, and what cannot be read becomes a problem that is told."""

import json
import os
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect import harvest as harvesting
from runbook.judge import diagnose
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
    assert problems(evidence) == "server.key: Keys and certificates are not opened."
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


# ---- what is handed over in containers ---------------------------------------------------------------------

ENDINGS = "container tf pod kube j2 hcl ini service socket properties xml rb groovy sh ps1 weird".split()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_not_understood_is_listed_whatever_its_ending(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"thing.{ending}").write_text("[Unit]\nDescription=something\n")
    evidence = collected(tmp_path)
    assert [f.path for f in evidence.files] == [f"thing.{ending}"]
    known = evidence.files[0].kind in ("quadlet", "settings-text")
    assert known or "It is not clear what this file is" in problems(evidence)
    assert not any(p.fatal for p in evidence.problems), "it was looked at"


def test_one_unclear_part_beside_a_note_does_not_end_the_run(tmp_path: Path) -> None:
    evidence = collected(tmp_path, a__yml="a: 1\n", note__txt="The login fails since today.\n", b__yml="x: [\n")
    assert "a.yml: It is not clear" in problems(evidence)
    assert not any(p.fatal for p in evidence.problems)


def test_parts_of_containers_that_have_the_same_name_are_told_apart(tmp_path: Path) -> None:
    import io
    import zipfile

    for name, image in (("monday.zip", "registry:2"), ("friday.zip", "registry:3")):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("docker-compose.yml", f"services:\n  r:\n    image: {image}\n")
        (tmp_path / name).write_bytes(stream.getvalue())
    evidence = collected(tmp_path)
    parts = {f.shown: f.path for f in evidence.files if f.kind == "compose"}
    assert parts == {
        "friday.zip § docker-compose.yml": "docker-compose.yml",
        "monday.zip § docker-compose.yml": "monday.zip/docker-compose.yml",
    }


def test_a_broken_part_of_a_container_is_a_problem_of_that_part(tmp_path: Path) -> None:
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("reg/docker-compose.yml", "services:\n  r: [\n")
        archive.writestr("reg/htpasswd", f"anna:{HASH}\n")
        archive.writestr("reg/photo.png", b"\x89PNG\r\n\x1a\n\0\0\0")
    (tmp_path / "x.zip").write_bytes(stream.getvalue())
    evidence = collected(tmp_path)
    assert evidence.htpasswd[0].file == "reg/htpasswd"
    assert "x.zip § reg/docker-compose.yml:3: " in problems(evidence)
    assert "x.zip § reg/photo.png: This file is binary" in problems(evidence)


def test_secrets_of_a_mail_are_nowhere(tmp_path: Path) -> None:
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"], mail["To"] = "a@x.example", "b@x.example"
    mail.set_content(
        "Hello, PASSWORD=Holunder-Strauch-77 "
        + "long " * 30
        + "\n\n$ docker login -u ci -p Holunder-Strauch-77 r:5000\n"
        "Error response from daemon: Get x: unauthorized: Holunder-Strauch-77\n",
        cte="quoted-printable",
    )
    mail.add_attachment(f"ci:{HASH}\n", filename="auth/htpasswd")
    (tmp_path / "thread.eml").write_bytes(mail.as_bytes())
    evidence = collected(tmp_path)
    assert evidence.messages[0].place.shown == "thread.eml § text.txt"
    assert "Holunder" not in repr(evidence)
    assert HASH not in repr(evidence)


def test_examples_are_nobodys_stack_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "nginx.conf").write_text(NGINX)
    (tmp_path / "docs" / "README.md").write_text(
        "# Kit\n\n`docker-compose.yml`:\n\n```yaml\nservices:\n  r:\n    image: registry:1\n```\n"
    )
    evidence = collected(tmp_path, nginx__conf=NGINX.replace("registry:5000", "hub:5000"))
    assert evidence.compose is None
    assert {r.place.file for r in evidence.routes} == {"nginx.conf"}
    voices = {f.path: f.voice for f in evidence.files}
    assert voices == {
        "nginx.conf": "program", "docs/nginx.conf": "document", "docs/README.md": "document", "docs/docker-compose.yml": "document",
    }  # fmt: skip


def test_a_long_text_is_read_from_its_beginning(tmp_path: Path) -> None:
    text = "$ docker push r:5000/a\nError response from daemon: denied\n\n" + "bla bla blub\n" * 800_000
    evidence = collected(tmp_path, mail__txt=text)
    assert "longer than 4 MB" in problems(evidence)
    assert evidence.messages


@pytest.mark.parametrize("ending", "txt md log xyz doc pdf png rtf toml ini cfg bak swp sql pem key crt db exe tf hcl j2 ps1 sh py js svg html eml csv xml json yml conf har zip diff cast".split())  # fmt: skip
def test_what_was_not_understood_is_listed_whatever_its_ending(ending: str, tmp_path: Path) -> None:
    (tmp_path / f"some.{ending}").write_text("lorem ipsum dolor sit amet\n")
    evidence = collected(tmp_path, compose__yml="services: {registry: {image: 'registry:2'}}\n")
    diagnosis = diagnose(evidence).diagnosis
    assert [gap for gap in diagnosis.not_read if gap.startswith(f"some.{ending}")]
    assert len(set(diagnosis.not_tested)) == len(diagnosis.not_tested)


def test_a_text_that_says_nothing_takes_nothing_from_the_verdict(tmp_path: Path) -> None:
    stack = "services: {registry: {image: 'registry:2', environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: x, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}, volumes: ['./htpasswd:/auth/htpasswd', './data:/var/lib/registry']}}\n"
    entry = "anna:$2y$05$m69BmdoYLMmsd4sqoQMTv.6kd81oMWvXNvMbMiepaFQ4rn1X5rQjO\n"
    alone = diagnose(collected(tmp_path, compose__yml=stack, htpasswd=entry)).diagnosis
    beside = diagnose(
        collected(tmp_path, compose__yml=stack, htpasswd=entry, please__txt="Please help us.\n")
    ).diagnosis
    assert alone.verdict == beside.verdict == "healthy"
    assert beside.not_read == ("please.txt: Nothing in it was recognised.",)
