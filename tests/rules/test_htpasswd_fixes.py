"""The commands that the rules about htpasswd print are run as printed: the login works then, and the checks tell."""

import os
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from runbook.model import Finding
from runbook.parse.htpasswd import registry_answer
from tests.case_files import Case, all_cases, judge
from tests.real.programs import need

CAUSES = (
    "bcrypt-cost-too-high", "htpasswd-duplicate-user", "htpasswd-empty", "htpasswd-hash-truncated", "htpasswd-invalid-line",
    "htpasswd-merged-lines", "htpasswd-missing-autocreated", "htpasswd-not-bcrypt", "htpasswd-user-missing",
    "htpasswd-username-corrupted", "htpasswd-wrong-password", "over-escaped-dollar",
)  # fmt: skip
FILES = ("auth/htpasswd", "htpasswd", "users.htpasswd")
CASES = [c for c in all_cases() if c.cause in CAUSES and not c.is_near_miss and any(f in c.files for f in FILES)]
NEW = "a new password: $1 #2"


def _found(case: Case, folder: Path) -> Finding:
    run = judge(case, folder)
    return next(f for f in (*run.diagnosis.causes, *run.diagnosis.warnings) if f.cause == case.cause)


def _shell(command: str, folder: Path, tools: Path) -> str:
    path = f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env={"PATH": path}, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def _tools(folder: Path) -> Path:
    """htpasswd with the password typed in, and a docker that does nothing."""
    folder.mkdir()
    (folder / "htpasswd").write_text(f"#!/bin/sh\nprintf '%s' '{NEW}' | {need('htpasswd')} -i \"$@\"\n")
    (folder / "docker").write_text("#!/bin/sh\n")
    for file in folder.iterdir():
        file.chmod(0o755)
    return folder


HASH = "$2y$04$xUCMtlzlzIBTgsSZheHmu.8TfW1/bjk7yAX9hZ0mF9BUFA2QKiL.."  # of Neues-99
APR1 = "$apr1$0Ux4l0bu$XGgSwhrZ0fdeFF3cyyZ440"
ODD = {
    "zero-width": ("htpasswd-username-corrupted", f"lotte:{HASH}\nka\u200brl:{HASH}\n"),
    "echo-option": ("htpasswd-username-corrupted", f"-n karl:{HASH}\n"),
    "quotes": ("htpasswd-username-corrupted", f"lotte:{HASH}\n'karl':{HASH}\n"),
    "bom-later": ("htpasswd-username-corrupted", f"lotte:{HASH}\n\ufeffkarl:{HASH}\n"),
    "three-in-a-line": ("htpasswd-merged-lines", f"# a\nlotte:{HASH}ida:{HASH}karl:{HASH}"),
    "apr1-before": ("htpasswd-merged-lines", f"lotte:{APR1}karl:{HASH}"),
    "too-long": ("htpasswd-invalid-line", f"karl:{HASH}\nx:{'y' * 70000}\n"),
    "two-stray-words": ("htpasswd-invalid-line", f"# users\nkarl:{HASH}\n\nlotte\n  \n# end\nida"),
    "blank-for-colon": ("htpasswd-invalid-line", f"lotte:{HASH}\nkarl  {HASH} \n"),
    "encoded": ("htpasswd-invalid-line", b64encode(f"# users\nkarl:{HASH}\n".encode()).decode() + "\n"),
    "no-final-newline": ("htpasswd-user-missing", f"lotte:{HASH}"),
    "comment-only": ("htpasswd-empty", "# users"),
}


def _odd(cause: str, text: str) -> Case:
    args = ("--user", "karl", "--password-env", "CASE_PASSWORD")
    return Case(Path(cause) / "bad.yaml", "", args, {"CASE_PASSWORD": "Neues-99"}, {"htpasswd": text}, {}, {})


