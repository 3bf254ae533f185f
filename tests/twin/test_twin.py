"""The twin: the symptom is there before the edits and gone after them, and nothing of the user's is touched."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import FAULTS, Lab, native
from runbook.model import Edit, Entry, Htpasswd
from runbook.parse.htpasswd.registry import Refusal, load, registry_accepts
from runbook.redact import Vault
from runbook.report import render_html, render_markdown, render_terminal
from runbook.twin import prove
from runbook.twin.credentials import drawn
from runbook.twin.rebuild import PASSWORD, CannotRebuildError, rebuild
from tests.case_files import all_cases
from tests.case_files import judge as judge_case
from tests.lab.test_faults import judge

NO_FILE = {
    "base64-trailing-newline", "bcrypt-cost-too-high", "compose-dollar-interpolation", "credential-helper-broken",
    "credentials-under-other-host", "env-value-not-yaml", "over-escaped-dollar", "registry-unreachable",
    "stale-stored-credentials",
}  # fmt: skip
"""Their fix is no change of a file that the twin has, or a command on a line that no diff quotes."""
NOT_BUILT = {"access-denied-by-rule", "user-agent-filter"}
"""The lab's proxy has no such condition: the twin says so."""
NO_CAUSE = {"add-header-without-always", "storage-outside-volume"}
"""Warnings, which are not run."""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "usable", lambda *_: False)


def broken(cause: str) -> tuple[Run, float]:
    with Lab(cause, backend="embedded", seed=11) as lab:
        run = judge(lab)
    start = time.perf_counter()
    return prove(run), time.perf_counter() - start


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize("cause", sorted(set(FAULTS) - NO_CAUSE))
def test_every_fault_of_the_lab(cause: str) -> None:
    run, _ = broken(cause)
    first = run.diagnosis.causes[0]
    proof = first.fix.proof
    assert first.cause == cause
    if cause in NO_FILE:
        assert proof.kind != "run"
        assert "no change of a file" in proof.twin
    elif cause in NOT_BUILT:
        assert proof.kind != "run"
        assert proof.gaps
    else:
        assert proof.kind == "run", proof
        assert proof.backend == "embedded"
        assert proof.before
        assert any(r.before != r.after for r in proof.rows)
    assert PASSWORD not in render_terminal(run)


@pytest.mark.usefixtures("embedded")
def test_it_is_quick() -> None:
    assert min(broken("authorization-stripped")[1] for _ in range(3)) < 1.0


@pytest.mark.usefixtures("embedded")
def test_all_views_show_it_side_by_side() -> None:
    run, _ = broken("authorization-stripped")
    for text in (render_terminal(run), render_markdown(run), render_html(run)):
        assert "Run in a copy of the stack" in text
        assert "with the login, through the proxy" in text
        assert "after" in text


@pytest.mark.usefixtures("embedded")
def test_edits_that_do_not_mend_are_told(tmp_path: Path) -> None:
    with Lab("authorization-stripped", backend="embedded", seed=11) as lab:
        run = judge(lab)
    first = run.diagnosis.causes[0]
    useless = Edit(file="docker-compose.yml", line=1, old="services:", new="services: # as it was")
    wrong = replace(run.diagnosis, causes=(replace(first, edits=(useless,)),))
    proof = prove(replace(run, diagnosis=wrong)).diagnosis.causes[0].fix.proof
    assert proof.kind != "run"
    assert "not mended" in proof.twin


@pytest.mark.usefixtures("embedded")
def test_what_a_whole_copy_does_not_show_is_weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab("authorization-stripped", backend="embedded", seed=11) as lab:
        run = judge(lab)
    first = run.diagnosis.causes[0]
    monkeypatch.setattr("runbook.twin.rebuild._value", lambda *_: "$http_authorization")
    after = prove(run).diagnosis.causes[0]
    assert "does not show it" in after.fix.proof.twin
    assert after.certainty < first.certainty
    assert after.confidence < first.confidence


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy", "apache"])
def test_real_programs(proxy: str) -> None:
    if not native.usable(None, proxy):
        pytest.skip(f"{proxy} or a registry is not installed")
    with Lab("authorization-stripped", backend="native", seed=11, proxy=proxy) as lab:  # type: ignore[arg-type]
        run = judge(lab)
    proof = prove(run).diagnosis.causes[0].fix.proof
    assert (proof.kind, proof.backend) == ("run", "native"), proof


# ---- the user's files ------------------------------------------------------------------------------------------

