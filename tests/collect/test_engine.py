"""A running stack read through a command: what is asked, what becomes of it, what never leaves. The command is a script
that answers as the real ones were recorded; tests/real has the engine itself."""

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from runbook.cli import main
from runbook.collect import Request, UsageError, collect
from runbook.collect.engine import Engine, gather, published
from runbook.collect.request import Running
from runbook.judge import diagnose
from runbook.redact import Vault

SECRET = "Sesam-oeffne-dich-9"
SCRIPT = """#!/usr/bin/env python3
import pathlib, sys
words = sys.argv[1:]
with open("{home}/asked", "a") as asked:
    asked.write(" ".join(words) + chr(10))
name = "_".join(w for w in words if not w.startswith("-")).replace("/", "-").replace(":", "-")
for path in sorted(pathlib.Path("{home}").glob("*.out"), key=lambda p: -len(p.stem)):
    if name.startswith(path.stem):
        sys.stdout.buffer.write(path.read_bytes())
        sys.exit(0)
print("Error: no such thing: " + name, file=sys.stderr)
sys.exit(1)
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose *.out files are what `docker` and `kubectl` print, by the beginning of their words."""
    home = tmp_path / "engine"
    home.mkdir()
    for name in ("docker", "kubectl"):
        (home / name).write_text(SCRIPT.format(home=home))
        (home / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    (home / "context_inspect.out").write_text("unix:///var/run/docker.sock\n")
    return home


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def container(name: str, image: str, **more: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.project": "hub", "com.docker.compose.service": name}
    config = {"Image": image, "Env": more.get("env", []), "Cmd": more.get("cmd", []), "Labels": labels}
    ports = {f"{inner}/tcp": [{"HostIp": "", "HostPort": str(outer)}] for inner, outer in more.get("ports", {}).items()}
    return {
        "Id": f"id-{name}",
        "Name": f"/hub-{name}-1",
        "Config": config,
        "HostConfig": {"PortBindings": ports},
        "State": {"Status": "exited", "StartedAt": "2026-11-20T08:00:00.5Z"},
        "Mounts": more.get("mounts", []),
        "NetworkSettings": {"Networks": {"hub_default": {"Aliases": [name]}}},
    }


def packed(name: str, data: bytes, mode: int = 0o644) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


REGISTRY = container(
    "registry",
    "registry:3",
    env=["REGISTRY_AUTH=htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM=R", "REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd",
         f"REGISTRY_HTTP_SECRET={SECRET}"],
    ports={5000: 5000},
    mounts=[{"Type": "volume", "Name": "auth", "Source": "/x", "Destination": "/auth", "RW": True}],
)  # fmt: skip


def stack(command: Path, *rows: dict[str, Any]) -> None:
    (command / "ps.out").write_text("\n".join(row["Id"] for row in rows))
    (command / "inspect.out").write_text(json.dumps(rows))


def test_a_stack_becomes_evidence(command: Path) -> None:
    stack(command, REGISTRY)
    (command / "logs.out").write_text('time="2026-11-20T08:00:01Z" level=info msg="listening on [::]:5000"\n')
    (command / "cp_id-registry--auth-htpasswd.out").write_bytes(packed("htpasswd", b"kai:{SHA}abcdef\n", 0o600))
    evidence = collect(Request(running=Running()), Vault())
    assert [s.name for s in evidence.compose.services] == ["registry"] if evidence.compose else False
    assert [h.file for h in evidence.htpasswd] == ["registry/auth/htpasswd"]
    assert any(f.path == "/auth/htpasswd" and f.mode == "-rw-------" for f in evidence.listings)
    assert diagnose(evidence).diagnosis.causes[0].cause == "htpasswd-not-bcrypt"


def test_only_reading_commands_are_used(command: Path) -> None:
    stack(command, REGISTRY)
    gather(Running(), (), lambda _: None)
    asked = (command / "asked").read_text().splitlines()
    assert {line.split()[0] for line in asked} <= {"ps", "inspect", "logs", "cp", "context", "exec"}
    assert all(line.endswith(" -") for line in asked if line.startswith("cp "))
    assert any("--since 2026-11-20T08:00:00.5Z" in line for line in asked if line.startswith("logs"))


def test_a_file_that_is_not_there_is_told(command: Path) -> None:
    stack(command, REGISTRY)
    evidence = collect(Request(running=Running()), Vault())
    assert any(f.path == "/auth/htpasswd" and f.kind == "missing" for f in evidence.listings)


def test_what_the_process_has_is_compared_with_the_disk(command: Path, tmp_path: Path) -> None:
    disk = tmp_path / "stack" / "auth" / "htpasswd"
    disk.parent.mkdir(parents=True)
    disk.write_text(f"kai:{hashed(SECRET)}\n")
    mount = {"Type": "bind", "Source": str(disk), "Destination": "/auth/htpasswd", "RW": True}
    row = {**REGISTRY, "Mounts": [mount], "State": {"Status": "running"}}
    stack(command, row)
    (command / "cp_id-registry--auth-htpasswd.out").write_bytes(packed("htpasswd", disk.read_bytes()))
    (command / "exec_id-registry_cat.out").write_text("kai:$2y$05$old\n")
    found = gather(Running(), (), lambda _: None)
    assert [m.kind for m in found.messages] == ["checksum", "checksum"]
    (command / "exec_id-registry_cat.out").write_bytes(disk.read_bytes())
    assert not gather(Running(), (), lambda _: None).messages


def test_the_folder_holds_no_secret_and_is_diagnosed(
    command: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack(command, REGISTRY)
    line = f"kai:{hashed(SECRET)}\n"
    (command / "cp_id-registry--auth-htpasswd.out").write_bytes(packed("htpasswd", line.encode()))
    folder = tmp_path / "out"
    assert main(["collect", "--output", str(folder)]) == 0
    written = "".join(f.read_text() for f in folder.iterdir()) + capsys.readouterr().out
    assert SECRET not in written
    assert line.split(":")[1].strip()[7:] not in written
    assert "inspect of hub-registry-1" in (folder / "collected.txt").read_text()
    assert main(["diagnose", str(folder), "--format", "json"]) in (0, 4, 5)
    assert json.loads(capsys.readouterr().out)["verdict"] in ("healthy", "inconclusive")


def test_of_several_stacks_the_one_that_is_asked_for(command: Path) -> None:
    other = container("registry", "registry:2", ports={5000: 6000})
    other["Id"], other["Config"]["Labels"] = "id-other", {"com.docker.compose.project": "other"}
    stack(command, REGISTRY, other, container("db", "postgres:16"))
    engine = Engine("docker", lambda _: None)
    assert [r["Id"] for r in engine.chosen(Running(), [6000])] == ["id-other"]
    assert [r["Id"] for r in engine.chosen(Running(), [])] == ["id-registry", "id-other"]
    assert published(REGISTRY) == {5000}


def test_an_engine_that_does_not_answer_is_a_sentence(
    command: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", "--output", str(tmp_path / "out")]) == 2
    assert "docker ps: Error: no such thing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    (tmp_path / "htpasswd").write_text("kai:plain\n")
    evidence = collect(Request(paths=(str(tmp_path / "htpasswd"),), running=Running()), Vault())
    assert any("docker ps" in p.message for p in evidence.problems)
    with pytest.raises(UsageError, match="docker ps"):
        collect(Request(running=Running()), Vault())


# ---- kubectl ----------------------------------------------------------------------------------------------

WORKLOAD = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "registry",
        "namespace": "hub",
        "managedFields": [{"x": SECRET}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET},
    },
    "spec": {
        "selector": {"matchLabels": {"app": "registry"}},
        "template": {
            "metadata": {"labels": {"app": "registry"}},
            "spec": {
                "containers": [
                    {
                        "name": "registry",
                        "image": "registry:3",
                        "env": [
                            {"name": "REGISTRY_AUTH", "value": "htpasswd"},
                            {"name": "REGISTRY_AUTH_HTPASSWD_REALM", "value": "R"},
                            {"name": "REGISTRY_AUTH_HTPASSWD_PATH", "value": "/auth/htpasswd"},
                        ],
                        "volumeMounts": [{"name": "auth", "mountPath": "/auth"}],
                    }
                ],
                "volumes": [{"name": "auth", "secret": {"secretName": "registry-auth"}}],
            },
        },
    },
}


def test_a_cluster_becomes_evidence(command: Path) -> None:
    """Only what the registry's workload names is fetched: of a namespace's Secrets no other."""
    (command / "get_deployments.out").write_text(json.dumps({"items": [WORKLOAD]}))
    data = {"htpasswd": base64.b64encode(b"kai:{SHA}abcdef\n").decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "registry-auth"}, "data": data}
    (command / "get_secret_registry-auth.out").write_text(json.dumps(secret))
    (command / "get_services.out").write_text(json.dumps({"items": []}))
    evidence = collect(Request(running=Running(tool="kubectl")), Vault())
    assert [s.platform for s in evidence.compose.services] == ["kubernetes"] if evidence.compose else False
    assert diagnose(evidence).diagnosis.causes[0].cause == "htpasswd-not-bcrypt"
    asked = (command / "asked").read_text()
    assert "get secret registry-auth" in asked
    assert "get secrets" not in asked
    assert SECRET not in repr(evidence)