@pytest.mark.parametrize(
    "case",
    [*CASES, *(_odd(*value) for value in ODD.values())],
    ids=[*(f"{c.cause}/{c.path.stem}" for c in CASES), *ODD],
)
def test_the_commands_mend_it_and_the_checks_tell(case: Case, tmp_path: Path) -> None:
    tools, folder = _tools(tmp_path / "tools"), tmp_path / "stack"
    folder.mkdir()
    found = _found(case, folder)
    fix = found.fix
    user = case.option("--user") or (found.about.user if found.about else "") or "karl"
    variable = case.option("--password-env")
    given = case.env[variable] if variable else "not known"
    file = next(folder / f for f in FILES if f in case.files)
    kept = file.stat().st_ino
    checks = [str(c) for c in fix.verify if str(c).startswith(("sed", "cut"))]
    before = [_shell(c, folder, tools) for c in checks]
    for _ in range(2):  # pasting them twice breaks nothing
        for command in fix.command_lines:
            _shell(command, folder, tools)
    after = [_shell(c, folder, tools) for c in checks]
    answers = {registry_answer(file.read_bytes(), user.encode(), p.encode()).why for p in (given, NEW)}
    wanted = "accepted" if given != "not known" or "htpasswd -B" in " ".join(fix.command_lines) else "mismatch"
    assert wanted in answers
    assert "file-refused" not in answers
    for old, new in zip(before, after, strict=True):
        assert new.strip()
        assert new != old, "the check tells broken from mended"
        assert "$2y$0" not in new, "no hash is printed"
    in_place = not any(c.startswith("sed -i") for c in fix.command_lines)
    assert not in_place or file.stat().st_ino == kept
    assert all(c.expect for c in fix.verify if not isinstance(c, str))


def test_a_file_that_is_mounted_alone_needs_the_container_again(tmp_path: Path) -> None:
    case = next(c for c in CASES if c.path.stem == "bad-bom")
    compose = case.files["docker-compose.yml"]
    assert "./auth:/auth" in compose
    alone = compose.replace("./auth:/auth", "./auth/htpasswd:/auth/htpasswd")
    changed = Case(case.path, case.about, case.args, case.env, {**case.files, "docker-compose.yml": alone}, {}, {})
    (tmp_path / "folder").mkdir()
    (tmp_path / "alone").mkdir()
    again = "docker compose up -d --force-recreate hub"
    assert again not in _found(case, tmp_path / "folder").fix.command_lines
    assert _found(changed, tmp_path / "alone").fix.command_lines[-1] == again


def test_a_path_that_names_the_folder_gets_the_name_of_the_file(tmp_path: Path) -> None:
    case = next(c for c in all_cases() if c.path.stem == "bad-said-path-is-folder")
    patch = _found(case, tmp_path).fix.patch
    assert patch
    subprocess.run([need("patch"), "-p1"], cwd=tmp_path, input=patch, text=True, capture_output=True, check=True)
    compose = (tmp_path / "docker-compose.yml").read_text()
    assert "REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n" in compose
    files = {"docker-compose.yml": compose, "auth/htpasswd": case.files["auth/htpasswd"]}
    (tmp_path / "after").mkdir()
    again = judge(Case(case.path, "", case.args, case.env, files, {}, {}), tmp_path / "after")
    assert again.diagnosis.causes == ()


def test_the_file_that_the_registry_made_is_replaced_by_the_users_own(tmp_path: Path) -> None:
    case = next(c for c in CASES if c.cause == "htpasswd-missing-autocreated")
    own = {**case.files, "users.htpasswd": f"karl:{HASH}\n"}
    found = _found(Case(case.path, "", case.args, case.env, own, {}, {}), tmp_path)
    assert found.fix.command_lines[0] == "cp users.htpasswd ./auth/htpasswd"


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_no_command_names_a_pasted_text(case: Case, tmp_path: Path) -> None:
    """What stands in a ticket or a terminal's text is no file of the stack."""
    run = judge(case, tmp_path)
    pasted = {f.path for f in run.evidence.files if f.kind in ("text", "log")}
    for finding in (*run.diagnosis.causes, *run.diagnosis.warnings):
        words = [w.text for c in (*finding.fix.commands, *finding.fix.verify) for w in c.words]
        assert not pasted & set(words), words