DIGEST = "$2y$05$1GxYeLT.dAtAXIXFYzgV5.jeZescf440wFFNOzakE5s6nOBrTIC4e"
COMPOSE = """\
services:
  registry:
    image: registry:2
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_HTTP_SECRET: sv7Xq2nP9aLw4Tz8
    volumes: ["./auth:/auth:ro"]
  ui:
    image: joxit/docker-registry-ui:2.6.0
    ports: ["8080:80"]
    environment:
      NGINX_PROXY_PASS_URL: http://localhost:5000
"""


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "auth" / "htpasswd").write_text(f"maat:{DIGEST}\n")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "runbook", "diagnose", str(tmp_path), "--prove", "--format", "json"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    first = json.loads(done.stdout)["causes"][0]
    assert (done.returncode, first["cause"]) == (3, "upstream-is-localhost"), done.stderr
    assert first["fix"]["proof"]["kind"] == "run"
    assert {r["after"] for r in first["fix"]["proof"]["requests"]} <= {"200", "202", "401"}
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()}
    assert DIGEST not in done.stdout + done.stderr


@pytest.mark.usefixtures("embedded")
def test_what_the_next_obstacle_keeps_is_told_and_both_are_proven_together(tmp_path: Path) -> None:
    """The first fix alone changes no answer; that is no failure of it."""
    (tmp_path / "auth").mkdir()
    (tmp_path / "docker-compose.yml").write_text(COMPOSE.partition("  ui:")[0])
    (tmp_path / "auth" / "htpasswd").write_text("maat:$apr1$abcdefgh$" + "a" * 22 + "\n")
    (tmp_path / "edge.conf").write_text(
        "server {\n  listen 8080;\n  client_max_body_size 0;\n  location /v2/ {\n    proxy_pass http://registry:5000;\n"
        '    proxy_set_header Host $http_host;\n    proxy_set_header Authorization "";\n  }\n}\n'
    )
    (tmp_path / "curl.txt").write_text(
        "$ curl -i -u maat http://hub.example:8080/v2/\nHTTP/1.1 401 Unauthorized\nServer: nginx\n"
        'Docker-Distribution-Api-Version: registry/2.0\nWww-Authenticate: Basic realm="Depot"\n\n'
    )
    run = prove(diagnose(collect(Request(paths=(str(tmp_path),)), Vault())))
    first, second = run.diagnosis.causes[:2]
    assert (first.cause, second.cause) == ("authorization-stripped", "htpasswd-not-bcrypt")
    assert "next obstacle, htpasswd-not-bcrypt, is still there" in first.fix.proof.twin
    assert first.fix.verify[-1].expect == "200 (not before the next obstacle is fixed, too: htpasswd-not-bcrypt)"
    assert second.fix.proof.kind == "run"
    assert second.fix.verify[-1].expect == "200"


def test_no_secret_of_the_user_is_in_the_copy(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    (tmp_path / "auth" / "htpasswd").write_text(f"maat:{DIGEST}\n")
    plan = rebuild(collect(Request(paths=(str(tmp_path),)), Vault())).plan
    assert DIGEST.encode() not in b"".join(plan.files.values())
    assert "sv7Xq2nP9aLw4Tz8" not in str(plan.environment)
    assert plan.files["auth/htpasswd"].startswith(b"maat:$2y$")


def test_every_case_is_rebuilt_or_says_why_not(tmp_path: Path) -> None:
    """No case ends in anything but a description or a sentence."""
    built, reasons = 0, []
    for number, case in enumerate(all_cases()):
        try:
            rebuild(judge_case(case, tmp_path / str(number)).evidence)
            built += 1
        except CannotRebuildError as why:
            reasons.append(str(why))
    assert all(reasons)
    assert built > 100


@pytest.mark.parametrize(
    ("file", "accepted"),
    [
        (Htpasswd(file="f", entries=(Entry(line=1, name="ida", scheme="bcrypt", usable=True),)), True),
        (Htpasswd(file="f", entries=(Entry(line=1, name="ida", scheme="apr1"),)), False),
        (Htpasswd(file="f", entries=(Entry(line=1, name="ida", scheme="bcrypt", length=59),)), False),
        (Htpasswd(file="f", entries=(Entry(line=1, name="bo", scheme="bcrypt", merged=("ida",)),)), False),
        (Htpasswd(file="f", entries=(Entry(line=1, name="\ufeffida", scheme="bcrypt", usable=True),), encoding="utf-8-bom"), False),
    ],
    ids=["sound", "apr1", "cut", "merged", "mark"],
)  # fmt: skip
def test_a_drawn_file_has_the_same_defect(file: Htpasswd, accepted: bool) -> None:
    table = load(drawn(file, {"ida": PASSWORD, "\ufeffida": PASSWORD}, {}))
    assert not isinstance(table, Refusal)
    assert (b"ida" in table and registry_accepts(table[b"ida"], PASSWORD.encode())) == accepted


def test_a_healthy_stack_has_nothing_to_prove(tmp_path: Path) -> None:
    with Lab(backend="embedded", seed=11) as lab:
        run = diagnose(collect(Request(paths=(str(lab.bundle),)), Vault()))
    assert prove(run).diagnosis == run.diagnosis