def test_no_command_takes_the_last_entry(tmp_path: Path) -> None:
    text = "# users\nkarl and lotte\nstray\n"
    found = _found(_odd("htpasswd-invalid-line", text), tmp_path)
    (edited,) = found.fix.command_lines
    assert subprocess.run(["sh", "-c", edited], cwd=tmp_path, capture_output=True, check=False).returncode
    assert (tmp_path / "htpasswd").read_text() == text
    assert [file.name for file in tmp_path.iterdir()] == ["htpasswd"]  # no copy of a secret is left beside it


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: hub}
spec:
  containers:
    - name: hub
      image: registry:2.8.3
      env: [{name: REGISTRY_AUTH, value: htpasswd}, {name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/htpasswd}]
      volumeMounts: [{name: auth, mountPath: /auth}]
  volumes: [{name: auth, secret: {secretName: users}}]
"""
QUADLET = """\
[Container]
Image=docker.io/library/registry:2.8.3
Environment=REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_PATH=/run/secrets/htpasswd
"""
COMPOSE = """\
services:
  hub:
    image: registry:2.8.3
    environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_PATH: /run/secrets/users}
    secrets: [users]
secrets: {users: {file: ./htpasswd}}
"""


def _of(tmp_path: Path, **files: str) -> Finding:
    named = {name.replace("_", "."): text for name, text in files.items()}
    return _found(Case(Path("htpasswd-not-bcrypt") / "bad.yaml", "", (), {}, named, {}, {}), tmp_path)


def test_what_is_made_of_the_file_is_made_again(tmp_path: Path) -> None:
    users = f"karl:{APR1}\n"
    row = "resources: [pod.yaml]\nsecretGenerator: [{name: users, %s}]\n"
    made = _of(tmp_path / "1", pod_yaml=POD, kustomization_yaml=row % "files: [htpasswd]", htpasswd=users).fix
    assert made.command_lines == ("htpasswd -B htpasswd karl", "kubectl apply -k .")
    literal = f"literals: ['htpasswd=karl:{APR1}']"
    written = _of(tmp_path / "2", pod_yaml=POD, kustomization_yaml=row % literal).fix
    assert "in place of that user's line" in written.applies
    assert "kubectl apply -k ." in written.applies
    copied = _of(tmp_path / "3", hub_container=QUADLET + "Secret=htpasswd\n", htpasswd=users).fix
    assert copied.command_lines[:2] == (
        "htpasswd -B htpasswd karl",
        "podman secret create --replace htpasswd htpasswd",
    )
    assert "systemctl --user restart hub.service" in copied.command_lines
    mounted = _of(tmp_path / "4", hub_container=QUADLET + "Volume=./htpasswd:/run/secrets/htpasswd\n", htpasswd=users)
    assert mounted.fix.command_lines == ("htpasswd -B htpasswd karl",)
    swarm = COMPOSE.replace("    secrets:", "    deploy: {mode: global}\n    secrets:")
    assert "new name" in _of(tmp_path / "5", stack_yml=swarm, htpasswd=users).fix.applies
    of_compose = _of(tmp_path / "6", docker_compose_yml=COMPOSE, htpasswd=users).fix
    assert of_compose.applies.startswith("The registry reads the file again")


def test_a_user_is_added_to_the_values_of_a_chart(tmp_path: Path) -> None:
    values = f"persistence: {{enabled: true}}\nsecrets:\n  htpasswd: |\n    lotte:{HASH}\n"
    args = ("--user", "karl", "--password-env", "CASE_PASSWORD")
    env = {"CASE_PASSWORD": "Neues-99"}
    case = Case(Path("htpasswd-user-missing") / "bad.yaml", "", args, env, {"values.yaml": values}, {}, {})
    fix = _found(case, tmp_path).fix
    assert fix.command_lines == ("htpasswd -nB karl",)
    assert fix.applies.startswith(
        "Add the line that it prints to secrets.htpasswd in values.yaml; the other lines stay"
    )
